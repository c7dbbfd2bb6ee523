/** What agents say of their hosts. */
import { isSettled } from '../../core/model/status-change.ts'
import { ok } from '../../core/result.ts'
import { insertRows, type Program, query } from '../statement.ts'
import type { Programs } from '../storage.ts'

export function* reportHost({
  host,
  put,
  remove,
  record,
}: Programs['reportHost']['args']): Program<Programs['reportHost']['answer']> {
  for (const id of [...remove, ...put.map((each) => each.interface)]) {
    yield* query('DELETE FROM outcomes WHERE host = ? AND interface = ?', host, id)
  }
  const rows = put.map(({ interface: id, ...outcome }) => [
    ...[host, id, Number(isSettled(outcome)), JSON.stringify(outcome)],
  ])
  yield* insertRows('outcomes (host, interface, settled, status)', 4, rows)
  if (!record) return ok({})
  const { seenAt, host: _, ...status } = record
  yield* query(
    `INSERT INTO hosts (host, seen_at, status) VALUES (?, ?, ?)
     ON CONFLICT (host) DO UPDATE SET seen_at = excluded.seen_at, status = excluded.status`,
    host,
    seenAt,
    JSON.stringify(status),
  )
  return ok({})
}

export function* reportHosts({
  records,
}: Programs['reportHosts']['args']): Program<Programs['reportHosts']['answer']> {
  const rows = records.map(({ host, seenAt, ...status }) => [host, seenAt, JSON.stringify(status)])
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
  }
  return ok({})
}
