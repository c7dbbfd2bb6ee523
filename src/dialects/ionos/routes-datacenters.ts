/** Datacenters and their default group (contract: ionos §2.4, §4). */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DocumentRecord, ZoneChange } from '../../storage/storage.ts'
import type { Route } from '../dialect.ts'
import { datacenterBlockOf } from './blocks.ts'
import {
  type Call,
  capitalised,
  changed,
  gone,
  type Handled,
  listAnswer,
  mutation,
  resourceAnswer,
  route,
} from './call.ts'
import { catalogueOf } from './catalogue.ts'
import { datacenterTable, decode, given } from './decode.ts'
import { datacenterProperties } from './encode.ts'
import { impossible, notFound, violates } from './errors.ts'
import { findZone } from './find.ts'
import { freshDatacenter } from './fresh.ts'
import { defaultRules, newGroup, newRules } from './groups.ts'
import { changeDatacenter } from './networks.ts'
import { merged } from './properties.ts'
import { stamped, stampOf } from './stamp.ts'
import { checkUnwritten } from './unwritten.ts'
import { collections, limits } from './wire.ts'
import { createWorld, profile, type World } from './world.ts'

const one = '/datacenters/:datacenterId'
export const datacenterRoutes: readonly Route[] = [
  route('GET', '/datacenters', 'listDatacenters', 200, 'Datacenters of the contract', async (call) =>
    listAnswer(call, null, 'datacenters', await call.world.datacenters()),
  ),
  route('POST', '/datacenters', 'createDatacenter', 202, 'Make a datacenter', async (call) => {
    const body = given('POST', call.request.body)
    if (!body.ok) return body
    const decoded = decode(datacenterTable, body.value)
    if (!decoded.ok) return decoded
    const nested = await checkUnwritten({ kind: 'datacenter' }, body.value.entities)
    if (!nested.ok) return nested
    return putDatacenter(call, randomUUID(), 'POST', body.value.at, () => decoded)
  }),
  route('GET', one, 'getDatacenter', 200, 'One datacenter', async (call) => {
    const zone = await findZone(call)
    return zone.ok ? resourceAnswer(call, await call.world.datacenterNode(zone.value)) : zone
  }),
  ...(['PUT', 'PATCH'] as const).map((method) =>
    route(
      method,
      one,
      method === 'PUT' ? 'putDatacenter' : 'patchDatacenter',
      202,
      'Change a datacenter, its default group too',
      async (call) => {
        const zone = await findZone(call)
        if (!zone.ok) return zone
        const body = given(method, call.request.body)
        if (!body.ok) return body
        const node = await call.world.datacenterNode(zone.value)
        const nested = await checkUnwritten(node, body.value.entities)
        if (!nested.ok) return nested
        return putDatacenter(call, zone.value.id, method, body.value.at, (old) =>
          decode(datacenterTable, body.value, old?.body ?? {}),
        )
      },
    ),
  ),
  ...collections.datacenter.flatMap(({ name, of }) =>
    of === undefined
      ? [
          route(
            'GET',
            `${one}/${name}`,
            `list${capitalised(name)}`,
            200,
            `No ${name} are kept`,
            async (call) => {
              const zone = await findZone(call)
              if (!zone.ok) return zone
              return listAnswer(call, await call.world.datacenterNode(zone.value), name, [])
            },
          ),
        ]
      : [],
  ),
  route('DELETE', one, 'deleteDatacenter', 202, 'Delete a datacenter and all that is in it', async (call) => {
    const zone = await findZone(call)
    if (!zone.ok) return zone
    const { id } = zone.value
    const change = mutation(call, id, 'DELETE')
    const node = await call.world.datacenterNode(zone.value)
    const done = await call.request.services.zones.change(change.context, profile, id, async (there) => {
      if (!there) return notFound(id)
      const world = createWorld(call.request)
      const lans = await world.lansIn(id)
      const { name } = there.body
      return ok({
        change: {
          servers: { remove: (await world.serversIn(id)).map((server) => server.id) },
          policies: { remove: (await world.groupsIn(id)).map((group) => group.id) },
          documents: {
            remove: [
              { kind: 'datacenter', id },
              ...lans.map((lan) => ({ kind: 'lan', id: `${id}/${lan.id}` })),
              ...(await world.volumesIn(id)).map((volume) => ({ kind: 'volume', id: `${id}/${volume.id}` })),
            ],
          },
          event: {
            operation: 'datacenter.delete',
            resource: 'document',
            id,
            before: { name: name ?? null },
            after: null,
          },
        },
        request: change.log([node]),
      })
    })
    return done.ok ? gone(change) : done
  }),
]

