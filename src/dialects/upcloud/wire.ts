/** UpCloud's JSON as it is spelled, version 1.3: keys in alphabetical order, as the real service prints them. */

import type { JsonObject } from '../../core/json.ts'

/** Every value is a string; what is not set is `""`. */
export interface WireRule {
  readonly action: string
  readonly comment: string
  readonly destination_address_end: string
  readonly destination_address_start: string
  readonly destination_port_end: string
  readonly destination_port_start: string
  readonly direction: string
  readonly family: string
  readonly icmp_type: string
  readonly position: string
  readonly protocol: string
  readonly source_address_end: string
  readonly source_address_start: string
  readonly source_port_end: string
  readonly source_port_start: string
}

/** What is stored of a rule: its text as the client gave it. */
export type RuleText = Omit<WireRule, 'position'>

export const emptyRule: RuleText = {
  action: '',
  comment: '',
  destination_address_end: '',
  destination_address_start: '',
  destination_port_end: '',
  destination_port_start: '',
  direction: '',
  family: '',
  icmp_type: '',
  protocol: '',
  source_address_end: '',
  source_address_start: '',
  source_port_end: '',
  source_port_start: '',
}

export interface WireLabel {
  readonly key: string
  readonly value: string
}

/** A disk as it hangs on a server; the storage itself is a document of its own. */
export interface WireDisk {
  readonly address: string
  readonly boot_disk: string
  readonly part_of_plan: string
  readonly storage: string
  readonly storage_encrypted: string
  readonly storage_size: number
  readonly storage_tier: string
  readonly storage_title: string
  readonly type: string
}

/** What is stored of a storage. */
export interface StorageBody {
  readonly title: string
  /** GiB. */
  readonly size: number
  readonly tier: string
  readonly zone: string
  /** Id of the server it was attached to last; absent: to none. */
  readonly server?: string
  /** Empty or absent: none. */
  readonly backupRule?: JsonObject
  readonly labels?: readonly WireLabel[]
}

export type OnOff = 'on' | 'off'
export type YesNo = 'yes' | 'no'
