/** Volumes: made by themselves, attached, changed and deleted; no disk stands behind them (contract: ionos-more §5). */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
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
import { given } from './decode.ts'
import { decodeNewVolume, decodeVolumeChange, unsupported } from './decode-volume.ts'
import { notFound, violated, violates } from './errors.ts'
import { findAttached, findServer, findVolume, findZone } from './find.ts'
import { freshVolume } from './fresh.ts'
import { isObject, Violations } from './properties.ts'
import {
  changedVolume,
  createRewiring,
  dasStays,
  isDas,
  newVolume,
  type Rewiring,
  serverOf,
} from './volumes.ts'
import { createWorld, profile, type Volume, type World } from './world.ts'

const volumes = '/datacenters/:datacenterId/volumes'
const one = `${volumes}/:volumeId`
const ofServer = '/datacenters/:datacenterId/servers/:serverId/volumes'

export const volumeRoutes: readonly Route[] = [
  route('GET', volumes, 'listVolumes', 200, 'Volumes of a datacenter', async (call) => {
    const zone = await findZone(call)
    if (!zone.ok) return zone
    const node = await call.world.datacenterNode(zone.value)
    return listAnswer(call, node, 'volumes', (await node.children.volumes?.()) ?? [])
  }),
  route('POST', volumes, 'createVolume', 202, 'Make a volume', async (call) => {
    const zone = await findZone(call)
    if (!zone.ok) return zone
    const made = newOne(call, zone.value)
    if (!made.ok) return made
    const volume = made.value
    return write(call, zone.value.id, 'POST', 'create', async (_world, rewiring) => {
      rewiring.putVolume(volume)
      return ok({ before: null, after: volume })
    })
  }),
  route('GET', one, 'getVolume', 200, 'One volume', async (call) => {
    const found = await findVolume(call)
    return found.ok ? resourceAnswer(call, await call.world.volumeNode(found.value)) : found
  }),
  ...(['PUT', 'PATCH'] as const).map((method) =>
    route(method, one, method === 'PUT' ? 'putVolume' : 'patchVolume', 202, 'Change a volume', (call) =>
      changeVolume(call, method),
    ),
  ),
  route('DELETE', one, 'deleteVolume', 202, 'Delete a volume, attached or not', deleteVolume),

  route('GET', ofServer, 'listServerVolumes', 200, 'Volumes of a server', async (call) => {
    const found = await findServer(call)
    if (!found.ok) return found
    const node = call.world.serverNode(found.value.server)
    return listAnswer(call, node, 'volumes', (await node.children.volumes?.()) ?? [])
  }),
  route('POST', ofServer, 'attachVolume', 202, 'Attach a volume, wherever it is now', attachVolume),
  route('GET', `${ofServer}/:volumeId`, 'getServerVolume', 200, 'One volume of a server', async (call) => {
    const found = await findAttached(call)
    return found.ok ? resourceAnswer(call, await call.world.volumeNode(found.value)) : found
  }),
  route('DELETE', `${ofServer}/:volumeId`, 'detachVolume', 202, 'Detach a volume', detachVolume),
]

/** A volume from a body of `{properties}`. */
function newOne(call: Call, { id, body: datacenter }: DocumentRecord): Result<Volume, RequestError> {
  const body = given('POST', call.request.body)
  if (!body.ok) return body
  const violations = new Violations()
  const place = { offered: catalogueOf(call.request), location: String(datacenter.location ?? '') }
  const read = decodeNewVolume(body.value.properties, body.value.at, place, violations)
  if (violations.count > 0) return err(violated(violations.list))
  const refused = unsupported(read)
  return refused ? err(refused) : ok(newVolume(call.request, id, read))
}

async function changeVolume(call: Call, method: 'PUT' | 'PATCH'): Handled {
  const found = await findVolume(call)
  if (!found.ok) return found
  const body = given(method, call.request.body)
  if (!body.ok) return body
  const { id, zone } = found.value
  return write(call, zone, method, 'update', async (world, rewiring) => {
    const current = await world.volume(zone, id)
    if (!current.ok) return current
    const before = current.value
    const { properties: old } = await world.volumeNode(before)
    const read = decodeVolumeChange(body.value, old)
    if (!read.ok) return read
    const after = changedVolume(call.request, before, read.value)
    const { properties: now } = await world.volumeNode(after)
    if (isDeepStrictEqual(old, now)) return ok({ before, after: before })
    rewiring.putVolume(after)
    if (now.bootOrder !== old.bootOrder && now.bootOrder !== 'AUTO')
      await rewiring.boot(after, now.bootOrder === 'PRIMARY')
    return ok({ before, after })
  })
}

