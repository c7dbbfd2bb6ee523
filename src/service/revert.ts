/** Undoing: a policy's rules and settings as they were after a revision, as a new revision. */
import type { RequestError } from '../core/model/error.ts'
import { diffPolicies, isNoDifference, type PolicyDiff } from '../core/model/policy-diff.ts'
import type { ProfileSpec } from '../core/model/profile.ts'
import { err, ok } from '../core/result.ts'
import type { PastPolicy, PolicyRecord, Storage } from '../storage/storage.ts'
import { actorOf, type Context } from './context.ts'
import type { Condition, Outcome } from './outcome.ts'
import { policyAt } from './policy-past.ts'
import { retryOnConflict } from './retry.ts'

export interface Reverted {
  readonly policy: string
  /** Of the policy now. */
  readonly revision: number
  /** Whether anything was written; of a dry run, whether anything would be. */
  readonly changed: boolean
  /** What changed, or would. */
  readonly diff: PolicyDiff
}

export interface RevertService {
  /**
   * `to` is any revision of the store: what the policy was right after it. `not-found` (policy, revision); `conflict` when
   * the policy was not there, history does not reach back so far, or a rule names what is gone; `limit-reached`.
   */
  revert(
    ctx: Context,
    policy: string,
    options: Condition & { readonly to: number; readonly dryRun?: boolean },
  ): Outcome<Reverted>
}

export function createRevertService(storage: Storage, profiles: readonly ProfileSpec[]): RevertService {
  async function attempt(
    ctx: Context,
    id: string,
    { to, dryRun = false, ifRevision }: Condition & { readonly to: number; readonly dryRun?: boolean },
  ): Outcome<Reverted> {
    const { account } = ctx.principal
    const now = await storage.policy(id)
    if (now?.account !== account) return err({ kind: 'not-found', resource: 'policy', id })
    if (ifRevision !== undefined && ifRevision !== now.revision) return changedMeanwhile
    if (to > (await storage.revision()))
      return err({ kind: 'not-found', resource: 'revision', id: String(to) })
    const found = await policyAt(storage, account, id, [Number.MAX_SAFE_INTEGER, to])
    if (!found.ok) return refused(`history does not reach back to revision ${to}`)
    const [current, then] = found.value.states
    if (!current) return err({ kind: 'not-found', resource: 'policy', id })
    if (!then || !isSameHolder(current, then)) return refused(`the policy was not there at revision ${to}`)
    const args = argsOf(profiles, now, then, to)
    const done = await storage.run('revertPolicy', { ...args, account, dryRun }, actorOf(ctx))
    if (!done.ok) return done
    const diff = diffPolicies(current, then)
    const changed = dryRun ? !isNoDifference(diff) : done.value.changed !== false
    return ok({ policy: id, revision: done.value.revision, changed, diff })
  }
  return {
    revert: (ctx, policy, options) =>
      options.ifRevision === undefined
        ? retryOnConflict<Reverted, RequestError>(policy, () => attempt(ctx, policy, options))
        : attempt(ctx, policy, options),
  }
}

/** A policy keeps its profile and what it belongs to; one of the same id that did not was another. */
const isSameHolder = (a: PastPolicy, b: PastPolicy) =>
  a.profile === b.profile && a.server === b.server && a.interface === b.interface

function argsOf(profiles: readonly ProfileSpec[], now: PolicyRecord, then: PastPolicy, to: number) {
  // A profile that is not served any more has no say.
  const spec = profiles.find(({ profile }) => profile === now.profile)
  const { maxRules, interfacePolicies, zoneKind } = spec ?? {}
  const most = maxRules?.[now.interface !== null ? 'interface' : now.server !== null ? 'chain' : 'group']
  return {
    ...{ policy: now.id, ifRevision: now.revision, to, settings: then.settings, rules: then.rules },
    ids: then.rules.map(({ id }) => id),
    ...(most !== undefined && { maxRules: most }),
    ...(interfacePolicies && { interfacePolicies }),
    ...(zoneKind !== undefined && { zoneKind }),
  }
}

const refused = (reason: string) => err<RequestError>({ kind: 'conflict', resource: 'revision', reason })
const changedMeanwhile = err<RequestError>({
  kind: 'conflict',
  resource: 'policy',
  reason: 'the policy has been changed by somebody else',
  stale: true,
})
