/** Servers with their interfaces, chain and documents. */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import type { PolicySettings } from '../../core/model/policy.ts'
import { type InterfacePolicies, interfacePolicy } from '../../core/model/profile.ts'
import { err, ok, type Result } from '../../core/result.ts'
import {
  fromInterface,
  fromPolicy,
  fromServer,
  fromSettings,
  interfaceColumns,
  policyColumns,
  serverColumns,
  settingsColumns,
  toDocument,
  toPolicy,
} from '../rows.ts'
import { type Count, counted, insertRows, type Program, query, queryOne, type Steps } from '../statement.ts'
import type {
  Actor,
  Attachment,
  DocumentChange,
  DocumentRecord,
  NewDocument,
  PolicyRecord,
  Programs,
  ServerRecord,
  SettingsChange,
} from '../storage.ts'
import { attachedAddress, namedInDocument } from './belongings.ts'
import {
  chainOf,
  checkAccount,
  checkEnclosing,
  chosen,
  countRules,
  isNoChange,
  merged,
  nextRevision,
  ownPolicy,
  record,
  unchanged,
  unchangedServer,
  writableServer,
} from './common.ts'
import { depart } from './departures.ts'
import { dismissServer } from './dismissals.ts'
import { documentByKey, revisionConflict, takenDocument, upsertDocument } from './documents.ts'
import { forgetHits } from './hits.ts'
import { moveAddresses } from './interface-addresses.ts'
import { applyHoldings, gone, goneDocuments } from './leases.ts'
import { markBound, newcomerFault } from './newcomers.ts'
import { rememberRemoved, rememberSettings } from './past.ts'

export function* ownDocument({ account, profile, kind, id }: NewDocument): Steps<DocumentRecord | undefined> {
  const row = yield* queryOne(documentByKey, profile, kind, id)
  const document = row && toDocument(row)
  return document?.account === account ? document : undefined
}

const columns = (list: string) => list.split(',').length

export function* insertServer(server: ServerRecord): Steps<void> {
  const one = [{ of: server, name: 'servers', by: 1 }] as const
  yield* insertRows(`servers (${serverColumns})`, columns(serverColumns), [fromServer(server)], '', one)
}

export function* insertInterfaces(interfaces: readonly Interface[]): Steps<void> {
  yield* insertRows(
    `interfaces (${interfaceColumns})`,
    columns(interfaceColumns),
    interfaces.map(fromInterface),
  )
}

export function* insertPolicies(policies: readonly PolicyRecord[]): Steps<void> {
  const counts = policies
    .filter(({ server }) => server === null)
    .map((of): Count => ({ of, name: 'policies', by: 1 }))
  yield* insertRows(
    `policies (${policyColumns}, made)`,
    columns(policyColumns) + 1,
    policies.map((policy) => [...fromPolicy(policy), policy.revision]),
    '',
    counts,
  )
}

export function* insertAttachments(attachments: readonly Attachment[]): Steps<void> {
  const rows = attachments.map((a, rank) => [a.server, a.interface ?? '', a.policy, rank])
  yield* insertRows('attachments (server, interface, policy, rank)', 4, rows)
}

function* writeDocuments(
  documents: readonly DocumentChange[],
  revision: number,
): Steps<Result<void, RequestError>> {
  for (const { ifRevision, ...document } of documents) {
    if (ifRevision === undefined) {
      const taken = yield* takenDocument(document)
      if (taken) return err(taken)
    } else if ((yield* ownDocument(document))?.revision !== ifRevision) return revisionConflict
    yield* upsertDocument({ ...document, revision })
  }
  return ok(undefined)
}

function* removeDocuments(
  { account, profile }: Pick<ServerRecord, 'account' | 'profile'>,
  documents: readonly { readonly kind: string; readonly id: string }[],
): Steps<void> {
  const sql = 'DELETE FROM documents WHERE profile = ? AND kind = ? AND id = ? AND account = ?'
  for (const { kind, id } of documents) yield* query(sql, profile, kind, id, account)
}

