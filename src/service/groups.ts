/** Policies that stand by themselves: groups, and those of one interface. */
import { randomUUID } from 'node:crypto'
import type { JsonObject } from '../core/json.ts'
import type { PolicySettings } from '../core/model/policy.ts'
import type { Profile } from '../core/model/profile.ts'
import { err, ok } from '../core/result.ts'
import type {
  Member,
  NewPolicyRecord,
  NewRule,
  PolicyChoices,
  PolicyRecord,
  RulePlace,
  RuleRecord,
  Storage,
} from '../storage/storage.ts'
import { actorOf, type Context } from './context.ts'
import type { EnforcementService } from './enforcement.ts'
import type { Condition, Outcome } from './outcome.ts'
import { policyRecord } from './records.ts'
import type { RuleLists } from './rule-lists.ts'

/** A policy and its rules, which are read after it and may be newer. */
export interface PolicyWithRules {
  readonly policy: PolicyRecord
  readonly rules: readonly RuleRecord[]
}

export interface NewPolicy {
  /** Absent: a random one. */
  readonly id?: string
  readonly name: string
  readonly settings: PolicySettings
  readonly attributes: JsonObject
  /** Zone it is in; absent: none. It stays there. */
  readonly zone?: string
  /** What it is the default of, in place of any other; absent or null: of nothing. */
  readonly defaultFor?: string | null
  readonly rules: readonly NewRule[]
  readonly ruleIds?: readonly string[]
}

/** Not yet, or the host's agent cannot. */
export type Unapplied = 'applying' | 'failing'

/** Policies that stand by themselves: groups; and those of one interface. Another account's are `not-found`. */
export interface GroupService {
  /** Oldest first. */
  list(
    ctx: Context,
    profile: Profile,
    zone?: string,
  ): Promise<readonly (PolicyRecord & { readonly ruleCount: number })[]>
  /** Its rules as `render` makes them, kept as bytes until it changes; `form` as of `ChainService.listBytes`. */
  rulesBytes(
    policy: PolicyRecord,
    form: string,
    render: (rules: readonly RuleRecord[]) => Buffer,
  ): Promise<Buffer>
  /** Without its rules. */
  find(ctx: Context, profile: Profile, id: string): Outcome<PolicyRecord>
  get(ctx: Context, profile: Profile, id: string): Outcome<PolicyWithRules>
  create(ctx: Context, profile: Profile, policy: NewPolicy): Outcome<PolicyWithRules>
  /** Rules, when given, replace all there are; `ruleIds` are theirs, in order. Settings that are not given stay. */
  update(
    ctx: Context,
    profile: Profile,
    id: string,
    change: Partial<Omit<NewPolicy, 'id' | 'zone' | 'settings'>> & {
      readonly settings?: Partial<PolicySettings>
      readonly choices?: PolicyChoices
    },
    condition?: Condition,
  ): Outcome<PolicyWithRules>
  /** In order. `ids` are those of rules that are there and stay, by place; the others get new ones, or those of equal rules. */
  replaceRules(
    ctx: Context,
    profile: Profile,
    id: string,
    rules: readonly NewRule[],
    options: Condition & { readonly ids: readonly (string | undefined)[]; readonly maxRules: number },
  ): Outcome<void>
  /** `conflict` while it is attached anywhere: deleting what protects a server would open it. */
  remove(ctx: Context, profile: Profile, id: string, condition?: Condition): Outcome<void>
  /** Absent `position`: appended. */
  insertRule(
    ctx: Context,
    profile: Profile,
    id: string,
    rule: NewRule,
    options: Condition & { readonly maxRules: number; readonly position?: RulePlace; readonly id?: string },
  ): Outcome<RuleRecord>
  /** It keeps its place unless `moveTo` names another; beyond the end is the last. */
  updateRule(
    ctx: Context,
    profile: Profile,
    id: string,
    ruleId: string,
    rule: NewRule,
    options?: Condition & { readonly moveTo?: RulePlace },
  ): Outcome<RuleRecord>
  removeRule(ctx: Context, profile: Profile, id: string, ruleId: string, condition?: Condition): Outcome<void>
  /** What all of them, one of them, or those of one server are attached to. */
  members(
    ctx: Context,
    profile: Profile,
    of?: { readonly policy?: string; readonly server?: string },
  ): Promise<readonly Member[]>
  /** Which policies, by id, are not in force yet as they are stored, on a host that has an agent. */
  unapplied(ctx: Context, policy?: string): Promise<ReadonlyMap<string, Unapplied>>
  /** Groups of that exact name, or whose id begins so: few, oldest first. */
  named(
    ctx: Context,
    profile: Profile,
    of: { readonly name: string; readonly idPrefix?: string },
  ): Promise<readonly PolicyRecord[]>
}

