/** v1: rules and options of a VM, the account's groups and their assignment (contract: hostup §3, §4). */
import { randomUUID } from 'node:crypto'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { type PolicySettings, plainGuards } from '../../core/model/inventory.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { ChainView } from '../../service/services.ts'
import type { NewRule, RuleRecord } from '../../storage/storage.ts'
import type { Answer, DialectRequest, Route } from '../dialect.ts'
import {
  type DecodedGroup,
  decodeGroup,
  decodeV1Options,
  decodeV1Rule,
  invalid,
  merge,
  mostRules,
  objectOf,
  optionsOf,
  ruleOf,
} from './decode.ts'
import { encodeGroup, encodeGroupRules, encodeV1Rules, textOf } from './encode.ts'
import { v1Answer } from './errors.ts'
import { chainOf, condition, findVm, type Handled, onChain, profile, refuseStates, route } from './find.ts'
import { digestOf, groupRowName, v1RequestId } from './ids.ts'

/** Rules of a group decide nothing by themselves: a VM's chain includes them. */
const groupSettings: PolicySettings = {
  enabled: true,
  order: 'first-match',
  defaultIngress: 'deny',
  defaultEgress: 'allow',
  stateful: true,
  filters: [],
  appliesTo: ['public', 'utility', 'private'],
  guards: plainGuards,
  builtIn: null,
}

function success(request: DialectRequest, data: JsonValue): Answer {
  const timestamp = new Date(request.now).toISOString()
  return { status: 200, body: { success: true, timestamp, requestId: v1RequestId(request.requestId), data } }
}

/** The position in the query: a decimal from 0 on, text as it is echoed. */
function decodePos(request: DialectRequest): Result<{ text: string; position: number }, RequestError> {
  const text = request.query.get('pos') ?? ''
  if (!/^\d{1,9}$/.test(text)) return invalid('pos', 'expected a whole number from 0 on')
  return ok({ text, position: Number(text) + 1 })
}

/** Upstream fails while it applies, and says so as its own fault: the documented answer. */
const noRule = (request: DialectRequest, verb: 'delete' | 'update') =>
  ok(v1Answer(500, 'INTERNAL_ERROR', `Failed to ${verb} firewall rule`, request))

/** The group that a row of this name stands for. */
async function groupNamed(
  request: DialectRequest,
  text: { type: string; action: string },
): Promise<string | undefined> {
  if (text.type !== 'group') return undefined
  const groups = await request.services.groups.list(request, profile)
  return groups.find((group) => groupRowName(group.id) === text.action)?.id
}

const assigned = ({ rules }: ChainView): string | null =>
  rules.find((rule) => rule.include !== undefined)?.include ?? null

export const rules: readonly Route[] = [
  route('GET', '/vm/:vmid/firewall', 'listVmRules', 200, 'Rules of a VM, in order', async (request) => {
    const view = await chainOf(request, await findVm(request))
    return view.ok ? ok(success(request, encodeV1Rules(view.value))) : view
  }),

  route('POST', '/vm/:vmid/firewall', 'createVmRule', 200, 'Add a rule at the top', async (request) => {
    const vm = await findVm(request)
    if (!vm.ok) return vm
    const decoded = decodeV1Rule(request.body)
    if (!decoded.ok) return decoded
    const { text, echo } = decoded.value
    const rule = ruleOf(text, await groupNamed(request, text))
    if (!rule.ok) return rule
    const options = { maxRules: mostRules, refuseStates, position: 1 }
    const done = await request.services.chains.insert(
      request,
      profile,
      vm.value.server.id,
      rule.value,
      options,
    )
    if (!done.ok) return done
    return ok(success(request, { success: true, rule: echo, message: 'Firewall rule added successfully' }))
  }),

  route('PUT', '/vm/:vmid/firewall', 'updateVmRule', 200, 'Change the rule at ?pos=', async (request) => {
    const vm = await findVm(request)
    if (!vm.ok) return vm
    const pos = decodePos(request)
    if (!pos.ok) return pos
    const decoded = decodeV1Rule(request.body)
    if (!decoded.ok) return decoded
    const { position, text: posText } = pos.value
    const done = await onChain<unknown>(request, findVm, decoded.value.digest, async (view, server) => {
      const old = view.rules[position - 1]
      if (!old) return err({ kind: 'not-found', resource: 'rule', id: posText })
      const text = merge(decoded.value, textOf(old))
      if (old.include !== undefined && (text.type !== 'group' || text.action !== textOf(old).action)) {
        return invalid('type', 'this row stands for the assigned group; unassign the group instead')
      }
      const rule = ruleOf(text, await groupNamed(request, text))
      if (!rule.ok) return rule
      return request.services.chains.update(request, profile, server, position, rule.value, condition(view))
    })
    if (!done.ok) return isNoRule(done.error) ? noRule(request, 'update') : done
    const message = 'Firewall rule updated successfully'
    return ok(success(request, { success: true, rule: decoded.value.echo, pos: posText, message }))
  }),

  route('DELETE', '/vm/:vmid/firewall', 'deleteVmRule', 200, 'Delete the rule at ?pos=', async (request) => {
    const vm = await findVm(request)
    if (!vm.ok) return vm
    const pos = decodePos(request)
    if (!pos.ok) return pos
    const done = await onChain(request, findVm, request.query.get('digest'), async (view, server) => {
      const { position } = pos.value
      // The row of an assigned group goes with the assignment.
      return view.rules[position - 1]?.include === undefined
        ? request.services.chains.remove(request, profile, server, position, condition(view))
        : request.services.groups.include(request, profile, server, null, {
            ...condition(view),
            maxRules: mostRules,
          })
    })
    if (!done.ok) return isNoRule(done.error) ? noRule(request, 'delete') : done
    return ok(success(request, { success: true, pos: pos.value.text }))
  }),
]

