/** What an agent is sent of what its host should enforce: all of it, or how it changed. Plain data. */
import type { Interface } from './interface.ts'
import type { Policy } from './policy.ts'

/** Everything of an interface that decides what is enforced on it. */
export interface Placement
  extends Pick<
    Interface,
    | 'id'
    | 'index'
    | 'type'
    | 'mac'
    | 'addresses'
    | 'allowedAddresses'
    | 'senderCheck'
    | 'observe'
    | 'vlanTrunk'
    | 'allowedFrames'
    | 'maxConnections'
  > {
  /** Whose it is: its id may have been another's. Absent: it was not told. */
  readonly account?: string
  /** On the host. */
  readonly device: string
  /** It was found there by its MAC, and is there only as long as its host proves that; absent: somebody said that it is there. */
  readonly found?: true
  /** Ids of those attached to it or to its server, in order of precedence. */
  readonly policies: readonly string[]
}

/**
 * Leads from the state of one revision to that of a later one. An agent holds the policies that its placements name, and
 * forgets others by itself.
 */
export interface DesiredUpdate {
  /** The revision it leads on from; null: this is all there is, and what is not named ends. */
  readonly from: number | null
  readonly revision: number
  /** New ones and changed ones. What nothing names, or is held already, may be among them. */
  readonly policies: readonly Policy[]
  readonly interfaces: {
    readonly put: readonly Placement[]
    /** Ids of those that left the host; some may never have been told. */
    readonly remove: readonly string[]
  }
}

/** Where an agent gets updates, one request at a time. */
export interface DesiredFeed {
  /**
   * What is newer than revision `since`, now; null when nothing is. All of it when `since` is null, or is not the revision
   * that was handed out last. Rejects when the store does.
   */
  poll(since: number | null): Promise<DesiredUpdate | null>
  /** Calls back when `poll` may answer something. Answers how to stop. */
  onChange(listener: () => void): () => void
  close(): void
}
