/** Servers and their NICs (contract: ionos §4). */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/inventory.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { ServerRecord } from '../../storage/storage.ts'
import type { Route } from '../dialect.ts'
import {
  type Call,
  changed,
  gone,
  type Handled,
  listAnswer,
  mutation,
  resourceAnswer,
  route,
} from './call.ts'
import { catalogueOf } from './catalogue.ts'
import { decode, decodeNic, given, nicTable, type WantedNic } from './decode.ts'
import { decodeServer, decodeServerChange } from './decode-server.ts'
import { nicProperties } from './encode.ts'
import { impossible, notFound } from './errors.ts'
import { findNic, findServer, findZone } from './find.ts'
import { freshNic, freshServer } from './fresh.ts'
import { newRules, tooMany } from './groups.ts'
import { changeDatacenter, createNetworks, type Networks } from './networks.ts'
import { bareNic } from './nics.ts'
import { merged } from './properties.ts'
import { stamped, stampOf } from './stamp.ts'
import { checkUnwritten } from './unwritten.ts'
import { attachAll, createRewiring, inSlot, isDas, newVolume, withSlots } from './volumes.ts'
import { limits } from './wire.ts'
import { createWorld, type Node, profile, type Volume, type World } from './world.ts'

const servers = '/datacenters/:datacenterId/servers'
const one = `${servers}/:serverId`
const nics = `${one}/nics`

export const serverRoutes: readonly Route[] = [
  route('GET', servers, 'listServers', 200, 'Servers of a datacenter', async (call) => {
    const zone = await findZone(call)
    if (!zone.ok) return zone
    const { id } = zone.value
    const nodes = (await call.world.serversIn(id)).map(call.world.serverNode)
    return listAnswer(call, { id, path: `/datacenters/${id}` }, 'servers', nodes)
  }),
  route('POST', servers, 'createServer', 202, 'Make a server, with NICs and their rules', createServer),
  route('GET', one, 'getServer', 200, 'One server', async (call) => {
    const found = await findServer(call)
    return found.ok ? resourceAnswer(call, call.world.serverNode(found.value.server)) : found
  }),
  ...(['PUT', 'PATCH'] as const).map((method) =>
    route(method, one, method === 'PUT' ? 'putServer' : 'patchServer', 202, 'Change a server', (call) =>
      changeServer(call, method),
    ),
  ),
  route(
    'DELETE',
    one,
    'deleteServer',
    202,
    'Delete a server with its NICs; its volumes stay',
    async (call) => {
      const found = await findServer(call)
      if (!found.ok) return found
      const { zone, server } = found.value
      const { id, name } = server
      const change = mutation(call, zone.id, 'DELETE')
      const node = call.world.serverNode(server)
      const done = await call.request.services.zones.change(change.context, profile, zone.id, async () => {
        const world = createWorld(call.request)
        const there = await world.server(zone.id, id)
        if (!there.ok) return there
        const rewiring = createRewiring(call.request, world, zone.id)
        // Volumes stay, those of a Cube excepted: they are its own.
        for (const volume of await world.volumesOf(there.value))
          await (isDas(volume) ? rewiring.remove(volume) : rewiring.release(volume))
        const { documents } = rewiring.change()
        const event = {
          operation: 'server.delete',
          resource: 'server',
          id,
          before: { name },
          after: null,
        } as const
        return ok({ change: { servers: { remove: [id] }, documents, event }, request: change.log([node]) })
      })
      return done.ok ? gone(change) : done
    },
  ),

  route('GET', `${one}/cdroms`, 'listServerCdroms', 200, 'No CD-ROMs are kept', async (call) => {
    const found = await findServer(call)
    return found.ok ? listAnswer(call, call.world.serverNode(found.value.server), 'cdroms', []) : found
  }),

  route('GET', nics, 'listNics', 200, 'NICs of a server', async (call) => {
    const found = await findServer(call)
    if (!found.ok) return found
    const node = call.world.serverNode(found.value.server)
    return listAnswer(call, node, 'nics', (await node.children.nics?.()) ?? [])
  }),
  route('POST', nics, 'createNic', 202, 'Add a NIC, with rules', createNic),
  route('GET', `${nics}/:nicId`, 'getNic', 200, 'One NIC', async (call) => {
    const found = await findNic(call)
    return found.ok ? resourceAnswer(call, call.world.nicNode(found.value.zone.id, found.value.nic)) : found
  }),
  ...(['PUT', 'PATCH'] as const).map((method) =>
    route(
      method,
      `${nics}/:nicId`,
      method === 'PUT' ? 'putNic' : 'patchNic',
      202,
      'Change a NIC, its firewall switches too',
      (call) => changeNic(call, method),
    ),
  ),
  route('DELETE', `${nics}/:nicId`, 'deleteNic', 202, 'Delete a NIC with its rules', async (call) => {
    const found = await findNic(call)
    if (!found.ok) return found
    const { zone, server, nic } = found.value
    const change = mutation(call, zone.id, 'DELETE')
    const node = call.world.nicNode(zone.id, nic)
    const done = await call.request.services.zones.change(change.context, profile, zone.id, async () => {
      const world = createWorld(call.request)
      const owner = await world.server(zone.id, server.id)
      if (!owner.ok) return owner
      const there = await world.nic(owner.value, nic.id)
      if (!there.ok) return there
      // Its slot is not given out again.
      const others = await call.request.services.zones.interfacesOf(server.id)
      const { revision: _, ...record } = withSlots(owner.value, others, 0).server
      const event = {
        ...({ operation: 'interface.delete', resource: 'interface', id: nic.id } as const),
        before: nicProperties(there.value),
        after: null,
      }
      return ok({
        change: { interfaces: { remove: [nic.id] }, servers: { put: [record] }, event },
        request: change.log([node], { server: server.id }),
      })
    })
    return done.ok ? gone(change) : done
  }),
]

