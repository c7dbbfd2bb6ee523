/** What is remembered of interfaces that leave their host: agents that ask what has changed cannot find them any more. */
import { departuresSince } from '../placements.ts'
import { query, queryOne, type SqlValue, type Steps } from '../statement.ts'

/** Remembers interfaces before they are deleted, or their places are. `where` selects them. */
export function* depart(revision: number, where: string, ...params: SqlValue[]): Steps<void> {
  yield* query(
    `INSERT INTO departures (interface, host, revision)
     SELECT id, host, ? FROM interfaces WHERE host IS NOT NULL AND device IS NOT NULL AND ${where}
     ON CONFLICT (interface, host) DO UPDATE SET revision = excluded.revision`,
    revision,
    ...params,
  )
}

/** Forgets those up to a revision: who asks what has changed since an earlier one is told everything. */
export function* forgetDepartures(revision: number): Steps<void> {
  yield* query('DELETE FROM departures WHERE revision <= ?', revision)
  const row = yield* queryOne('SELECT value FROM installation WHERE name = ?', departuresSince)
  const since = Math.max(revision, Number(row?.value))
  yield* query('UPDATE installation SET value = ? WHERE name = ?', String(since), departuresSince)
}
