/**
 * A process to kill: opens the store its arguments name and counts without pause, keeping what it has counted, and tells its
 * parent how far the agent's counters are.
 */
import { createHitMemory } from '../../src/service/hit-memory.ts'
import { openPostgresql } from '../../src/storage/postgresql.ts'
import { openSqlite } from '../../src/storage/sqlite.ts'
import { counted } from './agent-counts.ts'

const [flag, place = '', from = '0'] = process.argv.slice(2)
const storage =
  flag === '--data' ? await openSqlite({ directory: place }) : await openPostgresql({ url: place })
const memory = createHitMemory(storage, () => {})

for (let packets = Number(from) + 1; ; packets++) {
  memory.hear(counted(packets))
  await memory.settled()
  process.send?.(packets)
  await memory.keep()
}
