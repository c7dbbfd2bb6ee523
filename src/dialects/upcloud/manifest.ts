/** UpCloud as data: servers in zones, each with a chain of its own. */
import { defaultSwitches } from '../../core/model/policy.ts'
import type { Manifest } from '../manifest.ts'
import { catalogue } from './catalogue.ts'
import { gaps } from './gaps.ts'

const demonstrated = '00798b85-efdc-41ca-8021-f6ef457b8531'

const rulesPerChain = 1000

export const manifest = {
  profile: 'upcloud',
  title: 'UpCloud',
  order: 2,
  states: ['started', 'stopped', 'maintenance'],
  schemes: ['basic', 'bearer'],
  // Off until switched on; stateless; what no rule decides passes; private networks are not filtered.
  chain: {
    enabled: false,
    order: 'first-match',
    defaultIngress: 'allow',
    defaultEgress: 'allow',
    stateful: false,
    filters: ['ingress', 'egress'],
    appliesTo: ['public', 'utility'],
    guards: defaultSwitches,
    builtIn: null,
  },
  credentials: ['password', 'token'],
  inventory: { uuids: true },
  pools: {
    'public-ipv4': 'public interfaces of UpCloud',
    'public-ipv6': 'public interfaces of UpCloud',
    'utility-ipv4': 'utility interfaces of UpCloud',
  },
  catalogue,
  limits: { rulesPerChain },
  maxRules: { chain: rulesPerChain },
  gaps,
  demonstration: {
    account: {},
    servers: [
      {
        id: demonstrated,
        name: 'web1',
        zone: 'fi-hel1',
        firewall: true,
        interfaces: [{ mac: '52:54:00:00:00:01', addresses: ['192.0.2.10', '2001:db8::10'] }],
      },
    ],
    call: {
      what: "let no SSH reach the demonstration's server",
      flags: '-u {username}:{password}',
      path: `/1.3/server/${demonstrated}/firewall_rule`,
      body: {
        firewall_rule: {
          direction: 'in',
          action: 'drop',
          family: 'IPv4',
          protocol: 'tcp',
          destination_port_start: '22',
          destination_port_end: '22',
        },
      },
    },
  },
  lab: {
    account: {},
    servers: [
      {
        number: 1,
        name: 'web1',
        id: demonstrated,
        nics: [{ type: 'public', addresses: ['192.0.2.10', '2001:db8::10'] }],
        inventory: { zone: 'fi-hel1', firewall: true },
      },
      {
        number: 2,
        name: 'web2',
        id: '0077fa3d-32db-4b09-9f5f-30d9e9afb565',
        nics: [
          { type: 'public', addresses: ['192.0.2.11', '2001:db8::11'] },
          { type: 'private', addresses: ['10.0.0.11'] },
        ],
        inventory: { zone: 'fi-hel1', firewall: false },
      },
      {
        number: 3,
        name: 'db1',
        id: '009d64ef-31d1-4684-a26b-c86c955cbf46',
        nics: [
          { type: 'public', addresses: ['192.0.2.12', '2001:db8::12'] },
          { type: 'private', addresses: ['10.0.0.12'] },
        ],
        inventory: { zone: 'fi-hel1', firewall: true },
      },
    ],
  },
} as const satisfies Manifest
