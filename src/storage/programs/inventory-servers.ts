/**
 * Writes what an inventory changes of servers: first whatever is given up is given up, then all is written. So devices,
 * numbers and places can be swapped between servers, or handed over by one that is gone, in one transaction.
 */
import type { RequestError } from '../../core/model/error.ts'
import { interfacePolicy } from '../../core/model/profile.ts'
import { ok, type Result } from '../../core/result.ts'
import type {
  InventoryDifference,
  InventoryEntry,
  ServerDifference,
  StoredInterface,
} from '../inventory/difference.ts'
import { fresh, storedInterfaceColumns } from '../inventory/servers.ts'
import { fromInterface, fromServer, serverColumns } from '../rows.ts'
import { chunks, insertRows, marks, query, type Steps } from '../statement.ts'
import type { Attachment, NewPolicyRecord, PoolRecord } from '../storage.ts'
import { chainOf, chosen, same } from './common.ts'
import { depart } from './departures.ts'
import { applyHoldings, holdGiven, gone as noMore, storedPools } from './leases.ts'
import {
  attachPolicies,
  defaultPolicy,
  deleteInterfaces,
  insertPolicies,
  syncInterfacePolicies,
  updatePolicySettings,
  updateServerRow,
} from './servers.ts'

type Servers = Omit<InventoryDifference['servers'], 'make'> & {
  /** Parts of the list, each as large as memory likes. */
  readonly make: Iterable<readonly InventoryEntry[]>
}

export function* writeServers(
  { leave, release, change, make }: Servers,
  revision: number,
  now: number,
): Steps<Result<void, RequestError>> {
  yield* end(leave, revision)
  yield* free(release, revision)
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
  for (const entries of make) {
    const made = yield* makeAll(entries, revision, now, pools)
    if (!made.ok) return made
  }
  for (const { entry, gone, interfaces, placed } of change) {
    if (!placed) continue
    const { account, profile } = entry.server
    yield* holdGiven(account, profile, interfaces, pools)
    // Nothing can be refused: what interfaces have is theirs by now.
    const before = new Map(interfaces.map(({ id, addresses }) => [id, addresses]))
    yield* applyHoldings(entry.server, { gone: noMore('interface', gone), interfaces, before }, now)
  }
  return ok(undefined)
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

function* update(
  { entry, old, back, attributes, interfaces, placed, gone }: ServerDifference,
  revision: number,
  now: number,
): Steps<void> {
  const { server } = entry
  if (placed) yield* insertStored(interfaces)
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

function* insertStored(interfaces: readonly StoredInterface[]): Steps<void> {
  yield* insertRows(
    `interfaces (${storedInterfaceColumns})`,
    widthOf(storedInterfaceColumns),
    interfaces.map((nic) => [...fromInterface(nic), nic.origin, nic.boundBy, nic.boundAt]),
  )
}

/** New servers, many at a time. */
function* makeAll(
  entries: readonly InventoryEntry[],
  revision: number,
  now: number,
  pools: readonly PoolRecord[],
): Steps<Result<void, RequestError>> {
  yield* insertRows(
    `servers (${serverColumns}, origin)`,
    widthOf(serverColumns) + 1,
    entries.map(({ server, initial }) => [
      ...fromServer({ ...server, attributes: { ...initial, ...server.attributes }, revision }),
      'inventory',
    ]),
  )
  yield* insertStored(entries.flatMap(({ interfaces }) => interfaces.map((nic) => fresh(nic, now))))
  const own = entries.flatMap((entry) => ownPolicies(entry, now))
  yield* insertPolicies([
    ...entries.flatMap(({ policies = [], choices }) =>
      policies.map((policy) => chosen({ ...policy, revision }, choices ?? {})),
    ),
    ...own.map(({ policy }) => ({ ...policy, revision })),
  ])
  const attached = [
    ...entries.flatMap(({ attachments = [] }) => attachments),
    ...own.map(({ attachment }) => attachment),
  ]
  // One for each server or interface: all are the first there.
  yield* insertRows(
    'attachments (server, interface, policy, rank)',
    4,
    attached.map(({ server, interface: nic, policy }) => [server, nic ?? '', policy, 0]),
  )
  for (const { server, attachDefault, interfaces } of entries) {
    if (attachDefault) {
      const policy = yield* defaultPolicy(server, attachDefault, revision)
      const shared = yield* attachPolicies(server, null, policy === undefined ? [] : [policy])
      if (!shared.ok) return shared
    }
    if (pools.length > 0) yield* holdGiven(server.account, server.profile, interfaces, pools)
  }
  return ok(undefined)
}

/** Policies of interfaces that each have one. */
function ownPolicies(
  { server, interfaces, interfacePolicies }: InventoryEntry,
  now: number,
): readonly { readonly policy: NewPolicyRecord; readonly attachment: Attachment }[] {
  if (!interfacePolicies) return []
  const { id: of, account, profile } = server
  return interfaces.map(({ id, attributes }) => ({
    policy: {
      ...interfacePolicy(interfacePolicies, attributes),
      ...{ id, account, profile, name: '', server: of, interface: id, zone: '', defaultFor: null },
      ...{ createdAt: now, modifiedAt: now, attributes: {} },
    },
    attachment: { policy: id, server: of, interface: id },
  }))
}
