/** Rules of a NIC and of a group: two paths, one resource (contract: ionos F1–F6, R1–R6). */
import { randomUUID } from 'node:crypto'
import type { RequestError } from '../../core/model/error.ts'
import { ok } from '../../core/result.ts'
import { retryOnConflict } from '../../service/retry.ts'
import type { RuleRecord } from '../../storage/storage.ts'
import { authored, authorshipOf } from './authorship.ts'
import type { Given } from './body.ts'
import { changed, gone, mutation, writing } from './change.ts'
import { decodeOneRule } from './decode.ts'
import { modelRule } from './decode-rule.ts'
import { createdRule, sameRule, textOf } from './encode.ts'
import { notFound } from './errors.ts'
import {
  type CallEndpoint,
  type Found,
  findGroupRules,
  finding,
  findNicRules,
  type Handled,
  type RuleHolder,
  reading,
  routesOf,
} from './find.ts'
import { manifest } from './manifest.ts'
import { listAnswer, resourceAnswer } from './render.ts'
import type { Resource } from './resource.ts'
import type { Call } from './resources.ts'
import { profile } from './wire.ts'

export const ruleRoutes = routesOf([
  ...endpointsOf({
    path: '/datacenters/:datacenterId/servers/:serverId/nics/:nicId/firewallrules',
    param: 'firewallruleId',
    name: 'NicRule',
    of: 'a NIC',
    find: findNicRules,
    maxRules: manifest.limits.rulesPerNic,
    created: 202,
  }),
  ...endpointsOf({
    path: '/datacenters/:datacenterId/securitygroups/:securityGroupId/rules',
    param: 'ruleId',
    name: 'GroupRule',
    of: 'a group',
    find: findGroupRules,
    maxRules: manifest.limits.rulesPerGroup,
    created: 200,
  }),
])

/** A collection of rules. */
interface RuleCollection {
  readonly path: string
  readonly param: string
  readonly name: string
  readonly of: string
  readonly find: (call: Call) => Found<RuleHolder>
  readonly maxRules: number
  /** Status of the answer to a creation. */
  readonly created: number
}

interface InRule {
  readonly holder: RuleHolder
  readonly rule: RuleRecord
}

function endpointsOf({
  path,
  param,
  name,
  of,
  find,
  maxRules,
  created,
}: RuleCollection): readonly CallEndpoint[] {
  const one = `${path}/:${param}`
  async function findRule(call: Call): Found<InRule> {
    const holder = await find(call)
    if (!holder.ok) return holder
    const rule = await call.loader.rule(holder.value.policy, call.id(param))
    return rule.ok ? ok({ holder: holder.value, rule: rule.value }) : rule
  }
  return [
    {
      method: 'GET',
      path,
      operation: `list${name}s`,
      success: 200,
      summary: `Rules of ${of}`,
      handle: finding(find, async (call, holder) => {
        const rules = (await call.loader.rulesOf(holder.policy)).map((rule) => resourceOf(call, holder, rule))
        return listAnswer(call, { id: holder.policy, path: holder.path }, holder.collection, rules)
      }),
    },
    {
      method: 'POST',
      path,
      operation: `create${name}`,
      success: created,
      summary: `Add a rule to ${of}`,
      handle: reading(find, 'POST', (call, holder, body) =>
        createRule(call, holder, body, { maxRules, created }),
      ),
    },
    {
      method: 'GET',
      path: one,
      operation: `get${name}`,
      success: 200,
      summary: `One rule of ${of}`,
      handle: finding(findRule, (call, { holder, rule }) =>
        resourceAnswer(call, resourceOf(call, holder, rule)),
      ),
    },
    {
      method: 'PUT',
      path: one,
      operation: `put${name}`,
      success: 202,
      summary: `Change a rule of ${of}; what is not given stays`,
      handle: reading(findRule, 'PUT', (call, found, body) => changeRule(call, 'PUT', found, body)),
    },
    {
      method: 'PATCH',
      path: one,
      operation: `patch${name}`,
      success: 202,
      summary: `Change some properties of a rule of ${of}`,
      handle: reading(findRule, 'PATCH', (call, found, body) => changeRule(call, 'PATCH', found, body)),
    },
    {
      method: 'DELETE',
      path: one,
      operation: `delete${name}`,
      success: 202,
      summary: `Delete a rule of ${of}`,
      handle: finding(findRule, deleteRule),
    },
  ]
}

const resourceOf = (call: Call, { path, collection, affects }: RuleHolder, rule: RuleRecord): Resource =>
  call.resources.rule(`${path}/${collection}`, rule, affects)

async function createRule(
  call: Call,
  holder: RuleHolder,
  body: Given,
  { maxRules, created }: Pick<RuleCollection, 'maxRules' | 'created'>,
): Handled {
  const decoded = decodeOneRule(body)
  if (!decoded.ok) return decoded
  const rule = modelRule(decoded.value, authored(call.request))
  const id = randomUUID()
  const resource = resourceOf(call, holder, { ...rule, id, position: 1 })
  const change = mutation(call, holder.zone, 'POST')
  const context = writing(change, [resource])
  const { groups } = call.request.services
  const done = await groups.insertRule(context, profile, holder.policy, rule, { maxRules, id })
  if (!done.ok) return done
  return changed(call, change, { ...resource, properties: createdRule(rule.spec) }, created)
}

async function changeRule(
  call: Call,
  method: 'PUT' | 'PATCH',
  { holder, rule }: InRule,
  body: Given,
): Handled {
  const { services, principal } = call.request
  const { policy, zone } = holder
  const change = mutation(call, zone, method)
  const context = writing(change, [resourceOf(call, holder, rule)])
  const { id } = rule
  const done = await retryOnConflict<RuleRecord, RequestError>(policy, async () => {
    const current = await services.groups.get(call.request, profile, policy)
    if (!current.ok) return current
    const old = current.value.rules.find((each) => each.id === id)
    if (!old) return notFound(id)
    const wanted = decodeOneRule(body, textOf(old.spec))
    if (!wanted.ok) return wanted
    if (sameRule(old.spec, wanted.value)) {
      const logged = await services.zones.unchanged(context, zone)
      return logged.ok ? ok(old) : logged
    }
    const meta = authored(call.request, authorshipOf(old.spec.meta, principal.account, 0))
    const condition = { ifRevision: current.value.policy.revision }
    return services.groups.updateRule(context, profile, policy, id, modelRule(wanted.value, meta), condition)
  })
  return done.ok ? changed(call, change, resourceOf(call, holder, done.value)) : done
}

async function deleteRule(call: Call, { holder, rule }: InRule): Handled {
  const change = mutation(call, holder.zone, 'DELETE')
  const context = writing(change, [resourceOf(call, holder, rule)])
  const done = await call.request.services.groups.removeRule(context, profile, holder.policy, rule.id)
  return done.ok ? gone(change) : done
}
