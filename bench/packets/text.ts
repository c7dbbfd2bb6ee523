/** Matches in the words that nft, iptables and ipset share. */
import type { Match } from '../../src/core/model/rule.ts'
import { type Family, formatAddress } from '../../src/core/net/address.ts'
import { formatPrefix, rangeToPrefixes } from '../../src/core/net/prefix.ts'
import type { AddressSet } from '../../src/core/sets/address-set.ts'
import type { Range } from '../../src/core/sets/range.ts'

/** A prefix, which all ranges of our shapes are, or an address. */
export function addressText(family: Family, range: Range<bigint>): string {
  if (range.first === range.last) return formatAddress(family, range.first)
  const [prefix, ...more] = rangeToPrefixes(family, range)
  if (!prefix || more.length > 0) throw new Error('the range is no prefix')
  return formatPrefix(prefix)
}

export interface MatchText {
  readonly sources?: string
  readonly destinations?: string
  /** First and last, as nft writes them. */
  readonly ports?: string
}

/** What a match of one range each asks for. */
export function rangesOf({ source, destination, destinationPorts }: Match, family: Family): MatchText {
  const one = (set: AddressSet) => {
    const [range, ...more] = set[family]
    if (!range || more.length > 0) throw new Error('the match has not one range')
    return addressText(family, range)
  }
  const [port] = destinationPorts ?? []
  return {
    ...(source && { sources: one(source) }),
    ...(destination && { destinations: one(destination) }),
    ...(port && { ports: port.first === port.last ? `${port.first}` : `${port.first}-${port.last}` }),
  }
}