/** Attaches policies by themselves, in order, in place of others that are attached to just that. */
export function* attachPolicies(
  owner: Pick<ServerRecord, 'id' | 'account' | 'profile'>,
  nic: string | null,
  policies: readonly string[],
): Steps<Result<void, RequestError>> {
  const { id: server, account, profile } = owner
  for (const policy of policies) {
    const found = yield* ownPolicy({ account, profile, policy })
    if (!found.ok) return found
  }
  yield* query(
    `DELETE FROM attachments
     WHERE server = ? AND interface = ? AND policy IN (SELECT id FROM policies WHERE server IS NULL)`,
    server,
    nic ?? '',
  )
  yield* insertAttachments([...new Set(policies)].map((policy) => ({ policy, server, interface: nic })))
  return ok(undefined)
}

/** What these policies are attached to changes. `policies` selects their ids. */
export function* noteAttached(policies: string, params: readonly string[], revision: number): Steps<void> {
  yield* query(`UPDATE policies SET attached_revision = ? WHERE id IN (${policies})`, revision, ...params)
}

/** Takes a policy off everything it is attached to, which is then read again. */
export function* detachPolicy(policy: string, revision: number): Steps<void> {
  const attached = 'SELECT server FROM attachments WHERE policy = ?'
  yield* query(`UPDATE servers SET revision = ? WHERE id IN (${attached})`, revision, policy)
  yield* query('DELETE FROM attachments WHERE policy = ?', policy)
}

/** One by itself with its rules; it must be attached nowhere. */
export function* removePolicy(policy: string): Steps<void> {
  yield* rememberRemoved('id = ?', policy)
  const row = yield* queryOne('SELECT account FROM policies WHERE id = ?', policy)
  if (!row) return
  const of = { account: String(row.account) }
  const rules: Count = { of, name: 'rules', by: -(yield* countRules(policy)) }
  yield* counted(rules, 'DELETE FROM rules WHERE policy = ?', policy)
  yield* counted({ of, name: 'policies', by: -1 }, 'DELETE FROM policies WHERE id = ?', policy)
}

/** Takes away the rules of policies that belong to a server or an interface of one; what has left was not counted. */
function* removeOwnRules(which: 'server = ?' | 'interface = ?', id: string): Steps<void> {
  const own = `SELECT id FROM policies WHERE ${which}`
  const [row] = yield* query(
    `SELECT s.account, COUNT(*) AS n FROM rules r JOIN policies p ON p.id = r.policy JOIN servers s ON s.id = p.server
     WHERE r.policy IN (${own}) AND s.origin <> 'left' GROUP BY s.account`,
    id,
  )
  const counts: Count[] = row
    ? [{ of: { account: String(row.account) }, name: 'rules', by: -Number(row.n) }]
    : []
  yield* counted(counts, `DELETE FROM rules WHERE policy IN (${own})`, id)
}

/** Policies by themselves that are attached to just that, in order. */
export function* attachedTo(server: string, nic: string | null = null): Steps<string[]> {
  const sql = `SELECT policy FROM attachments WHERE server = ? AND interface = ?
    AND policy IN (SELECT id FROM policies WHERE server IS NULL) ORDER BY rank`
  return (yield* query(sql, server, nic ?? '')).map((row) => String(row.policy))
}

/** The id of the policy that is the default of something, made first if there is none. */
export function* defaultPolicy(
  { account, profile }: Pick<ServerRecord, 'account' | 'profile'>,
  { for: key, otherwise }: NonNullable<Programs['createServer']['args']['attachDefault']>,
  revision: number,
): Steps<string | undefined> {
  const sql = 'SELECT id FROM policies WHERE account = ? AND profile = ? AND default_for = ?'
  const row = yield* queryOne(sql, account, profile, key)
  if (row) return String(row.id)
  // Whoever gets it owns it.
  if (otherwise) yield* insertPolicies([{ ...otherwise, account, profile, revision }])
  return otherwise?.id
}

