/** Addresses that are nobody's, or that mean the link. */
import { type Family, parseAddress } from '../net/address.ts'
import { parsePrefix, prefixRange } from '../net/prefix.ts'
import { type AddressRange, type AddressSet, addressSet, contains } from '../sets/address-set.ts'

/** Stands for a sender that has no address yet; of both families. */
export const unspecified: AddressSet = of('0.0.0.0/32', '::/128')
/** RFC 919: everybody on the link. */
export const limitedBroadcast: AddressSet = of('255.255.255.255/32')
/** RFC 4291 §2.5.6. */
export const linkLocal: AddressSet = of('fe80::/10')
/** Link-local scope, RFC 4291 §2.7. */
export const linkMulticast: AddressSet = of('ff02::/16')
export const allRouters: AddressSet = of('ff02::2/128')
/** RFC 4291 §2.7.1. */
export const solicitedNode: AddressSet = of('ff02::1:ff00:0/104')
/** RFC 5771 §4, never forwarded; without 224.0.0.1, all systems, to which only queriers send. */
export const localNetworkControl: AddressSet = addressSet([between('ipv4', '224.0.0.2', '224.0.0.255')])

/**
 * Whether a host may have given itself this address without the inventory knowing it: a link-local one that neither
 * follows from a MAC (RFC 4291 appendix A), which only the owner of that MAC may use, nor has a small interface
 * identifier (below 2^32), which people choose by hand, mostly for routers. RFC 7217 makes identifiers at random.
 */
export function isSelfAssigned(value: bigint): boolean {
  return contains(linkLocal, 'ipv6', value) && !isDerived(value) && !isSmall(value)
}
/** Whether the interface identifier is made of a MAC. */
export const isDerived = (value: bigint): boolean => ((value >> 24n) & 0xffffn) === 0xfffen
export const isSmall = (value: bigint): boolean => ((value >> 32n) & 0xffff_ffffn) === 0n

function of(...prefixes: readonly string[]): AddressSet {
  return addressSet(prefixes.map(rangeOf))
}

/** The addresses of a prefix. Throws on what is none: for text that has been checked. */
export function rangeOf(text: string): AddressRange {
  const prefix = parsePrefix(text, { hostBits: 'refuse' })
  if (!prefix.ok) throw new Error(`${text}: ${prefix.error}`)
  return { family: prefix.value.family, ...prefixRange(prefix.value) }
}

function between(family: Family, first: string, last: string): AddressRange {
  const [a, b] = [first, last].map((text) => parseAddress(text))
  if (!a?.ok || !b?.ok) throw new Error(`${first} and ${last} are no addresses`)
  return { family, first: a.value.value, last: b.value.value }
}
