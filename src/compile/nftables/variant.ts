/** What chains and verdicts look like: by what they are for, and by what the kernel can do where they stand. */
import type { Direction, Match } from '../../core/model/rule.ts'
import type { BridgeKernel } from './bridge.ts'
import type { Counting } from './counting.ts'
import { lowerMatch } from './lower-match.ts'
import type { Purpose } from './names.ts'
import type { NftEnding, NftRule, NftVerdict } from './ruleset.ts'

export interface Variant {
  readonly purpose: Purpose
  /** Null where packets are routed. */
  readonly kernel: BridgeKernel | null
  readonly counting: Counting
}

export const goto = (chain: string): NftVerdict => ({ kind: 'goto', chain })
export const drop: NftVerdict = { kind: 'drop' }
/** Goes on without being judged here. */
export const pass: NftVerdict = { kind: 'accept' }

/** Whether the sender of a packet that is rejected can be told so: a bridge can do it only where the packet comes in. */
export const tellsSender = (direction: Direction, kernel: BridgeKernel | null): boolean =>
  kernel === null || (kernel.rejects && direction === 'egress')

export const directions = ['ingress', 'egress'] as const satisfies readonly Direction[]
export const perDirection = <T>(make: (direction: Direction) => T): Readonly<Record<Direction, T>> => ({
  ingress: make('ingress'),
  egress: make('egress'),
})
export const both = <T>({ ingress, egress }: Readonly<Record<Direction, T>>): T[] => [ingress, egress]

export function rulesFor(match: Match, ending: NftEnding): NftRule[] {
  return lowerMatch(match).map((matches) => ({ matches, ...ending }))
}
