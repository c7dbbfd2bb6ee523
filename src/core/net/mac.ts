/** Ethernet addresses. */
import { err, ok, type Result } from '../result.ts'

/** Canonical text: six lower-case pairs with colons, `52:54:00:00:00:01`. */
export type Mac = string

/** Parses pairs separated all by colons or all by hyphens, in either case. */
export function parseMac(text: string): Result<Mac> {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text) || /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/i.test(text)
    ? ok(text.toLowerCase().replaceAll('-', ':'))
    : err('expected a MAC address such as 52:54:00:00:00:01')
}

/** The address as a number, its first byte the highest. */
export const macNumber = (mac: Mac): bigint => BigInt(`0x${mac.replaceAll(':', '')}`)

/** The address of a number below 2^48. */
export const macOf = (value: bigint): Mac =>
  value
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?!$)/g, '$&:')

/** The IPv6 link-local address that a host makes of its Ethernet address (RFC 4291 appendix A), as a number. */
export function linkLocalOf(mac: Mac): bigint {
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = mac.split(':').map((pair) => BigInt(`0x${pair}`))
  const bytes = [a ^ 2n, b, c, 0xffn, 0xfen, d, e, f]
  return bytes.reduce((value, byte) => (value << 8n) | byte, 0xfe80n << 48n)
}
