/** Servers, created with their volumes and NICs (contract: ionos §4). */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DocumentRecord, ServerRecord } from '../../storage/storage.ts'
import { authored, authorshipOf } from './authorship.ts'
import type { Given } from './body.ts'
import { catalogueOf } from './catalogue.ts'
import { changeInZone } from './change.ts'
import { newRules } from './change-groups.ts'
import { createNetworks } from './change-networks.ts'
import { type NewNic, newNic } from './change-nic.ts'
import { attachAll, createRewiring, inSlot, newVolume, withSlots } from './change-volumes.ts'
import { checkNested } from './check-nested.ts'
import { decodeServer, decodeServerChange } from './decode-server.ts'
import { nicProperties } from './encode.ts'
import { createdServer } from './encode-created.ts'
import { impossible } from './errors.ts'
import { merged } from './fields.ts'
import {
  type CallEndpoint,
  finding,
  findServer,
  findZone,
  type Handled,
  type InServer,
  reading,
  routesOf,
} from './find.ts'
import { isDas, type Volume, withoutRevision } from './records.ts'
import { listAnswer, resourceAnswer } from './render.ts'
import type { Call } from './resources.ts'
import { profile } from './wire.ts'

const servers = '/datacenters/:datacenterId/servers'
const one = `${servers}/:serverId`

export const serverRoutes = routesOf([
  {
    method: 'GET',
    path: servers,
    operation: 'listServers',
    success: 200,
    summary: 'Servers of a datacenter',
    handle: finding(findZone, async (call, { id }) => {
      const all = (await call.loader.serversIn(id)).map(call.resources.server)
      return listAnswer(call, { id, path: `/datacenters/${id}` }, 'servers', all)
    }),
  },
  {
    method: 'POST',
    path: servers,
    operation: 'createServer',
    success: 202,
    summary: 'Make a server, with NICs and their rules',
    handle: reading(findZone, 'POST', createServer),
  },
  {
    method: 'GET',
    path: one,
    operation: 'getServer',
    success: 200,
    summary: 'One server',
    handle: finding(findServer, (call, { server }) => resourceAnswer(call, call.resources.server(server))),
  },
  ...(['PUT', 'PATCH'] as const).map(
    (method): CallEndpoint => ({
      method,
      path: one,
      operation: method === 'PUT' ? 'putServer' : 'patchServer',
      success: 202,
      summary: 'Change a server',
      handle: reading(findServer, method, (call, found, body) => changeServer(call, method, found, body)),
    }),
  ),
  {
    method: 'DELETE',
    path: one,
    operation: 'deleteServer',
    success: 202,
    summary: 'Delete a server with its NICs; its volumes stay',
    handle: finding(findServer, deleteServer),
  },
  {
    method: 'GET',
    path: `${one}/cdroms`,
    operation: 'listServerCdroms',
    success: 200,
    summary: 'No CD-ROMs are kept',
    handle: finding(findServer, (call, { server }) =>
      listAnswer(call, call.resources.server(server), 'cdroms', []),
    ),
  },
])

