/**
 * What a change of a policy's rules or settings replaced, as a step back from what the policy is to what it was.
 *
 * Every statement that changes rules or settings is in a function that remembers the step: rules.ts and servers.ts.
 */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { policiesSince } from '../migrations/0018-policy-past.ts'
import { policyColumns, settingsColumns, storedRuleColumns, toSettings } from '../rows.ts'
import { query, queryOne, type Row, type SqlValue, type Steps } from '../statement.ts'

/** Remembers steps of the revision that this transaction is. */
function* remember(policy: string, step: JsonObject): Steps<void> {
  yield* query(
    `INSERT INTO policy_past (revision, part, policy, step)
     SELECT r.value, COALESCE((SELECT MAX(p.part) FROM policy_past p WHERE p.revision = r.value), 0) + 1,
       CAST(? AS TEXT), CAST(? AS TEXT) FROM revision r WHERE r.id = 1`,
    policy,
    JSON.stringify(step),
  )
}

/** Rules were put in at consecutive positions from `first` on. */
export function* rememberInserted(policy: string, first: number, count: number): Steps<void> {
  if (count > 0) yield* remember(policy, { take: [[first, count]] })
}

/** A rule was taken out of where it stood. */
export function* rememberTaken(row: Row): Steps<void> {
  yield* remember(String(row.policy), { put: [placed(row)] })
}

/** A list took the place of another; `isSame` compares the rules at two indexes, of the old list and of the new one. */
export function* rememberRewritten(
  policy: string,
  old: readonly Row[],
  length: number,
  isSame: (before: number, after: number) => boolean,
): Steps<void> {
  const shorter = Math.min(old.length, length)
  let head = 0
  while (head < shorter && isSame(head, head)) head++
  let tail = 0
  while (tail < shorter - head && isSame(old.length - 1 - tail, length - 1 - tail)) tail++
  const stays = (index: number) => old.length === length && isSame(index, index)
  const put = old.flatMap((row, index) =>
    index < head || index >= old.length - tail || stays(index) ? [] : [placed(row)],
  )
  const take: [number, number][] = []
  for (let index = head; index < length - tail; index++) {
    if (stays(index)) continue
    const last = take.at(-1)
    if (last && last[0] + last[1] === index + 1) last[1]++
    else take.push([index + 1, 1])
  }
  if (put.length > 0 || take.length > 0) yield* remember(policy, { take, put })
}

/** Before settings are written, in the order of their columns. */
export function* rememberSettings(policy: string, wanted: readonly SqlValue[]): Steps<void> {
  const row = yield* queryOne(`SELECT ${settingsColumns} FROM policies WHERE id = ?`, policy)
  if (
    !row ||
    isDeepStrictEqual(
      columns.map((column) => row[column]),
      wanted,
    )
  )
    return
  yield* remember(policy, { settings: toSettings(row) as unknown as JsonObject })
}
const columns = settingsColumns.split(', ')

/** Before policies are deleted with their rules. `where` selects them. */
export function* rememberRemoved(where: string, ...params: SqlValue[]): Steps<void> {
  const rows = yield* query(`SELECT ${policyColumns}, made FROM policies WHERE ${where}`, ...params)
  for (const row of rows) {
    const sql = `SELECT ${storedRuleColumns} FROM rules WHERE policy = ? ORDER BY position`
    const rules = (yield* query(sql, String(row.id))).map(stored)
    const { account, profile, name, server, interface: nic, zone } = row
    const own = { account, profile, name, server, interface: nic, zone } as JsonObject
    const settings = toSettings(row) as unknown as JsonObject
    yield* remember(String(row.id), { gone: { ...own, made: Number(row.made), settings, rules } })
  }
}

/** Forgets steps of revisions up to one: no policy can be followed back beyond it. */
export function* forgetPast(revision: number): Steps<void> {
  yield* query('DELETE FROM policy_past WHERE revision <= ?', revision)
  const row = yield* queryOne('SELECT value FROM installation WHERE name = ?', policiesSince)
  const since = Math.max(revision, Number(row?.value))
  yield* query('UPDATE installation SET value = ? WHERE name = ?', String(since), policiesSince)
}

const placed = (row: Row): JsonValue => [Number(row.position), stored(row)]

/** A rule without its place: `toPastRule` in rows.ts reads it. */
function stored(row: Row): JsonObject {
  const json = (column: string) => JSON.parse(String(row[column])) as JsonValue
  const { id, direction, action, include, interface: nic, log } = row as Record<string, string | null>
  return {
    ...{ id: String(id), direction: String(direction), action: String(action) },
    ...(row.enabled === 1 ? {} : { enabled: false }),
    ...(include !== null && { include: String(include) }),
    ...(nic !== null && { interface: Number(nic) }),
    ...(log !== null && { log: String(log) }),
    ...{ matches: json('matches'), spec: json('spec') },
  }
}
