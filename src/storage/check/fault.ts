/** What can be wrong with a store. */

/** Closed: each is looked for in its own way, and a test damages a store in each. */
export const faultKinds = [
  /** The file or the database itself. */
  'engine',
  /** A table, column or index that this version has is missing. */
  'schema',
  /** A migration or revision that does not fit the others. */
  'revision',
  /** Rules of a policy are not numbered from 1 without gaps, or one is there twice. */
  'position',
  /** Something is named that is not there. */
  'reference',
  /** Two things that belong together are of different accounts, profiles or servers. */
  'owner',
  /** A policy that should be in force is not attached. */
  'attachment',
  /** Two have what only one may have. */
  'unique',
  /** A policy that is a default and cannot be one. */
  'default',
  /** The sums of the history are others than those of its events. */
  'audit',
  /** A sum is another than that of what it sums up. */
  'count',
  /** A value that cannot be read, or is written otherwise when it is. */
  'codec',
  /** An address, prefix or MAC that is not in its canonical form. */
  'address',
  /** A lease whose times or keys contradict its state or address. */
  'lease',
] as const
export type FaultKind = (typeof faultKinds)[number]

export interface Fault {
  readonly kind: FaultKind
  readonly table: string
  /** Its key's values, with spaces between; empty: the table as a whole. */
  readonly key: string
  /** A sentence without a full stop, for an operator. */
  readonly problem: string
}
