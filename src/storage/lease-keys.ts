/** Addresses as text that sorts like them: one digit for the family, then hexadecimal digits of a fixed number. */
import { type Family, familyBits, formatAddress, parseAddress } from '../core/net/address.ts'
import { formatPrefix, parsePrefix, prefixRange } from '../core/net/prefix.ts'
import type { Range } from '../core/sets/range.ts'

export interface KeyRange {
  readonly first: string
  readonly last: string
}

const digit = { ipv4: '4', ipv6: '6' } as const

export const keyOf = (family: Family, value: bigint): string =>
  digit[family] + value.toString(16).padStart(familyBits[family] / 4, '0')

export const keyRange = (family: Family, { first, last }: Range<bigint>): KeyRange => ({
  first: keyOf(family, first),
  last: keyOf(family, last),
})

export const valueOfKey = (key: string): bigint => BigInt(`0x${key.slice(1)}`)

/** Of an address or a prefix, with its canonical text; throws when it is neither. */
export function leasedRange(text: string): KeyRange & { readonly address: string } {
  if (text.includes('/')) {
    const prefix = parsePrefix(text, { hostBits: 'refuse' })
    if (!prefix.ok) throw new Error(`${text}: ${prefix.error}`)
    return {
      ...keyRange(prefix.value.family, prefixRange(prefix.value)),
      address: formatPrefix(prefix.value),
    }
  }
  const address = parseAddress(text)
  if (!address.ok) throw new Error(`${text}: ${address.error}`)
  const { family, value } = address.value
  const key = keyOf(family, value)
  return { first: key, last: key, address: formatAddress(family, value) }
}

export const liesIn = (inner: KeyRange, outer: KeyRange): boolean =>
  inner.first >= outer.first && inner.last <= outer.last

export const overlap = (a: KeyRange, b: KeyRange): boolean => a.first <= b.last && b.first <= a.last
