/** Accounts: made, changed, closed and opened again, deleted with all that they have. */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { accountColumns, fromAccount, toManagedAccount } from '../rows.ts'
import { counted, type Program, query, queryOne, type Steps } from '../statement.ts'
import type { AccountRecord, Actor, ManagedAccount, Programs } from '../storage.ts'
import { renewPolicies } from './choices.ts'
import { isNoChange, merged, nextRevision, notFound, record } from './common.ts'
import { depart } from './departures.ts'
import { takenDocument, upsertDocument } from './documents.ts'
import { applyHoldings, gone, goneDocuments } from './leases.ts'
import { isAnothers, noteAttributes } from './names.ts'
import { removePolicy, removeServer } from './servers.ts'

export function* createAccount(
  { account: given, unique, documents }: Programs['createAccount']['args'],
  actor: Actor,
): Program<Programs['createAccount']['answer']> {
  const revision = yield* nextRevision()
  const account: AccountRecord = { ...given, createdAt: actor.at, revision }
  const { id } = account
  if (yield* queryOne('SELECT id FROM accounts WHERE id = ?', id)) {
    return err({ kind: 'conflict', resource: 'account', reason: 'an account with this id exists', id })
  }
  const taken = yield* takenByAnother(account, unique)
  if (taken) return err(taken)
  yield* query(
    `INSERT INTO accounts (${accountColumns}, origin) VALUES (?, ?, ?, ?, ?, ?, 'api')`,
    ...fromAccount(account),
  )
  yield* noteAttributes(id, account.attributes)
  for (const document of documents) {
    const there = yield* takenDocument(document)
    if (there) return err(there)
    yield* upsertDocument({ ...document, account: id, revision })
  }
  yield* record({ ...actor, account: id }, revision, {
    ...{ operation: 'account.create', resource: 'account', id, before: null, after: audited(account) },
  })
  return ok({ revision })
}

export function* updateAccount(
  { account: id, ifRevision, unique, closed, ...change }: Programs['updateAccount']['args'],
  actor: Actor,
): Program<Programs['updateAccount']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* ofRevision(id, ifRevision)
  if (!found.ok) return found
  const old = found.value
  const account: ManagedAccount = {
    ...old,
    name: change.name ?? old.name,
    attributes: merged(old.attributes, change.attributes ?? {}),
    quotas: merged(old.quotas, change.quotas ?? {}) as AccountRecord['quotas'],
    closed: closed ?? old.closed,
  }
  if (isNoChange(actor, audited(old), audited(account))) {
    return ok({ revision: old.revision, changed: false })
  }
  const taken = yield* takenByAnother(account, unique)
  if (taken) return err(taken)
  yield* query(
    'UPDATE accounts SET name = ?, attributes = ?, quotas = ?, revision = ? WHERE id = ?',
    account.name,
    JSON.stringify(account.attributes),
    JSON.stringify(account.quotas),
    revision,
    id,
  )
  yield* noteAttributes(id, account.attributes)
  yield* renewPolicies(id, old.attributes, account.attributes, revision)
  if (account.closed !== old.closed) yield* account.closed ? close(id, revision) : open(id, revision)
  const [before, after] = [audited(old), audited(account)]
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  )
  const only = (of: JsonObject) => Object.fromEntries(changed.map((key) => [key, of[key] ?? null]))
  yield* record({ ...actor, account: id }, revision, {
    ...{ operation: 'account.update', resource: 'account', id, before: only(before), after: only(after) },
  })
  return ok({ revision })
}

/** Its interfaces leave their hosts, and stay bound: where they are is taken by nobody else. */
function* close(id: string, revision: number): Steps<void> {
  yield* depart(revision, 'server IN (SELECT id FROM servers WHERE account = ?)', id)
  yield* query("UPDATE accounts SET origin = 'left' WHERE id = ?", id)
}

function* open(id: string, revision: number): Steps<void> {
  yield* query("UPDATE accounts SET origin = 'api' WHERE id = ?", id)
  yield* query('UPDATE servers SET revision = ? WHERE account = ?', revision, id)
}

export function* deleteAccount(
  { account: id, ifRevision }: Programs['deleteAccount']['args'],
  actor: Actor,
): Program<Programs['deleteAccount']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* ofRevision(id, ifRevision)
  if (!found.ok) return found
  if (yield* queryOne("SELECT id FROM servers WHERE account = ? AND origin <> 'left' LIMIT 1", id)) {
    const reason = 'the account has servers, which are deleted first'
    return err({ kind: 'conflict', resource: 'account', reason, inUse: true })
  }
  // Nobody can see or delete those that an inventory no longer names.
  for (const row of yield* query('SELECT id, profile FROM servers WHERE account = ?', id)) {
    const interfaces = yield* removeServer(String(row.id), revision)
    yield* applyHoldings(
      { account: id, profile: String(row.profile) },
      { gone: gone('interface', interfaces) },
      actor.at,
    )
  }
  const documents = yield* query('SELECT profile, kind, id FROM documents WHERE account = ?', id)
  yield* query('DELETE FROM documents WHERE account = ?', id)
  yield* query('DELETE FROM dismissals WHERE account = ?', id)
  for (const [profile, of] of Map.groupBy(documents, (row) => String(row.profile))) {
    const ended = of.map((row) => ({ kind: String(row.kind), id: String(row.id) }))
    yield* applyHoldings({ account: id, profile }, { gone: goneDocuments(ended) }, actor.at)
  }
  for (const row of yield* query('SELECT id FROM policies WHERE account = ?', id)) {
    yield* removePolicy(String(row.id))
  }
  yield* query('DELETE FROM hit_sums WHERE account = ?', id)
  const held = yield* queryOne('SELECT COUNT(*) AS n FROM credentials WHERE account = ?', id)
  yield* counted(
    { of: { account: id }, name: 'credentials', by: -Number(held?.n) },
    'DELETE FROM credentials WHERE account = ?',
    id,
  )
  yield* query('DELETE FROM accounts WHERE id = ?', id)
  yield* record({ ...actor, account: id }, revision, {
    ...{ operation: 'account.delete', resource: 'account', id, before: audited(found.value), after: null },
  })
  return ok({ revision })
}

function* ofRevision(
  id: string,
  ifRevision: number | undefined,
): Steps<Result<ManagedAccount, RequestError>> {
  const row = yield* queryOne(`SELECT ${accountColumns}, origin FROM accounts WHERE id = ?`, id)
  if (!row) return err(notFound('account', id))
  const account = toManagedAccount(row)
  if (ifRevision === undefined || ifRevision === account.revision) return ok(account)
  const reason = 'the account has been changed by somebody else'
  return err({ kind: 'conflict', resource: 'account', reason, stale: true })
}

/** What of it another account has, that only one can have. */
function* takenByAnother(
  { id, name, attributes }: Pick<AccountRecord, 'id' | 'name' | 'attributes'>,
  unique: readonly string[],
): Steps<RequestError | undefined> {
  const conflict = (reason: string): RequestError => ({ kind: 'conflict', resource: 'account', reason })
  if (yield* queryOne('SELECT id FROM accounts WHERE name = ? AND id <> ?', name, id)) {
    return conflict(`name: another account is called ${name}`)
  }
  for (const key of unique) {
    const value = attributes[key]
    if (value !== undefined && (yield* isAnothers(id, key, value))) {
      return conflict(`${key}: another account has ${String(value)}`)
    }
  }
  return undefined
}

function audited({ name, attributes, quotas, ...more }: AccountRecord & { closed?: boolean }): JsonObject {
  return { ...attributes, name, quotas: { ...quotas }, closed: more.closed ?? false }
}
