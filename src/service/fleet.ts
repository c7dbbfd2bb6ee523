/**
 * Servers of every profile and their interfaces, made and changed by the rules of the inventory file.
 *
 * What is the operator's to say in that file is the operator's here: ids and numbers, who an interface may send as, and
 * where it is. Owners name and describe, and have the addresses that pools have for them.
 */
import { randomUUID } from 'node:crypto'
import type { JsonObject } from '../core/json.ts'
import type { RequestError } from '../core/model/error.ts'
import type { Interface } from '../core/model/interface.ts'
import { specOf } from '../core/model/profile.ts'
import { err, ok } from '../core/result.ts'
import type { Actor, ServerRecord, Storage } from '../storage/storage.ts'
import { actorOf, type Context, inAccount, isOperator, isWithin } from './context.ts'
import { entrySchemas, readEntry, someOf } from './inventory/entry.ts'
import type { Provider } from './inventory/provider.ts'
import type { InterfaceEntry, ServerEntry } from './inventory/schema.ts'
import { checkChangeable, readInterface } from './inventory/servers.ts'
import { createNewServers } from './new-servers.ts'
import type { Condition, Outcome } from './outcome.ts'

/** Absent: as before; null takes it away. */
export interface FleetChange {
  readonly name?: string
  readonly state?: string
  readonly plan?: string | null
  /** All of them. */
  readonly labels?: Readonly<Record<string, string>> | null
  /** Profiles whose servers have a chain of their own: whether it is in force. */
  readonly firewall?: boolean
}

/** The condition is of the server's revision. Another account's is `not-found`. */
export interface FleetService {
  /** Makes what an inventory file would say of a server, in the caller's account; answers its id. `once` remembers the request. */
  create(ctx: Context, entry: JsonObject, once: (id: string) => Partial<Context>): Outcome<string>
  change(ctx: Context, id: string, change: FleetChange, condition: Condition): Outcome<void>
  /** `conflict` (server) while a document of its dialect belongs to it. */
  remove(ctx: Context, id: string, condition: Condition): Outcome<void>
  interface(ctx: Context, id: string): Outcome<OwnInterface>
  /** As of `create`; answers its id. */
  addInterface(
    ctx: Context,
    server: string,
    entry: JsonObject,
    options: Condition & { readonly once: (id: string) => Partial<Context> },
  ): Outcome<string>
  /** What is given changes; null is what a new one has. */
  changeInterface(ctx: Context, id: string, change: JsonObject, condition: Condition): Outcome<void>
  removeInterface(ctx: Context, id: string, condition: Condition): Outcome<void>
  /** What a profile keeps of a server by keys of its own: `labels` and `plan`, its number, what it is in. */
  describe(server: ServerRecord): JsonObject
  /** As of `describe`. */
  describeInterface(server: ServerRecord, nic: Interface): JsonObject
}

export interface OwnInterface {
  readonly server: ServerRecord
  readonly interface: Interface
}

/** Of an interface, beside its id and those of its profile: what an owner may not say of it. */
const operatorsOnly = [
  ...['id', 'mac', 'allowedAddresses', 'senderCheck', 'observe', 'vlanTrunk', 'allowedFrames'],
  ...['maxConnections', 'host', 'device'],
] as const

