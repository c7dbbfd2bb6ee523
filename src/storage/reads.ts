/** Every read there is, written once as steps; engines drive them, each in a snapshot of its own. */

import { poolKinds } from '../core/model/pool.ts'
import { isSettled } from '../core/model/status-change.ts'
import { countBlocks } from '../core/net/blocks.ts'
import { eventsOf, findEvents, inScope, loggedRequestsOf } from './history.ts'
import { compareInventory } from './inventory/difference.ts'
import { storedInventory } from './inventory/stored.ts'
import { leasedRange, valueOfKey } from './lease-keys.ts'
import { policiesSince } from './migrations/0018-policy-past.ts'
import { pageReads } from './page-reads.ts'
import { concern, desired, placed, policiesById, present } from './placements.ts'
import { canBeHad, leasesOver, storedPools } from './programs/leases.ts'
import {
  accountColumns,
  auditColumns,
  credentialColumns,
  documentColumns,
  hitColumns,
  interfaceColumns,
  knownHosts,
  leaseColumns,
  onceColumns,
  policyColumns,
  requestColumns,
  revisionColumns,
  ruleColumns,
  serverColumns,
  toAccount,
  toAuditEvent,
  toCredential,
  toDocument,
  toHit,
  toInterface,
  toKnownHost,
  toLease,
  toLoggedRequest,
  toManagedAccount,
  toOnce,
  toOutcome,
  toPolicy,
  toPolicyStep,
  toRevision,
  toRule,
  toServer,
  toSettings,
} from './rows.ts'
import { sightingReads } from './sightings.ts'
import {
  chunks,
  containing,
  marks,
  prefixed,
  query,
  queryOne,
  type Row,
  type SqlValue,
  type Steps,
} from './statement.ts'
import type {
  Behind,
  CountedInterface,
  HitRecord,
  HitSum,
  InterfaceOwner,
  Member,
  OutcomeRecord,
  PoolUse,
  Storage,
} from './storage.ts'
import { miscounts, usage } from './usage.ts'

/** The methods of `Storage` that only read. */
export type ReadName = Exclude<
  keyof Storage,
  'engine' | 'run' | 'onCommit' | 'onTransaction' | 'activity' | 'size' | 'clock' | 'check' | 'close'
>
type Reads = {
  readonly [N in ReadName]: (...args: Parameters<Storage[N]>) => Steps<Awaited<ReturnType<Storage[N]>>>
}

