/** IP protocol numbers and names (IANA protocol-numbers registry, as of 2026). */
import { err, ok, type Result } from '../result.ts'
import type { Family } from './address.ts'

export const ICMP = 1
export const IGMP = 2
export const TCP = 6
export const UDP = 17
export const ICMPV6 = 58
export const UDPLITE = 136

/** The registry's keywords in lower case, for the protocols that firewalls are asked about. */
export const protocolNumbers: ReadonlyMap<string, number> = new Map([
  ['icmp', ICMP],
  ['igmp', IGMP],
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
  ['udplite', UDPLITE],
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

const withPorts: ReadonlySet<number> = new Set([TCP, UDP, 33, 132, UDPLITE])

/** Whether the protocol's header begins with source and destination port: TCP, UDP, DCCP, SCTP, UDP-Lite. */
export function hasPorts(protocol: number): boolean {
  return withPorts.has(protocol)
}

/** The family that the protocol is part of, for ICMP and ICMPv6: in the other one their numbers are nobody's. */
export function icmpFamily(protocol: number): Family | undefined {
  return protocol === ICMP ? 'ipv4' : protocol === ICMPV6 ? 'ipv6' : undefined
}

/** Whether ICMPv6 messages of that type name the address that they are about: neighbour solicitation, advertisement. */
export const namesTarget = (icmpType: number | undefined): boolean => icmpType === 135 || icmpType === 136

/** Whether it is the number of ICMP of either family. */
export function isIcmp(protocol: number): boolean {
  return icmpFamily(protocol) !== undefined
}

/** Hop-by-hop options, routing, fragment, destination options (RFC 8200 §4.1). */
const extensionHeaders: ReadonlySet<number> = new Set([0, 43, 44, 60])

/** Whether the number is an IPv6 extension header's: a packet's protocol is what follows, unless the packet is cut short. */
export function isExtensionHeader(family: Family, protocol: number): boolean {
  return family === 'ipv6' && extensionHeaders.has(protocol)
}

/** A protocol number, of one family where one is given. */
export interface FamilyProtocol {
  readonly family?: Family
  readonly protocol: number
}

/**
 * What connection tracking calls invalid whatever else is in the packet: UDP-Lite, whose checksum Linux compares with
 * UDP's; ICMP's and ICMPv6's numbers in the other family; and in IPv6 packets in which no protocol follows. By number.
 */
export const untrackable: readonly FamilyProtocol[] = [
  { family: 'ipv6', protocol: ICMP },
  { family: 'ipv4', protocol: ICMPV6 },
  { family: 'ipv6', protocol: 59 },
  { protocol: UDPLITE },
]

export function isTrackable(family: Family, protocol: number): boolean {
  return (
    !isExtensionHeader(family, protocol) &&
    !untrackable.some((each) => each.protocol === protocol && (each.family ?? family) === family)
  )
}
