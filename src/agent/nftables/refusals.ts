/** Interfaces whose rules the kernel refuses: found among all others, kept closed, and tried again at growing intervals. */
import { createLowering, type Surroundings } from '../../compile/nftables/lower.ts'
import type { Desired, DesiredInterface } from '../../core/model/desired.ts'
import type { CommonPolicy } from '../../core/model/effective-policy.ts'
import { findRefused } from '../refused.ts'
import { RefusedError } from './kernel.ts'
import type { Transitions } from './transitions.ts'

export interface Refusals {
  /** What is to be closed, by id, with why in words for its owner; what is due for another attempt is left out. */
  now(desired: Desired): ReadonlyMap<string, string>
  /** Finds the interfaces without which the kernel takes the rest. Rejects with `error` when it is not about any of them. */
  find(desired: Desired, surroundings: Surroundings, error: unknown): Promise<void>
  /** What is not refused any more is forgotten: it has just been accepted. */
  accepted(): void
  /** What the kernel said, for the operator; undefined where it refused nothing. */
  detail(id: string): string | undefined
  /** Milliseconds until another attempt is due; null: none is. */
  dueMs(): number | null
}

/** Between attempts, milliseconds: doubled from the first to the last. */
const retries = { first: 10_000, last: 600_000 } as const

interface Refusal {
  /** What was refused. */
  readonly policy: CommonPolicy | undefined
  readonly detail: string
  /** When it is worth another attempt (performance.now). */
  readonly until: number
  readonly pauseMs: number
}

export function createRefusals(transitions: Transitions): Refusals {
  const refusals = new Map<string, Refusal>()

  function note(desired: Desired, each: DesiredInterface, detail: string): void {
    const pauseMs = Math.min((refusals.get(each.id)?.pauseMs ?? retries.first / 2) * 2, retries.last)
    const until = performance.now() + pauseMs
    refusals.set(each.id, { policy: policyIn(desired, each.id), detail, until, pauseMs })
  }

  return {
    now(desired) {
      for (const [id, { policy }] of refusals) {
        if (!desired.interfaces.has(id) || policyIn(desired, id) !== policy) refusals.delete(id)
      }
      const now = performance.now()
      const closed = [...refusals].filter(([, { until }]) => until > now)
      return new Map(closed.map(([id]) => [id, 'the kernel refuses its rules']))
    },
    async find(desired, surroundings, error) {
      const why = new Map<DesiredInterface, string>()
      const all = [...desired.interfaces.values()]
      const accepts = async (subset: readonly DesiredInterface[]): Promise<boolean> => {
        const open = new Set(subset)
        const refused = new Map(all.filter((each) => !open.has(each)).map(({ id }) => [id, '']))
        // By itself: what stands is not touched by what is only tried.
        const lowering = createLowering()
        try {
          lowering.update(desired, null, { ...surroundings, refused })
          await transitions.check(lowering.tables)
          return true
        } catch (reason) {
          if (!(reason instanceof RefusedError)) throw reason
          for (const each of subset) why.set(each, reason.message)
          return false
        }
      }
      // With every interface closed nothing of theirs is left to be refused.
      if (!(await accepts([]))) throw error
      const found = await findRefused(all, accepts)
      if (found.length === 0) throw error
      for (const each of found) note(desired, each, why.get(each) ?? '')
    },
    accepted() {
      const now = performance.now()
      for (const [id, { until }] of refusals) if (until <= now) refusals.delete(id)
    },
    detail: (id) => refusals.get(id)?.detail,
    dueMs() {
      const now = performance.now()
      const pauses = [...refusals.values()].map(({ until }) => until - now)
      return pauses.length === 0 ? null : Math.min(...pauses)
    },
  }
}

function policyIn({ interfaces, policies }: Desired, id: string): CommonPolicy | undefined {
  const key = interfaces.get(id)?.policy
  return key === undefined || key === null ? undefined : policies.get(key)
}
