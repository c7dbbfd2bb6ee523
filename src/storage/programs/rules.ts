/** Writes to the rules of one policy. Positions stay dense, 1 to n. */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { fromRule, ruleColumns, storedRuleColumns, toRule } from '../rows.ts'
import {
  counted,
  insertRows,
  type Program,
  query,
  queryOne,
  type Row,
  type SqlValue,
  type Steps,
} from '../statement.ts'
import type {
  Actor,
  NewRule,
  PolicyRecord,
  Programs,
  RuleLocator,
  RulePlace,
  RuleRecord,
  RuleTarget,
} from '../storage.ts'
import {
  affectedBy,
  countRules,
  nextRevision,
  notFound,
  ownPolicy,
  record,
  shiftRules,
  touchPolicy,
  writablePolicy,
} from './common.ts'
import { rememberInserted, rememberRewritten, rememberTaken } from './past.ts'

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
  const includable = yield* includableRules(args, [args.rule])
  if (!includable.ok) return includable
  const place = yield* positionOf(policy, args.position ?? count + 1)
  if (!place.ok) return place
  const position = Math.min(place.value, count + 1)
  if (position <= count) yield* shiftRules(policy, position, 1)
  yield* insertRules(policy, [args.rule], [args.id], () => actor.at, position)
  const attached = yield* attachIncluded(found.value, revision, [args.rule])
  yield* touchPolicy(policy, revision, actor)
  const after = { position, ...args.rule.spec }
  yield* record(actor, revision, {
    operation: 'rule.create',
    resource: 'rule',
    id: args.id,
    ...affectedBy(found.value),
    before: null,
    after,
  })
  return ok({ rule: { ...args.rule, id: args.id, position }, policy, revision, attached })
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
  const includable = yield* includableRules(args, args.rules)
  if (!includable.ok) return includable
  const old = yield* rulesOf(policy)
  if (actor.request === undefined && areRules(old, args.rules)) {
    return ok({ policy, revision: found.value.revision, changed: false })
  }
  yield* rewriteRules(policy, old, args.rules, keptIds(old, args.rules, args.ids), actor)
  const attached = yield* attachIncluded(found.value, revision, [...old, ...args.rules])
  yield* touchPolicy(policy, revision, actor)
  yield* record(actor, revision, {
    operation: 'rule.replace',
    resource: 'policy',
    id: policy,
    ...affectedBy(found.value),
    before: { rules: old.map((row) => JSON.parse(String(row.spec)) as JsonObject) },
    after: { rules: args.rules.map((rule) => rule.spec) },
  })
  return ok({ policy, revision, attached })
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
  if (
    args.moveTo === undefined &&
    actor.request === undefined &&
    areRules([old.value.row], [args.rule], [id], from)
  ) {
    return ok({ rule: toRule(old.value.row), policy, revision: found.value.revision, changed: false })
  }
  const includable = yield* includableRules(args, [args.rule])
  if (!includable.ok) return includable
  let to = from
  if (args.moveTo !== undefined) {
    yield* shiftRules(policy, from + 1, -1)
    const place = yield* positionOf(policy, args.moveTo)
    if (!place.ok) return place
    to = Math.min(place.value, (yield* countRules(policy)) + 1)
    yield* shiftRules(policy, to, 1)
  }
  const rule = { ...args.rule, id, position: to }
  yield* insertRules(policy, [rule], [id], () => sinceOf(old.value.row), to)
  const attached = yield* attachIncluded(found.value, revision, [old.value, rule])
  yield* touchPolicy(policy, revision, actor)
  const change = {
    before: { position: from, ...old.value.spec },
    after: { position: to, ...rule.spec },
  }
  const event = { operation: 'rule.update', resource: 'rule', id, ...affectedBy(found.value) } as const
  yield* record(actor, revision, { ...event, ...change })
  return ok({ rule, policy, revision, attached })
}

/**
 * At consecutive positions from `first` on, which must be free. `since` says since when the rule of an id is there,
 * milliseconds since 1970; null: unknown.
 */
export function* insertRules(
  policy: string,
  rules: readonly NewRule[],
  ids: readonly string[],
  since: (id: string) => number | null,
  first = 1,
): Steps<void> {
  yield* putRules(policy, rules, ids, since, first)
  yield* rememberInserted(policy, first, rules.length)
}

function* putRules(
  policy: string,
  rules: readonly NewRule[],
  ids: readonly string[],
  since: (id: string) => number | null,
  first: number,
): Steps<void> {
  const rows = rules.map((rule, i) => {
    const id = ids[i] ?? ''
    return [...fromRule(policy, first + i, id, rule), since(id)]
  })
  const counts = [{ of: { policy }, name: 'rules', by: rows.length }] as const
  yield* insertRows(`rules (${storedRuleColumns})`, storedRuleColumns.split(',').length, rows, '', counts)
}

/** Puts rules in place of all that a policy has, which are `old`. Those that keep their id are there since they were. */
export function* rewriteRules(
  policy: string,
  old: readonly Row[],
  rules: readonly NewRule[],
  ids: readonly string[],
  { at }: Actor,
): Steps<void> {
  const before = new Map(old.map((row) => [String(row.id), sinceOf(row)]))
  yield* rememberRewritten(policy, old, rules.length, (was, is) =>
    isRule(old[was] as Row, rules[is] as NewRule, ids[is] ?? ''),
  )
  const fewer = { of: { policy }, name: 'rules', by: -old.length } as const
  yield* counted(fewer, 'DELETE FROM rules WHERE policy = ?', policy)
  yield* putRules(policy, rules, ids, (id) => before.get(id) ?? (before.has(id) ? null : at), 1)
}

