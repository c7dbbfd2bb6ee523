/**
 * A process to kill: opens the store its arguments name and writes rules without pause, many at a time, telling its
 * parent of each one that was acknowledged.
 */
import { openPostgresql } from '../../src/storage/postgresql.ts'
import { openSqlite } from '../../src/storage/sqlite.ts'
import { actor, chainTarget, rule } from './stores.ts'

const [flag, place = '', from = '0'] = process.argv.slice(2)
const storage =
  flag === '--data' ? await openSqlite({ directory: place }) : await openPostgresql({ url: place })

let next = Number(from)
async function write(): Promise<never> {
  for (;;) {
    const id = `rule-${next++}`
    const done = await storage.run(
      'insertRule',
      { ...chainTarget('a'), rule: rule(id), id, position: 1 + (next % 7), maxRules: 1e6 },
      actor,
    )
    if (!done.ok) throw new Error(JSON.stringify(done.error))
    process.send?.(id)
  }
}
await Promise.all(Array.from({ length: 16 }, write))
