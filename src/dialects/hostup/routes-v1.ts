/** v1: rules and options of a VM, the account's groups and their assignment (contract: hostup §3, §4). */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { defaultSwitches, type PolicySettings } from '../../core/model/policy.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { PolicyWithRules } from '../../service/groups.ts'
import { changeFound } from '../../service/retry.ts'
import type { NewRule, RuleRecord } from '../../storage/storage.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import {
  type DecodedGroup,
  decodeGroup,
  decodeV1Options,
  decodeV1Rule,
  invalid,
  merge,
  optionsOf,
  ruleOf,
} from './decode.ts'
import { encodeGroup, encodeGroupRules, encodeV1Rules, textOf } from './encode.ts'
import { v1Answer } from './errors.ts'
import { Fields } from './fields.ts'
import {
  chainOf,
  changeOptions,
  condition,
  findVm,
  type Handled,
  insertAtTop,
  isStale,
  onChain,
  profile,
  routesOf,
  ruleNamed,
} from './find.ts'
import { digestOf, groupRowName, v1RequestId } from './ids.ts'
import { manifest } from './manifest.ts'

/** Rules of a group decide nothing by themselves: a VM's chain includes them. */
const groupSettings: PolicySettings = {
  enabled: true,
  order: 'first-match',
  defaultIngress: 'deny',
  defaultEgress: 'allow',
  stateful: true,
  filters: [],
  appliesTo: ['public', 'utility', 'private'],
  guards: defaultSwitches,
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

/** The row that stands for the assigned group. */
const assignedRow = ({ rules }: PolicyWithRules): RuleRecord | undefined =>
  rules.find((rule) => textOf(rule).assigned === true)

export const rules = routesOf([
  {
    method: 'GET',
    path: '/vm/:vmid/firewall',
    operation: 'listVmRules',
    success: 200,
    summary: 'Rules of a VM, in order',
    handle: async (request) => {
      const view = await chainOf(request, await findVm(request))
      return view.ok ? ok(success(request, encodeV1Rules(view.value))) : view
    },
  },

  {
    method: 'POST',
    path: '/vm/:vmid/firewall',
    operation: 'createVmRule',
    success: 200,
    summary: 'Add a rule at the top',
    handle: async (request) => {
      const vm = await findVm(request)
      if (!vm.ok) return vm
      const decoded = decodeV1Rule(request.body, 'POST')
      if (!decoded.ok) return decoded
      const { text, echo, digest } = decoded.value
      const rule = await ruleNamed(request, text)
      if (!rule.ok) return rule
      const done = await insertAtTop(request, findVm, vm.value, rule.value, digest)
      if (!done.ok) return done
      return ok(success(request, { success: true, rule: echo, message: 'Firewall rule added successfully' }))
    },
  },

  {
    method: 'PUT',
    path: '/vm/:vmid/firewall',
    operation: 'updateVmRule',
    success: 200,
    summary: 'Change the rule at ?pos=',
    handle: async (request) => {
      const vm = await findVm(request)
      if (!vm.ok) return vm
      const pos = decodePos(request)
      if (!pos.ok) return pos
      const decoded = decodeV1Rule(request.body, 'PUT')
      if (!decoded.ok) return decoded
      const { position, text: posText } = pos.value
      const done = await onChain<unknown>(request, findVm, decoded.value.digest, async (view, server) => {
        const old = view.rules[position - 1]
        if (!old) return err({ kind: 'not-found', resource: 'rule', id: posText })
        const text = merge(decoded.value, textOf(old))
        if (text.assigned && (text.type !== 'group' || text.action !== textOf(old).action)) {
          return invalid('type', 'this row stands for the assigned group; unassign the group instead')
        }
        const rule = await ruleNamed(request, text, old)
        if (!rule.ok) return rule
        return request.services.chains.update(request, profile, server, position, rule.value, condition(view))
      })
      if (!done.ok) return isNoRule(done.error) ? noRule(request, 'update') : done
      const message = 'Firewall rule updated successfully'
      return ok(success(request, { success: true, rule: decoded.value.echo, pos: posText, message }))
    },
  },

  {
    method: 'DELETE',
    path: '/vm/:vmid/firewall',
    operation: 'deleteVmRule',
    success: 200,
    summary: 'Delete the rule at ?pos=',
    handle: async (request) => {
      const vm = await findVm(request)
      if (!vm.ok) return vm
      const pos = decodePos(request)
      if (!pos.ok) return pos
      const done = await onChain(request, findVm, request.query.get('digest'), (view, server) =>
        // An assignment goes with its row.
        request.services.chains.remove(request, profile, server, pos.value.position, condition(view)),
      )
      if (!done.ok) return isNoRule(done.error) ? noRule(request, 'delete') : done
      return ok(success(request, { success: true, pos: pos.value.text }))
    },
  },
])

const isInUse = (error: RequestError) => error.kind === 'conflict' && error.inUse === true
const isNoRule = (error: RequestError) => error.kind === 'not-found' && error.resource === 'rule'

export const options = routesOf([
  {
    method: 'GET',
    path: '/vm/:vmid/firewall/options',
    operation: 'getVmOptions',
    success: 200,
    summary: 'Switches and policies of a VM',
    handle: async (request) => {
      const view = await chainOf(request, await findVm(request))
      if (!view.ok) return view
      const { policy } = view.value
      return ok(success(request, { ...optionsOf(policy), digest: digestOf(policy) }))
    },
  },

  {
    method: 'PUT',
    path: '/vm/:vmid/firewall/options',
    operation: 'updateVmOptions',
    success: 200,
    summary: 'Change them',
    handle: async (request) => {
      const vm = await findVm(request)
      if (!vm.ok) return vm
      const decoded = decodeV1Options(request.body)
      if (!decoded.ok) return decoded
      const done = await changeOptions(request, findVm, vm.value, decoded.value)
      if (!done.ok) return done
      return ok(success(request, { success: true, message: 'Firewall options updated successfully' }))
    },
  },
])

const assignmentKeys: ReadonlySet<string> = new Set(['group_id', 'assignment', 'digest'])

/** `{"group_id":…}`, or the assignment as GET answers it; null: none. */
function decodeAssignment(
  body: JsonValue | undefined,
): Result<{ readonly group: string | null; readonly digest: string | undefined }, RequestError> {
  const fields = Fields.of(body)
  fields.refuseUnknown(assignmentKeys)
  const { group_id, assignment } = fields.given
  const group = group_id === undefined ? assignment : group_id
  if (typeof group !== 'string' && (group !== null || group_id !== undefined)) {
    fields.refuse('group_id', 'expected the id of a group')
    return fields.failed()
  }
  const digest = fields.digest()
  return fields.result(() => ({ group, digest }))
}

const assign = async (request: DialectRequest): Handled => {
  const vm = await findVm(request)
  if (!vm.ok) return vm
  const decoded = decodeAssignment(request.body)
  if (!decoded.ok) return decoded
  const { group: id, digest } = decoded.value
  if (id === null) return unassign(request, digest)
  const group = await findGroup(request, id)
  if (!group.ok) return group
  const { id: include } = group.value.policy
  const action = groupRowName(include)
  const row = ruleOf({ type: 'group', action, enable: 1, assigned: true }, include)
  if (!row.ok) return row
  const done = await onChain(request, findVm, digest, async (view, server) => {
    const old = assignedRow(view)
    if (old?.include === include) return ok(undefined)
    const { chains } = request.services
    const options = { ...condition(view), maxRules: manifest.limits.rulesPerChain, rule: row.value }
    return chains.include(request, profile, server, include, { ...options, instead: old?.id ?? null })
  })
  if (!done.ok) return done
  return ok(success(request, { success: true, message: 'Firewall group assigned successfully' }))
}

async function unassign(request: DialectRequest, digest: string | null | undefined): Handled {
  const done = await onChain(request, findVm, digest, async (view, server) => {
    const row = assignedRow(view)
    if (!row) return ok(undefined)
    return request.services.chains.remove(request, profile, server, row.position, condition(view))
  })
  return done.ok ? ok(success(request, { success: true })) : done
}

export const assignment = routesOf([
  {
    method: 'GET',
    path: '/vm/:vmid/firewall/group',
    operation: 'getVmGroup',
    success: 200,
    summary: 'The group of a VM',
    handle: async (request) => {
      const view = await chainOf(request, await findVm(request))
      return view.ok ? ok(success(request, { assignment: assignedRow(view.value)?.include ?? null })) : view
    },
  },
  {
    method: 'PUT',
    path: '/vm/:vmid/firewall/group',
    operation: 'putVmGroup',
    success: 200,
    summary: 'Assign a group',
    handle: assign,
  },
  {
    method: 'POST',
    path: '/vm/:vmid/firewall/group',
    operation: 'postVmGroup',
    success: 200,
    summary: 'Assign a group',
    handle: assign,
  },
  {
    method: 'DELETE',
    path: '/vm/:vmid/firewall/group',
    operation: 'deleteVmGroup',
    success: 200,
    summary: 'Unassign it',
    handle: (request) => unassign(request, request.query.get('digest')),
  },
])

async function findGroup(
  request: DialectRequest,
  id: string,
): Promise<Result<PolicyWithRules, RequestError>> {
  // What is no id of ours cannot be asked for.
  if (!/^[0-9a-f-]{36}$/.test(id)) return err({ kind: 'not-found', resource: 'policy', id })
  return request.services.groups.get(request, profile, id)
}

const systemGroup = (request: DialectRequest) =>
  ok(v1Answer(403, 'FORBIDDEN', 'System groups cannot be changed', request))

/** Rules with their ids and times: those known keep them, and the time of their change when nothing of them changed. */
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
    const { created_at = now, updated_at = now, ...text } = known.get(ruleIds[i] ?? '')?.spec ?? {}
    const same = isDeepStrictEqual(text, rule.spec)
    const spec: JsonObject = { ...rule.spec, created_at, updated_at: same ? updated_at : now }
    return { ...rule, spec }
  })
  return { rules, ruleIds }
}

