/** A SQLite connection that drives steps: statements prepared once, rows as objects. */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Row, Steps } from './statement.ts'

export interface Connection {
  /** Statements that answer nothing, several at a time. */
  exec(sql: string): void
  drive<T>(steps: Steps<T>): T
  close(): void
}

/** Bulk inserts have a text per length; more of them than this would be a leak. */
const mostPrepared = 500

export function connect(path: string, options: { readOnly: boolean }): Connection {
  // Another process may hold the file for a moment while it takes a backup.
  const database = new DatabaseSync(path, { readOnly: options.readOnly, timeout: 5000 })
  const prepared = new Map<string, StatementSync>()
  function statement(sql: string): StatementSync {
    let found = prepared.get(sql)
    if (!found) {
      if (prepared.size >= mostPrepared) prepared.clear()
      found = database.prepare(sql)
      prepared.set(sql, found)
    }
    return found
  }
  return {
    exec: (sql) => database.exec(sql),
    drive(steps) {
      let step = steps.next()
      while (!step.done) {
        const { sql, params } = step.value
        step = steps.next(statement(sql).all(...params) as Row[])
      }
      return step.value
    },
    close() {
      prepared.clear()
      database.close()
    },
  }
}
