/** What the sender of a rejected packet is told (docs/semantics.md §8). */
import type { Packet } from '../net/packet.ts'
import { isIcmp, TCP, UDP } from '../net/protocol.ts'
import { type AddressSet, addressSet, contains } from '../sets/address-set.ts'

export type Rejection =
  /** A reset of the connection. */
  | 'tcp-reset'
  /** ICMP: port unreachable. */
  | 'port-unreachable'
  /** ICMP: administratively prohibited. */
  | 'prohibited'
  /** Nothing: an answer to many, or to an ICMP message, would do harm (RFC 1122 §3.2.2). */
  | 'silence'

/** Destinations that are many: IPv4 and IPv6 multicast, and the limited broadcast. */
export const manyReceivers: AddressSet = addressSet([
  { family: 'ipv4', first: 0xe000_0000n, last: 0xefff_ffffn },
  { family: 'ipv4', first: 0xffff_ffffn, last: 0xffff_ffffn },
  { family: 'ipv6', first: 0xffn << 120n, last: (1n << 128n) - 1n },
])

export function rejectionOf({ family, protocol, destination }: Packet): Rejection {
  if (isIcmp(protocol) || contains(manyReceivers, family, destination)) return 'silence'
  if (protocol === TCP) return 'tcp-reset'
  return protocol === UDP ? 'port-unreachable' : 'prohibited'
}
