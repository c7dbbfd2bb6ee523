/** What is in force on one interface: the one form that every target lowers and the evaluator judges by. */
import type { Mac } from '../net/mac.ts'
import type { AddressSet } from '../sets/address-set.ts'
import type { Action, Direction, Match, Rule } from './rule.ts'

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
export type EssentialName = 'arp' | 'neighbour-discovery' | 'router-advertisement' | 'dhcp' | 'dhcpv6'

export interface Essential {
  readonly name: EssentialName
  /** IP packets let through, per direction. Empty for ARP, which is not IP: targets that see frames let it pass. */
  readonly ingress: readonly Match[]
  readonly egress: readonly Match[]
}

export type DirectionPolicy =
  /** Nothing is looked at; every packet passes. */
  | { readonly filtered: false }
  /** The lists in order, first matching rule decides; `default` when none does. */
  | { readonly filtered: true; readonly lists: readonly RuleList[]; readonly default: Action }

/** An absent field is not looked at. */
export interface Origin {
  readonly mac?: Mac
  /** The unspecified address and, in IPv6, link-local ones are among them where they are needed. */
  readonly addresses?: AddressSet
}

export interface EffectivePolicy {
  /** Whether established and related packets pass, and invalid ones are dropped, before rules are looked at. */
  readonly stateful: boolean
  readonly essentials: readonly Essential[]
  /** Where packets that leave the VM must come from, looked at before anything else; absent: from anywhere. */
  readonly origin?: Origin
  readonly ingress: DirectionPolicy
  readonly egress: DirectionPolicy
}
