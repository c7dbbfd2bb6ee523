/** What interfaces have counted: kept beside what is desired, and gone with the interface or with what decided. */
import { builtInRules } from '../../core/model/built-in.ts'
import { deciderText, parseDecider } from '../../core/model/decider.ts'
import type { BuiltIn } from '../../core/model/policy.ts'
import { ok } from '../../core/result.ts'
import { fromHit, hitColumns } from '../rows.ts'
import {
  chunks,
  insertRows,
  marks,
  type Program,
  query,
  queryOne,
  type SqlValue,
  type Steps,
} from '../statement.ts'
import type { HitSumKey, Programs } from '../storage.ts'

type Kept = Programs['keepHits']['args']['put'][number]

const replacing = `ON CONFLICT (interface, direction, decider) DO UPDATE SET packets = excluded.packets,
  bytes = excluded.bytes, last_hit = excluded.last_hit, epochs = excluded.epochs`
/** What is added to it: no sum grows beyond what can be told from its neighbours. */
const added = (column: 'packets' | 'bytes') => `${column} = CASE
    WHEN hit_sums.${column} > ${Number.MAX_SAFE_INTEGER} - excluded.${column} THEN ${Number.MAX_SAFE_INTEGER}
    ELSE hit_sums.${column} + excluded.${column} END`
const adding = `ON CONFLICT (account, policy, decider) DO UPDATE SET ${added('packets')}, ${added('bytes')}, last_hit = CASE
    WHEN hit_sums.last_hit IS NULL OR excluded.last_hit > hit_sums.last_hit THEN excluded.last_hit
    ELSE hit_sums.last_hit END`

export function* keepHits({
  put,
  counted,
  host,
}: Programs['keepHits']['args']): Program<Programs['keepHits']['answer']> {
  const named = [...new Set([...put, ...counted].map((each) => each.interface))]
  const accounts = yield* accountsOf(named)
  const there = put.filter((each) => accounts.has(each.interface))
  const stale = yield* staleAmong(there)
  const kept = there.filter((each) => !stale.has(each.interface))
  yield* insertRows(`hits (${hitColumns})`, 7, kept.map(fromHit), replacing)
  yield* addUp(kept, accounts)
  const since = counted
    .filter((each) => accounts.has(each.interface))
    .map((each) => [each.interface, each.since])
  yield* insertRows('counted (interface, since)', 2, since, 'ON CONFLICT (interface) DO NOTHING')
  if (host) yield* query('UPDATE hosts SET counted_at = ? WHERE host = ?', host.at, host.host)
  return ok({ stale: [...stale], gone: named.filter((id) => !accounts.has(id)) })
}

function* accountsOf(interfaces: readonly string[]): Steps<Map<string, string>> {
  const found = new Map<string, string>()
  for (const chunk of chunks(interfaces)) {
    const sql = `SELECT i.id, s.account FROM interfaces i JOIN servers s ON s.id = i.server WHERE i.id IN (${marks(chunk)})`
    for (const { id, account } of yield* query(sql, ...chunk)) found.set(String(id), String(account))
  }
  return found
}

/** Interfaces of which something else is kept than whoever counts them believes. */
function* staleAmong(put: readonly Kept[]): Steps<Set<string>> {
  const stored = new Map<string, { packets: number; bytes: number }>()
  for (const chunk of chunks([...new Set(put.map((each) => each.interface))])) {
    const sql = `SELECT interface, direction, decider, packets, bytes FROM hits WHERE interface IN (${marks(chunk)})`
    for (const row of yield* query(sql, ...chunk)) {
      const key = `${row.interface} ${row.direction} ${row.decider}`
      stored.set(key, { packets: Number(row.packets), bytes: Number(row.bytes) })
    }
  }
  const stale = put.filter(({ base, interface: nic, direction, decider }) => {
    const { packets, bytes } = stored.get(`${nic} ${direction} ${decider}`) ?? { packets: 0, bytes: 0 }
    return packets !== base.packets || bytes !== base.bytes
  })
  return new Set(stale.map((each) => each.interface))
}