async function createServer(
  call: Call,
  { id: zone, body: datacenter }: DocumentRecord,
  body: Given,
): Handled {
  const { request } = call
  const offered = catalogueOf(request)
  const decoded = decodeServer(body, { offered, location: String(datacenter.location ?? '') })
  if (!decoded.ok) return decoded
  const written = { nics: ['firewallrules', 'flowlogs'], volumes: [] }
  const nested = await checkNested({ kind: 'server' }, body.entities, written)
  if (!nested.ok) return nested
  const { properties, volumes } = decoded.value
  const id: string = randomUUID()
  const nics: NewNic[] = []
  for (const [index, each] of decoded.value.nics.entries()) {
    const nic = newNic(request, id, index + 1, each)
    if (!nic.ok) return nic
    nics.push(nic.value)
  }
  const bare = {
    ...({ id, account: request.principal.account, profile, number: null, zone } as const),
    ...{ state: 'started', nextState: null, nextStateAt: null, createdAt: request.now },
    name: properties.name ?? '',
    attributes: { ...merged({}, properties.attributes), meta: authored(request) },
  }
  const newVolumes = volumes.map((each) =>
    'make' in each ? newVolume(request, zone, each.make) : each.attach,
  )
  const rules = nics.map(({ nic, rules: texts }) => newRules(request, nic.id, texts))
  return changeInZone(call, zone, 'POST', async (current) => {
    const { loader, resources } = current
    const rewiring = createRewiring(current, zone)
    rewiring.put(bare)
    const attached = await attachAll(current, rewiring, { zone, server: id }, newVolumes)
    if (!attached.ok) return attached
    const boot = properties.bootVolume ?? null
    const chosen = attached.value.find((volume) => volume.id === boot)
    if (boot !== null && !chosen) return err(impossible(`volume ${boot} is not attached to the server`))
    if (chosen) await rewiring.boot(chosen, true)
    const slotted = withSlots(rewiring.server(id) ?? bare, [], nics.length)
    rewiring.put(slotted.server)
    const server = { ...slotted.server, revision: 0 }
    const networks = createNetworks(current, current.zone, current.take)
    const joined = await networks.joinAll(nics)
    if (!joined.ok) return joined
    const interfaces = joined.value.map((nic, index) => inSlot(nic, slotted.first + index))
    const standard = (await loader.groupsIn(zone)).find((group) => group.defaultFor === zone)
    const change = rewiring.change()
    const after = {
      ...{ name: server.name, ...server.attributes },
      ...{ nics: interfaces.map(nicProperties), defaultGroup: standard?.id ?? null },
    }
    return ok({
      change: {
        servers: change.servers,
        interfaces: { put: interfaces },
        rules,
        documents: { put: [...(change.documents.put ?? []), ...networks.change().documents] },
        ...(standard && { attach: [{ server: id, interface: null, policies: [standard.id] }] }),
        event: { operation: 'server.create', resource: 'server', id, before: null, after },
      },
      targets: [
        resources.server(server),
        ...attached.value.map((volume) => resources.volumeOf(volume, undefined)),
        ...interfaces.flatMap((nic, index) => {
          const { rules: own = [], ids = [] } = rules[index] ?? {}
          return resources.nicWithRules(zone, nic, { rules: own, ids })
        }),
      ],
      answer: (stored) => createdServer(stored.resources.server(server)),
    })
  })
}

function changeServer(call: Call, method: 'PUT' | 'PATCH', { zone, server }: InServer, body: Given): Handled {
  return changeInZone(call, zone.id, method, async (now) => {
    const { loader, resources, request } = now
    const current = await loader.server(zone.id, server.id)
    if (!current.ok) return current
    const old = withoutRevision(current.value)
    const before = resources.server(current.value)
    const read = decodeServerChange(body, before.properties)
    if (!read.ok) return read
    const nested = await checkNested(before, body.entities)
    if (!nested.ok) return nested
    const { name = old.name, attributes: properties, bootVolume } = read.value
    const volume = await findBootVolume(now, current.value, bootVolume ?? null)
    if (!volume.ok) return volume
    const authorship = authorshipOf(old.attributes.meta, old.account, old.createdAt)
    const boot = bootVolume === undefined ? {} : { bootVolume }
    const attributes = {
      ...merged(old.attributes, { ...properties, ...boot }),
      meta: authored(request, authorship),
    }
    const put = { ...old, name, attributes }
    const changed = resources.server({ ...put, revision: 0 })
    if (isDeepStrictEqual(before.properties, changed.properties)) {
      const answer = (after: Call) => after.resources.server(current.value)
      return ok({ change: null, targets: [before], answer })
    }
    const chosen = bootVolume === old.attributes.bootVolume ? undefined : volume.value
    return ok({
      change: {
        servers: { put: [put] },
        event: {
          ...({ operation: 'server.update', resource: 'server', id: old.id } as const),
          before: { name: old.name, ...old.attributes },
          after: { name, ...attributes },
        },
      },
      targets: [changed, ...(chosen ? [resources.volumeOf(chosen, undefined)] : [])],
      answer: (after) => after.resources.server({ ...put, revision: 0 }),
    })
  })
}

/** The server's boot volume, one of its own; undefined for none. */
async function findBootVolume(
  { loader }: Call,
  server: ServerRecord,
  id: string | null,
): Promise<Result<Volume | undefined, RequestError>> {
  if (id === null) return ok(undefined)
  const volume = (await loader.volumesOf(server)).find((each) => each.id === id)
  return volume ? ok(volume) : err(impossible(`volume ${id} is not attached to the server`))
}

function deleteServer(call: Call, { zone, server }: InServer): Handled {
  const { id, name } = server
  const resource = call.resources.server(server)
  return changeInZone(call, zone.id, 'DELETE', async (current) => {
    const there = await current.loader.server(zone.id, id)
    if (!there.ok) return there
    const rewiring = createRewiring(current, zone.id)
    // Volumes stay, except those of a Cube, which belong to it.
    for (const volume of await current.loader.volumesOf(there.value))
      await (isDas(volume) ? rewiring.remove(volume) : rewiring.release(volume))
    const { documents } = rewiring.change()
    return ok({
      change: {
        servers: { remove: [id] },
        documents,
        event: { operation: 'server.delete', resource: 'server', id, before: { name }, after: null },
      },
      targets: [resource],
    })
  })
}