const sinceOf = ({ since }: Row): number | null => (since === null ? null : Number(since))

/**
 * Rules that are written again as they are keep their ids, and with them what they have counted: whoever writes whole lists
 * changes no others than those that differ. Equal ones keep theirs in order; an id that is given and there already stays.
 */
function keptIds(old: readonly Row[], rules: readonly NewRule[], ids: readonly string[]): readonly string[] {
  const given = new Set(ids)
  const free = new Map<string, string[]>()
  for (const row of old) {
    if (given.has(String(row.id))) continue
    const text = JSON.stringify(asWritten.map((column) => row[column]))
    free.set(text, [...(free.get(text) ?? []), String(row.id)])
  }
  const there = new Set(old.map(({ id }) => String(id)))
  return rules.map((rule, i) => {
    const id = ids[i] ?? ''
    if (there.has(id)) return id
    const wanted = fromRule('', 0, '', rule)
    const text = JSON.stringify(asWritten.map((column) => wanted[columns.indexOf(column)]))
    return free.get(text)?.shift() ?? id
  })
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
  const attached = yield* attachIncluded(found.value, revision, [old.value])
  yield* touchPolicy(policy, revision, actor)
  const before = { position, ...spec }
  yield* record(actor, revision, {
    operation: 'rule.delete',
    resource: 'rule',
    id,
    ...affectedBy(found.value),
    before,
    after: null,
  })
  return ok({ policy, revision, attached })
}

/** The position that a place means; the rule that goes there must not be in the policy. */
function* positionOf(policy: string, place: RulePlace): Steps<Result<number, RequestError>> {
  if (typeof place === 'number') return ok(place)
  const id = 'before' in place ? place.before : place.after
  const row = yield* queryOne('SELECT position FROM rules WHERE policy = ? AND id = ?', policy, id)
  return row ? ok(Number(row.position) + ('after' in place ? 1 : 0)) : err(notFound('rule', id))
}

/** As rows, by position. */
export function* rulesOf(policy: string): Steps<readonly Row[]> {
  return yield* query(`SELECT ${storedRuleColumns} FROM rules WHERE policy = ? ORDER BY position`, policy)
}

const columns = ruleColumns.split(', ')
/** What of a rule is the same wherever it stands. */
const asWritten = columns.filter((column) => !['policy', 'position', 'id'].includes(column))

/** Whether a row holds this rule, wherever it stands. */
function isRule(row: Row, rule: NewRule, id: string): boolean {
  const wanted = fromRule(String(row.policy), Number(row.position), id, rule)
  return columns.every((column, i) => row[column] === wanted[i])
}

/** Whether rows hold exactly these rules at consecutive positions from `first` on; without `ids`, whatever theirs are. */
export function areRules(
  rows: readonly Row[],
  rules: readonly NewRule[],
  ids?: readonly string[],
  first = 1,
): boolean {
  return (
    rows.length === rules.length &&
    rows.every((row, i) => {
      const id = ids ? (ids[i] ?? '') : String(row.id)
      const wanted = fromRule(String(row.policy), first + i, id, rules[i] as NewRule)
      return columns.every((column, j) => row[column] === wanted[j])
    })
  )
}

/** Fails if a rule includes a policy that the account does not have. */
function* includableRules(
  { account, profile }: RuleTarget,
  rules: readonly NewRule[],
): Steps<Result<void, RequestError>> {
  for (const { include: policy } of rules) {
    const found = policy === undefined ? ok(undefined) : yield* ownPolicy({ account, profile, policy })
    if (!found.ok) return found
  }
  return ok(undefined)
}

/**
 * After `changed` rules of a server's chain were written: attaches to the server exactly the policies that the chain
 * includes, because only what is attached is enforced and is protected from deletion. True if that changed anything.
 */
export function* attachIncluded(
  { id: chain, server, interface: nic }: PolicyRecord,
  revision: number,
  changed: readonly { readonly include?: unknown }[],
): Steps<boolean> {
  if (server === null || nic !== null || changed.every((rule) => typeof rule.include !== 'string'))
    return false
  const [there, wanted] = [
    `SELECT policy FROM attachments WHERE server = ? AND interface = '' AND policy <> ? ORDER BY rank`,
    'SELECT include AS policy FROM rules WHERE include IS NOT NULL AND policy = ? ORDER BY position',
  ]
  const before = (yield* query(there, server, chain)).map((row) => String(row.policy))
  const after = [...new Set((yield* query(wanted, chain)).map((row) => String(row.policy)))]
  if (before.join() === after.join()) return false
  yield* query("DELETE FROM attachments WHERE server = ? AND interface = '' AND policy <> ?", server, chain)
  // The chain itself is of rank 0.
  const rows = after.map((policy, index) => [server, '', policy, index + 1])
  yield* insertRows('attachments (server, interface, policy, rank)', 4, rows)
  // What is attached is read with the server.
  yield* query('UPDATE servers SET revision = ? WHERE id = ?', revision, server)
  return true
}

/** Takes a rule out; its position stays empty. */
export function* takeRule(
  policy: string,
  at: RuleLocator,
): Steps<Result<RuleRecord & { readonly row: Row }, RequestError>> {
  const [column, value] = 'ruleId' in at ? ['id', at.ruleId] : ['position', at.position]
  const one = { of: { policy }, name: 'rules', by: -1 } as const
  // Without such a rule the program ends, and nothing counts.
  const [row] = yield* counted(
    one,
    `DELETE FROM rules WHERE policy = ? AND ${column} = ? RETURNING ${storedRuleColumns}`,
    ...[policy, value as SqlValue],
  )
  if (!row) return err(notFound('rule', String(value)))
  yield* rememberTaken(row)
  return ok({ ...toRule(row), row })
}
