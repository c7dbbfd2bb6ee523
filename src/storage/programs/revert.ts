/** Rules and settings of a policy as they once were, written again. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { type InterfacePolicies, interfaceAttributes } from '../../core/model/profile.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { fromSettings, policyColumns, toPolicy, toSettings } from '../rows.ts'
import { type Program, query, queryOne, type Steps } from '../statement.ts'
import type { Actor, PolicyRecord, Programs } from '../storage.ts'
import { affectedBy, isNoChange, nextRevision, notFound, record, unchanged } from './common.ts'
import { areRules, attachIncluded, rewriteRules, rulesOf } from './rules.ts'
import { updatePolicySettings } from './servers.ts'

type Args = Programs['revertPolicy']['args']

export function* revertPolicy(args: Args, actor: Actor): Program<Programs['revertPolicy']['answer']> {
  const revision = yield* nextRevision()
  const sql = `SELECT ${policyColumns} FROM policies WHERE id = ? AND account = ?`
  const row = yield* queryOne(sql, args.policy, args.account)
  if (!row) return err(notFound('policy', args.policy))
  const found = unchanged(toPolicy(row), args)
  if (!found.ok) return found
  const old = found.value
  const possible = yield* stillThere(old, args)
  if (!possible.ok) return possible
  const { rules, ids } = args
  const before = yield* rulesOf(old.id)
  const [were, settings] = [toSettings(row), args.settings]
  const same = areRules(before, rules, ids) && isNoChange(actor, fromSettings(were), fromSettings(settings))
  if (same) return ok({ revision: old.revision, changed: false })
  yield* rewriteRules(old.id, before, rules, ids, actor)
  // What that adds is compared with quotas, and undone.
  if (args.dryRun) return ok({ revision: old.revision, changed: false })
  const attached = yield* attachIncluded(old, revision, [...before, ...rules])
  yield* updatePolicySettings({ ...settings, id: old.id, revision, modifiedAt: actor.at })
  yield* switchInterface(old, args, revision)
  yield* renewZone(old, args, revision)
  const events = {
    before: {
      ...(were as unknown as JsonObject),
      rules: before.map((each) => JSON.parse(String(each.spec)) as JsonObject),
    },
    after: { ...(settings as unknown as JsonObject), rules: rules.map(({ spec }) => spec), to: args.to },
  }
  yield* record(actor, revision, {
    ...{ operation: 'policy.revert', resource: 'policy', id: old.id, ...affectedBy(old), ...events },
  })
  return ok({ revision, attached })
}

/** Whether its rules fit, and what they name is there. */
function* stillThere(
  { account, profile, server, interface: nic }: PolicyRecord,
  { rules, maxRules }: Args,
): Steps<Result<void, RequestError>> {
  if (maxRules !== undefined && rules.length > maxRules)
    return err({ kind: 'limit-reached', resource: 'rule', limit: maxRules })
  for (const include of new Set(rules.flatMap((rule) => rule.include ?? []))) {
    const sql = 'SELECT id FROM policies WHERE id = ? AND account = ? AND profile = ? AND server IS NULL'
    if (!(yield* queryOne(sql, include, account, profile))) return gone(`policy ${include}`)
  }
  if (server === null || nic !== null) return ok(undefined)
  for (const number of new Set(rules.flatMap((rule) => rule.interface ?? []))) {
    const sql = 'SELECT id FROM interfaces WHERE server = ? AND number = ?'
    if (!(yield* queryOne(sql, server, number))) return gone(`interface ${number} of the server`)
  }
  return ok(undefined)
}

const gone = (what: string) =>
  err<RequestError>({
    kind: 'conflict',
    resource: 'rule',
    reason: `a rule of then names what is gone: ${what}`,
  })

/** An interface that switches its own policy says the same as the policy, or the next change of it would undo this one. */
function* switchInterface(
  { interface: nic, server }: PolicyRecord,
  { settings, interfacePolicies }: { settings: Args['settings']; interfacePolicies?: InterfacePolicies },
  revision: number,
): Steps<void> {
  if (nic === null || !interfacePolicies) return
  const row = yield* queryOne('SELECT attributes FROM interfaces WHERE id = ?', nic)
  const attributes = JSON.parse(String(row?.attributes ?? '{}')) as JsonObject
  const wanted = { ...attributes, ...interfaceAttributes(interfacePolicies, settings, attributes) }
  if (isSame(attributes, wanted)) return
  yield* query('UPDATE interfaces SET attributes = ? WHERE id = ?', JSON.stringify(wanted), nic)
  yield* query('UPDATE servers SET revision = ? WHERE id = ?', revision, server)
}

const isSame = (a: JsonValue, b: JsonValue) => JSON.stringify(a) === JSON.stringify(b)

/** Whoever decides from what a zone was must see that something in it has changed. */
function* renewZone(
  { profile, server, zone }: PolicyRecord,
  { zoneKind }: { zoneKind?: string },
  revision: number,
): Steps<void> {
  if (zoneKind === undefined) return
  const of = server === null ? undefined : yield* queryOne('SELECT zone FROM servers WHERE id = ?', server)
  const sql = 'UPDATE documents SET revision = ? WHERE profile = ? AND kind = ? AND id = ?'
  yield* query(sql, revision, profile, zoneKind, String(of?.zone ?? zone))
}
