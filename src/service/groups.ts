/** Policies that stand by themselves, and their inclusion in the chains of servers. */
import { randomUUID } from 'node:crypto'
import type { Profile } from '../core/model/inventory.ts'
import { err, ok } from '../core/result.ts'
import type { NewPolicyRecord, Storage } from '../storage/storage.ts'
import { actorOf, type Context } from './context.ts'
import { policyRecord } from './records.ts'
import type { RuleLists } from './rule-lists.ts'
import type { Condition, EnforcementService, GroupService, NewPolicy, Unapplied } from './services.ts'

/** As it is stored. */
export function newGroup(
  ctx: Context,
  profile: Profile,
  { name, settings, attributes, zone = '', defaultFor = null }: Omit<NewPolicy, 'rules'>,
): NewPolicyRecord {
  const fields = { id: randomUUID(), account: ctx.principal.account, profile, name, zone, defaultFor }
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
  const idsFor = (rules: readonly unknown[], ids: readonly string[] = []) =>
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
    async removeRule(ctx, profile, policy, ruleId) {
      const args = { ...target(ctx, profile, policy), ruleId }
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
    async include(ctx, profile, server, policy, options) {
      const { account } = ctx.principal
      const args = { account, profile, server, policy, id: randomUUID(), ...options }
      const done = await storage.run('includePolicy', args, actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
  }
}