export const reads: Reads = {
  usage,
  miscounts,
  inventoryDifference: compareInventory,
  storedInventory,
  *serverCount() {
    return Number((yield* queryOne('SELECT COUNT(*) AS n FROM servers'))?.n)
  },
  *placedCount() {
    const sql = 'SELECT COUNT(*) AS n FROM interfaces WHERE host IS NOT NULL AND device IS NOT NULL'
    return Number((yield* queryOne(sql))?.n)
  },
  ...pageReads,
  ...sightingReads,
  *revision() {
    return Number((yield* queryOne('SELECT value FROM revision WHERE id = 1'))?.value)
  },
  *account(id) {
    return optional(yield* queryOne(`SELECT ${accountColumns} FROM accounts WHERE id = ?`, id), toAccount)
  },
  *accounts() {
    return (yield* query(`SELECT ${accountColumns}, origin FROM accounts ORDER BY name`)).map(
      toManagedAccount,
    )
  },
  *accountCalled(text) {
    const sql = `SELECT ${accountColumns} FROM accounts
      WHERE (id = ? OR name = ?) AND origin <> 'left' ORDER BY CASE WHEN id = ? THEN 0 ELSE 1 END`
    return optional(yield* queryOne(sql, text, text, text), toAccount)
  },
  *credential(kind, lookup) {
    const sql = `SELECT ${credentialColumns} FROM credentials
      WHERE kind = ? AND (lookup = ? OR previous_lookup = ?)
      AND NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.id = credentials.account AND accounts.origin = 'left')
      ORDER BY lookup <> ?`
    return optional(yield* queryOne(sql, kind, lookup, lookup, lookup), toCredential)
  },
  *credentialById(id) {
    const sql = `SELECT ${credentialColumns} FROM credentials WHERE id = ?`
    return optional(yield* queryOne(sql, id), toCredential)
  },
  *credentialPage({ holder, account, host, kind, expired, now }, { after, limit }) {
    const conditions: (readonly [string, string | number])[] = [['id > ?', after?.[0] ?? '']]
    for (const [column, value] of Object.entries({ holder, account, host, kind })) {
      if (value !== undefined) conditions.push([`${column} = ?`, value])
    }
    if (expired) conditions.push(['expires_at <= ?', now])
    if (expired === false) conditions.push(['COALESCE(expires_at > ?, TRUE)', now])
    const where = conditions.map(([condition]) => condition).join(' AND ')
    const sql = `SELECT ${credentialColumns} FROM credentials WHERE ${where} ORDER BY id LIMIT ?`
    return (yield* query(sql, ...conditions.map(([, value]) => value), limit)).map(toCredential)
  },
  *once(key) {
    return optional(yield* queryOne(`SELECT ${onceColumns} FROM idempotency WHERE key = ?`, key), toOnce)
  },
  *credentials(account) {
    const sql = `SELECT ${credentialColumns} FROM credentials WHERE account = ? ORDER BY id`
    return (yield* query(sql, account)).map(toCredential)
  },
  *server(profile, id) {
    const sql = `SELECT ${serverColumns} FROM servers WHERE id = ? AND profile = ? AND ${present}`
    return optional(yield* queryOne(sql, id, profile), toServer)
  },
  *serverByNumber(profile, number) {
    const sql = `SELECT ${serverColumns} FROM servers WHERE profile = ? AND number = ? AND ${present}`
    return optional(yield* queryOne(sql, profile, number), toServer)
  },
  *serverById(id) {
    const sql = `SELECT ${serverColumns} FROM servers WHERE id = ? AND ${present}`
    return optional(yield* queryOne(sql, id), toServer)
  },
  *servers({ account, profile, zone, name }) {
    const [where, params] = all({ account, profile, zone, name })
    const sql = `SELECT ${serverColumns} FROM servers WHERE ${where} AND ${present} ORDER BY created_at, id`
    return (yield* query(sql, ...params)).map(toServer)
  },
  *serverOf(nic) {
    const sql = `SELECT ${serverColumns} FROM servers
      WHERE id = (SELECT server FROM interfaces WHERE id = ?) AND ${present}`
    return optional(yield* queryOne(sql, nic), toServer)
  },
  *interfaces(server) {
    const sql = `SELECT ${interfaceColumns} FROM interfaces WHERE server = ? ORDER BY number`
    return (yield* query(sql, server)).map(toInterface)
  },
  *interfacesOf(account, profile, zone) {
    const [where, params] = all({ 's.account': account, 's.profile': profile, 's.zone': zone })
    const sql = `SELECT ${prefixed('i', interfaceColumns)} FROM interfaces i JOIN servers s ON s.id = i.server
      WHERE ${where} AND s.${present} ORDER BY i.server, i.number`
    return (yield* query(sql, ...params)).map(toInterface)
  },
  *interfacesWith({ account, profile, address }) {
    // The list is kept as text, each in quotes.
    const sql = `SELECT ${prefixed('i', interfaceColumns)} FROM interfaces i JOIN servers s ON s.id = i.server
      WHERE s.account = ? AND s.profile = ? AND i.addresses LIKE ? ESCAPE '\\' AND s.${present} ORDER BY i.server, i.number`
    return (yield* query(sql, account, profile, containing(JSON.stringify(address)))).map(toInterface)
  },
  *policiesBy({ account, profile, zone }) {
    const [where, params] = all({ account, profile, zone })
    const sql = `SELECT ${policyColumns}, (SELECT COUNT(*) FROM rules r WHERE r.policy = policies.id) AS rule_count
      FROM policies WHERE ${where} AND server IS NULL ORDER BY created_at, id`
    const rows = yield* query(sql, ...params)
    return rows.map((row) => ({ ...toPolicy(row), ruleCount: Number(row.rule_count) }))
  },
  *policiesPage({ account, profile, name, server }, { after, limit }) {
    const [where, params] = all({ account, profile, name })
    const sql = `SELECT ${policyColumns}, (SELECT COUNT(*) FROM rules r WHERE r.policy = policies.id) AS rule_count
      FROM policies WHERE ${where === '' ? '' : `${where} AND `}id > ?
      ${server === undefined ? '' : 'AND id IN (SELECT policy FROM attachments WHERE server = ?)'}
      AND (server IS NULL OR EXISTS (SELECT 1 FROM servers s WHERE s.id = policies.server AND s.${present}))
      AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = policies.account AND a.origin = 'left') ORDER BY id LIMIT ?`
    const attachedTo = server === undefined ? [] : [server]
    const rows = yield* query(sql, ...params, after?.[0] ?? '', ...attachedTo, limit)
    return rows.map((row) => ({ ...toPolicy(row), ruleCount: Number(row.rule_count) }))
  },
  *ruleCount(policy) {
    return Number((yield* queryOne('SELECT COUNT(*) AS n FROM rules WHERE policy = ?', policy))?.n)
  },
  *places(policy) {
    const row = yield* queryOne('SELECT attached_revision FROM policies WHERE id = ?', policy)
    const sql = `SELECT a.policy, a.server, a.interface, s.name FROM attachments a
      JOIN servers s ON s.id = a.server WHERE a.policy = ? AND s.${present}
      ORDER BY s.created_at, s.id, a.interface`
    const members = (yield* query(sql, policy)).map(toMember)
    return { revision: Number(row?.attached_revision ?? 0), members }
  },
  *policiesNamed({ account, profile, name, idPrefix }) {
    const sql = `SELECT ${policyColumns} FROM policies WHERE account = ? AND profile = ? AND server IS NULL
      AND (name = ? OR id LIKE ?) ORDER BY created_at, id LIMIT 20`
    const like = idPrefix === undefined ? '' : `${idPrefix}%`
    return (yield* query(sql, account, profile, name, like)).map(toPolicy)
  },
  *members({ account, profile, policy, server }) {
    const filter = { 'p.account': account, 'p.profile': profile, 'a.policy': policy, 'a.server': server }
    const [where, params] = all(filter)
    const sql = `SELECT a.policy, a.server, a.interface, s.name FROM attachments a
      JOIN policies p ON p.id = a.policy JOIN servers s ON s.id = a.server
      WHERE ${where} AND p.server IS NULL ORDER BY s.created_at, s.id, a.interface, a.rank`
    return (yield* query(sql, ...params)).map(toMember)
  },
  *hosts() {
    return (yield* query(`${knownHosts} ORDER BY h.host`)).map(toKnownHost)
  },
  *hits(interfaces) {
    const found: Omit<CountedInterface, 'hits'>[] = []
    const hits = new Map<string, HitRecord[]>()
    for (const chunk of chunks(interfaces)) {
      const list = marks(chunk)
      const rows = yield* query(
        `SELECT i.id, i.host, s.account, c.since, h.counted_at FROM interfaces i JOIN servers s ON s.id = i.server
         LEFT JOIN counted c ON c.interface = i.id LEFT JOIN hosts h ON h.host = i.host WHERE i.id IN (${list})`,
        ...chunk,
      )
      for (const { id, host, account, since, counted_at: at } of rows) {
        found.push({
          ...{ interface: String(id), account: String(account) },
          host: host === null ? null : String(host),
          since: since === null ? null : Number(since),
          countedAt: at === null ? null : Number(at),
        })
      }
      for (const row of yield* query(
        `SELECT ${hitColumns} FROM hits WHERE interface IN (${list})`,
        ...chunk,
      )) {
        const hit = toHit(row)
        const own = hits.get(hit.interface)
        if (own) own.push(hit)
        else hits.set(hit.interface, [hit])
      }
    }
    return found.map((each) => ({ ...each, hits: hits.get(each.interface) ?? [] }))
  },
  *countedSince(interfaces) {
    const found = new Map<string, number>()
    for (const chunk of chunks(interfaces)) {
      const sql = `SELECT interface, since FROM counted WHERE interface IN (${marks(chunk)})`
      for (const row of yield* query(sql, ...chunk)) found.set(String(row.interface), Number(row.since))
    }
    return found
  },
  *hitSums(account, policies) {
    const found: HitSum[] = []
    for (const chunk of chunks(policies)) {
      const sql = `SELECT decider, packets, bytes, last_hit FROM hit_sums WHERE account = ? AND policy IN (${marks(chunk)})`
      for (const row of yield* query(sql, account, ...chunk)) {
        const lastHit = row.last_hit === null ? null : Number(row.last_hit)
        const counts = { packets: Number(row.packets), bytes: Number(row.bytes) }
        found.push({ decider: String(row.decider), ...counts, lastHit })
      }
    }
    return found
  },
  *ruleTimes(policies) {
    const found = new Map<string, Map<string, number>>()
    for (const chunk of chunks(policies)) {
      const sql = `SELECT policy, id, since FROM rules WHERE since IS NOT NULL AND policy IN (${marks(chunk)})`
      for (const { policy, id, since } of yield* query(sql, ...chunk)) {
        const times = found.get(String(policy)) ?? new Map<string, number>()
        found.set(String(policy), times.set(String(id), Number(since)))
      }
    }
    return found
  },
  *policyNames(ids) {
    const found = new Map<string, string>()
    for (const chunk of chunks(ids)) {
      const sql = `SELECT id, name FROM policies WHERE id IN (${marks(chunk)})`
      for (const { id, name } of yield* query(sql, ...chunk)) found.set(String(id), String(name))
    }
    return found
  },
  *owners(interfaces) {
    const found: InterfaceOwner[] = []
    for (const chunk of chunks(interfaces)) {
      const rows = yield* query(
        `SELECT i.id, i.number, i.host, i.attributes, s.account, s.profile, s.id AS server, s.name FROM interfaces i
         JOIN servers s ON s.id = i.server WHERE i.id IN (${marks(chunk)}) AND s.${present}`,
        ...chunk,
      )
      for (const row of rows) {
        const { name } = JSON.parse(String(row.attributes)) as { readonly name?: unknown }
        found.push({
          ...{ interface: String(row.id), index: Number(row.number), account: String(row.account) },
          ...{ profile: String(row.profile), server: String(row.server), serverName: String(row.name) },
          name: typeof name === 'string' ? name : null,
          host: row.host === null ? null : String(row.host),
        })
      }
    }
    return found
  },
  *outcomes(of) {
    const columns = 'SELECT o.host, o.interface, o.status FROM outcomes o'
    if ('host' in of) return (yield* query(`${columns} WHERE o.host = ?`, of.host)).map(toOutcome)
    const nics = `${columns} JOIN interfaces i ON i.id = o.interface AND i.host = o.host`
    if ('servers' in of) {
      const found: OutcomeRecord[] = []
      for (const chunk of chunks(of.servers)) {
        const rows = yield* query(`${nics} WHERE i.server IN (${marks(chunk)})`, ...chunk)
        found.push(...rows.map(toOutcome))
      }
      return found
    }
    const [where, param] =
      'server' in of
        ? ['WHERE i.server = ?', of.server]
        : ['JOIN servers s ON s.id = i.server WHERE s.account = ?', of.account]
    return (yield* query(`${nics} ${where}`, param)).map(toOutcome)
  },
  *behind({ account, ...of }) {
    const hosts = (yield* query(knownHosts)).map(toKnownHost)
    // Whatever is older is in force everywhere, but where an outcome says otherwise.
    const floor = Math.min(
      ...hosts.map(({ usual, appliedRevision }) => (isSettled(usual) ? (appliedRevision ?? -1) : -1)),
    )
    const none = { hosts, outcomes: [], interfaces: [] }
    if (hosts.length === 0) return none
    const changed = yield* query(
      `SELECT id AS server FROM servers WHERE account = ? AND revision > ?
       UNION SELECT a.server FROM policies p JOIN attachments a ON a.policy = p.id
         WHERE p.account = ? AND p.revision > ?
       UNION SELECT i.server FROM outcomes o JOIN interfaces i ON i.id = o.interface AND i.host = o.host
         JOIN servers s ON s.id = i.server WHERE o.settled = 0 AND s.account = ?`,
      account,
      floor,
      account,
      floor,
      account,
    )
    if (changed.length === 0) return none
    let servers = new Set(changed.map((row) => String(row.server)))
    const [concerned, param] = concernedServers(of)
    if (concerned !== undefined) {
      const rows = yield* query(concerned, param)
      servers = new Set(rows.map((row) => String(row.server)).filter((id) => servers.has(id)))
    }
    const found: Behind['interfaces'][number][] = []
    const outcomes: OutcomeRecord[] = []
    for (const chunk of chunks([...servers])) {
      const list = marks(chunk)
      found.push(...(yield* placed(`s.id IN (${list}) AND i.device IS NOT NULL`, list, ...chunk)))
      const sql = `SELECT o.host, o.interface, o.status FROM outcomes o
        JOIN interfaces i ON i.id = o.interface AND i.host = o.host WHERE i.server IN (${list})`
      outcomes.push(...(yield* query(sql, ...chunk)).map(toOutcome))
    }
    const wanted = found.filter(
      ({ id, policies }) =>
        (of.interface === undefined || of.interface === id) &&
        (of.policy === undefined || policies.some((policy) => policy.id === of.policy)),
    )
    return { hosts, outcomes, interfaces: wanted }
  },
  *chainsOf(account, profile) {
    const sql = `SELECT ${policyColumns} FROM policies
      WHERE account = ? AND profile = ? AND server IS NOT NULL AND interface IS NULL ORDER BY server`
    return (yield* query(sql, account, profile)).map(toPolicy)
  },
  *chain(server) {
    return optional(
      yield* queryOne(`SELECT ${policyColumns} FROM policies WHERE server = ? AND interface IS NULL`, server),
      toPolicy,
    )
  },
  *leases({ account, profile, kind, id }) {
    const [where, params] = all({ account, profile, kind, id, state: 'held' })
    const sql = `SELECT ${leaseColumns} FROM leases WHERE ${where} ORDER BY first`
    return (yield* query(sql, ...params)).map((row) => {
      const { first: _, last: __, ...lease } = toLease(row)
      return lease
    })
  },
  *holding(account, address, now) {
    const range = leasedRange(address)
    const leases = (yield* leasesOver(range)).filter(({ until }) => until === null || until > now)
    if (leases.length > 0) return leases.every((lease) => lease.account === account) ? 'own' : 'taken'
    const free = canBeHad(yield* storedPools(), range)
    return free === undefined ? 'outside' : free ? 'free' : 'taken'
  },
  *poolUse(now) {
    const use: PoolUse[] = []
    for (const { name, kind, profile, zone, ranges } of yield* storedPools()) {
      const { family, length } = poolKinds[kind]
      let [total, held, quarantined] = [0, 0, 0]
      for (const { first, last } of ranges) {
        total += Number(countBlocks(family, length, { first: valueOfKey(first), last: valueOfKey(last) }))
        // The block that a lease lies in is known by its first digits: lengths are multiples of four.
        const digits = 1 + length / 4
        const row = yield* queryOne(
          `SELECT COUNT(DISTINCT CASE WHEN state <> 'quarantined' THEN SUBSTR(first, 1, ${digits}) END) AS held,
             COUNT(DISTINCT SUBSTR(first, 1, ${digits})) AS leased
           FROM leases WHERE first >= ? AND last <= ? AND (until IS NULL OR until > ?)`,
          ...[first, last, now],
        )
        held += Number(row?.held)
        quarantined += Number(row?.leased) - Number(row?.held)
      }
      use.push({ name, kind, profile, zone, free: total - held - quarantined, held, quarantined })
    }
    return use
  },
  *policy(id) {
    return optional(yield* queryOne(`SELECT ${policyColumns} FROM policies WHERE id = ?`, id), toPolicy)
  },
  *rules(policy) {
    const sql = `SELECT ${ruleColumns} FROM rules WHERE policy = ? ORDER BY position`
    return (yield* query(sql, policy)).map(toRule)
  },
  *rule(policy, position) {
    const sql = `SELECT ${ruleColumns} FROM rules WHERE policy = ? AND position = ?`
    return optional(yield* queryOne(sql, policy, position), toRule)
  },
  *policies(ids) {
    return yield* policiesById(ids)
  },
  desired,
  concern,
  *placedInterfaces(server) {
    return yield* placed('i.server = ?', '?', server)
  },
  *placedOf(account) {
    return yield* placed('s.account = ?', 'SELECT id FROM servers WHERE account = ?', account)
  },
  *placedAmong(servers) {
    const found: Behind['interfaces'][number][] = []
    for (const chunk of chunks(servers)) {
      const list = marks(chunk)
      found.push(...(yield* placed(`s.id IN (${list})`, list, ...chunk)))
    }
    return found
  },
  *placedOn(host) {
    const servers = 'SELECT server FROM interfaces WHERE host = ?'
    return yield* placed('i.host = ? AND i.device IS NOT NULL', servers, host)
  },
  *document(profile, kind, id) {
    const sql = `SELECT ${documentColumns} FROM documents WHERE profile = ? AND kind = ? AND id = ? AND ${present}`
    return optional(yield* queryOne(sql, profile, kind, id), toDocument)
  },
  *documents({ account, profile, kind }) {
    const sql = `SELECT ${documentColumns} FROM documents
      WHERE account = ? AND profile = ? AND kind = ? AND ${present} ORDER BY id`
    return (yield* query(sql, account, profile, kind)).map(toDocument)
  },
  *revisions(page) {
    const { events, next } = yield* findEvents(page)
    return { items: yield* eventsOf(events, revisionColumns, toRevision), next }
  },
  *audit({ bytes = Number.MAX_SAFE_INTEGER, ...page }) {
    const { events, next } = yield* findEvents(page)
    let room = bytes
    const fit = events.findIndex(({ size }, index) => {
      room -= size
      return room < 0 && index > 0
    })
    const kept = fit < 0 ? events : events.slice(0, fit)
    const items = yield* eventsOf(kept, auditColumns, toAuditEvent)
    return { items, next: fit < 0 ? next : (kept.at(-1)?.revision ?? null) }
  },
  *policyNow(id) {
    const revision = Number((yield* queryOne('SELECT value FROM revision WHERE id = 1'))?.value)
    const row = yield* queryOne(`SELECT ${policyColumns}, made FROM policies WHERE id = ?`, id)
    if (!row) return { revision }
    const sql = `SELECT ${ruleColumns} FROM rules WHERE policy = ? ORDER BY position`
    const rules = (yield* query(sql, id)).map(toRule)
    const { account, profile, name, server, interface: nic, zone } = toPolicy(row)
    const own = { account, profile, name, server, interface: nic, zone, made: Number(row.made) }
    return { revision, policy: { ...own, settings: toSettings(row), rules } }
  },
  *policySteps({ policy, after, before, limit }) {
    const sql = `SELECT revision, part, step FROM policy_past
      WHERE policy = ? AND (revision, part) < (?, ?) AND revision > ? ORDER BY revision DESC, part DESC LIMIT ?`
    const rows = yield* query(sql, policy, before.revision, before.part, after, limit)
    return rows.map(toPolicyStep)
  },
  *policiesSince() {
    return Number((yield* queryOne('SELECT value FROM installation WHERE name = ?', policiesSince))?.value)
  },
  *policiesOf(revision, limit) {
    const rows = yield* query(
      `SELECT policy FROM policy_past WHERE revision = ? UNION SELECT id FROM policies WHERE made = ? ORDER BY 1 LIMIT ?`,
      revision,
      revision,
      limit,
    )
    return rows.map((row) => String(row.policy))
  },
  *lastEvent(account, operation, id, scope) {
    const [within, params] = inScope({ account, ...scope })
    const sql = `SELECT ${auditColumns} FROM audit
      WHERE operation = ? AND id = ?${within} ORDER BY revision DESC LIMIT 1`
    return optional(yield* queryOne(sql, operation, id, ...params), toAuditEvent)
  },
  *auditEvent(revision, of) {
    const [within, params] = inScope(of)
    const sql = `SELECT ${auditColumns} FROM audit WHERE revision = ?${within}`
    return optional(yield* queryOne(sql, revision, ...params), toAuditEvent)
  },
  *loggedRequest(account, profile, requestId, scope) {
    const [within, params] = inScope({ account, ...scope })
    const sql = `SELECT ${requestColumns} FROM audit
      WHERE request_id = ? AND dialect = ? AND request IS NOT NULL${within} ORDER BY revision DESC LIMIT 1`
    return optional(yield* queryOne(sql, requestId, profile, ...params), toLoggedRequest)
  },
  *loggedRequests(account, profile, limit, scope) {
    return yield* loggedRequestsOf({ account, dialect: profile }, limit, scope)
  },
}

