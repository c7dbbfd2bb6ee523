/** Whether a match holds for a packet, and if not, the first field that does not. */
import type { LinkMatch } from '../model/effective-policy.ts'
import type { Match } from '../model/rule.ts'
import type { Family } from '../net/address.ts'
import type { Packet } from '../net/packet.ts'
import { icmpFamily, isExtensionHeader } from '../net/protocol.ts'
import { contains } from '../sets/address-set.ts'
import { containsPort } from '../sets/port-set.ts'

export type MatchField = keyof Match

/** Null when every given field matches. A field the packet lacks does not match. Cheap fields are looked at first. */
export function mismatch(match: Match, packet: Packet): MatchField | null {
  if (match.family !== undefined && match.family !== packet.family) return 'family'
  if (match.protocol !== undefined && !isOf(match.protocol, match.family, packet)) return 'protocol'
  if (match.icmpType !== undefined && match.icmpType !== packet.icmpType) return 'icmpType'
  if (match.icmpCode !== undefined && match.icmpCode !== packet.icmpCode) return 'icmpCode'
  if (match.destinationPorts && !hasPort(match.destinationPorts, packet.destinationPort))
    return 'destinationPorts'
  if (match.sourcePorts && !hasPort(match.sourcePorts, packet.sourcePort)) return 'sourcePorts'
  if (match.sourceMac !== undefined && match.sourceMac !== packet.sourceMac) return 'sourceMac'
  if (match.source && !contains(match.source, packet.family, packet.source)) return 'source'
  if (match.destination && !contains(match.destination, packet.family, packet.destination))
    return 'destination'
  return null
}

/** Whether all of it matches, with what rules cannot ask. */
export function holds(match: LinkMatch, packet: Packet): boolean {
  if (match.hopLimit !== undefined && match.hopLimit !== packet.hopLimit) return false
  if (match.link && !packet.link) return false
  return mismatch(match, packet) === null
}

/** Without a family, ICMP's and ICMPv6's numbers mean these protocols, which are of one family each. */
function isOf(protocol: number, family: Family | undefined, packet: Packet): boolean {
  if (protocol !== packet.protocol || isExtensionHeader(packet.family, protocol)) return false
  return (family ?? icmpFamily(protocol) ?? packet.family) === packet.family
}

function hasPort(set: NonNullable<Match['sourcePorts']>, port: number | undefined): boolean {
  return port !== undefined && containsPort(set, port)
}
