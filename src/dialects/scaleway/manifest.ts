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
  catalogue,
  gaps,
} as const satisfies Manifest
