/**
 * The inventory as desired state: what it names is made so, and what it made and no longer names ends.
 *
 * Nothing is thrown away that could be wanted again: what ends is marked as left, keeps its rules, and comes back with
 * them. What an API made is not the inventory's to end.
 */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { cutFlowsKey, cutFlowsOf } from '../account-settings.ts'
import {
  accountColumns,
  credentialColumns,
  documentColumns,
  fromAccount,
  fromCredential,
  toAccount,
  toCredential,
  toDocument,
} from '../rows.ts'
import { counted, marks, type Program, query, queryOne, type Steps } from '../statement.ts'
import type { AccountRecord, Actor, CredentialRecord, InventoryRecords, Programs } from '../storage.ts'
import { renewPolicies } from './choices.ts'
import { invalid, nextRevision, record, same } from './common.ts'
import { upsertDocument } from './documents.ts'
import { applyServers } from './inventory-servers.ts'

/** Changes that the event names one by one. */
const maxNamed = 1000

export function* applyInventory(
  { inventory }: Programs['applyInventory']['args'],
  actor: Actor,
): Program<Programs['applyInventory']['answer']> {
  const revision = yield* nextRevision()
  const known = new Set((yield* query('SELECT id FROM accounts')).map(({ id }) => String(id)))
  const accounts = yield* applyAccounts(inventory.accounts, revision, actor.at)
  const credentials = yield* applyCredentials(inventory.credentials)
  const changes = [...accounts, ...credentials.map(inWords)]
  const documents = yield* applyDocuments(inventory.documents, revision)
  if (!documents.ok) return documents
  const servers = yield* applyServers(inventory.servers, revision, actor.at)
  if (!servers.ok) return servers
  changes.push(...documents.value, ...servers.value)
  // Nothing to do: the revision taken above must not be used up, so the transaction is rolled back by the caller.
  if (changes.length === 0) return ok({ revision: revision - 1, changed: false })
  yield* record(actor, revision, {
    operation: 'inventory.apply',
    resource: 'inventory',
    id: '',
    before: null,
    // A first inventory may name very much.
    after:
      changes.length > maxNamed
        ? [...changes.slice(0, maxNamed), `and ${changes.length - maxNamed} more`]
        : changes,
  })
  // Those that a new account comes with are no change to it.
  const told = credentials.filter(({ before, after }) => known.has((after ?? before)?.account ?? ''))
  return ok({ revision: yield* recordCredentials(told, revision, actor), changed: true })
}

/** One side is absent where there is none. */
interface CredentialChange {
  readonly before?: CredentialRecord
  readonly after?: CredentialRecord
}

const inWords = ({ before, after }: CredentialChange) =>
  after ? `credential ${after.label}` : `credential ${before?.label} left`

/** An event each, of the account that may log in otherwise from now on; answers the newest revision. */
function* recordCredentials(
  changes: readonly CredentialChange[],
  revision: number,
  actor: Actor,
): Steps<number> {
  const known = (of: CredentialRecord | undefined) => (of ? { kind: of.kind, scopes: [...of.scopes] } : null)
  let newest = revision
  for (const { before, after } of changes) {
    const credential = after ?? before
    if (!credential) continue
    newest = yield* nextRevision()
    yield* record({ ...actor, account: credential.account }, newest, {
      operation: after ? (before ? 'credential.update' : 'credential.create') : 'credential.remove',
      resource: 'credential',
      id: credential.label,
      before: known(before),
      after: known(after),
    })
  }
  return newest
}

