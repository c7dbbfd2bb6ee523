/** LANs of a datacenter (contract: ionos §4). */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import { err, ok } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { ipv6Block, ipv6BlockOf } from './blocks.ts'
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
import { decode, given, lanTable } from './decode.ts'
import { lanProperties } from './encode.ts'
import { impossible, notFound } from './errors.ts'
import { findLan, findZone } from './find.ts'
import { freshLan } from './fresh.ts'
import { changeDatacenter, createNetworks } from './networks.ts'
import { joining } from './pccs.ts'
import { merged } from './properties.ts'
import { checkUnwritten } from './unwritten.ts'
import { createWorld, type Lan, profile } from './world.ts'

const lans = '/datacenters/:datacenterId/lans'
export const lanRoutes: readonly Route[] = [
  route('GET', lans, 'listLans', 200, 'LANs of a datacenter', async (call) => {
    const zone = await findZone(call)
    if (!zone.ok) return zone
    const { id } = zone.value
    const nodes = (await call.world.lansIn(id)).map((lan) => call.world.lanNode(id, lan))
    return listAnswer(call, { id, path: `/datacenters/${id}` }, 'lans', nodes)
  }),
  route('POST', lans, 'createLan', 202, 'Make a LAN', async (call) => {
    const zone = await findZone(call)
    if (!zone.ok) return zone
    const body = given('POST', call.request.body)
    if (!body.ok) return body
    const properties = decode(lanTable, body.value)
    if (!properties.ok) return properties
    const nested = await checkUnwritten({ kind: 'lan' }, body.value.entities)
    if (!nested.ok) return nested
    return writeLan(call, zone.value.id, 'POST', properties.value)
  }),
  route('GET', `${lans}/:lanId`, 'getLan', 200, 'One LAN', async (call) => {
    const found = await findLan(call)
    return found.ok ? resourceAnswer(call, call.world.lanNode(found.value.zone, found.value.lan)) : found
  }),
  ...(['PUT', 'PATCH'] as const).map((method) =>
    route(
      method,
      `${lans}/:lanId`,
      method === 'PUT' ? 'putLan' : 'patchLan',
      202,
      'Change a LAN',
      async (call) => {
        const found = await findLan(call)
        if (!found.ok) return found
        const body = given(method, call.request.body)
        if (!body.ok) return body
        const { zone, lan } = found.value
        const properties = decode(lanTable, body.value, lanProperties(lan.body))
        if (!properties.ok) return properties
        const nested = await checkUnwritten(call.world.lanNode(zone, lan), body.value.entities)
        if (!nested.ok) return nested
        return writeLan(call, zone, method, properties.value, lan.id)
      },
    ),
  ),
  route('DELETE', `${lans}/:lanId`, 'deleteLan', 202, 'Delete a LAN that no NIC is in', async (call) => {
    const found = await findLan(call)
    if (!found.ok) return found
    const { zone, lan } = found.value
    const change = mutation(call, zone, 'DELETE')
    const node = call.world.lanNode(zone, lan)
    const done = await call.request.services.zones.change(change.context, profile, zone, async () => {
      const world = createWorld(call.request)
      const current = (await world.lansIn(zone)).find((each) => each.id === lan.id)
      if (!current) return notFound(lan.id)
      const nics = (await world.lanNode(zone, current).children.nics?.()) ?? []
      if (nics.length > 0) return err(impossible(`LAN ${lan.id} still has NICs`))
      const id = `${zone}/${lan.id}`
      return ok({
        change: {
          documents: { remove: [{ kind: 'lan', id }] },
          event: { operation: 'lan.delete', resource: 'document', id, before: current.body, after: null },
        },
        request: change.log([node]),
      })
    })
    return done.ok ? gone(change) : done
  }),
  route('GET', `${lans}/:lanId/nics`, 'listLanNics', 200, 'NICs of a LAN', async (call) => {
    const found = await findLan(call)
    if (!found.ok) return found
    const node = call.world.lanNode(found.value.zone, found.value.lan)
    return listAnswer(call, node, 'nics', (await node.children.nics?.()) ?? [])
  }),
]

/** Makes the LAN, or changes the one of this id. */
async function writeLan(
  call: Call,
  zone: string,
  method: string,
  { ipv6CidrBlock, ipv4CidrBlock: _, ...given }: JsonObject,
  lanId?: string,
): Handled {
  const { request } = call
  const change = mutation(call, zone, method)
  let result: Lan = { id: '', body: {} }
  const done = await changeDatacenter(request, change.context, zone, async (there, take) => {
    if (!there) return notFound(zone)
    const world = createWorld(request)
    const lans = await (lanId === undefined ? world.lansIn(zone) : world.lansOf(zone, [lanId]))
    const old = lans.find((lan) => lan.id === lanId)
    if (lanId !== undefined && !old) return notFound(lanId)
    const before = old?.body ?? null
    const wanted = { id: old?.id ?? lowestFree(lans), body: merged(before ?? {}, given) }
    const block = ipv6CidrBlock as string | null | undefined
    if (
      before &&
      isDeepStrictEqual(lanProperties(before), lanProperties(wanted.body)) &&
      keepsBlock(before, block)
    ) {
      result = { id: wanted.id, body: before }
      return ok({ change: null, request: change.log([world.lanNode(zone, result)]) })
    }
    const joined = await joining(call, before?.pcc, wanted.body.pcc)
    if (!joined.ok) return joined
    const networks = createNetworks(request, world, there, take)
    const written = await networks.putLan(wanted.id, wanted.body, block)
    if (!written.ok) return written
    result = written.value
    const { documents, interfaces } = networks.change()
    const event = { operation: 'lan.put', resource: 'document', id: `${zone}/${result.id}` } as const
    return ok({
      change: {
        documents: { put: [...documents, ...joined.value] },
        interfaces: { put: interfaces },
        event: { ...event, before, after: result.body },
      },
      // Its NICs may send from other addresses now.
      request: change.log([world.lanNode(zone, result)], interfaces.length > 0 ? { zone } : {}),
    })
  })
  if (!done.ok) return done
  const node = call.world.lanNode(zone, result)
  return changed(call, change, method === 'POST' ? freshLan(node, given) : node)
}

function lowestFree(lans: readonly Lan[]): string {
  const taken = new Set(lans.map((lan) => lan.id))
  let number = 1
  while (taken.has(String(number))) number++
  return String(number)
}

function keepsBlock(body: JsonObject, wanted: string | null | undefined): boolean {
  const block = ipv6BlockOf(body)
  if (wanted === undefined || wanted === null || wanted === 'AUTO')
    return wanted === undefined || (wanted === null) === (block === null)
  return ipv6Block(wanted, 64) === block
}