/** Takes away interfaces with what belongs to them and what is attached there. */
export function* deleteInterfaces(ids: readonly string[], revision: number): Steps<void> {
  for (const id of ids) {
    yield* depart(revision, 'id = ?', id)
    yield* forgetHits('id = ?', id)
    yield* noteAttached('SELECT policy FROM attachments WHERE interface = ?', [id], revision)
    yield* query('DELETE FROM attachments WHERE interface = ?', id)
    yield* rememberRemoved('interface = ?', id)
    yield* removeOwnRules('interface = ?', id)
    // Counted are those by themselves.
    yield* counted([], 'DELETE FROM policies WHERE interface = ?', id)
    yield* query('DELETE FROM interfaces WHERE id = ?', id)
  }
}

/** Policies of interfaces that each have one: made with the interface, and as its attributes say ever after. */
export function* syncInterfacePolicies(
  { id: server, account, profile }: Pick<ServerRecord, 'id' | 'account' | 'profile'>,
  interfaces: readonly Interface[],
  policies: InterfacePolicies | undefined,
  revision: number,
  now: number,
): Steps<boolean> {
  if (!policies) return false
  let changed = false
  for (const { id, attributes } of interfaces) {
    const settings = interfacePolicy(policies, attributes)
    const row = yield* queryOne(`SELECT ${policyColumns} FROM policies WHERE id = ?`, id)
    const old = row && toPolicy(row)
    if (!old) {
      const scope = { server, interface: id, zone: '', defaultFor: null }
      const made = { name: '', ...scope, createdAt: now, modifiedAt: now, attributes: {}, revision }
      yield* insertPolicies([{ ...settings, ...made, id, account, profile }])
      yield* insertAttachments([{ policy: id, server, interface: id }])
    } else if (old.enabled !== settings.enabled || old.filters.join() !== settings.filters.join()) {
      yield* updatePolicySettings({ ...old, ...settings, revision, modifiedAt: now })
    } else continue
    changed = true
  }
  return changed
}

const settings = settingsColumns
  .split(', ')
  .map((column) => `${column} = ?`)
  .join(', ')

/** Those that are absent in it are absent then. */
export function* updatePolicySettings(
  policy: PolicySettings & Pick<PolicyRecord, 'id' | 'revision' | 'modifiedAt'>,
): Steps<void> {
  const values = fromSettings(policy)
  yield* rememberSettings(policy.id, values)
  yield* query(
    `UPDATE policies SET ${settings}, revision = ?, modified_at = ? WHERE id = ?`,
    ...values,
    policy.revision,
    policy.modifiedAt,
    policy.id,
  )
}

export function* updateServerRow(server: ServerRecord): Steps<void> {
  yield* query(
    `UPDATE servers SET name = ?, zone = ?, state = ?, next_state = ?, next_state_at = ?, attributes = ?, revision = ?
     WHERE id = ?`,
    server.name,
    server.zone,
    server.state,
    server.nextState,
    server.nextStateAt,
    JSON.stringify(server.attributes),
    server.revision,
    server.id,
  )
}

function* takenNumber({
  profile,
  number,
}: Pick<ServerRecord, 'profile' | 'number'>): Steps<RequestError | undefined> {
  if (number === null) return undefined
  const row = yield* queryOne('SELECT id FROM servers WHERE profile = ? AND number = ?', profile, number)
  return row && { kind: 'conflict', resource: 'server', reason: `a server with the number ${number} exists` }
}

