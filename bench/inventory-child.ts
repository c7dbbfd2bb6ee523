/** Does one thing with an inventory or its store, and prints what that cost: seconds of CPU of all threads and by the clock, MiB at most. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { createThreadedReader } from '../src/cli/serve/inventory-reader.ts'
import { dialects } from '../src/dialects/dialects.ts'
import { applyInventory } from '../src/service/inventory.ts'
import { openPostgresql } from '../src/storage/postgresql.ts'
import { openSqlite } from '../src/storage/sqlite.ts'
import type { Storage } from '../src/storage/storage.ts'

/** What a server of the file comes to, in the order that one refers to the other. */
const tables = ['accounts', 'servers', 'interfaces', 'policies', 'attachments'] as const

const [what = '', place = '', file = '', meanwhile] = process.argv.slice(2)

/** Small writes, one after the other: what else is written while an inventory is applied. They change nothing that it compares. */
function keepWriting(storage: Storage): { end(): Promise<number> } {
  const by = { account: '', actor: 'bench', dialect: 'system', requestId: '', at: Date.now() } as const
  let [ended, longest, n] = [false, 0, 0]
  const writing = (async () => {
    while (!ended) {
      const started = performance.now()
      await storage.run('setDefaultQuotas', { quotas: { servers: 1_000_000 + (n++ % 2) } }, by)
      longest = Math.max(longest, (performance.now() - started) / 1000)
      await delay(250)
    }
  })()
  return {
    async end() {
      ended = true
      await writing
      return longest
    },
  }
}

type Work = () => unknown
const works: Readonly<Record<string, () => Promise<Work>>> = {
  /** As `serve` does: read in a thread, written in another. */
  async apply() {
    const inDirectory = !place.startsWith('postgres')
    const storage = inDirectory
      ? await openSqlite({ directory: place })
      : await openPostgresql({ url: place })
    const where = inDirectory ? { directory: place } : { url: place }
    const reader = createThreadedReader({ storage, where }, dialects, undefined)
    return async () => {
      const text = readFileSync(file, 'utf8')
      const writing = meanwhile === 'writing' ? keepWriting(storage) : undefined
      const done = await applyInventory(storage, reader, { text, now: Date.now(), keep: false })
      if (!done.ok) throw new Error(done.error)
      return { changed: done.value.total, ...(writing && { waited: await writing.end() }) }
    }
  },
  async parse() {
    return () => ({ accounts: JSON.parse(readFileSync(file, 'utf8')).accounts.length })
  },
  /** The same rows into the same tables of an empty store, with nothing else done. */
  async insert() {
    const from = new DatabaseSync(join(place, 'portcullis.db'), { readOnly: true })
    const to = new DatabaseSync(file)
    to.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
    to.exec('PRAGMA cache_size = -65536')
    const schema = from.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL').all()
    for (const { sql } of schema) to.exec(String(sql))
    const rowsOf = tables.map((table) => {
      const select = from.prepare(`SELECT * FROM ${table}`)
      select.setReturnArrays(true)
      return [table, select.all() as unknown as SQLInputValue[][]] as const
    })
    return () => {
      to.exec('BEGIN')
      for (const [table, rows] of rowsOf) {
        const insert = to.prepare(`INSERT INTO ${table} VALUES (${rows[0]?.map(() => '?').join(', ')})`)
        for (const row of rows) insert.run(...row)
      }
      to.exec('COMMIT')
      return {}
    }
  },
  /** All of these rows. */
  async select() {
    const from = new DatabaseSync(join(place, 'portcullis.db'), { readOnly: true })
    return () => {
      for (const table of tables.slice(0, 4)) {
        const select = from.prepare(`SELECT * FROM ${table}`)
        select.setReturnArrays(true)
        select.all()
      }
      return {}
    }
  },
}

const work = await works[what]?.()
if (!work) throw new Error(`there are ${Object.keys(works).join(', ')}`)
const [started, before] = [performance.now(), process.cpuUsage()]
const said = (await work()) as object
const { user, system } = process.cpuUsage(before)
const taken = {
  ...said,
  ...{ cpu: (user + system) / 1e6, seconds: (performance.now() - started) / 1000 },
  memory: process.resourceUsage().maxRSS / 1024,
}
process.stdout.write(JSON.stringify(taken), () => process.exit(0))