async function createServer(call: Call): Handled {
  const zone = await findZone(call)
  if (!zone.ok) return zone
  const body = given('POST', call.request.body)
  if (!body.ok) return body
  const { id: place, body: datacenter } = zone.value
  const { request } = call
  const offered = catalogueOf(request)
  const decoded = decodeServer(body.value, { offered, location: String(datacenter.location ?? '') })
  if (!decoded.ok) return decoded
  const written = { nics: ['firewallrules', 'flowlogs'], volumes: [] }
  const nested = await checkUnwritten({ kind: 'server' }, body.value.entities, written)
  if (!nested.ok) return nested
  const { properties, volumes, nics: wanted } = decoded.value
  const id: string = randomUUID()
  const made: MadeNic[] = []
  for (const [index, each] of wanted.entries()) {
    const nic = toMake(call, id, index + 1, each, `(root).entities.nics.items.[${index}].properties`)
    if (!nic.ok) return nic
    made.push(nic.value)
  }
  const bare: ServerRecord = {
    ...({ id, account: request.principal.account, profile, number: null, zone: place } as const),
    ...{ state: 'started', nextState: null, nextStateAt: null, createdAt: request.now, revision: 0 },
    name: properties.name ?? '',
    attributes: { ...merged({}, properties.attributes), meta: stamped(request) },
  }
  const newVolumes = volumes.map((each) =>
    'make' in each ? newVolume(request, place, each.make) : each.attach,
  )
  const change = mutation(call, place, 'POST')
  const rules = made.map(({ nic, rules: texts }) => newRules(request, nic.id, texts))
  let server = bare
  const done = await changeDatacenter(request, change.context, place, async (there, take) => {
    if (!there) return notFound(place)
    const world = createWorld(request)
    const rewiring = createRewiring(request, world, place)
    const { revision: _, ...record } = bare
    rewiring.put(record)
    const attached = await attachAll(world, rewiring, { zone: place, server: id }, newVolumes)
    if (!attached.ok) return attached
    const boot = properties.bootVolume ?? null
    const chosen = attached.value.find((volume) => volume.id === boot)
    if (boot !== null && !chosen) return err(impossible(`volume ${boot} is not attached to the server`))
    if (chosen) await rewiring.boot(chosen, true)
    const slotted = withSlots(rewiring.server(id) ?? record, [], made.length)
    rewiring.put(slotted.server)
    server = { ...slotted.server, revision: 0 }
    const networks = createNetworks(request, world, there, take)
    const placed = await placeAll(networks, made)
    if (!placed.ok) return placed
    const interfaces = placed.value.map((nic, index) => inSlot(nic, slotted.first + index))
    const standard = (await world.groupsIn(place)).find((group) => group.defaultFor === place)
    const { servers, documents } = rewiring.change()
    const after = {
      ...{ name: server.name, ...server.attributes },
      ...{ nics: interfaces.map(nicProperties), defaultGroup: standard?.id ?? null },
    }
    const targets = [
      world.serverNode(server),
      ...attached.value.map((volume) => world.volumeNodeAt(volume, undefined)),
      ...interfaces.flatMap((nic, i) => nicTargets(call, place, nic, rules[i])),
    ]
    return ok({
      change: {
        servers,
        interfaces: { put: interfaces },
        rules,
        documents: { put: [...(documents.put ?? []), ...networks.change().documents] },
        ...(standard && { attach: [{ server: id, interface: null, policies: [standard.id] }] }),
        event: { operation: 'server.create', resource: 'server', id, before: null, after },
      },
      request: change.log(targets),
    })
  })
  if (!done.ok) return done
  const node = createWorld(request).serverNode(server)
  return changed(call, change, freshServer(node))
}

