/** Rules of policies: read of every profile, written of the native one, by list and one by one. */
import { randomUUID } from 'node:crypto'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { PolicyRecord, RulePlace, RuleRecord } from '../../storage/storage.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { conditionOf } from './conditions.ts'
import { decodeRule, decodeRules } from './decode-rule.ts'
import { encodeRule } from './encode-rule.ts'
import { bodyOf, creations, identifier, type Resource, removals, resources } from './endpoint.ts'
import { limits } from './limits.ts'
import { manifest } from './manifest.ts'
import { ownPolicy } from './own-policy.ts'
import { NewRuleBody, Rule, RuleBody, RuleChange, RuleList, RuleListBody } from './schemas-policies.ts'

const { profile } = manifest
const maxRules = limits.rulesPerPolicy

async function listed(
  request: DialectRequest,
): Promise<Result<{ policy: PolicyRecord; rules: readonly RuleRecord[] }, RequestError>> {
  const id = identifier(request, 'policy')
  return id.ok ? request.services.policies.rules(request, id.value) : id
}

async function readAll(request: DialectRequest): Promise<Result<Resource, RequestError>> {
  const found = await listed(request)
  if (!found.ok) return found
  const { policy, rules } = found.value
  const body = { rules: rules.map((each) => encodeRule(each, policy.profile)) }
  return ok({ body, revision: policy.revision })
}

async function readOne(request: DialectRequest, id: string): Promise<Result<Resource, RequestError>> {
  const found = await listed(request)
  if (!found.ok) return found
  const { policy, rules } = found.value
  const rule = rules.find((each) => each.id === id)
  if (!rule) return err({ kind: 'not-found', resource: 'rule', id })
  return ok({ body: encodeRule(rule, policy.profile), revision: policy.revision })
}

export const policyRuleRoutes: readonly Route[] = [
  ...resources([
    {
      method: 'GET',
      path: '/policies/:id/rules',
      operation: 'listPolicyRules',
      summary: 'All rules of a policy of any profile, by position',
      operators: true,
      schema: { answer: RuleList },
      handle: readAll,
    },
    {
      method: 'PUT',
      path: '/policies/:id/rules',
      operation: 'replacePolicyRules',
      summary: 'Replace all rules; those that are sent as they were, or by their id, stay the same ones',
      schema: { body: RuleListBody, answer: RuleList },
      handle: async (request, condition) => {
        const policy = await ownPolicy(request)
        if (!policy.ok) return policy
        const body = bodyOf<RuleListBody>(request)
        if (!body.ok) return body
        const rules = decodeRules(body.value.rules)
        if (!rules.ok) return rules
        const ids = body.value.rules.map((each) => each.id)
        const known = await listed(request)
        if (!known.ok) return known
        const wrong = wrongId(ids, new Set(known.value.rules.map((each) => each.id)))
        if (wrong) return err(wrong)
        const options = { ids, maxRules, ...condition }
        const done = await request.services.groups.replaceRules(
          request,
          profile,
          policy.value,
          rules.value,
          options,
        )
        return done.ok ? readAll(request) : done
      },
    },
  ]),
  ...creations([
    {
      path: '/policies/:id/rules',
      operation: 'createPolicyRule',
      summary: 'Insert a rule: behind the others, at a position, or beside another',
      schema: { body: NewRuleBody, answer: Rule },
      location: (id, { params }) => `/v1/policies/${params.id}/rules/${id}`,
      read: readOne,
      handle: async (request, once) => {
        const policy = await ownPolicy(request)
        if (!policy.ok) return policy
        const body = bodyOf<RuleBody>(request)
        if (!body.ok) return body
        const condition = conditionOf(request)
        if (!condition.ok) return condition
        const place = placeOf(body.value)
        if (!place.ok) return place
        const rule = decodeRule(body.value)
        if (!rule.ok) return rule
        const id = randomUUID()
        const position = place.value === undefined ? {} : { position: place.value }
        const options = { id, maxRules, ...position, ...condition.value }
        const ctx = { ...request, ...once(id) }
        const made = await request.services.groups.insertRule(ctx, profile, policy.value, rule.value, options)
        if (!made.ok) return placed(made.error, body.value)
        const found = await readOne(request, id)
        return found.ok ? ok({ id, ...found.value }) : found
      },
    },
  ]),
  ...resources([
    {
      method: 'GET',
      path: '/policies/:id/rules/:rule',
      operation: 'getPolicyRule',
      summary: 'One rule of a policy of any profile',
      operators: true,
      schema: { answer: Rule },
      handle: async (request) => {
        const id = identifier(request, 'rule', 'rule')
        return id.ok ? readOne(request, id.value) : id
      },
    },
    {
      method: 'PUT',
      path: '/policies/:id/rules/:rule',
      operation: 'replacePolicyRule',
      summary: 'Replace a rule; it stays the same one, and where it is unless a place is given',
      schema: { body: RuleBody, answer: Rule },
      handle: (request, condition) => write(request, condition),
    },
    {
      method: 'PATCH',
      path: '/policies/:id/rules/:rule',
      operation: 'updatePolicyRule',
      summary: 'Change or move a rule: what is given',
      schema: { body: RuleChange, answer: Rule },
      handle: (request, condition) =>
        write(request, condition, ({ matches: _, text: __, ...rule }, given) => ({ ...rule, ...given })),
    },
  ]),
  ...removals([
    {
      path: '/policies/:id/rules/:rule',
      operation: 'deletePolicyRule',
      summary: 'Delete a rule; those behind it move up',
      handle: async (request, condition) => {
        const policy = await ownPolicy(request)
        if (!policy.ok) return policy
        const rule = identifier(request, 'rule', 'rule')
        if (!rule.ok) return rule
        return request.services.groups.removeRule(request, profile, policy.value, rule.value, condition)
      },
    },
  ]),
]

