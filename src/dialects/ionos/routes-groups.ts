/** Security groups, and attaching them to servers and NICs (contract: ionos G1–G6, A1, A2). */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
import { authored, authorshipOf } from './authorship.ts'
import type { Given } from './body.ts'
import { changeInZone, gone, mutation, writing } from './change.ts'
import { newGroup, newRules, replacedRules } from './change-groups.ts'
import { checkNested } from './check-nested.ts'
import { decodeGroup, decodeIds } from './decode.ts'
import { groupProperties, textOf } from './encode.ts'
import { encodeList } from './encode-resource.ts'
import { impossible, notFound, tooMany } from './errors.ts'
import {
  type CallEndpoint,
  findGroup,
  finding,
  findNic,
  findServer,
  findZone,
  type Handled,
  type InGroup,
  reading,
  routesOf,
} from './find.ts'
import { manifest } from './manifest.ts'
import { withoutRevision } from './records.ts'
import { childrenAnswer, resourceAnswer } from './render.ts'
import { type Call, withFreshReads } from './resources.ts'
import { profile } from './wire.ts'

const groupsPath = '/datacenters/:datacenterId/securitygroups'
const one = `${groupsPath}/:securityGroupId`
const serverPath = '/datacenters/:datacenterId/servers/:serverId'

export const groupRoutes = routesOf([
  {
    method: 'GET',
    path: groupsPath,
    operation: 'listGroups',
    success: 200,
    summary: 'Groups of a datacenter',
    handle: finding(findZone, async (call, zone) =>
      childrenAnswer(call, await call.resources.datacenter(zone), 'securitygroups'),
    ),
  },
  {
    method: 'POST',
    path: groupsPath,
    operation: 'createGroup',
    success: 202,
    summary: 'Make a group, with rules',
    handle: reading(findZone, 'POST', createGroup),
  },
  {
    method: 'GET',
    path: one,
    operation: 'getGroup',
    success: 200,
    summary: 'One group',
    handle: finding(findGroup, (call, { zone, group }) =>
      resourceAnswer(call, call.resources.group(zone.id, group)),
    ),
  },
  ...(['PUT', 'PATCH'] as const).map(
    (method): CallEndpoint => ({
      method,
      path: one,
      operation: method === 'PUT' ? 'putGroup' : 'patchGroup',
      success: 202,
      summary:
        method === 'PUT' ? 'Change a group; rules that are given replace all' : 'Rename or describe a group',
      handle: reading(findGroup, method, (call, found, body) => changeGroup(call, method, found, body)),
    }),
  ),
  {
    method: 'DELETE',
    path: one,
    operation: 'deleteGroup',
    success: 202,
    summary: 'Delete a group',
    handle: finding(findGroup, deleteGroup),
  },

  {
    method: 'PUT',
    path: `${serverPath}/securitygroups`,
    operation: 'attachToServer',
    success: 200,
    summary: 'Groups of a server',
    handle: finding(findServer, (call, { zone, server }) => attach(call, zone.id, server.id, null)),
  },
  {
    method: 'PUT',
    path: `${serverPath}/nics/:nicId/securitygroups`,
    operation: 'attachToNic',
    success: 200,
    summary: 'Groups of a NIC',
    handle: finding(findNic, (call, { zone, server, nic }) => attach(call, zone.id, server.id, nic.id)),
  },
])

async function createGroup(call: Call, { id: zone }: DocumentRecord, body: Given): Handled {
  const { request } = call
  const decoded = decodeGroup(body)
  if (!decoded.ok) return decoded
  const nested = await checkNested({ kind: 'security-group' }, body.entities, { rules: [] })
  if (!nested.ok) return nested
  const { properties } = decoded.value
  const rules = (decoded.value.rules ?? []).map(({ text }) => text)
  const over = tooMany(rules, manifest.limits.rulesPerGroup)
  if (over) return err(over)
  const description = (properties.description ?? null) as string | null
  const policy = newGroup(request, zone, { name: String(properties.name), description })
  const created = { ...policy, revision: 0 }
  return changeInZone(call, zone, 'POST', async () => {
    const groups = await request.services.groups.list(request, profile, zone)
    if (groups.length >= manifest.limits.groupsPerVdc) {
      return err({ kind: 'limit-reached', resource: 'policy', limit: manifest.limits.groupsPerVdc })
    }
    const after = { name: policy.name, description, rules: rules.map((rule) => ({ ...rule })) }
    return ok({
      change: {
        policies: { put: [policy] },
        rules: [newRules(request, policy.id, rules)],
        event: { operation: 'policy.create', resource: 'policy', id: policy.id, before: null, after },
      },
      targets: [call.resources.group(zone, created)],
      answer: (stored) => stored.resources.group(zone, created),
    })
  })
}

