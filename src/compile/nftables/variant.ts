/** What chains and verdicts look like: by what they are for, and by what the kernel can do where they stand. */
import type { Action, Direction, Match } from '../../core/model/rule.ts'
import type { BridgeKernel } from './bridge.ts'
import { lowerMatch } from './lower-match.ts'
import { denialChain, type Purpose, passChain, rejectionChain, unansweredChain } from './names.ts'
import type { NftRule, NftVerdict } from './ruleset.ts'

export interface Variant {
  readonly purpose: Purpose
  /** Null where packets are routed. */
  readonly kernel: BridgeKernel | null
}

export const goto = (chain: string): NftVerdict => ({ kind: 'goto', chain })
export const drop: NftVerdict = { kind: 'drop' }
/** Goes on without being judged here. */
export const pass: NftVerdict = { kind: 'accept' }

/**
 * What an action is at a hook. On an observed device everything passes, and what would not have is counted. Where it is
 * only found out whether to reject, all else is left to where it is judged.
 */
export function verdictsOf(direction: Direction, { purpose, kernel }: Variant): Record<Action, NftVerdict> {
  if (purpose === 'answer') return { allow: pass, deny: pass, reject: goto(rejectionChain) }
  const allow = goto(passChain(direction))
  if (purpose === 'observe') {
    const denied = goto(denialChain(direction))
    return { allow, deny: denied, reject: denied }
  }
  // A bridge can tell a sender only where the packet comes in.
  const told = kernel === null || (kernel.rejects && direction === 'egress')
  return { allow, deny: drop, reject: goto(told ? rejectionChain : unansweredChain(direction)) }
}

export const directions = ['ingress', 'egress'] as const satisfies readonly Direction[]
export const perDirection = <T>(make: (direction: Direction) => T): Readonly<Record<Direction, T>> => ({
  ingress: make('ingress'),
  egress: make('egress'),
})
export const both = <T>({ ingress, egress }: Readonly<Record<Direction, T>>): T[] => [ingress, egress]

export function rulesFor(match: Match, verdict: NftVerdict): NftRule[] {
  return lowerMatch(match).map((matches) => ({ matches, verdict }))
}
