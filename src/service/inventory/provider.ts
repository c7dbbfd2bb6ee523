/** What the inventory is told of a provider: which keys the file has for it, and what its servers may name. */
import type { TSchema } from 'typebox'
import type { JsonObject } from '../../core/json.ts'
import type { ProfileSpec } from '../../core/model/profile.ts'
import type { CredentialKind } from '../../storage/storage.ts'

export interface Provider extends ProfileSpec {
  /** Its name, as pages write it. */
  readonly title: string
  /** Kinds of credentials that its clients are given. */
  readonly credentials: readonly CredentialKind[]
  readonly offers: Offers
  readonly inventory: InventoryPart
}

/** Ids of zones and names of plans that servers may have; an absent list allows any. */
export interface Offers {
  readonly zones?: readonly string[]
  readonly plans?: readonly string[]
}

/** The keys that a provider adds to the file, by name, each with its schema; an absent member adds none. */
export interface InventoryPart {
  /** Whether its API knows servers by UUIDs in lower case only: another id is warned of. */
  readonly uuids?: boolean
  /** Key of accounts that becomes an attribute; no two accounts have the same value. `said` is how a message calls it. */
  readonly account?: { readonly key: string; readonly said: string; readonly schema: TSchema }
  /** Key of the number that its servers are known by: they need one, no two have the same, and other servers have none. */
  readonly number?: { readonly key: string; readonly schema: TSchema }
  readonly documents?: NamedDocuments
  /** Keys of interfaces that become attributes; interfaces of servers of others have none of them. */
  readonly interface?: Readonly<Record<string, TSchema>>
}

/** Documents that an account lists with an id and a name, and that servers name by id. */
export interface NamedDocuments {
  /** Kind that they are stored as, and what a message calls one of them. */
  readonly kind: string
  /** Key of an account for the list of them, and what a message calls several. */
  readonly key: string
  readonly description: string
  /** Keys of one of them, beside its id and name. */
  readonly keys: Readonly<Record<string, TSchema>>
  /** Values of those keys where the file has none. */
  readonly defaults: JsonObject
  /** What a new one begins with that the file does not say. */
  readonly initial: JsonObject
  /** Every account has one: where the file lists none, one of this name and the account's id. */
  readonly always?: string
  readonly server: {
    /** Key of a server that names one of them. */
    readonly key: string
    readonly description: string
    /**
     * `zone`: it is the zone of the provider's servers, which need one that the file lists; other servers have none.
     * `attribute`: any server may name one that is listed or stored; the provider's own have the first when they name none.
     */
    readonly as: 'zone' | 'attribute'
  }
  /** Key of a secret key that names one that the file lists. */
  readonly credential?: { readonly key: string; readonly description: string }
}
