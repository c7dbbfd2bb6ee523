/**
 * Servers that an inventory names, beside those that are stored: all of them are looked at, in pages, so that the work for
 * one is little, and what holds devices, numbers and ids is known before anything is taken. Of those that are not as they
 * are named everything is read.
 */
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import { interfacePolicy } from '../../core/model/profile.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { chosen, invalid, same } from '../programs/common.ts'
import { documentHeld } from '../programs/leases.ts'
import type { Move } from '../programs/moves.ts'
import { fromInterface, interfaceColumns, serverColumns, toInterface, toServer } from '../rows.ts'
import { chunks, marks, query, type Row, type Steps } from '../statement.ts'
import type { PolicyRecord, ServerRecord } from '../storage.ts'
import { type FieldChange, fieldsChanged, type InventoryChange } from './change.ts'
import type {
  InventoryDifference,
  InventoryEntry,
  InventoryOptions,
  ServerDifference,
  StoredInterface,
} from './difference.ts'
import { fresh } from './new-servers.ts'
import { createPlaces, type Places } from './places.ts'
import { interfacesBetween, isUnchanged, serverPage } from './unchanged.ts'

interface Compared {
  readonly difference: InventoryDifference['servers']
  readonly changes: readonly InventoryChange[]
}

/** Servers in one page. */
const pageSize = 1000

export const storedInterfaceColumns = `${interfaceColumns}, origin, bound_by, bound_at`
/** Of a policy: what an inventory can say something of, or needs to know. */
const switches = 'id, server, interface, enabled, filters, log, log_allowed, cut_flows'

export function* compareServers(
  entries: readonly InventoryEntry[],
  options: InventoryOptions,
): Steps<Result<Compared, RequestError>> {
  const byId = new Map<string, number>()
  for (const [index, { server }] of entries.entries()) byId.set(server.id, index)
  /** By index: what is found in the store. */
  const found = new Uint8Array(entries.length)
  const places = createPlaces()
  const change: ServerDifference[] = []
  const [leave, release]: [string[], string[]] = [[], []]
  const changes: InventoryChange[] = []
  for (let after = ''; ; ) {
    const rows = yield* serverPage(after, pageSize)
    if (rows.length === 0) break
    const [first, last] = [String(rows[0]?.id), String(rows.at(-1)?.id)]
    after = last
    const interfacesOf = inOrder(yield* interfacesBetween(first, last))
    const policiesOf = inOrder(
      yield* query(
        `SELECT ${switches} FROM policies WHERE server >= ? AND server <= ? ORDER BY server`,
        ...[first, last],
      ),
    )
    /** Ids of those that may be changed. */
    const others: string[] = []
    for (const row of rows) {
      const id = String(row.id)
      const [stored, policies] = [interfacesOf(id), policiesOf(id)]
      const index = byId.get(id)
      const entry = index === undefined ? undefined : entries[index]
      if (index === undefined || !entry) {
        if (!options.keep && row.origin !== 'left') others.push(id)
        continue
      }
      found[index] = 1
      if (!isUnchanged(entry, row, stored) || !isSwitched(entry, stored, policies)) others.push(id)
    }
    for (const { row, stored, policies } of yield* wholeServers(others)) {
      const id = String(row.id)
      const entry = entries[byId.get(id) ?? -1]
      if (entry) {
        const compared = yield* compare(entry, row, stored, policies, options)
        if (!compared.ok) return compared
        const { difference, fields } = compared.value
        if (!difference) continue
        places.named(entry, stored)
        places.released(difference.gone)
        if (difference.placed) places.placed(difference.interfaces)
        change.push(difference)
        const added = difference.back
          ? ({ change: 'added' } as const)
          : ({ change: 'changed', fields } as const)
        changes.push({ ...words(entry.server), ...added })
      } else if (row.origin === 'inventory') {
        leave.push(id)
        places.leaves(row)
        places.released(stored.map((nic) => String(nic.id)))
        changes.push({ ...words(toServer(row)), change: 'removed' })
      } else if (stored.some(isGiven)) {
        const given = stored.filter(isGiven)
        release.push(id)
        places.released(given.map((nic) => String(nic.id)))
        changes.push({ ...words(toServer(row)), change: 'changed', fields: given.flatMap(freed) })
      }
    }
  }
  const make = entries.filter((_, index) => found[index] === 0)
  for (const entry of make) {
    places.named(entry, [])
    places.placed(entry.interfaces)
    changes.push({ ...words(entry.server), change: 'added' })
  }
  const yielding = yield* places.settle()
  if (!yielding.ok) return yielding
  const fault = yield* policyTaken([...make, ...change.map(withInterfaces)], places)
  if (fault) return err(fault)
  const given = yield* givenUp(yielding.value)
  const difference = {
    ...{ leave, release, make, yield: given.moves },
    change: change.map((each) => without(each, yielding.value)),
  }
  return ok({ difference, changes: [...changes, ...given.changes] })
}

