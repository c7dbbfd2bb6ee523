/**
 * What a dialect says of its provider, as data: everything that others need to know of it without knowing it.
 *
 * Core, services, inventory, store, demonstration and lab are given the manifests of all dialects, and know no provider.
 * Routes and their words are not in it (dialect.ts).
 */

import type { JsonObject } from '../core/json.ts'
import type { InterfaceType } from '../core/model/interface.ts'
import type { PoolKind } from '../core/model/pool.ts'
import type { Profile } from '../core/model/profile.ts'
import type { Scheme } from '../service/authenticate.ts'
import type { Provider } from '../service/inventory/provider.ts'
import type { Catalogue } from './catalogue.ts'

export interface Manifest extends Omit<Provider, 'offers'> {
  /** How its clients present a credential; the first that is there is taken. */
  readonly schemes: readonly Scheme[]
  /** Kinds of pools that its resources take addresses from, and what takes them, as the page on addresses says. */
  readonly pools?: Readonly<Partial<Record<PoolKind, string>>>
  /** Most things of a kind that one may hold, by the dialect's names for them: `rulesPerChain`. Only the dialect reads them. */
  readonly limits?: Readonly<Record<string, number>>
  /** What it offers, where that is data; an operator's file may replace it. */
  readonly catalogue?: Catalogue
  /** What of the provider's API is not imitated. */
  readonly gaps: readonly Gap[]
  readonly demonstration?: DemonstrationPart
  readonly lab?: LabPart
}

/** A part of an account that an inventory file has for trying things out: the general keys are the others'. */
interface AccountPart {
  /** Keys of the account. */
  readonly account: JsonObject
  /** A credential, where clients of the provider have one beside a password and a token. */
  readonly credential?: Readonly<Record<string, string>>
}

/** What the demonstration has for the provider, and how it is called. */
export interface DemonstrationPart extends AccountPart {
  /** Servers as the inventory has them, without their profile. */
  readonly servers: readonly JsonObject[]
  readonly call: {
    /** What the call does, after the provider's name. */
    readonly what: string
    /** How `curl` presents the credential: `{username}`, `{password}`, `{token}` and keys of `credential` are filled in. */
    readonly flags: string
    readonly path: string
    readonly body: JsonObject
  }
}

/** What the lab has for the provider; of the form that the lab reads (lab/topology.ts), which imports no dialect. */
export interface LabPart extends AccountPart {
  readonly servers: readonly {
    /** Unique in the lab, 1 to 255: its devices and addresses are numbered by it. */
    readonly number: number
    readonly name: string
    readonly id: string
    readonly nics: readonly { readonly type: InterfaceType; readonly addresses: readonly string[] }[]
    /** What else the inventory says of it. */
    readonly inventory: JsonObject
  }[]
}

/** Profiles whose resources take addresses from pools: those that a pool may be for. */
export const takersOf = (manifests: readonly Manifest[]): readonly Profile[] =>
  manifests.filter(({ pools }) => pools !== undefined).map(({ profile }) => profile)

/** Something of the provider's API that we do not imitate, and why: makes the compatibility page. */
export interface Gap {
  readonly what: string
  readonly why: string
}
