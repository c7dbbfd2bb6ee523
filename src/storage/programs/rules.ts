/** Writes to the rules of one policy. Positions stay dense, 1 to n. */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { fromRule, ruleColumns, toRule } from '../rows.ts'
import { insertRows, type Program, query, queryOne, type SqlValue, type Steps } from '../statement.ts'
import type { Actor, NewRule, Programs, RulePlace, RuleRecord } from '../storage.ts'
import {
  countRules,
  nextRevision,
  notFound,
  record,
  shiftRules,
  touchPolicy,
  writablePolicy,
} from './common.ts'

export function* insertRule(
  args: Programs['insertRule']['args'],
  actor: Actor,
): Program<Programs['insertRule']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* writablePolicy(args, actor)
  if (!found.ok) return found
  const policy = found.value.id
  const count = yield* countRules(policy)
  if (count >= args.maxRules) return err({ kind: 'limit-reached', resource: 'rule', limit: args.maxRules })
  const position = Math.min(args.position ?? count + 1, count + 1)
  if (position <= count) yield* shiftRules(policy, position, 1)
  yield* insertRules(policy, [args.rule], [args.id], position)
  yield* touchPolicy(policy, revision, actor)
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
  const found = yield* writablePolicy(args, actor)
  if (!found.ok) return found
  if (args.rules.length > args.maxRules)
    return err({ kind: 'limit-reached', resource: 'rule', limit: args.maxRules })
  const policy = found.value.id
  const old = yield* query('SELECT spec FROM rules WHERE policy = ? ORDER BY position', policy)
  yield* query('DELETE FROM rules WHERE policy = ?', policy)
  yield* insertRules(policy, args.rules, args.ids)
  yield* touchPolicy(policy, revision, actor)
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
  const found = yield* writablePolicy(args, actor)
  if (!found.ok) return found
  const policy = found.value.id
  const old = yield* takeRule(policy, args)
  if (!old.ok) return old
  const { id, position: from } = old.value
  let to = from
  if (args.moveTo !== undefined) {
    yield* shiftRules(policy, from + 1, -1)
    to = Math.min(args.moveTo, (yield* countRules(policy)) + 1)
    yield* shiftRules(policy, to, 1)
  }
  const rule = { ...args.rule, id, position: to }
  yield* insertRules(policy, [rule], [id], to)
  yield* touchPolicy(policy, revision, actor)
  const change = {
    before: { position: from, ...old.value.spec },
    after: { position: to, ...rule.spec },
  }
  yield* record(actor, revision, { operation: 'rule.update', resource: 'rule', id, ...change })
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
  const found = yield* writablePolicy(args, actor)
  if (!found.ok) return found
  const policy = found.value.id
  const old = yield* takeRule(policy, args)
  if (!old.ok) return old
  const { id, position, spec } = old.value
  yield* shiftRules(policy, position + 1, -1)
  yield* touchPolicy(policy, revision, actor)
  const before = { position, ...spec }
  yield* record(actor, revision, {
    operation: 'rule.delete',
    resource: 'rule',
    id,
    before,
    after: null,
  })
  return ok({ policy, revision })
}

/** Takes a rule out; its place stays empty. */
function* takeRule(policy: string, place: RulePlace): Steps<Result<RuleRecord, RequestError>> {
  const [column, value] = 'ruleId' in place ? ['id', place.ruleId] : ['position', place.position]
  const sql = `DELETE FROM rules WHERE policy = ? AND ${column} = ? RETURNING ${ruleColumns}`
  const row = yield* queryOne(sql, policy, value as SqlValue)
  return row ? ok(toRule(row)) : err(notFound('rule', String(value)))
}