async function changeServer(call: Call, method: 'PUT' | 'PATCH'): Handled {
  const found = await findServer(call)
  if (!found.ok) return found
  const body = given(method, call.request.body)
  if (!body.ok) return body
  const { zone, server } = found.value
  const change = mutation(call, zone.id, method)
  let result = server
  const done = await call.request.services.zones.change(change.context, profile, zone.id, async () => {
    const world = createWorld(call.request)
    const current = await world.server(zone.id, server.id)
    if (!current.ok) return current
    const { revision: _, ...old } = current.value
    const node = world.serverNode(current.value)
    const read = decodeServerChange(body.value, node.properties)
    if (!read.ok) return read
    const nested = await checkUnwritten(node, body.value.entities)
    if (!nested.ok) return nested
    const { name = old.name, attributes: properties, bootVolume } = read.value
    const volume = await bootable(world, current.value, bootVolume ?? null)
    if (!volume.ok) return volume
    const stamp = stampOf(old.attributes.meta, old.account, old.createdAt)
    const boot = bootVolume === undefined ? {} : { bootVolume }
    const attributes = {
      ...merged(old.attributes, { ...properties, ...boot }),
      meta: stamped(call.request, stamp),
    }
    const put = { ...old, name, attributes }
    result = { ...put, revision: 0 }
    const changedNode = world.serverNode(result)
    if (isDeepStrictEqual(node.properties, changedNode.properties)) {
      result = current.value
      return ok({ change: null, request: change.log([node]) })
    }
    const before = { name: old.name, ...old.attributes }
    const after = { name, ...attributes }
    const event = { operation: 'server.update', resource: 'server', id: old.id, before, after } as const
    const chosen = bootVolume === old.attributes.bootVolume ? undefined : volume.value
    const targets = [changedNode, ...(chosen ? [world.volumeNodeAt(chosen, undefined)] : [])]
    return ok({ change: { servers: { put: [put] }, event }, request: change.log(targets) })
  })
  return done.ok ? changed(call, change, createWorld(call.request).serverNode(result)) : done
}

/** The volume that a server is to start from: one of its own. */
async function bootable(
  world: World,
  server: ServerRecord,
  id: string | null,
): Promise<Result<Volume | undefined, RequestError>> {
  if (id === null) return ok(undefined)
  const volume = (await world.volumesOf(server)).find((each) => each.id === id)
  return volume ? ok(volume) : err(impossible(`volume ${id} is not attached to the server`))
}

/** A NIC that is to be made; `at` is where its properties are in the request. */
interface MadeNic extends Pick<WantedNic, 'properties' | 'rules'> {
  readonly nic: Interface
  readonly at: string
}

/** The NIC and its rules. */
function nicTargets(call: Call, zone: string, nic: Interface, made?: ReturnType<typeof newRules>): Node[] {
  const node = call.world.nicNode(zone, nic)
  const records = (made?.rules ?? []).map((rule, i) => ({ ...rule, id: made?.ids[i] ?? '', position: i + 1 }))
  return [node, ...records.map((rule) => call.world.ruleNode(`${node.path}/firewallrules`, rule, node.bears))]
}

function toMake(
  call: Call,
  server: string,
  index: number,
  { properties, rules, flowLogs }: WantedNic,
  at: string,
): Result<MadeNic, RequestError> {
  const over = tooMany(rules, limits.rulesPerNic) ?? tooMany(flowLogs, limits.flowLogsPerNic)
  if (over) return err(over)
  return ok({ nic: bareNic(call.request, server, index, flowLogs), properties, rules, at })
}

