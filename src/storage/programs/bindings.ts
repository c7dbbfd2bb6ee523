/**
 * On which device of which host interfaces are, as somebody says it: claimed, moved and released together, apart from all else of
 * an interface.
 */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Program, queryOne, type Steps } from '../statement.ts'
import type { Actor, BindingChange, Programs } from '../storage.ts'
import { nextRevision, notFound } from './common.ts'
import { awayMs, hostsAway } from './hosts.ts'
import { foundOn, isSamePlace, type Move, occupy, type Place, recordMoves, vacate } from './moves.ts'

/** An interface that the write is about. */
interface Bound extends Move {
  /** Its host found it there: nobody said so. */
  readonly found: boolean
}

/** Who was found somewhere is said to be there from now on, also where that is the same place. */
const isSo = ({ before, after, found }: Bound): boolean => isSamePlace(before, after) && !(found && after)

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
    if (isSo(bound)) continue
    const again = bound.after === null && bound.found && (yield* isSeen(bound, actor.at))
    if (again) return err(foundAgain(bound))
    moved.set(bound.id, bound)
  }
  for (const { interface: id, from, to } of changes) {
    // One that is there already was asked for before, and its answer was lost: nobody has to give anything up.
    if (from === undefined || to === null || !moved.has(id)) continue
    const holder = yield* boundTo({ interface: from, to: null })
    if (!holder.ok) return holder
    const { revision: _, ...bound } = holder.value
    if (!isSamePlace(bound.before, to)) return err(notHeld(to, from))
    if (!moved.has(from) && from !== id) moved.set(from, bound)
  }
  // Who was found there yields to who is put there; who is spoken of goes where that says.
  const taken = [...moved.values()].flatMap(({ after }) => after ?? [])
  for (const move of yield* foundOn(taken)) {
    if (!moved.has(move.id)) moved.set(move.id, { ...move, found: true })
  }
  if (moved.size === 0) return ok({ revision: newest, changed: false })

  const all = [...moved.values()]
  yield* vacate([...moved.keys()], revision)
  for (const { after } of all) {
    const fault = after && (yield* takenDevice(after))
    if (fault) return err(fault)
  }
  const twice = twoOnOne(all)
  if (twice) return err(twice)
  yield* occupy(all, { by: 'api', at: actor.at }, revision)
  return ok({ revision: yield* recordMoves(all, revision, { told: actor, known: actor }) })
}

/** Whether its host is there and sees the device that it was found on. */
function* isSeen({ before }: Bound, at: number): Steps<boolean> {
  if (!before) return false
  const sql = 'SELECT device FROM sightings WHERE host = ? AND device = ?'
  const seen = yield* queryOne(sql, before.host, before.device)
  return seen !== undefined && (yield* hostsAway([before.host], at - awayMs)).size === 0
}

const foundAgain = ({ id, before }: Bound): RequestError => {
  const { host, device } = before ?? { host: '', device: '' }
  const reason = `the host ${host} sees the MAC address of interface ${id} on its device ${device}, and would find it there again at once; claim the interface for where it shall be, or change its MAC address`
  return { kind: 'conflict', resource: 'binding', reason, id }
}

/** The conflict of claiming a device that another interface has; undefined when it is free. */
export function* takenDevice(place: Place): Steps<RequestError | undefined> {
  const { host, device } = place
  const row = yield* queryOne('SELECT id FROM interfaces WHERE host = ? AND device = ?', host, device)
  return row && deviceHeld(place, String(row.id))
}

const deviceHeld = ({ host, device }: Place, id: string): RequestError => {
  const reason = `the device ${device} on ${host} is held by interface ${id}`
  return { kind: 'conflict', resource: 'binding', reason, id }
}

/** The conflict of claiming a device for two interfaces at once. */
function twoOnOne(all: readonly Bound[]): RequestError | undefined {
  const holders = new Map<string, string>()
  for (const { id, after } of all) {
    if (!after) continue
    const holder = holders.get(`${after.host} ${after.device}`)
    if (holder !== undefined) return deviceHeld(after, holder)
    holders.set(`${after.host} ${after.device}`, id)
  }
  return undefined
}

function* boundTo({
  interface: id,
  to,
  ifRevision,
}: BindingChange): Steps<Result<Bound & { readonly revision: number }, RequestError>> {
  const row = yield* queryOne(
    `SELECT i.server, i.host, i.device, i.bound_by, s.account, s.revision FROM interfaces i JOIN servers s ON s.id = i.server
     WHERE i.id = ? AND s.origin <> 'left'`,
    id,
  )
  if (!row) return err(notFound('interface', id))
  const revision = Number(row.revision)
  const before =
    row.host === null || row.device === null ? null : { host: String(row.host), device: String(row.device) }
  // What is so already is not refused for being stale (RFC 9110 §13.1.1): the request may be the one that made it so.
  if (ifRevision !== undefined && ifRevision !== revision && !isSamePlace(before, to)) {
    const reason = 'the server of the interface has been changed by somebody else'
    return err({ kind: 'conflict', resource: 'binding', reason, stale: true })
  }
  const of = { id, server: String(row.server), account: String(row.account) }
  return ok({ ...of, found: row.bound_by === 'mac', before, after: to, revision })
}

const notHeld = ({ host, device }: Place, id: string): RequestError => {
  const reason = `the device ${device} on ${host} is not held by interface ${id}`
  return { kind: 'conflict', resource: 'binding', reason, id }
}
