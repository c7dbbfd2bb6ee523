/** The chain that comes with a server of each profile, as data: services and inventory need it without knowing a dialect. */
import { type PolicySettings, type Profile, plainGuards } from './inventory.ts'

/** Profiles whose servers have a chain of their own, and its settings when nothing else is said. */
export const chainSettings: Partial<Record<Profile, PolicySettings>> = {
  // Off until switched on; stateless; what no rule decides passes; private networks are not filtered.
  upcloud: {
    enabled: false,
    order: 'first-match',
    defaultIngress: 'allow',
    defaultEgress: 'allow',
    stateful: false,
    filters: ['ingress', 'egress'],
    appliesTo: ['public', 'utility'],
    guards: plainGuards,
  },
  // Off until switched on; then closed inward and open outward, with connections tracked and the sender checked.
  hostup: {
    enabled: false,
    order: 'first-match',
    defaultIngress: 'deny',
    defaultEgress: 'allow',
    stateful: true,
    filters: ['ingress', 'egress'],
    appliesTo: ['public', 'utility', 'private'],
    guards: { ...plainGuards, sourceMac: true },
  },
}
