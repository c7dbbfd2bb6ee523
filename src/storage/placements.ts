/** What a host should enforce: its interfaces with what is attached to them, whole or as far as it changed. */
import type { Policy } from '../core/model/policy.ts'
import type { Rule } from '../core/model/rule.ts'
import {
  interfaceColumns,
  modelColumns,
  policyInForceColumns,
  toInterface,
  toModelRule,
  toPolicyWithRules,
} from './rows.ts'
import { chunks, marks, prefixed, query, queryOne, type Row, type Steps } from './statement.ts'
import type { Behind, HostChanges } from './storage.ts'

/** Leaves out what the inventory made and no longer names. */
export const present = "origin <> 'left'"

/** Name under which the installation keeps the revision after which it knows all departures. */
export const departuresSince = 'departures-since'

export function* desired(host: string, since: number | null): Steps<HostChanges> {
  const revision = Number((yield* queryOne('SELECT value FROM revision WHERE id = 1'))?.value)
  const known = yield* queryOne('SELECT value FROM installation WHERE name = ?', departuresSince)
  // A revision that is not there yet is of another history: of before a backup was restored.
  return since === null || since < Number(known?.value) || since > revision
    ? yield* everything(host, revision)
    : yield* changes(host, since, revision)
}

function* everything(host: string, revision: number): Steps<HostChanges> {
  const on = 'i.host = ? AND i.device IS NOT NULL'
  const interfaces = yield* placed(on, 'SELECT server FROM interfaces WHERE host = ?', host)
  const policies = yield* policiesById([...attachedTo(interfaces)])
  return { from: null, revision, policies, placed: interfaces, departed: [] }
}

function* changes(host: string, since: number, revision: number): Steps<HostChanges> {
  const servers = yield* query('SELECT id FROM servers WHERE revision > ?', since)
  const found: HostChanges['placed'][number][] = []
  for (const chunk of chunks(servers.map(({ id }) => String(id)))) {
    const list = marks(chunk)
    found.push(...(yield* placed(`s.id IN (${list}) AND i.device IS NOT NULL`, list, ...chunk)))
  }
  const interfaces = found.filter((each) => each.host === host)
  const there = new Set(interfaces.map(({ id }) => id))
  const departed = (yield* query(
    'SELECT interface FROM departures WHERE revision > ? AND host = ?',
    since,
    host,
  )).map((row) => String(row.interface))
  const changed = yield* query(
    `SELECT ${policyInForceColumns} FROM policies WHERE revision > ? AND EXISTS (SELECT 1 ${uses('policies.id')})`,
    since,
    host,
  )
  const known = new Set(changed.map(({ id }) => String(id)))
  const others = [...attachedTo(interfaces)].filter((id) => !known.has(id))
  const policies = [
    ...(yield* withRules(changed)),
    ...(yield* policiesById(yield* unsure(host, since, others))),
  ]
  return {
    ...{ from: since, revision, policies, placed: interfaces },
    // It may have come back.
    departed: departed.filter((id) => !there.has(id)),
  }
}

/** Those that no interface has for certain which was on the host at revision `since` already. */
function* unsure(host: string, since: number, policies: readonly string[]): Steps<string[]> {
  const result = new Set<string>()
  for (const chunk of chunks(policies)) {
    const rows = yield* query(
      `SELECT id FROM policies WHERE id IN (${marks(chunk)}) AND NOT EXISTS (
         SELECT 1 ${uses('policies.id')}
         AND EXISTS (SELECT 1 FROM servers s WHERE s.id = i.server AND s.${present} AND s.revision <= ?))`,
      ...chunk,
      host,
      since,
    )
    for (const { id } of rows) result.add(String(id))
  }
  return [...result]
}

/**
 * Attachments of a policy to what is on a host. Engines begin with the attachments, of which the first is mostly enough:
 * the join's order is fixed, and a host that is compared as an expression is found by no index, which would list all of it.
 */
const uses = (policy: string): string => `FROM attachments a CROSS JOIN interfaces i
  WHERE a.policy = ${policy} AND i.server = a.server AND (a.interface = '' OR a.interface = i.id)
  AND i.device IS NOT NULL AND COALESCE(i.host, '') = ?`

const attachedTo = (interfaces: HostChanges['placed']): Set<string> =>
  new Set(interfaces.flatMap(({ policies }) => policies.map(({ id }) => id)))

/** With their rules; those that are not there are left out. */
export function* policiesById(ids: readonly string[]): Steps<readonly Policy[]> {
  const rows: Row[] = []
  for (const chunk of chunks(ids)) {
    rows.push(
      ...(yield* query(
        `SELECT ${policyInForceColumns} FROM policies WHERE id IN (${marks(chunk)})`,
        ...chunk,
      )),
    )
  }
  return yield* withRules(rows)
}

function* withRules(rows: readonly Row[]): Steps<readonly Policy[]> {
  const rules = new Map<string, Rule[]>(rows.map((row) => [String(row.id), []]))
  for (const chunk of chunks([...rules.keys()])) {
    const sql = `SELECT ${modelColumns} FROM rules WHERE policy IN (${marks(chunk)}) ORDER BY policy, position`
    for (const row of yield* query(sql, ...chunk)) rules.get(String(row.policy))?.push(toModelRule(row))
  }
  return rows.map((row) => toPolicyWithRules(row, rules.get(String(row.id)) ?? []))
}

/** Interfaces of servers that are there; `servers` selects at least theirs, and both conditions take the same parameters. */
export function* placed(where: string, servers: string, ...params: string[]): Steps<Behind['interfaces']> {
  const interfaces = yield* query(
    `SELECT ${prefixed('i', interfaceColumns)}, s.account, s.zone, s.revision FROM interfaces i JOIN servers s ON s.id = i.server
     WHERE ${where} AND s.${present} AND s.account NOT IN (SELECT id FROM accounts WHERE origin = 'left')
     ORDER BY i.server, i.number`,
    ...params,
  )
  const attached = new Map<string, { id: string; revision: number }[]>()
  const rows = yield* query(
    `SELECT a.server, a.interface, p.id, p.revision FROM attachments a JOIN policies p ON p.id = a.policy
     WHERE a.server IN (${servers})
     ORDER BY a.server, a.interface, CASE WHEN p.server IS NULL THEN 1 ELSE 0 END, a.rank, p.id`,
    ...params,
  )
  for (const row of rows) {
    // The own policy of a server or interface comes first, then others in the order they were attached.
    const key = `${row.server} ${row.interface}`
    const list = attached.get(key) ?? []
    list.push({ id: String(row.id), revision: Number(row.revision) })
    attached.set(key, list)
  }
  return interfaces.map((row) => {
    const { server, id } = row
    // The server's come first: an interface's own policy is the more particular one.
    const ofServer = attached.get(`${server} `) ?? []
    const own = attached.get(`${server} ${id}`) ?? []
    // One that is attached to both is in force once.
    const policies = [...ofServer, ...own.filter((each) => !ofServer.some((other) => other.id === each.id))]
    const serverRevision = Number(row.revision)
    const generation = Math.max(serverRevision, ...policies.map((policy) => policy.revision))
    const scope = { account: String(row.account), zone: String(row.zone) }
    return { ...toInterface(row), ...scope, serverRevision, policies, generation }
  })
}
