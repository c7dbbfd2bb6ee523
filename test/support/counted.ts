/** What a ruleset should count for a verdict, whichever way it counts. */
import type { Counting } from '../../src/compile/nftables/counting.ts'
import { numberOf } from '../../src/core/model/decider-number.ts'
import type { CommonPolicy, DirectionPolicy } from '../../src/core/model/effective-policy.ts'
import { deciderOf } from '../../src/core/semantics/decider-of.ts'
import type { Verdict } from '../../src/core/semantics/evaluate.ts'
import type { FrameVerdict } from '../../src/core/semantics/evaluate-frame.ts'

/** All ways to count that a ruleset can be made for. */
export const countings = [
  { by: 'rules', samples: 10 },
  { by: 'lists', samples: 10 },
  { by: 'rules', samples: 0 },
] as const satisfies readonly Counting[]

/** As surroundings have it. */
export const surroundedBy = ({ by, samples }: Counting) => ({ counts: by, samples })

/** Whether a number says what the evaluator says decided; null: nothing is counted. */
export function isCountedFor(
  counted: number | null,
  verdict: Verdict | FrameVerdict,
  { by }: Counting,
): boolean {
  const decider = deciderOf(verdict)
  if (!decider || counted === null) return !decider && counted === null
  const allowedByList = by === 'lists' && verdict.action === 'allow' && decider.kind === 'rule'
  return (
    counted === numberOf(decider) ||
    (allowedByList && counted === numberOf({ kind: 'list', policy: decider.policy }))
  )
}

/** The same policy, with some rules and defaults of which is told what they let pass. */
export function tellingOf<P extends CommonPolicy>(policy: P): P {
  const part = (each: DirectionPolicy): DirectionPolicy =>
    each.filtered
      ? {
          ...each,
          lists: each.lists.map((list) => ({
            ...list,
            rules: list.rules.map((rule) => (rule.position % 3 === 0 ? { ...rule, log: 'notice' } : rule)),
          })),
          ...(each.lists.length % 2 === 0 && { log: 'info' }),
        }
      : each
  return { ...policy, ingress: part(policy.ingress), egress: part(policy.egress) }
}