export function* createServer(
  args: Programs['createServer']['args'],
  actor: Actor,
): Program<Programs['createServer']['answer']> {
  const revision = yield* nextRevision()
  const { server } = args
  const owner = yield* checkAccount(server.account)
  if (!owner.ok) return owner
  const enclosing = yield* checkEnclosing(actor)
  if (!enclosing.ok) return enclosing
  const taken = yield* queryOne('SELECT id FROM servers WHERE id = ?', server.id)
  if (taken) return err({ kind: 'conflict', resource: 'server', reason: 'a server with this id exists' })
  const fault = (yield* takenNumber(server)) ?? (yield* newcomerFault(args.interfaces, args.ownMacs))
  if (fault) return err(fault)
  yield* insertServer({ ...server, revision })
  yield* insertInterfaces(args.interfaces)
  yield* markBound(args.interfaces, actor)
  yield* insertPolicies(args.policies.map((policy) => ({ ...policy, revision })))
  yield* insertAttachments(args.attachments)
  const byDefault = args.attachDefault && (yield* defaultPolicy(server, args.attachDefault, revision))
  const attach = args.attach ?? (byDefault === undefined ? [] : [byDefault])
  const attached = yield* attachPolicies(server, null, attach)
  if (!attached.ok) return attached
  yield* syncInterfacePolicies(server, args.interfaces, args.interfacePolicies, revision, actor.at)
  const written = yield* writeDocuments(args.documents, revision)
  if (!written.ok) return written
  const moved = yield* moveAddresses(server, args.addresses ?? {}, revision)
  if (!moved.ok) return moved
  const holdings = {
    documents: args.documents,
    interfaces: [...args.interfaces, ...moved.value.interfaces],
    before: moved.value.before,
  }
  const held = yield* applyHoldings(server, holdings, actor.at)
  if (!held.ok) return held
  const { name, zone, state, attributes } = server
  const after = { name, zone, state, attributes, attached: attach }
  yield* record(actor, revision, {
    operation: 'server.create',
    resource: 'server',
    id: server.id,
    server: server.id,
    before: null,
    after,
  })
  return ok({ revision })
}

export function* updateServer(
  args: Programs['updateServer']['args'],
  actor: Actor,
): Program<Programs['updateServer']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* writableServer(args, actor)
  if (!found.ok) return found
  const same = unchangedServer(found.value, args.ifServerRevision)
  if (!same.ok) return same
  const server = found.value
  const attributes = merged(server.attributes, args.attributes ?? {})
  const chain = yield* chainOf(server.id)
  const current = unchangedChain(server, chain, args)
  if (!current.ok) return current
  const { attach, documents } = args
  const attachedBefore = attach && (yield* attachedTo(server.id))
  const settings = chain && args.policy && withChange(chain, args.policy)
  const wanted = { ...server, ...args.change, attributes }
  if (
    !documents &&
    !args.addresses &&
    isNoChange(
      actor,
      [fromServer(server), chain && fromPolicy(chain), attachedBefore],
      [fromServer(wanted), settings ? fromPolicy(settings) : chain && fromPolicy(chain), attach],
    )
  ) {
    return ok({ revision: server.revision, changed: false })
  }
  yield* updateServerRow({ ...wanted, revision })
  // Also when only the server's attributes change: who reads both knows both by the chain's revision.
  if (settings) yield* updatePolicySettings({ ...settings, revision, modifiedAt: actor.at })
  if (attach) {
    const done = yield* attachPolicies(server, null, attach)
    if (!done.ok) return done
  }
  if (documents) {
    const written = yield* writeDocuments(documents.put ?? [], revision)
    if (!written.ok) return written
    yield* removeDocuments(server, documents.remove ?? [])
  }
  const moved = yield* moveAddresses(server, args.addresses ?? {}, revision)
  if (!moved.ok) return moved
  const { put, remove = [] } = documents ?? {}
  const holdings = { gone: goneDocuments(remove), ...(put && { documents: put }), ...moved.value }
  const held = yield* applyHoldings(server, holdings, actor.at)
  if (!held.ok) return held
  const after = {
    ...args.change,
    ...args.attributes,
    ...args.policy,
    ...(settings && args.policy?.guards && { guards: settings.guards }),
    ...(args.policy?.log && { log: settings?.log ?? null }),
    ...(attach && { attached: attach }),
  } as JsonObject
  const old = { ...server.attributes, ...chain, ...server, attached: attachedBefore } as unknown as JsonObject
  const before = Object.fromEntries(Object.keys(after).map((key) => [key, old[key] ?? null]))
  yield* record(actor, revision, {
    operation: 'server.update',
    resource: 'server',
    id: server.id,
    server: server.id,
    before,
    after,
  })
  return ok({ revision })
}

