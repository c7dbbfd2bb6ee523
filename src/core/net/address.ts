/** IP addresses as numbers: strict parsing, RFC 5952 printing. */
import { err, ok, type Result } from '../result.ts'

export type Family = 'ipv4' | 'ipv6'

export const families = ['ipv4', 'ipv6'] as const satisfies readonly Family[]

export interface Address {
  readonly family: Family
  /** 32 or 128 bits, network byte order read as one number. */
  readonly value: bigint
}

export const familyBits = { ipv4: 32, ipv6: 128 } as const satisfies Record<Family, number>

/** The highest address of each family. */
export const maxAddress = {
  ipv4: (1n << 32n) - 1n,
  ipv6: (1n << 128n) - 1n,
} as const satisfies Record<Family, bigint>

/** Eight groups of four digits, the last two as an IPv4 address. */
const longest = 'ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255'.length

/**
 * Parses one address, and nothing around it.
 *
 * IPv4 is four decimal octets without leading zeros: short and octal forms mean different hosts to different
 * programs. IPv6 is RFC 4291 §2.2 text, an embedded IPv4 tail included; a zone index is refused, because it names
 * an interface of one machine.
 */
export function parseAddress(text: string): Result<Address> {
  if (text.length > longest) return err('expected an IPv4 or IPv6 address')
  if (text.includes(':')) {
    const value = parseIpv6(text)
    return value === undefined ? err('expected an IPv6 address') : ok({ family: 'ipv6', value })
  }
  const value = parseIpv4(text)
  return value === undefined
    ? err('expected an IPv4 or IPv6 address')
    : ok({ family: 'ipv4', value: BigInt(value) })
}

/** Whether it is an IPv6 address of the IPv4-mapped range (RFC 4291 §2.5.5.2), of which nobody says which family it means. */
export function isIpv4Mapped({ family, value }: Address): boolean {
  return family === 'ipv6' && value >> 32n === 0xffffn
}

const ipv4Pattern = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

function parseIpv4(text: string): number | undefined {
  const match = ipv4Pattern.exec(text)
  if (!match) return undefined
  let value = 0
  for (const octet of match.slice(1)) {
    const number = Number(octet)
    if (number > 255 || (octet.length > 1 && octet.startsWith('0'))) return undefined
    value = value * 256 + number
  }
  return value
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groups(halves[0] ?? '', halves.length === 1)
  const tail = halves.length === 2 ? groups(halves[1] ?? '', true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  // `::` stands for at least one group; without it all eight must be there.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const digits = (part: readonly number[]) =>
    part.map((group) => group.toString(16).padStart(4, '0')).join('')
  // One number of all digits: large inventories hold hundreds of thousands of addresses.
  return BigInt(`0x${digits(head)}${'0000'.repeat(missing)}${digits(tail)}`)
}

/** The 16-bit groups of one side of `::`; an IPv4 tail is allowed only where the address ends. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const result: number[] = []
  for (const [index, part] of parts.entries()) {
    if (last && index === parts.length - 1 && part.includes('.')) {
      const ipv4 = parseIpv4(part)
      if (ipv4 === undefined) return undefined
      result.push(Math.floor(ipv4 / 65536), ipv4 % 65536)
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) result.push(Number.parseInt(part, 16))
    else return undefined
  }
  return result
}

/** Prints in the canonical form: dotted quad, or RFC 5952 (lower case, longest run of zero groups as `::`). */
export function formatAddress(family: Family, value: bigint): string {
  if (family === 'ipv4') {
    const number = Number(value)
    return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
  }
  const digits = value.toString(16).padStart(32, '0')
  const words = [0, 4, 8, 12, 16, 20, 24, 28].map((at) => Number.parseInt(digits.slice(at, at + 4), 16))
  const run = longestZeroRun(words)
  const print = (part: number[]) => part.map((word) => word.toString(16)).join(':')
  // RFC 5952 §4.2.2: a single zero group is not shortened.
  if (run.length < 2) return print(words)
  return `${print(words.slice(0, run.start))}::${print(words.slice(run.start + run.length))}`
}

function longestZeroRun(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (const [index, word] of words.entries()) {
    if (word !== 0) start = index + 1
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start }
  }
  return best
}
