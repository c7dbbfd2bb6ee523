/** The evaluator: what an effective policy does to a packet. It is the specification; targets are tested against it. */
import type { Decider } from '../model/decider.ts'
import type { DirectionPolicy, EffectivePolicy } from '../model/effective-policy.ts'
import type { MatchField } from '../model/match-fields.ts'
import type { Action, Direction, Rule } from '../model/rule.ts'
import type { ConnectionState, Packet } from '../net/packet.ts'
import { isTrackable } from '../net/protocol.ts'
import { holds, mismatch } from './match.ts'
import { forgeryOf } from './origin.ts'

export type DecidedBy =
  | (Extract<Decider, { kind: 'rule' }> & { readonly position: number })
  /** Origin: the packet does not come from where it says. */
  | Extract<Decider, { kind: 'default' | 'essential' | 'origin' }>
  | { readonly kind: 'state'; readonly state: ConnectionState }
  /** The direction is not filtered. */
  | { readonly kind: 'off' }

export interface Verdict {
  readonly action: Action
  readonly decidedBy: DecidedBy
}

/** Told of every rule looked at; `reason` is null for the one that matched. */
export type Observer = (rule: Rule, policy: string, reason: MatchField | 'disabled' | null) => void

/** Judges one packet in one direction, in the order of docs/semantics.md §5. */
export function evaluate(
  policy: EffectivePolicy,
  direction: Direction,
  packet: Packet,
  observe?: Observer,
): Verdict {
  const check = direction === 'egress' && policy.origin ? forgeryOf(policy.origin, packet) : null
  if (check) return { action: 'deny', decidedBy: { kind: 'origin', check } }
  const part = policy[direction]
  if (!part.filtered) return { action: 'allow', decidedBy: { kind: 'off' } }
  for (const essential of policy.essentials) {
    if (essential[direction].some((match) => holds(match, packet))) {
      return { action: 'allow', decidedBy: { kind: 'essential', name: essential.name } }
    }
  }
  const state = isTrackable(packet.family, packet.protocol) ? packet.state : 'invalid'
  if (policy.stateful && state !== 'new') {
    return { action: state === 'invalid' ? 'deny' : 'allow', decidedBy: { kind: 'state', state } }
  }
  return firstMatch(part, packet, observe)
}

function firstMatch(part: DirectionPolicy & { filtered: true }, packet: Packet, observe?: Observer): Verdict {
  for (const list of part.lists) {
    for (const rule of list.rules) {
      const reason = ruleMismatch(rule, packet)
      observe?.(rule, list.policy, reason)
      if (reason === null) {
        const decidedBy = {
          kind: 'rule',
          rule: rule.id,
          position: rule.position,
          policy: list.policy,
        } as const
        return { action: rule.action, decidedBy }
      }
    }
  }
  return { action: part.default, decidedBy: { kind: 'default' } }
}

/** Why none of the rule's matches holds: the reason of the last one; a rule without matches is as if disabled. */
function ruleMismatch(rule: Rule, packet: Packet): MatchField | 'disabled' | null {
  let reason: MatchField | 'disabled' = 'disabled'
  if (!rule.enabled) return reason
  for (const match of rule.matches) {
    const field = mismatch(match, packet)
    if (field === null) return null
    reason = field
  }
  return reason
}
