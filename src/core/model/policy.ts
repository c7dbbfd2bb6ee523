/** A policy: its rules in order, and the settings that decide packets beside them. */
import type { InterfaceType } from './interface.ts'
import type { Action, Direction, LogLevel, Rule } from './rule.ts'

/** How the rules of a policy decide together. */
export type RuleOrder =
  /** By position, the first match decides. */
  | 'first-match'
  /** Only allow rules; any match allows. */
  | 'allow-list'

/** Everything of a policy that decides packets, without its rules. */
export interface PolicySettings {
  /** Off: the rules are kept and have no effect. */
  readonly enabled: boolean
  readonly order: RuleOrder
  readonly defaultIngress: Action
  readonly defaultEgress: Action
  readonly stateful: boolean
  /** Directions this policy filters; the others pass unless another policy filters them. Empty filters nothing. */
  readonly filters: readonly Direction[]
  /** Interface types it filters; others pass. */
  readonly appliesTo: readonly InterfaceType[]
  /** Essential traffic and anti-spoofing. Stored under this name, in policies and in the history of changes. */
  readonly guards: TrafficSwitches
  /** Rules that are looked at before the policy's own, and that nobody can change; null: none. */
  readonly builtIn: BuiltIn | null
  /** How samples of what its defaults decide are told as decisions; those that pass are told only with a level. */
  readonly log?: Partial<Readonly<Record<Direction, LogLevel>>>
  /** What its allowing rules let pass is told as decisions too, at this level where they have none themselves. */
  readonly logAllowed?: LogLevel
  /** Absent: what its account says. */
  readonly cutFlows?: CutFlows
  /** Where neither it nor another policy filters, packets are judged as by `unattended` and do not all pass. */
  readonly closes?: true
}

/** How an interface is judged to which no policy is attached: as by one without rules. */
export const unattended = { defaultIngress: 'deny', defaultEgress: 'allow', stateful: true } as const

/**
 * What becomes of tracked connections when rules change: they live on, whatever the rules say now; or those that the rules
 * would not let begin any more are ended, and no others.
 */
export const cutFlows = ['never', 'revoked'] as const
export type CutFlows = (typeof cutFlows)[number]

/** Names of the lists in built-in.ts. */
export const builtIns = ['no-smtp'] as const
export type BuiltIn = (typeof builtIns)[number]

/** Essential traffic that passes whatever the rules say (docs/semantics.md §6). */
export interface EssentialSwitches {
  readonly dhcp: boolean
  readonly neighbourDiscovery: boolean
  /** Whether the VM may send router advertisements: its neighbours then take it for a router. */
  readonly routerAdvertisement: boolean
}

/** What leaves the VM must come from its own MAC address, and from one of its own IP addresses. */
export interface AntiSpoofing {
  readonly sourceMac: boolean
  readonly sourceAddress: boolean
}

export interface TrafficSwitches extends EssentialSwitches, AntiSpoofing {}

/** A VM that is a host: essential traffic passes, router advertisements do not, and senders are not checked. */
export const defaultSwitches: TrafficSwitches = {
  dhcp: true,
  neighbourDiscovery: true,
  routerAdvertisement: false,
  sourceMac: false,
  sourceAddress: false,
}

/** A policy with its rules by position. `revision` changes with any change to either. */
export interface Policy extends PolicySettings {
  readonly id: string
  readonly revision: number
  readonly rules: readonly Rule[]
}
