/** The rule: what every dialect decodes to and every target lowers from (docs/semantics.md). */
import type { Family } from '../net/address.ts'
import type { Mac } from '../net/mac.ts'
import type { AddressSet } from '../sets/address-set.ts'
import type { PortSet } from '../sets/port-set.ts'

/** As the VM sees it: ingress comes to it, egress leaves it. */
export type Direction = 'ingress' | 'egress'

export type Action = 'allow' | 'deny' | 'reject'

/** How much a packet matters to whoever reads of it, as syslog words it, the most urgent first. */
export const logLevels = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'] as const
export type LogLevel = (typeof logLevels)[number]

/** All given fields must match; a field that is absent matches anything. */
export interface Match {
  readonly family?: Family
  /** IP protocol number, 0 to 255; without a family 1 means ICMP, IPv4's, and 58 ICMPv6, IPv6's. */
  readonly protocol?: number
  readonly source?: AddressSet
  readonly destination?: AddressSet
  /** Ports need a protocol that has them (TCP, UDP, SCTP, DCCP, UDP-Lite). */
  readonly sourcePorts?: PortSet
  readonly destinationPorts?: PortSet
  /** ICMP type and code, 0 to 255; only with ICMP of its own family. */
  readonly icmpType?: number
  readonly icmpCode?: number
  readonly sourceMac?: Mac
}

export interface Rule {
  readonly id: string
  /** 1-based place in its policy, dense. */
  readonly position: number
  readonly direction: Direction
  readonly action: Action
  /** A disabled rule keeps its position and never matches. */
  readonly enabled: boolean
  /** The rule matches when any of these does (a macro is several); empty never matches. */
  readonly matches: readonly Match[]
  /**
   * Id of a policy whose rules are looked at in this rule's place, and then those that follow; the rule itself then
   * matches nothing. A policy that is not attached to the interface too has no effect.
   */
  readonly include?: string
  /** Index of the only interface of the server that it is for, from 1; absent: all. */
  readonly interface?: number
  /** Samples of the packets that it lets pass are told as decisions, too; of those that it does not they always are. Absent: they are not. */
  readonly log?: LogLevel
}
