/** The seam between the agent and what filters packets: nftables, OVN, or a fake in tests. */
import type { Desired } from '../core/model/desired.ts'

export interface Dataplane {
  /**
   * Makes what is enforced equal to `desired`, in one transaction; on failure it rejects and what was enforced stays.
   * Reads back what is there when it does not know it (first call, after a failure or a foreign change).
   */
  apply(desired: Desired): Promise<ApplyReport>
  /** Calls back when somebody else may have changed what we enforce. Answers how to stop. */
  onForeignChange(listener: () => void): () => void
  close(): Promise<void>
}

export interface ApplyReport {
  /** Whether anything had to change. */
  readonly changed: boolean
  /** Whether what was read back differed from what had been applied: somebody else wrote to our table. */
  readonly repaired: boolean
}
