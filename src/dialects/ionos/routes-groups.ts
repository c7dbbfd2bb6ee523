/** Groups and what they are attached to (contract: ionos G1–G6, A1, A2). */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { NewPolicyRecord, PolicyRecord } from '../../storage/storage.ts'
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
  writing,
} from './call.ts'
import { decodeGroup, decodeIds, given } from './decode.ts'
import { groupProperties, textOf } from './encode.ts'
import { impossible, notFound } from './errors.ts'
import { findGroup, findNic, findServer, findZone } from './find.ts'
import { newGroup, newRules, rulesInstead, tooMany } from './groups.ts'
import { list } from './render.ts'
import { stamped, stampOf } from './stamp.ts'
import { checkUnwritten } from './unwritten.ts'
import { limits } from './wire.ts'
import { createWorld, profile } from './world.ts'

const groupsPath = '/datacenters/:datacenterId/securitygroups'
const serverPath = '/datacenters/:datacenterId/servers/:serverId'

export const groupRoutes: readonly Route[] = [
  route('GET', groupsPath, 'listGroups', 200, 'Groups of a datacenter', async (call) => {
    const zone = await findZone(call)
    if (!zone.ok) return zone
    const node = await call.world.datacenterNode(zone.value)
    return listAnswer(call, node, 'securitygroups', (await node.children.securitygroups?.()) ?? [])
  }),

  route('POST', groupsPath, 'createGroup', 202, 'Make a group, with rules', async (call) => {
    const zone = await findZone(call)
    if (!zone.ok) return zone
    const body = given('POST', call.request.body)
    if (!body.ok) return body
    const decoded = decodeGroup(body.value)
    if (!decoded.ok) return decoded
    const nested = await checkUnwritten({ kind: 'security-group' }, body.value.entities, { rules: [] })
    if (!nested.ok) return nested
    const { properties } = decoded.value
    const rules = (decoded.value.rules ?? []).map(({ text }) => text)
    const { id } = zone.value
    const over = tooMany(rules, limits.rulesPerGroup)
    if (over) return err(over)
    const description = (properties.description ?? null) as string | null
    const policy = newGroup(call.request, id, { name: String(properties.name), description })
    const change = mutation(call, id, 'POST')
    const node = call.world.groupNode(id, { ...policy, revision: 0 })
    const after = { name: policy.name, description, rules: rules.map((rule) => ({ ...rule })) }
    const done = await call.request.services.zones.change(change.context, profile, id, async (there) => {
      if (!there) return notFound(id)
      const groups = await call.request.services.groups.list(call.request, profile, id)
      if (groups.length >= limits.groupsPerVdc) {
        return err({ kind: 'limit-reached', resource: 'policy', limit: limits.groupsPerVdc })
      }
      return ok({
        change: {
          policies: { put: [policy] },
          rules: [newRules(call.request, policy.id, rules)],
          event: { operation: 'policy.create', resource: 'policy', id: policy.id, before: null, after },
        },
        request: change.log([node]),
      })
    })
    return done.ok ? changed(call, change, node) : done
  }),

  route('GET', `${groupsPath}/:securityGroupId`, 'getGroup', 200, 'One group', async (call) => {
    const found = await findGroup(call)
    if (!found.ok) return found
    return resourceAnswer(call, call.world.groupNode(found.value.zone.id, found.value.group))
  }),

  ...(['PUT', 'PATCH'] as const).map((method) =>
    route(
      method,
      `${groupsPath}/:securityGroupId`,
      method === 'PUT' ? 'putGroup' : 'patchGroup',
      202,
      method === 'PUT' ? 'Change a group; rules that are given replace all' : 'Rename or describe a group',
      (call) => changeGroup(call, method),
    ),
  ),

  route('DELETE', `${groupsPath}/:securityGroupId`, 'deleteGroup', 202, 'Delete a group', async (call) => {
    const found = await findGroup(call)
    if (!found.ok) return found
    const { zone, group } = found.value
    const change = mutation(call, zone.id, 'DELETE')
    const node = call.world.groupNode(zone.id, group)
    const { groups } = call.request.services
    const done = await groups.remove(writing(change, [node], {}), profile, group.id)
    if (done.ok) return gone(change)
    return done.error.kind === 'conflict' ? inUse(call, group.id) : done
  }),

  route('PUT', `${serverPath}/securitygroups`, 'attachToServer', 200, 'Groups of a server', async (call) => {
    const found = await findServer(call)
    if (!found.ok) return found
    return attach(call, found.value.zone.id, found.value.server.id, null)
  }),
  route(
    'PUT',
    `${serverPath}/nics/:nicId/securitygroups`,
    'attachToNic',
    200,
    'Groups of a NIC',
    async (call) => {
      const found = await findNic(call)
      if (!found.ok) return found
      return attach(call, found.value.zone.id, found.value.server.id, found.value.nic.id)
    },
  ),
]

