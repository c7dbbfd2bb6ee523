/**
 * Writes what an inventory changes of servers: first whatever is given up is given up, then all is written. So devices,
 * numbers and places can be swapped between servers, or handed over by one that is gone, in one transaction.
 */
import type { InventoryDifference, ServerDifference } from '../inventory/difference.ts'
import { type NewServers, rowOfInterface } from '../inventory/new-servers.ts'
import { storedInterfaceColumns } from '../inventory/servers.ts'
import { policyColumns, serverColumns } from '../rows.ts'
import { chunks, insertRows, marks, query, type Steps } from '../statement.ts'
import type { PoolRecord } from '../storage.ts'
import { chainOf, chosen, same } from './common.ts'
import { depart } from './departures.ts'
import { applyHoldings, holdGiven, gone as noMore, storedPools } from './leases.ts'
import { type Move, renewServers, vacate } from './moves.ts'
import {
  defaultPolicy,
  deleteInterfaces,
  syncInterfacePolicies,
  updatePolicySettings,
  updateServerRow,
} from './servers.ts'

type Servers = Omit<InventoryDifference['servers'], 'make'> & {
  /** Parts of the list, each as large as memory likes. */
  readonly make: Iterable<NewServers>
}

export function* writeServers(
  { leave, release, yield: yielding, change, make }: Servers,
  revision: number,
  now: number,
): Steps<void> {
  yield* end(leave, revision)
  yield* free(release, revision)
  yield* giveUp(yielding, revision)
  for (const { entry, old, placed } of change) {
    if (placed) {
      yield* depart(revision, 'server = ?', entry.server.id)
      yield* query('DELETE FROM interfaces WHERE server = ?', entry.server.id)
    }
    if (old.number !== entry.server.number) {
      yield* query('UPDATE servers SET number = NULL WHERE id = ?', entry.server.id)
    }
  }
  for (const each of change) yield* update(each, revision, now)
  const pools = yield* storedPools()
  for (const part of make) yield* makeAll(part, revision, pools)
  for (const { entry, gone, interfaces, placed } of change) {
    if (!placed) continue
    const { account, profile } = entry.server
    yield* holdGiven(account, profile, interfaces, pools)
    // Nothing can be refused: what interfaces have is theirs by now.
    const before = new Map(interfaces.map(({ id, addresses }) => [id, addresses]))
    yield* applyHoldings(entry.server, { gone: noMore('interface', gone), interfaces, before }, now)
  }
}

/** Servers that are no longer named, and their devices and numbers. */
function* end(ids: readonly string[], revision: number): Steps<void> {
  for (const chunk of chunks(ids)) {
    yield* depart(revision, `server IN (${marks(chunk)})`, ...chunk)
    yield* query(
      `UPDATE interfaces SET host = NULL, device = NULL, bound_by = NULL, bound_at = NULL WHERE server IN (${marks(chunk)})`,
      ...chunk,
    )
    yield* query(
      `UPDATE servers SET number = NULL, revision = ?, origin = 'left' WHERE id IN (${marks(chunk)})`,
      revision,
      ...chunk,
    )
  }
}

/** Devices that an earlier inventory gave to servers that an API made. */
function* free(ids: readonly string[], revision: number): Steps<void> {
  for (const chunk of chunks(ids)) {
    const given = `bound_by = 'inventory' AND server IN (${marks(chunk)})`
    yield* depart(revision, given, ...chunk)
    yield* query(
      `UPDATE interfaces SET host = NULL, device = NULL, bound_by = NULL, bound_at = NULL WHERE ${given}`,
      ...chunk,
    )
    yield* query(`UPDATE servers SET revision = ? WHERE id IN (${marks(chunk)})`, revision, ...chunk)
  }
}

/** Devices on which interfaces were found, to those that are put there. */
function* giveUp(moves: readonly Move[], revision: number): Steps<void> {
  yield* vacate(
    moves.map(({ id }) => id),
    revision,
  )
  yield* renewServers(moves, revision)
}

function* update(
  { entry, old, back, attributes, interfaces, placed, gone }: ServerDifference,
  revision: number,
  now: number,
): Steps<void> {
  const { server } = entry
  if (placed) yield* insertStored(interfaces.map(rowOfInterface))
  if (back) yield* query("UPDATE servers SET origin = 'inventory' WHERE id = ?", server.id)
  if (old.number !== server.number) {
    yield* query('UPDATE servers SET number = ? WHERE id = ?', server.number, server.id)
  }
  yield* deleteInterfaces(gone, revision)
  const synced = yield* syncInterfacePolicies(server, interfaces, entry.interfacePolicies, revision, now)
  const chain = yield* chainOf(server.id)
  const wanted = chain && chosen({ ...chain, enabled: entry.enabled ?? chain.enabled }, entry.choices ?? {})
  if (wanted && !same(chain, wanted)) yield* updatePolicySettings({ ...wanted, revision })
  const { name, zone } = server
  const renamed = old.name !== name || old.zone !== zone || !same(old.attributes, attributes)
  // The state lives on: a restart with the same file must not start a server that was stopped.
  if (placed || back || renamed || old.number !== server.number || synced) {
    yield* updateServerRow({ ...old, name, zone, attributes, revision })
  }
}

const widthOf = (columns: string): number => columns.split(', ').length

function* insertStored(rows: NewServers['interfaces']): Steps<void> {
  yield* insertRows(`interfaces (${storedInterfaceColumns})`, widthOf(storedInterfaceColumns), rows)
}

function* makeAll(made: NewServers, revision: number, pools: readonly PoolRecord[]): Steps<void> {
  yield* insertRows(`servers (${serverColumns}, origin)`, widthOf(serverColumns) + 1, made.servers)
  yield* insertStored(made.interfaces)
  yield* insertRows(`policies (${policyColumns}, made)`, widthOf(policyColumns) + 1, made.policies)
  yield* insertAttached(made.attachments)
  for (const { of, policy, servers } of made.defaults) {
    const id = yield* defaultPolicy(of, policy, revision)
    if (id !== undefined) yield* insertAttached(servers.map((server) => [server, '', id, 0]))
  }
  if (pools.length === 0) return
  for (const { of, interfaces } of made.given) yield* holdGiven(of.account, of.profile, interfaces, pools)
}

function* insertAttached(rows: NewServers['attachments']): Steps<void> {
  yield* insertRows('attachments (server, interface, policy, rank)', 4, rows)
}
