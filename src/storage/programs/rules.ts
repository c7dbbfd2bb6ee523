/** Writes to the rules of a server's own chain. Positions stay dense, 1 to n. */
import { err, ok } from '../../core/result.ts'
import { fromRule, ruleColumns, toRule } from '../rows.ts'
import { insertRows, type Program, query, type Steps } from '../statement.ts'
import type { Actor, NewRule, Programs } from '../storage.ts'
import {
  countRules,
  nextRevision,
  notFound,
  record,
  shiftRules,
  touchPolicy,
  writableChain,
} from './common.ts'

export function* insertRule(
  args: Programs['insertRule']['args'],
  actor: Actor,
): Program<Programs['insertRule']['answer']> {
  const revision = yield* nextRevision()
  const chain = yield* writableChain(args, actor)
  if (!chain.ok) return chain
  const policy = chain.value.id
  const count = yield* countRules(policy)
  if (count >= args.maxRules) return err({ kind: 'limit-reached', resource: 'rule', limit: args.maxRules })
  const position = Math.min(args.position ?? count + 1, count + 1)
  if (position <= count) yield* shiftRules(policy, position, 1)
  yield* insertRules(policy, [args.rule], [args.id], position)
  yield* touchPolicy(policy, revision)
  const after = { position, ...args.rule.spec }
  yield* record(actor, revision, {
    operation: 'rule.create',
    resource: 'rule',
    id: args.id,
    before: null,
    after,
  })
  return ok({ rule: { ...args.rule, id: args.id, position }, policy, revision })
}

export function* replaceRules(
  args: Programs['replaceRules']['args'],
  actor: Actor,
): Program<Programs['replaceRules']['answer']> {
  const revision = yield* nextRevision()
  const chain = yield* writableChain(args, actor)
  if (!chain.ok) return chain
  if (args.rules.length > args.maxRules)
    return err({ kind: 'limit-reached', resource: 'rule', limit: args.maxRules })
  const policy = chain.value.id
  const old = yield* query('SELECT spec FROM rules WHERE policy = ? ORDER BY position', policy)
  yield* query('DELETE FROM rules WHERE policy = ?', policy)
  yield* insertRules(policy, args.rules, args.ids)
  yield* touchPolicy(policy, revision)
  yield* record(actor, revision, {
    operation: 'rule.replace',
    resource: 'policy',
    id: policy,
    before: old.map((row) => JSON.parse(String(row.spec))),
    after: args.rules.map((rule) => rule.spec),
  })
  return ok({ policy, revision })
}

export function* updateRule(
  args: Programs['updateRule']['args'],
  actor: Actor,
): Program<Programs['updateRule']['answer']> {
  const revision = yield* nextRevision()
  const chain = yield* writableChain(args, actor)
  if (!chain.ok) return chain
  const policy = chain.value.id
  const [row] = yield* query(
    `DELETE FROM rules WHERE policy = ? AND position = ? RETURNING ${ruleColumns}`,
    policy,
    args.position,
  )
  if (!row) return err(notFound('rule', String(args.position)))
  const old = toRule(row)
  const rule = { ...args.rule, id: old.id, position: old.position }
  yield* insertRules(policy, [rule], [rule.id], rule.position)
  yield* touchPolicy(policy, revision)
  const change = {
    before: { position: old.position, ...old.spec },
    after: { position: old.position, ...rule.spec },
  }
  yield* record(actor, revision, { operation: 'rule.update', resource: 'rule', id: old.id, ...change })
  return ok({ rule, policy, revision })
}

/** At consecutive positions from `first` on, which must be free. */
export function* insertRules(
  policy: string,
  rules: readonly NewRule[],
  ids: readonly string[],
  first = 1,
): Steps<void> {
  const rows = rules.map((rule, i) => fromRule(policy, first + i, ids[i] ?? '', rule))
  yield* insertRows(`rules (${ruleColumns})`, ruleColumns.split(',').length, rows)
}

export function* deleteRule(
  args: Programs['deleteRule']['args'],
  actor: Actor,
): Program<Programs['deleteRule']['answer']> {
  const revision = yield* nextRevision()
  const chain = yield* writableChain(args, actor)
  if (!chain.ok) return chain
  const policy = chain.value.id
  const deleted = yield* query(
    `DELETE FROM rules WHERE policy = ? AND position = ? RETURNING ${ruleColumns}`,
    policy,
    args.position,
  )
  if (!deleted[0]) return err(notFound('rule', String(args.position)))
  const rule = toRule(deleted[0])
  yield* shiftRules(policy, args.position + 1, -1)
  yield* touchPolicy(policy, revision)
  const before = { position: args.position, ...rule.spec }
  yield* record(actor, revision, {
    operation: 'rule.delete',
    resource: 'rule',
    id: rule.id,
    before,
    after: null,
  })
  return ok({ policy, revision })
}
