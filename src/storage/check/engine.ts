/** Faults of the file or database itself, and of its schema. */

import type { Engine } from '../migrations/engine.ts'
import { migrate } from '../migrations/migrate.ts'
import { connect } from '../sqlite-connection.ts'
import { query, type Steps } from '../statement.ts'
import { readTables } from '../whole/tables.ts'
import type { Fault } from './fault.ts'

/** What the engine itself finds, `most` faults at most. */
export function* engineFaults(engine: Engine, most: number): Steps<readonly Fault[]> {
  return engine === 'sqlite' ? yield* sqliteFaults(most) : yield* postgresqlFaults()
}

function* sqliteFaults(most: number): Steps<readonly Fault[]> {
  const found: Fault[] = []
  for (const { integrity_check: told } of yield* query(`PRAGMA integrity_check(${most})`)) {
    if (told !== 'ok') found.push({ kind: 'engine', table: '', key: '', problem: String(told) })
  }
  return found
}

/** Every row is read for the other kinds, and so every page with its checksum. */
function* postgresqlFaults(): Steps<readonly Fault[]> {
  const schema = '(SELECT oid FROM pg_namespace WHERE nspname = current_schema())'
  const rows = yield* query(
    `SELECT c.relname AS of, 'its constraint ' || k.conname || ' was never checked' AS told FROM pg_constraint k
       JOIN pg_class c ON c.oid = k.conrelid WHERE k.connamespace = ${schema} AND NOT k.convalidated
     UNION ALL SELECT c.relname, 'its index ' || x.relname || ' is not valid' FROM pg_index i
       JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
       WHERE c.relnamespace = ${schema} AND NOT i.indisvalid`,
  )
  return rows.map(({ of, told }) => ({ kind: 'engine', table: String(of), key: '', problem: String(told) }))
}

/** What the migrations make and is not there. */
export function* schemaFaults(engine: Engine): Steps<readonly Fault[]> {
  const wanted = asMigrated()
  const tables = yield* readTables(engine)
  const indexes = yield* readIndexes(engine)
  const fault = (table: string, problem: string): Fault => ({ kind: 'schema', table, key: '', problem })
  const found: Fault[] = []
  for (const [table, columns] of wanted.tables) {
    const there = tables.get(table)
    if (!there) found.push(fault(table, 'the table is missing'))
    else {
      for (const each of columns) {
        if (!there.includes(each)) found.push(fault(table, `its column ${each} is missing`))
      }
    }
  }
  for (const [index, table] of wanted.indexes) {
    if (!indexes.has(index)) found.push(fault(table, `its index ${index} is missing`))
  }
  return found
}

/** Both engines have the same names. */
function asMigrated() {
  const connection = connect(':memory:', { readOnly: false })
  try {
    connection.drive(migrate('sqlite'))
    return {
      tables: connection.drive(readTables('sqlite')),
      indexes: connection.drive(readIndexes('sqlite')),
    }
  } finally {
    connection.close()
  }
}

/** Those that migrations name, with their tables. */
function* readIndexes(engine: Engine): Steps<ReadonlyMap<string, string>> {
  const rows = yield* query(
    engine === 'sqlite'
      ? `SELECT name, tbl_name AS of FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`
      : 'SELECT indexname AS name, tablename AS of FROM pg_indexes WHERE schemaname = current_schema()',
  )
  return new Map(rows.map(({ name, of }) => [String(name), String(of)]))
}
