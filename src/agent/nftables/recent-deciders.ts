/** Deciders that have gone a moment ago: packets that they decided about may be counted and not read yet. */

import { type Decider, deciderText } from '../../core/model/decider.ts'
import { numberOf } from '../../core/model/decider-number.ts'
import type { CommonPolicy, RuleList } from '../../core/model/effective-policy.ts'
import type { Direction } from '../../core/model/rule.ts'

export interface RecentDeciders {
  /** What decided under the one policy and does not under the other is remembered for a while. */
  replaced(before: CommonPolicy, after: CommonPolicy): void
  /** As `deciderText` writes it; null: several had the number. Undefined: none that is remembered. */
  get(number: number): string | null | undefined
}

const directions: readonly Direction[] = ['ingress', 'egress']
const none: readonly RuleList[] = []

/** `now` is in milliseconds, from whatever beginning; `forMs` is how long they are remembered. */
export function createRecentDeciders(now: () => number, forMs: number): RecentDeciders {
  const known = new Map<number, { readonly by: string | null; readonly until: number }>()
  /** What went between two lists: one list is part of very many policies. */
  const between = new WeakMap<RuleList, { readonly next: RuleList | undefined; readonly went: Decider[] }>()

  function forget(): void {
    const time = now()
    // The oldest come first.
    for (const [number, { until }] of known) {
      if (until > time) return
      known.delete(number)
    }
  }
  function remember(by: Decider): void {
    const [number, text] = [numberOf(by), deciderText(by)]
    const before = known.get(number)
    known.delete(number)
    known.set(number, { by: before && before.by !== text ? null : text, until: now() + forMs })
  }
  function wentBetween(list: RuleList, next: RuleList | undefined): Decider[] {
    const found = between.get(list)
    if (found && found.next === next) return found.went
    const { policy } = list
    const stay = new Set(next?.rules.map(({ id }) => id))
    const went = list.rules.flatMap(({ id }): Decider[] =>
      stay.has(id) ? [] : [{ kind: 'rule', policy, rule: id }],
    )
    if (!next) went.push({ kind: 'list', policy })
    between.set(list, { next, went })
    return went
  }

  return {
    replaced(before, after) {
      if (before === after) return
      forget()
      for (const direction of directions) {
        const [was, is] = [before[direction], after[direction]]
        if (!was.filtered) continue
        if (!is.filtered) remember({ kind: 'default' })
        const lists = is.filtered ? is.lists : none
        for (const list of was.lists) {
          if (lists.includes(list)) continue
          const next = lists.find(({ policy, part }) => policy === list.policy && part === list.part)
          for (const by of wentBetween(list, next)) remember(by)
        }
      }
    },
    get(number) {
      forget()
      return known.get(number)?.by
    },
  }
}
