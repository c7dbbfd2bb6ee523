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
  const words = [...head, 0, 0, 0, 0, 0, 0, 0, 0]
  for (const [index, group] of tail.entries()) words[8 - tail.length + index] = group
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = words
  // Few numbers that JavaScript holds exactly: large inventories hold hundreds of thousands of addresses.
  const [high, middle, low] = [(a * 65536 + b) * 65536 + c, (d * 65536 + e) * 65536 + f, g * 65536 + h]
  return (BigInt(high) << 80n) | (BigInt(middle) << 32n) | BigInt(low)
}

/** The 16-bit groups of one side of `::`; an IPv4 tail is allowed only where the address ends. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const result: number[] = []
  let [begin, value] = [0, 0]
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? colon : text.charCodeAt(at)
    if (code === colon) {
      if (at === begin) return undefined
      result.push(value)
      begin = at + 1
      value = 0
      continue
    }
    if (code === point && last) {
      const ipv4 = parseIpv4(text.slice(begin))
      if (ipv4 === undefined) return undefined
      result.push(Math.floor(ipv4 / 65536), ipv4 % 65536)
      return result
    }
    const digit = hexDigit(code)
    if (digit === undefined || at - begin >= 4) return undefined
    value = value * 16 + digit
  }
  return result
}

const [colon, point] = [0x3a, 0x2e]

function hexDigit(code: number): number | undefined {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : undefined
}

/** Prints in the canonical form: dotted quad, or RFC 5952 (lower case, longest run of zero groups as `::`). */
export function formatAddress(family: Family, value: bigint): string {
  if (family === 'ipv4') {
    const number = Number(value)
    return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
  }
  const [high, middle, low] = [
    Number(value >> 80n),
    Number((value >> 32n) & 0xffffffffffffn),
    Number(value & 0xffffffffn),
  ]
  const words = [...threeWords(high), ...threeWords(middle), low >>> 16, low & 65535]
  const run = longestZeroRun(words)
  const print = (part: number[]) => part.map((word) => word.toString(16)).join(':')
  // RFC 5952 §4.2.2: a single zero group is not shortened.
  if (run.length < 2) return print(words)
  return `${print(words.slice(0, run.start))}::${print(words.slice(run.start + run.length))}`
}

/** Of 48 bits. */
const threeWords = (bits: number): readonly number[] => [
  Math.floor(bits / 2 ** 32),
  Math.floor(bits / 65536) & 65535,
  bits & 65535,
]

function longestZeroRun(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (const [index, word] of words.entries()) {
    if (word !== 0) start = index + 1
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start }
  }
  return best
}
