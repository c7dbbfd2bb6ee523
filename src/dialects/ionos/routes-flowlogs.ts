/** Flow logs of NICs: stored as described, and never written (contract: ionos-more §7). */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { authored, authorshipOf } from './authorship.ts'
import { decode } from './body.ts'
import { changeInZone } from './change.ts'
import { newFlowLog } from './change-nic.ts'
import { flowLogTable } from './decode.ts'
import { flowLogProperties } from './encode.ts'
import { notFound } from './errors.ts'
import { merged } from './fields.ts'
import { type CallEndpoint, finding, findNic, type Handled, reading, routesOf } from './find.ts'
import { manifest } from './manifest.ts'
import { flowLogsOf } from './records.ts'
import { childrenAnswer, resourceAnswer } from './render.ts'
import type { Call } from './resources.ts'

const all = '/datacenters/:datacenterId/servers/:serverId/nics/:nicId/flowlogs'
const one = `${all}/:flowlogId`

export const flowLogRoutes = routesOf([
  {
    method: 'GET',
    path: all,
    operation: 'listFlowLogs',
    success: 200,
    summary: 'Flow logs of a NIC',
    handle: finding(findNic, (call, { zone, nic }) =>
      childrenAnswer(call, call.resources.nic(zone.id, nic), 'flowlogs'),
    ),
  },
  {
    method: 'POST',
    path: all,
    operation: 'createFlowLog',
    success: 202,
    summary: 'Describe a flow log; nothing is written to it',
    handle: reading(findNic, 'POST', async (call, _, body) => {
      const properties = decode(flowLogTable, body)
      if (!properties.ok) return properties
      const created = newFlowLog(call.request, properties.value)
      return write(call, 'POST', created.id, (flowLogs) =>
        flowLogs.length < manifest.limits.flowLogsPerNic
          ? ok([...flowLogs, created])
          : err({ kind: 'limit-reached', resource: 'document', limit: manifest.limits.flowLogsPerNic }),
      )
    }),
  },
  {
    method: 'GET',
    path: one,
    operation: 'getFlowLog',
    success: 200,
    summary: 'One flow log',
    handle: finding(findNic, async (call, { zone, nic }) => {
      const id = call.id('flowlogId').toLowerCase()
      const flowLog = call.resources.flowLogs(zone.id, nic).find((each) => each.id === id)
      return flowLog ? resourceAnswer(call, flowLog) : notFound(id)
    }),
  },
  ...(['PUT', 'PATCH'] as const).map(
    (method): CallEndpoint => ({
      method,
      path: one,
      operation: method === 'PUT' ? 'putFlowLog' : 'patchFlowLog',
      success: 202,
      summary: 'Rename a flow log',
      handle: reading(findNic, method, (call, _, body) =>
        writeOne(call, method, (old) => {
          const properties = decode(flowLogTable, body, old)
          if (!properties.ok) return properties
          const wanted = merged(old, properties.value)
          if (isDeepStrictEqual(flowLogProperties(wanted), flowLogProperties(old))) return ok([old])
          return ok([{ ...wanted, meta: authored(call.request, authorshipOf(old.meta, '', 0)) }])
        }),
      ),
    }),
  ),
  {
    method: 'DELETE',
    path: one,
    operation: 'deleteFlowLog',
    success: 202,
    summary: 'Delete a flow log',
    handle: finding(findNic, (call) => writeOne(call, 'DELETE', () => ok([]))),
  },
])

type Edited = Result<readonly JsonObject[], RequestError>

/** `edit` returns what replaces the flow log in the path. */
function writeOne(call: Call, method: string, edit: (old: JsonObject) => Edited): Handled {
  const id = call.id('flowlogId').toLowerCase()
  return write(call, method, id, (flowLogs) => {
    const index = flowLogs.findIndex((each) => each.id === id)
    const old = flowLogs[index]
    if (!old) return notFound(id)
    const edited = edit(old)
    return edited.ok ? ok(flowLogs.toSpliced(index, 1, ...edited.value)) : edited
  })
}

/** Writes the flow logs of the NIC in the path, and answers the one with this id if it still exists. */
function write(
  call: Call,
  method: string,
  id: string,
  edit: (flowLogs: readonly JsonObject[]) => Edited,
): Handled {
  const zone = call.id('datacenterId').toLowerCase()
  return changeInZone(call, zone, method, async (current) => {
    const found = await findNic(current)
    if (!found.ok) return found
    const { nic } = found.value
    const before = flowLogsOf(nic.attributes)
    const edited = edit(before)
    if (!edited.ok) return edited
    const after = { ...nic, attributes: { ...nic.attributes, flowLogs: edited.value } }
    const flowLogIn = (record: typeof nic) =>
      current.resources.flowLogs(zone, record).find((each) => each.id === id)
    const result = flowLogIn(after)
    const target = result ?? flowLogIn(nic)
    const same = isDeepStrictEqual(before, edited.value)
    return ok({
      change: same
        ? null
        : {
            interfaces: { put: [after] },
            event: {
              ...({ operation: 'interface.update', resource: 'interface', id: nic.id } as const),
              before: { flowLogs: before },
              after: { flowLogs: edited.value },
            },
          },
      targets: target ? [target] : [],
      affects: {},
      ...(result && { answer: () => result }),
    })
  })
}
