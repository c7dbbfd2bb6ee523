/** What is filtered and by what: servers, their interfaces, and the policies attached to them. */
import type { JsonObject } from '../json.ts'
import type { Action, Direction, Rule } from './rule.ts'

/** Name of the dialect that manages a server or policy: one of those that are served (profile.ts). */
export type Profile = string

export const interfaceTypes = ['public', 'utility', 'private'] as const
export type InterfaceType = (typeof interfaceTypes)[number]

/** A VM's NIC. */
export interface Interface {
  readonly id: string
  readonly server: string
  /** 1-based, dense, in the order the NICs are attached. */
  readonly index: number
  readonly mac: string
  /** Canonical text, IPv4 and IPv6 mixed, without prefix length. */
  readonly addresses: readonly string[]
  /** Canonical prefixes of either family that it may also send from: of routers, VPN gateways, VRRP. */
  readonly allowedAddresses: readonly string[]
  /** Whether what it sends must come from its MAC and addresses (docs/semantics.md §6); the operator's switch. */
  readonly senderCheck: boolean
  /** Packets are judged and counted, and none is dropped; the operator's switch. */
  readonly observe: boolean
  /** Whether VLAN-tagged frames pass unjudged where it is a port of a bridge (docs/semantics.md §11); the operator's switch. */
  readonly vlanTrunk: boolean
  /** Ethernet types, 0x0600 to 0xffff, that pass unjudged there beside IP and ARP; the operator's. Empty means none. */
  readonly allowedFrames: readonly number[]
  /** Tracked connections that it may begin, and as many towards it; 0 means no limit, null what its host says. */
  readonly maxConnections: number | null
  readonly type: InterfaceType
  /** Hypervisor that carries the VM; null while it is placed nowhere, and then nobody enforces it. */
  readonly host: string | null
  /** Device on that host (`tap12i0`, `vnet3`); null while there is none. */
  readonly device: string | null
  /** The dialect's own: name, LAN, switches. */
  readonly attributes: JsonObject
}

/** Of an interface that an API makes: on no host yet, and the operator has said nothing of what it may send from. */
export const unplaced = {
  ...{ allowedAddresses: [], senderCheck: true, observe: false, maxConnections: null },
  ...{ vlanTrunk: false, allowedFrames: [] },
  ...{ host: null, device: null },
} as const

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
  readonly guards: Guards
  /** Rules that are looked at before the policy's own, and that nobody can change; null: none. */
  readonly builtIn: BuiltIn | null
}

/** Names of the lists in built-in.ts. */
export const builtIns = ['no-smtp'] as const
export type BuiltIn = (typeof builtIns)[number]

/** What passes, or does not, whatever the rules say. */
export interface Guards {
  /** Essential traffic that is let through (docs/semantics.md §6). */
  readonly dhcp: boolean
  readonly neighbourDiscovery: boolean
  /** Whether the VM may send router advertisements: it is then taken for a router. */
  readonly routerAdvertisement: boolean
  /** What leaves the VM must come from its own MAC address, and from one of its own IP addresses. */
  readonly sourceMac: boolean
  readonly sourceAddress: boolean
}

/** Essential traffic passes, and where packets claim to come from is not looked at. */
export const plainGuards: Guards = {
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
