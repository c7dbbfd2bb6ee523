/** Disks of servers: made with their server, and kept so that clients find what they asked for (contract: ionos §4). */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
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
import { decode, given, volumeTable } from './decode.ts'
import { volumeProperties } from './encode.ts'
import { findServer, findZone } from './find.ts'
import { merged } from './properties.ts'
import { stamped, stampOf } from './stamp.ts'
import { createWorld, type Node, profile, volumesOf } from './world.ts'

const one = '/datacenters/:datacenterId/volumes'
const ofServer = '/datacenters/:datacenterId/servers/:serverId/volumes'

export const volumeRoutes: readonly Route[] = [
  route('GET', one, 'listVolumes', 200, 'Disks of all servers of a datacenter', async (call) => {
    const zone = await findZone(call)
    if (!zone.ok) return zone
    const node = await call.world.datacenterNode(zone.value)
    return listAnswer(call, node, 'volumes', (await node.children.volumes?.()) ?? [])
  }),
  route('GET', `${one}/:volumeId`, 'getVolume', 200, 'One disk', async (call) => {
    const found = await findVolume(call)
    return found.ok ? resourceAnswer(call, found.value.node) : found
  }),
  ...(['PUT', 'PATCH'] as const).map((method) =>
    route(
      method,
      `${one}/:volumeId`,
      method === 'PUT' ? 'putVolume' : 'patchVolume',
      202,
      'Change what is said of a disk',
      async (call) => {
        const found = await findVolume(call)
        if (!found.ok) return found
        const body = given(method, call.request.body)
        if (!body.ok) return body
        const properties = decode(volumeTable, body.value, {})
        if (!properties.ok) return properties
        return write(call, method, found.value, (volume) => ({
          ...merged(volume, properties.value),
          meta: stamped(call.request, stampOf(volume.meta, '', 0)),
        }))
      },
    ),
  ),
  route('DELETE', `${one}/:volumeId`, 'deleteVolume', 202, 'Delete a disk', async (call) => {
    const found = await findVolume(call)
    return found.ok ? write(call, 'DELETE', found.value, () => undefined) : found
  }),
  route('GET', ofServer, 'listServerVolumes', 200, 'Disks of a server', async (call) => {
    const found = await findServer(call)
    if (!found.ok) return found
    const node = call.world.serverNode(found.value.server)
    return listAnswer(call, node, 'volumes', call.world.volumeNodes(found.value.server))
  }),
  route('GET', `${ofServer}/:volumeId`, 'getServerVolume', 200, 'One disk of a server', async (call) => {
    const found = await findServer(call)
    if (!found.ok) return found
    const node = pick(call, call.world.volumeNodes(found.value.server))
    return node.ok ? resourceAnswer(call, node.value) : node
  }),
]

interface Found {
  readonly zone: string
  readonly server: ServerRecord
  readonly node: Node
}

function pick(call: Call, nodes: readonly Node[]): Result<Node, RequestError> {
  const id = call.id('volumeId').toLowerCase()
  const found = nodes.find((node) => node.id === id)
  return found ? ok(found) : missing(call)
}

const missing = (call: Call): Result<never, RequestError> =>
  err({ kind: 'not-found', resource: 'storage', id: call.id('volumeId') })

async function findVolume(call: Call): Promise<Result<Found, RequestError>> {
  const zone = await findZone(call)
  if (!zone.ok) return zone
  for (const server of await call.world.serversIn(zone.value.id)) {
    const node = pick(call, call.world.volumeNodes(server))
    if (node.ok) return ok({ zone: zone.value.id, server, node: node.value })
  }
  return missing(call)
}

const shown = (volumes: readonly JsonObject[]) =>
  volumes.map(({ id, ...volume }) => ({ id: String(id), ...volumeProperties(volume, '') }))

/** Undefined: it goes. */
async function write(
  call: Call,
  method: string,
  { zone, server, node }: Found,
  edit: (volume: JsonObject) => JsonObject | undefined,
): Handled {
  const change = mutation(call, zone, method)
  let result = server
  const done = await call.request.services.zones.change(change.context, profile, zone, async () => {
    const current = await createWorld(call.request).server(zone, server.id)
    if (!current.ok) return current
    const { revision: _, ...old } = current.value
    const before = volumesOf(old.attributes)
    if (!before.some(({ id }) => id === node.id)) return missing(call)
    const volumes = before
      .map((volume) => (volume.id === node.id ? edit(volume) : volume))
      .filter((volume) => volume !== undefined)
    if (isDeepStrictEqual(shown(before), shown(volumes))) {
      result = current.value
      return ok({ change: null, request: change.log([node]) })
    }
    const put = { ...old, attributes: { ...old.attributes, volumes } }
    result = { ...put, revision: 0 }
    const event = { operation: 'server.update', resource: 'server', id: server.id } as const
    return ok({
      change: {
        servers: { put: [put] },
        event: { ...event, before: { volumes: before }, after: { volumes } },
      },
      request: change.log([node]),
    })
  })
  if (!done.ok) return done
  const now = call.world.volumeNodes(result).find((each) => each.id === node.id)
  return now ? changed(call, change, now) : gone(change)
}
