/** What owners choose beside their rules: what is told of packets, and what becomes of connections when rules change. */
import type { CutFlows } from '../core/model/policy.ts'
import type { Direction, LogLevel } from '../core/model/rule.ts'
import type { Context } from './context.ts'
import type { Condition, Outcome } from './outcome.ts'

export interface AccountChoices {
  /** Of policies that say nothing themselves. */
  readonly cutFlows: CutFlows
}

/** Of a policy of any profile: a server's chain, an interface's, or one by itself. */
export interface PolicyChoices {
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

/** What is given changes; null takes it back. */
export interface PolicyChoicesChange {
  readonly cutFlows?: CutFlows | null
  readonly logAllowed?: LogLevel | null
  readonly log?: Partial<Readonly<Record<Direction, LogLevel | null>>>
}

/** Policies by id, in any profile. Another account's is `not-found`. */
export interface OwnerSettingsService {
  account(ctx: Context): Promise<AccountChoices>
  /** Null: as if nothing had been said, which is `never`. */
  changeAccount(ctx: Context, change: { readonly cutFlows?: CutFlows | null }): Outcome<AccountChoices>
  policy(ctx: Context, policy: string): Outcome<PolicyChoices>
  changePolicy(
    ctx: Context,
    policy: string,
    change: PolicyChoicesChange,
    condition?: Condition,
  ): Outcome<PolicyChoices>
}
