/** What every program begins and ends with: the global write lock, the server's chain, the audit event. */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError, ResourceKind } from '../../core/model/error.ts'
import type { Direction } from '../../core/model/rule.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { auditColumns, onceColumns, policyColumns, serverColumns, toPolicy, toServer } from '../rows.ts'
import { query, queryOne, type Steps, tupleOf } from '../statement.ts'
import {
  type Actor,
  type ChainTarget,
  effectiveState,
  type NewEvent,
  type PolicyChoices,
  type PolicyRecord,
  type PolicyTarget,
  type RevisionRecord,
  type RuleTarget,
  type ServerRecord,
} from '../storage.ts'
import { shortened } from './difference.ts'

/**
 * The revision this transaction will be. Taking it first locks its row until the end, so that writes happen one after
 * the other on both engines: a program sees no other writer, and revisions are committed in order.
 */
export const nextRevision = (): Steps<number> => revisionAfter(1)

/** Takes so many; answers the last of them. */
export function* revisionAfter(count: number): Steps<number> {
  const row = yield* queryOne('UPDATE revision SET value = value + ? WHERE id = 1 RETURNING value', count)
  return Number(row?.value)
}

/** The server if the account may write it now: existence, then ownership, then state and attributes. */
export function* writableServer(
  target: ChainTarget & {
    readonly requireStates?: readonly string[]
    readonly refuseAttributes?: JsonObject
  },
  actor: Actor,
): Steps<Result<ServerRecord, RequestError>> {
  const row = yield* queryOne(
    `SELECT ${serverColumns} FROM servers WHERE id = ? AND origin <> 'left'`,
    target.server,
  )
  const server = row && toServer(row)
  if (server?.profile !== target.profile) return err(notFound('server', target.server))
  if (server.account !== target.account) return err({ kind: 'forbidden', resource: 'server', id: server.id })
  const state = effectiveState(server, actor.at)
  const { requireStates, refuseStates } = target
  if (refuseStates.includes(state) || (requireStates && !requireStates.includes(state))) {
    return err({ kind: 'conflict', resource: 'server', reason: `the server is in state ${state}` })
  }
  for (const [name, value] of Object.entries(target.refuseAttributes ?? {})) {
    if (server.attributes[name] === value)
      return err({ kind: 'conflict', resource: 'server', reason: `the server is ${name}` })
  }
  return ok(server)
}

/** The server if it is still of that revision; undefined: of any. */
export function unchangedServer(
  server: ServerRecord,
  ifRevision: number | undefined,
): Result<ServerRecord, RequestError> {
  if (ifRevision === undefined || ifRevision === server.revision) return ok(server)
  const reason = 'the server has been changed by somebody else'
  return err({ kind: 'conflict', resource: 'server', reason, stale: true })
}

/** The chain that belongs to a server. */
export function* chainOf(server: string): Steps<PolicyRecord | undefined> {
  const row = yield* queryOne(
    `SELECT ${policyColumns} FROM policies WHERE server = ? AND interface IS NULL`,
    server,
  )
  return row && toPolicy(row)
}

/** The chain of a server that may be written, or why not. */
export function* writableChain(target: ChainTarget, actor: Actor): Steps<Result<PolicyRecord, RequestError>> {
  const server = yield* writableServer(target, actor)
  if (!server.ok) return server
  const chain = yield* chainOf(target.server)
  return chain ? unchanged(chain, target) : err(notFound('policy', target.server))
}

/**
 * A policy by itself, or of one interface. Another account's is as if it were not there: it is found by nobody else.
 */
export function* ownPolicy(target: PolicyTarget): Steps<Result<PolicyRecord, RequestError>> {
  const { account, profile, policy } = target
  const row = yield* queryOne(
    `SELECT ${policyColumns} FROM policies
     WHERE id = ? AND account = ? AND profile = ? AND (server IS NULL OR interface IS NOT NULL)`,
    policy,
    account,
    profile,
  )
  return row ? unchanged(toPolicy(row), target) : err(notFound('policy', policy))
}