/** Adds what came to it to the sums of what belongs to a policy. */
function* addUp(kept: readonly Kept[], accounts: ReadonlyMap<string, string>): Steps<void> {
  const sums = new Map<string, [string, string, string, number, number, number | null]>()
  for (const { decider, interface: nic, packets, bytes, lastHit, base } of kept) {
    const policy = policyOf(decider)
    if (policy === undefined) continue
    const account = accounts.get(nic) ?? ''
    const key = `${account} ${decider}`
    const [, , , before, beforeBytes, last] = sums.get(key) ?? ['', '', '', 0, 0, null]
    sums.set(key, [
      ...([account, policy, decider] as const),
      ...([atMost(before + packets - base.packets), atMost(beforeBytes + bytes - base.bytes)] as const),
      last === null || (lastHit !== null && lastHit > last) ? lastHit : last,
    ])
  }
  const rows = [...sums.values()]
  yield* insertRows('hit_sums (account, policy, decider, packets, bytes, last_hit)', 6, rows, adding)
}

const atMost = (count: number) => Math.min(count, Number.MAX_SAFE_INTEGER)

/** Undefined: it belongs to none. */
function policyOf(decider: string): string | undefined {
  const parsed = parseDecider(decider)
  return parsed.ok && 'policy' in parsed.value ? parsed.value.policy : undefined
}

/** A sum that stopped growing has less than what it is of. */
const takenFrom = (column: 'packets' | 'bytes') =>
  `CASE WHEN ${column} > CAST(? AS BIGINT) THEN ${column} - CAST(? AS BIGINT) ELSE 0 END`

/** Forgets what interfaces have counted, before they are deleted. `where` selects them. */
export function* forgetHits(where: string, ...params: SqlValue[]): Steps<void> {
  const interfaces = `SELECT id FROM interfaces WHERE ${where}`
  const rows = yield* query(
    `SELECT s.account, h.decider, h.packets, h.bytes FROM hits h JOIN interfaces i ON i.id = h.interface
     JOIN servers s ON s.id = i.server WHERE h.interface IN (${interfaces})`,
    ...params,
  )
  for (const { account, decider, packets, bytes } of rows) {
    const policy = policyOf(String(decider))
    if (policy === undefined) continue
    yield* query(
      `UPDATE hit_sums SET packets = ${takenFrom('packets')}, bytes = ${takenFrom('bytes')}
       WHERE account = ? AND policy = ? AND decider = ?`,
      ...[Number(packets), Number(packets), Number(bytes), Number(bytes)],
      ...[String(account), policy, String(decider)],
    )
  }
  yield* query(`DELETE FROM hits WHERE interface IN (${interfaces})`, ...params)
  yield* query(`DELETE FROM counted WHERE interface IN (${interfaces})`, ...params)
}

export function* pruneHits({
  after,
  most,
}: Programs['pruneHits']['args']): Program<Programs['pruneHits']['answer']> {
  const { account = '', policy = '', decider = '' } = after ?? {}
  const rows = yield* query(
    `SELECT account, policy, decider FROM hit_sums WHERE (account, policy, decider) > (?, ?, ?)
     ORDER BY account, policy, decider LIMIT ?`,
    ...[account, policy, decider, most],
  )
  const keys = rows.map(
    (row): HitSumKey => ({
      ...{ account: String(row.account), policy: String(row.policy), decider: String(row.decider) },
    }),
  )
  let removed = 0
  for (const [id, ofPolicy] of Map.groupBy(keys, (key) => key.policy)) {
    const there = yield* decidersOf(id)
    for (const key of ofPolicy) {
      if (there.has(key.decider)) continue
      yield* query('DELETE FROM hits WHERE decider = ?', key.decider)
      const sql = 'DELETE FROM hit_sums WHERE account = ? AND policy = ? AND decider = ?'
      yield* query(sql, key.account, key.policy, key.decider)
      removed++
    }
  }
  const next = keys.length === most ? (keys.at(-1) ?? null) : null
  return ok({ removed, next, changed: removed > 0 })
}

/** Everything of a policy that may decide. */
function* decidersOf(policy: string): Steps<Set<string>> {
  const list = deciderText({ kind: 'list', policy })
  const ofRule = (rule: string) => deciderText({ kind: 'rule', policy, rule })
  if (Object.hasOwn(builtInRules, policy))
    return new Set([list, ...builtInRules[policy as BuiltIn].map(({ id }) => ofRule(id))])
  if (!(yield* queryOne('SELECT id FROM policies WHERE id = ?', policy))) return new Set()
  const rows = yield* query('SELECT id FROM rules WHERE policy = ?', policy)
  return new Set([list, ...rows.map(({ id }) => ofRule(String(id)))])
}
