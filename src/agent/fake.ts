/** A dataplane for tests: enforces in memory, fails when told to, refuses a delta that forgets something, and can be interfered with. */
import { isDeepStrictEqual } from 'node:util'
import type { Decision } from '../core/model/decision.ts'
import type { Connections, Denials, Desired, DesiredDelta, PerDirection } from '../core/model/desired.ts'
import type { InterfaceHits } from '../core/model/hits.ts'
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
  /** Deciders have counted this: the next reading answers it. */
  hit(...hits: readonly InterfaceHits[]): void
  /** These were decided now. */
  decide(...decisions: readonly Omit<Decision, 'host'>[]): void
  /** Applications wait until the promise resolves. */
  hold(until: Promise<void>): void
  /** Somebody else deletes everything. */
  flush(): void
}

export function createFake(): FakeDataplane {
  const listeners = new Set<() => void>()
  let enforced: Desired | undefined
  /** What was applied last, whatever became of it. */
  let applied: Desired | undefined
  /** What was reported of each last. */
  const reported = new Map<string, InterfaceReport>()
  let attempts = 0
  let failure: Error | undefined
  let held: Promise<void> = Promise.resolve()
  const outcomes = new Map<string, Omit<InterfaceReport, 'id'>>()
  let retry: number | null = null
  let connections: ReadonlyMap<string, Connections> = new Map()
  let counted: ReadonlyMap<string, Denials> = new Map()
  let unanswered: ReadonlyMap<string, PerDirection> = new Map()
  let hits: readonly InterfaceHits[] = []
  const deciding = new Set<Parameters<Dataplane['onDecisions']>[0]>()
  return {
    async apply(desired, delta = null) {
      attempts++
      await held
      if (failure) throw failure
      if (delta) refuseForgotten(applied ?? nothing, desired, delta)
      const repaired = applied !== undefined && enforced === undefined
      const changed = enforced?.revision !== desired.revision
      const { revision, policies, interfaces } = desired
      // Its owner changes it in place.
      enforced = { revision, policies: new Map(policies), interfaces: new Map(interfaces) }
      applied = enforced
      const reports = [...interfaces.values()].map(({ id, policy, observe }) => {
        const outcome = outcomes.get(id) ?? { state: observe ? 'observing' : 'applied', error: null }
        const report: InterfaceReport = { id, ...outcome }
        const may = !delta || delta.interfaces.has(id) || delta.policies.has(policy ?? '')
        const differs = !isDeepStrictEqual(reported.get(id), report)
        reported.set(id, report)
        return may || differs ? [report] : []
      })
      return { changed, repaired, interfaces: reports.flat(), guarded: '', warnings: [], retryMs: retry }
    },
    denials: async () => counted,
    connections: async () => connections,
    unanswered: async () => unanswered,
    async hits() {
      const answer = hits
      hits = []
      return answer
    },
    onDecisions(listener) {
      deciding.add(listener)
      return () => void deciding.delete(listener)
    },
    onFlowsCut: () => () => {},
    onChange(listener) {
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
    hit(...more) {
      hits = [...hits, ...more]
    },
    decide(...decisions) {
      for (const listener of deciding) listener(decisions)
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

const nothing: Desired = { revision: 0, policies: new Map(), interfaces: new Map() }

/** Throws when something differs that the delta does not name. */
function refuseForgotten(before: Desired, now: Desired, delta: DesiredDelta): void {
  for (const kind of ['policies', 'interfaces'] as const) {
    for (const key of new Set([...before[kind].keys(), ...now[kind].keys()])) {
      if (delta[kind].has(key) || isDeepStrictEqual(before[kind].get(key), now[kind].get(key))) continue
      throw new Error(`the delta forgets ${key} of the ${kind}`)
    }
  }
}
