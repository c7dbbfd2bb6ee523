/** Scaleway as data: servers of projects in zones, each in a security group. */
import { defaultSwitches } from '../../core/model/policy.ts'
import type { Manifest } from '../manifest.ts'
import { catalogue } from './catalogue.ts'
import { gaps } from './gaps.ts'

const project = '22222222-2222-2222-2222-222222222222'
const labProject = '1ab00000-0000-4000-8000-0000000000aa'

const rulesPerGroup = 1000

export const manifest = {
  profile: 'scaleway',
  title: 'Scaleway',
  order: 4,
  states: ['started', 'running', 'stopped', 'stopped in place'],
  schemes: ['x-auth-token'],
  defaultPolicy: {
    name: 'Default security group',
    scope: 'project',
    // Everything passes but mail; private networks are not filtered.
    settings: {
      enabled: true,
      order: 'first-match',
      defaultIngress: 'allow',
      defaultEgress: 'allow',
      stateful: true,
      filters: ['ingress', 'egress'],
      appliesTo: ['public'],
      guards: defaultSwitches,
      builtIn: 'no-smtp',
    },
    attributes: { description: 'Auto generated security group.', tags: [] },
  },
  // The interface of a flexible IP may have ended by an inventory.
  documentNames: {
    volume: { keys: { project: { document: 'project' }, server: 'server' } },
    ip: { keys: { project: { document: 'project' }, server: 'server' } },
    'user-data': { within: 'server' },
  },
  credentials: ['secret-key'],
  // Clients check `^SCW[A-Z0-9]{17}$` (scaleway-sdk-go: validation/is.go).
  secretKeys: { prefix: 'SCW', letters: 17 },
  inventory: {
    uuids: true,
    documents: {
      kind: 'project',
      key: 'projects',
      description:
        'Scaleway. The first one’s id is the organization’s; without any there is one of the account’s id.',
      keys: {},
      defaults: {},
      initial: { description: '' },
      always: 'default',
      server: {
        key: 'project',
        as: 'attribute',
        description: 'One of the account’s projects; the first when absent.',
      },
      credential: {
        key: 'project',
        description:
          'With `secretKey`: the key’s own project, one that the account lists; the first when absent.',
      },
    },
  },
  pools: {
    'public-ipv4': 'flexible IPs of Scaleway',
    'public-ipv6': 'public interfaces of Scaleway',
    'public-ipv6-prefix': 'flexible IPv6 of Scaleway',
  },
  limits: { rulesPerGroup },
  maxRules: { group: rulesPerGroup },
  catalogue,
  gaps,
  demonstration: {
    account: { projects: [{ id: project, name: 'default' }] },
    credential: {
      accessKey: 'SCWDEMO0000000000000',
      secretKey: '11111111-1111-1111-1111-111111111111',
      project,
    },
    servers: [
      {
        zone: 'fr-par-1',
        name: 'instance1',
        interfaces: [{ addresses: ['192.0.2.40', '2001:db8::40'] }],
      },
    ],
    call: {
      what: 'a security group that lets nothing in',
      flags: "-H 'X-Auth-Token: {secretKey}'",
      path: '/instance/v1/zones/fr-par-1/security_groups',
      body: { name: 'web', stateful: true, inbound_default_policy: 'drop' },
    },
  },
  lab: {
    account: { projects: [{ id: labProject, name: 'default' }] },
    credential: {
      accessKey: 'SCWLAB00000000000000',
      secretKey: '1ab00000-0000-4000-8000-00000000c0de',
      project: labProject,
    },
    servers: [
      {
        number: 6,
        name: 'scw1',
        id: '00b1c2d3-0001-4000-8000-000000000001',
        nics: [
          { type: 'public', addresses: ['192.0.2.15', '2001:db8::15'] },
          { type: 'private', addresses: ['10.0.0.15'] },
        ],
        inventory: { zone: 'fr-par-1' },
      },
      {
        number: 7,
        name: 'scw2',
        id: '00b1c2d3-0001-4000-8000-000000000002',
        nics: [
          { type: 'public', addresses: ['192.0.2.16', '2001:db8::16'] },
          { type: 'private', addresses: ['10.0.0.16'] },
        ],
        inventory: { zone: 'fr-par-1' },
      },
      {
        number: 10,
        name: 'scw3',
        id: '00b1c2d3-0001-4000-8000-000000000003',
        nics: [{ type: 'public', addresses: ['192.0.2.19', '2001:db8::19'] }],
        inventory: { zone: 'fr-par-1' },
      },
    ],
  },
} as const satisfies Manifest
