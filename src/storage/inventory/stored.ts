/** What a store holds of all that an inventory can name, with who made it: what an inventory that changes nothing would say. */
import type { LogLevel } from '../../core/model/rule.ts'
import {
  accountColumns,
  credentialColumns,
  documentColumns,
  serverColumns,
  toAccount,
  toCredential,
  toDocument,
  toServer,
} from '../rows.ts'
import { query, type Row, type Steps } from '../statement.ts'
import type {
  AccountRecord,
  CredentialRecord,
  DocumentRecord,
  Origin,
  PolicyChoices,
  ServerRecord,
} from '../storage.ts'
import type { StoredInterface } from './difference.ts'
import { byServer, storedInterface, storedInterfaceColumns } from './servers.ts'

export interface StoredInventory {
  readonly accounts: readonly (AccountRecord & { readonly origin: Origin })[]
  /** Of accounts. */
  readonly credentials: readonly CredentialRecord[]
  /** Of every kind, oldest first. */
  readonly documents: readonly (DocumentRecord & { readonly origin: Origin })[]
  readonly servers: readonly (ServerRecord & {
    readonly origin: Origin
    readonly interfaces: readonly StoredInterface[]
    /** Null: it has no chain. */
    readonly chain: (PolicyChoices & { readonly enabled: boolean }) | null
  })[]
}

/** What has left is not there. `kinds`: profiles and kinds of the documents that are wanted. */
export function* storedInventory(
  kinds: readonly { readonly profile: string; readonly kind: string }[],
): Steps<StoredInventory> {
  const there = "origin <> 'left'"
  const origin = (row: Row) => ({ origin: row.origin as Origin })
  const accounts = yield* query(`SELECT ${accountColumns}, origin FROM accounts WHERE ${there} ORDER BY name`)
  const credentials = yield* query(
    `SELECT ${credentialColumns} FROM credentials WHERE holder = 'account' ORDER BY id`,
  )
  const documents: Row[] = []
  for (const { profile, kind } of kinds) {
    const sql = `SELECT ${documentColumns}, origin FROM documents WHERE ${there} AND profile = ? AND kind = ? ORDER BY id`
    documents.push(...(yield* query(sql, profile, kind)))
  }
  const servers = yield* query(
    `SELECT ${serverColumns}, origin FROM servers WHERE ${there} ORDER BY created_at, id`,
  )
  const nics = byServer(
    yield* query(`SELECT ${storedInterfaceColumns} FROM interfaces ORDER BY server, number`),
  )
  const chains = byServer(
    yield* query(
      'SELECT server, enabled, log, log_allowed, cut_flows FROM policies WHERE server IS NOT NULL AND interface IS NULL',
    ),
  )
  return {
    accounts: accounts.map((row) => ({ ...toAccount(row), ...origin(row) })),
    credentials: credentials.map(toCredential),
    documents: documents.map((row) => ({ ...toDocument(row), ...origin(row) })),
    servers: servers.map((row) => {
      const server = toServer(row)
      const [chain] = chains.get(server.id) ?? []
      return {
        ...{ ...server, ...origin(row), chain: chain ? choicesOf(chain) : null },
        interfaces: (nics.get(server.id) ?? []).map(storedInterface),
      }
    }),
  }
}

const choicesOf = (row: Row): PolicyChoices & { readonly enabled: boolean } => ({
  enabled: row.enabled === 1,
  ...(row.cut_flows !== null && { cutFlows: row.cut_flows as NonNullable<PolicyChoices['cutFlows']> }),
  ...(row.log !== null && { log: JSON.parse(String(row.log)) as NonNullable<PolicyChoices['log']> }),
  ...(row.log_allowed !== null && { logAllowed: row.log_allowed as LogLevel }),
})