/** What interfaces that yield give up, with what that changes of their servers. */
function* givenUp(
  ids: ReadonlySet<string>,
): Steps<{ readonly moves: readonly Move[]; readonly changes: readonly InventoryChange[] }> {
  const moves: Move[] = []
  const changes: InventoryChange[] = []
  for (const chunk of chunks([...ids])) {
    const sql = `SELECT i.id, i.server, i.host, i.device, s.account, s.name FROM interfaces i JOIN servers s ON s.id = i.server
      WHERE i.id IN (${marks(chunk)}) ORDER BY i.id`
    for (const row of yield* query(sql, ...chunk)) {
      const [id, server, account, name] = [row.id, row.server, row.account, row.name].map(String) as [
        ...[string, string, string, string],
      ]
      const before = { host: String(row.host), device: String(row.device) }
      moves.push({ id, server, account, before, after: null })
      changes.push({ ...words({ id: server, name, account }), change: 'changed', fields: freed(row) })
    }
  }
  return { moves, changes }
}

/** An interface that yields is nowhere, also where its server changes otherwise. */
const without = (each: ServerDifference, yielding: ReadonlySet<string>): ServerDifference => ({
  ...each,
  interfaces: each.interfaces.map((nic) => (yielding.has(nic.id) ? { ...nic, ...nowhere } : nic)),
})

const nowhere = { host: null, device: null, boundBy: null, boundAt: null }

const words = ({ id, name, account }: Pick<ServerRecord, 'id' | 'name' | 'account'>) => ({
  ...{ resource: 'server', id, name, account },
})

const withInterfaces = ({ entry, interfaces }: ServerDifference): InventoryEntry => ({ ...entry, interfaces })

export function byServer(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const server = String(row.server)
    const group = groups.get(server)
    if (group) group.push(row)
    else groups.set(server, [row])
  }
  return groups
}

/** The rows of one server after the other, asked for in the order that the rows are in. */
function inOrder(rows: readonly Row[]): (server: string) => readonly Row[] {
  let next = 0
  return (server) => {
    const first = next
    while (next < rows.length && rows[next]?.server === server) next++
    return rows.slice(first, next)
  }
}

/** Whether all policies of a server are switched as its entry says, with the interfaces that it has and names. */
const isSwitched = (entry: InventoryEntry, stored: readonly Row[], policies: readonly Row[]): boolean =>
  switched(entry, policies).length === 0 &&
  (!entry.interfacePolicies ||
    synced(
      entry,
      entry.interfaces.map(({ id }, index) => ({ id, attributes: attributesOf(stored[index] as Row) })),
      policies,
    ).length === 0)

const attributesOf = (row: Row) => JSON.parse(String(row.attributes)) as Interface['attributes']

/** All that is stored of some servers, in the order of their ids. */
function* wholeServers(
  ids: readonly string[],
): Steps<
  readonly { readonly row: Row; readonly stored: readonly Row[]; readonly policies: readonly Row[] }[]
> {
  const found: { row: Row; stored: readonly Row[]; policies: readonly Row[] }[] = []
  for (const chunk of chunks(ids)) {
    const some = `server IN (${marks(chunk)})`
    const rows = yield* query(
      `SELECT ${serverColumns}, origin FROM servers WHERE id IN (${marks(chunk)}) ORDER BY id`,
      ...chunk,
    )
    const interfacesOf = inOrder(
      yield* query(
        `SELECT ${storedInterfaceColumns} FROM interfaces WHERE ${some} ORDER BY server, number`,
        ...chunk,
      ),
    )
    const policiesOf = inOrder(
      yield* query(`SELECT ${switches} FROM policies WHERE ${some} ORDER BY server`, ...chunk),
    )
    for (const row of rows) {
      const id = String(row.id)
      found.push({ row, stored: interfacesOf(id), policies: policiesOf(id) })
    }
  }
  return found
}

