/** Flow logs of NICs: kept as described, and never written (contract: ionos-more §7). */
import { randomUUID } from 'node:crypto'
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
import { decode, flowLogTable, given } from './decode.ts'
import { flowLogProperties } from './encode.ts'
import { notFound } from './errors.ts'
import { findNic } from './find.ts'
import { merged } from './properties.ts'
import { stamped, stampOf } from './stamp.ts'
import { limits } from './wire.ts'
import { createWorld, flowLogsOf, type Node, profile } from './world.ts'

const all = '/datacenters/:datacenterId/servers/:serverId/nics/:nicId/flowlogs'
const one = `${all}/:flowlogId`

export const flowLogRoutes: readonly Route[] = [
  route('GET', all, 'listFlowLogs', 200, 'Flow logs of a NIC', async (call) => {
    const found = await findNic(call)
    if (!found.ok) return found
    const { zone, nic } = found.value
    const nodes = call.world.flowLogNodes(zone.id, nic)
    return listAnswer(call, call.world.nicNode(zone.id, nic), 'flowlogs', nodes)
  }),
  route('POST', all, 'createFlowLog', 202, 'Describe a flow log; nothing is written to it', async (call) => {
    const found = await findNic(call)
    if (!found.ok) return found
    const body = given('POST', call.request.body)
    if (!body.ok) return body
    const properties = decode(flowLogTable, body.value)
    if (!properties.ok) return properties
    const id = randomUUID() as string
    const made = { id, ...merged({}, properties.value), meta: stamped(call.request) }
    return write(call, 'POST', id, (flowLogs) =>
      flowLogs.length < limits.flowLogsPerNic
        ? ok([...flowLogs, made])
        : err({ kind: 'limit-reached', resource: 'document', limit: limits.flowLogsPerNic }),
    )
  }),
  route('GET', one, 'getFlowLog', 200, 'One flow log', async (call) => {
    const found = await findNic(call)
    if (!found.ok) return found
    const id = call.id('flowlogId').toLowerCase()
    const { zone, nic } = found.value
    const node = call.world.flowLogNodes(zone.id, nic).find((each) => each.id === id)
    return node ? resourceAnswer(call, node) : notFound(id)
  }),
  ...(['PUT', 'PATCH'] as const).map((method) =>
    route(
      method,
      one,
      method === 'PUT' ? 'putFlowLog' : 'patchFlowLog',
      202,
      'Rename a flow log',
      async (call) => {
        const found = await findNic(call)
        if (!found.ok) return found
        const body = given(method, call.request.body)
        if (!body.ok) return body
        return writeOne(call, method, (old) => {
          const properties = decode(flowLogTable, body.value, old)
          if (!properties.ok) return properties
          const wanted = merged(old, properties.value)
          if (isDeepStrictEqual(flowLogProperties(wanted), flowLogProperties(old))) return ok([old])
          return ok([{ ...wanted, meta: stamped(call.request, stampOf(old.meta, '', 0)) }])
        })
      },
    ),
  ),
  route('DELETE', one, 'deleteFlowLog', 202, 'Delete a flow log', async (call) => {
    const found = await findNic(call)
    return found.ok ? writeOne(call, 'DELETE', () => ok([])) : found
  }),
]

type Written = Result<readonly JsonObject[], RequestError>

/** `edit` answers what stands in the flow log's place. */
function writeOne(call: Call, method: string, edit: (old: JsonObject) => Written): Handled {
  const id = call.id('flowlogId').toLowerCase()
  return write(call, method, id, (flowLogs) => {
    const index = flowLogs.findIndex((each) => each.id === id)
    const old = flowLogs[index]
    if (!old) return notFound(id)
    const edited = edit(old)
    return edited.ok ? ok(flowLogs.toSpliced(index, 1, ...edited.value)) : edited
  })
}

/** Writes the flow logs of the NIC in the path, and answers with the one of `id`, if it is still there. */
async function write(
  call: Call,
  method: string,
  id: string,
  edit: (flowLogs: readonly JsonObject[]) => Written,
): Handled {
  const { request } = call
  const zone = call.id('datacenterId').toLowerCase()
  const change = mutation(call, zone, method)
  let result: Node | undefined
  const done = await request.services.zones.change(change.context, profile, zone, async () => {
    const world = createWorld(request)
    const found = await findNic({ ...call, world })
    if (!found.ok) return found
    const { nic } = found.value
    const before = flowLogsOf(nic.attributes)
    const flowLogs = edit(before)
    if (!flowLogs.ok) return flowLogs
    const attributes = { ...nic.attributes, flowLogs: flowLogs.value }
    const nodes = world.flowLogNodes(zone, { ...nic, attributes })
    result = nodes.find((each) => each.id === id)
    const target = result ?? world.flowLogNodes(zone, nic).find((each) => each.id === id)
    const logged = change.log(target ? [target] : [], {})
    if (isDeepStrictEqual(before, flowLogs.value)) return ok({ change: null, request: logged })
    const event = {
      ...({ operation: 'interface.update', resource: 'interface', id: nic.id } as const),
      before: { flowLogs: before },
      after: { flowLogs: flowLogs.value },
    }
    return ok({ change: { interfaces: { put: [{ ...nic, attributes }] }, event }, request: logged })
  })
  if (!done.ok) return done
  return result ? changed(call, change, result) : gone(change)
}
