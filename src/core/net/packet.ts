/** A packet as the evaluator sees it: the header fields that rules can speak of, and its connection state. */
import type { Family } from './address.ts'
import type { Mac } from './mac.ts'

/** What connection tracking says of the packet; only stateful policies look at it. */
export type ConnectionState = 'new' | 'established' | 'related' | 'invalid'

export interface Packet {
  readonly family: Family
  /** IP protocol number, 0 to 255; in IPv6 that of the header after all extension headers. */
  readonly protocol: number
  /** Addresses as numbers of `family`: 32 or 128 bits. */
  readonly source: bigint
  readonly destination: bigint
  /** Absent for protocols without ports. */
  readonly sourcePort?: number
  readonly destinationPort?: number
  /** Absent for protocols other than ICMP (1) over IPv4 and ICMPv6 (58) over IPv6. */
  readonly icmpType?: number
  readonly icmpCode?: number
  /** The address that a neighbour solicitation or advertisement (ICMPv6 135, 136) is about; absent when unknown. */
  readonly target?: bigint
  /** Absent when unknown; a rule that names a MAC then does not match. */
  readonly sourceMac?: Mac
  /** TTL or hop limit, 0 to 255, as it reaches the host that filters; absent when unknown. */
  readonly hopLimit?: number
  /**
   * Ingress: the link itself sent it, which where packets are routed means the carrying host, and nobody's packet was
   * forwarded. Egress: it is addressed to an address of the carrying host. Absent when unknown or not so.
   */
  readonly link?: boolean
  readonly state: ConnectionState
}
