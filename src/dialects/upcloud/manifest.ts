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
  credentials: ['password', 'token'],
  inventory: { uuids: true },
  pools: {
    'public-ipv4': 'public interfaces of UpCloud',
    'public-ipv6': 'public interfaces of UpCloud',
    'utility-ipv4': 'utility interfaces of UpCloud',
  },
  catalogue,
  gaps,
} as const satisfies Manifest
