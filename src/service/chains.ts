/** Rules of the chain that belongs to a server. */
import { randomUUID } from 'node:crypto'
import type { RequestError } from '../core/model/error.ts'
import type { Profile } from '../core/model/profile.ts'
import { err, ok, type Result } from '../core/result.ts'
import {
  effectiveState,
  type NewRule,
  type PolicyRecord,
  type RuleRecord,
  type ServerRecord,
  type Storage,
} from '../storage/storage.ts'
import { actorOf, type Context } from './context.ts'
import type { PolicyWithRules } from './groups.ts'
import type { Condition, Outcome } from './outcome.ts'
import type { RuleLists } from './rule-lists.ts'
import { ownServer } from './servers.ts'

/** Rules of the chain that belongs to a server. */
export interface ChainService {
  list(ctx: Context, profile: Profile, server: string): Outcome<readonly RuleRecord[]>
  /**
   * The same list as `render` makes it, kept as bytes until the policy changes. `form` names the rendering
   * (one per dialect and representation) and must be the same for the same `render`.
   */
  listBytes(
    ctx: Context,
    profile: Profile,
    server: string,
    form: string,
    render: (rules: readonly RuleRecord[]) => Buffer,
  ): Outcome<Buffer>
  /** `position` is 1-based. */
  get(ctx: Context, profile: Profile, server: string, position: number): Outcome<RuleRecord>
  insert(
    ctx: Context,
    profile: Profile,
    server: string,
    rule: NewRule,
    options: ChainWriteOptions & { position?: number },
  ): Outcome<RuleRecord>
  view(ctx: Context, profile: Profile, server: string): Outcome<PolicyWithRules>
  /** The rule keeps its id and place. */
  update(
    ctx: Context,
    profile: Profile,
    server: string,
    position: number,
    rule: NewRule,
    options: Omit<ChainWriteOptions, 'maxRules'>,
  ): Outcome<RuleRecord>
  /** All or nothing, in order. */
  replace(
    ctx: Context,
    profile: Profile,
    server: string,
    rules: readonly NewRule[],
    options: ChainWriteOptions,
  ): Outcome<void>
  remove(
    ctx: Context,
    profile: Profile,
    server: string,
    position: number,
    options: Omit<ChainWriteOptions, 'maxRules'>,
  ): Outcome<void>
  /** Includes a group at the head of the chain, by `rule`, in place of the rule with the id `instead`; null replaces none. */
  include(
    ctx: Context,
    profile: Profile,
    server: string,
    group: string,
    options: ChainWriteOptions & { readonly rule: NewRule; readonly instead: string | null },
  ): Outcome<void>
  /**
   * Whether the chain may be written now: existence, ownership, then state, in that order. Dialects that report these
   * before they look at the body's attributes call it first; the write itself checks again, inside its transaction.
   */
  writable(
    ctx: Context,
    profile: Profile,
    server: string,
    refuseStates: readonly string[],
  ): Outcome<ServerRecord>
}

export interface ChainWriteOptions extends Condition {
  readonly maxRules: number
  readonly refuseStates: readonly string[]
}

export function createChainService(storage: Storage, lists: RuleLists): ChainService {
  async function chain(
    ctx: Context,
    profile: Profile,
    id: string,
  ): Promise<Result<PolicyRecord, RequestError>> {
    const server = await ownServer(storage, ctx, profile, id)
    if (!server.ok) return server
    const policy = await storage.chain(id)
    return policy ? ok(policy) : err({ kind: 'not-found', resource: 'policy', id })
  }

  const target = (
    ctx: Context,
    profile: Profile,
    server: string,
    { refuseStates, ifRevision }: Omit<ChainWriteOptions, 'maxRules'>,
  ) => ({
    account: ctx.principal.account,
    profile,
    server,
    refuseStates,
    ...(ifRevision !== undefined && { ifRevision }),
  })

  return {
    async list(ctx, profile, server) {
      const policy = await chain(ctx, profile, server)
      return policy.ok ? ok(await storage.rules(policy.value.id)) : policy
    },
    async listBytes(ctx, profile, server, form, render) {
      const policy = await chain(ctx, profile, server)
      if (!policy.ok) return policy
      return ok(await lists.bytes(policy.value, form, render))
    },
    async get(ctx, profile, server, position) {
      const policy = await chain(ctx, profile, server)
      if (!policy.ok) return policy
      const rule = await storage.rule(policy.value.id, position)
      return rule ? ok(rule) : err({ kind: 'not-found', resource: 'rule', id: String(position) })
    },
    async view(ctx, profile, server) {
      const policy = await chain(ctx, profile, server)
      return policy.ok ? ok({ policy: policy.value, rules: await storage.rules(policy.value.id) }) : policy
    },
    async update(ctx, profile, server, position, rule, options) {
      const args = { ...target(ctx, profile, server, options), position, rule }
      const done = await storage.run('updateRule', args, actorOf(ctx))
      return done.ok ? ok(done.value.rule) : done
    },
    async insert(ctx, profile, server, rule, { maxRules, position, ...options }) {
      const done = await storage.run(
        'insertRule',
        {
          ...target(ctx, profile, server, options),
          rule,
          id: randomUUID(),
          maxRules,
          ...(position === undefined ? {} : { position }),
        },
        actorOf(ctx),
      )
      return done.ok ? ok(done.value.rule) : done
    },
    async replace(ctx, profile, server, rules, { maxRules, ...options }) {
      const ids = rules.map(() => randomUUID())
      const args = { ...target(ctx, profile, server, options), rules, ids, maxRules }
      const done = await storage.run('replaceRules', args, actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
    async remove(ctx, profile, server, position, options) {
      const args = { ...target(ctx, profile, server, options), position }
      const done = await storage.run('deleteRule', args, actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
    async include(ctx, profile, server, policy, options) {
      const { account } = ctx.principal
      const args = { account, profile, server, policy, id: randomUUID(), ...options }
      const done = await storage.run('includePolicy', args, actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
    async writable(ctx, profile, server, refuseStates) {
      const found = await ownServer(storage, ctx, profile, server)
      if (!found.ok) return found
      const state = effectiveState(found.value, ctx.now)
      return refuseStates.includes(state)
        ? err({ kind: 'conflict', resource: 'server', reason: `the server is in state ${state}` })
        : found
    },
  }
}
