/** The seam between the agent and what filters packets: nftables, OVN, or a fake in tests. */
import type { Decision } from '../core/model/decision.ts'
import type {
  Connections,
  Denials,
  Desired,
  DesiredDelta,
  FilterMode,
  InterfaceState,
  PerDirection,
} from '../core/model/desired.ts'
import type { InterfaceHits } from '../core/model/hits.ts'

export interface Dataplane {
  /**
   * Makes what is enforced equal to `desired`; nothing passes meanwhile that is denied before and after. An interface that cannot be enforced
   * is closed by itself and reported; the others are enforced. Rejects when nothing could be changed; what was enforced then stays.
   * Reads back what is there when it does not know it (first call, after a failure or a foreign change).
   * `delta`: what may differ from what was applied before, null or absent: everything may.
   */
  apply(desired: Desired, delta?: DesiredDelta | null): Promise<ApplyReport>
  /** Packets that would have been dropped since the dataplane was created, by id of every observed interface. */
  denials(): Promise<ReadonlyMap<string, Denials>>
  /** Tracked connections by id of every limited interface. Slow on a host with very many connections. */
  connections(): Promise<ReadonlyMap<string, Connections>>
  /** Rejected packets whose sender could not be told, since the dataplane was created, by id; interfaces without any are left out. */
  unanswered(): Promise<ReadonlyMap<string, PerDirection>>
  /** What deciders have counted on interfaces since the last call, in its order: those counts that have changed, as they are now. */
  hits(): Promise<readonly InterfaceHits[]>
  /** Calls back with samples of what was decided. Answers how to stop. */
  onDecisions(listener: (decisions: readonly Omit<Decision, 'host'>[]) => void): () => void
  /** Calls back after tracked connections were judged by what was applied, beside the rounds. Answers how to stop. */
  onFlowsCut(listener: (cut: FlowsCut) => void): () => void
  /**
   * Calls back when applying the same again would do or say something else: somebody else may have changed what we enforce, or
   * its devices, or warnings have come or gone. Answers how to stop.
   */
  onChange(listener: () => void): () => void
  close(): Promise<void>
}

/** What became of tracked connections that a change would not let begin any more. */
export interface FlowsCut {
  /** How many were ended. */
  readonly flows: number
  /** Interfaces whose connections were judged. */
  readonly interfaces: number
  readonly seconds: number
  /** Why some that should have ended may go on, until a later one says null. */
  readonly problem: string | null
}

export interface InterfaceReport {
  readonly id: string
  readonly state: Exclude<InterfaceState, 'applying'>
  /** Where its packets are judged; null or absent where nobody sees them. */
  readonly mode?: FilterMode | null
  /** Why it fails or is closed, in words for its owner too; null otherwise. */
  readonly error: string | null
  /** What its owner should know although it works; absent means nothing. */
  readonly notes?: readonly string[]
  /** More about the error, for the operator's log alone. */
  readonly detail?: string
}

export interface ApplyReport {
  /** Whether anything had to change. */
  readonly changed: boolean
  /** Whether what was read back differed from what had been applied: somebody else wrote to our tables. */
  readonly repaired: boolean
  /**
   * Those whose report may have changed since the last application that succeeded; where everything may differ, one for each
   * interface that is desired.
   */
  readonly interfaces: readonly InterfaceReport[]
  /** What stays closed whatever becomes of the rest, in words for the operator. */
  readonly guarded: string
  /** What the operator should know although it works. */
  readonly warnings: readonly string[]
  /** After how many milliseconds what failed is worth another attempt; null when only a change can help. */
  readonly retryMs: number | null
}