/** Whether an inventory said where it is. */
const isGiven = (row: Row): boolean => row.bound_by === 'inventory' && row.host !== null

const freed = ({ id, host, device }: Row): FieldChange[] =>
  fieldsChanged({ host, device }, { host: null, device: null }).map(({ field, ...rest }) => ({
    ...rest,
    field: `interfaces.${id}.${field}`,
  }))

interface Found {
  /** Undefined: it is as the inventory says. */
  readonly difference?: ServerDifference
  readonly fields: readonly FieldChange[]
}

function* compare(
  entry: InventoryEntry,
  row: Row,
  stored: readonly Row[],
  policies: readonly Row[],
  options: InventoryOptions,
): Steps<Result<Found, RequestError>> {
  const { server } = entry
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
  const nics = yield* wantedInterfaces(entry, stored, options)
  const attributes = { ...old.attributes, ...server.attributes }
  const back = row.origin === 'left'
  const fields = [
    ...fieldsChanged(shownServer(old), shownServer({ ...server, attributes })),
    ...nics.fields,
    ...switched(entry, policies),
    ...synced(entry, nics.interfaces, policies),
  ]
  if (!back && !nics.placed && fields.length === 0) return ok({ fields })
  const { interfaces: _, ...rest } = entry
  return ok({
    fields,
    difference: {
      entry: rest,
      ...{ old, back, attributes, gone: nics.gone },
      ...{ interfaces: nics.interfaces, placed: nics.placed },
    },
  })
}

const shownServer = ({
  name,
  number,
  zone,
  attributes,
}: Pick<ServerRecord, 'name' | 'number' | 'zone' | 'attributes'>) => ({
  ...{ name, number, zone },
  ...attributes,
})

interface Wanted {
  readonly interfaces: readonly StoredInterface[]
  readonly gone: readonly string[]
  /** Whether they differ from those that are stored. */
  readonly placed: boolean
  readonly fields: readonly FieldChange[]
}

/** All that a server will have: those that are named, then those that stay although they are not. */
function* wantedInterfaces(
  { server, interfaces }: InventoryEntry,
  stored: readonly Row[],
  { keep, now }: InventoryOptions,
): Steps<Wanted> {
  const before = new Map(stored.map((row) => [String(row.id), row]))
  const wanted: StoredInterface[] = []
  const fields: FieldChange[] = []
  let placed = interfaces.length !== stored.length
  for (const nic of interfaces) {
    const row = before.get(nic.id)
    before.delete(nic.id)
    const each = row ? yield* named(nic, row, server, now) : fresh(nic, now)
    wanted.push(each)
    if (row && isAs(row, each)) continue
    placed = true
    fields.push(...differing(row && toInterface(row), each))
  }
  const gone: string[] = []
  for (const [id, row] of before) {
    if (!keep && row.origin === 'inventory') {
      gone.push(id)
      placed = true
      fields.push({ field: `interfaces.${id}`, before: 'there', after: null })
      continue
    }
    // What an API made stays as it is, but where an inventory said that it is.
    const free = !keep && isGiven(row)
    const own = storedInterface(row)
    const nic = { ...own, index: Math.max(own.index, (wanted.at(-1)?.index ?? 0) + 1) }
    const each = free ? { ...nic, ...nowhere } : nic
    wanted.push(each)
    if (isAs(row, each)) continue
    placed = true
    fields.push(...differing(toInterface(row), each))
  }
  return { interfaces: wanted, gone, placed, fields }
}

export const storedInterface = (row: Row): StoredInterface => ({
  ...toInterface(row),
  origin: String(row.origin),
  boundBy: row.bound_by === null ? null : String(row.bound_by),
  boundAt: row.bound_at === null ? null : Number(row.bound_at),
})

