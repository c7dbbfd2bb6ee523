/** Free-form documents of dialects, and the sequences that addresses are handed out from. */
import { err, ok } from '../../core/result.ts'
import { documentColumns, toDocument } from '../rows.ts'
import { type Program, query, queryOne } from '../statement.ts'
import type { Actor, Programs } from '../storage.ts'
import { nextRevision, notFound, record } from './common.ts'

const byKey = `SELECT ${documentColumns} FROM documents WHERE profile = ? AND kind = ? AND id = ?`

export function* putDocument(
  { document }: Programs['putDocument']['args'],
  actor: Actor,
): Program<Programs['putDocument']['answer']> {
  const revision = yield* nextRevision()
  const { account, profile, kind, id, body } = document
  const row = yield* queryOne(byKey, profile, kind, id)
  const old = row && toDocument(row)
  if (old && old.account !== account) return err({ kind: 'forbidden', resource: 'document', id })
  yield* query(
    `INSERT INTO documents (${documentColumns}) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (profile, kind, id) DO UPDATE SET body = excluded.body`,
    account,
    profile,
    kind,
    id,
    JSON.stringify(body),
  )
  const change = { before: old?.body ?? null, after: body }
  yield* record(actor, revision, { operation: `${kind}.put`, resource: 'document', id, ...change })
  return ok({ revision })
}

export function* deleteDocument(
  { account, profile, kind, id }: Programs['deleteDocument']['args'],
  actor: Actor,
): Program<Programs['deleteDocument']['answer']> {
  const revision = yield* nextRevision()
  const row = yield* queryOne(byKey, profile, kind, id)
  const old = row && toDocument(row)
  if (!old) return err(notFound('document', id))
  if (old.account !== account) return err({ kind: 'forbidden', resource: 'document', id })
  yield* query('DELETE FROM documents WHERE profile = ? AND kind = ? AND id = ?', profile, kind, id)
  const change = { before: old.body, after: null }
  yield* record(actor, revision, { operation: `${kind}.delete`, resource: 'document', id, ...change })
  return ok({ revision })
}

export function* takeNumbers({
  name,
  first,
  count,
}: Programs['takeNumbers']['args']): Program<Programs['takeNumbers']['answer']> {
  const row = yield* queryOne(
    `INSERT INTO sequences (name, next) VALUES (?, ?)
     ON CONFLICT (name) DO UPDATE SET next = sequences.next + ? RETURNING next`,
    name,
    first + count,
    count,
  )
  return ok({ first: Number(row?.next) - count })
}
