/** LANs of a datacenter (contract: ionos §4). */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
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
import { decode, given, lanTable } from './decode.ts'
import { lanProperties } from './encode.ts'
import { impossible } from './errors.ts'
import { findLan, findZone } from './find.ts'
import { freshLan } from './fresh.ts'
import { lanDocument } from './lans.ts'
import { joining } from './pccs.ts'
import { merged } from './properties.ts'
import { stamped, stampOf } from './stamp.ts'
import { checkUnwritten } from './unwritten.ts'
import { createWorld, type Lan, profile } from './world.ts'

const lans = '/datacenters/:datacenterId/lans'
const gone404 = (id: string): Result<never, RequestError> =>
  err({ kind: 'not-found', resource: 'document', id })

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
    return writeLan(call, zone.value.id, 'POST', properties.value, (lans) => {
      const taken = new Set(lans.map((lan) => lan.id))
      let number = 1
      while (taken.has(String(number))) number++
      return ok({ id: String(number), body: merged({}, properties.value) })
    })
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
        const properties = decode(lanTable, body.value, lan.body)
        if (!properties.ok) return properties
        const nested = await checkUnwritten(call.world.lanNode(zone, lan), body.value.entities)
        if (!nested.ok) return nested
        return writeLan(
          call,
          zone,
          method,
          properties.value,
          ([old]) => (old ? ok({ id: old.id, body: merged(old.body, properties.value) }) : gone404(lan.id)),
          lan.id,
        )
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
      if (!current) return gone404(lan.id)
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

/** `decide` is handed all LANs, or only the one whose id is given. */
async function writeLan(
  call: Call,
  zone: string,
  method: string,
  given: JsonObject,
  decide: (lans: readonly Lan[]) => Result<Lan, RequestError>,
  only?: string,
): Handled {
  const change = mutation(call, zone, method)
  let result: Lan = { id: '', body: {} }
  const done = await call.request.services.zones.change(change.context, profile, zone, async (there) => {
    if (!there) return gone404(zone)
    const world = createWorld(call.request)
    const lans = await (only === undefined ? world.lansIn(zone) : world.lansOf(zone, [only]))
    const decided = decide(lans)
    if (!decided.ok) return decided
    const { id, body } = decided.value
    const before = lans.find((lan) => lan.id === id)?.body ?? null
    if (before && isDeepStrictEqual(lanProperties(before), lanProperties(body))) {
      result = { id, body: before }
      return ok({ change: null, request: change.log([call.world.lanNode(zone, result)]) })
    }
    const joined = await joining(call, before?.pcc, body.pcc)
    if (!joined.ok) return joined
    const old = before?.meta === undefined ? undefined : stampOf(before.meta, '', 0)
    const document = lanDocument(call.request, zone, id, body)
    result = { id, body: { ...document.body, meta: stamped(call.request, old) } }
    return ok({
      change: {
        documents: { put: [{ ...document, body: result.body }, ...joined.value] },
        event: { operation: 'lan.put', resource: 'document', id: document.id, before, after: result.body },
      },
      request: change.log([call.world.lanNode(zone, result)]),
    })
  })
  if (!done.ok) return done
  const node = call.world.lanNode(zone, result)
  return changed(call, change, method === 'POST' ? freshLan(node, given) : node)
}
