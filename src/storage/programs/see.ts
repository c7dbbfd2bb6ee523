/**
 * What the agent of a host sees of guests' devices: kept, and interfaces put where their MAC addresses are, in one transaction.
 *
 * A host says this for its own devices alone, and takes no interface from another that is there and sees it.
 */
import { type Claimed, maxSightings, type Sighting } from '../../core/model/sighting.ts'
import { ok } from '../../core/result.ts'
import { fromSighting, sightingColumns } from '../rows.ts'
import { chunks, insertRows, marks, type Program, query, queryOne, type Steps } from '../statement.ts'
import type { Actor, Programs, SightingRecord } from '../storage.ts'
import { nextRevision, same } from './common.ts'
import { forgetDetached } from './dismissals.ts'
import { end, leave, untouched } from './ephemeral.ts'
import {
  byPlace,
  consider,
  type Decision,
  keyOf,
  type Nic,
  nicsOn,
  saysAnother,
  sightingsAt,
  sightingsOf,
  soughtOf,
  strays,
  toClaim,
  type Verdict,
} from './found.ts'
import { isCurrent } from './hosts.ts'
import { isSamePlace, type Move, occupy, recordMoves, vacate } from './moves.ts'

type Args = Programs['see']['args']

export function* see(args: Args, actor: Actor): Program<Programs['see']['answer']> {
  const { host, session, put, remove } = args
  if (!(yield* isCurrent(host, session))) return ok({ current: false, claims: [], changed: false })
  const before = yield* stored(args)
  const { kept, refused } = yield* admitted(args, before, actor)
  const own = [...kept.values()]
  const devices = new Set([...kept.keys(), ...remove])
  const on = byPlace(yield* nicsOn([...devices].map((device) => ({ host, device }))))
  yield* forget(
    host,
    remove.filter((device) => before.has(device)),
  )
  const released = [
    ...[...on.values()].filter((nic) => isOver(nic, { before, kept, remove })),
    ...(args.settled ? yield* strays(host) : []),
  ]
  const decision = yield* find(args, own, released, on)
  const moved = yield* write(decision, host, actor)
  const told = own.map((each) => ({ ...each, ...verdictOf(decision, each) }))
  const changed = told.filter((each) => !same(each, before.get(each.device)))
  yield* keep(changed)
  yield* forgetDetached([...before.values()].filter((each) => isTakenBack(each, kept.get(each.device))))
  const news = new Set([...put, ...changed].map(({ device }) => device))
  const claims = [...told.filter(({ device }) => news.has(device)).map(toClaim), ...refused]
  const isChanged = changed.length > 0 || moved !== undefined || remove.some((device) => before.has(device))
  return ok({
    ...{ current: true, claims },
    ...(moved !== undefined ? { revision: moved } : !isChanged && { changed: false }),
  })
}

/** What is stored of the devices that are spoken of, by device. */
function* stored({ host, put, remove, again }: Args): Steps<Map<string, SightingRecord>> {
  const names = new Set([...put.map(({ device }) => device), ...remove, ...again])
  const rows = yield* sightingsAt([...names].map((device) => ({ host, device })))
  return new Map(rows.map((row) => [row.device, row]))
}

/** All that is spoken of and stays, by device, as it will be stored; and what there is no room for. */
function* admitted(
  { host, put, again }: Args,
  before: ReadonlyMap<string, SightingRecord>,
  { at }: Actor,
): Steps<{ readonly kept: Map<string, SightingRecord>; readonly refused: readonly Claimed[] }> {
  const kept = new Map<string, SightingRecord>()
  for (const device of again) {
    const row = before.get(device)
    if (row) kept.set(device, row)
  }
  const isNew = put.some(({ device }) => !before.has(device))
  let room = isNew ? yield* roomOf(host) : 0
  const refused: Claimed[] = []
  for (const sighting of put) {
    const row = before.get(sighting.device)
    if (!row && room-- <= 0) {
      const why = `the host speaks of more than ${maxSightings} devices`
      refused.push({ device: sighting.device, interface: null, why })
    } else kept.set(sighting.device, merged(host, sighting, row, at))
  }
  return { kept, refused }
}

