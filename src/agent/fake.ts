/** A dataplane for tests: enforces in memory, fails when told to, and can be interfered with. */
import type { Connections, Denials, Desired, PerDirection } from '../core/model/desired.ts'
import type { Dataplane, InterfaceReport } from './dataplane.ts'

export interface FakeDataplane extends Dataplane {
  /** What is enforced. */
  readonly enforced: () => Desired | undefined
  /** Applications that were tried. */
  readonly attempts: () => number
  /** From now on applying rejects with this; undefined ends it. */
  fail(error: Error | undefined): void
  /** From now on this is reported of the interface, whatever is applied; undefined ends it. */
  outcome(id: string, report: Omit<InterfaceReport, 'id'> | undefined, retryMs?: number): void
  /** From now on these are the tracked connections. */
  track(connections: ReadonlyMap<string, Connections>): void
  /** From now on these rejected packets were not answered. */
  leaveUnanswered(counts: ReadonlyMap<string, PerDirection>): void
  /** From now on these are the denials. */
  count(denials: ReadonlyMap<string, Denials>): void
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
  const outcomes = new Map<string, Omit<InterfaceReport, 'id'>>()
  let retry: number | null = null
  let connections: ReadonlyMap<string, Connections> = new Map()
  let counted: ReadonlyMap<string, Denials> = new Map()
  let unanswered: ReadonlyMap<string, PerDirection> = new Map()
  return {
    async apply(desired) {
      attempts++
      await held
      if (failure) throw failure
      const repaired = known && enforced === undefined
      const changed = enforced?.revision !== desired.revision
      enforced = desired
      known = true
      return {
        changed,
        repaired,
        interfaces: [...desired.interfaces.values()].map(({ id, observe }) => ({
          id,
          ...(outcomes.get(id) ?? { state: observe ? 'observing' : 'applied', error: null }),
        })),
        guarded: '',
        warnings: [],
        retryMs: retry,
      }
    },
    denials: async () => counted,
    connections: async () => connections,
    unanswered: async () => unanswered,
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
    outcome(id, report, retryMs) {
      if (report) outcomes.set(id, report)
      else outcomes.delete(id)
      retry = retryMs ?? null
    },
    track(tracked) {
      connections = tracked
    },
    leaveUnanswered(counts) {
      unanswered = counts
    },
    count(denials) {
      counted = denials
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
