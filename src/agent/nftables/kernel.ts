/**
 * The seam to nf_tables: transactions, what stands of our tables, and who else changes tables. Rules and sets are text
 * here, as `RenderedTable` has it; how they reach the kernel is its implementations' own.
 */
import type { Command } from '../../compile/nftables/commands.ts'
import { bridgeTable, guardTables, table } from '../../compile/nftables/names.ts'
import type { RenderedTable } from '../../compile/nftables/table.ts'

/** The tables that are ours, the guard's first. */
export const tables: readonly string[] = [...guardTables, table, bridgeTable]

export interface Kernel {
  /**
   * Commits all of them or nothing, one call after the other. Rejects with a RefusedError when the kernel refuses them: then nothing has
   * changed. After any other error it is not known what stands.
   */
  commit(commands: readonly Command[]): Promise<void>
  /** Rejects as `commit` would, and changes nothing. */
  check(commands: readonly Command[]): Promise<void>
  /**
   * A table as it stands; undefined when it does not exist. What is as `wanted` has it is spelled as there, with the same strings; what is
   * not differs from it in text, and `deltaCommands` from what is answered repairs it. What packets put into sets is not told.
   */
  read(name: string, wanted: RenderedTable | undefined): Promise<RenderedTable | undefined>
  /** Packets that the elements of a set have counted, by index of the device. Rejects with a RefusedError when there is no such set. */
  counters(table: string, set: string): Promise<ReadonlyMap<number, number>>
  /**
   * Whether a rule can count by what it looks up: then allowing rules that are looked up in a map are counted one by one (`rules`); with
   * `lists` those of a list are counted together, because nft has no words for it.
   */
  readonly counts: 'rules' | 'lists'
  /** What packets have counted in a set whose keys are a device's index and a decider's number. Undefined: there is no such set. */
  hits(table: string, set: string): Promise<Hits | undefined>
  /** Takes these out of such a set; what is not in it is passed over. */
  forget(table: string, set: string, keys: readonly HitKey[]): Promise<void>
  /** Base chains of all tables, without what is in them. */
  baseChains(): Promise<readonly BaseChain[]>
  /** Calls back after somebody else has committed. Answers how to stop. */
  onChange(listener: (what: Change) => void): () => void
  /** Why changes by others are seen late; null when they are not. */
  problem(): string | null
  /** Leaves the tables as they are. */
  close(): Promise<void>
}

export interface HitKey {
  /** Of the device; in a set whose keys begin with a MAC that as a number. */
  readonly index: number
  readonly number: number
}

export interface Hits {
  /** Another one for every table that was made under the name since the host has started. */
  readonly epoch: string
  readonly elements: readonly (HitKey & { readonly packets: number; readonly bytes: number })[]
}

/** What somebody else may have changed; both when that is not known. */
export interface Change {
  /** Any of our tables. */
  readonly ours: boolean
  /** Tables of others that have base chains. */
  readonly others: boolean
}

export interface BaseChain {
  /** `inet filter`. */
  readonly table: string
  readonly name: string
  /** `filter`, `nat` or `route`. */
  readonly type: string
  readonly hook: string
  /** Whether it drops what no rule of it decides about. */
  readonly drops: boolean
  /** Names of all chains of its table, this one among them: they tell whose it is. */
  readonly among: readonly string[]
}

/** The kernel, or nft, has refused a transaction or a question, in its own words: nothing has changed. */
export class RefusedError extends Error {}

/** Another process owns one of our tables: it enforces here, and nothing of it can be changed before it ends. */
export class OwnedError extends Error {}
