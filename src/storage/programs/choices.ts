/** What owners choose beside their rules, of a policy and of all that an account has. */
import type { JsonObject } from '../../core/json.ts'
import type { PolicySettings } from '../../core/model/policy.ts'
import { err, ok } from '../../core/result.ts'
import { cutFlowsKey, cutFlowsOf } from '../account-settings.ts'
import { accountColumns, fromPolicy, policyColumns, toAccount, toPolicy } from '../rows.ts'
import { type Program, query, queryOne, type Steps } from '../statement.ts'
import type { Actor, Programs } from '../storage.ts'
import {
  affectedBy,
  chosen,
  isNoChange,
  merged,
  nextRevision,
  notFound,
  record,
  unchanged,
} from './common.ts'
import { noteAttributes } from './names.ts'
import { updatePolicySettings } from './servers.ts'

export function* choosePolicy(
  { account, policy, change, ...condition }: Programs['choosePolicy']['args'],
  actor: Actor,
): Program<Programs['choosePolicy']['answer']> {
  const revision = yield* nextRevision()
  const sql = `SELECT ${policyColumns} FROM policies WHERE id = ? AND account = ?`
  const row = yield* queryOne(sql, policy, account)
  if (!row) return err(notFound('policy', policy))
  const found = unchanged(toPolicy(row), condition)
  if (!found.ok) return found
  const old = found.value
  const wanted = chosen(old, change)
  if (isNoChange(actor, fromPolicy(old), fromPolicy(wanted)))
    return ok({ revision: old.revision, changed: false })
  yield* updatePolicySettings({ ...wanted, revision, modifiedAt: actor.at })
  yield* record(actor, revision, {
    ...{ operation: 'policy.update', resource: 'policy', id: policy, ...affectedBy(old) },
    ...{ before: audited(old), after: audited(wanted) },
  })
  return ok({ revision })
}

export function* chooseAccount(
  { account: id, cutFlows }: Programs['chooseAccount']['args'],
  actor: Actor,
): Program<Programs['chooseAccount']['answer']> {
  const revision = yield* nextRevision()
  const row = yield* queryOne(`SELECT ${accountColumns} FROM accounts WHERE id = ?`, id)
  const { attributes: old } = row ? toAccount(row) : { attributes: {} }
  const before = cutFlowsOf(old) ?? null
  if (isNoChange(actor, before, cutFlows)) return ok({ revision: revision - 1, changed: false })
  const attributes = merged(old, { [cutFlowsKey]: cutFlows })
  yield* query('UPDATE accounts SET attributes = ? WHERE id = ?', JSON.stringify(attributes), id)
  yield* noteAttributes(id, attributes)
  yield* renewPolicies(id, old, attributes, revision)
  yield* record(actor, revision, {
    ...{ operation: 'account.update', resource: 'account', id },
    ...{ before: { cutFlows: before }, after: { cutFlows } },
  })
  return ok({ revision })
}

/** Gives policies a new revision that do otherwise from now on, because their account says something else. */
export function* renewPolicies(
  account: string,
  before: JsonObject,
  after: JsonObject,
  revision: number,
): Steps<void> {
  const cuts = (attributes: JsonObject) => cutFlowsOf(attributes) === 'revoked'
  if (cuts(before) === cuts(after)) return
  const sql = 'UPDATE policies SET revision = ? WHERE account = ? AND cut_flows IS NULL'
  yield* query(sql, revision, account)
}

const audited = ({ log, logAllowed, cutFlows }: PolicySettings): JsonObject => ({
  ...{ log: { ...log }, logAllowed: logAllowed ?? null, cutFlows: cutFlows ?? null },
})
