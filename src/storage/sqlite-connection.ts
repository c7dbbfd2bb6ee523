/** A SQLite connection that drives steps: statements prepared once, rows as objects. */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Row, SqlValue, Steps } from './statement.ts'
import { Unavailable } from './unavailable.ts'

export interface Connection {
  /** Statements that answer nothing, several at a time. */
  exec(sql: string): void
  drive<T>(steps: Steps<T>): T
  /** Rows of one statement, so many at a time. */
  lots(rows: number, sql: string, ...params: SqlValue[]): Generator<readonly Row[], void, void>
  close(): void
}

interface Prepared {
  readonly statement: StatementSync
  readonly columns: readonly string[]
}

/** Objects that are made here are read faster than those that the engine makes, and take two thirds of the time to make. */
function rowsOf(columns: readonly string[], values: readonly SqlValue[][]): Row[] {
  return values.map((each) => {
    const row: Record<string, SqlValue> = {}
    for (let at = 0; at < columns.length; at++) row[columns[at] as string] = each[at] as SqlValue
    return row
  })
}

/** Lists of ids have a text per length; more of them than this would be a leak. */
const maxPrepared = 500

export function connect(path: string, options: { readOnly: boolean }): Connection {
  // Another process may hold the file for a moment while it takes a backup.
  const database = new DatabaseSync(path, { readOnly: options.readOnly, timeout: 5000 })
  const prepared = new Map<string, Prepared>()
  function prepare(sql: string): Prepared {
    let found = prepared.get(sql)
    if (!found) {
      if (prepared.size >= maxPrepared) prepared.clear()
      const statement = database.prepare(sql)
      statement.setReturnArrays(true)
      found = { statement, columns: statement.columns().map(({ name }) => name) }
      prepared.set(sql, found)
    }
    return found
  }
  return {
    exec: (sql) => explained(() => database.exec(sql)),
    drive(steps) {
      let step = steps.next()
      while (!step.done) {
        const { sql, params, rows } = step.value
        const answer = explained(() => {
          const { statement, columns } = prepare(sql)
          if (!rows) return rowsOf(columns, statement.all(...params) as unknown as SqlValue[][])
          // One by one: a statement that is run again is three times as fast as one with many rows.
          for (const row of rows) statement.run(...row)
          return []
        })
        step = steps.next(answer)
      }
      return step.value
    },
    *lots(rows, sql, ...params) {
      let lot: Row[] = []
      // Of its own: others may be driven between two lots.
      const rest = explained(() => database.prepare(sql).iterate(...params))
      for (let next = explained(() => rest.next()); !next.done; next = explained(() => rest.next())) {
        lot.push(next.value as Row)
        if (lot.length < rows) continue
        yield lot
        lot = []
      }
      if (lot.length > 0) yield lot
    },
    close() {
      prepared.clear()
      database.close()
    },
  }
}

/**
 * Primary result codes that speak of the machine and not of the statement (sqlite.org/rescode.html): SQLITE_BUSY, LOCKED,
 * NOMEM, READONLY, IOERR, FULL, CANTOPEN.
 */
const passing = new Set([5, 6, 7, 8, 10, 13, 14])

function explained<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    const { errcode } = error as { readonly errcode?: unknown }
    if (typeof errcode !== 'number' || !passing.has(errcode & 0xff)) throw error
    throw new Unavailable(error instanceof Error ? error.message : String(error), error)
  }
}