function changeGroup(call: Call, method: 'PUT' | 'PATCH', { zone, group }: InGroup, body: Given): Handled {
  const { services, principal, now } = call.request
  const targets = [call.resources.group(zone.id, group)]
  return changeInZone(call, zone.id, method, async ({ request, resources }) => {
    const current = await services.groups.find(request, profile, group.id)
    if (!current.ok) return current
    const old = withoutRevision(current.value)
    const before: JsonObject = { name: old.name, ...old.attributes }
    const oldRules = await services.zones.rules(group.id)
    const known = new Map(oldRules.map(({ id, spec }) => [id, textOf(spec)]))
    const decoded = decodeGroup(body, before, known)
    if (!decoded.ok) return decoded
    const shown = resources.group(zone.id, current.value)
    const nested = await checkNested(shown, body.entities, { rules: [] })
    if (!nested.ok) return nested
    const { properties, rules: wanted } = decoded.value
    const over = tooMany(wanted ?? [], manifest.limits.rulesPerGroup)
    if (over) return err(over)
    const rules = wanted && replacedRules(request, group.id, wanted, oldRules)
    const { name = old.name, ...rest } = properties
    const meta = authored(request, authorshipOf(old.attributes.meta, principal.account, old.createdAt))
    const attributes = { ...old.attributes, ...rest, meta }
    const changed = { ...old, name: String(name), attributes, modifiedAt: now }
    const same = !rules && isDeepStrictEqual(groupProperties(old), groupProperties(changed))
    const result = { ...(same ? old : changed), revision: 0 }
    const after: JsonObject = {
      name: changed.name,
      ...attributes,
      ...(rules && { rules: rules.rules.map(({ spec }) => spec) }),
    }
    return ok({
      change: same
        ? null
        : {
            policies: { put: [changed] },
            ...(rules && { rules: [rules] }),
            event: { operation: 'policy.update', resource: 'policy', id: group.id, before, after },
          },
      targets,
      answer: (stored) => stored.resources.group(zone.id, result),
    })
  })
}

async function deleteGroup(call: Call, { zone, group }: InGroup): Handled {
  const change = mutation(call, zone.id, 'DELETE')
  const context = writing(change, [call.resources.group(zone.id, group)], {})
  const done = await call.request.services.groups.remove(context, profile, group.id)
  if (done.ok) return gone(change)
  return done.error.kind === 'conflict' ? inUse(call, group.id) : done
}

/** Refuses: deleting an attached group would open what it protects, so clients detach it first. */
async function inUse(call: Call, group: string): Promise<Result<never, RequestError>> {
  const members = await call.request.services.groups.members(call.request, profile, { policy: group })
  const nics = members.filter((member) => member.interface !== null).length
  const servers = members.length - nics
  const counted = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`
  return err(
    impossible(`the security group is attached to ${counted(servers, 'server')} and ${counted(nics, 'NIC')}`),
  )
}

/** Replaces the groups of exactly this server, or exactly this NIC. */
async function attach(call: Call, zone: string, server: string, nic: string | null): Handled {
  const ids = decodeIds(call.request.body)
  if (!ids.ok) return ids
  const { request } = call
  const { services, principal } = request
  const { groupsPerResource } = manifest.limits
  if (ids.value.length > groupsPerResource) {
    return err(impossible(`more than ${groupsPerResource} security groups cannot be attached`))
  }
  return changeInZone(
    call,
    zone,
    'PUT',
    async ({ loader, resources }) => {
      const owner = await loader.server(zone, server)
      if (!owner.ok) return owner
      const interfaces = await services.zones.interfacesOf(server)
      const own = interfaces.find((each) => each.id === nic)
      if (nic !== null && !own) return notFound(nic)
      const known = new Set((await loader.groupsIn(zone)).map((group) => group.id))
      const unknown = ids.value.find((id) => !known.has(id))
      if (unknown !== undefined)
        return err(impossible(`security group ${unknown} does not exist in the datacenter`))
      const record = withoutRevision(owner.value)
      const target = own ? resources.nic(zone, own) : resources.server(owner.value)
      const { meta: old } = (own ?? record).attributes
      const meta = authored(request, authorshipOf(old, principal.account, record.createdAt))
      const members = (await services.groups.members(request, profile, { server }))
        .filter((each) => each.interface === nic)
        .map(({ policy }) => policy)
      const same = isDeepStrictEqual(members, [...ids.value])
      return ok({
        change: same
          ? null
          : {
              ...(own
                ? { interfaces: { put: [{ ...own, attributes: { ...own.attributes, meta } }] } }
                : { servers: { put: [{ ...record, attributes: { ...record.attributes, meta } }] } }),
              attach: [{ server, interface: nic, policies: ids.value }],
              event: {
                operation: 'policy.attach',
                resource: nic === null ? 'server' : 'interface',
                id: nic ?? server,
                before: members,
                after: ids.value,
              },
            },
        targets: [target],
        answer: () => target,
      })
    },
    async (_, { location }, { id, path }) => {
      const after = withFreshReads(call)
      const groups = await after.loader.groupsIn(zone)
      const attached = ids.value.flatMap((each) =>
        groups.filter((group) => group.id === each).map((group) => after.resources.group(zone, group)),
      )
      const collection = { id: `${id}/securitygroups`, path: `${path}/securitygroups` }
      const body = await encodeList(after, collection, attached, call.page)
      return ok({ status: 200, body, headers: location })
    },
  )
}
