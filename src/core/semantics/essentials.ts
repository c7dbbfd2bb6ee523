/** Essential traffic: what an interface needs to work at all, whatever its rules say (docs/semantics.md §6). */
import type { Essential } from '../model/effective-policy.ts'
import { type Guards, plainGuards } from '../model/inventory.ts'
import type { Match } from '../model/rule.ts'
import { ICMPV6, UDP } from '../net/protocol.ts'

const icmpv6 = (icmpType: number): Match => ({ family: 'ipv6', protocol: ICMPV6, icmpType })
const udp = (family: 'ipv4' | 'ipv6', from: number, to: number): Match => ({
  family,
  protocol: UDP,
  sourcePorts: [{ first: from, last: from }],
  destinationPorts: [{ first: to, last: to }],
})

const arp: Essential = { name: 'arp', ingress: [], egress: [] }
// RFC 4861: 133 router solicitation, 134 router advertisement, 135 neighbour solicitation, 136 neighbour advertisement.
const discovery: Essential = {
  name: 'neighbour-discovery',
  ingress: [icmpv6(134), icmpv6(135), icmpv6(136)],
  egress: [icmpv6(133), icmpv6(135), icmpv6(136)],
}
const routing: Essential = { name: 'router-advertisement', ingress: [icmpv6(133)], egress: [icmpv6(134)] }
// RFC 2131 §4.1 and RFC 8415 §7.2: client and server ports, as seen from the client.
const dhcp: readonly Essential[] = [
  { name: 'dhcp', ingress: [udp('ipv4', 67, 68)], egress: [udp('ipv4', 68, 67)] },
  { name: 'dhcpv6', ingress: [udp('ipv6', 547, 546)], egress: [udp('ipv6', 546, 547)] },
]

const known = new Map<string, readonly Essential[]>()

/** The same object for the same answer, so that what is made of it is made once. */
export function essentialsOf(guards: Guards): readonly Essential[] {
  const { neighbourDiscovery, routerAdvertisement } = guards
  const key = `${neighbourDiscovery} ${routerAdvertisement} ${guards.dhcp}`
  let found = known.get(key)
  if (!found) {
    found = [
      arp,
      ...(neighbourDiscovery ? [discovery] : []),
      ...(routerAdvertisement ? [routing] : []),
      ...(guards.dhcp ? dhcp : []),
    ]
    known.set(key, found)
  }
  return found
}

/** For a VM as a host: it may be told of routers and neighbours and ask for them, but not pose as a router. */
export const essentials: readonly Essential[] = essentialsOf(plainGuards)
