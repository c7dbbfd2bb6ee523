/**
 * The inventory's servers: all are compared first, then whatever is given up is given up, then all is written. So
 * devices, numbers and places can be swapped between servers, or handed over by one that is gone, in one transaction.
 */
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { interfaceColumns, serverColumns, toInterface, toServer } from '../rows.ts'
import { query, queryOne, type Steps } from '../statement.ts'
import type { InventoryRecords, ServerRecord } from '../storage.ts'
import { chainOf, chosen, invalid, same } from './common.ts'
import { depart } from './departures.ts'
import { applyHoldings, documentHeld, holdGiven, gone as noMore, storedPools } from './leases.ts'
import {
  attachPolicies,
  defaultPolicy,
  deleteInterfaces,
  insertAttachments,
  insertInterfaces,
  insertPolicies,
  insertServer,
  syncInterfacePolicies,
  updatePolicySettings,
  updateServerRow,
} from './servers.ts'

type Entry = InventoryRecords['servers'][number]

/** A server that is named and stored, and what of it will differ. */
interface Known {
  readonly entry: Entry
  readonly old: ServerRecord
  /** Who made it, and whether it comes back. */
  readonly origin: string
  readonly attributes: ServerRecord['attributes']
  /** All it will have: those that are named, then those that an API made. */
  readonly interfaces: readonly Interface[]
  /** Ids of those that end. */
  readonly gone: readonly string[]
  /** Ids of its interfaces that an API made. */
  readonly byApi: readonly string[]
  /** Whether its interfaces are written anew. */
  readonly placed: boolean
}

/** Answers what changed, for the audit. The error's field is the id of what is at fault. */
export function* applyServers(
  entries: readonly Entry[],
  revision: number,
  now: number,
): Steps<Result<string[], RequestError>> {
  const known: Known[] = []
  const fresh: Entry[] = []
  for (const entry of entries) {
    const found = yield* compare(entry)
    if (!found.ok) return found
    if (found.value) known.push(found.value)
    else fresh.push(entry)
  }

  const changes = yield* leave(new Set(entries.map(({ server }) => server.id)), revision)
  for (const { entry, old, placed } of known) {
    if (placed) {
      yield* depart(revision, 'server = ?', entry.server.id)
      yield* query('DELETE FROM interfaces WHERE server = ?', entry.server.id)
    }
    if (old.number !== entry.server.number) {
      yield* query('UPDATE servers SET number = NULL WHERE id = ?', entry.server.id)
    }
  }

  for (const each of known) {
    if (yield* update(each, revision, now)) changes.push(`server ${each.entry.server.name}`)
  }
  for (const entry of fresh) {
    const made = yield* make(entry, revision, now)
    if (!made.ok) return made
    changes.push(`server ${entry.server.name}`)
  }
  const pools = yield* storedPools()
  for (const { entry, gone, interfaces, placed } of known) {
    if (!placed) continue
    const { account, profile } = entry.server
    yield* holdGiven(account, profile, interfaces, pools)
    // Nothing can be refused: what interfaces have is theirs by now.
    const before = new Map(interfaces.map(({ id, addresses }) => [id, addresses]))
    yield* applyHoldings(entry.server, { gone: noMore('interface', gone), interfaces, before }, now)
  }
  for (const { server, interfaces } of fresh)
    yield* holdGiven(server.account, server.profile, interfaces, pools)
  return ok(changes)
}

/** Servers that are no longer named, and their devices; one that an API made only gives up its devices. */
function* leave(named: ReadonlySet<string>, revision: number): Steps<string[]> {
  const changes: string[] = []
  const rows = yield* query(
    `SELECT id, name FROM servers WHERE origin = 'inventory'
     OR id IN (SELECT server FROM interfaces WHERE host IS NOT NULL)`,
  )
  for (const { id, name } of rows as { id: string; name: string }[]) {
    if (named.has(id)) continue
    yield* depart(revision, 'server = ?', id)
    yield* query('UPDATE interfaces SET host = NULL, device = NULL WHERE server = ?', id)
    yield* query(
      `UPDATE servers SET number = NULL, revision = ?,
       origin = CASE origin WHEN 'inventory' THEN 'left' ELSE origin END WHERE id = ?`,
      revision,
      id,
    )
    changes.push(`server ${name} left`)
  }
  return changes
}

