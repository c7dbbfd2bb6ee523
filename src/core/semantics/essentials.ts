/** Essential traffic: what an interface needs to work at all, whatever its rules say (docs/semantics.md §6). */
import type { Essential } from '../model/effective-policy.ts'
import type { Match } from '../model/rule.ts'
import { ICMPV6, UDP } from '../net/protocol.ts'

const icmpv6 = (icmpType: number): Match => ({ family: 'ipv6', protocol: ICMPV6, icmpType })
const udp = (family: 'ipv4' | 'ipv6', from: number, to: number): Match => ({
  family,
  protocol: UDP,
  sourcePorts: [{ first: from, last: from }],
  destinationPorts: [{ first: to, last: to }],
})

/** For a VM as a host: it may be told of routers and neighbours and ask for them, but not pose as a router. */
export const essentials: readonly Essential[] = [
  { name: 'arp', ingress: [], egress: [] },
  // RFC 4861: 133 router solicitation, 134 router advertisement, 135 neighbour solicitation, 136 neighbour advertisement.
  {
    name: 'neighbour-discovery',
    ingress: [icmpv6(134), icmpv6(135), icmpv6(136)],
    egress: [icmpv6(133), icmpv6(135), icmpv6(136)],
  },
  // RFC 2131 §4.1 and RFC 8415 §7.2: client and server ports, as seen from the client.
  { name: 'dhcp', ingress: [udp('ipv4', 67, 68)], egress: [udp('ipv4', 68, 67)] },
  { name: 'dhcpv6', ingress: [udp('ipv6', 547, 546)], egress: [udp('ipv6', 546, 547)] },
]
