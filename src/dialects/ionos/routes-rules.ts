/** Rules, of a NIC and of a group: two places, one resource (contract: ionos F1–F6, R1–R6). */
import { randomUUID } from 'node:crypto'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { whileOvertaken } from '../../service/retry.ts'
import type { NewRule, RuleRecord } from '../../storage/storage.ts'
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
import { decodeOneRule, given } from './decode.ts'
import { modelRule } from './decode-rule.ts'
import { freshRule, sameRule, textOf } from './encode.ts'
import { groupRules, nicRules, type RuleHolder } from './find.ts'
import { stamped, stampOf } from './stamp.ts'
import { limits } from './wire.ts'
import { type Node, profile } from './world.ts'

type Finder = (call: Call) => Promise<Result<RuleHolder, RequestError>>

export const ruleRoutes: readonly Route[] = [
  ...routesOf({
    collection: '/datacenters/:datacenterId/servers/:serverId/nics/:nicId/firewallrules',
    param: 'firewallruleId',
    name: 'NicRule',
    of: 'a NIC',
    holder: nicRules,
    maxRules: limits.rulesPerNic,
    created: 202,
  }),
  ...routesOf({
    collection: '/datacenters/:datacenterId/securitygroups/:securityGroupId/rules',
    param: 'ruleId',
    name: 'GroupRule',
    of: 'a group',
    holder: groupRules,
    maxRules: limits.rulesPerGroup,
    created: 200,
  }),
]

interface Place {
  readonly collection: string
  readonly param: string
  readonly name: string
  readonly of: string
  readonly holder: Finder
  readonly maxRules: number
  /** Status of the answer to a creation. */
  readonly created: number
}

function routesOf({ collection, param, name, of, holder, maxRules, created }: Place): readonly Route[] {
  const one = `${collection}/:${param}`
  const node = (call: Call, { path, bears }: RuleHolder, rule: RuleRecord): Node =>
    call.world.ruleNode(path, rule, bears)

  const find = async (
    call: Call,
  ): Promise<Result<{ holder: RuleHolder; rule: RuleRecord; node: Node }, RequestError>> => {
    const place = await holder(call)
    if (!place.ok) return place
    const rule = await call.world.rule(place.value.policy, call.id(param))
    if (!rule.ok) return rule
    return ok({ holder: place.value, rule: rule.value, node: node(call, place.value, rule.value) })
  }

  const modify = (method: 'PUT' | 'PATCH') => async (call: Call) => {
    const found = await find(call)
    if (!found.ok) return found
    const body = given(method, call.request.body)
    if (!body.ok) return body
    const { services, principal } = call.request
    const { policy, zone } = found.value.holder
    const change = mutation(call, zone, method)
    const context = writing(change, [found.value.node])
    const done = await whileOvertaken<RuleRecord, RequestError>(policy, async () => {
      const current = await services.groups.get(call.request, profile, policy)
      if (!current.ok) return current
      const old = current.value.rules.find((rule) => rule.id === found.value.rule.id)
      if (!old) return err({ kind: 'not-found', resource: 'rule', id: found.value.rule.id })
      const rule = decodeOneRule(body.value, textOf(old.spec))
      if (!rule.ok) return rule
      if (sameRule(old.spec, rule.value)) {
        const logged = await services.zones.unchanged(context, zone)
        return logged.ok ? ok(old) : logged
      }
      const stamp = stamped(call.request, stampOf(old.spec.meta, principal.account, 0))
      const condition = { ifRevision: current.value.policy.revision }
      return services.groups.updateRule(
        context,
        profile,
        policy,
        old.id,
        modelRule(rule.value, stamp),
        condition,
      )
    })
    return done.ok ? changed(call, change, node(call, found.value.holder, done.value)) : done
  }

  return [
    route('GET', collection, `list${name}s`, 200, `Rules of ${of}`, async (call) => {
      const place = await holder(call)
      if (!place.ok) return place
      const { path, policy } = place.value
      const rules = await call.request.services.zones.rules(policy)
      const [parent, last] = [path.slice(0, path.lastIndexOf('/')), path.slice(path.lastIndexOf('/') + 1)]
      const nodes = rules.map((rule) => node(call, place.value, rule))
      return listAnswer(call, { id: policy, path: parent }, last, nodes)
    }),

    route('POST', collection, `create${name}`, created, `Add a rule to ${of}`, async (call) => {
      const place = await holder(call)
      if (!place.ok) return place
      const body = given('POST', call.request.body)
      if (!body.ok) return body
      const decoded = decodeOneRule(body.value)
      if (!decoded.ok) return decoded
      const rule: NewRule = modelRule(decoded.value, stamped(call.request))
      const { zone, policy } = place.value
      const change = mutation(call, zone, 'POST')
      const record: RuleRecord = { ...rule, id: randomUUID(), position: 1 }
      const made = node(call, place.value, record)
      const done = await call.request.services.groups.insertRule(
        writing(change, [made]),
        profile,
        policy,
        rule,
        { maxRules, id: record.id },
      )
      return done.ok ? changed(call, change, { ...made, properties: freshRule(rule.spec) }, created) : done
    }),

    route('GET', one, `get${name}`, 200, `One rule of ${of}`, async (call) => {
      const found = await find(call)
      return found.ok ? resourceAnswer(call, found.value.node) : found
    }),
    route('PUT', one, `put${name}`, 202, `Change a rule of ${of}; what is not given stays`, modify('PUT')),
    route('PATCH', one, `patch${name}`, 202, `Change some properties of a rule of ${of}`, modify('PATCH')),

    route('DELETE', one, `delete${name}`, 202, `Delete a rule of ${of}`, async (call): Handled => {
      const found = await find(call)
      if (!found.ok) return found
      const { holder: place, rule, node: old } = found.value
      const change = mutation(call, place.zone, 'DELETE')
      const { groups } = call.request.services
      const done = await groups.removeRule(writing(change, [old]), profile, place.policy, rule.id)
      return done.ok ? gone(change) : done
    }),
  ]
}
