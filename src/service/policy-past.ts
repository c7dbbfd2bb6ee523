/** What a policy was right after a revision: what it is now, led back step by step. */
import { setImmediate } from 'node:timers/promises'
import { err, ok, type Result } from '../core/result.ts'
import type { PastPolicy, PolicyStep, RuleRecord, Storage } from '../storage/storage.ts'

export interface PastStates {
  /** In the order that was asked for; null: it was not there. */
  readonly states: readonly (PastPolicy | null)[]
  /** Revision of the store that it was led back from. */
  readonly from: number
}

/** Steps that are read at once: others are answered in between. */
const page = 200

/**
 * The policy of an account after each of these revisions, the newest first. A policy of the same id that was another
 * account's is as if it had not been there. Fails where history does not reach back so far.
 */
export async function policyAt(
  storage: Storage,
  account: string,
  id: string,
  revisions: readonly number[],
): Promise<Result<PastStates, 'unknown'>> {
  const { revision: from, policy } = await storage.policyNow(id)
  const oldest = Math.min(...revisions)
  let state = policy && reversible(policy)
  const states: (PastPolicy | null)[] = []
  /** Keeps what is asked for of revisions that steps of `revision` and earlier ones do not lead to any more. */
  const keep = (revision: number) => {
    for (let next = revisions[states.length]; next !== undefined && next >= revision; ) {
      const there = state && state.made <= next && state.account === account ? state : null
      states.push(there && { ...there, rules: there.rules.map(numbered) })
      next = revisions[states.length]
    }
  }
  let before: Pick<PolicyStep, 'revision' | 'part'> = { revision: from + 1, part: 0 }
  for (;;) {
    const steps = await storage.policySteps({ policy: id, after: oldest, before, limit: page })
    for (const each of steps) {
      keep(each.revision)
      if ('gone' in each.step) state = reversible(each.step.gone)
      else if (state) stepBack(state, each.step)
    }
    const last = steps.at(-1)
    if (!last || steps.length < page) break
    before = last
    await setImmediate()
  }
  keep(0)
  return oldest < (await storage.policiesSince()) ? err('unknown') : ok({ states, from })
}

/** A rule is where it is in the list. */
interface Reversible extends Omit<PastPolicy, 'settings' | 'rules'> {
  settings: PastPolicy['settings']
  readonly rules: Omit<RuleRecord, 'position'>[]
}

const reversible = (policy: PastPolicy): Reversible => ({ ...policy, rules: [...policy.rules] })
const numbered = (rule: Omit<RuleRecord, 'position'>, index: number): RuleRecord => ({
  ...rule,
  position: index + 1,
})

function stepBack(state: Reversible, step: Exclude<PolicyStep['step'], { readonly gone: unknown }>): void {
  if ('settings' in step) state.settings = step.settings
  else {
    for (const [first, count] of step.take.toReversed()) state.rules.splice(first - 1, count)
    for (const [position, rule] of step.put) state.rules.splice(position - 1, 0, rule)
  }
}
