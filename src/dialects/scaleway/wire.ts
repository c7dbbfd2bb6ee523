/** Scaleway's JSON as it is spelled, instance API v1: keys in the order that the real service prints them. */
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

export const volumeTypes = ['l_ssd', 'sbs_volume'] as const
export type VolumeType = (typeof volumeTypes)[number]

/** A volume in a slot of a server. */
export interface AttachedVolume {
  readonly id: string
  readonly volume_type: VolumeType
  readonly boot: boolean
}

/** The slots of a server: numbers from 0 on, as text. */
export type Slots = Readonly<Record<string, AttachedVolume>>

/** What is stored of a volume. Times are milliseconds since 1970. */
export interface VolumeAttributes {
  readonly name: string
  readonly type: VolumeType
  /** Bytes. */
  readonly size: number
  readonly zone: string
  readonly project: string
  /** Of the server it is attached to; null or absent: none. */
  readonly server?: string | null
  readonly tags?: readonly string[]
  /** Of block storage: 5000 or 15000 operations a second. */
  readonly iops?: number
  /** Id of the image's snapshot that it was made from. */
  readonly snapshot?: string
  readonly createdAt: number
  readonly modifiedAt?: number
  readonly attachedAt?: number
  readonly detachedAt?: number
}

export const ipTypes = ['routed_ipv4', 'routed_ipv6'] as const
export type IpType = (typeof ipTypes)[number]

/** What is stored of a flexible IP. */
export interface IpAttributes {
  readonly type: IpType
  /** Canonical; of IPv6 a prefix. */
  readonly address: string
  readonly zone: string
  readonly project: string
  readonly tags: readonly string[]
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Where it is attached; null: nowhere. */
  readonly server: string | null
  readonly interface: string | null
  /** The address of that interface: itself, or one in the prefix. */
  readonly host: string | null
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
  readonly volumes?: Slots
  /** Ids of its flexible IPs, in order of attachment. */
  readonly ips?: readonly string[]
  /** The address it has while it is powered on. */
  readonly dynamicIp?: string
  /** Keys of its user data; the values are documents. */
  readonly userData?: readonly string[]
  /** Milliseconds since 1970. */
  readonly modifiedAt?: number
}
