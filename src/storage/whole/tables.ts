/**
 * What of a store is kept in a backup, and what is not. A table that is in neither list makes a test fail: whoever adds one
 * says here what becomes of it.
 */

import type { Engine } from '../migrations/engine.ts'
import { recordedVersion } from '../migrations/migrate.ts'
import { query, type Row, type Steps } from '../statement.ts'
import { Refused } from './whole-store.ts'

export interface KeptTable {
  readonly name: string
  /**
   * What its column `revision` means, if it has one: `last` that of the last change, from which others conclude what they
   * have seen, so that it is another after a restore; `past`: a number in the history, which stays.
   */
  readonly revision?: 'last' | 'past'
}

/** Each after those that it refers to. */
export const kept: readonly KeptTable[] = [
  { name: 'accounts', revision: 'last' },
  { name: 'account_attributes' },
  { name: 'credentials', revision: 'last' },
  { name: 'servers', revision: 'last' },
  { name: 'interfaces' },
  { name: 'dismissals' },
  { name: 'policies', revision: 'last' },
  { name: 'rules' },
  { name: 'attachments' },
  { name: 'documents', revision: 'last' },
  { name: 'document_names' },
  { name: 'audit', revision: 'past' },
  { name: 'policy_past', revision: 'past' },
  { name: 'pools' },
  { name: 'leases' },
  { name: 'installation' },
  { name: 'usage' },
  // What they made is in the backup, too.
  { name: 'idempotency' },
  // With the epochs that they were read in: what was counted since the backup is added when it is read again.
  { name: 'counted' },
  { name: 'hits' },
  { name: 'hit_sums' },
  // That they have an agent. What it said is taken back by a restore.
  { name: 'hosts' },
]

/** With the reason. */
export const leftOut: Readonly<Record<string, string>> = {
  schema_version: 'it is in the header, and migrations write it',
  migrations: 'their names are in the header, and migrations write them',
  revision: 'it is in the header, and a restored store goes on far above it',
  outcomes: 'agents say what is in force, and it is another thing after a restore',
  host_sessions: 'agents connect again after a restore',
  adoption_refusals: 'hosts ask again after a restore',
  sightings: 'agents say what they see when they connect again after a restore',
  departures: 'after a restore agents are sent everything, and what has left is not in it',
}

export interface Schema {
  readonly version: number
  /** Columns in order, by table. */
  readonly tables: ReadonlyMap<string, readonly string[]>
}

/** Undefined: there is no store. Throws with `Refused` when a newer program wrote it, or one with other migrations. */
export function* readSchema(engine: Engine): Steps<Schema | undefined> {
  const tables = yield* readTables(engine)
  if (!tables.has('schema_version')) return undefined
  try {
    return { version: yield* recordedVersion(engine, tables.has('migrations')), tables }
  } catch (error) {
    throw new Refused(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

/** Also those of others, in a database that is not ours alone. */
export function* readTables(engine: Engine): Steps<Map<string, readonly string[]>> {
  const rows = yield* query(
    engine === 'sqlite'
      ? `SELECT m.name AS of, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.name, c.cid`
      : `SELECT c.table_name AS of, c.column_name AS name FROM information_schema.columns c
         JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
         WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
         ORDER BY c.table_name, c.ordinal_position`,
  )
  const nameOf = (row: Row) => String(row.name)
  return new Map(
    [...Map.groupBy(rows, ({ of }) => String(of))].map(([of, columns]) => [of, columns.map(nameOf)]),
  )
}
