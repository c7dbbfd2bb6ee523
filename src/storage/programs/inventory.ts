/**
 * The inventory as desired state: what it names is made so, and what it owns and no longer names ends.
 *
 * Nothing is thrown away that could be wanted again: what ends is marked as left, keeps its rules, and comes back with
 * them. What an API made is not the inventory's to end.
 */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { inWords } from '../inventory/change.ts'
import { compareInventory, type InventoryDifference } from '../inventory/difference.ts'
import { type NewServers, newServers } from '../inventory/new-servers.ts'
import { accountColumns, credentialColumns, fromAccount, fromCredential } from '../rows.ts'
import { chunks, counted, marks, type Program, query, type Steps } from '../statement.ts'
import type { Actor, CredentialRecord, InventoryRecords, Programs } from '../storage.ts'
import { renewPolicies } from './choices.ts'
import { nextRevision, record } from './common.ts'
import { upsertDocument } from './documents.ts'
import { writeServers } from './inventory-servers.ts'
import { recordMoves } from './moves.ts'
import { noteAttributes } from './names.ts'

/** Changes that the event names one by one. */
const maxNamed = 1000

export function* applyInventory(
  args: Programs['applyInventory']['args'],
  actor: Actor,
): Program<Programs['applyInventory']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* differenceOf(args, revision, actor)
  if (!found.ok) return found
  const { make, ...difference } = found.value
  const { changes } = difference
  // Nothing to do: the revision taken above must not be used up, so the transaction is rolled back by the caller.
  if (changes.length === 0) return ok({ revision: revision - 1, changed: false })
  const known = new Set((yield* query('SELECT id FROM accounts')).map(({ id }) => String(id)))
  yield* writeAccounts(difference.accounts, revision)
  yield* writeCredentials(difference.credentials, revision)
  yield* writeDocuments(difference.documents, revision)
  yield* writeServers({ ...difference.servers, make }, revision, actor.at)
  const total = 'total' in args ? args.total : changes.length
  yield* record(actor, revision, {
    ...{ operation: 'inventory.apply', resource: 'inventory', id: '', before: null },
    // A first inventory may name very much.
    after: [
      ...changes.slice(0, maxNamed).map(inWords),
      ...(total > maxNamed ? [`and ${total - maxNamed} more`] : []),
    ],
  })
  const { yield: given } = difference.servers
  const newest =
    given.length === 0
      ? revision
      : yield* recordMoves(given, yield* nextRevision(), { told: actor, known: actor })
  // Those that a new account comes with are no change to it.
  const told = difference.credentials.filter(({ before, after }) =>
    known.has((after ?? before)?.account ?? ''),
  )
  return ok({ revision: yield* recordCredentials(told, newest, actor), changed: true })
}

type Found = InventoryDifference & { readonly make: Iterable<NewServers> }

/** What was found before holds while nothing has changed since; `conflict` (revision) when something has. */
function* differenceOf(
  args: Programs['applyInventory']['args'],
  revision: number,
  { at }: Actor,
): Steps<Result<Found, RequestError>> {
  if ('inventory' in args) {
    const { inventory, keep = false } = args
    const records = inventory instanceof Uint8Array ? decoded<InventoryRecords>(inventory) : inventory
    const found = yield* compareInventory(records, { keep, now: at })
    // The revision that was read is this transaction's own.
    return found.ok
      ? ok({ ...found.value, make: [newServers(found.value.servers.make, revision, at)] })
      : found
  }
  const difference = decoded<InventoryDifference>(args.difference)
  if (difference.against !== revision - 1) {
    return err({
      ...{ kind: 'conflict', resource: 'revision', stale: true },
      reason: 'something else was changed meanwhile',
    })
  }
  return ok({ ...difference, make: pages(args.make) })
}

const decoded = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes)) as T

function* pages(encoded: readonly Uint8Array[]): Iterable<NewServers> {
  for (const page of encoded) yield decoded<NewServers>(page)
}

/** An event each, of the account that may log in otherwise from now on; answers the newest revision. */
function* recordCredentials(
  changes: InventoryDifference['credentials'],
  revision: number,
  actor: Actor,
): Steps<number> {
  const known = (of: CredentialRecord | null) => (of ? { kind: of.kind, scopes: [...of.scopes] } : null)
  let newest = revision
  for (const { before, after } of changes) {
    const credential = after ?? before
    if (!credential) continue
    newest = yield* nextRevision()
    yield* record({ ...actor, account: credential.account }, newest, {
      operation: after ? (before ? 'credential.update' : 'credential.create') : 'credential.remove',
      ...{ resource: 'credential', id: credential.label, before: known(before), after: known(after) },
    })
  }
  return newest
}

function* writeAccounts({ leave, put }: InventoryDifference['accounts'], revision: number): Steps<void> {
  for (const chunk of chunks(leave)) {
    yield* query(`UPDATE accounts SET origin = 'left' WHERE id IN (${marks(chunk)})`, ...chunk)
  }
  // Names are unique, and two accounts may swap theirs: all that change are given up before any is taken.
  for (const { account } of put) {
    yield* query(
      "UPDATE accounts SET name = name || ' (' || id || ')' WHERE name = ? OR id = ?",
      ...[account.name, account.id],
    )
  }
  for (const { account, before } of put) {
    if (before) yield* renewPolicies(account.id, before.attributes, account.attributes, revision)
    yield* query(
      `INSERT INTO accounts (${accountColumns}) VALUES (${marks(accountColumns.split(', '))})
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, attributes = excluded.attributes, quotas = excluded.quotas,
       revision = excluded.revision, origin = CASE accounts.origin WHEN 'left' THEN 'inventory' ELSE accounts.origin END`,
      ...fromAccount({ ...account, revision }),
    )
    yield* noteAttributes(account.id, account.attributes)
  }
}

function* writeCredentials(changes: InventoryDifference['credentials'], revision: number): Steps<void> {
  for (const { before } of changes) {
    // What the inventory does is counted at its end.
    if (before) yield* counted([], 'DELETE FROM credentials WHERE id = ?', before.id)
  }
  for (const { after } of changes) {
    if (!after) continue
    yield* counted(
      [],
      `INSERT INTO credentials (${credentialColumns}) VALUES (${marks(credentialColumns.split(', '))})`,
      ...fromCredential({ ...after, revision }),
    )
  }
}

function* writeDocuments({ leave, put }: InventoryDifference['documents'], revision: number): Steps<void> {
  for (const document of leave) yield* setOrigin(document, 'left')
  for (const { own, ...document } of put) {
    yield* upsertDocument({ ...document, revision })
    if (own) yield* setOrigin(document, 'inventory')
  }
}

function* setOrigin(
  { profile, kind, id }: { readonly profile: string; readonly kind: string; readonly id: string },
  origin: 'inventory' | 'left',
): Steps<void> {
  const where = 'profile = ? AND kind = ? AND id = ?'
  yield* query(`UPDATE documents SET origin = ? WHERE ${where}`, origin, profile, kind, id)
}
