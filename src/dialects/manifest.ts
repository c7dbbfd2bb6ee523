/**
 * What a dialect says of its provider, as data: everything that others need to know of it without knowing it.
 *
 * Core, services, inventory, store, demonstration and lab are given the manifests of all dialects, and know no provider.
 * Routes and their words are not in it (dialect.ts).
 */

import type { Profile } from '../core/model/inventory.ts'
import type { PoolKind } from '../core/model/pool.ts'
import type { Scheme } from '../service/authenticate.ts'
import type { Provider } from '../service/inventory/provider.ts'
import type { Catalogue } from './catalogue.ts'

export interface Manifest extends Omit<Provider, 'offers'> {
  /** How its clients present a credential; the first that is there is taken. */
  readonly schemes: readonly Scheme[]
  /** Kinds of pools that its resources take addresses from, and what takes them, as the page on addresses says. */
  readonly pools?: Readonly<Partial<Record<PoolKind, string>>>
  /** What it offers, where that is data; an operator's file may replace it. */
  readonly catalogue?: Catalogue
  /** What of the provider's API is not imitated. */
  readonly gaps: readonly Gap[]
}

/** Profiles whose resources take addresses from pools: those that a pool may be for. */
export const takersOf = (manifests: readonly Manifest[]): readonly Profile[] =>
  manifests.filter(({ pools }) => pools !== undefined).map(({ profile }) => profile)

/** Something of the provider's API that we do not imitate, and why: makes the compatibility page. */
export interface Gap {
  readonly what: string
  readonly why: string
}
