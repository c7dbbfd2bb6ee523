/** What is in force on one interface: the one form that every target lowers and the evaluator judges by. */
import type { Mac } from '../net/mac.ts'
import type { AddressSet } from '../sets/address-set.ts'
import type { Action, Direction, LogLevel, Match, Rule } from './rule.ts'

/**
 * The rules of one policy for one direction, by position. Interfaces that share a policy share this object
 * (the same reference), so that a compiler may cache by identity; it is never mutated.
 */
export interface RuleList {
  readonly policy: string
  /** Which part of the policy's rules it is, from 0: what is included in their middle takes them apart. */
  readonly part: number
  readonly direction: Direction
  readonly rules: readonly Rule[]
}

/** Traffic without which an interface cannot work; let through before state and rules are looked at. */
export const essentialNames = [
  ...(['arp', 'neighbour-discovery', 'router-advertisement', 'multicast-membership'] as const),
  ...(['dhcp', 'dhcpv6'] as const),
] as const
export type EssentialName = (typeof essentialNames)[number]

/** What is asked of a packet that stays on the link; beside what rules can ask. */
export interface LinkMatch extends Match {
  /** TTL or hop limit, 0 to 255. */
  readonly hopLimit?: number
  /** Ingress: the link itself sent it. Egress: it is addressed to an address of the carrying host. */
  readonly link?: true
}

export interface Essential {
  readonly name: EssentialName
  /**
   * IP packets let through, per direction. Ingress is from the link without exception: every match asks for it.
   * Empty for ARP, which is not IP: targets that see frames let it pass.
   */
  readonly ingress: readonly LinkMatch[]
  readonly egress: readonly LinkMatch[]
}

export type DirectionPolicy =
  /** Nothing is looked at; every packet passes. */
  | { readonly filtered: false }
  /** The lists in order, first matching rule decides; `default` when none does. */
  | {
      readonly filtered: true
      readonly lists: readonly RuleList[]
      readonly default: Action
      /** Samples of what the default lets pass are told, too. Absent: they are not. */
      readonly log?: LogLevel
    }

/** Who the interface may send as. An absent field is not looked at. */
export interface Origin {
  readonly mac?: Mac
  /** Its own, with the link-local one of its MAC. What may be sent from none of them is the same for all (origin.ts). */
  readonly addresses?: AddressSet
}

/** What is in force on all interfaces that are judged alike, whoever they may send as. */
export interface CommonPolicy {
  /** Whether established and related packets pass, and invalid ones are dropped, before rules are looked at. */
  readonly stateful: boolean
  /** Tracked connections that it would not let begin any more are ended. */
  readonly cutsFlows?: true
  readonly essentials: readonly Essential[]
  readonly ingress: DirectionPolicy
  readonly egress: DirectionPolicy
}

export interface EffectivePolicy extends CommonPolicy {
  /** Where packets that leave the VM must come from, looked at first, filtered or not; absent: from anywhere. */
  readonly origin?: Origin
}
