/** Credentials that an API makes, changes and ends; those of the inventory are only the inventory's to change. */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { credentialColumns, fromCredential, toCredential } from '../rows.ts'
import { type Count, counted, marks, type Program, query, queryOne, type Steps } from '../statement.ts'
import type { Actor, CredentialRecord, CredentialTarget, Programs } from '../storage.ts'
import { checkAccount, invalid, nextRevision, notFound, record } from './common.ts'

export function* createCredential(
  { credential, first }: Programs['createCredential']['args'],
  actor: Actor,
): Program<Programs['createCredential']['answer']> {
  const revision = yield* nextRevision()
  const refused = yield* refusal(credential, first === true)
  if (refused) return err(refused)
  const created = { ...credential, revision, createdAt: actor.at }
  yield* counted(
    ofAccount(created, 1),
    `INSERT INTO credentials (${credentialColumns}) VALUES (${marks(credentialColumns.split(', '))})`,
    ...fromCredential(created),
  )
  yield* tell(actor, revision, 'create', undefined, created)
  return ok({ revision })
}

/** Those of operators and hosts are nobody's. */
const ofAccount = ({ holder, account }: CredentialRecord, by: number): Count[] =>
  holder === 'account' ? [{ of: { account }, name: 'credentials', by }] : []

/** Why there can be no such credential beside those that are there. */
function* refusal(
  { holder, account, adopts, kind, lookup, label }: CredentialRecord,
  first: boolean,
): Steps<RequestError | undefined> {
  const conflict = (reason: string) => ({ kind: 'conflict', resource: 'credential', reason }) as const
  if (holder === 'account') {
    const owner = yield* checkAccount(account)
    if (!owner.ok) return owner.error
  }
  const unknown = yield* unknownAccount(adopts)
  if (unknown) return unknown
  if (holder === 'operator') {
    const rows = yield* query("SELECT label FROM credentials WHERE holder = 'operator'")
    if (first && rows.length > 0) return conflict('there is an operator already')
    if (rows.some((row) => row.label === label)) return conflict(`there is an operator ${label} already`)
  }
  const sql = 'SELECT id FROM credentials WHERE kind = ? AND (lookup = ? OR previous_lookup = ?)'
  const taken = yield* queryOne(sql, kind, lookup, lookup)
  return taken && conflict(kind === 'password' ? 'the username is taken' : 'the secret is taken')
}

/** Of those that a host may adopt into. */
function* unknownAccount(adopts: CredentialRecord['adopts'] | undefined): Steps<RequestError | undefined> {
  for (const id of adopts ?? []) {
    const known = yield* checkAccount(id)
    if (!known.ok) return invalid('adopts', `there is no account ${id}`)
  }
  return undefined
}

export function* updateCredential(
  { target, change }: Programs['updateCredential']['args'],
  actor: Actor,
): Program<Programs['updateCredential']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* writable(target)
  if (!found.ok) return found
  const old = found.value
  const changed = { ...old, ...change }
  if (isDeepStrictEqual(changed, old)) return ok({ revision: old.revision, changed: false })
  const unknown = yield* unknownAccount(change.adopts)
  if (unknown) return err(unknown)
  yield* put({ ...changed, revision })
  yield* tell(actor, revision, 'update', old, changed)
  return ok({ revision })
}

export function* rotateCredential(
  { target, secret, until }: Programs['rotateCredential']['args'],
  actor: Actor,
): Program<Programs['rotateCredential']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* writable(target)
  if (!found.ok) return found
  const old = found.value
  const { lookup, hash } = old
  const previous = until > actor.at ? { lookup, hash, until } : null
  const rotated = { ...old, ...secret, previous, revision }
  yield* put(rotated)
  yield* tell(actor, revision, 'rotate', old, rotated)
  return ok({ revision })
}

export function* revokeCredential(
  { target }: Programs['revokeCredential']['args'],
  actor: Actor,
): Program<Programs['revokeCredential']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* writable(target)
  if (!found.ok) return found
  yield* counted(ofAccount(found.value, -1), 'DELETE FROM credentials WHERE id = ?', target.id)
  yield* tell(actor, revision, 'revoke', found.value, undefined)
  return ok({ revision })
}

export function* touchCredentials({
  used,
}: Programs['touchCredentials']['args']): Program<Programs['touchCredentials']['answer']> {
  for (const { id, at } of used) {
    const sql = 'UPDATE credentials SET last_used_at = ? WHERE id = ? AND COALESCE(last_used_at, 0) < ?'
    yield* query(sql, at, id, at)
  }
  return ok({})
}

/** One that the account has; any, with none. */
function* writable({
  id,
  account,
  ifRevision,
}: CredentialTarget): Steps<Result<CredentialRecord, RequestError>> {
  const row = yield* queryOne(`SELECT ${credentialColumns} FROM credentials WHERE id = ?`, id)
  const found = row && toCredential(row)
  if (!found || (account !== null && (found.holder !== 'account' || found.account !== account))) {
    return err(notFound('credential', id))
  }
  const conflict = { kind: 'conflict', resource: 'credential' } as const
  if (ifRevision !== undefined && ifRevision !== found.revision) {
    return err({ ...conflict, reason: 'it has been changed by somebody else', stale: true })
  }
  // The next time that the file is applied it would be back.
  if (found.origin === 'inventory') {
    return err({ ...conflict, reason: 'it is of the inventory file: change it there' })
  }
  return ok(found)
}

function* put(credential: CredentialRecord): Steps<void> {
  const sets = credentialColumns.split(', ').map((column) => `${column} = ?`)
  const sql = `UPDATE credentials SET ${sets.join(', ')} WHERE id = ?`
  yield* query(sql, ...fromCredential(credential), credential.id)
}

/** In the audit of whoever holds it; of operators and hosts that is the installation's. */
function* tell(
  actor: Actor,
  revision: number,
  operation: 'create' | 'update' | 'rotate' | 'revoke',
  before: CredentialRecord | undefined,
  after: CredentialRecord | undefined,
): Steps<void> {
  const credential = after ?? before
  yield* record({ ...actor, account: credential?.account ?? '' }, revision, {
    ...{ operation: `credential.${operation}`, resource: 'credential', id: credential?.id ?? '' },
    ...{ before: audited(before), after: audited(after) },
  })
}

/** Nothing of a secret. */
function audited(credential: CredentialRecord | undefined): JsonObject | null {
  if (!credential) return null
  const { holder, host, kind, label, scopes, profiles, servers, adopts, expiresAt, previous } = credential
  return {
    ...{ holder, host, kind, label, scopes, profiles, servers, expiresAt },
    ...(holder === 'host' && { adopts }),
    previousUntil: previous?.until ?? null,
  }
}
