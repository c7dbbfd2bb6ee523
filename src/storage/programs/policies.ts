/** Policies that stand by themselves, and their inclusion in the chains of servers. */
import type { JsonObject } from '../../core/json.ts'
import type { PolicySettings } from '../../core/model/policy.ts'
import { err, ok } from '../../core/result.ts'
import { fromPolicy, toRule } from '../rows.ts'
import { type Program, query, queryOne, type Steps } from '../statement.ts'
import type { Actor, NewPolicyRecord, PolicyRecord, Programs, RuleRecord } from '../storage.ts'
import {
  affectedBy,
  checkAccount,
  checkEnclosing,
  chosen,
  countRules,
  isNoChange,
  nextRevision,
  ownPolicy,
  record,
  shiftRules,
  touchPolicy,
  writableChain,
} from './common.ts'
import { areRules, attachIncluded, insertRules, rewriteRules, rulesOf, takeRule } from './rules.ts'
import { insertPolicies, removePolicy, updatePolicySettings } from './servers.ts'

export function* createPolicy(
  { policy, rules, ids }: Programs['createPolicy']['args'],
  actor: Actor,
): Program<Programs['createPolicy']['answer']> {
  const revision = yield* nextRevision()
  const owner = yield* checkAccount(policy.account)
  if (!owner.ok) return owner
  const enclosing = yield* checkEnclosing(actor)
  if (!enclosing.ok) return enclosing
  yield* clearDefault(policy, revision, actor)
  yield* insertPolicies([{ ...policy, revision }])
  yield* insertRules(policy.id, rules, ids, () => actor.at)
  const after = { name: policy.name, attributes: policy.attributes, rules: rules.map((rule) => rule.spec) }
  const { id } = policy
  yield* record(actor, revision, {
    ...{ operation: 'policy.create', resource: 'policy', id, policy: id, server: policy.server },
    ...{ before: null, after },
  })
  return ok({ revision })
}

export function* updatePolicy(
  args: Programs['updatePolicy']['args'],
  actor: Actor,
): Program<Programs['updatePolicy']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* ownPolicy(args)
  if (!found.ok) return found
  const old = found.value
  const { name = old.name, settings, rules, defaultFor = old.defaultFor } = args
  const attributes = { ...old.attributes, ...args.attributes }
  const { choices = {} } = args
  const wanted = chosen({ ...old, ...settings, name, defaultFor, attributes }, choices)
  const sameRules = !rules || areRules(yield* rulesOf(old.id), rules.rules, rules.ids)
  if (sameRules && isNoChange(actor, fromPolicy(old), fromPolicy(wanted))) {
    return ok({ revision: old.revision, changed: false })
  }
  yield* clearDefault({ ...old, defaultFor }, revision, actor)
  yield* query(
    'UPDATE policies SET name = ?, default_for = ?, attributes = ? WHERE id = ?',
    name,
    defaultFor,
    JSON.stringify(attributes),
    old.id,
  )
  yield* updatePolicySettings({ ...wanted, revision, modifiedAt: actor.at })
  const changed = [...Object.keys(settings ?? {}), ...Object.keys(choices)]
  const before: Record<string, JsonObject[string]> = audited(old, changed)
  const after: Record<string, JsonObject[string]> = audited(wanted, changed)
  if (rules) {
    const oldRules = yield* rulesOf(old.id)
    before.rules = oldRules.map((row) => JSON.parse(String(row.spec)) as JsonObject)
    yield* rewriteRules(old.id, oldRules, rules.rules, rules.ids, actor)
    after.rules = rules.rules.map((rule) => rule.spec)
  }
  const { id } = old
  yield* record(actor, revision, {
    ...{ operation: 'policy.update', resource: 'policy', id, ...affectedBy(old), before, after },
  })
  return ok({ revision })
}

export function* deletePolicy(
  args: Programs['deletePolicy']['args'],
  actor: Actor,
): Program<Programs['deletePolicy']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* ownPolicy(args)
  if (!found.ok) return found
  const { id, name, attributes } = found.value
  if (yield* queryOne('SELECT server FROM attachments WHERE policy = ? LIMIT 1', id)) {
    return err({
      kind: 'conflict',
      resource: 'policy',
      reason: 'the policy is still attached',
      inUse: true,
    })
  }
  const before = { name, attributes, rules: yield* specs(id) }
  yield* removePolicy(id)
  yield* record(actor, revision, {
    ...{
      operation: 'policy.delete',
      resource: 'policy',
      id,
      ...affectedBy(found.value),
      before,
      after: null,
    },
  })
  return ok({ revision })
}

export function* includePolicy(
  args: Programs['includePolicy']['args'],
  actor: Actor,
): Program<Programs['includePolicy']['answer']> {
  const revision = yield* nextRevision()
  const chain = yield* writableChain(args, actor)
  if (!chain.ok) return chain
  const { id } = chain.value
  const { account, profile, policy, instead, rule } = args
  const included = policy === null ? chain : yield* ownPolicy({ account, profile, policy })
  if (!included.ok) return included
  const old: RuleRecord[] = []
  // From the end, so that places named are still those of before.
  for (const { include, id: ruleId } of (yield* rulesOf(id)).map(toRule).reverse()) {
    if (include === undefined || (instead !== undefined && ruleId !== instead)) continue
    const taken = yield* takeRule(id, { ruleId })
    if (!taken.ok) return taken
    yield* shiftRules(id, taken.value.position + 1, -1)
    old.push(taken.value)
  }
  if (policy !== null && rule) {
    if ((yield* countRules(id)) >= args.maxRules) {
      return err({ kind: 'limit-reached', resource: 'rule', limit: args.maxRules })
    }
    yield* shiftRules(id, 1, 1)
    yield* insertRules(id, [rule], [args.id], () => actor.at)
  }
  const attached = yield* attachIncluded(chain.value, revision, [...old, ...(rule ? [rule] : [])])
  yield* touchPolicy(id, revision, actor)
  const change = { before: old[0]?.include ?? null, after: policy }
  yield* record(actor, revision, {
    operation: 'policy.include',
    resource: 'server',
    id: args.server,
    ...affectedBy(chain.value),
    ...change,
  })
  return ok({ revision, attached })
}

/** Takes from any other policy what this one is the default of. */
function* clearDefault(policy: NewPolicyRecord, revision: number, actor: Actor): Steps<void> {
  if (policy.defaultFor === null) return
  yield* query(
    `UPDATE policies SET default_for = NULL, revision = ?, modified_at = ?
     WHERE account = ? AND profile = ? AND default_for = ? AND id <> ?`,
    revision,
    actor.at,
    policy.account,
    policy.profile,
    policy.defaultFor,
    policy.id,
  )
}

/** What the audit tells of a policy: the settings only where they are changed. */
function audited(policy: PolicyRecord, settings: readonly string[]): JsonObject {
  const { name, defaultFor, attributes } = policy
  const changed = settings.map((key) => [key, policy[key as keyof PolicySettings] ?? null])
  return { name, defaultFor, attributes, ...(Object.fromEntries(changed) as JsonObject) }
}

function* specs(policy: string): Steps<JsonObject[]> {
  const rows = yield* query('SELECT spec FROM rules WHERE policy = ? ORDER BY position', policy)
  return rows.map((row) => JSON.parse(String(row.spec)) as JsonObject)
}
