/** The policies that come with servers of each profile, as data: services and inventory need them without knowing a dialect. */
import type { JsonObject } from '../json.ts'
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
    builtIn: null,
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
    builtIn: null,
  },
}

/** Rules that only allow, on connections: what none of them lets through does not pass. */
const allowList: PolicySettings = {
  enabled: true,
  order: 'allow-list',
  defaultIngress: 'deny',
  defaultEgress: 'deny',
  stateful: true,
  filters: ['ingress', 'egress'],
  appliesTo: ['public', 'utility', 'private'],
  guards: plainGuards,
  builtIn: null,
}

/** Profiles whose groups are all alike, and how. */
export const groupSettings: Partial<Record<Profile, PolicySettings>> = { ionos: allowList }

/** Directions that an IONOS NIC filters, by the provider’s word. */
export const firewallTypes: Readonly<Record<string, PolicySettings['filters']>> = {
  INGRESS: ['ingress'],
  EGRESS: ['egress'],
  BIDIRECTIONAL: ['ingress', 'egress'],
}

/** Profiles whose interfaces each have a policy of their own, of the interface's id; its settings follow from the attributes. */
export const interfaceSettings: Partial<Record<Profile, (attributes: JsonObject) => PolicySettings>> = {
  ionos: ({ firewallActive, firewallType }) => ({
    ...allowList,
    enabled: firewallActive === true,
    filters: firewallTypes[String(firewallType ?? 'INGRESS')] ?? ['ingress', 'egress'],
  }),
}

/** A policy that stands by itself as its profile makes it for servers that name none. */
export interface DefaultPolicy {
  readonly name: string
  readonly settings: PolicySettings
  readonly attributes: JsonObject
}

/** Profiles whose servers are never without a policy: what they get is made with the first one in its project and zone. */
export const defaultPolicies: Partial<Record<Profile, DefaultPolicy>> = {
  scaleway: {
    name: 'Default security group',
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
}

/** What such a policy is the default of. */
export const defaultPlace = (project: string, zone: string): string => `${project} ${zone}`
