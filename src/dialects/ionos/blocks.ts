/** Blocks of addresses inside each other: a /56 holds /64s, those hold /80s, and every block holds hosts. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { familyBits, formatAddress, parseAddress } from '../../core/net/address.ts'
import { freeBlocks } from '../../core/net/blocks.ts'
import { formatPrefix, type Prefix, parsePrefix, prefixRange } from '../../core/net/prefix.ts'
import type { Range } from '../../core/sets/range.ts'

/** The canonical text of an IPv6 block of this length; undefined for anything else, host bits included. */
export function ipv6Block(text: string, length: number): string | undefined {
  const prefix = parsePrefix(text, { hostBits: 'refuse' })
  const right = prefix.ok && prefix.value.family === 'ipv6' && prefix.value.length === length
  return right ? formatPrefix(prefix.value) : undefined
}

const textOrNull = (value: JsonValue | undefined): string | null => (typeof value === 'string' ? value : null)

/** The /56 of a datacenter as it is stored; null when it has none. */
export const datacenterBlockOf = ({ ipv6CidrBlock }: JsonObject): string | null => textOrNull(ipv6CidrBlock)

/**
 * The IPv6 block of a LAN or NIC as it is stored; null when it has none. Older versions kept as `ipv6CidrBlock` and
 * `ipv4CidrBlock` whatever clients wrote: that is nobody's block, and is not looked at.
 */
export const ipv6BlockOf = ({ ipv6 }: JsonObject): string | null => textOrNull(ipv6)
/** The /24 of a LAN, as `ipv6BlockOf`. */
export const ipv4BlockOf = ({ ipv4 }: JsonObject): string | null => textOrNull(ipv4)

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