const isNoRule = (error: RequestError) => error.kind === 'not-found' && error.resource === 'rule'

export const options: readonly Route[] = [
  route(
    'GET',
    '/vm/:vmid/firewall/options',
    'getVmOptions',
    200,
    'Switches and policies of a VM',
    async (request) => {
      const vm = await findVm(request)
      const view = await chainOf(request, vm)
      if (!vm.ok || !view.ok) return vm.ok ? (view as never) : vm
      const { log_level_in = 'nolog', log_level_out = 'nolog' } = vm.value.server.attributes
      const { policy } = view.value
      return ok(
        success(request, { ...optionsOf(policy), log_level_in, log_level_out, digest: digestOf(policy) }),
      )
    },
  ),

  route('PUT', '/vm/:vmid/firewall/options', 'updateVmOptions', 200, 'Change them', async (request) => {
    const vm = await findVm(request)
    if (!vm.ok) return vm
    const decoded = decodeV1Options(request.body)
    if (!decoded.ok) return decoded
    const { settings, guards, levels } = decoded.value
    const { server, chain } = vm.value
    const done = await request.services.servers.update(request, profile, server.id, {
      attributes: levels,
      chain: { ...settings, guards: { ...(chain?.guards ?? plainGuards), ...guards } },
    })
    if (!done.ok) return done
    return ok(success(request, { success: true, message: 'Firewall options updated successfully' }))
  }),
]

const assign = async (request: DialectRequest): Handled => {
  const vm = await findVm(request)
  if (!vm.ok) return vm
  const body = objectOf(request.body)
  if (!body.ok) return body
  const { group_id: id } = body.value
  if (typeof id !== 'string') return invalid('group_id', 'expected the id of a group')
  const group = await findGroup(request, id)
  if (!group.ok) return group
  const row = ruleOf(
    { type: 'group', action: groupRowName(group.value.policy.id), enable: 1 },
    group.value.policy.id,
  )
  if (!row.ok) return row
  const done = await request.services.groups.include(
    request,
    profile,
    vm.value.server.id,
    group.value.policy.id,
    {
      maxRules: mostRules,
      refuseStates,
      rule: row.value,
    },
  )
  if (!done.ok) return done
  return ok(success(request, { success: true, message: 'Firewall group assigned successfully' }))
}

export const assignment: readonly Route[] = [
  route('GET', '/vm/:vmid/firewall/group', 'getVmGroup', 200, 'The group of a VM', async (request) => {
    const view = await chainOf(request, await findVm(request))
    return view.ok ? ok(success(request, { assignment: assigned(view.value) })) : view
  }),
  route('PUT', '/vm/:vmid/firewall/group', 'putVmGroup', 200, 'Assign a group', assign),
  route('POST', '/vm/:vmid/firewall/group', 'postVmGroup', 200, 'Assign a group', assign),
  route('DELETE', '/vm/:vmid/firewall/group', 'deleteVmGroup', 200, 'Unassign it', async (request) => {
    const view = await chainOf(request, await findVm(request))
    if (!view.ok) return view
    const server = view.value.policy.server ?? ''
    if (assigned(view.value) !== null) {
      const limits = { maxRules: mostRules, refuseStates }
      const done = await request.services.groups.include(request, profile, server, null, limits)
      if (!done.ok) return done
    }
    return ok(success(request, { success: true }))
  }),
]

