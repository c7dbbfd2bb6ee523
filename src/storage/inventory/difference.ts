/**
 * What an inventory would change in a store, found by reading alone: the same steps run on a snapshot, for whoever only
 * asks or prepares a write, and inside the transaction of a write that could not be prepared.
 */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import { ok, type Result } from '../../core/result.ts'
import type { Move } from '../programs/moves.ts'
import { queryOne, type Steps } from '../statement.ts'
import type {
  AccountRecord,
  CredentialRecord,
  InventoryRecords,
  NewDocument,
  ServerRecord,
} from '../storage.ts'
import { compareAccounts } from './accounts.ts'
import type { InventoryChange } from './change.ts'
import { compareCredentials } from './credentials.ts'
import { compareDocuments } from './documents.ts'
import { compareServers } from './servers.ts'

export type InventoryEntry = InventoryRecords['servers'][number]

/** An interface as it will be stored, with who made it and who said where it is. */
export interface StoredInterface extends Interface {
  readonly origin: string
  readonly boundBy: string | null
  readonly boundAt: number | null
}

/** A server that is stored and will differ. */
export interface ServerDifference {
  readonly entry: Omit<InventoryEntry, 'interfaces'>
  readonly old: ServerRecord
  /** It had left, and comes back. */
  readonly back: boolean
  readonly attributes: JsonObject
  /** All that it will have, in order. */
  readonly interfaces: readonly StoredInterface[]
  /** Whether they are written: one at least differs from what is stored. */
  readonly placed: boolean
  /** Ids of interfaces that end. */
  readonly gone: readonly string[]
}

export interface InventoryDifference {
  /** The revision that it was found at: it is true of no other. */
  readonly against: number
  readonly accounts: {
    readonly leave: readonly string[]
    readonly put: readonly { readonly account: AccountRecord; readonly before: AccountRecord | null }[]
  }
  readonly credentials: readonly {
    readonly before: CredentialRecord | null
    readonly after: CredentialRecord | null
  }[]
  readonly documents: {
    readonly leave: readonly Pick<NewDocument, 'profile' | 'kind' | 'id'>[]
    /** `own`: the inventory may end it. */
    readonly put: readonly (NewDocument & { readonly own: boolean })[]
  }
  readonly servers: {
    /** Ids of those that end; and those of an API that only give up the devices that the inventory gave them. */
    readonly leave: readonly string[]
    readonly release: readonly string[]
    /** Interfaces that were found on devices on which others are put. */
    readonly yield: readonly Move[]
    readonly change: readonly ServerDifference[]
    readonly make: readonly InventoryEntry[]
  }
  /** In words for people and programs; empty: nothing differs. */
  readonly changes: readonly InventoryChange[]
}

/** `keep`: what the inventory owns and does not name stays as it is. */
export interface InventoryOptions {
  readonly keep?: boolean
  /** Milliseconds since 1970. */
  readonly now: number
}

/** The error is `invalid`, its field the id of the server, interface, account, credential or document at fault. */
export function* compareInventory(
  inventory: InventoryRecords,
  options: InventoryOptions,
): Steps<Result<InventoryDifference, RequestError>> {
  const against = Number((yield* queryOne('SELECT value FROM revision WHERE id = 1'))?.value)
  const accounts = yield* compareAccounts(inventory.accounts, options)
  if (!accounts.ok) return accounts
  const credentials = yield* compareCredentials(inventory.credentials, options)
  if (!credentials.ok) return credentials
  const documents = yield* compareDocuments(inventory.documents, options)
  if (!documents.ok) return documents
  const servers = yield* compareServers(inventory.servers, options)
  if (!servers.ok) return servers
  const parts = [accounts.value, credentials.value, documents.value, servers.value]
  return ok({
    against,
    accounts: accounts.value.difference,
    credentials: credentials.value.difference,
    documents: documents.value.difference,
    servers: servers.value.difference,
    changes: parts.flatMap(({ changes }) => changes),
  })
}
