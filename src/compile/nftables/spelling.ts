/** How nft 1.0.6 spells the parts of a packet and their values, in rules and in elements of sets. */
import { type Family, familyBits, formatAddress } from '../../core/net/address.ts'
import { formatPrefix, prefixMask } from '../../core/net/prefix.ts'
import type { Range } from '../../core/sets/range.ts'

type Side = 'source' | 'destination'

const familyWord = { ipv4: 'ip', ipv6: 'ip6' } as const satisfies Record<Family, string>
const sideLetter = { source: 's', destination: 'd' } as const satisfies Record<Side, string>
const portWords: Readonly<Record<number, string>> = {
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  132: 'sctp',
  136: 'udplite',
}
const icmpWord = { ipv4: 'icmp', ipv6: 'icmpv6' } as const satisfies Record<Family, string>

export const addressWord = (family: Family, side: Side): string =>
  `${familyWord[family]} ${sideLetter[side]}addr`

/** Throws when the protocol has no ports; undefined is whatever protocol the packet is of. */
export function portWord(side: Side, protocol: number | undefined): string {
  const word = protocol === undefined ? 'th' : portWords[protocol]
  if (word === undefined) throw new Error(`protocol ${protocol} has no ports`)
  return `${word} ${sideLetter[side]}port`
}

export const icmpWords = (family: Family, field: 'type' | 'code'): string => `${icmpWord[family]} ${field}`

/** The address, or its first bits with all others 0. */
export function addressBits(family: Family, side: Side, length: number | undefined): string {
  const word = addressWord(family, side)
  return length === undefined ? word : `${word} & ${formatAddress(family, prefixMask(family, length))}`
}

/** One address, a prefix where the range is one, or both ends. */
export function addresses(family: Family, range: Range<bigint>): string {
  const { first, last } = range
  if (first === last) return formatAddress(family, first)
  const size = last - first + 1n
  // A prefix is as large as a power of two, and begins at a multiple of its size.
  return (size & (size - 1n)) === 0n && (first & (size - 1n)) === 0n
    ? formatPrefix({ family, value: first, length: familyBits[family] - (size.toString(2).length - 1) })
    : `${formatAddress(family, first)}-${formatAddress(family, last)}`
}

export const numbers = ({ first, last }: Range<number | bigint>): string =>
  first === last ? String(first) : `${first}-${last}`

/** nft 1.0.6 has no word for a target. It is not in a packet that is too short for it, and no match holds then. */
export const targetWords = '@th,64,128'
export const hex = (value: bigint): string => `0x${value.toString(16)}`
export const rawAddresses = ({ first, last }: Range<bigint>): string =>
  first === last ? hex(first) : `${hex(first)}-${hex(last)}`
