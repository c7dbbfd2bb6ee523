/** Datacenters and their default group (contract: ionos §2.4, §4). */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DocumentRecord, ZoneChange } from '../../storage/storage.ts'
import { authored, authorshipOf } from './authorship.ts'
import { decode, type Given } from './body.ts'
import { catalogueOf } from './catalogue.ts'
import { changeInZone, changeZone } from './change.ts'
import { defaultRules, newGroup, newRules } from './change-groups.ts'
import { checkNested } from './check-nested.ts'
import { datacenterTable } from './decode.ts'
import { datacenterProperties } from './encode.ts'
import { createdDatacenter } from './encode-created.ts'
import { impossible, notFound, violates } from './errors.ts'
import { merged } from './fields.ts'
import {
  type CallEndpoint,
  findContract,
  finding,
  findZone,
  type Handled,
  reading,
  routesOf,
} from './find.ts'
import { manifest } from './manifest.ts'
import { datacenterBlockOf } from './records.ts'
import { capitalised, listAnswer, resourceAnswer } from './render.ts'
import type { Call } from './resources.ts'
import { collections, profile } from './wire.ts'

const one = '/datacenters/:datacenterId'
export const datacenterRoutes = routesOf([
  {
    method: 'GET',
    path: '/datacenters',
    operation: 'listDatacenters',
    success: 200,
    summary: 'Datacenters of the contract',
    handle: async (call) => {
      const all = await Promise.all((await call.loader.datacenters()).map(call.resources.datacenter))
      return listAnswer(call, null, 'datacenters', all)
    },
  },
  {
    method: 'POST',
    path: '/datacenters',
    operation: 'createDatacenter',
    success: 202,
    summary: 'Make a datacenter',
    handle: reading(findContract, 'POST', async (call, _, body) => {
      const decoded = decode(datacenterTable, body)
      if (!decoded.ok) return decoded
      const nested = await checkNested({ kind: 'datacenter' }, body.entities)
      if (!nested.ok) return nested
      return putDatacenter(call, randomUUID(), 'POST', body, () => decoded)
    }),
  },
  {
    method: 'GET',
    path: one,
    operation: 'getDatacenter',
    success: 200,
    summary: 'One datacenter',
    handle: finding(findZone, async (call, zone) =>
      resourceAnswer(call, await call.resources.datacenter(zone)),
    ),
  },
  ...(['PUT', 'PATCH'] as const).map(
    (method): CallEndpoint => ({
      method,
      path: one,
      operation: method === 'PUT' ? 'putDatacenter' : 'patchDatacenter',
      success: 202,
      summary: 'Change a datacenter, its default group too',
      handle: reading(findZone, method, async (call, zone, body) => {
        const nested = await checkNested(await call.resources.datacenter(zone), body.entities)
        if (!nested.ok) return nested
        return putDatacenter(call, zone.id, method, body, (old) =>
          decode(datacenterTable, body, old?.body ?? {}),
        )
      }),
    }),
  ),
  ...collections.datacenter.flatMap(({ name, of }): readonly CallEndpoint[] =>
    of === undefined
      ? [
          {
            method: 'GET',
            path: `${one}/${name}`,
            operation: `list${capitalised(name)}`,
            success: 200,
            summary: `No ${name} are kept`,
            handle: finding(findZone, async (call, zone) =>
              listAnswer(call, await call.resources.datacenter(zone), name, []),
            ),
          },
        ]
      : [],
  ),
  {
    method: 'DELETE',
    path: one,
    operation: 'deleteDatacenter',
    success: 202,
    summary: 'Delete a datacenter and all that is in it',
    handle: finding(findZone, deleteDatacenter),
  },
])

async function deleteDatacenter(call: Call, zone: DocumentRecord): Handled {
  const { id } = zone
  const resource = await call.resources.datacenter(zone)
  return changeInZone(call, id, 'DELETE', async ({ loader, zone: { body } }) => {
    const [servers, groups] = [await loader.serversIn(id), await loader.groupsIn(id)]
    const [lans, volumes] = [await loader.lansIn(id), await loader.volumesIn(id)]
    const before = { name: body.name ?? null }
    return ok({
      change: {
        servers: { remove: servers.map((server) => server.id) },
        policies: { remove: groups.map((group) => group.id) },
        documents: {
          remove: [
            { kind: 'datacenter', id },
            ...lans.map((lan) => ({ kind: 'lan', id: `${id}/${lan.id}` })),
            ...volumes.map((volume) => ({ kind: 'volume', id: `${id}/${volume.id}` })),
          ],
        },
        event: { operation: 'datacenter.delete', resource: 'document', id, before, after: null },
      },
      targets: [resource],
    })
  })
}

