/** The embedded store as a whole, read beside its service or written without one. */
import { chmodSync, existsSync } from 'node:fs'
import { databaseIn, lockDirectory } from '../sqlite.ts'
import { type Connection, connect } from '../sqlite-connection.ts'
import { Refused, Untried, type WholeStore, type WholeStores } from './whole-store.ts'

/** In one lot. */
const rowsPerLot = 500

export function wholeSqlite(directory: string): WholeStores {
  const path = databaseIn(directory)
  return {
    async read(work) {
      if (!existsSync(path)) throw new Untried(`there is no store in ${directory}`)
      const connection = connect(path, { readOnly: true })
      try {
        connection.exec('BEGIN')
        return await work(wholeOf(connection))
      } finally {
        connection.close()
      }
    },
    async replace(work) {
      const unlock = locked(directory)
      try {
        const connection = connect(path, { readOnly: false })
        try {
          // It holds password hashes.
          chmodSync(path, 0o600)
          connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
          // Whoever reads it, for a backup, goes on with what was.
          connection.exec('BEGIN IMMEDIATE')
          const value = await work(wholeOf(connection))
          connection.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)')
          return value
        } finally {
          // Rolls back what is not committed.
          connection.close()
        }
      } finally {
        unlock()
      }
    },
  }
}

function locked(directory: string): () => void {
  try {
    return lockDirectory(directory)
  } catch (error) {
    throw new Refused(`a service uses ${directory}: stop it first`, { cause: error })
  }
}

const wholeOf = (connection: Connection): WholeStore => ({
  engine: 'sqlite',
  drive: async (steps) => connection.drive(steps),
  async *scan(sql, ...params) {
    yield* connection.lots(rowsPerLot, sql, ...params)
  },
})