export function createFleetService(storage: Storage, providers: readonly Provider[]): FleetService {
  const schemas = entrySchemas(providers)
  const newServers = createNewServers(storage, providers)
  const changeable = someOf(schemas.server, ['name', 'state', 'plan', 'labels', 'firewall'])
  const nicKeys = Object.keys(schemas.interface.properties)
  const nicChange = someOf(
    schemas.interface,
    nicKeys.filter((key) => !['id', 'host', 'device'].includes(key)),
  )

  async function own(ctx: Context, id: string): Outcome<ServerRecord> {
    const server = await storage.serverById(id)
    return server && isWithin(ctx, server.account) ? ok(server) : err(notFound('server', id))
  }

  async function ownInterface(ctx: Context, id: string): Outcome<OwnInterface> {
    const server = await storage.serverOf(id)
    if (!server || !isWithin(ctx, server.account)) return err(notFound('interface', id))
    const nic = (await storage.interfaces(server.id)).find((each) => each.id === id)
    return nic ? ok({ server, interface: nic }) : err(notFound('interface', id))
  }

  /** Who writes to a server; within its zone, where zones are documents. */
  function actorAt(
    ctx: Context,
    { account, profile, zone }: Pick<ServerRecord, 'account' | 'profile' | 'zone'>,
  ): Actor {
    const { zoneKind } = specOf(providers, profile)
    const actor = actorOf(inAccount(ctx, account))
    return zoneKind === undefined ? actor : { ...actor, within: { profile, kind: zoneKind, id: zone } }
  }

  const targetOf = ({ id, account, profile }: ServerRecord, { ifRevision }: Condition) => ({
    ...{ account, profile, server: id },
    ...(ifRevision !== undefined && { ifRevision }),
    ...interfacePoliciesOf(profile),
  })

  function interfacePoliciesOf(profile: string) {
    const { interfacePolicies } = specOf(providers, profile)
    return interfacePolicies ? { interfacePolicies } : {}
  }

  /** Keys that only an operator may say, with their place. */
  function forbiddenKey(ctx: Context, entry: JsonObject): RequestError | undefined {
    if (isOperator(ctx.principal)) return undefined
    const numbers = providers.flatMap(({ inventory: { number } }) => (number ? [number.key] : []))
    const ofServer = ['id', ...numbers].find((key) => Object.hasOwn(entry, key))
    if (ofServer !== undefined) return forOperators(ofServer)
    const nics = Array.isArray(entry.interfaces) ? entry.interfaces : []
    for (const [index, nic] of nics.entries()) {
      const fault = forbiddenOfInterface(ctx, nic as JsonObject, `interfaces[${index}].`)
      if (fault) return fault
    }
    return undefined
  }

  /** Addresses that owners may not have by naming them, with their place. */
  async function foreignAddress(
    ctx: Context,
    account: string,
    addresses: readonly string[],
    at: string,
  ): Promise<RequestError | undefined> {
    if (isOperator(ctx.principal)) return undefined
    for (const [index, address] of addresses.entries()) {
      const holding = await storage.holding(account, address, ctx.now)
      if (holding === 'own' || holding === 'free') continue
      const reason = 'is not an address that a pool has for the account'
      return { kind: 'invalid', field: `${at}addresses[${index}]`, reason }
    }
    return undefined
  }

  return {
    interface: ownInterface,
    async create(ctx, given, once) {
      const { account } = ctx.principal
      const checked = readEntry(schemas.server, given, () => undefined)
      if (!checked.ok) return checked
      const forbidden = forbiddenKey(ctx, given)
      if (forbidden) return err(forbidden)
      const id = (given as unknown as ServerEntry).id ?? randomUUID()
      const read = await newServers.read(given, { id, account, now: ctx.now })
      if (!read.ok) return read
      const { server, interfaces } = read.value
      for (const [index, { addresses }] of interfaces.entries()) {
        const foreign = await foreignAddress(ctx, account, addresses, `interfaces[${index}].`)
        if (foreign) return err(foreign)
      }
      const args = { ...read.value, ownMacs: macsOf(given.interfaces) }
      const done = await storage.run('createServer', args, actorAt({ ...ctx, ...once(id) }, server))
      return done.ok ? ok(id) : done
    },
    async change(ctx, id, change, { ifRevision }) {
      const found = await own(ctx, id)
      if (!found.ok) return found
      const server = found.value
      const { plan, labels, ...rest } = change
      const given = { ...rest, ...(plan !== null && { plan }), ...(labels !== null && { labels }) }
      const provider = specOf(providers, server.profile)
      const read = readEntry(changeable, defined(given), (entry, report) =>
        checkChangeable(entry as unknown as ServerEntry, provider, '', report),
      )
      if (!read.ok) return read
      const { name, state, firewall } = change
      const args = {
        ...{ account: server.account, profile: server.profile, server: id, refuseStates: [] },
        ...(ifRevision !== undefined && { ifServerRevision: ifRevision }),
        change: {
          ...(name !== undefined && { name }),
          ...(state !== undefined && { state, nextState: null, nextStateAt: null }),
        },
        attributes: defined({ plan, labels: labels as JsonObject | null | undefined }),
        ...(firewall !== undefined && { policy: { enabled: firewall } }),
      }
      const done = await storage.run('updateServer', args, actorAt(ctx, server))
      return done.ok ? ok(undefined) : done
    },
    async remove(ctx, id, { ifRevision }) {
      const found = await own(ctx, id)
      if (!found.ok) return found
      const { account, profile } = found.value
      const args = {
        ...{ account, profile, server: id, refuseStates: [], documents: [], unattached: true as const },
        ...(ifRevision !== undefined && { ifServerRevision: ifRevision }),
      }
      const done = await storage.run('deleteServer', args, actorAt(ctx, found.value))
      return done.ok ? ok(undefined) : done
    },
    async addInterface(ctx, server, given, { once, ...condition }) {
      const found = await own(ctx, server)
      if (!found.ok) return found
      const owner = found.value
      const checked = readEntry(schemas.interface, given, () => undefined)
      if (!checked.ok) return checked
      const forbidden = forbiddenOfInterface(ctx, given, '')
      if (forbidden) return err(forbidden)
      const id = (given as InterfaceEntry).id ?? randomUUID()
      const provider = specOf(providers, owner.profile)
      const read = readEntry(schemas.interface, { ...given, id }, (entry, report) =>
        readInterface(entry as InterfaceEntry, '', { id: server, provider, providers }, 1, report),
      )
      if (!read.ok) return read
      const foreign = await foreignAddress(ctx, owner.account, read.value.addresses, '')
      if (foreign) return err(foreign)
      const args = { ...targetOf(owner, condition), interface: read.value, ownMacs: macsOf([given]) }
      const done = await storage.run('addInterface', args, actorAt({ ...ctx, ...once(id) }, owner))
      return done.ok ? ok(id) : done
    },
    async changeInterface(ctx, id, change, condition) {
      const found = await ownInterface(ctx, id)
      if (!found.ok) return found
      const { server, interface: old } = found.value
      const provider = specOf(providers, server.profile)
      const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== null))
      const checked = readEntry(nicChange, { ...given, ...unknownNulls(change, nicKeys) }, () => undefined)
      if (!checked.ok) return checked
      const forbidden = forbiddenOfInterface(ctx, change, '')
      if (forbidden) return err(forbidden)
      const ownKeys = Object.keys(provider.inventory.interface ?? {})
      const kept = Object.entries(entryOf(old, ownKeys)).filter(([key]) => !Object.hasOwn(change, key))
      const read = readEntry(schemas.interface, { ...Object.fromEntries(kept), ...given }, (entry, report) =>
        readInterface(entry as InterfaceEntry, '', { id: server.id, provider, providers }, old.index, report),
      )
      if (!read.ok) return read
      const { addresses, attributes } = read.value
      const added = addresses.map((each) => (old.addresses.includes(each) ? null : each))
      for (const [index, address] of added.entries()) {
        if (address === null) continue
        const foreign = await foreignAddress(ctx, server.account, [address], '')
        if (foreign) return err({ ...foreign, field: `addresses[${index}]` } as RequestError)
      }
      const { id: _, server: __, index: ___, host: ____, device: _____, ...rest } = read.value
      const args = {
        ...{ ...targetOf(server, condition), interface: id },
        change: { ...rest, attributes: { ...pick(change, ownKeys), ...attributes } },
        ownMacs: rest.mac === old.mac ? [] : macsOf([change]),
      }
      const done = await storage.run('updateInterface', args, actorAt(ctx, server))
      return done.ok ? ok(undefined) : done
    },
    async removeInterface(ctx, id, condition) {
      const found = await ownInterface(ctx, id)
      if (!found.ok) return found
      const { server } = found.value
      const args = { ...targetOf(server, condition), interface: id }
      const done = await storage.run('removeInterface', args, actorAt(ctx, server))
      return done.ok ? ok(undefined) : done
    },
    describe({ profile, number, zone, attributes }) {
      const { number: numbered, documents } = specOf(providers, profile).inventory
      const { plan = null, labels } = attributes
      const attribute = providers.flatMap(({ inventory: { documents: of } }) =>
        of?.server.as === 'attribute' ? [of.server.key] : [],
      )
      return {
        ...{ plan, labels: isMap(labels) ? labels : {} },
        ...(numbered && { [numbered.key]: number }),
        ...(documents?.server.as === 'zone' && { [documents.server.key]: zone }),
        ...pick(attributes, attribute),
      }
    },
    describeInterface({ profile }, { attributes }) {
      return pick(attributes, Object.keys(specOf(providers, profile).inventory.interface ?? {}))
    },
  }
}