/** As it is stored. */
export function newGroup(
  ctx: Context,
  profile: Profile,
  { id = randomUUID(), name, settings, attributes, zone = '', defaultFor = null }: Omit<NewPolicy, 'rules'>,
): NewPolicyRecord {
  const fields = { id, account: ctx.principal.account, profile, name, zone, defaultFor }
  return policyRecord(settings, ctx.now, { ...fields, attributes })
}

export function createGroupService(
  storage: Storage,
  enforcement: EnforcementService,
  lists: RuleLists,
): GroupService {
  const find: GroupService['find'] = async (ctx, profile, id) => {
    const policy = await storage.policy(id)
    const single = policy?.server === null || policy?.interface !== null
    const own = policy?.account === ctx.principal.account && policy.profile === profile && single
    return policy && own ? ok(policy) : err({ kind: 'not-found', resource: 'policy', id })
  }
  const get: GroupService['get'] = async (ctx, profile, id) => {
    const policy = await find(ctx, profile, id)
    return policy.ok ? ok({ policy: policy.value, rules: await storage.rules(id) }) : policy
  }
  const target = (ctx: Context, profile: Profile, policy: string, { ifRevision }: Condition = {}) => ({
    ...{ account: ctx.principal.account, profile, policy },
    ...(ifRevision !== undefined && { ifRevision }),
  })
  const idsFor = (rules: readonly unknown[], ids: readonly (string | undefined)[] = []) =>
    rules.map((_, i) => ids[i] ?? randomUUID())

  return {
    list: (ctx, profile, zone) =>
      storage.policiesBy({ account: ctx.principal.account, profile, ...(zone !== undefined && { zone }) }),
    rulesBytes: lists.bytes,
    find,
    get,
    async create(ctx, profile, policy) {
      const { rules, ruleIds } = policy
      const record = newGroup(ctx, profile, policy)
      const args = { policy: record, rules, ids: idsFor(rules, ruleIds) }
      const done = await storage.run('createPolicy', args, actorOf(ctx))
      return done.ok ? get(ctx, profile, record.id) : done
    },
    async update(ctx, profile, id, { rules, ruleIds, ...change }, condition) {
      const args = {
        ...target(ctx, profile, id, condition),
        ...change,
        ...(rules && { rules: { rules, ids: idsFor(rules, ruleIds) } }),
      }
      const done = await storage.run('updatePolicy', args, actorOf(ctx))
      return done.ok ? get(ctx, profile, id) : done
    },
    async remove(ctx, profile, id, condition) {
      const done = await storage.run('deletePolicy', target(ctx, profile, id, condition), actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
    async replaceRules(ctx, profile, policy, rules, { ids, maxRules, ...condition }) {
      const args = { ...target(ctx, profile, policy, condition), rules, ids: idsFor(rules, ids), maxRules }
      const done = await storage.run('replaceRules', args, actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
    async insertRule(ctx, profile, policy, rule, options) {
      const args = { ...target(ctx, profile, policy), rule, id: randomUUID(), ...options }
      const done = await storage.run('insertRule', args, actorOf(ctx))
      return done.ok ? ok(done.value.rule) : done
    },
    async updateRule(ctx, profile, policy, ruleId, rule, options = {}) {
      const { moveTo, ...condition } = options
      const args = { ...target(ctx, profile, policy, condition), ruleId, rule }
      const done = await storage.run(
        'updateRule',
        { ...args, ...(moveTo !== undefined && { moveTo }) },
        actorOf(ctx),
      )
      return done.ok ? ok(done.value.rule) : done
    },
    async removeRule(ctx, profile, policy, ruleId, condition) {
      const args = { ...target(ctx, profile, policy, condition), ruleId }
      const done = await storage.run('deleteRule', args, actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
    members: (ctx, profile, of) => storage.members({ account: ctx.principal.account, profile, ...of }),
    async unapplied(ctx, policy) {
      const found = new Map<string, Unapplied>()
      for (const each of await enforcement.pending(ctx, policy === undefined ? {} : { policy })) {
        for (const { id, revision } of each.policies) {
          const behind = Math.max(revision, each.serverRevision) > each.applied
          if (each.progress === 'failing') found.set(id, 'failing')
          else if (behind && !found.has(id)) found.set(id, 'applying')
        }
      }
      return found
    },
    named: (ctx, profile, of) => storage.policiesNamed({ account: ctx.principal.account, profile, ...of }),
  }
}