async function placeAll(
  networks: Networks,
  made: readonly MadeNic[],
): Promise<Result<readonly Interface[], RequestError>> {
  const placed: Interface[] = []
  for (const { nic, properties, at } of made) {
    const result = await networks.place(nic, properties, at)
    if (!result.ok) return result
    placed.push(result.value)
  }
  return ok(placed)
}

async function createNic(call: Call): Handled {
  const found = await findServer(call)
  if (!found.ok) return found
  const body = given('POST', call.request.body)
  if (!body.ok) return body
  const wanted = decodeNic(body.value)
  if (!wanted.ok) return wanted
  const nested = await checkUnwritten({ kind: 'nic' }, body.value.entities, {
    firewallrules: [],
    flowlogs: [],
  })
  if (!nested.ok) return nested
  const { request } = call
  const { zone, server } = found.value
  const made = toMake(call, server.id, 1, wanted.value, body.value.at)
  if (!made.ok) return made
  const { nic: bare, properties, rules: texts, at } = made.value
  const change = mutation(call, zone.id, 'POST')
  const rules = newRules(request, bare.id, texts)
  let nic = bare
  const done = await changeDatacenter(request, change.context, zone.id, async (there, take) => {
    if (!there) return notFound(zone.id)
    const world = createWorld(request)
    const owner = await world.server(zone.id, server.id)
    if (!owner.ok) return owner
    const others = await request.services.zones.interfacesOf(server.id)
    const { server: slotted, first } = withSlots(owner.value, others, 1)
    const { revision: _, ...record } = slotted
    const networks = createNetworks(request, world, there, take)
    const index = Math.max(0, ...others.map((each) => each.index)) + 1
    const placed = await networks.place({ ...bare, index }, properties, at)
    if (!placed.ok) return placed
    nic = inSlot(placed.value, first)
    const event = {
      ...({ operation: 'interface.create', resource: 'interface', id: nic.id, before: null } as const),
      after: nicProperties(nic),
    }
    return ok({
      change: {
        servers: { put: [record] },
        interfaces: { put: [nic] },
        rules: [rules],
        documents: { put: networks.change().documents },
        event,
      },
      request: change.log(nicTargets(call, zone.id, nic, rules)),
    })
  })
  return done.ok ? changed(call, change, freshNic(call.world.nicNode(zone.id, nic), properties)) : done
}

async function changeNic(call: Call, method: 'PUT' | 'PATCH'): Handled {
  const found = await findNic(call)
  if (!found.ok) return found
  const body = given(method, call.request.body)
  if (!body.ok) return body
  const { request } = call
  const { zone, server, nic } = found.value
  const change = mutation(call, zone.id, method)
  let result = nic
  const done = await changeDatacenter(request, change.context, zone.id, async (there, take) => {
    if (!there) return notFound(zone.id)
    const world = createWorld(request)
    const owner = await world.server(zone.id, server.id)
    if (!owner.ok) return owner
    const current = await world.nic(owner.value, nic.id)
    if (!current.ok) return current
    const old = current.value
    const read = decode(nicTable, body.value, old.attributes)
    if (!read.ok) return read
    const node = world.nicNode(zone.id, old)
    const nested = await checkUnwritten(node, body.value.entities)
    if (!nested.ok) return nested
    const stamp = stampOf(old.attributes.meta, request.principal.account, owner.value.createdAt)
    const networks = createNetworks(request, world, there, take)
    const placed = await networks.place(old, read.value, body.value.at, old)
    if (!placed.ok) return placed
    const attributes = { ...placed.value.attributes, meta: stamped(request, stamp) }
    result = { ...placed.value, attributes }
    if (isDeepStrictEqual(nicProperties(old), nicProperties(result))) {
      result = old
      return ok({ change: null, request: change.log([node]) })
    }
    const event = {
      ...({ operation: 'interface.update', resource: 'interface', id: nic.id } as const),
      before: nicProperties(old),
      after: nicProperties(result),
    }
    return ok({
      change: {
        interfaces: { put: [result] },
        documents: { put: networks.change().documents },
        event,
      },
      request: change.log([world.nicNode(zone.id, result)]),
    })
  })
  return done.ok ? changed(call, change, createWorld(request).nicNode(zone.id, result)) : done
}
