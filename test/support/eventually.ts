/** Waits for what cannot be awaited: it is looked for again and again. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'

/** Resolves with what `look` finds, when it finds something; fails with `what` after `patienceMs`: a safety net, no promise. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  patienceMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    assert.ok(Date.now() < deadline, what)
    await delay(10)
  }
}
