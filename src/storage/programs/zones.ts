/** Changes within one zone, decided from what was read and written on condition that nothing in it has changed since. */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError, ResourceKind } from '../../core/model/error.ts'
import { err, ok } from '../../core/result.ts'
import { serverColumns, toDocument, toServer } from '../rows.ts'
import { type Program, query, queryOne, type Row, type Steps } from '../statement.ts'
import type { Actor, Changes, NewPolicyRecord, Programs, ServerRecord } from '../storage.ts'
import { checkAccount, nextRevision, notFound, record } from './common.ts'
import { depart } from './departures.ts'
import { documentByKey, takenDocument, upsertDocument } from './documents.ts'
import { applyHoldings, gone, goneDocuments } from './leases.ts'
import { rewriteRules, rulesOf } from './rules.ts'
import {
  attachPolicies,
  deleteInterfaces,
  detachPolicy,
  insertInterfaces,
  insertPolicies,
  insertServer,
  ownDocument,
  removePolicy,
  removeServer,
  syncInterfacePolicies,
  updateServerRow,
} from './servers.ts'

export function* changeZone(
  args: Programs['changeZone']['args'],
  actor: Actor,
): Program<Programs['changeZone']['answer']> {
  const revision = yield* nextRevision()
  const { account, profile, zone, zoneKind, ifRevision } = args
  const owner = yield* checkAccount(account)
  if (!owner.ok) return owner
  const row = yield* queryOne(documentByKey, profile, zoneKind, zone)
  const old = row && toDocument(row)
  const mine = old === undefined || old.account === account
  if (!mine || (old?.revision ?? 0) !== ifRevision) {
    return err({ kind: 'conflict', resource: 'document', reason: 'it has been changed by somebody else' })
  }
  const foreign = yield* findForeign(args)
  if (foreign) return err(foreign)
  for (const { kind, id } of args.documents?.remove ?? []) {
    yield* query('DELETE FROM documents WHERE profile = ? AND kind = ? AND id = ?', profile, kind, id)
  }
  for (const { ifRevision, ...document } of args.documents?.put ?? []) {
    const there = yield* ownDocument(document)
    if (ifRevision !== undefined && there?.revision !== ifRevision) {
      return err({ kind: 'conflict', resource: 'document', reason: 'it has been changed by somebody else' })
    }
    const taken = there ? undefined : yield* takenDocument(document)
    if (taken) return err(taken)
    yield* upsertDocument({ ...document, revision })
  }
  for (const id of args.policies?.remove ?? []) {
    yield* detachPolicy(id, revision)
    yield* removePolicy(id)
  }
  yield* deleteInterfaces(args.interfaces?.remove ?? [], revision)
  const removed = [...(args.interfaces?.remove ?? [])]
  for (const id of args.servers?.remove ?? []) removed.push(...(yield* removeServer(id, revision)))

  const touched = new Set<string>()
  for (const server of args.servers?.put ?? []) {
    const there = yield* queryOne('SELECT id FROM servers WHERE id = ?', server.id)
    yield* there ? updateServerRow({ ...server, revision }) : insertServer({ ...server, revision })
    touched.add(server.id)
  }
  const nics = args.interfaces?.put ?? []
  const before = new Map<string, readonly string[]>()
  const stored: Row[] = []
  for (const nic of nics) {
    yield* depart(revision, 'id = ?', nic.id)
    const sql =
      'DELETE FROM interfaces WHERE id = ? RETURNING id, addresses, host, device, bound_by, bound_at, origin'
    const row = yield* queryOne(sql, nic.id)
    if (row) {
      before.set(nic.id, JSON.parse(String(row.addresses)) as string[])
      stored.push(row)
    }
    touched.add(nic.server)
  }
  yield* insertInterfaces(nics.map((nic) => ({ ...nic, host: null, device: null })))
  // Written anew, it is still whose it was, and where it was: that may be newer than what was read.
  for (const {
    id = '',
    host = null,
    device = null,
    bound_by: by = null,
    bound_at: at = null,
    origin = '',
  } of stored) {
    const sql =
      'UPDATE interfaces SET host = ?, device = ?, bound_by = ?, bound_at = ?, origin = ? WHERE id = ?'
    yield* query(sql, host, device, by, at, origin, id)
  }
  const servers = new Map<string, ServerRecord>()
  for (const id of new Set([...touched, ...(args.attach ?? []).map(({ server }) => server)])) {
    const found = yield* queryOne(`SELECT ${serverColumns} FROM servers WHERE id = ?`, id)
    if (!found) continue
    servers.set(id, toServer(found))
    yield* query('UPDATE servers SET revision = ? WHERE id = ?', revision, id)
  }
  for (const server of servers.values()) {
    const own = nics.filter((nic) => nic.server === server.id)
    yield* syncInterfacePolicies(server, own, args.interfacePolicies, revision, actor.at)
  }
  for (const policy of args.policies?.put ?? []) yield* upsertPolicy(policy, revision)
  let { event } = args
  for (const { policy, rules, ids } of args.rules ?? []) {
    const old = yield* rulesOf(policy)
    if (event.resource === 'policy' && event.id === policy && event.before !== null) {
      const before = { rules: old.map((row) => JSON.parse(String(row.spec)) as JsonObject) }
      event = { ...event, before: { ...(event.before as JsonObject), ...before } }
    }
    yield* rewriteRules(policy, old, rules, ids, actor)
    yield* query('UPDATE policies SET revision = ? WHERE id = ?', revision, policy)
  }
  for (const { server, interface: nic, policies } of args.attach ?? []) {
    const of = servers.get(server)
    if (!of) continue
    const attached = yield* attachPolicies(of, nic, policies)
    if (!attached.ok) return attached
  }
  const { put: documents = [], remove: left = [] } = args.documents ?? {}
  const ended = [...gone('interface', removed), ...goneDocuments(left)]
  const held = yield* applyHoldings(args, { gone: ended, documents, interfaces: nics, before }, actor.at)
  if (!held.ok) return held
  // That of a change within one server is that server's, whatever of it has changed.
  const [only = null, ...others] = servers.keys()
  yield* record({ ...actor, within: { kind: zoneKind, id: zone } }, revision, {
    ...event,
    ...(others.length === 0 && { server: only }),
    ...(event.resource === 'server' && { server: event.id }),
    ...(event.resource === 'policy' && { policy: event.id }),
  })
  return ok({ revision })
}

