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
import type { Behind, Concern, HostChanges, PolicyMemory } from './storage.ts'

/** Leaves out what the inventory made and no longer names. */
export const present = "origin <> 'left'"

/** Name under which the installation keeps the revision after which it knows all departures. */
export const departuresSince = 'departures-since'

export function* desired(host: string, since: number | null, memory?: PolicyMemory): Steps<HostChanges> {
  const { revision, isKnown } = yield* reach(since)
  return since !== null && isKnown
    ? yield* changes(host, since, revision, memory)
    : yield* everything(host, revision, memory)
}

/** The newest revision, and whether all that changed since another is known. */
function* reach(since: number | null): Steps<{ readonly revision: number; readonly isKnown: boolean }> {
  const revision = Number((yield* queryOne('SELECT value FROM revision WHERE id = 1'))?.value)
  const known = yield* queryOne('SELECT value FROM installation WHERE name = ?', departuresSince)
  // A revision that is not there yet is of another history: of before a backup was restored.
  return { revision, isKnown: since !== null && since >= Number(known?.value) && since <= revision }
}

/** Policies of one commit that are read for all hosts together; hosts of more read their own. */
const mostTogether = 256

export function* concern(since: number, memory?: PolicyMemory): Steps<Concern> {
  const { revision, isKnown } = yield* reach(since)
  if (!isKnown) return { revision, hosts: null, policies: [] }
  const hosts = new Set<string>()
  const add = (rows: readonly Row[]) => {
    for (const { host } of rows) hosts.add(String(host))
  }
  add(
    yield* query(
      `SELECT DISTINCT i.host FROM servers s JOIN interfaces i ON i.server = s.id
       WHERE s.revision > ? AND i.host IS NOT NULL AND i.device IS NOT NULL`,
      since,
    ),
  )
  add(yield* query('SELECT DISTINCT host FROM departures WHERE revision > ?', since))
  const changed = yield* query(
    'SELECT id FROM policies WHERE revision > ? ORDER BY revision LIMIT ?',
    since,
    mostTogether + 1,
  )
  if (changed.length > mostTogether) {
    const sql = `SELECT DISTINCT i.host FROM policies p JOIN attachments a ON a.policy = p.id ${inUse} WHERE p.revision > ?`
    add(yield* query(sql, since))
    return { revision, hosts: [...hosts], policies: [] }
  }
  const users = new Map<string, string[]>()
  for (const chunk of chunks(changed.map(({ id }) => String(id)))) {
    const sql = `SELECT DISTINCT a.policy, i.host FROM attachments a ${inUse} WHERE a.policy IN (${marks(chunk)})`
    for (const { policy, host } of yield* query(sql, ...chunk)) {
      const known = users.get(String(policy))
      if (known) known.push(String(host))
      else users.set(String(policy), [String(host)])
    }
  }
  const policies = yield* policiesById([...users.keys()], memory)
  return {
    ...{ revision, hosts: [...hosts] },
    policies: policies.map((policy) => ({ policy, hosts: users.get(policy.id) ?? [] })),
  }
}

/** Of attachments, what they attach to and is on a host. */
const inUse = `JOIN interfaces i ON i.server = a.server AND (a.interface = '' OR a.interface = i.id)
  AND i.host IS NOT NULL AND i.device IS NOT NULL`

function* everything(host: string, revision: number, memory?: PolicyMemory): Steps<HostChanges> {
  const on = 'i.host = ? AND i.device IS NOT NULL'
  const interfaces = yield* placed(on, 'SELECT server FROM interfaces WHERE host = ?', host)
  const policies = yield* policiesById([...attachedTo(interfaces)], memory)
  return { from: null, revision, policies, placed: interfaces, departed: [] }
}

function* changes(host: string, since: number, revision: number, memory?: PolicyMemory): Steps<HostChanges> {
  const { many, servers } = yield* changedServers(host, since)
  const found: HostChanges['placed'][number][] = []
  for (const chunk of chunks(servers)) {
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
  const changed = yield* changedPolicies(host, since, many)
  const known = new Set(changed.map(({ id }) => String(id)))
  const others = [...attachedTo(interfaces)].filter((id) => !known.has(id))
  const policies = [
    ...(yield* withRules(changed, memory)),
    ...(yield* policiesById(yield* unsure(host, since, others), memory)),
  ]
  return {
    ...{ from: since, revision, policies, placed: interfaces },
    // It may have come back.
    departed: departed.filter((id) => !there.has(id)),
  }
}

/** As many servers are few: each is looked up. Of more, as when an inventory was applied, work grows with what is on the host. */
const few = 512

/** Of more than a few those that have an interface on the host, else all. */
function* changedServers(host: string, since: number) {
  const rows = yield* query('SELECT id FROM servers WHERE revision > ? LIMIT ?', since, few + 1)
  const many = rows.length > few
  const sql = `SELECT DISTINCT s.id FROM interfaces i CROSS JOIN servers s
    WHERE i.host = ? AND i.device IS NOT NULL AND s.id = i.server AND s.revision > ?`
  const found = many ? yield* query(sql, host, since) : rows
  return { many, servers: found.map(({ id }) => String(id)) }
}

/** Of those that something on the host has, without their rules. `many`: servers and policies of an inventory changed. */
function* changedPolicies(host: string, since: number, many: boolean): Steps<readonly Row[]> {
  const onHost = many
    ? `id IN (SELECT a.policy FROM interfaces i
       JOIN attachments a ON a.server = i.server AND (a.interface = '' OR a.interface = i.id)
       WHERE i.device IS NOT NULL AND i.host = ?)`
    : `EXISTS (SELECT 1 ${uses('policies.id')})`
  const sql = `SELECT ${policyInForceColumns} FROM policies WHERE revision > ? AND ${onHost}`
  return yield* query(sql, since, host)
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
export function* policiesById(ids: readonly string[], memory?: PolicyMemory): Steps<readonly Policy[]> {
  const rows: Row[] = []
  for (const chunk of chunks(ids)) {
    rows.push(
      ...(yield* query(
        `SELECT ${policyInForceColumns} FROM policies WHERE id IN (${marks(chunk)})`,
        ...chunk,
      )),
    )
  }
  return yield* withRules(rows, memory)
}

function* withRules(rows: readonly Row[], memory?: PolicyMemory): Steps<readonly Policy[]> {
  const known = rows.map((row) => memory?.get(String(row.id), Number(row.revision)))
  const rules = new Map<string, Rule[]>()
  for (const [n, row] of rows.entries()) if (!known[n]) rules.set(String(row.id), [])
  for (const chunk of chunks([...rules.keys()])) {
    const sql = `SELECT ${modelColumns} FROM rules WHERE policy IN (${marks(chunk)}) ORDER BY policy, position`
    for (const row of yield* query(sql, ...chunk)) rules.get(String(row.policy))?.push(toModelRule(row))
  }
  return rows.map((row, n) => {
    const held = known[n]
    if (held) return held
    const policy = toPolicyWithRules(row, rules.get(String(row.id)) ?? [])
    memory?.put(policy)
    return policy
  })
}

/** Interfaces of servers that are there; `servers` selects at least theirs, and both conditions take the same parameters. */
export function* placed(where: string, servers: string, ...params: string[]): Steps<Behind['interfaces']> {
  const interfaces = yield* query(
    `SELECT ${prefixed('i', interfaceColumns)}, i.bound_by, s.account, s.zone, s.revision FROM interfaces i JOIN servers s ON s.id = i.server
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
    const found = row.bound_by === 'mac' && { found: true as const }
    return { ...toInterface(row), ...scope, ...found, serverRevision, policies, generation }
  })
}
