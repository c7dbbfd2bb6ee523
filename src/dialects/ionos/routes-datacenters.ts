/** Datacenters and their LANs (contract: ionos §2.4, §4). */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DocumentRecord, ZoneChange } from '../../storage/storage.ts'
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
import { datacenterTable, decode, given, lanTable } from './decode.ts'
import { datacenterProperties, lanProperties } from './encode.ts'
import { impossible, violates } from './errors.ts'
import { findZone } from './find.ts'
import { lanDocument } from './nics.ts'
import { newGroup, newRules } from './routes-groups.ts'
import { stamped, stampOf } from './stamp.ts'
import { checkUnwritten } from './unwritten.ts'
import { limits, type RuleText } from './wire.ts'
import { createWorld, type Lan, profile, type World } from './world.ts'

const one = '/datacenters/:datacenterId'
const gone404 = (id: string): Result<never, RequestError> =>
  err({ kind: 'not-found', resource: 'document', id })

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
  route('DELETE', one, 'deleteDatacenter', 202, 'Delete a datacenter and all that is in it', async (call) => {
    const zone = await findZone(call)
    if (!zone.ok) return zone
    const { id } = zone.value
    const change = mutation(call, id, 'DELETE')
    const node = await call.world.datacenterNode(zone.value)
    const done = await call.request.services.zones.change(change.context, profile, id, async (there) => {
      if (!there) return gone404(id)
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
    return done.ok ? gone(change, node) : done
  }),

  route('GET', `${one}/lans`, 'listLans', 200, 'LANs of a datacenter', async (call) => {
    const zone = await findZone(call)
    if (!zone.ok) return zone
    const { id } = zone.value
    const nodes = (await call.world.lansIn(id)).map((lan) => call.world.lanNode(id, lan))
    return listAnswer(call, { id, path: `/datacenters/${id}` }, 'lans', nodes)
  }),
  route('POST', `${one}/lans`, 'createLan', 202, 'Make a LAN', async (call) => {
    const zone = await findZone(call)
    if (!zone.ok) return zone
    const body = given('POST', call.request.body)
    if (!body.ok) return body
    const properties = decode(lanTable, body.value)
    if (!properties.ok) return properties
    const nested = await checkUnwritten({ kind: 'lan' }, body.value.entities)
    if (!nested.ok) return nested
    return writeLan(call, zone.value.id, 'POST', (lans) => {
      const taken = new Set(lans.map((lan) => lan.id))
      let number = 1
      while (taken.has(String(number))) number++
      return ok({ id: String(number), body: set({}, properties.value) })
    })
  }),
  route('GET', `${one}/lans/:lanId`, 'getLan', 200, 'One LAN', async (call) => {
    const found = await findLan(call)
    return found.ok ? resourceAnswer(call, call.world.lanNode(found.value.zone, found.value.lan)) : found
  }),
  ...(['PUT', 'PATCH'] as const).map((method) =>
    route(
      method,
      `${one}/lans/:lanId`,
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
          ([old]) => (old ? ok({ id: old.id, body: set(old.body, properties.value) }) : gone404(lan.id)),
          lan.id,
        )
      },
    ),
  ),
  route('DELETE', `${one}/lans/:lanId`, 'deleteLan', 202, 'Delete a LAN that no NIC is in', async (call) => {
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
    return done.ok ? gone(change, node) : done
  }),
  route('GET', `${one}/lans/:lanId/nics`, 'listLanNics', 200, 'NICs of a LAN', async (call) => {
    const found = await findLan(call)
    if (!found.ok) return found
    const node = call.world.lanNode(found.value.zone, found.value.lan)
    return listAnswer(call, node, 'nics', (await node.children.nics?.()) ?? [])
  }),
]

/** Merged; what is null is taken away. */
export const set = (old: JsonObject, change: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries({ ...old, ...change }).filter(([, value]) => value !== null))

async function findLan(
  call: Call,
): Promise<Result<{ readonly zone: string; readonly lan: Lan }, RequestError>> {
  const zone = await findZone(call)
  if (!zone.ok) return zone
  const lan = await call.world.lan(zone.value.id, call.id('lanId'))
  return lan.ok ? ok({ zone: zone.value.id, lan: lan.value }) : lan
}

/** `decide` is handed all LANs, or only the one whose id is given. */
async function writeLan(
  call: Call,
  zone: string,
  method: string,
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
    const old = before?.meta === undefined ? undefined : stampOf(before.meta, '', 0)
    const document = lanDocument(call.request, zone, id, body)
    result = { id, body: { ...document.body, meta: stamped(call.request, old) } }
    return ok({
      change: {
        documents: { put: [{ ...document, body: result.body }] },
        event: { operation: 'lan.put', resource: 'document', id: document.id, before, after: result.body },
      },
      request: change.log([call.world.lanNode(zone, result)]),
    })
  })
  return done.ok ? changed(call, change, call.world.lanNode(zone, result)) : done
}

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
  const done = await request.services.zones.change(change.context, profile, id, async (there) => {
    if (!there && method !== 'POST') return gone404(id)
    const decoded = decodeFrom(there)
    if (!decoded.ok) return decoded
    const { createDefaultSecurityGroup, defaultSecurityGroupId, ...properties } = decoded.value
    const old = there && stampOf(there.body.meta, account, Number(there.body.createdAt ?? 0))
    const body = { ...set(there?.body ?? {}, properties), meta: stamped(request, old) }
    const world = createWorld(request)
    const group = await defaultGroup(call, world, id, at, body, {
      make: createDefaultSecurityGroup === true,
      choose: defaultSecurityGroupId as string | null | undefined,
    })
    if (!group.ok) return group
    const shown = (of: JsonObject) => datacenterProperties(of, 0, null)
    if (there && !group.value.policies && isDeepStrictEqual(shown(there.body), shown(body))) {
      result = there
      return ok({ change: null, request: change.log([await world.datacenterNode(there)], {}) })
    }
    const document = { account, profile, kind: 'datacenter', id, body }
    result = { ...document, revision: (there?.revision ?? 0) + 1 }
    return ok({
      change: {
        ...group.value,
        documents: { put: [document] },
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
  if (!done.ok || !result) return done.ok ? gone404(id) : done
  const current = await createWorld(request).datacenter(id)
  return changed(call, change, await createWorld(request).datacenterNode(current.ok ? current.value : result))
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

/** Everything out; in, whatever comes from the datacenter's own networks. */
function defaultRules(ipv6CidrBlock: string | undefined): readonly RuleText[] {
  const rule = (change: Partial<RuleText>): RuleText => ({
    ...{ name: null, protocol: 'ANY', sourceMac: null, ipVersion: null, sourceIp: null, targetIp: null },
    ...{ icmpCode: null, icmpType: null, portRangeStart: null, portRangeEnd: null, type: 'INGRESS' },
    ...change,
  })
  return [
    rule({ type: 'EGRESS', ipVersion: 'IPv4' }),
    rule({ type: 'EGRESS', ipVersion: 'IPv6' }),
    rule({ sourceIp: '10.0.0.0/24' }),
    ...(ipv6CidrBlock === undefined ? [] : [rule({ sourceIp: ipv6CidrBlock })]),
  ]
}
