/** Finds events of an account by what they are about, with work that does not grow with the audit. */
import { chunks, marks, query, queryOne, type Row, type SqlValue, type Steps } from './statement.ts'
import type { EventScope, HistoryFilter, HistoryPage } from './storage.ts'

/** Columns of an event that are filtered by, each with an index on account, column and revision (0018-policy-past.ts, 0021-acting-credentials.ts). */
const columns = ['policy', 'server', 'actor', 'operation', 'dialect', 'credential'] as const
type Column = (typeof columns)[number]

/** Entries of one index that a page looks at; the next page goes on where it ended. */
const most = 5000
/** Entries by which indexes are compared. */
const probe = 1000

interface Found {
  readonly events: readonly { readonly revision: number; readonly size: number }[]
  readonly next: number | null
}

/**
 * Events that fit, newest first. Where several columns are filtered by, or only some of the account's servers or profiles are
 * seen, entries of one index are looked at: of that whose newest entries reach farthest back, which is the one with the fewest.
 */
export function* findEvents(page: HistoryPage): Steps<Found> {
  const { account, limit, before = Number.MAX_SAFE_INTEGER, scope } = page
  const [from, to] = yield* revisionsBetween(page, before)
  const [only, another] = scope?.servers ?? []
  const sought = only !== undefined && another === undefined ? { server: only, ...page } : page
  const given = columns.filter((column) => sought[column] !== undefined)
  const [driver, ...others] = yield* sparsestFirst(sought, given, to)
  const wanted = (of: readonly Column[]) => of.map((column) => sought[column] as string)
  const entries = `SELECT revision, size, ${columns.join(', ')} FROM audit
    WHERE account = ?${driver ? ` AND ${driver} = ?` : ''} AND revision < ? AND revision >= ?
    ORDER BY revision DESC LIMIT ?`
  const params: SqlValue[] = [account, ...wanted(driver ? [driver] : []), to, from]
  const [within, scoped] = inScope(scope ?? {}, 'looked_at')
  if (others.length === 0 && within === '') {
    const rows = (yield* query(entries, ...params, limit + 1)).map(toFound)
    const events = rows.slice(0, limit)
    return { events, next: rows.length > limit ? (events.at(-1)?.revision ?? null) : null }
  }
  const fits = others.map((column) => ` AND ${column} = ?`).join('') + within
  const sql = `SELECT revision, size FROM (${entries}) AS looked_at WHERE TRUE${fits} ORDER BY revision DESC LIMIT ?`
  const fitting = [...params, most, ...wanted(others), ...scoped, limit + 1]
  const rows = (yield* query(sql, ...fitting)).map(toFound)
  const events = rows.slice(0, limit)
  if (rows.length > limit) return { events, next: events.at(-1)?.revision ?? null }
  // There may be more beyond the entries that were looked at.
  const last = yield* queryOne(
    `SELECT revision FROM (${entries}) AS looked_at ORDER BY revision LIMIT 1`,
    ...[...params, most],
  )
  const beyond = last && (yield* queryOne(nthNewest(driver, 0), ...beforeThat(params, Number(last.revision))))
  return { events, next: beyond ? Number(last.revision) : null }
}

/** A condition on events, with the word that joins it to others; empty where all are wanted. `of` is what their table is called. */
export function inScope(
  { account, profiles = null, servers = null }: EventScope & { readonly account?: string },
  of = 'audit',
): [string, SqlValue[]] {
  const profile = `COALESCE((SELECT s.profile FROM servers s WHERE s.id = ${of}.server),
    (SELECT p.profile FROM policies p WHERE p.id = ${of}.policy), ${of}.dialect)`
  // Nothing is in an empty list, which SQL cannot write.
  const isIn = (column: string, values: readonly string[] | null) =>
    values === null ? '' : values.length === 0 ? ' AND 1 = 0' : ` AND ${column} IN (${marks(values)})`
  return [
    `${account === undefined ? '' : ' AND account = ?'}${isIn('server', servers)}${isIn(profile, profiles)}`,
    [...(account === undefined ? [] : [account]), ...(servers ?? []), ...(profiles ?? [])],
  ]
}

/** Newest of an account's events, those of a column alone, within revisions: the one that comes after `offset` others. */
const nthNewest = (column: Column | undefined, offset: number) => `SELECT revision FROM audit
  WHERE account = ?${column ? ` AND ${column} = ?` : ''} AND revision < ? AND revision >= ?
  ORDER BY revision DESC LIMIT 1 OFFSET ${offset}`

/** The same, with another end. */
const beforeThat = (params: readonly SqlValue[], revision: number): SqlValue[] => [
  ...params.slice(0, -2),
  revision,
  params.at(-1) as SqlValue,
]

const toFound = (row: Row) => ({ revision: Number(row.revision), size: Number(row.size) })

/** First, inclusive, and end, exclusive, of what the moments leave of the revisions below `before`. */
function* revisionsBetween({ since, until }: HistoryFilter, before: number): Steps<[number, number]> {
  const sql = 'SELECT revision FROM audit WHERE reached >= ? ORDER BY reached, revision LIMIT 1'
  const [first, end] = [
    since === undefined ? undefined : yield* queryOne(sql, since),
    until === undefined ? undefined : yield* queryOne(sql, until),
  ]
  const from = since === undefined ? 0 : Number(first?.revision ?? Number.MAX_SAFE_INTEGER)
  return [from, end ? Math.min(before, Number(end.revision)) : before]
}

function* sparsestFirst(page: HistoryFilter, given: readonly Column[], to: number): Steps<readonly Column[]> {
  if (given.length < 2) return given
  const reach = new Map<Column, number>()
  for (const column of given) {
    const sql = nthNewest(column, probe - 1)
    const row = yield* queryOne(sql, page.account, page[column] as string, to, 0)
    reach.set(column, Number(row?.revision ?? 0))
  }
  return given.toSorted((a, b) => (reach.get(a) ?? 0) - (reach.get(b) ?? 0))
}

/** Reads them, in the same order. */
export function* eventsOf<T extends { readonly revision: number }>(
  events: Found['events'],
  read: string,
  to: (row: Row) => T,
): Steps<readonly T[]> {
  const found: T[] = []
  for (const chunk of chunks(events.map(({ revision }) => String(revision)))) {
    const sql = `SELECT ${read} FROM audit WHERE revision IN (${marks(chunk)})`
    found.push(...(yield* query(sql, ...chunk.map(Number))).map(to))
  }
  return found.sort((a, b) => b.revision - a.revision)
}
