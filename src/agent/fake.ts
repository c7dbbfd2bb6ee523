/** A dataplane for tests: enforces in memory, fails when told to, and can be interfered with. */
import type { Desired } from '../core/model/desired.ts'
import type { Dataplane } from './dataplane.ts'

export interface FakeDataplane extends Dataplane {
  /** What is enforced. */
  readonly enforced: () => Desired | undefined
  /** Applications that were tried. */
  readonly attempts: () => number
  /** From now on applying rejects with this; undefined ends it. */
  fail(error: Error | undefined): void
  /** Applications wait until the promise resolves. */
  hold(until: Promise<void>): void
  /** Somebody else deletes everything. */
  flush(): void
}

export function createFake(): FakeDataplane {
  const listeners = new Set<() => void>()
  let enforced: Desired | undefined
  let known = false
  let attempts = 0
  let failure: Error | undefined
  let held: Promise<void> = Promise.resolve()
  return {
    async apply(desired) {
      attempts++
      await held
      if (failure) throw failure
      const repaired = known && enforced === undefined
      const changed = enforced?.revision !== desired.revision
      enforced = desired
      known = true
      return { changed, repaired }
    },
    onForeignChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {},
    enforced: () => enforced,
    attempts: () => attempts,
    fail(error) {
      failure = error
    },
    hold(until) {
      held = until
    },
    flush() {
      enforced = undefined
      for (const listener of listeners) listener()
    },
  }
}
