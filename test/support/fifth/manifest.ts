/**
 * A made-up provider as data, which uses every member of a manifest but pools: VMs in racks, known by a slot, each with a
 * chain of its own, the rack's policy, and a filter on each interface.
 */
import { Type } from 'typebox'
import { defaultSwitches, type PolicySettings } from '../../../src/core/model/policy.ts'
import type { Manifest } from '../../../src/dialects/manifest.ts'
import { line, whole } from '../../../src/service/config/fields.ts'
import { catalogue } from './catalogue.ts'
import { gaps } from './gaps.ts'

/** Of a rack and of an interface's filter: they let nothing through by themselves. */
const allowList: PolicySettings = {
  enabled: true,
  order: 'allow-list',
  defaultIngress: 'deny',
  defaultEgress: 'allow',
  stateful: true,
  filters: ['ingress'],
  appliesTo: ['public'],
  guards: defaultSwitches,
  builtIn: null,
}

export const manifest = {
  profile: 'fifth',
  title: 'Fifth Cloud',
  // Behind all that may come.
  order: 1000,
  states: ['on', 'off'],
  schemes: ['x-api-key', 'x-auth-token'],
  chain: {
    enabled: true,
    order: 'first-match',
    defaultIngress: 'deny',
    defaultEgress: 'allow',
    stateful: true,
    filters: ['ingress', 'egress'],
    appliesTo: ['public'],
    guards: defaultSwitches,
    builtIn: null,
  },
  defaultPolicy: {
    name: 'Policy of the rack',
    scope: 'rack',
    settings: allowList,
    attributes: { made: true },
  },
  interfacePolicies: {
    settings: allowList,
    enabledBy: 'filtered',
    filtersBy: { attribute: 'way', values: { in: ['ingress'], out: ['egress'] }, absent: 'in' },
  },
  credentials: ['token', 'secret-key'],
  inventory: {
    account: { key: 'tenant', said: 'the tenant', schema: line('Fifth Cloud. Each once in the file.', 20) },
    number: {
      key: 'slot',
      schema: whole('Profile `fifth`: its slot, needed there and refused elsewhere.', 99),
    },
    interface: {
      segment: line('Profile `fifth`: its segment.', 20),
      filtered: Type.Boolean({ description: 'Profile `fifth`: whether it has a filter.' }),
      way: Type.Enum(['in', 'out'], { description: 'Profile `fifth`: what its filter is for.' }),
    },
    documents: {
      kind: 'rack',
      key: 'racks',
      description: 'Fifth Cloud.',
      keys: {},
      defaults: {},
      initial: {},
      server: {
        key: 'rack',
        as: 'zone',
        description: 'Profile `fifth`: one of the account’s racks, needed there and refused elsewhere.',
      },
      credential: { key: 'rack', description: 'With `secretKey`: the rack that the key is for.' },
    },
  },
  zoneKind: 'rack',
  limits: { rulesPerSlot: 50 },
  catalogue,
  gaps,
  demonstration: {
    account: { racks: [{ id: 'rack1', name: 'rack1' }] },
    credential: {
      accessKey: 'FIFTHDEMO00000000000',
      secretKey: '55555555-5555-5555-5555-555555555555',
      rack: 'rack1',
    },
    servers: [
      {
        slot: 7,
        rack: 'rack1',
        name: 'vm7',
        interfaces: [{ addresses: ['192.0.2.70'], segment: 'front', filtered: true, way: 'out' }],
      },
    ],
    call: {
      what: 'let HTTPS reach slot 7',
      flags: "-H 'X-API-Key: {token}'",
      path: '/fifth/slots/7/rules',
      body: { port: 443 },
    },
  },
  lab: {
    account: { racks: [{ id: 'rack1', name: 'rack1' }] },
    servers: [
      {
        number: 11,
        name: 'vm7',
        id: '00f1f700-0001-4000-8000-000000000007',
        nics: [{ type: 'public', addresses: ['192.0.2.71'] }],
        inventory: { slot: 7, rack: 'rack1' },
      },
    ],
  },
} as const satisfies Manifest