function* applyAccounts(
  accounts: InventoryRecords['accounts'],
  revision: number,
  now: number,
): Steps<string[]> {
  const changes: string[] = []
  const rows = yield* query(`SELECT ${accountColumns}, origin FROM accounts`)
  const stored = rows.map((row) => ({ ...toAccount(row), left: row.origin === 'left' }))
  const wanted = new Map(accounts.map((account) => [account.id, account]))
  const holder = new Map(accounts.map((account) => [account.name, account.id]))
  for (const { id, name, left } of stored) {
    if (!wanted.has(id) && !left) {
      yield* query("UPDATE accounts SET origin = 'left' WHERE id = ?", id)
      changes.push(`account ${name} left`)
    }
    // Names are unique, and two accounts may swap theirs: all that change are given up before any is taken.
    if ((holder.get(name) ?? id) !== id || (wanted.get(id)?.name ?? name) !== name) {
      yield* query('UPDATE accounts SET name = ? WHERE id = ?', `${name} (${id})`, id)
    }
  }
  const before = new Map(stored.map((account) => [account.id, account]))
  for (const named of accounts) {
    const old = before.get(named.id)
    // What an API chose holds until the file says something of it.
    const { left = false, ...stored } = old ?? {}
    const chosen = old && cutFlowsOf(old.attributes)
    const account: AccountRecord = {
      ...{ quotas: {}, createdAt: now, ...stored, ...named, revision },
      attributes: { ...(chosen && { [cutFlowsKey]: chosen }), ...named.attributes },
    }
    if (old && !left && same(stored, { ...account, revision: old.revision })) continue
    if (old) yield* renewPolicies(account.id, old.attributes, account.attributes, revision)
    yield* query(
      `INSERT INTO accounts (${accountColumns}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
       name = excluded.name, attributes = excluded.attributes, quotas = excluded.quotas, revision = excluded.revision,
       origin = 'inventory'`,
      ...fromAccount(account),
    )
    changes.push(`account ${account.name}`)
  }
  return changes
}

/** Only the inventory gives credentials, so those it does not name are deleted. */
function* applyCredentials(credentials: readonly CredentialRecord[]): Steps<CredentialChange[]> {
  const changes: CredentialChange[] = []
  const stored = (yield* query(`SELECT ${credentialColumns} FROM credentials`)).map(toCredential)
  const key = ({ kind, lookup }: CredentialRecord) => `${kind} ${lookup}`
  const before = new Map(stored.map((credential) => [key(credential), credential]))
  const wanted = new Set(credentials.map(key))
  for (const old of stored) {
    if (wanted.has(key(old))) continue
    yield* counted([], 'DELETE FROM credentials WHERE id = ?', old.id)
    changes.push({ before: old })
  }
  for (const credential of credentials) {
    const old = before.get(key(credential))
    // When it was made, and used last, is not the file’s.
    const { createdAt, lastUsedAt, revision, previous } = old ?? credential
    if (same(old, { ...credential, createdAt, lastUsedAt, revision, previous })) continue
    if (old) yield* counted([], 'DELETE FROM credentials WHERE id = ?', old.id)
    yield* counted(
      // What the inventory does is counted at its end.
      [],
      `INSERT INTO credentials (${credentialColumns}) VALUES (${marks(credentialColumns.split(', '))})`,
      ...fromCredential(credential),
    )
    // The account that had it loses it, and must be able to see that.
    if (old && old.account !== credential.account) changes.push({ before: old }, { after: credential })
    else changes.push({ ...(old && { before: old }), after: credential })
  }
  return changes
}

function* applyDocuments(
  documents: InventoryRecords['documents'],
  revision: number,
): Steps<Result<string[], RequestError>> {
  const changes: string[] = []
  const key = ({ profile, kind, id }: { profile: string; kind: string; id: string }) =>
    `${profile} ${kind} ${id}`
  const wanted = new Set(documents.map(key))
  const listed = yield* query(`SELECT ${documentColumns} FROM documents WHERE origin = 'inventory'`)
  for (const old of listed.map(toDocument)) {
    if (wanted.has(key(old))) continue
    yield* setOrigin(old, 'left')
    changes.push(`${old.kind} ${old.id} left`)
  }
  for (const document of documents) {
    const { initial, ...named } = document
    const row = yield* queryOne(
      `SELECT ${documentColumns}, origin FROM documents WHERE profile = ? AND kind = ? AND id = ?`,
      ...[named.profile, named.kind, named.id],
    )
    const old = row && toDocument(row)
    if (old && old.account !== named.account) return err(invalid(named.id, 'belongs to another account'))
    const body = { ...(old?.body ?? initial), ...named.body }
    if (row && row.origin !== 'left' && same(old?.body, body)) continue
    yield* upsertDocument({ ...named, body, revision })
    // One that an API made stays the API's: the inventory only sets what it says of it.
    if (row?.origin !== 'api') yield* setOrigin(named, 'inventory')
    changes.push(`${named.kind} ${named.id}`)
  }
  return ok(changes)
}

function* setOrigin(
  { profile, kind, id }: { readonly profile: string; readonly kind: string; readonly id: string },
  origin: 'inventory' | 'left',
): Steps<void> {
  const where = 'profile = ? AND kind = ? AND id = ?'
  yield* query(`UPDATE documents SET origin = ? WHERE ${where}`, origin, profile, kind, id)
}