function withChange(policy: PolicyRecord, change: SettingsChange): PolicyRecord {
  const { guards, log: _, logAllowed: __, cutFlows: ___, ...settings } = change
  return chosen({ ...policy, ...settings, guards: { ...policy.guards, ...guards } }, change)
}

function unchangedChain(
  server: ServerRecord,
  chain: PolicyRecord | undefined,
  { ifRevision }: { readonly ifRevision?: number },
): Result<unknown, RequestError> {
  if (chain) return unchanged(chain, ifRevision === undefined ? {} : { ifRevision })
  return ifRevision === undefined || ifRevision === server.revision ? ok(server) : revisionConflict
}

/** With its interfaces, its policies and theirs; answers the ids of the interfaces. */
export function* removeServer(id: string, revision: number): Steps<string[]> {
  yield* noteAttached('SELECT policy FROM attachments WHERE server = ?', [id], revision)
  yield* depart(revision, 'server = ?', id)
  yield* forgetHits('server = ?', id)
  yield* query('DELETE FROM attachments WHERE server = ?', id)
  yield* rememberRemoved('server = ?', id)
  yield* removeOwnRules('server = ?', id)
  yield* counted([], 'DELETE FROM policies WHERE server = ?', id)
  const interfaces = yield* query('DELETE FROM interfaces WHERE server = ? RETURNING id', id)
  const row = yield* queryOne("SELECT account FROM servers WHERE id = ? AND origin <> 'left'", id)
  const counts: Count[] = row ? [{ of: { account: String(row.account) }, name: 'servers', by: -1 }] : []
  yield* counted(counts, 'DELETE FROM servers WHERE id = ?', id)
  return interfaces.map((row) => String(row.id))
}

/** What its dialect attached to it; undefined: nothing. */
function* attachedByDialect(server: ServerRecord): Steps<RequestError | undefined> {
  const rows = yield* query('SELECT addresses FROM interfaces WHERE server = ?', server.id)
  const addresses = rows.flatMap((row) => JSON.parse(String(row.addresses)) as string[])
  return (yield* attachedAddress(server, addresses)) ?? (yield* namedInDocument(server, 'server', server.id))
}

export function* deleteServer(
  args: Programs['deleteServer']['args'],
  actor: Actor,
): Program<Programs['deleteServer']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* writableServer(args, actor)
  if (!found.ok) return found
  const current = unchangedChain(found.value, yield* chainOf(found.value.id), args)
  if (!current.ok) return current
  const same = unchangedServer(found.value, args.ifServerRevision)
  if (!same.ok) return same
  const { id, name, zone, attributes } = found.value
  const attached = args.unattached && (yield* attachedByDialect(found.value))
  if (attached) return err(attached)
  const rules = yield* query(
    'SELECT spec FROM rules WHERE policy IN (SELECT id FROM policies WHERE server = ?) ORDER BY policy, position',
    id,
  )
  yield* dismissServer(id, actor.at)
  const interfaces = yield* removeServer(id, revision)
  yield* removeDocuments(found.value, args.documents)
  const written = yield* writeDocuments(args.outlive ?? [], revision)
  if (!written.ok) return written
  const ended = [...gone('interface', interfaces), ...goneDocuments(args.documents)]
  const holdings = { gone: ended, ...(args.outlive && { documents: args.outlive }) }
  const held = yield* applyHoldings(found.value, holdings, actor.at)
  if (!held.ok) return held
  const before = { name, zone, attributes, rules: rules.map((row) => JSON.parse(String(row.spec))) }
  yield* record(actor, revision, {
    ...{ operation: 'server.delete', resource: 'server', id, server: id, before, after: null },
  })
  return ok({ revision })
}
