/** What the inventory needs to know of a provider, beside its profile. */
import type { ProfileSpec } from '../../core/model/profile.ts'

export interface Provider extends ProfileSpec {
  readonly offers: Offers
}

/** Ids of zones and names of plans that servers may have; an absent list allows any. */
export interface Offers {
  readonly zones?: readonly string[]
  readonly plans?: readonly string[]
}