/** Those of more than one statement, which must see one state of the store. */
export const readsOfMany: ReadonlySet<ReadName> = new Set([
  'inventoryDifference',
  'storedInventory',
  'policies',
  'places',
  'desired',
  'concern',
  'placedInterfaces',
  'placedOf',
  'placedAmong',
  'placedOn',
  'hits',
  'behind',
  'revisions',
  'audit',
  'loggedRequests',
  'policyNow',
  'holding',
  'poolUse',
  'usage',
  'sightings',
  'sightingsDue',
  'contestedSightings',
  'sighting',
  'configuredOn',
])

const toMember = (row: Row): Member => ({
  ...{ policy: String(row.policy), server: String(row.server), serverName: String(row.name) },
  interface: row.interface === '' ? null : String(row.interface),
})

const optional = <T>(row: Row | undefined, read: (row: Row) => T): T | undefined => row && read(row)
/** A condition that all columns given have these values. */
function all(filter: Readonly<Record<string, SqlValue | undefined>>): [string, SqlValue[]] {
  const given = Object.entries(filter).flatMap(([column, value]): [string, SqlValue][] =>
    value === undefined ? [] : [[column, value]],
  )
  return [given.map(([column]) => `${column} = ?`).join(' AND '), given.map(([, value]) => value)]
}

/** The servers that one of these is about. */
function concernedServers({
  server,
  interface: nic,
  policy,
}: {
  readonly server?: string
  readonly interface?: string
  readonly policy?: string
}): [sql: string | undefined, param: string] {
  if (server !== undefined) return ['SELECT id AS server FROM servers WHERE id = ?', server]
  if (nic !== undefined) return ['SELECT server FROM interfaces WHERE id = ?', nic]
  if (policy !== undefined) return ['SELECT server FROM attachments WHERE policy = ?', policy]
  return [undefined, '']
}
