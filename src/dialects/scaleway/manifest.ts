/** Scaleway as data: servers of projects in zones, each in a security group. */
import { plainGuards } from '../../core/model/inventory.ts'
import type { Manifest } from '../manifest.ts'
import { catalogue } from './catalogue.ts'
import { gaps } from './gaps.ts'

export const manifest = {
  profile: 'scaleway',
  title: 'Scaleway',
  place: 4,
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
      guards: plainGuards,
      builtIn: 'no-smtp',
    },
    attributes: { description: 'Auto generated security group.', tags: [] },
  },
  credentials: ['secret-key'],
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
  catalogue,
  gaps,
} as const satisfies Manifest
