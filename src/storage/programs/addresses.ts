/** Addresses that come to interfaces and leave them, together with the documents that say so. */
import { err, ok } from '../../core/result.ts'
import { serverColumns, toDocument, toServer } from '../rows.ts'
import { type Program, query, queryOne } from '../statement.ts'
import type { Actor, Programs } from '../storage.ts'
import { merged, nextRevision, notFound, placeThere, record } from './common.ts'
import { documentByKey, upsertDocument } from './documents.ts'
import { applyHoldings, goneDocuments } from './leases.ts'
import { updateServerRow } from './servers.ts'

export function* changeAddresses(
  args: Programs['changeAddresses']['args'],
  actor: Actor,
): Program<Programs['changeAddresses']['answer']> {
  const revision = yield* nextRevision()
  const { account, profile, operation, id } = args
  const place = yield* placeThere(actor)
  if (!place.ok) return place
  const { put = [], remove = [] } = args.documents ?? {}
  for (const each of [...put, ...remove]) {
    const { kind, id, ifRevision } = each
    const row = yield* queryOne(documentByKey, profile, kind, id)
    const old = row && toDocument(row)
    const missing = !old && !('body' in each)
    if (missing || (old && old.account !== account)) return err(notFound('document', id))
    if (ifRevision !== undefined && ifRevision !== (old?.revision ?? 0)) {
      return err({ kind: 'conflict', resource: 'document', reason: 'it has been changed by somebody else' })
    }
  }
  const documents = put.map(({ ifRevision: _, ...document }) => ({ ...document, account, profile }))
  for (const document of documents) yield* upsertDocument({ ...document, revision })
  for (const { kind, id } of remove) {
    yield* query('DELETE FROM documents WHERE profile = ? AND kind = ? AND id = ?', profile, kind, id)
  }

  const own = "s.account = ? AND s.profile = ? AND s.origin <> 'left'"
  const before = new Map<string, readonly string[]>()
  const interfaces: { id: string; server: string; addresses: readonly string[] }[] = []
  for (const { interface: nic, add = [], remove = [] } of args.interfaces ?? []) {
    const sql = `SELECT i.id, i.server, i.addresses FROM interfaces i JOIN servers s ON s.id = i.server
      WHERE i.id = ? AND ${own}`
    const row = yield* queryOne(sql, nic, account, profile)
    if (!row) return err(notFound('interface', nic))
    const old = JSON.parse(String(row.addresses)) as string[]
    const kept = old.filter((address) => !remove.includes(address))
    const addresses = [...kept, ...add.filter((address) => !kept.includes(address))]
    if (!before.has(nic)) before.set(nic, old)
    interfaces.push({ id: nic, server: String(row.server), addresses })
    yield* query('UPDATE interfaces SET addresses = ? WHERE id = ?', JSON.stringify(addresses), nic)
  }
  for (const { server, attributes } of args.serverAttributes ?? []) {
    const row = yield* queryOne(
      `SELECT ${serverColumns} FROM servers s WHERE id = ? AND ${own}`,
      server,
      account,
      profile,
    )
    if (!row) return err(notFound('server', server))
    const old = toServer(row)
    yield* updateServerRow({ ...old, attributes: merged(old.attributes, attributes), revision })
  }
  const servers = new Set(interfaces.map(({ server }) => server))
  for (const server of servers) yield* query('UPDATE servers SET revision = ? WHERE id = ?', revision, server)
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
