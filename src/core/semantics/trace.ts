/** A verdict with the way to it: every rule looked at, and why it did not match. */
import type { EffectivePolicy } from '../model/effective-policy.ts'
import type { MatchField } from '../model/match-fields.ts'
import type { Direction } from '../model/rule.ts'
import type { Packet } from '../net/packet.ts'
import { evaluate, type Verdict } from './evaluate.ts'

export interface TraceStep {
  readonly rule: string
  readonly position: number
  readonly policy: string
  readonly matched: boolean
  /** The first field that did not match; absent when the rule matched. */
  readonly mismatch?: MatchField | 'disabled'
}

export interface Trace extends Verdict {
  /** In the order they were looked at; empty when state, essentials or an unfiltered direction decided. */
  readonly path: readonly TraceStep[]
}

/** The same decision as `evaluate`, by construction. */
export function trace(policy: EffectivePolicy, direction: Direction, packet: Packet): Trace {
  const path: TraceStep[] = []
  const verdict = evaluate(policy, direction, packet, ({ id: rule, position }, policy, mismatch) => {
    path.push(
      mismatch === null
        ? { rule, position, policy, matched: true }
        : { rule, position, policy, matched: false, mismatch },
    )
  })
  return { ...verdict, path }
}
