/**
 * What deciders have counted: heard from agents in this process, kept in the store, answered from both.
 *
 * Counts are no revision and no audit event: nothing that is desired changes by them.
 */
import type { Decider } from '../core/model/decider.ts'
import type { PerDirection } from '../core/model/desired.ts'
import type { HitsReport } from '../core/model/hits.ts'
import type { Interface } from '../core/model/interface.ts'
import type { Action, Direction, LogLevel, Rule } from '../core/model/rule.ts'
import type { ServerRecord } from '../storage/storage.ts'
import type { Context } from './context.ts'
import type { Outcome } from './outcome.ts'

/** Packets, and their bytes from the IP header on (of frames: from the Ethernet header on), since they are counted. */
export interface Hits {
  readonly packets: number
  readonly bytes: number
  /** When an increase was read last, milliseconds since 1970; null: never. */
  readonly lastHit: number | null
}

/** What is counted of one interface. Times are milliseconds since 1970. */
export interface Counting {
  readonly interface: Interface
  /** When the counters were read: what was counted later is missing. Null: never. */
  readonly countedAt: number | null
  /** Since when they count; null: nobody has counted here yet. */
  readonly since: number | null
  /** Decisions that were not told because there were too many. */
  readonly suppressed: PerDirection
}

/** What one decider of an interface has counted. */
export interface DeciderHits extends Hits {
  /** Those that have counted nothing are left out. */
  readonly by: Decider
}

export interface InterfaceCounts extends Counting {
  readonly ingress: readonly DeciderHits[]
  readonly egress: readonly DeciderHits[]
}

export interface ServerCounts {
  readonly server: ServerRecord
  readonly interfaces: readonly InterfaceCounts[]
  /** Of the rules and lists that count here: over all interfaces of the account that share their policy. */
  readonly sums: readonly DeciderHits[]
}

/** What is asked of a packet in its turn, with what it has counted on the interface. */
export interface Step {
  readonly by: Decider
  readonly action: Action
  /** Where what it lets pass is told, too. Absent: it is not. */
  readonly log?: LogLevel
  /** Of a rule. */
  readonly rule?: RuleInPlace
  readonly hits: Hits
  /** Of a rule: over all interfaces of the account that share its policy. */
  readonly sum?: Hits
  /**
   * Milliseconds since 1970: its last hit, else since when it is there and counted on this interface. Null where that is not
   * known, because it is not counted.
   */
  readonly unusedSince: number | null
  /** False: `hits` may lack packets, because `why`. */
  readonly counted: boolean
  /** Why it is not counted, in words for its owner. */
  readonly why?: string
  /** Of an allowing rule that is counted together with the others of its policy: what they have counted in all. */
  readonly together?: Hits
}

export interface RuleInPlace {
  readonly policy: string
  /** Empty when it has none; of a policy that is built in, its id. */
  readonly policyName: string
  /** In its policy, from 1. */
  readonly position: number
  readonly rule: Rule
}

export interface InterfaceRules extends Counting {
  /** In the order of judging, the default last; empty in a direction that is not filtered, but for checks of the sender. */
  readonly ingress: readonly Step[]
  readonly egress: readonly Step[]
}

export interface ServerRules {
  readonly server: ServerRecord
  readonly interfaces: readonly InterfaceRules[]
}

/** Sums over the interfaces of a host, for metrics. */
export interface HitsTotal {
  readonly host: string
  readonly direction: Direction
  readonly kind: Decider['kind']
  readonly packets: number
  readonly bytes: number
}

export interface HitsService {
  /** For agents in this process. Kept in the store within half a minute, for others and for later. */
  hear(report: HitsReport): void
  /**
   * How the agent of a host in this process is asked to count now: resolves when its answer has been heard, which is waited
   * for a second at most. Answers how to take it back.
   */
  asks(host: string, ask: () => Promise<void>): () => void
  /** The server as of `EffectiveService.server`. Where an agent can be asked, what it has counted until now. */
  of(ctx: Context, called: string): Outcome<ServerCounts>
  /** As of `of`: everything that packets are asked, in its order. */
  rulesOf(ctx: Context, called: string): Outcome<ServerRules>
  /** What agents in this process have counted since it started: each number only grows, also when an interface goes. */
  totals(): readonly HitsTotal[]
  /** Decisions that agents in this process did not tell because there were too many, since it started. */
  suppressed(): number
  /** Keeps what is not kept yet. */
  close(): Promise<void>
}