/** Taking it off what it protects would open that: whoever wants this detaches it first. */
async function inUse(call: Call, group: string): Promise<Result<never, RequestError>> {
  const members = await call.request.services.groups.members(call.request, profile, { policy: group })
  const nics = members.filter((member) => member.interface !== null).length
  const servers = members.length - nics
  const counted = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`
  return err(
    impossible(`the security group is attached to ${counted(servers, 'server')} and ${counted(nics, 'NIC')}`),
  )
}

async function changeGroup(call: Call, method: 'PUT' | 'PATCH'): Handled {
  const found = await findGroup(call)
  if (!found.ok) return found
  const body = given(method, call.request.body)
  if (!body.ok) return body
  const { zone, group } = found.value
  const { services, principal, now } = call.request
  const change = mutation(call, zone.id, method)
  const request = change.log([call.world.groupNode(zone.id, group)])
  let result: NewPolicyRecord = group
  const done = await services.zones.change(change.context, profile, zone.id, async () => {
    const current = await services.groups.find(call.request, profile, group.id)
    if (!current.ok) return current
    const { revision: _, ...old } = current.value
    const before: JsonObject = { name: old.name, ...old.attributes }
    const oldRules = await services.zones.rules(group.id)
    const decoded = decodeGroup(
      body.value,
      before,
      new Map(oldRules.map(({ id, spec }) => [id, textOf(spec)])),
    )
    if (!decoded.ok) return decoded
    const world = createWorld(call.request)
    const node = world.groupNode(zone.id, current.value)
    const nested = await checkUnwritten(node, body.value.entities, { rules: [] })
    if (!nested.ok) return nested
    const { properties, rules: wanted } = decoded.value
    const over = tooMany(wanted ?? [], limits.rulesPerGroup)
    if (over) return err(over)
    const rules = wanted && rulesInstead(call.request, group.id, wanted, oldRules)
    const { name = old.name, ...rest } = properties
    const meta = stamped(call.request, stampOf(old.attributes.meta, principal.account, old.createdAt))
    const attributes = { ...old.attributes, ...rest, meta }
    const changed = { ...old, name: String(name), attributes, modifiedAt: now }
    if (!rules && isDeepStrictEqual(groupProperties(old), groupProperties(changed))) {
      result = old
      return ok({ change: null, request })
    }
    result = changed
    const after: JsonObject = {
      name: result.name,
      ...attributes,
      ...(rules && { rules: rules.rules.map(({ spec }) => spec) }),
    }
    return ok({
      change: {
        policies: { put: [result] },
        ...(rules && { rules: [rules] }),
        event: { operation: 'policy.update', resource: 'policy', id: group.id, before, after },
      },
      request,
    })
  })
  return done.ok ? changed(call, change, call.world.groupNode(zone.id, { ...result, revision: 0 })) : done
}

/** The list replaces what was attached to just this server, or just this NIC. */
async function attach(call: Call, zone: string, server: string, nic: string | null): Handled {
  const ids = decodeIds(call.request.body)
  if (!ids.ok) return ids
  const { services, principal } = call.request
  const { groupsPerResource } = limits
  if (ids.value.length > groupsPerResource) {
    return err(impossible(`more than ${groupsPerResource} security groups cannot be attached`))
  }
  const change = mutation(call, zone, 'PUT')
  const done = await services.zones.change(change.context, profile, zone, async () => {
    const world = createWorld(call.request)
    const owner = await world.server(zone, server)
    if (!owner.ok) return owner
    const interfaces = await services.zones.interfacesOf(server)
    const own = interfaces.find((each) => each.id === nic)
    if (nic !== null && !own) return err({ kind: 'not-found', resource: 'interface', id: nic })
    const known = new Set((await world.groupsIn(zone)).map((group) => group.id))
    const unknown = ids.value.find((id) => !known.has(id))
    if (unknown !== undefined)
      return err(impossible(`security group ${unknown} does not exist in the datacenter`))
    const { revision: _, ...record } = owner.value
    const target = own ? world.nicNode(zone, own) : world.serverNode(owner.value)
    const stamp = stamped(
      call.request,
      stampOf((own ?? record).attributes.meta, principal.account, record.createdAt),
    )
    const members = (await services.groups.members(call.request, profile, { server }))
      .filter((each) => each.interface === nic)
      .map(({ policy }) => policy)
    if (isDeepStrictEqual(members, [...ids.value])) return ok({ change: null, request: change.log([target]) })
    return ok({
      change: {
        ...(own
          ? { interfaces: { put: [{ ...own, attributes: { ...own.attributes, meta: stamp } }] } }
          : { servers: { put: [{ ...record, attributes: { ...record.attributes, meta: stamp } }] } }),
        attach: [{ server, interface: nic, policies: ids.value }],
        event: {
          operation: 'policy.attach',
          resource: nic === null ? 'server' : 'interface',
          id: nic ?? server,
          before: members,
          after: ids.value,
        },
      },
      request: change.log([target]),
    })
  })
  if (!done.ok) return done
  const world = createWorld(call.request)
  const groups = await world.groupsIn(zone)
  const nodes = ids.value.flatMap((id) =>
    groups.filter((group: PolicyRecord) => group.id === id).map((group) => world.groupNode(zone, group)),
  )
  const of = `/datacenters/${zone}/servers/${server}${nic === null ? '' : `/nics/${nic}`}/securitygroups`
  const view = { base: call.base, world }
  const body = await list(view, { id: `${nic ?? server}/securitygroups`, path: of }, nodes, call.page)
  return ok({ status: 200, body, headers: change.location })
}