/** Creates or changes a datacenter: its properties, and which group is the default of new servers. */
function putDatacenter(
  call: Call,
  id: string,
  method: string,
  { at }: Given,
  decodeFrom: (old: DocumentRecord | undefined) => Result<JsonObject, RequestError>,
): Handled {
  const { request } = call
  const { account } = request.principal
  return changeZone(call, id, method, async (current, there, take) => {
    if (!there && method !== 'POST') return notFound(id)
    const decoded = decodeFrom(there)
    if (!decoded.ok) return decoded
    const { createDefaultSecurityGroup, defaultSecurityGroupId, ...properties } = decoded.value
    const old = there && authorshipOf(there.body.meta, account, Number(there.body.createdAt ?? 0))
    const wanted = merged(there?.body ?? {}, properties)
    const shown = (of: JsonObject) => datacenterProperties(of, 0, null, catalogueOf(request).inLocation(''))
    const touched =
      !there || createDefaultSecurityGroup === true || !isDeepStrictEqual(shown(there.body), shown(wanted))
    // A datacenter without a /56 gets one with its next change.
    const block =
      datacenterBlockOf(wanted) === null && touched ? take('datacenter-ipv6', wanted.location) : undefined
    const body: JsonObject = {
      ...wanted,
      ...(block && { ipv6CidrBlock: block }),
      meta: authored(request, old),
    }
    const group = await changeDefaultGroup(current, id, at, body, {
      create: createDefaultSecurityGroup === true,
      choose: defaultSecurityGroupId as string | null | undefined,
    })
    if (!group.ok) return group
    const document = { account, profile, kind: 'datacenter', id, body }
    const same = there && !group.value.policies && isDeepStrictEqual(shown(there.body), shown(body))
    const result = same ? there : { ...document, revision: (there?.revision ?? 0) + 1 }
    const addresses = block ? [block] : undefined
    return ok({
      change: same
        ? null
        : {
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
      targets: [await current.resources.datacenter(result)],
      affects: {},
      answer: async ({ loader, resources }) => {
        const stored = await loader.datacenter(id)
        const resource = await resources.datacenter(stored.ok ? stored.value : result)
        return method === 'POST' ? createdDatacenter(resource) : resource
      },
    })
  })
}

/** The changes of groups: `create` a default group, or `choose` one; null for none, undefined for no change. */
async function changeDefaultGroup(
  { request, loader }: Call,
  zone: string,
  at: string,
  { name, ipv6CidrBlock }: JsonObject,
  { create, choose }: { readonly create: boolean; readonly choose: string | null | undefined },
): Promise<Result<Pick<ZoneChange, 'policies' | 'rules'>, RequestError>> {
  if (create && choose !== undefined) {
    const reason = 'Attribute is not allowed together with createDefaultSecurityGroup'
    return err(violates(`${at}.defaultSecurityGroupId`, reason))
  }
  const groups = await loader.groupsIn(zone)
  const current = groups.find((group) => group.defaultFor === zone)
  const cleared = current ? [{ ...current, defaultFor: null }] : []
  if (create) {
    if (current) return err(impossible('the datacenter already has a default security group'))
    if (groups.length >= manifest.limits.groupsPerVdc) {
      return err({ kind: 'limit-reached', resource: 'policy', limit: manifest.limits.groupsPerVdc })
    }
    const title = [...`Default ${typeof name === 'string' ? name : ''}`.trim()].slice(0, 60).join('')
    const group = newGroup(request, zone, { name: title, description: null }, zone)
    const block = typeof ipv6CidrBlock === 'string' ? ipv6CidrBlock : undefined
    return ok({ policies: { put: [group] }, rules: [newRules(request, group.id, defaultRules(block))] })
  }
  if (choose === undefined || choose === (current?.id ?? null)) return ok({})
  if (choose === null) return ok({ policies: { put: cleared } })
  const chosen = groups.find((group) => group.id === choose.toLowerCase())
  if (!chosen) return err(impossible(`security group ${choose} does not exist in the datacenter`))
  // The old default is cleared first, because a datacenter has one at a time.
  return ok({ policies: { put: [...cleared, { ...chosen, defaultFor: zone }] } })
}
