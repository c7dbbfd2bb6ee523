/** Keys of the sets that count by decider: a device's index, or a MAC, and the decider's number (`HitKey`). */
import { macOf } from '../../core/net/mac.ts'
import type { HitKey } from './kernel.ts'

/** What keys begin with, in nft's word for its type. */
export const hitKinds = ['iface_index', 'ether_addr'] as const
export type HitKind = (typeof hitKinds)[number]

/** How a set with such keys is declared, as far as its elements are concerned. */
export const declaredOf = (kind: HitKind): string => `type ${kind} . mark`

/** A key as an element is written. */
export function hitText(kind: HitKind, { index, number }: HitKey): string {
  const first = kind === 'ether_addr' ? macOf(BigInt(index)) : String(index)
  return `${first} . 0x${number.toString(16).padStart(8, '0')}`
}
