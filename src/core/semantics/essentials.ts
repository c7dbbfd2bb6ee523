/** Essential traffic: the conversation with the link that an interface needs to work at all, whatever its rules say (docs/semantics.md §6). */
import type { Essential, LinkMatch } from '../model/effective-policy.ts'
import { defaultSwitches, type EssentialSwitches } from '../model/policy.ts'
import { ICMPV6, IGMP, UDP } from '../net/protocol.ts'
import { type AddressSet, union } from '../sets/address-set.ts'
import { limitedBroadcast, linkLocal, linkMulticast, localNetworkControl, unspecified } from './scopes.ts'

const linkScoped = union(linkLocal, linkMulticast)

/** RFC 4861 §6.1 and §7.1: a packet with any other hop limit has crossed a router, and one with another code is not valid. */
const discovery = (icmpType: number): LinkMatch => ({
  family: 'ipv6',
  protocol: ICMPV6,
  icmpType,
  icmpCode: 0,
  hopLimit: 255,
})
/** Router advertisements come from link-local addresses (RFC 4861 §6.1.2). */
const advertisement: LinkMatch = { ...discovery(134), source: linkLocal }
const fromLink = (match: LinkMatch): LinkMatch => ({ ...match, link: true })
/** What goes no further than the link or the host that carries the VM. */
const toLink = (match: LinkMatch): LinkMatch[] => [
  { ...match, destination: linkScoped },
  { ...match, link: true },
]

const arp: Essential = { name: 'arp', ingress: [], egress: [] }
// 133 router solicitation, 134 router advertisement, 135 neighbour solicitation, 136 neighbour advertisement.
const neighbours: Essential = {
  name: 'neighbour-discovery',
  ingress: [advertisement, discovery(135), discovery(136)].map(fromLink),
  egress: [133, 135, 136].flatMap((type) => toLink(discovery(type))),
}
const routing: Essential = {
  name: 'router-advertisement',
  ingress: [fromLink(discovery(133))],
  egress: toLink(advertisement),
}

const igmp: LinkMatch = { family: 'ipv4', protocol: IGMP, hopLimit: 1 }
const mld = (icmpType: number, source: AddressSet): LinkMatch => ({
  ...{ family: 'ipv6', protocol: ICMPV6, icmpType, hopLimit: 1, source },
})
// Bridges that snoop forward a group, solicited-node groups included, only where a report came from. RFC 2236 and 3376:
// reports go to groups, 224.0.0.2 and 224.0.0.22; RFC 2710 §3, 3590, 3810 §5: 130 query, 131 and 143 report, 132 done.
const membership: Essential = {
  name: 'multicast-membership',
  ingress: [igmp, mld(130, linkLocal)].map(fromLink),
  egress: [
    { ...igmp, destination: localNetworkControl },
    ...[131, 132, 143].map((type) => ({
      ...mld(type, union(linkLocal, unspecified)),
      destination: linkMulticast,
    })),
  ],
}

const udp = (family: 'ipv4' | 'ipv6', from: number, to: number): LinkMatch => ({
  family,
  protocol: UDP,
  sourcePorts: [{ first: from, last: from }],
  destinationPorts: [{ first: to, last: to }],
})
// RFC 2131 §4.1 and RFC 8415 §7.1, §7.2, §18.2: client and server ports, as seen from the client.
const dhcp: readonly Essential[] = [
  {
    name: 'dhcp',
    ingress: [fromLink(udp('ipv4', 67, 68))],
    egress: [{ ...udp('ipv4', 68, 67), destination: limitedBroadcast }, fromLink(udp('ipv4', 68, 67))],
  },
  {
    name: 'dhcpv6',
    ingress: [fromLink({ ...udp('ipv6', 547, 546), source: linkLocal })],
    egress: [{ ...udp('ipv6', 546, 547), source: linkLocal, destination: linkScoped }],
  },
]

const known = new Map<string, readonly Essential[]>()

/** The same object for the same answer, so that what is made of it is made once. */
export function essentialsOf(switches: EssentialSwitches): readonly Essential[] {
  const { neighbourDiscovery, routerAdvertisement } = switches
  const key = `${neighbourDiscovery} ${routerAdvertisement} ${switches.dhcp}`
  let found = known.get(key)
  if (!found) {
    found = [
      arp,
      ...(neighbourDiscovery ? [neighbours] : []),
      ...(routerAdvertisement ? [routing] : []),
      membership,
      ...(switches.dhcp ? dhcp : []),
    ]
    known.set(key, found)
  }
  return found
}

/** For a VM as a host: it may be told of routers and neighbours and ask for them, but not pose as a router. */
export const essentials: readonly Essential[] = essentialsOf(defaultSwitches)
