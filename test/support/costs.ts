/** What statements cost a store: how many there are, what they visit, and how engines go about them. Nothing of it stays. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import type { Job } from '../../src/storage/driver.ts'
import { types } from '../../src/storage/postgresql.ts'
import { running } from '../../src/storage/programs/run.ts'
import { type ReadName, reads } from '../../src/storage/reads.ts'
import type { Row, Statement, Steps } from '../../src/storage/statement.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { Place } from '../../src/storage/whole/whole-store.ts'

export interface Cost {
  readonly statements: number
  /** Rows of tables and indexes that were looked at; of SQLite, which does not say, those that were answered. */
  readonly rows: number
  /** Steps of plans that read all of a table; of SQLite. */
  readonly whole: readonly string[]
}

export const noCost: Cost = { statements: 0, rows: 0, whole: [] }
export const sum = (a: Cost, b: Cost): Cost => ({
  statements: a.statements + b.statements,
  rows: a.rows + b.rows,
  whole: [...new Set([...a.whole, ...b.whole])],
})

/** A store that tells what each call costs before it is done, while `isOn`. */
export function weighed(
  storage: Storage,
  place: Place,
  tell: (of: string, cost: Cost) => void,
  isOn: () => boolean,
): Storage {
  const weigh = async (of: string, steps: Steps<unknown>) => {
    if (isOn()) tell(of, await costOf(place, steps))
  }
  return new Proxy(storage, {
    get(target, name: keyof Storage) {
      if (name in reads) {
        return async (...args: readonly unknown[]) => {
          await weigh(
            name,
            (reads[name as ReadName] as (...of: readonly unknown[]) => Steps<unknown>)(...args),
          )
          return (target[name] as (...of: readonly unknown[]) => unknown)(...args)
        }
      }
      if (name !== 'run') return target[name]
      return async (program: Job['program'], args: never, actor: Job['actor']) => {
        await weigh(program, running({ program, args, actor }).steps)
        return target.run(program, args, actor)
      }
    },
  })
}

export const costOf = (place: Place, steps: Steps<unknown>): Promise<Cost> =>
  'url' in place ? onPostgresql(place.url, steps) : onSqlite(place.directory, steps)

async function onSqlite(directory: string, steps: Steps<unknown>): Promise<Cost> {
  const database = new DatabaseSync(join(directory, 'portcullis.db'), { timeout: 30_000 })
  let cost = noCost
  try {
    database.exec('BEGIN IMMEDIATE')
    for (let step = steps.next(); !step.done; ) {
      const { sql, params, rows = [params] } = step.value
      const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...(rows[0] ?? []))
      const whole = plan.map(({ detail }) => String(detail)).filter((detail) => isWhole(detail))
      const found = rows.flatMap((each) => database.prepare(sql).all(...each) as Row[])
      cost = sum(cost, { statements: 1, rows: found.length, whole: whole.map((each) => `${each}: ${sql}`) })
      step = steps.next(found)
    }
    return cost
  } finally {
    database.close()
  }
}

/** Not in the order of an index, where a limit ends it, nor of what a statement itself selects. */
const isWhole = (detail: string): boolean =>
  /^SCAN (?!CONSTANT|looked_at|owner|few|place)/.test(detail) && !/ USING .*INDEX/.test(detail)

async function onPostgresql(url: string, steps: Steps<unknown>): Promise<Cost> {
  const client = new pg.Client({ connectionString: url, types })
  await client.connect()
  let cost = noCost
  try {
    await client.query('BEGIN')
    // Tables of a test are small enough to be read whole: what matters is whether there is another way.
    await client.query('SET LOCAL enable_seqscan = off')
    for (let step = steps.next(); !step.done; ) {
      const found: Row[] = []
      for (const each of step.value.rows ?? [step.value.params])
        found.push(...(await explained(each, step.value.sql)))
      step = steps.next(found)
    }
    return cost
  } finally {
    await client.query('ROLLBACK')
    await client.end()
  }

  async function explained(values: Statement['params'], sql: string): Promise<readonly Row[]> {
    let number = 0
    const text = sql.replaceAll('?', () => `$${++number}`)
    await client.query('SAVEPOINT before')
    const plan = await client.query({ text: `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values: [...values] })
    await client.query('ROLLBACK TO before')
    const visited = visitedBy(
      (plan.rows[0] as { 'QUERY PLAN': readonly { Plan: PlanNode }[] })['QUERY PLAN'][0]?.Plan,
    )
    cost = sum(cost, { statements: 1, rows: visited, whole: [] })
    return (await client.query({ text, values: [...values] })).rows as Row[]
  }
}

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  readonly Plans?: readonly PlanNode[]
}

function visitedBy(node: PlanNode | undefined): number {
  if (!node) return 0
  const below = (node.Plans ?? []).map(visitedBy).reduce((a, b) => a + b, 0)
  if (!/Scan$/.test(node['Node Type']) || /Subquery|CTE/.test(node['Node Type'])) return below
  const {
    'Actual Rows': rows,
    'Rows Removed by Filter': filtered = 0,
    'Rows Removed by Index Recheck': rechecked = 0,
  } = node
  return below + Math.round((rows + filtered + rechecked) * node['Actual Loops'])
}
