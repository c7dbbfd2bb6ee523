/** IONOS Cloud as data: servers in datacenters, whose NICs each have a firewall, beside security groups. */
import { type PolicySettings, plainGuards } from '../../core/model/inventory.ts'
import type { Manifest } from '../manifest.ts'
import { catalogue } from './catalogue.ts'
import { gaps } from './gaps.ts'

/** Of a NIC's firewall and of every group: rules only allow, on connections, and what none of them lets through does not pass. */
export const allowList: PolicySettings = {
  enabled: true,
  order: 'allow-list',
  defaultIngress: 'deny',
  defaultEgress: 'deny',
  stateful: true,
  filters: ['ingress', 'egress'],
  appliesTo: ['public', 'utility', 'private'],
  guards: plainGuards,
  builtIn: null,
}

/** Directions that a NIC filters, by the provider's word. */
const firewallTypes = {
  INGRESS: ['ingress'],
  EGRESS: ['egress'],
  BIDIRECTIONAL: ['ingress', 'egress'],
} as const

export const manifest = {
  profile: 'ionos',
  title: 'IONOS',
  place: 3,
  states: ['started', 'stopped'],
  schemes: ['basic', 'bearer'],
  interfacePolicies: {
    settings: allowList,
    enabledBy: 'firewallActive',
    filtersBy: { attribute: 'firewallType', values: firewallTypes, absent: 'INGRESS' },
  },
  zoneKind: 'datacenter',
  catalogue,
  gaps,
} as const satisfies Manifest
