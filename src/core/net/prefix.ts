/** Prefixes (address/length) and their relation to ranges. */
import { err, ok, type Result } from '../result.ts'
import type { Range } from '../sets/range.ts'
import { type Family, familyBits, formatAddress, parseAddress } from './address.ts'

export interface Prefix {
  readonly family: Family
  /** The first address; bits beyond `length` are zero. */
  readonly value: bigint
  /** 0 to 32 or 128. */
  readonly length: number
}

/** Parses `address/length`. Host bits (`10.0.0.1/8`) are refused or masked away, as the caller says. */
export function parsePrefix(text: string, options: { hostBits: 'refuse' | 'mask' }): Result<Prefix> {
  const slash = text.indexOf('/')
  if (slash < 0) return err('expected address/length')
  const address = parseAddress(text.slice(0, slash))
  if (!address.ok) return address
  const lengthText = text.slice(slash + 1)
  if (!/^(0|[1-9]\d{0,2})$/.test(lengthText)) return err('expected a prefix length after the slash')
  const { family, value } = address.value
  const length = Number(lengthText)
  if (length > familyBits[family]) return err(`prefix lengths of this family end at ${familyBits[family]}`)
  const hostMask = (1n << BigInt(familyBits[family] - length)) - 1n
  if (options.hostBits === 'refuse' && (value & hostMask) !== 0n)
    return err('address has bits beyond the prefix length')
  return ok({ family, value: value & ~hostMask, length })
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.family, prefix.value)}/${prefix.length}`
}

/** An address whose first `length` bits are 1, and all others 0. */
export const prefixMask = (family: Family, length: number): bigint =>
  ((1n << BigInt(length)) - 1n) << BigInt(familyBits[family] - length)

/** All addresses of the prefix. */
export function prefixRange(prefix: Prefix): Range<bigint> {
  const size = 1n << BigInt(familyBits[prefix.family] - prefix.length)
  return { first: prefix.value, last: prefix.value + size - 1n }
}

/** The fewest prefixes that make up exactly the range, in ascending order. */
export function rangeToPrefixes(family: Family, range: Range<bigint>): Prefix[] {
  const result: Prefix[] = []
  let first = range.first
  while (first <= range.last) {
    let bits = 0
    // Grow while the block stays aligned to its size and inside the range.
    while (bits < familyBits[family]) {
      const size = 1n << BigInt(bits + 1)
      if (first % size !== 0n || first + size - 1n > range.last) break
      bits++
    }
    result.push({ family, value: first, length: familyBits[family] - bits })
    first += 1n << BigInt(bits)
  }
  return result
}
