/**
 * Packets that were judged, as agents in this process tell of them: the last ones are kept in memory, and whoever follows
 * hears new ones at once. Nothing of it is stored, and other processes do not know them.
 */
import type { Decision, outcomes } from '../core/model/decision.ts'
import type { Direction } from '../core/model/rule.ts'
import type { Context } from './context.ts'
import type { Outcome } from './outcome.ts'

/** With the names of what it is about, as they are now. */
export interface NamedDecision extends Decision {
  /** Its own, for `after`; another process, or this one after a restart, gives none that is the same. */
  readonly id: string
  readonly server: string
  readonly serverName: string
  /** Of the interface in its server, from 1. */
  readonly index: number
  /** What its dialect calls the interface; null: nothing. */
  readonly interfaceName: string | null
}

/** What is given must hold. Nothing given: all of the account. */
export interface DecisionFilter {
  /** As of `EffectiveService.server`. */
  readonly server?: string
  /** By id; by name too where a server is given. */
  readonly interface?: string
  readonly direction?: Direction
  readonly outcome?: (typeof outcomes)[number]
  /** Ids, of the rule that decided. */
  readonly policy?: string
  readonly rule?: string
}

/** Called with what is new, in order. `lost`: how many before them it was too slow to be told. The next call waits for its promise. */
export type DecisionListener = (decisions: readonly NamedDecision[], lost: number) => void | Promise<void>

export interface DecisionService {
  /** For agents in this process. */
  hear(decisions: readonly Decision[]): void
  /** The last ones of each interface, 1,000 at most, oldest first; `limit`: no more than so many in all, the newest. */
  recent(
    ctx: Context,
    filter: DecisionFilter & { readonly limit?: number },
  ): Outcome<readonly NamedDecision[]>
  /**
   * Answers how to stop. `after`: first those that are kept and came after the one of this id; all that are kept, where no
   * decision of this process had it; absent: none. Whoever owns an interface when a packet is told of is told, and nobody
   * else.
   */
  follow(
    ctx: Context,
    filter: DecisionFilter & { readonly after?: string },
    listener: DecisionListener,
  ): Outcome<() => void>
  /** Since the process started: heard from agents, and by how many listeners were missed, each counted for itself. */
  counts(): { readonly told: number; readonly lost: number }
}
