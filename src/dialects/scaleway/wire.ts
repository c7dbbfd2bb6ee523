/** Scaleway's JSON as it is spelled, instance API v1: keys in the order that the real service prints them. */
import type { JsonObject } from '../../core/json.ts'

export const wireProtocols = ['TCP', 'UDP', 'ICMP', 'ANY'] as const
export const wireDirections = ['inbound', 'outbound'] as const
export const wireActions = ['accept', 'drop'] as const

export type WireProtocol = (typeof wireProtocols)[number]
export type WireDirection = (typeof wireDirections)[number]
export type WireAction = (typeof wireActions)[number]

/** What is stored of a rule: what decides, in the spelling that is answered. */
export interface RuleText {
  readonly protocol: WireProtocol
  readonly direction: WireDirection
  readonly action: WireAction
  /** Canonical; a single address has no length. */
  readonly ip_range: string
  /** 1 to 65535; null: every port. */
  readonly dest_port_from: number | null
  /** Above `dest_port_from`; null: just that one. */
  readonly dest_port_to: number | null
}

export interface WireRule extends RuleText {
  readonly id: string
  readonly dest_ip_range: null
  readonly position: number
  readonly editable: boolean
  readonly zone: string
}

export interface WireGroup {
  readonly id: string
  readonly creation_date: string
  readonly modification_date: string
  readonly name: string
  readonly description: string | null
  readonly organization: string
  readonly project: string
  readonly servers: readonly { readonly id: string; readonly name: string }[]
  readonly stateful: boolean
  readonly inbound_default_policy: WireAction
  readonly outbound_default_policy: WireAction
  readonly organization_default: boolean
  readonly project_default: boolean
  readonly enable_default_security: boolean
  readonly state: 'available' | 'syncing' | 'syncing_error'
  readonly tags: readonly string[]
  readonly zone: string
}

/** What is stored of a group beside what the model knows. */
export interface GroupAttributes {
  readonly project: string
  readonly description: string | null
  readonly tags: readonly string[]
}

/** A disk as it hangs on a server; the volume itself is a document of its own. */
export interface WireDisk {
  readonly boot: boolean
  readonly volume_type: string
  readonly id: string
  readonly state: string
  readonly zone: string
}

/** What is stored of a server beside what the model knows. */
export interface ServerAttributes {
  readonly project: string
  readonly commercial_type?: string
  readonly plan?: string
  readonly image?: string | null
  readonly tags?: readonly string[]
  readonly boot_type?: string
  readonly protected?: boolean
  readonly dynamic_ip_required?: boolean
  readonly enable_ipv6?: boolean
  /** By slot: numbers from 0 on, as text. */
  readonly volumes?: Readonly<Record<string, JsonObject>>
  /** Milliseconds since 1970. */
  readonly modifiedAt?: number
}
