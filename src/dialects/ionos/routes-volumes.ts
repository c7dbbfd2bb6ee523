/** Volumes: created by themselves, attached, changed and deleted; no disk stands behind them (contract: ionos-more §5). */
import { isDeepStrictEqual } from 'node:util'
import { isObject, type JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
import { type Given, given, readersOf } from './body.ts'
import { catalogueOf } from './catalogue.ts'
import { changeInZone } from './change.ts'
import { changedVolume, createRewiring, dasStays, newVolume, type Rewiring } from './change-volumes.ts'
import { decodeNewVolume, decodeVolumeChange, unsupported } from './decode-volume.ts'
import { createdVolume } from './encode-created.ts'
import { notFound, violates } from './errors.ts'
import {
  type CallEndpoint,
  findAttached,
  finding,
  findServer,
  findVolume,
  findZone,
  type Handled,
  type InServer,
  reading,
  routesOf,
} from './find.ts'
import { isDas, serverOf, type Volume } from './records.ts'
import { childrenAnswer, resourceAnswer } from './render.ts'
import type { Call } from './resources.ts'

const volumes = '/datacenters/:datacenterId/volumes'
const one = `${volumes}/:volumeId`
const ofServer = '/datacenters/:datacenterId/servers/:serverId/volumes'
const oneOfServer = `${ofServer}/:volumeId`

const show = async (call: Call, volume: Volume): Handled =>
  resourceAnswer(call, await call.resources.volume(volume))

export const volumeRoutes = routesOf([
  {
    method: 'GET',
    path: volumes,
    operation: 'listVolumes',
    success: 200,
    summary: 'Volumes of a datacenter',
    handle: finding(findZone, async (call, zone) =>
      childrenAnswer(call, await call.resources.datacenter(zone), 'volumes'),
    ),
  },
  {
    method: 'POST',
    path: volumes,
    operation: 'createVolume',
    success: 202,
    summary: 'Make a volume',
    handle: finding(findZone, createVolume),
  },
  {
    method: 'GET',
    path: one,
    operation: 'getVolume',
    success: 200,
    summary: 'One volume',
    handle: finding(findVolume, show),
  },
  ...(['PUT', 'PATCH'] as const).map(
    (method): CallEndpoint => ({
      method,
      path: one,
      operation: method === 'PUT' ? 'putVolume' : 'patchVolume',
      success: 202,
      summary: 'Change a volume',
      handle: reading(findVolume, method, (call, volume, body) => changeVolume(call, method, volume, body)),
    }),
  ),
  {
    method: 'DELETE',
    path: one,
    operation: 'deleteVolume',
    success: 202,
    summary: 'Delete a volume, attached or not',
    handle: finding(findVolume, deleteVolume),
  },

  {
    method: 'GET',
    path: ofServer,
    operation: 'listServerVolumes',
    success: 200,
    summary: 'Volumes of a server',
    handle: finding(findServer, (call, { server }) =>
      childrenAnswer(call, call.resources.server(server), 'volumes'),
    ),
  },
  {
    method: 'POST',
    path: ofServer,
    operation: 'attachVolume',
    success: 202,
    summary: 'Attach a volume, wherever it is now',
    handle: finding(findServer, attachVolume),
  },
  {
    method: 'GET',
    path: oneOfServer,
    operation: 'getServerVolume',
    success: 200,
    summary: 'One volume of a server',
    handle: finding(findAttached, show),
  },
  {
    method: 'DELETE',
    path: oneOfServer,
    operation: 'detachVolume',
    success: 202,
    summary: 'Detach a volume',
    handle: finding(findAttached, detachVolume),
  },
])

/** A volume from a body of `{properties}`. */
function decodeVolume(call: Call, { id, body: datacenter }: DocumentRecord): Result<Volume, RequestError> {
  const body = given('POST', call.request.body)
  if (!body.ok) return body
  const setting = { offered: catalogueOf(call.request), location: String(datacenter.location ?? '') }
  const { properties: fields } = readersOf(body.value)
  const read = decodeNewVolume(fields, setting)
  const sound = fields.result(() => undefined)
  if (!sound.ok) return sound
  const refused = unsupported(read)
  return refused ? err(refused) : ok(newVolume(call.request, id, read))
}

async function createVolume(call: Call, zone: DocumentRecord): Handled {
  const volume = decodeVolume(call, zone)
  if (!volume.ok) return volume
  return write(call, zone.id, 'POST', 'create', async (_, rewiring) => {
    rewiring.putVolume(volume.value)
    return ok({ before: null, after: volume.value })
  })
}

function changeVolume(call: Call, method: 'PUT' | 'PATCH', { id, zone }: Volume, body: Given): Handled {
  return write(call, zone, method, 'update', async ({ loader, resources }, rewiring) => {
    const current = await loader.volume(zone, id)
    if (!current.ok) return current
    const before = current.value
    const { properties: old } = await resources.volume(before)
    const read = decodeVolumeChange(body, old)
    if (!read.ok) return read
    const after = changedVolume(call.request, before, read.value)
    const { properties: now } = await resources.volume(after)
    if (isDeepStrictEqual(old, now)) return ok({ before, after: before })
    rewiring.putVolume(after)
    if (now.bootOrder !== old.bootOrder && now.bootOrder !== 'AUTO')
      await rewiring.boot(after, now.bootOrder === 'PRIMARY')
    return ok({ before, after })
  })
}

function deleteVolume(call: Call, { id, zone }: Volume): Handled {
  return write(call, zone, 'DELETE', 'delete', async ({ loader }, rewiring) => {
    const current = await loader.volume(zone, id)
    if (!current.ok) return current
    await rewiring.remove(current.value)
    return ok({ before: current.value, after: null })
  })
}

/** A body of `{id}` names a present volume; one of `{properties}` creates it first. */
async function attachVolume(call: Call, { zone, server }: InServer): Handled {
  const { body } = call.request
  const { id, properties = null } = isObject(body) ? body : {}
  if (properties === null && typeof id !== 'string')
    return err(violates('(root).id', "Attribute 'id' is required"))
  const created = properties === null ? undefined : decodeVolume(call, zone)
  if (created?.ok === false) return created
  return write(call, zone.id, 'POST', 'attach', async ({ loader }, rewiring) => {
    const owner = await loader.server(zone.id, server.id)
    if (!owner.ok) return owner
    const current = created ?? (await loader.volume(zone.id, String(id)))
    if (!current.ok) return current
    const volume = current.value
    if (serverOf(volume) === server.id) return ok({ before: volume, after: volume })
    if (isDas(volume)) return err(dasStays)
    return ok({ before: created ? null : volume, after: await rewiring.attach(volume, server.id) })
  })
}

function detachVolume(call: Call, found: Volume): Handled {
  const { id, zone } = found
  return write(call, zone, 'DELETE', 'detach', async ({ loader }, rewiring) => {
    const current = await loader.volume(zone, id)
    if (!current.ok) return current
    const volume = current.value
    if (serverOf(volume) !== serverOf(found)) return notFound(id)
    if (isDas(volume)) return err(dasStays)
    return ok({ before: volume, after: await rewiring.release(volume) })
  })
}

interface Outcome {
  /** Null: the volume is new. */
  readonly before: Volume | null
  /** Null: the volume is deleted. The same as before: nothing changes. */
  readonly after: Volume | null
}

function write(
  call: Call,
  zone: string,
  method: string,
  operation: 'create' | 'update' | 'delete' | 'attach' | 'detach',
  decide: (current: Call, rewiring: Rewiring) => Promise<Result<Outcome, RequestError>>,
): Handled {
  return changeInZone(call, zone, method, async (current) => {
    const rewiring = createRewiring(current, zone)
    const decided = await decide(current, rewiring)
    if (!decided.ok) return decided
    const { before, after } = decided.value
    const volume = after ?? before
    if (!volume) throw new Error('a volume neither existed nor was created')
    const event = {
      ...({ operation: `volume.${operation}`, resource: 'storage', id: volume.id } as const),
      before: before?.body ?? null,
      after: after?.body ?? null,
    }
    return ok({
      change: before === after ? null : { ...rewiring.change(), event },
      targets: [current.resources.volumeOf(volume, undefined)],
      ...(method !== 'DELETE' &&
        after && { answer: (stored: Call) => answered(stored, method, before, after) }),
    })
  })
}

async function answered(stored: Call, method: string, before: Volume | null, after: Volume) {
  const resource = await stored.resources.volume(after)
  if (before === after || method !== 'POST') return resource
  const { properties } = stored.request.body as JsonObject
  const own = before === null && isObject(properties) ? properties : undefined
  return createdVolume(resource, own, serverOf(after) !== undefined)
}