/** What its dialect calls it and switches on it stays unless the file says otherwise; so do addresses attached to it, and where others put it. */
function* named(
  nic: Interface,
  row: Row,
  server: InventoryEntry['server'],
  now: number,
): Steps<StoredInterface> {
  const stored = storedInterface(row)
  const others = stored.addresses.filter((address) => !nic.addresses.includes(address))
  const addresses =
    others.length === 0 ? nic.addresses : [...nic.addresses, ...(yield* documentHeld(server, others))]
  const attributes = { ...stored.attributes, ...nic.attributes }
  const { origin, boundBy, boundAt } = stored
  const [host, device] =
    nic.host === null && boundBy !== 'inventory' ? [stored.host, stored.device] : [nic.host, nic.device]
  // Where its host found it, it is said to be from now on.
  const isSaid = nic.host !== null && boundBy === 'mac'
  const isThere = host === stored.host && device === stored.device && !isSaid
  const bound = isThere
    ? { boundBy, boundAt }
    : host === null
      ? { boundBy: null, boundAt: null }
      : { boundBy: 'inventory', boundAt: now }
  return { ...nic, addresses, attributes, host, device, origin, ...bound }
}

const columns = interfaceColumns.split(', ')

/** Without the order of keys, which makes the usual case fast. */
function isAs(row: Row, nic: StoredInterface): boolean {
  if (row.bound_by !== nic.boundBy) return false
  const values = fromInterface(nic)
  for (const [index, column] of columns.entries()) {
    const [stored, value] = [row[column], values[index]]
    if (stored !== value && !(column === 'attributes' && same(JSON.parse(String(stored)), nic.attributes)))
      return false
  }
  return true
}

function differing(before: Interface | undefined, after: StoredInterface): FieldChange[] {
  const shown = ({ id: _, server: __, attributes, ...fields }: Interface) => ({ ...fields, ...attributes })
  const { origin: _, boundBy: __, boundAt: ___, ...nic } = after
  const place = `interfaces.${after.id}`
  if (!before) return [{ field: place, before: null, after: 'there' }]
  return fieldsChanged(shown(before), shown(nic)).map((each) => ({
    ...each,
    field: `${place}.${each.field}`,
  }))
}

/** What the entry says of the chain and the chain does not. */
function switched(
  { enabled, choices = {} }: InventoryEntry,
  policies: readonly Row[],
): readonly FieldChange[] {
  if (enabled === undefined && Object.keys(choices).length === 0) return []
  const chain = policies.find((row) => row.interface === null)
  if (!chain) return []
  if (Object.keys(choices).length === 0 && chain.enabled === Number(enabled)) return []
  const before = {
    ...(chain.log !== null && { log: JSON.parse(String(chain.log)) }),
    ...(chain.log_allowed !== null && { logAllowed: chain.log_allowed }),
    ...(chain.cut_flows !== null && { cutFlows: chain.cut_flows }),
  } as unknown as PolicyRecord
  const { log, logAllowed, cutFlows } = chosen(before, choices)
  return fieldsChanged(
    { ...before, firewall: chain.enabled === 1 },
    {
      ...(enabled !== undefined && { firewall: enabled }),
      ...{ log: log ?? null, logAllowed: logAllowed ?? null, cutFlows: cutFlows ?? null },
    },
  )
}

/** Interfaces whose own policy does not follow from their attributes: what it follows from is told with them, or is new in this version. */
function synced(
  { interfacePolicies }: InventoryEntry,
  interfaces: readonly Pick<Interface, 'id' | 'attributes'>[],
  policies: readonly Row[],
): readonly FieldChange[] {
  if (!interfacePolicies) return []
  const own = new Map(policies.flatMap((row) => (row.interface === null ? [] : [[String(row.id), row]])))
  return interfaces.flatMap(({ id, attributes }) => {
    const row = own.get(id)
    const { enabled, filters } = interfacePolicy(interfacePolicies, attributes)
    if (!row) return []
    return fieldsChanged(
      { enabled: row.enabled === 1, filters: JSON.parse(String(row.filters)) as string[] },
      { enabled, filters },
    ).map((each) => ({ ...each, field: `interfaces.${id}.policy.${each.field}` }))
  })
}

/** Interfaces that have a policy of their own have it under their id. */
function* policyTaken(entries: readonly InventoryEntry[], places: Places): Steps<RequestError | undefined> {
  const ids = entries
    .filter(({ interfacePolicies }) => interfacePolicies)
    .flatMap(({ interfaces }) => interfaces.map(({ id }) => id).filter((id) => places.isNew(id)))
  for (const chunk of chunks(ids)) {
    const [row] = yield* query(`SELECT id FROM policies WHERE id IN (${marks(chunk)})`, ...chunk)
    if (row) return invalid(String(row.id), 'is the id of a group or of another interface')
  }
  return undefined
}