/** Those that are given; a card whose MAC address is made from its id has no claim to be the only one. */
function macsOf(nics: unknown): string[] {
  const given = Array.isArray(nics) ? (nics as readonly { mac?: unknown }[]) : []
  return given.flatMap(({ mac }) => (typeof mac === 'string' ? [mac.toLowerCase().replaceAll('-', ':')] : []))
}

function forbiddenOfInterface(ctx: Context, nic: JsonObject, at: string): RequestError | undefined {
  if (isOperator(ctx.principal)) return undefined
  const key = operatorsOnly.find((each) => Object.hasOwn(nic, each))
  return key === undefined ? undefined : forOperators(`${at}${key}`)
}

const forOperators = (field: string): RequestError => ({
  ...{ kind: 'invalid', field, reason: 'only an operator may say it' },
})

const notFound = (resource: 'server' | 'interface', id: string): RequestError => ({
  ...{ kind: 'not-found', resource, id },
})

/** Keys that are taken back and not known: their schema says so. */
const unknownNulls = (change: JsonObject, known: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(change).filter(([key, value]) => value === null && !known.includes(key)))

const defined = (values: Readonly<Record<string, JsonObject[string] | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(values).filter((each): each is [string, JsonObject[string]] => each[1] !== undefined),
  )

/** An interface as the file would name it. */
function entryOf(
  { server: _, index: __, host: ___, device: ____, maxConnections, attributes, ...nic }: Interface,
  own: readonly string[],
): JsonObject {
  return { ...nic, ...(maxConnections !== null && { maxConnections }), ...pick(attributes, own) }
}

const pick = (values: JsonObject, keys: readonly string[]): JsonObject =>
  Object.fromEntries(keys.flatMap((key) => (key in values ? [[key, values[key] ?? null]] : [])))

const isMap = (value: unknown): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
