/** Policies that stand by themselves, and their inclusion in the chains of servers. */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { policyColumns, toPolicy } from '../rows.ts'
import { type Program, query, queryOne, type Steps } from '../statement.ts'
import type { Actor, PolicyRecord, PolicyTarget, Programs } from '../storage.ts'
import {
  countRules,
  nextRevision,
  notFound,
  record,
  shiftRules,
  touchPolicy,
  writableChain,
} from './common.ts'
import { insertRules } from './rules.ts'
import { insertAttachments, insertPolicies, updatePolicySettings } from './servers.ts'

export function* createPolicy(
  { policy, rules, ids }: Programs['createPolicy']['args'],
  actor: Actor,
): Program<Programs['createPolicy']['answer']> {
  const revision = yield* nextRevision()
  yield* insertPolicies([{ ...policy, revision }])
  yield* insertRules(policy.id, rules, ids)
  const after = { name: policy.name, attributes: policy.attributes, rules: rules.map((rule) => rule.spec) }
  const { id } = policy
  yield* record(actor, revision, { operation: 'policy.create', resource: 'policy', id, before: null, after })
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
  const { name = old.name, settings, rules } = args
  const attributes = { ...old.attributes, ...args.attributes }
  yield* query(
    'UPDATE policies SET name = ?, attributes = ? WHERE id = ?',
    name,
    JSON.stringify(attributes),
    old.id,
  )
  yield* updatePolicySettings({ ...old, ...settings, revision })
  const before: Record<string, JsonObject[string]> = { name: old.name, attributes: old.attributes }
  const after: Record<string, JsonObject[string]> = { name, attributes }
  if (rules) {
    before.rules = yield* specs(old.id)
    yield* query('DELETE FROM rules WHERE policy = ?', old.id)
    yield* insertRules(old.id, rules.rules, rules.ids)
    after.rules = rules.rules.map((rule) => rule.spec)
  }
  const { id } = old
  yield* record(actor, revision, { operation: 'policy.update', resource: 'policy', id, before, after })
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
    return err({ kind: 'conflict', resource: 'policy', reason: 'the policy is still attached' })
  }
  const before = { name, attributes, rules: yield* specs(id) }
  yield* query('DELETE FROM rules WHERE policy = ?', id)
  yield* query('DELETE FROM policies WHERE id = ?', id)
  yield* record(actor, revision, { operation: 'policy.delete', resource: 'policy', id, before, after: null })
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
  if (args.policy !== null) {
    const policy = yield* ownPolicy({ ...args, policy: args.policy })
    if (!policy.ok) return policy
  }
  const old = yield* query(
    'DELETE FROM rules WHERE policy = ? AND include IS NOT NULL RETURNING position, include',
    id,
  )
  // From the end, so that places named are still those of before.
  for (const row of old.toSorted((a, b) => Number(b.position) - Number(a.position))) {
    yield* shiftRules(id, Number(row.position) + 1, -1)
  }
  yield* query('DELETE FROM attachments WHERE server = ? AND policy <> ?', args.server, id)
  if (args.policy !== null && args.rule) {
    if ((yield* countRules(id)) >= args.maxRules) {
      return err({ kind: 'limit-reached', resource: 'rule', limit: args.maxRules })
    }
    yield* shiftRules(id, 1, 1)
    yield* insertRules(id, [args.rule], [args.id])
    yield* insertAttachments([{ policy: args.policy, server: args.server, interface: null }])
  }
  yield* touchPolicy(id, revision)
  // What is attached is read with the server: its interfaces are read again.
  yield* query('UPDATE servers SET revision = ? WHERE id = ?', revision, args.server)
  const change = { before: old[0]?.include ?? null, after: args.policy }
  yield* record(actor, revision, {
    operation: 'policy.include',
    resource: 'server',
    id: args.server,
    ...change,
  })
  return ok({ revision })
}

/** Another account's is as if it were not there: policies by themselves are found by nobody else. */
function* ownPolicy({ account, profile, policy }: PolicyTarget): Steps<Result<PolicyRecord, RequestError>> {
  const row = yield* queryOne(
    `SELECT ${policyColumns} FROM policies WHERE id = ? AND account = ? AND profile = ? AND server IS NULL`,
    policy,
    account,
    profile,
  )
  return row ? ok(toPolicy(row)) : err(notFound('policy', policy))
}

function* specs(policy: string): Steps<JsonObject[]> {
  const rows = yield* query('SELECT spec FROM rules WHERE policy = ? ORDER BY position', policy)
  return rows.map((row) => JSON.parse(String(row.spec)) as JsonObject)
}