/** Made, or changed: properties, and which group is the default of servers to come. */
async function putDatacenter(
  call: Call,
  id: string,
  method: string,
  at: string,
  decodeFrom: (old: DocumentRecord | undefined) => Result<JsonObject, RequestError>,
): Handled {
  const { request } = call
  const { account } = request.principal
  const change = mutation(call, id, method)
  let result: DocumentRecord | undefined
  const done = await changeDatacenter(request, change.context, id, async (there, take) => {
    if (!there && method !== 'POST') return notFound(id)
    const decoded = decodeFrom(there)
    if (!decoded.ok) return decoded
    const { createDefaultSecurityGroup, defaultSecurityGroupId, ...properties } = decoded.value
    const old = there && stampOf(there.body.meta, account, Number(there.body.createdAt ?? 0))
    const wanted = merged(there?.body ?? {}, properties)
    const shown = (of: JsonObject) => datacenterProperties(of, 0, null, catalogueOf(request).placeOf(''))
    const touched =
      !there || createDefaultSecurityGroup === true || !isDeepStrictEqual(shown(there.body), shown(wanted))
    // One that was made without a /56 gets it with its next change.
    const block =
      datacenterBlockOf(wanted) === null && touched ? take('datacenter-ipv6', wanted.location) : undefined
    const body: JsonObject = {
      ...wanted,
      ...(block && { ipv6CidrBlock: block }),
      meta: stamped(request, old),
    }
    const world = createWorld(request)
    const group = await defaultGroup(call, world, id, at, body, {
      make: createDefaultSecurityGroup === true,
      choose: defaultSecurityGroupId as string | null | undefined,
    })
    if (!group.ok) return group
    if (there && !group.value.policies && isDeepStrictEqual(shown(there.body), shown(body))) {
      result = there
      return ok({ change: null, request: change.log([await world.datacenterNode(there)], {}) })
    }
    const document = { account, profile, kind: 'datacenter', id, body }
    const addresses = block ? [block] : undefined
    result = { ...document, revision: (there?.revision ?? 0) + 1 }
    return ok({
      change: {
        ...group.value,
        documents: { put: [{ ...document, ...(addresses && { addresses }) }] },
        event: {
          operation: 'datacenter.put',
          resource: 'document',
          id,
          before: there?.body ?? null,
          after: { ...body, ...(defaultSecurityGroupId !== undefined && { defaultSecurityGroupId }) },
        },
      },
      request: change.log([await world.datacenterNode(result)], {}),
    })
  })
  if (!done.ok || !result) return done.ok ? notFound(id) : done
  const current = await createWorld(request).datacenter(id)
  const node = await createWorld(request).datacenterNode(current.ok ? current.value : result)
  return changed(call, change, method === 'POST' ? freshDatacenter(node) : node)
}

/** What changes among the groups. */
async function defaultGroup(
  call: Call,
  world: World,
  zone: string,
  at: string,
  { name, ipv6CidrBlock }: JsonObject,
  { make, choose }: { readonly make: boolean; readonly choose: string | null | undefined },
): Promise<Result<Pick<ZoneChange, 'policies' | 'rules'>, RequestError>> {
  if (make && choose !== undefined) {
    const reason = 'Attribute is not allowed together with createDefaultSecurityGroup'
    return err(violates(`${at}.defaultSecurityGroupId`, reason))
  }
  const groups = await world.groupsIn(zone)
  const current = groups.find((group) => group.defaultFor === zone)
  const cleared = current ? [{ ...current, defaultFor: null }] : []
  if (make) {
    if (current) return err(impossible('the datacenter already has a default security group'))
    if (groups.length >= limits.groupsPerVdc) {
      return err({ kind: 'limit-reached', resource: 'policy', limit: limits.groupsPerVdc })
    }
    const title = [...`Default ${typeof name === 'string' ? name : ''}`.trim()].slice(0, 60).join('')
    const group = newGroup(call.request, zone, { name: title, description: null }, zone)
    const block = typeof ipv6CidrBlock === 'string' ? ipv6CidrBlock : undefined
    return ok({ policies: { put: [group] }, rules: [newRules(call.request, group.id, defaultRules(block))] })
  }
  if (choose === undefined || choose === (current?.id ?? null)) return ok({})
  if (choose === null) return ok({ policies: { put: cleared } })
  const chosen = groups.find((group) => group.id === choose.toLowerCase())
  if (!chosen) return err(impossible(`security group ${choose} does not exist in the datacenter`))
  // The old one lets go first: there is one at a time.
  return ok({ policies: { put: [...cleared, { ...chosen, defaultFor: zone }] } })
}