async function findGroup(request: DialectRequest, id: string): Promise<Result<ChainView, RequestError>> {
  // What is no id of ours cannot be asked for.
  if (!/^[0-9a-f-]{36}$/.test(id)) return err({ kind: 'not-found', resource: 'policy', id })
  return request.services.groups.get(request, profile, id)
}

const systemGroup = (request: DialectRequest) =>
  ok(v1Answer(403, 'FORBIDDEN', 'System groups cannot be changed', request))

/** Rules with their ids and times: those known keep them. */
function timed(
  decoded: NonNullable<DecodedGroup['rules']>,
  old: readonly RuleRecord[],
  now: string,
): { rules: NewRule[]; ruleIds: string[] } {
  const known = new Map(old.map((rule) => [rule.id, rule]))
  const taken = new Set<string>()
  const ruleIds = decoded.map(({ id }) => {
    const own = id !== undefined && known.has(id) && !taken.has(id) ? id : randomUUID()
    taken.add(own)
    return own
  })
  const rules = decoded.map(({ rule }, i) => {
    const created = known.get(ruleIds[i] ?? '')?.spec.created_at ?? now
    const spec: JsonObject = { ...rule.spec, created_at: created, updated_at: now }
    return { ...rule, spec }
  })
  return { rules, ruleIds }
}

export const groups: readonly Route[] = [
  route('GET', '/firewall-groups', 'listGroups', 200, 'Groups of the account', async (request) => {
    const listed = (await request.services.groups.list(request, profile)).toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    )
    const groups = listed.map((group) => ({ ...encodeGroup(group), rules_count: group.ruleCount }))
    return ok(success(request, { groups }))
  }),

  route('POST', '/firewall-groups', 'createGroup', 200, 'Make a group', async (request) => {
    const decoded = decodeGroup(request.body, ['name', 'description', 'rules'])
    if (!decoded.ok) return decoded
    const { name = '', description = null, rules = [] } = decoded.value
    const now = new Date(request.now).toISOString()
    const created = await request.services.groups.create(request, profile, {
      name,
      settings: groupSettings,
      attributes: { description, is_system: false, created_at: now, updated_at: now },
      ...timed(rules, [], now),
    })
    if (!created.ok) return created
    const message = 'Firewall group created successfully'
    return ok(success(request, { group: encodeGroup(created.value.policy), message }))
  }),

  route('GET', '/firewall-groups/:id', 'getGroup', 200, 'A group with its rules', async (request) => {
    const group = await findGroup(request, request.params.id ?? '')
    if (!group.ok) return group
    const { policy, rules } = group.value
    return ok(success(request, { group: { ...encodeGroup(policy), rules: encodeGroupRules(rules) } }))
  }),

  route(
    'PUT',
    '/firewall-groups/:id',
    'updateGroup',
    200,
    'Change a group, its whole list of rules',
    async (request) => {
      const group = await findGroup(request, request.params.id ?? '')
      if (!group.ok) return group
      const { policy, rules: old } = group.value
      if (policy.attributes.is_system === true) return systemGroup(request)
      const decoded = decodeGroup(request.body, ['name', 'rules'])
      if (!decoded.ok) return decoded
      const { name = policy.name, description, rules = [] } = decoded.value
      const now = new Date(request.now).toISOString()
      const done = await request.services.groups.update(request, profile, policy.id, {
        name,
        attributes: { ...(description !== undefined && { description }), updated_at: now },
        ...timed(rules, old, now),
      })
      if (!done.ok) return done
      return ok(success(request, { id: policy.id, message: 'Firewall group updated successfully' }))
    },
  ),

  route(
    'DELETE',
    '/firewall-groups/:id',
    'deleteGroup',
    200,
    'Delete a group that nobody uses',
    async (request) => {
      const group = await findGroup(request, request.params.id ?? '')
      if (!group.ok) return group
      if (group.value.policy.attributes.is_system === true) return systemGroup(request)
      const done = await request.services.groups.remove(request, profile, group.value.policy.id)
      if (done.ok)
        return ok(success(request, { success: true, message: 'Firewall group deleted successfully' }))
      if (done.error.kind !== 'conflict') return done
      const message =
        'This firewall group is still assigned to one or more VPS instances. Remove the assignments first.'
      return ok(v1Answer(409, 'GROUP_IN_USE', message, request))
    },
  ),
]
