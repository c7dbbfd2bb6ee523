/** What agents say of their hosts, and which of them is heard. */
import { isSettled } from '../../core/model/status-change.ts'
import { ok } from '../../core/result.ts'
import { toSession } from '../rows.ts'
import { chunks, insertRows, marks, type Program, query, queryOne, type Steps } from '../statement.ts'
import type { Actor, Programs } from '../storage.ts'

/** Milliseconds after which an agent that was not seen, though it has not said that it goes, is taken for gone. */
const seenMs = 45_000

export function* openSession(
  { host, agent }: Programs['openSession']['args'],
  { at }: Actor,
): Program<Programs['openSession']['answer']> {
  // Whoever else writes of the host waits from here on.
  yield* query('UPDATE host_sessions SET host = host WHERE host = ?', host)
  const row = yield* queryOne(
    'SELECT session, agent, since, left_at, refused FROM host_sessions WHERE host = ?',
    host,
  )
  const before = row && toSession(row)
  if (before?.own && !agent.own && before.leftAt === null) {
    const seen = yield* queryOne('SELECT seen_at FROM hosts WHERE host = ?', host)
    if (at - Math.max(Number(seen?.seen_at ?? 0), before.since) < seenMs) return ok({ session: null })
  }
  const { release, protocol, instance, own } = agent
  // Two that are the first of a host at once: the second one counts on.
  yield* query(
    `INSERT INTO host_sessions (host, session, agent, since) VALUES (?, 1, ?, ?)
     ON CONFLICT (host) DO UPDATE SET session = host_sessions.session + 1, agent = excluded.agent,
       since = excluded.since, left_at = NULL, refused = NULL`,
    host,
    JSON.stringify({ release, protocol, instance, own }),
    at,
  )
  const now = yield* queryOne('SELECT session FROM host_sessions WHERE host = ?', host)
  return ok({ session: Number(now?.session) })
}

export function* closeSession(
  { host, session }: Programs['closeSession']['args'],
  { at }: Actor,
): Program<Programs['closeSession']['answer']> {
  yield* query('UPDATE host_sessions SET left_at = ? WHERE host = ? AND session = ?', at, host, session)
  return ok({})
}

export function* refuseSession({
  host,
  reason,
}: Programs['refuseSession']['args']): Program<Programs['refuseSession']['answer']> {
  yield* query('UPDATE host_sessions SET refused = ? WHERE host = ?', reason, host)
  return ok({})
}

/** Whether it is the newest; another one that comes waits until this is written. */
export function* isCurrent(host: string, session: number | undefined): Steps<boolean> {
  if (session === undefined) return true
  yield* query('UPDATE host_sessions SET host = host WHERE host = ?', host)
  const row = yield* queryOne('SELECT session FROM host_sessions WHERE host = ?', host)
  return Number(row?.session) === session
}

/** Milliseconds for which an agent may be gone without its host being taken for away. */
export const awayMs = 30_000

/** Those of which nothing was heard since a moment, milliseconds since 1970. */
export function* hostsAway(hosts: Iterable<string>, before: number): Steps<Set<string>> {
  const away = new Set(before > 0 ? hosts : [])
  for (const chunk of chunks([...away])) {
    const sql = `SELECT c.host, c.since, c.left_at, h.seen_at FROM host_sessions c LEFT JOIN hosts h ON h.host = c.host
      WHERE c.host IN (${marks(chunk)})`
    for (const { host, since, left_at: left, seen_at: seen } of yield* query(sql, ...chunk)) {
      const last = left === null ? Math.max(Number(since), Number(seen ?? 0)) : Number(left)
      if (last >= before) away.delete(String(host))
    }
  }
  return away
}

export function* reportHost({
  host,
  session,
  put: all,
  remove,
  record,
}: Programs['reportHost']['args']): Program<Programs['reportHost']['answer']> {
  if (!(yield* isCurrent(host, session))) return ok({ current: false, foreign: [] })
  const there = new Set<string>()
  for (const chunk of chunks(all.map((each) => each.interface))) {
    const rows = yield* query(
      `SELECT id FROM interfaces WHERE id IN (${marks(chunk)}) AND host = ?`,
      ...chunk,
      host,
    )
    for (const { id } of rows) there.add(String(id))
  }
  const put = all.filter((each) => there.has(each.interface))
  const foreign = all.flatMap((each) => (there.has(each.interface) ? [] : [each.interface]))
  for (const id of [...remove, ...all.map((each) => each.interface)]) {
    yield* query('DELETE FROM outcomes WHERE host = ? AND interface = ?', host, id)
  }
  const rows = put.map(({ interface: id, ...outcome }) => [
    ...[host, id, Number(isSettled(outcome)), JSON.stringify(outcome)],
  ])
  yield* insertRows('outcomes (host, interface, settled, status)', 4, rows)
  const done = ok({ current: true, foreign })
  if (!record) return done
  const { seenAt, host: _, ...status } = record
  yield* query(
    `INSERT INTO hosts (host, seen_at, status) VALUES (?, ?, ?)
     ON CONFLICT (host) DO UPDATE SET seen_at = excluded.seen_at, status = excluded.status`,
    host,
    seenAt,
    JSON.stringify(status),
  )
  return done
}

export function* reportHosts({
  records,
}: Programs['reportHosts']['args']): Program<Programs['reportHosts']['answer']> {
  const newest = new Map<string, number>()
  for (const chunk of chunks(records.map(({ host }) => host))) {
    const sql = `SELECT host, session FROM host_sessions WHERE host IN (${marks(chunk)})`
    for (const { host, session } of yield* query(sql, ...chunk)) newest.set(String(host), Number(session))
  }
  const rows = records
    .filter(({ host, session }) => session === undefined || session === newest.get(host))
    .map(({ host, seenAt, session: _, ...status }) => [host, seenAt, JSON.stringify(status)])
  const newer = `ON CONFLICT (host) DO UPDATE SET seen_at = excluded.seen_at, status = excluded.status
    WHERE hosts.seen_at < excluded.seen_at`
  yield* insertRows('hosts (host, seen_at, status)', 3, rows, newer)
  return ok({})
}

export function* forgetHosts({
  except,
}: Programs['forgetHosts']['args']): Program<Programs['forgetHosts']['answer']> {
  const kept = new Set(except)
  for (const { host } of yield* query('SELECT host FROM hosts')) {
    if (kept.has(String(host))) continue
    yield* query('DELETE FROM outcomes WHERE host = ?', String(host))
    yield* query('DELETE FROM hosts WHERE host = ?', String(host))
    yield* query('DELETE FROM host_sessions WHERE host = ?', String(host))
    yield* query('DELETE FROM sightings WHERE host = ?', String(host))
    yield* query('DELETE FROM adoption_refusals WHERE host = ?', String(host))
  }
  return ok({})
}
