/** Free-form documents of dialects. */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok } from '../../core/result.ts'
import { documentColumns, fromDocument, toDocument } from '../rows.ts'
import { containing, type Program, query, queryOne, type SqlValue, type Steps } from '../statement.ts'
import type { Actor, DocumentRecord, NewDocument, Programs } from '../storage.ts'
import { checkAccount, checkEnclosing, isNoChange, nextRevision, notFound, record } from './common.ts'
import { applyHoldings, gone } from './leases.ts'
import { documentNaming, noteNames } from './names.ts'

/** Of an inventory that names it, or of an API. */
export const documentByKey = `SELECT ${documentColumns} FROM documents
  WHERE profile = ? AND kind = ? AND id = ? AND origin <> 'left'`

/**
 * The conflict of making a document whose id is taken; undefined when it is free. The id of a document that an inventory no
 * longer names is taken too: it comes back as it was when it is named again, and may be another account's.
 */
export function* takenDocument({
  profile,
  kind,
  id,
}: Pick<NewDocument, 'profile' | 'kind' | 'id'>): Steps<RequestError | undefined> {
  const sql = 'SELECT id FROM documents WHERE profile = ? AND kind = ? AND id = ?'
  const row = yield* queryOne(sql, profile, kind, id)
  return row && { kind: 'conflict', resource: 'document', reason: 'a document with this id exists' }
}

/** Somebody else has written what a write was decided from. */
export const revisionConflict = err<RequestError>({
  ...{ kind: 'conflict', resource: 'document', stale: true },
  reason: 'it has been changed by somebody else',
})

export function* putDocument(
  { document, ifRevision }: Programs['putDocument']['args'],
  actor: Actor,
): Program<Programs['putDocument']['answer']> {
  const revision = yield* nextRevision()
  const owner = yield* checkAccount(document.account)
  if (!owner.ok) return owner
  const enclosing = yield* checkEnclosing(actor)
  if (!enclosing.ok) return enclosing
  const { account, profile, kind, id, body } = document
  const row = yield* queryOne(documentByKey, profile, kind, id)
  const old = row && toDocument(row)
  if (old && old.account !== account) return err({ kind: 'forbidden', resource: 'document', id })
  if (ifRevision !== undefined && ifRevision !== (old?.revision ?? 0)) {
    return revisionConflict
  }
  if (old && document.addresses === undefined && isNoChange(actor, old.body, body)) {
    return ok({ revision: old.revision, changed: false })
  }
  const taken = old ? undefined : yield* takenDocument(document)
  if (taken) return err(taken)
  yield* upsertDocument({ ...document, revision })
  const held = yield* applyHoldings(document, { documents: [document] }, actor.at)
  if (!held.ok) return held
  const change = { before: old?.body ?? null, after: body }
  yield* record(actor, revision, { operation: `${kind}.put`, resource: 'document', id, ...change })
  return ok({ revision })
}

export function* upsertDocument(document: DocumentRecord): Steps<void> {
  yield* query(
    `INSERT INTO documents (${documentColumns}) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (profile, kind, id) DO UPDATE SET body = excluded.body, revision = excluded.revision`,
    ...fromDocument(document),
  )
  yield* noteNames(document)
}

export function* deleteDocument(
  { account, profile, kind, id, ifRevision, unusedAs, notLast }: Programs['deleteDocument']['args'],
  actor: Actor,
): Program<Programs['deleteDocument']['answer']> {
  const revision = yield* nextRevision()
  const row = yield* queryOne(documentByKey, profile, kind, id)
  const old = row && toDocument(row)
  if (!old) return err(notFound('document', id))
  if (old.account !== account) return err({ kind: 'forbidden', resource: 'document', id })
  if (ifRevision !== undefined && ifRevision !== old.revision) {
    return revisionConflict
  }
  const used = unusedAs && (yield* userOf(old, unusedAs))
  if (used) return err({ kind: 'conflict', resource: 'document', reason: used, inUse: true })
  if (notLast && !(yield* othersOf(old))) {
    const reason = `it is the last ${kind} of the account, which needs one`
    return err({ kind: 'conflict', resource: 'document', reason, inUse: true })
  }
  yield* query('DELETE FROM documents WHERE profile = ? AND kind = ? AND id = ?', profile, kind, id)
  yield* applyHoldings({ account, profile }, { gone: gone(kind, [id]) }, actor.at)
  const change = { before: old.body, after: null }
  yield* record(actor, revision, { operation: `${kind}.delete`, resource: 'document', id, ...change })
  return ok({ revision })
}

/** What needs a document, in words; undefined: nothing. */
function* userOf(
  { account, profile, id }: DocumentRecord,
  as: NonNullable<Programs['deleteDocument']['args']['unusedAs']>,
): Steps<string | undefined> {
  for (const [table, word] of [
    ['servers', 'server'],
    ['policies', 'policy'],
  ] as const) {
    const present = table === 'servers' ? "AND origin <> 'left'" : ''
    const named =
      as === 'zone'
        ? (yield* queryOne(
            `SELECT id FROM ${table} WHERE account = ? AND profile = ? AND zone = ? ${present} LIMIT 1`,
            ...[account, profile, id],
          ))?.id
        : yield* havingAttribute(table, present, account, as.attribute, id)
    if (named !== undefined) return `the ${word} ${named} is in it`
  }
  const naming = yield* documentNaming({ account, profile }, id, id)
  return naming && `the ${naming.kind} ${naming.id} is in it`
}

/** The first of an account whose attribute has this value. */
function* havingAttribute(
  table: 'servers' | 'policies',
  present: string,
  account: string,
  key: string,
  value: string,
): Steps<SqlValue | undefined> {
  // The text narrows it down; what it means decides.
  const sql = `SELECT id, attributes FROM ${table} WHERE account = ? AND attributes LIKE ? ESCAPE '\\' ${present}`
  const rows = yield* query(sql, account, containing(JSON.stringify(value)))
  return rows.find(({ attributes }) => (JSON.parse(String(attributes)) as JsonObject)[key] === value)?.id
}

function* othersOf({ account, profile, kind, id }: DocumentRecord): Steps<boolean> {
  const sql = `SELECT id FROM documents
    WHERE account = ? AND profile = ? AND kind = ? AND id <> ? AND origin <> 'left' LIMIT 1`
  return (yield* queryOne(sql, account, profile, kind, id)) !== undefined
}
