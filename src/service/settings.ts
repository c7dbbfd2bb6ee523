/** What owners choose beside their rules: what is told of packets, and what becomes of connections when rules change. */
import type { CutFlows } from '../core/model/policy.ts'
import type { Direction, LogLevel } from '../core/model/rule.ts'
import { err, ok } from '../core/result.ts'
import { cutFlowsOf } from '../storage/account-settings.ts'
import type { PolicyChoices, PolicyRecord, QuotaName, Storage, Usage } from '../storage/storage.ts'
import { actorOf, type Context } from './context.ts'
import type { Condition, Outcome } from './outcome.ts'

export interface AccountSettings {
  /** Of policies that say nothing themselves. */
  readonly cutFlows: CutFlows
  /** How much it has of what can be limited, and the most it may have; null: no limit. */
  readonly used: Usage
  readonly quotas: Readonly<Record<QuotaName, number | null>>
}

/** Of a policy of any profile: a server's chain, an interface's, or one by itself. */
export interface PolicyOwnSettings {
  readonly policy: string
  readonly name: string
  /** Its own; null: what the account says. */
  readonly cutFlows: CutFlows | null
  /** Null: what allowing rules let pass is told only where they say so themselves. */
  readonly logAllowed: LogLevel | null
  /** Of defaults; null: what they let pass is not told. */
  readonly log: Readonly<Record<Direction, LogLevel | null>>
  readonly revision: number
}

/** Policies by id, in any profile. Another account's is `not-found`. */
export interface OwnerSettingsService {
  account(ctx: Context): Promise<AccountSettings>
  /** Null: as if nothing had been said, which is `never`. Absent: as before. */
  changeAccount(ctx: Context, change: { readonly cutFlows?: CutFlows | null }): Outcome<AccountSettings>
  policy(ctx: Context, policy: string): Outcome<PolicyOwnSettings>
  changePolicy(
    ctx: Context,
    policy: string,
    change: PolicyChoices,
    condition?: Condition,
  ): Outcome<PolicyOwnSettings>
}

export function createOwnerSettings(storage: Storage): OwnerSettingsService {
  const account: OwnerSettingsService['account'] = async (ctx) => {
    const { account } = ctx.principal
    const [record, usage] = await Promise.all([storage.account(account), storage.usage(account)])
    return { cutFlows: cutFlowsOf(record?.attributes ?? {}) ?? 'never', ...usage }
  }
  const policy: OwnerSettingsService['policy'] = async (ctx, id) => {
    const found = await storage.policy(id)
    return found?.account === ctx.principal.account
      ? ok(settingsOf(found))
      : err({ kind: 'not-found', resource: 'policy', id })
  }
  return {
    account,
    async changeAccount(ctx, { cutFlows }) {
      if (cutFlows !== undefined) {
        const args = { account: ctx.principal.account, cutFlows }
        const done = await storage.run('chooseAccount', args, actorOf(ctx))
        if (!done.ok) return done
      }
      return ok(await account(ctx))
    },
    policy,
    async changePolicy(ctx, id, change, condition = {}) {
      const args = { account: ctx.principal.account, policy: id, change, ...condition }
      const done = await storage.run('choosePolicy', args, actorOf(ctx))
      return done.ok ? policy(ctx, id) : done
    },
  }
}

function settingsOf(policy: PolicyRecord): PolicyOwnSettings {
  const { id, name, cutFlows = null, logAllowed = null, log = {}, revision } = policy
  const { ingress = null, egress = null } = log
  return { policy: id, name, cutFlows, logAllowed, log: { ingress, egress }, revision }
}
