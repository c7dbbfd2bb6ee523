/** Addresses that come to interfaces and leave them, together with the documents that say so. */
import { err, ok } from '../../core/result.ts'
import { toDocument } from '../rows.ts'
import { type Program, query, queryOne } from '../statement.ts'
import type { Actor, Programs } from '../storage.ts'
import { checkEnclosing, nextRevision, notFound, record } from './common.ts'
import { documentByKey, takenDocument, upsertDocument } from './documents.ts'
import { moveAddresses } from './interface-addresses.ts'
import { applyHoldings, goneDocuments } from './leases.ts'

export function* changeAddresses(
  args: Programs['changeAddresses']['args'],
  actor: Actor,
): Program<Programs['changeAddresses']['answer']> {
  const revision = yield* nextRevision()
  const { account, profile, operation, id } = args
  const enclosing = yield* checkEnclosing(actor)
  if (!enclosing.ok) return enclosing
  const { put = [], remove = [] } = args.documents ?? {}
  for (const each of [...put, ...remove]) {
    const { kind, id, ifRevision } = each
    const row = yield* queryOne(documentByKey, profile, kind, id)
    const old = row && toDocument(row)
    const isPut = 'body' in each
    if (isPut && (ifRevision === undefined || !old)) {
      const taken = yield* takenDocument({ profile, kind, id })
      if (taken) return err(taken)
    }
    if ((!old && !isPut) || (old && old.account !== account)) return err(notFound('document', id))
    if (ifRevision !== undefined && ifRevision !== (old?.revision ?? 0)) {
      return err({ kind: 'conflict', resource: 'document', reason: 'it has been changed by somebody else' })
    }
  }
  const documents = put.map(({ ifRevision: _, ...document }) => ({ ...document, account, profile }))
  for (const document of documents) yield* upsertDocument({ ...document, revision })
  for (const { kind, id } of remove) {
    yield* query('DELETE FROM documents WHERE profile = ? AND kind = ? AND id = ?', profile, kind, id)
  }

  const moved = yield* moveAddresses({ account, profile }, args, revision)
  if (!moved.ok) return moved
  const { before, interfaces } = moved.value
  const servers = new Set(interfaces.map(({ server }) => server))
  const holdings = { gone: goneDocuments(remove), documents, interfaces, before }
  const held = yield* applyHoldings({ account, profile }, holdings, actor.at)
  if (!held.ok) return held

  const [server = null] = servers
  yield* record(actor, revision, {
    ...{ operation, resource: 'ip-address', id, server: servers.size === 1 ? server : null },
    before: { interfaces: Object.fromEntries(before) },
    after: { interfaces: Object.fromEntries(interfaces.map(({ id, addresses }) => [id, addresses])) },
  })
  return ok({ revision })
}
