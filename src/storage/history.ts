/** Finds events by what they are about, of an account or of all, with work that does not grow with the audit. */
import { requestColumns, toLoggedRequest } from './rows.ts'
import { chunks, marks, query, queryOne, type Row, type SqlValue, type Steps } from './statement.ts'
import type { EventScope, HistoryFilter, HistoryPage, RequestRecord } from './storage.ts'

/** Columns of an event that are filtered by. */
const columns = ['account', 'policy', 'server', 'credential', 'actor', 'operation', 'dialect'] as const
type Column = (typeof columns)[number]

/** Entries of one index that a page looks at; the next page goes on where it ended. */
const most = 5000
/** Entries by which indexes are compared. */
const probe = 1000

interface Found {
  readonly events: readonly { readonly revision: number; readonly size: number }[]
  readonly next: number | null
}

/** Entries of an index on columns and the revision, within revisions, newest first. */
interface Walk {
  /** None: the index on revisions alone. */
  readonly index: readonly Column[]
  readonly values: readonly string[]
  /** Inclusive. */
  readonly from: number
  /** Exclusive. */
  readonly to: number
}

/**
 * Events that fit, newest first. Entries of one index are looked at: of that whose newest entries reach farthest back, which
 * is the one with the fewest. `logged`: only those that have a request.
 */
export function* findEvents({
  limit,
  before = Number.MAX_SAFE_INTEGER,
  logged = false,
  scope = {},
  ...filter
}: HistoryPage & { readonly logged?: boolean }): Steps<Found> {
  const [from, to] = yield* revisionsBetween(filter, before)
  const [only, another] = scope.servers ?? []
  const sought = only !== undefined && another === undefined ? { server: only, ...filter } : filter
  const given = columns.filter((column) => sought[column] !== undefined)
  const valuesOf = (of: readonly Column[]) => of.map((column) => sought[column] as string)
  const walk = yield* sparsest(
    indexesFor(given).map((index): Walk => ({ index, values: valuesOf(index), from, to })),
  )
  const others = given.filter((column) => !walk.index.includes(column))
  const [within, scoped] = inScope(scope, 'looked_at')
  const fits = `TRUE${others.map((column) => ` AND ${column} = ?`).join('')}${logged ? ' AND logged = 1' : ''}${within}`
  const fitting = [...valuesOf(others), ...scoped]
  const [entries, params] = entriesOf(walk, `size, ${columns.join(', ')}, ${isLogged} AS logged`)

  // Mostly the newest fit, all of them.
  const peek = `SELECT revision, size, CASE WHEN ${fits} THEN 1 ELSE 0 END AS fits FROM (${entries}) AS looked_at
    ORDER BY revision DESC`
  const newest = yield* query(peek, ...fitting, ...params, limit + 1)
  const fit = newest.filter((row) => row.fits === 1).map(toFound)
  if (newest.length <= limit) return { events: fit, next: null }
  if (fit.length > limit) return pageOf(fit, limit)

  const sql = `SELECT revision, size FROM (${entries}) AS looked_at WHERE ${fits} ORDER BY revision DESC LIMIT ?`
  const found = (yield* query(sql, ...params, most, ...fitting, limit + 1)).map(toFound)
  if (found.length > limit) return pageOf(found, limit)
  // There may be more beyond the entries that were looked at.
  const [revisions, of] = entriesOf(walk)
  const [last, beyond] = yield* query(`${revisions} OFFSET ${most - 1}`, ...of, 2)
  return { events: found, next: last && beyond ? Number(last.revision) : null }
}

/** Of one more than a page has. */
const pageOf = (events: Found['events'], limit: number): Found => {
  const kept = events.slice(0, limit)
  return { events: kept, next: kept.at(-1)?.revision ?? null }
}

/**
 * Indexes that lead to what has these columns. A server, a policy or a credential has few events, whoever asks; labels, APIs
 * and operations are found among those of an account, and else among all (0018-policy-past.ts, 0025-lookups.ts).
 */
function indexesFor(given: readonly Column[]): readonly (readonly Column[])[] {
  const those = (of: readonly Column[]) => of.filter((column) => given.includes(column))
  const account = those(['account'])
  const found = [
    ...those(['policy', 'server', 'credential']).map((column) => [column]),
    ...(account.length === 0 ? [] : those(['actor', 'operation', 'dialect'])).map(
      (column) => ['account', column] as const,
    ),
  ]
  return found.length > 0 ? found : [account]
}

const isLogged = 'CASE WHEN request IS NULL THEN 0 ELSE 1 END'

/**
 * A statement that lacks its limit, which is its last parameter. That all columns of the index are compared and ordered by
 * leaves planners no other one: by their statistics they would walk all revisions for a value that seems frequent.
 */
function entriesOf({ index, values, from, to }: Walk, more?: string): [string, SqlValue[]] {
  const key = [...index, 'revision']
  const [list, places] = [key.join(', '), marks(key)]
  const sql = `SELECT revision${more === undefined ? '' : `, ${more}`} FROM audit
    WHERE (${list}) < (${places}) AND (${list}) >= (${places})
    ORDER BY ${key.map((column) => `${column} DESC`).join(', ')} LIMIT ?`
  return [sql, [...values, to, ...values, from]]
}

function* sparsest(walks: readonly Walk[]): Steps<Walk> {
  let found: { readonly walk: Walk; readonly reach: number } | undefined
  for (const walk of walks) {
    const [sql, params] = entriesOf(walk)
    const row = walks.length < 2 ? undefined : yield* queryOne(`${sql} OFFSET ${probe - 1}`, ...params, 1)
    const reach = Number(row?.revision ?? 0)
    if (!found || reach < found.reach) found = { walk, reach }
  }
  if (!found) throw new Error('there is no index to walk')
  return found.walk
}

/** Logged requests of an account and dialect, newest first: of the newest events of each server that is seen. */
export function* loggedRequestsOf(
  { account, dialect }: Required<Pick<HistoryFilter, 'account' | 'dialect'>>,
  limit: number,
  scope: EventScope = {},
): Steps<readonly RequestRecord[]> {
  const { servers = null } = scope
  const scopes = servers === null ? [scope] : servers.map((server) => ({ ...scope, servers: [server] }))
  const found: Found['events'][number][] = []
  for (const each of scopes) {
    found.push(...(yield* findEvents({ account, dialect, limit, logged: true, scope: each })).events)
  }
  const newest = found.toSorted((a, b) => b.revision - a.revision).slice(0, limit)
  return yield* eventsOf(newest, requestColumns, toLoggedRequest)
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
