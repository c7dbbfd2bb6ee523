/** HostUp as data: VMs that are known by a number, each with a chain of its own. */
import { plainGuards } from '../../core/model/inventory.ts'
import { whole } from '../../service/config/fields.ts'
import type { Manifest } from '../manifest.ts'
import { gaps } from './gaps.ts'

export const manifest = {
  profile: 'hostup',
  title: 'HostUp',
  place: 1,
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
    guards: { ...plainGuards, sourceMac: true },
    builtIn: null,
  },
  credentials: ['token'],
  inventory: {
    number: {
      key: 'vmid',
      schema: whole('Profile `hostup`: its number, needed there and refused elsewhere.', 999_999_999),
    },
  },
  gaps,
} as const satisfies Manifest
