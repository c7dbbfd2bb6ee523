/** HostUp as data: VMs that are known by a number, each with a chain of its own. */
import { defaultSwitches } from '../../core/model/policy.ts'
import { whole } from '../../service/config/fields.ts'
import type { Manifest } from '../manifest.ts'
import { gaps } from './gaps.ts'

const limits = { rulesPerChain: 100, rulesPerGroup: 100 } as const

export const manifest = {
  profile: 'hostup',
  title: 'HostUp',
  order: 1,
  states: ['started', 'stopped'],
  schemes: ['x-api-key', 'bearer'],
  // Off until switched on; then closed inward and open outward, with connections tracked and the sender checked.
  chain: {
    enabled: false,
    order: 'first-match',
    defaultIngress: 'deny',
    defaultEgress: 'allow',
    stateful: true,
    filters: ['ingress', 'egress'],
    appliesTo: ['public', 'utility', 'private'],
    guards: { ...defaultSwitches, sourceMac: true },
    builtIn: null,
  },
  credentials: ['token'],
  inventory: {
    number: {
      key: 'vmid',
      schema: whole('Profile `hostup`: its number, needed there and refused elsewhere.', 999_999_999),
    },
  },
  limits,
  maxRules: { chain: limits.rulesPerChain, group: limits.rulesPerGroup },
  gaps,
  demonstration: {
    account: {},
    servers: [{ vmid: 10000, name: 'vps1', interfaces: [{ addresses: ['192.0.2.20', '2001:db8::20'] }] }],
    call: {
      what: 'let HTTPS reach VM 10000',
      flags: "-H 'X-API-Key: {token}'",
      path: '/api/vm/10000/firewall',
      body: {
        type: 'in',
        action: 'ACCEPT',
        proto: 'tcp',
        dport: '443',
        source: '2001:db8::1/32',
        comment: 'HTTPS Secure Web',
        enable: 1,
      },
    },
  },
  lab: {
    account: {},
    servers: [
      {
        number: 4,
        name: 'vps1',
        id: '00a1c2d3-0001-4000-8000-000000010000',
        nics: [{ type: 'public', addresses: ['192.0.2.13', '2001:db8::13'] }],
        inventory: { vmid: 10000 },
      },
      {
        number: 5,
        name: 'vps2',
        id: '00a1c2d3-0001-4000-8000-000000010001',
        nics: [{ type: 'public', addresses: ['192.0.2.14', '2001:db8::14'] }],
        inventory: { vmid: 10001 },
      },
    ],
  },
} as const satisfies Manifest
