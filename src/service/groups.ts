/** Policies that stand by themselves, and their inclusion in the chains of servers. */
import { randomUUID } from 'node:crypto'
import { err, ok } from '../core/result.ts'
import type { Storage } from '../storage/storage.ts'
import { actorOf } from './context.ts'
import type { GroupService } from './services.ts'

export function createGroupService(storage: Storage): GroupService {
  const get: GroupService['get'] = async (ctx, profile, id) => {
    const policy = await storage.policy(id)
    const own =
      policy?.account === ctx.principal.account && policy.profile === profile && policy.server === null
    if (!policy || !own) return err({ kind: 'not-found', resource: 'policy', id })
    return ok({ policy, rules: await storage.rules(id) })
  }
  const idsFor = (rules: readonly unknown[], ids: readonly string[] = []) =>
    rules.map((_, i) => ids[i] ?? randomUUID())

  return {
    list: (ctx, profile) => storage.policiesBy({ account: ctx.principal.account, profile }),
    get,
    async create(ctx, profile, { name, settings, attributes, rules, ruleIds }) {
      const { account } = ctx.principal
      const policy = { ...settings, id: randomUUID(), account, profile, name, server: null, attributes }
      const args = { policy, rules, ids: idsFor(rules, ruleIds) }
      const done = await storage.run('createPolicy', args, actorOf(ctx))
      return done.ok ? get(ctx, profile, policy.id) : done
    },
    async update(ctx, profile, id, { name, settings, attributes, rules, ruleIds }) {
      const { account } = ctx.principal
      const done = await storage.run(
        'updatePolicy',
        {
          ...{ account, profile, policy: id },
          ...(name !== undefined && { name }),
          ...(settings && { settings }),
          ...(attributes && { attributes }),
          ...(rules && { rules: { rules, ids: idsFor(rules, ruleIds) } }),
        },
        actorOf(ctx),
      )
      return done.ok ? get(ctx, profile, id) : done
    },
    async remove(ctx, profile, id) {
      const { account } = ctx.principal
      const done = await storage.run('deletePolicy', { account, profile, policy: id }, actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
    async include(ctx, profile, server, group, { rule, ...options }) {
      const { account } = ctx.principal
      const args = {
        account,
        profile,
        server,
        policy: group,
        id: randomUUID(),
        ...options,
        ...(rule && { rule }),
      }
      const done = await storage.run('includePolicy', args, actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
  }
}
