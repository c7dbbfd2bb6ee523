/** IONOS Cloud's JSON as version 6 spells it: kinds of resources, the collections of each, times, ETags. */
import { createHash } from 'node:crypto'
import type { JsonObject, JsonValue } from '../../core/json.ts'

export const profile = 'ionos' as const

/** All paths start with it. */
export const prefix = '/cloudapi/v6'

/** Whole seconds, UTC. */
export const date = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')

/** 32 hexadecimal digits, the same for the same values: the form of ETags. */
export const hash = (value: JsonValue): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)

export type Kind =
  | 'datacenter'
  | 'server'
  | 'volume'
  | 'nic'
  | 'lan'
  | 'security-group'
  | 'firewall-rule'
  | 'flow-log'
  | 'pcc'
  | 'label'
  | 'image'
  | 'location'
  | 'template'
  | 'ipblock'

export interface Collection {
  /** Last part of its path and of its id. */
  readonly name: string
  /** The kind of its resources; absent: it is always empty. */
  readonly of?: Kind
}

const holding = (names: Readonly<Record<string, Kind | undefined>>): readonly Collection[] =>
  Object.entries(names).map(([name, of]) => ({ name, ...(of && { of }) }))

/** In the order the service prints them. A kind without any has no `entities`. */
export const collections: Readonly<Record<Kind, readonly Collection[]>> = {
  datacenter: holding({
    servers: 'server',
    volumes: 'volume',
    loadbalancers: undefined,
    lans: 'lan',
    networkloadbalancers: undefined,
    natgateways: undefined,
    applicationloadbalancers: undefined,
    securitygroups: 'security-group',
  }),
  server: holding({ cdroms: undefined, volumes: 'volume', nics: 'nic', securitygroups: 'security-group' }),
  nic: holding({ firewallrules: 'firewall-rule', flowlogs: 'flow-log', securitygroups: 'security-group' }),
  lan: holding({ nics: 'nic' }),
  'security-group': holding({ rules: 'firewall-rule', servers: 'server', nics: 'nic' }),
  volume: [],
  'firewall-rule': [],
  'flow-log': [],
  pcc: [],
  label: [],
  image: [],
  location: [],
  template: [],
  ipblock: [],
}

/** What is stored of a rule: its text as the client gave it, null where it gave none. */
export interface RuleText {
  readonly name: string | null
  readonly protocol: Protocol
  readonly sourceMac: string | null
  readonly ipVersion: IpVersion | null
  readonly sourceIp: string | null
  readonly targetIp: string | null
  readonly icmpCode: number | null
  readonly icmpType: number | null
  readonly portRangeStart: number | null
  readonly portRangeEnd: number | null
  readonly type: 'INGRESS' | 'EGRESS' | null
}

/** A NIC that a body asks for, with what is nested in it. */
export interface WantedNic {
  readonly properties: JsonObject
  /** Where its properties are in the body. */
  readonly at: string
  readonly rules: readonly RuleText[]
  readonly flowLogs: readonly JsonObject[]
}

export const protocols = ['TCP', 'UDP', 'ICMP', 'ICMPv6', 'GRE', 'VRRP', 'ESP', 'AH', 'ANY'] as const
export type Protocol = (typeof protocols)[number]
export type IpVersion = 'IPv4' | 'IPv6'
