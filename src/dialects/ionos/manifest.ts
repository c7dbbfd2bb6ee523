/** IONOS Cloud as data: servers in datacenters, whose NICs each have a firewall, beside security groups. */
import { Type } from 'typebox'
import { type PolicySettings, plainGuards } from '../../core/model/inventory.ts'
import { line, optional, whole } from '../../service/config/fields.ts'
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
  credentials: ['password', 'token'],
  inventory: {
    account: {
      key: 'contractNumber',
      said: 'the contract number',
      schema: whole('IONOS. Each once in the file; made from the id when absent.', 9_999_999_999),
    },
    documents: {
      kind: 'datacenter',
      key: 'datacenters',
      description: 'IONOS.',
      keys: { location: optional(line('`de/txl` when absent.', 63)) },
      defaults: { location: 'de/txl' },
      initial: {},
      server: {
        key: 'datacenter',
        as: 'zone',
        description: 'Profile `ionos`: one of the account’s datacenters, needed there and refused elsewhere.',
      },
    },
    interface: {
      lan: whole('Profile `ionos`: number of its LAN; 1 when absent.', 2 ** 31 - 1),
      firewallActive: Type.Boolean({
        description:
          'Profile `ionos`: whether the NIC is filtered. Absent: as the API left it, at first off.',
      }),
      firewallType: Type.Enum(Object.keys(firewallTypes), {
        description:
          'Profile `ionos`: directions that are filtered. Absent: as the API left it, at first `INGRESS`.',
      }),
    },
  },
  pools: {
    'public-ipv4': 'public NICs and IP blocks of IONOS',
    'lan-ipv4': 'private LANs of IONOS',
    'datacenter-ipv6': 'datacenters of IONOS; LANs and NICs have parts of it',
  },
  catalogue,
  gaps,
} as const satisfies Manifest
