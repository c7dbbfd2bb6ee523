/** What has been changed, by whom and through what; and how long that is kept. */
import { isDeepStrictEqual } from 'node:util'
import { isObject, type JsonValue } from '../core/json.ts'
import { type FieldChange, fieldChanges } from '../core/model/field-diff.ts'
import { diffPolicies, isNoDifference, type PolicyDiff } from '../core/model/policy-diff.ts'
import type { Profile } from '../core/model/profile.ts'
import { err, ok } from '../core/result.ts'
import type {
  Actor,
  AuditEvent,
  HistoryFound,
  HistoryPage,
  NewEvent,
  RequestRecord,
  RevisionRecord,
  Storage,
} from '../storage/storage.ts'
import { type Context, isOperator, isOverAll } from './context.ts'
import type { Outcome } from './outcome.ts'
import { policyAt } from './policy-past.ts'

/** Which events, and which page of them: `before` is an exclusive revision. `account` is for operators that act in none. */
export type HistoryQuery = Omit<HistoryPage, 'scope'>

/** What one revision changed. */
export interface RevisionDiff {
  readonly event: RevisionRecord
  /** What the event says was before and after, field by field; without the rules of policies that are told of beside it. */
  readonly fields: readonly FieldChange[]
  /** Policies that it made, changed or deleted, by id; at most 100. */
  readonly policies: readonly PolicyRevisionDiff[]
  /** Whether there are more policies. */
  readonly more: boolean
}

export interface PolicyRevisionDiff extends PolicyDiff {
  readonly policy: string
  readonly profile: Profile
  readonly name: string
  readonly server: string | null
  readonly change: 'created' | 'changed' | 'deleted'
}

/** Events of the caller's account; of all for operators that act in none. Tenants read nothing of hosts in them. */
export interface HistoryService {
  revisions(ctx: Context, query: HistoryQuery): Promise<HistoryFound<RevisionRecord>>
  /** With what was before and after: about a megabyte of it at most, but at least one event. */
  audit(ctx: Context, query: HistoryQuery): Promise<HistoryFound<AuditEvent>>
  revision(ctx: Context, revision: number): Outcome<AuditEvent>
  diff(ctx: Context, revision: number): Outcome<RevisionDiff>
  /** One logged request of a dialect; `not-found` (revision) also when it is another account's, or older than history is kept. */
  request(ctx: Context, requestId: string): Outcome<RequestRecord>
  /** Logged requests, newest first. */
  requests(ctx: Context, limit: number): Promise<readonly RequestRecord[]>
  /** Records what is no write: a login, a change of the guard. `account` of `by` says whose it is; empty: nobody's. */
  record(by: Actor, event: NewEvent): Promise<void>
  /** Records a setting of the installation, if it is another than the last that was recorded. */
  recordSetting(by: Actor, event: Omit<NewEvent, 'before'>): Promise<void>
}

/** Bytes of what was before and after in one answer. */
const maxBytes = 1024 * 1024
/** Policies in one diff. */
const maxPolicies = 100

/** Undefined: history does not reach back so far, it is another account's, or nothing differs. */
async function policyDiff(
  storage: Storage,
  account: string,
  policy: string,
  revision: number,
): Promise<PolicyRevisionDiff | undefined> {
  const found = await policyAt(storage, account, policy, [revision, revision - 1])
  if (!found.ok) return undefined
  const [after = null, before = null] = found.value.states
  const is = after ?? before
  const diff = diffPolicies(before, after)
  const change = after ? (before ? 'changed' : 'created') : 'deleted'
  if (!is || (change === 'changed' && isNoDifference(diff))) return undefined
  const { profile, name, server } = is
  return { policy, profile, name, server, change, ...diff }
}

/** What an event says beside lists of rules. */
function beside(value: JsonValue): JsonValue {
  if (!isObject(value)) return value
  const { rules: _, ruleCount: __, changedRules: ___, ...rest } = value
  return rest
}

/** The account whose events a caller sees, whatever was asked for; none: those of all. */
const whose = ({ principal }: Context): { readonly account?: string } =>
  isOverAll(principal) ? {} : { account: principal.account }

const outermost = (field: string) => field.split('.', 1)[0]

export function createHistoryService(storage: Storage): HistoryService {
  const revision: HistoryService['revision'] = async (ctx, number) => {
    const event = await storage.auditEvent(number, whose(ctx))
    return event
      ? ok(toldTo(ctx, event))
      : err({ kind: 'not-found', resource: 'revision', id: String(number) })
  }
  const record: HistoryService['record'] = async (by, event) => {
    await storage.run('recordEvent', { event }, by)
  }
  return {
    record,
    async recordSetting(by, event) {
      const before = (await storage.lastEvent(by.account, event.operation, event.id))?.after ?? null
      if (!isDeepStrictEqual(before, event.after)) await record(by, { ...event, before })
    },
    revisions: (ctx, query) => storage.revisions({ ...query, ...whose(ctx) }),
    async audit(ctx, query) {
      const found = await storage.audit({ ...query, ...whose(ctx), bytes: maxBytes })
      return { ...found, items: found.items.map((event) => toldTo(ctx, event)) }
    },
    revision,
    async diff(ctx, number) {
      const event = await revision(ctx, number)
      if (!event.ok) return event
      const { account } = event.value
      const ids = await storage.policiesOf(number, maxPolicies + 1)
      const policies = await Promise.all(
        ids.slice(0, maxPolicies).map((id) => policyDiff(storage, account, id, number)),
      )
      const told = policies.filter((each) => each !== undefined)
      const { before, after, ...record } = event.value
      const fields =
        told.length === 0 ? fieldChanges(before, after) : fieldChanges(beside(before), beside(after))
      const ofRule = told.length > 0 && record.resource === 'rule'
      const settings = new Set(told.flatMap((each) => each.settings.map(({ field }) => outermost(field))))
      return ok({
        event: record,
        fields: ofRule ? [] : fields.filter(({ field }) => !settings.has(outermost(field))),
        policies: told,
        more: ids.length > maxPolicies,
      })
    },
    async request(ctx, requestId) {
      const event = await storage.loggedRequest(ctx.principal.account, ctx.dialect, requestId)
      return event ? ok(event) : err({ kind: 'not-found', resource: 'revision', id: requestId })
    },
    requests: (ctx, limit) => storage.loggedRequests(ctx.principal.account, ctx.dialect, limit),
  }
}

/** Where an interface is stands in events about its place, for operators. */
function toldTo({ principal }: Context, event: AuditEvent): AuditEvent {
  if (isOperator(principal) || !placing.has(event.resource)) return event
  return { ...event, before: withoutPlace(event.before), after: withoutPlace(event.after) }
}
const placing: ReadonlySet<string> = new Set(['binding', 'interface', 'host'])

function withoutPlace(value: JsonValue): JsonValue {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(withoutPlace)
  const kept = Object.entries(value).filter(([key]) => key !== 'host' && key !== 'device')
  return Object.fromEntries(kept.map(([key, of]) => [key, withoutPlace(of)]))
}
