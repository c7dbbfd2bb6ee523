/** Which addresses are reached from this machine alone. */
import { isIpv4Mapped, parseAddress } from './address.ts'

/** Whether it is an address of 127.0.0.0/8 or ::1, IPv4-mapped included. Names are none: who looks them up decides. */
export function isLoopback(text: string): boolean {
  const address = parseAddress(text)
  if (!address.ok) return false
  const { family, value } = address.value
  const ipv4 = family === 'ipv4' ? value : isIpv4Mapped(address.value) ? value & 0xffffffffn : undefined
  return ipv4 === undefined ? value === 1n : ipv4 >> 24n === 127n
}

/** Whether the host of a URL, as a URL spells it (`[::1]`), is this machine: a loopback address, or `localhost`. */
export const isLocalHost = (hostname: string): boolean =>
  hostname === 'localhost' || isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'))