/** Times that a part of a rule is merged anew because the policy has changed meanwhile. */
const maxTries = 20

/** `merge` makes the whole rule of the one that is there and what is given; absent: what is given is the whole. */
async function write(
  request: DialectRequest,
  condition: { readonly ifRevision?: number },
  merge?: (there: RuleBody, given: RuleBody) => RuleBody,
): Promise<Result<Resource, RequestError>> {
  const policy = await ownPolicy(request)
  if (!policy.ok) return policy
  const id = identifier(request, 'rule', 'rule')
  if (!id.ok) return id
  const body = bodyOf<RuleBody>(request)
  if (!body.ok) return body
  const given = body.value
  if (given.id !== undefined && given.id !== id.value)
    return err({ kind: 'invalid', field: 'id', reason: 'is another one in the path' })
  const place = placeOf(given)
  if (!place.ok) return place
  for (let tries = 1; ; tries++) {
    const there = await readOne(request, id.value)
    if (!there.ok) return there
    const rule = decodeRule(merge ? merge(there.value.body as JsonObject & RuleBody, given) : given)
    if (!rule.ok) return rule
    // Where it is already it is not moved: then what is as it was is no change.
    const moves = place.value !== undefined && place.value !== there.value.body.position
    const options = {
      ...(merge && { ifRevision: there.value.revision }),
      ...condition,
      ...(moves && { moveTo: place.value as RulePlace }),
    }
    const { groups } = request.services
    const done = await groups.updateRule(request, profile, policy.value, id.value, rule.value, options)
    if (done.ok) return readOne(request, id.value)
    const stale = done.error.kind === 'conflict' && done.error.stale === true
    if (!merge || !stale || condition.ifRevision !== undefined) return placed(done.error, given)
    if (tries === maxTries)
      return err({ kind: 'conflict', resource: 'policy', reason: 'The policy keeps changing; try again.' })
  }
}

/** Undefined: nothing is said of it. */
function placeOf({ position, before, after }: RuleBody): Result<RulePlace | undefined, RequestError> {
  const given = [position, before, after].filter((each) => each !== undefined)
  if (given.length > 1)
    return err({ kind: 'invalid', field: 'position', reason: 'expected one of position, before, after' })
  if (before !== undefined) return ok({ before })
  return ok(after === undefined ? position : { after })
}

/** A neighbour that is not there is a fault of the body, not of the path. */
function placed(error: RequestError, { before, after }: RuleBody): Result<never, RequestError> {
  const isNeighbour =
    error.kind === 'not-found' && error.resource === 'rule' && error.id === (before ?? after)
  if (!isNeighbour) return err(error)
  const field = before === undefined ? 'after' : 'before'
  return err({ kind: 'invalid', field, reason: 'is no other rule of the policy' })
}

function wrongId(ids: readonly (string | undefined)[], known: ReadonlySet<string>): RequestError | undefined {
  const seen = new Set<string>()
  for (const [index, id] of ids.entries()) {
    if (id === undefined) continue
    const field = `rules[${index}].id`
    if (!known.has(id)) return { kind: 'invalid', field, reason: 'is no rule of the policy' }
    if (seen.has(id)) return { kind: 'invalid', field, reason: 'is there twice' }
    seen.add(id)
  }
  return undefined
}