function merged(
  host: string,
  sighting: Sighting,
  row: SightingRecord | undefined,
  at: number,
): SightingRecord {
  const sought = soughtOf(sighting, row && isTakenBack(row, sighting) ? undefined : row)
  const since = row && row.sought === sought ? row.since : at
  const told = {
    interface: row?.interface ?? null,
    why: row?.why ?? null,
    contested: row?.contested ?? false,
  }
  return { ...sighting, host, sought, since, ...told }
}

function* roomOf(host: string): Steps<number> {
  const sql = 'SELECT COUNT(*) AS n FROM (SELECT 1 FROM sightings WHERE host = ? LIMIT ?) AS few'
  return maxSightings - Number((yield* queryOne(sql, host, maxSightings))?.n)
}

/** Whether an interface that was found on a device is there no more. One of which nobody says whose it is has to be the same as before. */
function isOver(
  { by, place, ...nic }: Nic,
  {
    before,
    kept,
    remove,
  }: Pick<Args, 'remove'> & Record<'before' | 'kept', ReadonlyMap<string, SightingRecord>>,
): boolean {
  if (by !== 'mac' || !place) return false
  const [was, now] = [before.get(place.device), kept.get(place.device)]
  if (!now) return remove.includes(place.device)
  const isReplaced = now.sought === null && was !== undefined && was.address !== now.address
  const isDetached = was !== undefined && isTakenBack(was, now)
  return isReplaced || isDetached || saysAnother({ by, place, ...nic }, now)
}

/** Whether who attached a device has taken that back, or it is gone. */
const isTakenBack = (was: Sighting, now: Sighting | undefined): boolean =>
  was.source === 'attached' && now?.source !== 'attached'

/** Reads what decides, and decides. */
function* find(
  { host, awayBefore }: Args,
  own: readonly SightingRecord[],
  released: readonly Nic[],
  on: Map<string, Nic>,
): Steps<Decision> {
  const gone = new Set(released.map(({ id }) => id))
  /** Others may wait for what has left, and for what is only expected here. */
  const expected = own.flatMap((each) => {
    const nic = each.present ? undefined : on.get(keyOf(each))
    return nic?.by === 'mac' && !gone.has(nic.id) ? [nic] : []
  })
  const mine = new Set(own.map(keyOf))
  const yielding = [...released, ...expected]
  const waiting = (yielding.length === 0 ? [] : yield* sightingsOf(yielding, awayBefore)).filter(
    (each) => !mine.has(keyOf(each)),
  )
  for (const [key, nic] of byPlace(yield* nicsOn(waiting))) on.set(key, nic)
  return yield* consider([...own, ...waiting], released, on, { speaker: host, awayBefore })
}

/** Answers the newest revision; undefined: nothing moves. */
function* write({ moves }: Decision, host: string, actor: Actor): Steps<number | undefined> {
  const all = [...moves.values()].flatMap(({ nic, to }): Move[] => {
    const { id, server, account, place } = nic
    return isSamePlace(place, to) ? [] : [{ id, server, account, before: place, after: to }]
  })
  if (all.length === 0) return undefined
  const revision = yield* nextRevision()
  yield* vacate(
    all.map(({ id }) => id),
    revision,
  )
  const left = yield* untouched(all.map(({ server }) => server))
  yield* occupy(all, { by: 'mac', at: actor.at }, revision)
  yield* leave(left, revision)
  const [told, known] = ['host', `agent of host ${host}`].map((by) => ({ ...actor, actor: by })) as [
    Actor,
    Actor,
  ]
  const recorded = yield* recordMoves(all, revision, { told, known })
  const nowhere = all.flatMap(({ server, after }) => (after ? [] : [server]))
  return (yield* end(nowhere, actor)) ?? recorded
}

const verdictOf = ({ verdicts }: Decision, each: SightingRecord): Verdict => verdicts.get(keyOf(each)) ?? each

function* forget(host: string, devices: readonly string[]): Steps<void> {
  for (const chunk of chunks(devices)) {
    yield* query(`DELETE FROM sightings WHERE host = ? AND device IN (${marks(chunk)})`, host, ...chunk)
  }
}

const columns = sightingColumns.split(', ')
const renewed = columns.map((column) => `${column} = excluded.${column}`).join(', ')

function* keep(rows: readonly SightingRecord[]): Steps<void> {
  const into = `sightings (${sightingColumns})`
  const otherwise = `ON CONFLICT (host, device) DO UPDATE SET ${renewed}`
  yield* insertRows(into, columns.length, rows.map(fromSighting), otherwise)
}
