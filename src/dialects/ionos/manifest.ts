/** IONOS Cloud as data: servers in datacenters, whose NICs each have a firewall, beside security groups. */
import { Type } from 'typebox'
import { defaultSwitches, type PolicySettings } from '../../core/model/policy.ts'
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
  guards: defaultSwitches,
  builtIn: null,
}

/** Directions that a NIC filters, by the provider's word. */
const firewallTypes = {
  INGRESS: ['ingress'],
  EGRESS: ['egress'],
  BIDIRECTIONAL: ['ingress', 'egress'],
} as const

const demonstrated = {
  datacenter: '33333333-3333-4333-8333-333333333333',
  server: '00c0be00-efdc-41ca-8021-f6ef457b8531',
  nic: '00a1c000-efdc-41ca-8021-f6ef457b8531',
}
const labDatacenter = '0dc00000-0000-4000-8000-000000000001'

/** Of the vendor's documentation of security groups; for a NIC's own rules and flow logs none is published. */
const limits = {
  groupsPerVdc: 200,
  rulesPerGroup: 100,
  groupsPerResource: 10,
  rulesPerNic: 100,
  flowLogsPerNic: 10,
} as const

export const manifest = {
  profile: 'ionos',
  title: 'IONOS',
  order: 3,
  states: ['started', 'stopped'],
  schemes: ['basic', 'bearer'],
  interfacePolicies: {
    settings: allowList,
    enabledBy: 'firewallActive',
    filtersBy: { attribute: 'firewallType', values: firewallTypes, absent: 'INGRESS' },
  },
  zoneKind: 'datacenter',
  documentNames: {
    lan: { within: { document: 'datacenter' } },
    volume: { within: { document: 'datacenter' }, keys: { server: 'server' } },
  },
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
  limits,
  maxRules: { interface: limits.rulesPerNic, group: limits.rulesPerGroup },
  catalogue,
  gaps,
  demonstration: {
    account: { datacenters: [{ id: demonstrated.datacenter, name: 'demo', location: 'de/txl' }] },
    servers: [
      {
        id: demonstrated.server,
        datacenter: demonstrated.datacenter,
        name: 'cube1',
        interfaces: [
          {
            id: demonstrated.nic,
            lan: 1,
            addresses: ['192.0.2.30', '2001:db8::30'],
            firewallActive: true,
          },
        ],
      },
    ],
    call: {
      what: 'let SSH over IPv4 reach the NIC of cube1',
      flags: '-u {username}:{password}',
      path: `/cloudapi/v6/datacenters/${demonstrated.datacenter}/servers/${demonstrated.server}/nics/${demonstrated.nic}/firewallrules`,
      body: { properties: { name: 'SSH', protocol: 'TCP', portRangeStart: 22, portRangeEnd: 22 } },
    },
  },
  lab: {
    account: { datacenters: [{ id: labDatacenter, name: 'lab', location: 'de/txl' }] },
    servers: [
      {
        number: 8,
        name: 'cube1',
        id: '00c0be00-0001-4000-8000-000000000001',
        nics: [{ type: 'public', addresses: ['192.0.2.17', '2001:db8::17'] }],
        inventory: { datacenter: labDatacenter },
      },
      {
        number: 9,
        name: 'cube2',
        id: '00c0be00-0002-4000-8000-000000000002',
        nics: [{ type: 'public', addresses: ['192.0.2.18', '2001:db8::18'] }],
        inventory: { datacenter: labDatacenter },
      },
    ],
  },
} as const satisfies Manifest
