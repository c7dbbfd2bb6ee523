/**
 * On which device of which host interfaces are: claimed, moved and released together, apart from all else of an interface.
 *
 * Tenants see in their history that it happened, and not where: hosts and devices are in an event that is nobody's.
 */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Program, query, queryOne, type Steps } from '../statement.ts'
import type { Actor, BindingChange, Programs } from '../storage.ts'
import { nextRevision, notFound, record } from './common.ts'
import { depart } from './departures.ts'

interface Place {
  readonly host: string
  readonly device: string
}

/** An interface that the write is about. */
interface Bound {
  readonly id: string
  readonly server: string
  readonly account: string
  readonly before: Place | null
  readonly after: Place | null
}

export function* bind(
  { changes }: Programs['bind']['args'],
  actor: Actor,
): Program<Programs['bind']['answer']> {
  const revision = yield* nextRevision()
  const moved = new Map<string, Bound>()
  let newest = 0
  for (const change of changes) {
    const found = yield* boundTo(change)
    if (!found.ok) return found
    newest = Math.max(newest, found.value.revision)
    const { revision: _, ...bound } = found.value
    if (!isSame(bound.before, bound.after)) moved.set(bound.id, bound)
  }
  for (const { interface: id, from, to } of changes) {
    // One that is there already was asked for before, and its answer was lost: nobody has to give anything up.
    if (from === undefined || to === null || !moved.has(id)) continue
    const holder = yield* boundTo({ interface: from, to: null })
    if (!holder.ok) return holder
    const { revision: _, ...bound } = holder.value
    if (!isSame(bound.before, to)) return err(notHeld(to, from))
    if (!moved.has(from) && from !== id) moved.set(from, bound)
  }
  if (moved.size === 0) return ok({ revision: newest, changed: false })

  const all = [...moved.values()]
  for (const { id } of all) {
    yield* depart(revision, 'id = ?', id)
    yield* query(
      'UPDATE interfaces SET host = NULL, device = NULL, bound_by = NULL, bound_at = NULL WHERE id = ?',
      id,
    )
  }
  for (const { id, after } of all) {
    if (!after) continue
    const taken = yield* takenDevice(after)
    if (taken) return err(taken)
    const sql = "UPDATE interfaces SET host = ?, device = ?, bound_by = 'api', bound_at = ? WHERE id = ?"
    yield* query(sql, after.host, after.device, actor.at, id)
  }
  for (const server of new Set(all.map((each) => each.server))) {
    yield* query('UPDATE servers SET revision = ? WHERE id = ?', revision, server)
  }
  return ok({ revision: yield* recordMoves(all, revision, actor) })
}

/** The conflict of claiming a device that another interface has; undefined when it is free. */
export function* takenDevice({ host, device }: Place): Steps<RequestError | undefined> {
  const row = yield* queryOne('SELECT id FROM interfaces WHERE host = ? AND device = ?', host, device)
  if (!row) return undefined
  const id = String(row.id)
  const reason = `the device ${device} on ${host} is held by interface ${id}`
  return { kind: 'conflict', resource: 'binding', reason, id }
}

function* boundTo({
  interface: id,
  to,
  ifRevision,
}: BindingChange): Steps<Result<Bound & { readonly revision: number }, RequestError>> {
  const row = yield* queryOne(
    `SELECT i.server, i.host, i.device, s.account, s.revision FROM interfaces i JOIN servers s ON s.id = i.server
     WHERE i.id = ? AND s.origin <> 'left'`,
    id,
  )
  if (!row) return err(notFound('interface', id))
  const revision = Number(row.revision)
  const before =
    row.host === null || row.device === null ? null : { host: String(row.host), device: String(row.device) }
  // What is so already is not refused for being stale (RFC 9110 §13.1.1): the request may be the one that made it so.
  if (ifRevision !== undefined && ifRevision !== revision && !isSame(before, to)) {
    const reason = 'the server of the interface has been changed by somebody else'
    return err({ kind: 'conflict', resource: 'binding', reason, stale: true })
  }
  return ok({ id, server: String(row.server), account: String(row.account), before, after: to, revision })
}

const isSame = (a: Place | null, b: Place | null): boolean => a?.host === b?.host && a?.device === b?.device

const notHeld = ({ host, device }: Place, id: string): RequestError => {
  const reason = `the device ${device} on ${host} is not held by interface ${id}`
  return { kind: 'conflict', resource: 'binding', reason, id }
}

/** Of every interface in its own account, then where they are in one; answers the newest revision. */
function* recordMoves(all: readonly Bound[], revision: number, actor: Actor): Steps<number> {
  let newest = revision
  for (const { id, server, account, before, after } of all) {
    yield* record({ ...actor, account }, newest, {
      ...{ operation: nameOf(before, after), resource: 'interface', id, server },
      ...{ before: { bound: before !== null }, after: { bound: after !== null } },
    })
    newest = yield* nextRevision()
  }
  yield* record({ ...actor, account: '' }, newest, {
    ...{ operation: 'bindings.update', resource: 'binding', id: all.length === 1 ? (all[0]?.id ?? '') : '' },
    ...{ before: placesOf(all, 'before'), after: placesOf(all, 'after') },
  })
  return newest
}

const nameOf = (before: Place | null, after: Place | null): string =>
  after === null ? 'binding.release' : before === null ? 'binding.claim' : 'binding.move'

const placesOf = (all: readonly Bound[], side: 'before' | 'after'): JsonObject =>
  Object.fromEntries(
    all.map((each) => {
      const place = each[side]
      return [each.id, place && { ...place }]
    }),
  )
