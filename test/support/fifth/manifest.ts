/** A made-up provider as data: VMs in racks, known by a slot, each with a chain of its own. */
import { defaultSwitches } from '../../../src/core/model/policy.ts'
import type { Manifest } from '../../../src/dialects/manifest.ts'
import { line, whole } from '../../../src/service/config/fields.ts'
import { catalogue } from './catalogue.ts'

export const manifest = {
  profile: 'fifth',
  title: 'Fifth Cloud',
  place: 6,
  states: ['on', 'off'],
  schemes: ['x-api-key'],
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
  credentials: ['token'],
  inventory: {
    account: { key: 'tenant', said: 'the tenant', schema: line('Fifth Cloud. Each once in the file.', 20) },
    number: {
      key: 'slot',
      schema: whole('Profile `fifth`: its slot, needed there and refused elsewhere.', 99),
    },
    interface: { segment: line('Profile `fifth`: its segment.', 20) },
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
    },
  },
  zoneKind: 'rack',
  catalogue,
  gaps: [],
  demonstration: {
    account: { racks: [{ id: 'rack1', name: 'rack1' }] },
    servers: [
      {
        slot: 7,
        rack: 'rack1',
        name: 'vm7',
        interfaces: [{ addresses: ['192.0.2.70'], segment: 'front' }],
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
