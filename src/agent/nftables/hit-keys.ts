/** Keys of the sets that count by decider: a device's index, or a MAC, and the decider's number (`HitKey`). */
import { digest } from '../../core/digest.ts'
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

/**
 * Told apart from keys that packets are counted by: MACs of groups, which no VM has, and indexes that the kernel does not get to before it has
 * seen a billion devices. nft takes none from 2^31 on.
 */
const markBit = { iface_index: 2 ** 30, ether_addr: 2 ** 40 } as const satisfies Record<HitKind, number>

/** Whether an element counts nothing, but says whose a key's counts are. */
export const isMark = (kind: HitKind, index: number): boolean => Math.floor(index / markBit[kind]) % 2 === 1

/** The element that says so of a key that is none itself. */
export const markOf = (kind: HitKind, key: number, number: number): HitKey => ({
  ...{ index: key + markBit[kind], number },
})

/** The way back: the key that a mark speaks of. */
export const markedBy = (kind: HitKind, { index }: HitKey): number => index - markBit[kind]

/** What a mark says, of whoever a key's counts are: 32 bits, so that in four billion hand-overs one is not seen. */
export const holderNumber = (holder: string): number => Number.parseInt(digest(holder).slice(0, 8), 16)