async function deleteVolume(call: Call): Handled {
  const found = await findVolume(call)
  if (!found.ok) return found
  const { id, zone } = found.value
  return write(call, zone, 'DELETE', 'delete', async (world, rewiring) => {
    const current = await world.volume(zone, id)
    if (!current.ok) return current
    await rewiring.remove(current.value)
    return ok({ before: current.value, after: null })
  })
}

/** A body of `{id}` names a volume that is there; one of `{properties}` makes it first. */
async function attachVolume(call: Call): Handled {
  const found = await findServer(call)
  if (!found.ok) return found
  const { zone, server } = found.value
  const { body } = call.request
  const { id, properties = null } = isObject(body) ? body : {}
  if (properties === null && typeof id !== 'string')
    return err(violates('(root).id', "Attribute 'id' is required"))
  const made = properties === null ? undefined : newOne(call, zone)
  if (made?.ok === false) return made
  return write(call, zone.id, 'POST', 'attach', async (world, rewiring) => {
    const owner = await world.server(zone.id, server.id)
    if (!owner.ok) return owner
    const current = made ?? (await world.volume(zone.id, String(id)))
    if (!current.ok) return current
    const volume = current.value
    if (serverOf(volume) === server.id) return ok({ before: volume, after: volume })
    if (isDas(volume)) return err(dasStays)
    return ok({ before: made ? null : volume, after: await rewiring.attach(volume, server.id) })
  })
}

async function detachVolume(call: Call): Handled {
  const found = await findAttached(call)
  if (!found.ok) return found
  const { id, zone } = found.value
  const server = serverOf(found.value)
  return write(call, zone, 'DELETE', 'detach', async (world, rewiring) => {
    const current = await world.volume(zone, id)
    if (!current.ok) return current
    const volume = current.value
    if (serverOf(volume) !== server) return err({ kind: 'not-found', resource: 'storage', id })
    if (isDas(volume)) return err(dasStays)
    return ok({ before: volume, after: await rewiring.release(volume) })
  })
}

interface Outcome {
  readonly before: Volume | null
  /** Null: it is gone. The same as before: nothing changes. */
  readonly after: Volume | null
}

async function write(
  call: Call,
  zone: string,
  method: string,
  operation: 'create' | 'update' | 'delete' | 'attach' | 'detach',
  decide: (world: World, rewiring: Rewiring) => Promise<Result<Outcome, RequestError>>,
): Handled {
  const { request } = call
  const change = mutation(call, zone, method)
  let outcome: Outcome = { before: null, after: null }
  const done = await request.services.zones.change(change.context, profile, zone, async (there) => {
    if (!there) return notFound(zone)
    const world = createWorld(request)
    const rewiring = createRewiring(request, world, zone)
    const decided = await decide(world, rewiring)
    if (!decided.ok) return decided
    outcome = decided.value
    const { before, after } = outcome
    const volume = after ?? before
    if (!volume) throw new Error('a volume was neither there nor made')
    const log = change.log([world.volumeNodeAt(volume, undefined)])
    if (before === after) return ok({ change: null, request: log })
    const event = {
      ...({ operation: `volume.${operation}`, resource: 'storage', id: volume.id } as const),
      before: before?.body ?? null,
      after: after?.body ?? null,
    }
    return ok({ change: { ...rewiring.change(), event }, request: log })
  })
  if (!done.ok) return done
  const { before, after } = outcome
  if (method === 'DELETE' || !after) return gone(change)
  const node = await createWorld(request).volumeNode(after)
  if (before === after || method !== 'POST') return changed(call, change, node)
  const { properties } = request.body as JsonObject
  const given = before === null && isObject(properties) ? properties : undefined
  return changed(call, change, freshVolume(node, given, serverOf(after) !== undefined))
}
