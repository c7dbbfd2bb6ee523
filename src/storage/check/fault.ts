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
  /** A quota that is none: unknown, or not a number from 0 on. */
  'quota',
  /** A request that is remembered so that it is done once, and could not be recognised or would be remembered for too long. */
  'repeat',
] as const
export type FaultKind = (typeof faultKinds)[number]

const restoreIt = 'keep a copy, stop the service, and restore a backup that is sound (portcullis restore)'

/** What an operator can do about it: a sentence without a full stop. */
export const remedies: Readonly<Record<FaultKind, string>> = {
  engine: restoreIt,
  schema: restoreIt,
  revision: restoreIt,
  position: 'write the rules of the policy anew through the API of its dialect, else restore a backup',
  reference: 'delete through the API what names something that is gone, else restore a backup',
  owner: restoreIt,
  attachment: 'attach the policy again through the API of its dialect, else restore a backup',
  unique: 'delete or rename one of them through the API, else restore a backup',
  default: restoreIt,
  audit: 'history may have been altered: compare it with the audit of a backup',
  count:
    'start the service, and apply any inventory that changes something: it counts what accounts have anew; hits stay as they are',
  codec: 'write what is named anew through the API of its dialect, else restore a backup',
  address: 'write the interface anew through the API, else restore a backup',
  lease: restoreIt,
  quota: 'set the quotas of the account through the API, or those of all with serve --quotas',
  repeat: 'a repeated request may be refused or done again until it is forgotten: nothing else is concerned',
}

export interface Fault {
  readonly kind: FaultKind
  readonly table: string
  /** Its key's values, with spaces between; empty: the table as a whole. */
  readonly key: string
  /** A sentence without a full stop, for an operator. */
  readonly problem: string
}
