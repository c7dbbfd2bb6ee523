/** A VM's network interface. */
import type { JsonObject } from '../json.ts'

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

/** What an interface created through an API starts with: on no host, and nothing set by the operator. */
export const interfaceDefaults = {
  ...{ allowedAddresses: [], senderCheck: true, observe: false, maxConnections: null },
  ...{ vlanTrunk: false, allowedFrames: [] },
  ...{ host: null, device: null },
} as const
