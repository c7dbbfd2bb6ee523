/** IP protocol numbers and names (IANA protocol-numbers registry, as of 2026). */
import { err, ok, type Result } from '../result.ts'

export const ICMP = 1
export const TCP = 6
export const UDP = 17
export const ICMPV6 = 58

/** The registry's keywords in lower case, for the protocols that firewalls are asked about. */
export const protocolNumbers: ReadonlyMap<string, number> = new Map([
  ['icmp', ICMP],
  ['igmp', 2],
  ['ipv4', 4],
  ['tcp', TCP],
  ['egp', 8],
  ['udp', UDP],
  ['dccp', 33],
  ['ipv6', 41],
  ['rsvp', 46],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['icmpv6', ICMPV6],
  ['ospf', 89],
  ['pim', 103],
  ['vrrp', 112],
  ['l2tp', 115],
  ['sctp', 132],
  ['udplite', 136],
])

const names = new Map([...protocolNumbers].map(([name, number]) => [number, name]))

/** The name, or the number in decimal when the protocol has none here. */
export function protocolName(number: number): string {
  return names.get(number) ?? String(number)
}

/** Parses a name in any case (`ipv6-icmp` too) or a decimal number 0 to 255. */
export function parseProtocol(text: string): Result<number> {
  const lower = text.toLowerCase()
  const named = protocolNumbers.get(lower === 'ipv6-icmp' ? 'icmpv6' : lower)
  if (named !== undefined) return ok(named)
  if (!/^(0|[1-9]\d{0,2})$/.test(text) || Number(text) > 255)
    return err('expected a protocol name or number 0 to 255')
  return ok(Number(text))
}

const withPorts: ReadonlySet<number> = new Set([TCP, UDP, 33, 132, 136])

/** Whether the protocol's header begins with source and destination port: TCP, UDP, DCCP, SCTP, UDP-Lite. */
export function hasPorts(protocol: number): boolean {
  return withPorts.has(protocol)
}

/** Whether it is ICMP of either family. */
export function isIcmp(protocol: number): boolean {
  return protocol === ICMP || protocol === ICMPV6
}
