/** Free-form documents of dialects. */
import { err, ok } from '../../core/result.ts'
import { documentColumns, fromDocument, toDocument } from '../rows.ts'
import { type Program, query, queryOne, type Steps } from '../statement.ts'
import type { Actor, DocumentRecord, Programs } from '../storage.ts'
import { isNoChange, nextRevision, notFound, placeThere, record } from './common.ts'
import { applyHoldings, gone } from './leases.ts'

/** Of an inventory that names it, or of an API. */
export const documentByKey = `SELECT ${documentColumns} FROM documents
  WHERE profile = ? AND kind = ? AND id = ? AND origin <> 'left'`

export function* putDocument(
  { document, ifRevision }: Programs['putDocument']['args'],
  actor: Actor,
): Program<Programs['putDocument']['answer']> {
  const revision = yield* nextRevision()
  const place = yield* placeThere(actor)
  if (!place.ok) return place
  const { account, profile, kind, id, body } = document
  const row = yield* queryOne(documentByKey, profile, kind, id)
  const old = row && toDocument(row)
  if (old && old.account !== account) return err({ kind: 'forbidden', resource: 'document', id })
  if (ifRevision !== undefined && ifRevision !== (old?.revision ?? 0)) {
    return err({ kind: 'conflict', resource: 'document', reason: 'it has been changed by somebody else' })
  }
  if (old && document.addresses === undefined && isNoChange(actor, old.body, body)) {
    return ok({ revision: old.revision, changed: false })
  }
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
}

export function* deleteDocument(
  { account, profile, kind, id, ifRevision }: Programs['deleteDocument']['args'],
  actor: Actor,
): Program<Programs['deleteDocument']['answer']> {
  const revision = yield* nextRevision()
  const row = yield* queryOne(documentByKey, profile, kind, id)
  const old = row && toDocument(row)
  if (!old) return err(notFound('document', id))
  if (old.account !== account) return err({ kind: 'forbidden', resource: 'document', id })
  if (ifRevision !== undefined && ifRevision !== old.revision) {
    return err({ kind: 'conflict', resource: 'document', reason: 'it has been changed by somebody else' })
  }
  yield* query('DELETE FROM documents WHERE profile = ? AND kind = ? AND id = ?', profile, kind, id)
  yield* applyHoldings({ account, profile }, { gone: gone(kind, [id]) }, actor.at)
  const change = { before: old.body, after: null }
  yield* record(actor, revision, { operation: `${kind}.delete`, resource: 'document', id, ...change })
  return ok({ revision })
}