/** The policy whose rules may be written, or why not. */
export function* writablePolicy(target: RuleTarget, actor: Actor): Steps<Result<PolicyRecord, RequestError>> {
  return 'server' in target ? yield* writableChain(target, actor) : yield* ownPolicy(target)
}

export function unchanged(
  policy: PolicyRecord,
  { ifRevision }: { readonly ifRevision?: number },
): Result<PolicyRecord, RequestError> {
  if (ifRevision === undefined || ifRevision === policy.revision) return ok(policy)
  return err({
    kind: 'conflict',
    resource: 'policy',
    reason: 'the rules have been changed by somebody else',
    stale: true,
  })
}

export function* countRules(policy: string): Steps<number> {
  const row = yield* queryOne('SELECT COALESCE(MAX(position), 0) AS n FROM rules WHERE policy = ?', policy)
  return Number(row?.n)
}

/**
 * Moves the rules from `from` on by `by` positions. In two steps, because a unique key is checked row by row: first to
 * negative positions, where nothing can collide, then back.
 */
export function* shiftRules(policy: string, from: number, by: 1 | -1): Steps<void> {
  yield* query(
    'UPDATE rules SET position = -(position + ?) WHERE policy = ? AND position >= ?',
    by,
    policy,
    from,
  )
  yield* query('UPDATE rules SET position = -position WHERE policy = ? AND position < 0', policy)
}

export function* touchPolicy(policy: string, revision: number, actor: Actor): Steps<void> {
  yield* query('UPDATE policies SET revision = ?, modified_at = ? WHERE id = ?', revision, actor.at, policy)
}

/**
 * Whether a write would leave everything as it is. The program then answers `changed: false`, which rolls it back: no
 * revision, no event, nothing for agents to do. A write that its dialect keeps in a log of requests is recorded all the same.
 */
export const isNoChange = (actor: Actor, before: unknown, after: unknown): boolean =>
  actor.request === undefined && isDeepStrictEqual(before, after)

/** The policy and server that an event about a policy, or about a rule of it, affects. */
export const affectedBy = ({ id, server }: PolicyRecord) => ({ policy: id, server })

/** A request that is to be done once is remembered with what it does, and refused when it is remembered already. */
export function* remember({ once, at }: Actor): Steps<Result<void, RequestError>> {
  if (!once) return ok(undefined)
  const { key, request, id, sealed, until } = once
  // One that is over is as if it had never been.
  yield* query('DELETE FROM idempotency WHERE key = ? AND until <= ?', key, at)
  const sql = `INSERT INTO idempotency (${onceColumns}) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING key`
  const row = yield* queryOne(sql, key, request, id, sealed, until)
  if (row) return ok(undefined)
  return err({ kind: 'conflict', resource: 'request', reason: 'the same request is being done already' })
}

/** Of the steps that the same revision remembers; they end with its event. */
const pastBytes =
  '(SELECT COALESCE(SUM(octet_length(step)), 0) FROM policy_past WHERE policy_past.revision = ?)'

/** Comes last in a program: it counts what the program remembers. */
export function* record(actor: Actor, revision: number, event: NewEvent): Steps<void> {
  const { values, size, change } = written({ actor, revision, event })
  const { at } = actor
  yield {
    sql: `INSERT INTO audit (${auditColumns}, size, total, reached) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
       ? + ${pastBytes}, ? + ${pastBytes} + COALESCE((SELECT total FROM audit ORDER BY revision DESC LIMIT 1), 0),
       (SELECT CASE WHEN MAX(reached) > ? THEN MAX(reached) ELSE ? END FROM audit))`,
    params: [...values, size, revision, size, revision, at, at],
    changes: [change],
  }
  yield* renew(actor, revision)
}

export interface Recorded {
  readonly actor: Actor
  readonly revision: number
  readonly event: NewEvent
}

