/** Writes to the rules of a server's own chain. Positions stay dense, 1 to n. */
import { err, ok } from '../../core/result.ts'
import { fromRule, ruleColumns, toRule } from '../rows.ts'
import { insertRows, type Program, query } from '../statement.ts'
import type { Actor, Programs } from '../storage.ts'
import {
  countRules,
  nextRevision,
  notFound,
  record,
  shiftRules,
  touchPolicy,
  writableChain,
} from './common.ts'

const into = `rules (${ruleColumns})`
const width = ruleColumns.split(',').length

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
  yield* insertRows(into, width, [fromRule(policy, position, args.id, args.rule)])
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
  const rows = args.rules.map((rule, i) => fromRule(policy, i + 1, args.ids[i] ?? '', rule))
  yield* insertRows(into, width, rows)
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
