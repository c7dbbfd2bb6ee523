/** What services, inventory and store need to know of a profile, as plain data: each dialect's manifest holds its own. */
import type { JsonObject } from '../json.ts'
import type { PolicySettings } from './policy.ts'
import type { Direction } from './rule.ts'

/** Name of the dialect that manages a server or policy; the stored word, so it never changes. */
export type Profile = string

/**
 * One profile. Plain data without functions: it crosses to the thread that writes the store, and what it says of a policy
 * is the same everywhere. An absent member means that servers of the profile have no such thing.
 */
export interface ProfileSpec {
  /** Unique in the installation, stored with everything that the dialect manages, and never changed. */
  readonly profile: Profile
  /** Position in lists over several profiles, which clients read: unique, and never changed; a new profile comes last. */
  readonly order: number
  /** States that an inventory may give a new server; empty: the profile has no servers. */
  readonly states: readonly string[]
  /** Each server has a chain of its own, with these settings when nothing else is said. */
  readonly chain?: PolicySettings
  /** Servers are never without a policy: those that name none share this one, made with the first of them. */
  readonly defaultPolicy?: DefaultPolicy
  /** Each interface has a policy of its own, with the interface's id. */
  readonly interfacePolicies?: InterfacePolicies
  /** Most rules of a policy, by what it belongs to: the server, an interface, or nothing. Absent: no limit of its own. */
  readonly maxRules?: Readonly<Partial<Record<'chain' | 'interface' | 'group', number>>>
  /** Zones are documents of this kind: what is in one is made and changed together. */
  readonly zoneKind?: string
  /** Its documents, by kind: what they name that has to be there. A kind that names nothing, or what may have gone, is absent. */
  readonly documentNames?: Readonly<Record<string, DocumentNames>>
  /** Its clients have pairs of an access key and a secret key, and check their form: the secret key is a UUID. */
  readonly secretKeys?: SecretKeyForm
}

/** Something of the same account and profile, by its id. */
export type Named = 'server' | { readonly document: string }

export interface DocumentNames {
  /** What the part of its id before the first slash is the id of. */
  readonly within?: Named
  /** What values of its body are ids of, by key. A value that is absent, null or empty names nothing. */
  readonly keys?: Readonly<Record<string, Named>>
}

/** Access keys: the prefix, and so many capital letters or digits. */
export interface SecretKeyForm {
  readonly prefix: string
  readonly letters: number
}

/** A policy that stands by itself, one for each zone and each value of an attribute of servers. */
export interface DefaultPolicy {
  readonly name: string
  readonly settings: PolicySettings
  readonly attributes: JsonObject
  /** Attribute of servers, and of the policy, whose value it is the default of, beside the zone. */
  readonly scope: string
}

/** Key of a default policy in its account and profile: what it is the default of. */
export const defaultKey = (scope: string, zone: string): string => `${scope} ${zone}`

/** Policies of interfaces, whose settings follow from the interface's attributes. */
export interface InterfacePolicies {
  /** What no attribute decides. */
  readonly settings: PolicySettings
  /** Attribute of the interface: the policy is enabled while its value is true. */
  readonly enabledBy: string
  /** Attribute of the interface whose value chooses the directions that are filtered. */
  readonly filtersBy: {
    readonly attribute: string
    readonly values: Readonly<Record<string, readonly Direction[]>>
    /** The value where the attribute is absent; one of `values`. */
    readonly absent: string
  }
}

/** The settings of one interface's policy. A value that is not known filters both directions. */
export function interfacePolicy(
  { settings, enabledBy, filtersBy }: InterfacePolicies,
  attributes: JsonObject,
): PolicySettings {
  const { attribute, values, absent } = filtersBy
  const value = String(attributes[attribute] ?? absent)
  const filters = Object.hasOwn(values, value) ? values[value] : undefined
  return { ...settings, enabled: attributes[enabledBy] === true, filters: filters ?? ['ingress', 'egress'] }
}

/** Attributes of the interface that its policy's settings follow from; those that say so already stay as they are. */
export function interfaceAttributes(
  policies: InterfacePolicies,
  settings: Pick<PolicySettings, 'enabled' | 'filters'>,
  attributes: JsonObject,
): JsonObject {
  const { attribute, values } = policies.filtersBy
  const now = interfacePolicy(policies, attributes)
  const isSame = (filters: readonly Direction[]) => filters.join() === settings.filters.join()
  const value = Object.keys(values).find((name) => isSame(values[name] ?? []))
  return {
    ...(now.enabled !== settings.enabled && { [policies.enabledBy]: settings.enabled }),
    ...(!isSame(now.filters) && value !== undefined && { [attribute]: value }),
  }
}

/** The spec of a profile; throws for one that is not served, which no request can name. */
export function specOf<S extends ProfileSpec>(specs: readonly S[], profile: Profile): S {
  const found = specs.find((spec) => spec.profile === profile)
  if (!found) throw new Error(`profile ${profile} is not served`)
  return found
}

/** In the order of lists over several profiles. */
export const inOrder = <S extends ProfileSpec>(specs: readonly S[]): readonly S[] =>
  [...specs].sort((a, b) => a.order - b.order)
