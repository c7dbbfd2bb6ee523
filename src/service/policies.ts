/**
 * Policies of any profile as they are stored, over an account or all of them; and what those by themselves are attached to.
 * A dialect makes and changes its own through `GroupService`.
 */
import type { Profile } from '../core/model/profile.ts'
import { err, ok } from '../core/result.ts'
import type {
  KeyPage,
  Place,
  Places,
  PolicyRecord,
  Programs,
  RuleRecord,
  ServerRecord,
  Storage,
} from '../storage/storage.ts'
import { actorOf, type Context, isOperator } from './context.ts'
import type { Condition, Outcome } from './outcome.ts'

export type CountedPolicy = PolicyRecord & { readonly ruleCount: number }

/** What is attached to a server, or to an interface of it, in order; `revision` is the server's. */
export interface Attached {
  readonly revision: number
  readonly policies: readonly { readonly id: string; readonly name: string }[]
}

/** By id. Another account's are `not-found`. */
export interface PolicyService {
  list(
    ctx: Context,
    filter: { readonly profile?: Profile; readonly name?: string; readonly server?: string },
    page: KeyPage,
  ): Promise<readonly CountedPolicy[]>
  get(ctx: Context, id: string): Outcome<CountedPolicy>
  /** With the policy, which is read before them and may be older. */
  rules(ctx: Context, id: string): Outcome<{ policy: PolicyRecord; rules: readonly RuleRecord[] }>
  places(ctx: Context, id: string): Outcome<Places>
  /** `condition` is on the revision of its places. */
  attach(
    ctx: Context,
    profile: Profile,
    id: string,
    to: Programs['attachPolicy']['args']['to'],
    maxPerPlace: number,
    condition?: Condition,
  ): Outcome<void>
  attached(ctx: Context, place: Place): Outcome<Attached & { readonly profile: Profile }>
  /** In place of what is attached there. `condition` is on the revision of the server. */
  attachTo(
    ctx: Context,
    profile: Profile,
    place: Place,
    policies: readonly string[],
    maxPerPlace: number,
    condition?: Condition,
  ): Outcome<void>
}

export function createPolicyService(storage: Storage): PolicyService {
  /** Operators that act in no account see all. */
  const sees = ({ principal }: Context, account: string) =>
    principal.account === '' ? isOperator(principal) : principal.account === account

  async function find(ctx: Context, id: string): Outcome<PolicyRecord> {
    const policy = await storage.policy(id)
    return policy && sees(ctx, policy.account)
      ? ok(policy)
      : err({ kind: 'not-found', resource: 'policy', id })
  }

  async function serverOf(ctx: Context, { server: id, interface: nic }: Place): Outcome<ServerRecord> {
    const server = await storage.serverById(id)
    if (!server || !sees(ctx, server.account)) return err({ kind: 'not-found', resource: 'server', id })
    const own = nic === null || (await storage.interfaces(id)).some((each) => each.id === nic)
    return own ? ok(server) : err({ kind: 'not-found', resource: 'interface', id: nic })
  }

  return {
    list(ctx, filter, page) {
      const { account } = ctx.principal
      return storage.policiesPage(account === '' ? filter : { ...filter, account }, page)
    },
    async get(ctx, id) {
      const policy = await find(ctx, id)
      if (!policy.ok) return policy
      return ok({ ...policy.value, ruleCount: await storage.ruleCount(id) })
    },
    async rules(ctx, id) {
      const policy = await find(ctx, id)
      return policy.ok ? ok({ policy: policy.value, rules: await storage.rules(id) }) : policy
    },
    async places(ctx, id) {
      const policy = await find(ctx, id)
      return policy.ok ? ok(await storage.places(id)) : policy
    },
    async attach(ctx, profile, policy, to, maxPerPlace, { ifRevision } = {}) {
      const args = { account: ctx.principal.account, profile, policy, to, maxPerPlace }
      const insisting = ifRevision === undefined ? {} : { ifAttached: ifRevision }
      const done = await storage.run('attachPolicy', { ...args, ...insisting }, actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
    async attached(ctx, place) {
      const server = await serverOf(ctx, place)
      if (!server.ok) return server
      const { id, account, profile, revision } = server.value
      const members = await storage.members({ account, profile, server: id })
      const here = members.filter((each) => each.interface === place.interface)
      const names = await storage.policyNames(here.map(({ policy }) => policy))
      const policies = here.map(({ policy }) => ({ id: policy, name: names.get(policy) ?? '' }))
      return ok({ revision, profile, policies })
    },
    async attachTo(ctx, profile, place, policies, maxPerPlace, condition = {}) {
      const args = { account: ctx.principal.account, profile, place, policies, maxPerPlace, ...condition }
      const done = await storage.run('attachTo', args, actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
  }
}
