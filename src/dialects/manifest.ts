/**
 * What a dialect says of its provider, as data: everything that others need to know of it without knowing it.
 *
 * Core, services, inventory, store, demonstration and lab are given the manifests of all dialects, and know no provider.
 * Routes and their words are not in it (dialect.ts).
 */
import type { ProfileSpec } from '../core/model/profile.ts'
import type { Scheme } from '../service/authenticate.ts'
import type { Catalogue } from './catalogue.ts'

export interface Manifest extends ProfileSpec {
  /** The provider's name, as pages write it. */
  readonly title: string
  /** How its clients present a credential; the first that is there is taken. */
  readonly schemes: readonly Scheme[]
  /** What it offers, where that is data; an operator's file may replace it. */
  readonly catalogue?: Catalogue
  /** What of the provider's API is not imitated. */
  readonly gaps: readonly Gap[]
}

/** Something of the provider's API that we do not imitate, and why: makes the compatibility page. */
export interface Gap {
  readonly what: string
  readonly why: string
}
