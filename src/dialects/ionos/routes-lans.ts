/** LANs of a datacenter (contract: ionos §4). */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
import { ipv6Block } from './addresses.ts'
import { decode } from './body.ts'
import { changeInZone } from './change.ts'
import { createNetworks } from './change-networks.ts'
import { checkNested } from './check-nested.ts'
import { lanTable } from './decode.ts'
import { lanProperties } from './encode.ts'
import { createdLan } from './encode-created.ts'
import { impossible, notFound } from './errors.ts'
import { merged } from './fields.ts'
import { type CallEndpoint, finding, findLan, findZone, type Handled, reading, routesOf } from './find.ts'
import { ipv6BlockOf, type Lan } from './records.ts'
import { childrenAnswer, listAnswer, resourceAnswer } from './render.ts'
import type { Call } from './resources.ts'

const lans = '/datacenters/:datacenterId/lans'
const one = `${lans}/:lanId`

export const lanRoutes = routesOf([
  {
    method: 'GET',
    path: lans,
    operation: 'listLans',
    success: 200,
    summary: 'LANs of a datacenter',
    handle: finding(findZone, async (call, { id }) => {
      const all = (await call.loader.lansIn(id)).map((lan) => call.resources.lan(id, lan))
      return listAnswer(call, { id, path: `/datacenters/${id}` }, 'lans', all)
    }),
  },
  {
    method: 'POST',
    path: lans,
    operation: 'createLan',
    success: 202,
    summary: 'Make a LAN',
    handle: reading(findZone, 'POST', async (call, { id }, body) => {
      const properties = decode(lanTable, body)
      if (!properties.ok) return properties
      const nested = await checkNested({ kind: 'lan' }, body.entities)
      return nested.ok ? writeLan(call, id, 'POST', properties.value) : nested
    }),
  },
  {
    method: 'GET',
    path: one,
    operation: 'getLan',
    success: 200,
    summary: 'One LAN',
    handle: finding(findLan, (call, { zone, lan }) => resourceAnswer(call, call.resources.lan(zone, lan))),
  },
  ...(['PUT', 'PATCH'] as const).map(
    (method): CallEndpoint => ({
      method,
      path: one,
      operation: method === 'PUT' ? 'putLan' : 'patchLan',
      success: 202,
      summary: 'Change a LAN',
      handle: reading(findLan, method, async (call, { zone, lan }, body) => {
        const properties = decode(lanTable, body, lanProperties(lan.body))
        if (!properties.ok) return properties
        const nested = await checkNested(call.resources.lan(zone, lan), body.entities)
        return nested.ok ? writeLan(call, zone, method, properties.value, lan.id) : nested
      }),
    }),
  ),
  {
    method: 'DELETE',
    path: one,
    operation: 'deleteLan',
    success: 202,
    summary: 'Delete a LAN that no NIC is in',
    handle: finding(findLan, (call, { zone, lan }) => deleteLan(call, zone, lan)),
  },
  {
    method: 'GET',
    path: `${one}/nics`,
    operation: 'listLanNics',
    success: 200,
    summary: 'NICs of a LAN',
    handle: finding(findLan, (call, { zone, lan }) =>
      childrenAnswer(call, call.resources.lan(zone, lan), 'nics'),
    ),
  },
])

/** Creates a LAN, or changes the one of this id. */
function writeLan(
  call: Call,
  zone: string,
  method: string,
  { ipv6CidrBlock, ipv4CidrBlock: _, ...given }: JsonObject,
  lanId?: string,
): Handled {
  const answer = (lan: Lan) => (stored: Call) => {
    const resource = stored.resources.lan(zone, lan)
    return method === 'POST' ? createdLan(resource, given) : resource
  }
  return changeInZone(call, zone, method, async (current) => {
    const { loader, resources } = current
    const all = await (lanId === undefined ? loader.lansIn(zone) : loader.lansOf(zone, [lanId]))
    const old = all.find((lan) => lan.id === lanId)
    if (lanId !== undefined && !old) return notFound(lanId)
    const before = old?.body ?? null
    const wanted = { id: old?.id ?? lowestFree(all), body: merged(before ?? {}, given) }
    const block = ipv6CidrBlock as string | null | undefined
    if (
      before &&
      isDeepStrictEqual(lanProperties(before), lanProperties(wanted.body)) &&
      sameBlock(before, block)
    ) {
      const same = { id: wanted.id, body: before }
      return ok({ change: null, targets: [resources.lan(zone, same)], answer: answer(same) })
    }
    const joined = await joinPcc(current, before?.pcc, wanted.body.pcc)
    if (!joined.ok) return joined
    const networks = createNetworks(current, current.zone, current.take)
    const written = await networks.putLan(wanted.id, wanted.body, block)
    if (!written.ok) return written
    const { documents, interfaces } = networks.change()
    const event = { operation: 'lan.put', resource: 'document', id: `${zone}/${wanted.id}` } as const
    return ok({
      change: {
        documents: { put: [...documents, ...joined.value] },
        interfaces: { put: interfaces },
        event: { ...event, before, after: written.value.body },
      },
      targets: [resources.lan(zone, written.value)],
      // Its NICs may send from other addresses now.
      affects: interfaces.length > 0 ? { zone } : {},
      answer: answer(written.value),
    })
  })
}

function deleteLan(call: Call, zone: string, lan: Lan): Handled {
  const resource = call.resources.lan(zone, lan)
  return changeInZone(call, zone, 'DELETE', async ({ loader, resources }) => {
    const current = (await loader.lansIn(zone)).find((each) => each.id === lan.id)
    if (!current) return notFound(lan.id)
    const nics = (await resources.lan(zone, current).children.nics?.()) ?? []
    if (nics.length > 0) return err(impossible(`LAN ${lan.id} still has NICs`))
    const id = `${zone}/${lan.id}`
    return ok({
      change: {
        documents: { remove: [{ kind: 'lan', id }] },
        event: { operation: 'lan.delete', resource: 'document', id, before: current.body, after: null },
      },
      targets: [resource],
    })
  })
}

/**
 * Documents that a LAN's change of `pcc` writes: the cross connect itself, on condition that it still exists, so that a
 * concurrent deletion decides again.
 */
async function joinPcc(
  { loader }: Call,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): Promise<Result<readonly (DocumentRecord & { readonly ifRevision: number })[], RequestError>> {
  if (typeof after !== 'string' || after === before) return ok([])
  const found = await loader.document('pcc', after)
  if (!found.ok) return err(impossible(`cross connect ${after} does not exist`))
  return ok([{ ...found.value, ifRevision: found.value.revision }])
}

function lowestFree(all: readonly Lan[]): string {
  const taken = new Set(all.map((lan) => lan.id))
  let number = 1
  while (taken.has(String(number))) number++
  return String(number)
}

function sameBlock(body: JsonObject, wanted: string | null | undefined): boolean {
  const block = ipv6BlockOf(body)
  if (wanted === undefined || wanted === null || wanted === 'AUTO')
    return wanted === undefined || (wanted === null) === (block === null)
  return ipv6Block(wanted, 64) === block
}
