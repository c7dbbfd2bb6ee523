/** Addresses and blocks as text. Blocks nest: a /56 holds /64s, those hold /80s, and every block holds hosts. */
import { type Family, familyBits, formatAddress, isIpv4Mapped, parseAddress } from '../../core/net/address.ts'
import { freeBlocks } from '../../core/net/blocks.ts'
import { formatPrefix, type Prefix, parsePrefix, prefixRange } from '../../core/net/prefix.ts'
import { type AddressSet, addressSet } from '../../core/sets/address-set.ts'
import type { Range } from '../../core/sets/range.ts'

/** The canonical text of an IPv6 block of this length; undefined for anything else, host bits included. */
export function ipv6Block(text: string, length: number): string | undefined {
  const prefix = parsePrefix(text, { hostBits: 'refuse' })
  const right = prefix.ok && prefix.value.family === 'ipv6' && prefix.value.length === length
  return right ? formatPrefix(prefix.value) : undefined
}

/** The canonical text of an address; undefined when it is none. */
export function canonical(text: unknown): string | undefined {
  const address = parseAddress(String(text))
  return address.ok ? formatAddress(address.value.family, address.value.value) : undefined
}

export const isIpv6 = (address: string): boolean => address.includes(':')

/** Whether an address or a block lies in a block. */
export function within(block: string, inner: string): boolean {
  const outer = parsed(block)
  const { family, first, last } = rangeOf(inner)
  const { first: low, last: high } = prefixRange(outer)
  return outer.family === family && first >= low && last <= high
}

/** The lowest block of `length` in `parent` that overlaps nothing used; undefined when there is none. */
export function freeBlock(parent: string, length: number, used: readonly string[]): string | undefined {
  const { family } = parsed(parent)
  const [free] = freeBlocks(family, length, [prefixRange(parsed(parent))], sorted(used, family), 1)
  return free && formatPrefix(free)
}

/** The first hosts of a block. */
export function firstHosts(block: string, count: number): readonly string[] {
  const { family, value } = parsed(block)
  return Array.from({ length: count }, (_, index) => formatAddress(family, value + BigInt(index + 1)))
}

/** The lowest host of an IPv4 block that is not used, without its network, router and broadcast; undefined: none is left. */
export function freeHost(block: string, used: readonly string[]): string | undefined {
  const { family } = parsed(block)
  const { first, last } = prefixRange(parsed(block))
  const hosts = [{ first: first + 2n, last: last - 1n }]
  const [free] = freeBlocks(family, familyBits[family], hosts, sorted(used, family), 1)
  return free && formatAddress(family, free.value)
}

/** Only what was parsed before is stored. */
function parsed(block: string): Prefix {
  const prefix = parsePrefix(block, { hostBits: 'refuse' })
  if (!prefix.ok) throw new Error(`${block}: ${prefix.error}`)
  return prefix.value
}

function rangeOf(text: string): Range<bigint> & Pick<Prefix, 'family'> {
  if (text.includes('/')) return { ...prefixRange(parsed(text)), family: parsed(text).family }
  const address = parseAddress(text)
  if (!address.ok) throw new Error(`${text}: ${address.error}`)
  const { family, value } = address.value
  return { first: value, last: value, family }
}

const sorted = (used: readonly string[], family: Prefix['family']): readonly Range<bigint>[] =>
  used
    .map(rangeOf)
    .filter((range) => range.family === family)
    .sort((a, b) => (a.first < b.first ? -1 : 1))

/** Parses one address, or a prefix with any host bits; undefined for anything else. */
export function parseAddresses(text: string): { family: Family; set: AddressSet } | undefined {
  const prefix = parsePrefix(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`, {
    hostBits: 'mask',
  })
  if (!prefix.ok) return undefined
  const written = parseAddress(text.split('/', 1)[0] ?? '')
  if (!written.ok || isIpv4Mapped(written.value)) return undefined
  const { family } = prefix.value
  return { family, set: addressSet([{ family, ...prefixRange(prefix.value) }]) }
}

/** The family of an address or prefix; undefined for null. */
export const familyOf = (text: string | null): Family | undefined =>
  text === null ? undefined : parseAddresses(text)?.family

const versions = { ipv4: 'IPv4', ipv6: 'IPv6' } as const satisfies Record<Family, string>

/** A rule's IP version: as given, else that of its addresses, else the protocol's own, else 4. */
export function ipVersionOf({
  ipVersion,
  sourceIp,
  targetIp,
  protocol,
}: {
  readonly ipVersion: 'IPv4' | 'IPv6' | null
  readonly sourceIp: string | null
  readonly targetIp: string | null
  readonly protocol: string
}): 'IPv4' | 'IPv6' {
  const family = familyOf(sourceIp) ?? familyOf(targetIp)
  return ipVersion ?? (family ? versions[family] : protocol === 'ICMPv6' ? 'IPv6' : 'IPv4')
}