/** Undefined when it is not stored yet. */
function* compare(entry: Entry): Steps<Result<Known | undefined, RequestError>> {
  const { server } = entry
  const row = yield* queryOne(`SELECT ${serverColumns}, origin FROM servers WHERE id = ?`, server.id)
  const rows = yield* query(
    `SELECT ${interfaceColumns}, origin FROM interfaces WHERE server = ? ORDER BY number`,
    server.id,
  )
  const interfaces = rows.map((each) => ({ nic: toInterface(each), byApi: each.origin === 'api' }))
  for (const { id } of entry.interfaces) {
    if (interfaces.some(({ nic }) => nic.id === id)) continue
    const free = yield* isFree(id, entry)
    if (!free.ok) return free
  }
  if (!row) return ok(undefined)

  const old = toServer(row)
  if (old.account !== server.account || old.profile !== server.profile) {
    return err(invalid(server.id, 'belongs to another account or profile'))
  }
  const { attachDefault } = entry
  if (attachDefault) {
    const { scope } = attachDefault
    const before = old.attributes[scope]
    if (old.zone !== server.zone || (server.attributes[scope] ?? before) !== before) {
      const reason = `cannot be moved to another zone or ${scope}: its group would not be there`
      return err(invalid(server.id, reason))
    }
  }
  const named: Interface[] = []
  for (const nic of entry.interfaces) {
    // What its dialect calls it and switches on it stays unless the file says otherwise; so do addresses attached to it.
    const before = interfaces.find((each) => each.nic.id === nic.id)?.nic
    const others = before?.addresses.filter((address) => !nic.addresses.includes(address)) ?? []
    const addresses = [...nic.addresses, ...(yield* documentHeld(server, others))]
    named.push({ ...nic, addresses, attributes: { ...before?.attributes, ...nic.attributes } })
  }
  const others = interfaces.filter(({ nic }) => !named.some(({ id }) => id === nic.id))
  const kept = others.filter(({ byApi }) => byApi)
  const wanted = [
    ...named,
    ...kept.map(({ nic }, index) => ({
      ...nic,
      ...{ index: named.length + index + 1, host: null, device: null },
    })),
  ]
  const placed = !same(
    interfaces.map(({ nic }) => nic),
    wanted,
  )
  const gone = others.filter(({ byApi }) => !byApi).map(({ nic }) => nic.id)
  const attributes = { ...old.attributes, ...server.attributes }
  const byApi = interfaces.filter((each) => each.byApi).map(({ nic }) => nic.id)
  return ok({ entry, old, origin: String(row.origin), attributes, interfaces: wanted, gone, byApi, placed })
}

/** An interface keeps its rules under its id, so it stays with its server. */
function* isFree(id: string, { interfacePolicies }: Entry): Steps<Result<void, RequestError>> {
  const there = yield* queryOne('SELECT server FROM interfaces WHERE id = ?', id)
  if (there) return err(invalid(id, `is the id of an interface of server ${there.server}`))
  if (!interfacePolicies) return ok(undefined)
  const policy = yield* queryOne('SELECT id FROM policies WHERE id = ?', id)
  return policy ? err(invalid(id, 'is the id of a group or of another interface')) : ok(undefined)
}

function* update(known: Known, revision: number, now: number): Steps<boolean> {
  const { entry, old, origin, attributes, interfaces, gone, byApi, placed } = known
  const { server } = entry
  const renamed = old.name !== server.name || old.zone !== server.zone || !same(old.attributes, attributes)
  const back = origin === 'left'
  const renumbered = old.number !== server.number
  if (placed) {
    yield* insertInterfaces(interfaces)
    yield* ownInterfaces(server.id, byApi)
  }
  if (back) yield* query("UPDATE servers SET origin = 'inventory' WHERE id = ?", server.id)
  if (renumbered) yield* query('UPDATE servers SET number = ? WHERE id = ?', server.number, server.id)
  yield* deleteInterfaces(gone, revision)
  const synced = yield* syncInterfacePolicies(server, interfaces, entry.interfacePolicies, revision, now)
  // The state lives on: a restart with the same file must not start a server that was stopped.
  if (placed || renamed || back || renumbered || synced) {
    yield* updateServerRow({ ...old, name: server.name, zone: server.zone, attributes, revision })
  }
  const chain = yield* chainOf(server.id)
  const wanted = chain && chosen({ ...chain, enabled: entry.enabled ?? chain.enabled }, entry.choices ?? {})
  const switched = wanted !== undefined && !same(chain, wanted)
  if (switched) yield* updatePolicySettings({ ...wanted, revision })
  return placed || renamed || back || renumbered || switched || synced
}

function* make(entry: Entry, revision: number, now: number): Steps<Result<void, RequestError>> {
  const { server, interfaces, policies, attachments } = entry
  const attributes = { ...entry.initial, ...server.attributes }
  yield* insertServer({ ...server, attributes, revision })
  yield* query("UPDATE servers SET origin = 'inventory' WHERE id = ?", server.id)
  yield* insertInterfaces(interfaces)
  yield* ownInterfaces(server.id, [])
  yield* insertPolicies(policies.map((policy) => chosen({ ...policy, revision }, entry.choices ?? {})))
  yield* insertAttachments(attachments)
  yield* syncInterfacePolicies(server, interfaces, entry.interfacePolicies, revision, now)
  if (!entry.attachDefault) return ok(undefined)
  const policy = yield* defaultPolicy(server, entry.attachDefault, revision)
  return yield* attachPolicies(server, null, policy === undefined ? [] : [policy])
}

/** What an API made stays the API's, also when the inventory says where it is. */
function* ownInterfaces(server: string, byApi: readonly string[]): Steps<void> {
  yield* query("UPDATE interfaces SET origin = 'inventory' WHERE server = ?", server)
  for (const id of byApi) yield* query("UPDATE interfaces SET origin = 'api' WHERE id = ?", id)
}