/** Very many at once, in order of their revisions, all of which are new and remember no steps. */
export function* recordAll(events: readonly Recorded[]): Steps<void> {
  const newest = yield* queryOne('SELECT total FROM audit ORDER BY revision DESC LIMIT 1')
  let total = Number(newest?.total ?? 0)
  let reached = Number((yield* queryOne('SELECT MAX(reached) AS reached FROM audit'))?.reached ?? 0)
  const all = events.map(written)
  const rows = all.map(({ values, size, change: { at } }) => {
    total += size
    reached = Math.max(reached, at)
    return [...values, size, total, reached]
  })
  const [first] = rows
  if (!first) return
  const changes = all.map(({ change }) => change)
  const sql = `INSERT INTO audit (${auditColumns}, size, total, reached) VALUES ${tupleOf(first.length)}`
  yield { sql, params: [], rows, changes }
  for (const { actor, revision } of events) yield* renew(actor, revision)
}

/** An event as it is stored and told. */
function written({ actor, revision, event }: Recorded) {
  const [before, after] = shortened(event.before, event.after).map((value) => JSON.stringify(value)) as [
    string,
    string,
  ]
  const request = actor.request ? JSON.stringify(actor.request) : null
  const size = [before, after, request ?? ''].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  const { at, account, actor: by, credential, dialect, requestId } = actor
  const { operation, resource, id, server = null, policy = null } = event
  const values = [
    ...[revision, at, account, by, credential?.id ?? null, credential?.label ?? null],
    ...[dialect, requestId, operation, resource, id, server, policy],
    ...[request, before, after],
  ]
  const change: RevisionRecord = {
    ...{ revision, at, account, actor: by, ...(credential && { credential }), dialect, requestId },
    ...{ operation, resource, id, server, policy },
  }
  return { values, size, change }
}

/** Fails if the account is gone or closed: a request may have been let in before that. */
export function* checkAccount(id: string): Steps<Result<void, RequestError>> {
  const row = yield* queryOne("SELECT id FROM accounts WHERE id = ? AND origin <> 'left'", id)
  return row ? ok(undefined) : err(notFound('account', id))
}

/** Fails if the enclosing document is gone, so nothing is created inside a deleted parent. */
export function* checkEnclosing({ dialect, account, within }: Actor): Steps<Result<void, RequestError>> {
  if (!within) return ok(undefined)
  const sql = `SELECT id FROM documents
    WHERE profile = ? AND kind = ? AND id = ? AND account = ? AND origin <> 'left'`
  const row = yield* queryOne(sql, within.profile ?? dialect, within.kind, within.id, account)
  return row ? ok(undefined) : err(notFound('document', within.id))
}

/** A write inside a document bumps that document's revision. */
function* renew({ dialect, within }: Actor, revision: number): Steps<void> {
  if (!within) return
  const sql = 'UPDATE documents SET revision = ? WHERE profile = ? AND kind = ? AND id = ?'
  yield* query(sql, revision, within.profile ?? dialect, within.kind, within.id)
}

export function notFound(resource: ResourceKind, id: string): RequestError {
  return { kind: 'not-found', resource, id }
}

/** `field` is the id of what is at fault: whoever read the inventory knows its place. */
export function invalid(field: string, reason: string): RequestError {
  return { kind: 'invalid', field, reason }
}

/** Attributes with a change, key by key; null removes a key. */
export const merged = (old: JsonObject, change: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries({ ...old, ...change }).filter(([, value]) => value !== null))

/** A policy with what its owner chooses; what is not given stays. */
export function chosen(policy: PolicyRecord, change: PolicyChoices): PolicyRecord {
  const { log = {}, logAllowed, cutFlows, ...rest } = policy
  const level = (direction: Direction) => {
    const given = change.log?.[direction]
    return given === undefined ? log[direction] : (given ?? undefined)
  }
  const [ingress, egress] = [level('ingress'), level('egress')]
  const [allowed, flows] = [
    change.logAllowed === undefined ? logAllowed : change.logAllowed,
    change.cutFlows === undefined ? cutFlows : change.cutFlows,
  ]
  return {
    ...rest,
    ...((ingress || egress) && { log: { ...(ingress && { ingress }), ...(egress && { egress }) } }),
    ...(allowed && { logAllowed: allowed }),
    ...(flows && { cutFlows: flows }),
  }
}

/** Whether two values say the same; the order of keys makes no difference. */
export const same = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b)
const canonical = (value: unknown) =>
  JSON.stringify(value, (_, v) =>
    v && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  )