/** The group as it is, and a write on condition that it still is; again while others come between. */
async function onGroup<T>(
  request: DialectRequest,
  write: (group: PolicyWithRules) => Promise<Result<T, RequestError>>,
): Promise<Result<T, RequestError>> {
  const { id = '' } = request.params
  return changeFound(`${request.principal.account} ${id}`, () => findGroup(request, id), write)
}

export const groups = routesOf([
  {
    method: 'GET',
    path: '/firewall-groups',
    operation: 'listGroups',
    success: 200,
    summary: 'Groups of the account',
    handle: async (request) => {
      const listed = (await request.services.groups.list(request, profile)).toSorted((a, b) =>
        a.name < b.name ? -1 : 1,
      )
      const groups = listed.map((group) => ({ ...encodeGroup(group), rules_count: group.ruleCount }))
      return ok(success(request, { groups }))
    },
  },

  {
    method: 'POST',
    path: '/firewall-groups',
    operation: 'createGroup',
    success: 200,
    summary: 'Make a group',
    handle: async (request) => {
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
    },
  },

  {
    method: 'GET',
    path: '/firewall-groups/:id',
    operation: 'getGroup',
    success: 200,
    summary: 'A group with its rules',
    handle: async (request) => {
      const group = await findGroup(request, request.params.id ?? '')
      if (!group.ok) return group
      const { policy, rules } = group.value
      const whole = { ...encodeGroup(policy), digest: digestOf(policy), rules: encodeGroupRules(rules) }
      return ok(success(request, { group: whole }))
    },
  },

  {
    method: 'PUT',
    path: '/firewall-groups/:id',
    operation: 'updateGroup',
    success: 200,
    summary: 'Change a group, its whole list of rules',
    handle: (request) =>
      onGroup<Answer>(request, async ({ policy, rules: old }) => {
        if (policy.attributes.is_system === true) return systemGroup(request)
        const decoded = decodeGroup(request.body, ['name', 'rules'], old)
        if (!decoded.ok) return decoded
        const { name = policy.name, rules = [], digest } = decoded.value
        const stale = isStale(digest, policy)
        if (stale) return err(stale)
        const now = new Date(request.now).toISOString()
        const { description = policy.attributes.description ?? null } = decoded.value
        const next = timed(rules, old, now)
        const changed =
          name !== policy.name ||
          description !== (policy.attributes.description ?? null) ||
          next.ruleIds.join() !== old.map((rule) => rule.id).join() ||
          next.rules.some((rule, i) => rule.spec.updated_at !== old[i]?.spec.updated_at)
        const message = 'Firewall group updated successfully'
        const answer = success(request, { id: policy.id, message })
        if (!changed) return ok(answer)
        const attributes = { description, updated_at: now }
        const done = await request.services.groups.update(
          request,
          profile,
          policy.id,
          { name, attributes, ...next },
          { ifRevision: policy.revision },
        )
        return done.ok ? ok(answer) : done
      }),
  },

  {
    method: 'DELETE',
    path: '/firewall-groups/:id',
    operation: 'deleteGroup',
    success: 200,
    summary: 'Delete a group that nobody uses',
    handle: (request) =>
      onGroup<Answer>(request, async ({ policy }) => {
        if (policy.attributes.is_system === true) return systemGroup(request)
        const digest = request.query.get('digest')
        const stale = isStale(digest, policy)
        if (stale) return err(stale)
        // Without a digest it is deleted as it is, whatever has become of it.
        const condition = digest ? { ifRevision: policy.revision } : {}
        const done = await request.services.groups.remove(request, profile, policy.id, condition)
        if (done.ok)
          return ok(success(request, { success: true, message: 'Firewall group deleted successfully' }))
        // A conflict of another kind is tried again.
        if (!isInUse(done.error)) return done
        const message =
          'This firewall group is still assigned to one or more VPS instances. Remove the assignments first.'
        return ok(v1Answer(409, 'GROUP_IN_USE', message, request))
      }),
  },
])
