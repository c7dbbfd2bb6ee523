/** UpCloud as data: servers in zones, each with a chain of its own. */
import { plainGuards } from '../../core/model/inventory.ts'
import type { Manifest } from '../manifest.ts'
import { catalogue } from './catalogue.ts'
import { gaps } from './gaps.ts'

export const manifest = {
  profile: 'upcloud',
  title: 'UpCloud',
  place: 2,
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
    guards: plainGuards,
    builtIn: null,
  },
  catalogue,
  gaps,
} as const satisfies Manifest
