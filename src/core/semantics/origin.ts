/** Whether a packet comes from the interface that sends it (docs/semantics.md §6). */
import type { OriginCheck } from '../model/decider.ts'
import type { LinkMatch, Origin } from '../model/effective-policy.ts'
import type { Interface } from '../model/interface.ts'
import type { AntiSpoofing } from '../model/policy.ts'
import { parseAddress } from '../net/address.ts'
import { linkLocalOf } from '../net/mac.ts'
import type { Packet } from '../net/packet.ts'
import { ICMPV6, IGMP, UDP } from '../net/protocol.ts'
import { type AddressRange, type AddressSet, addressSet, contains } from '../sets/address-set.ts'
import { holds } from './match.ts'
import {
  allRouters,
  isSelfAssigned,
  limitedBroadcast,
  linkLocal,
  linkMulticast,
  localNetworkControl,
  rangeOf,
  solicitedNode,
  unspecified,
} from './scopes.ts'

/** What of an interface says who it is. */
export type Sender = Pick<Interface, 'mac' | 'addresses' | 'allowedAddresses' | 'senderCheck'>

/**
 * The check of an interface: the inventory's, which covers everything that is known of it, and what policies ask for.
 * Undefined when nobody asks.
 */
export function originOf(sender: Sender, antiSpoofing: AntiSpoofing): Origin | undefined {
  const { mac, addresses, allowedAddresses, senderCheck } = sender
  const named = addresses.length > 0 || allowedAddresses.length > 0
  const byMac = senderCheck || antiSpoofing.sourceMac
  const byAddress = (senderCheck && named) || antiSpoofing.sourceAddress
  if (!byMac && !byAddress) return undefined
  return { ...(byMac && { mac }), ...(byAddress && { addresses: addressesOf(sender) }) }
}

function addressesOf({ mac, addresses, allowedAddresses }: Sender): AddressSet {
  const own = addresses.flatMap((text): AddressRange[] => {
    const address = parseAddress(text)
    if (!address.ok) return []
    const { family, value } = address.value
    return [{ family, first: value, last: value }]
  })
  const derived = linkLocalOf(mac)
  return addressSet([
    ...own,
    ...allowedAddresses.map(rangeOf),
    { family: 'ipv6', first: derived, last: derived },
  ])
}

/** What the owner of an interface should know of its check. */
export function notesOn(sender: Sender, origin: Origin | undefined): readonly string[] {
  if (origin?.addresses) return []
  if (!origin?.mac) return ['its sender is not checked: senderCheck is off']
  return sender.senderCheck
    ? ['checked by MAC alone: it has no addresses']
    : ['checked by MAC alone: senderCheck is off']
}

const discovery = (icmpType: number): LinkMatch => ({
  ...{ family: 'ipv6', protocol: ICMPV6, icmpType, hopLimit: 255 },
})

/**
 * What anybody may send from an address that is not its own: from the unspecified one what RFCs say is sent before there
 * is another, and from link-local ones, which no inventory can know, what answers cannot be had for in a neighbour's name.
 */
export const unowned: readonly LinkMatch[] = [
  {
    ...{ family: 'ipv4', protocol: UDP, source: unspecified, destination: limitedBroadcast },
    sourcePorts: [{ first: 68, last: 68 }],
    destinationPorts: [{ first: 67, last: 67 }],
  },
  // RFC 3376 §4.2.13.
  {
    ...{ family: 'ipv4', protocol: IGMP, hopLimit: 1, source: unspecified },
    destination: localNetworkControl,
  },
  // RFC 4862 §5.4.2, duplicate address detection; RFC 4861 §4.1; RFC 3590 §4.
  { ...discovery(135), source: unspecified, destination: solicitedNode },
  { ...discovery(133), source: unspecified, destination: allRouters },
  ...[131, 132, 143].map(
    (icmpType): LinkMatch => ({
      ...{ family: 'ipv6', protocol: ICMPV6, icmpType, hopLimit: 1, source: unspecified },
      destination: linkMulticast,
    }),
  ),
  // RFC 7217: a link-local address need not follow from the MAC. To many, to the host, or about neighbours only.
  { family: 'ipv6', source: linkLocal, destination: linkMulticast },
  ...[133, 134, 135, 136].map((icmpType): LinkMatch => ({ ...discovery(icmpType), source: linkLocal })),
  { family: 'ipv6', source: linkLocal, link: true },
]

/**
 * What claims an address, which neighbours then look for at the sender: advertisements, and the solicitation before an
 * address is taken into use (RFC 4862 §5.4.3), which keeps another from using it. Other solicitations and everything
 * else claim their source.
 */
export const claims: readonly LinkMatch[] = [discovery(136), { ...discovery(135), source: unspecified }]

/**
 * The first check that a packet does not pass; null when it is not forged. A packet whose sender's MAC, or whose target,
 * is not known is not held to be forged by it.
 */
export function forgeryOf({ mac, addresses }: Origin, packet: Packet): Exclude<OriginCheck, 'arp'> | null {
  if (mac !== undefined && packet.sourceMac !== undefined && packet.sourceMac !== mac) return 'mac'
  if (!addresses) return null
  const { family, source, target } = packet
  const owns = (address: bigint) => contains(addresses, family, address)
  if (target !== undefined && claims.some((match) => holds(match, packet))) {
    if (!owns(target) && !isSelfAssigned(target)) return 'neighbour'
  }
  if (owns(source)) return null
  if (contains(linkLocal, family, source) && !isSelfAssigned(source)) return 'address'
  return unowned.some((match) => holds(match, packet)) ? null : 'address'
}