/** What is named and not the account's, answered as if it were not there; undefined when all is its own, or new. */
function* findForeign({
  account,
  profile,
  servers,
  interfaces,
  policies,
  rules = [],
  attach = [],
  documents,
}: Programs['changeZone']['args']): Steps<RequestError | undefined> {
  const isOwn = (of: Readonly<Record<string, unknown>>) => of.account === account && of.profile === profile
  const written = [...(servers?.put ?? []), ...(policies?.put ?? []), ...(documents?.put ?? [])]
  if (!written.every((each) => isOwn({ ...each })))
    throw new Error('a change writes what another account has')
  const named: readonly (readonly [ResourceKind, string, readonly string[]])[] = [
    [
      'server',
      'SELECT account, profile FROM servers WHERE id = ?',
      [
        ...idsOf(servers),
        ...(interfaces?.put ?? []).map((nic) => nic.server),
        ...attach.map(({ server }) => server),
      ],
    ],
    [
      'interface',
      'SELECT s.account, s.profile FROM interfaces i JOIN servers s ON s.id = i.server WHERE i.id = ?',
      idsOf(interfaces),
    ],
    [
      'policy',
      'SELECT account, profile FROM policies WHERE id = ?',
      // An interface's policy has its id.
      [
        ...idsOf(policies),
        ...rules.map(({ policy }) => policy),
        ...(interfaces?.put ?? []).map(({ id }) => id),
      ],
    ],
  ]
  for (const [resource, sql, ids] of named) {
    for (const id of new Set(ids)) {
      const row = yield* queryOne(sql, id)
      if (row && !isOwn(row)) return notFound(resource, id)
    }
  }
  const sql = 'SELECT account FROM documents WHERE profile = ? AND kind = ? AND id = ?'
  for (const { kind, id } of [...(documents?.put ?? []), ...(documents?.remove ?? [])]) {
    const row = yield* queryOne(sql, profile, kind, id)
    if (row && row.account !== account) return notFound('document', id)
  }
  return undefined
}

const idsOf = ({ put = [], remove = [] }: Changes<{ readonly id: string }, string> = {}): string[] => [
  ...put.map(({ id }) => id),
  ...remove,
]

function* upsertPolicy(policy: NewPolicyRecord, revision: number): Steps<void> {
  const there = yield* queryOne('SELECT id FROM policies WHERE id = ?', policy.id)
  if (!there) return yield* insertPolicies([{ ...policy, revision }])
  yield* query(
    'UPDATE policies SET name = ?, default_for = ?, attributes = ?, modified_at = ?, revision = ? WHERE id = ?',
    policy.name,
    policy.defaultFor,
    JSON.stringify(policy.attributes),
    policy.modifiedAt,
    revision,
    policy.id,
  )
}
