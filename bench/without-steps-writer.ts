/** The thread that writes a store, with the statement left out that remembers what a change replaced: the baseline of `history`. */
import { DatabaseSync } from 'node:sqlite'

const { prepare } = DatabaseSync.prototype
DatabaseSync.prototype.prepare = function (sql, ...more) {
  const kept = /INSERT INTO policy_past\b/.test(sql) ? 'SELECT 1 WHERE ? IS NULL AND ? IS NULL' : sql
  return prepare.call(this, kept, ...more)
}
await import('../src/storage/sqlite-writer.ts')
