/** Waits for what cannot be awaited: it is looked for again and again. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'

/** Resolves with what `look` finds, when it finds something; fails with `what` after 20 seconds. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = Date.now() + 20_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    assert.ok(Date.now() < deadline, what)
    await delay(10)
  }
}
