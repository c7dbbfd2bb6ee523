/**
 * PostgreSQL: any number of API processes on one database.
 *
 * Each process writes on one connection at a time, and what arrives meanwhile shares the next transaction: all writers
 * wait for the same revision row anyway, so more connections would only queue in the server. Readers use the pool.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { RequestError } from '../core/model/error.ts'
import type { Result } from '../core/result.ts'
import { createListeners, type Job, storageOf } from './driver.ts'
import { migrate } from './migrations/migrate.ts'
import { commitOf, programs } from './programs/index.ts'
import { reads } from './reads.ts'
import { keeps, type Program, type Row, type Steps } from './statement.ts'
import type { Commit, Storage } from './storage.ts'

const channel = 'portcullis'
/** Bounds what one request waits for. */
const mostPerTransaction = 64
/** Any number; the same for every process that might migrate. */
const migrationLock = 7_018_234

interface Queued {
  readonly job: Job
  readonly resolve: (result: Result<unknown, RequestError>) => void
  readonly reject: (error: unknown) => void
}
type Outcome = { result: Result<unknown, RequestError> } | { error: unknown }

/** Numbers that JavaScript holds exactly: revisions and milliseconds come as 64-bit integers. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')) as never,
}

/** Creates the schema in an empty database. Rejects when it cannot be reached, or a newer version has written it. */
export async function openPostgresql({ url }: { url: string }): Promise<Storage> {
  const settings = {
    connectionString: url,
    types,
    connectionTimeoutMillis: 5000,
    application_name: 'portcullis',
  }
  const pool = new pg.Pool({ ...settings, max: 10, statement_timeout: 30_000 })
  // A connection that breaks while nobody uses it is replaced by the next query.
  pool.on('error', () => {})
  try {
    await transaction(pool, 'BEGIN', async (client) => {
      // Two processes that start at once on an empty database must not both create it.
      await client.query('SELECT pg_advisory_xact_lock($1)', [migrationLock])
      await drive(client, migrate('postgresql'))
    })
  } catch (error) {
    await pool.end()
    throw error
  }

  const self = randomUUID()
  const listeners = createListeners()
  const queue: Queued[] = []
  let writing: Promise<void> | undefined
  let closed = false

  async function writeAll(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0, mostPerTransaction)
      try {
        const { outcomes, commit } = await writeBatch(pool, batch, self)
        for (const [index, outcome] of outcomes.entries()) {
          if ('result' in outcome) batch[index]?.resolve(outcome.result)
          else batch[index]?.reject(outcome.error)
        }
        if (commit) listeners.tell(commit)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    writing = undefined
  }

  const stopListening = listen({ ...settings, statement_timeout: 0 }, async (payload) => {
    if (payload === undefined) {
      // Connected, or connected anew: whatever was said before was missed.
      const revision = await read(pool, reads.revision(), 'one')
      listeners.tell({ revision, topics: ['credentials', 'servers', 'rules'] })
    } else {
      const { from, ...commit } = JSON.parse(payload) as Commit & { from: string }
      if (from !== self) listeners.tell(commit)
    }
  })

  return storageOf({
    engine: 'postgresql',
    read: (steps, statements) => read(pool, steps, statements),
    write: (job) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Error('the store is closed'))
        queue.push({ job, resolve, reject })
        writing ??= writeAll()
      }),
    onCommit: listeners.add,
    async check() {
      await pool.query('SELECT value FROM revision FOR SHARE')
    },
    async close() {
      closed = true
      await writing
      await stopListening()
      await pool.end()
    },
  })
}

async function writeBatch(
  pool: pg.Pool,
  batch: readonly Queued[],
  self: string,
): Promise<{ outcomes: Outcome[]; commit?: Commit }> {
  const outcomes: Outcome[] = []
  const done: { program: Job['program']; result: Result<unknown, RequestError> }[] = []
  let commit: Commit | undefined
  await transaction(pool, 'BEGIN', async (client) => {
    // Every writer takes this row before any other, so that no two ever wait for each other.
    await client.query('SELECT value FROM revision FOR UPDATE')
    for (const { job } of batch) {
      const outcome = await attempt(client, job)
      outcomes.push(outcome)
      if ('result' in outcome) done.push({ program: job.program, result: outcome.result })
    }
    commit = commitOf(done)
    if (commit) {
      const notice = JSON.stringify({ from: self, ...commit })
      await client.query('SELECT pg_notify($1, $2)', [channel, notice])
    }
  })
  return commit ? { outcomes, commit } : { outcomes }
}

/** One program in a savepoint. Rejects when the connection, and with it the transaction, is lost. */
async function attempt(client: pg.PoolClient, job: Job): Promise<Outcome> {
  const program = programs[job.program] as (args: Job['args'], actor: Job['actor']) => Program<unknown>
  await client.query('SAVEPOINT program')
  let outcome: Outcome
  try {
    outcome = { result: await drive(client, program(job.args, job.actor)) }
  } catch (error) {
    outcome = { error }
  }
  if (!('result' in outcome) || !keeps(outcome.result)) await client.query('ROLLBACK TO SAVEPOINT program')
  await client.query('RELEASE SAVEPOINT program')
  return outcome
}

/** A read of one statement is a snapshot by itself, and saved two round trips. */
function read<T>(pool: pg.Pool, steps: Steps<T>, statements: 'one' | 'many'): Promise<T> {
  if (statements === 'one') return drive(pool, steps)
  return transaction(pool, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', (client) =>
    drive(client, steps),
  )
}

async function transaction<T>(
  pool: pg.Pool,
  begin: string,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  const lost = (error: Error) => {
    broken = error
  }
  client.on('error', lost)
  try {
    await client.query(begin)
    const value = await work(client)
    await client.query('COMMIT')
    return value
  } catch (error) {
    // A connection that cannot even roll back is not given to the next one.
    await client.query('ROLLBACK').catch(lost)
    throw error
  } finally {
    client.off('error', lost)
    client.release(broken)
  }
}

async function drive<T>(client: pg.PoolClient | pg.Pool, steps: Steps<T>): Promise<T> {
  let step = steps.next()
  while (!step.done) {
    const { rows } = await client.query(prepare(step.value.sql, step.value.params))
    step = steps.next(rows as Row[])
  }
  return step.value
}

const prepared = new Map<string, { name: string; text: string }>()

/** Statements with parameters are prepared once per connection, under a short name of ours. */
function prepare(sql: string, values: readonly unknown[]): pg.QueryConfig {
  if (values.length === 0) return { text: sql }
  let statement = prepared.get(sql)
  if (!statement) {
    let number = 0
    statement = { name: `p${prepared.size}`, text: sql.replaceAll('?', () => `$${++number}`) }
    prepared.set(sql, statement)
  }
  return { ...statement, values: [...values] }
}

/** Hears what other processes commit; connects again for as long as it is wanted. Answers how to stop. */
function listen(
  settings: pg.ClientConfig,
  hear: (payload: string | undefined) => Promise<void>,
): () => Promise<void> {
  const stopping = new AbortController()
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const client = new pg.Client(settings)
      const stop = () => void client.end().catch(() => {})
      try {
        const ended = new Promise<void>((resolve) => {
          client.on('error', () => resolve())
          client.on('end', resolve)
        })
        client.on('notification', ({ payload }) => void hear(payload ?? '').catch(() => {}))
        await client.connect()
        await client.query(`LISTEN ${channel}`)
        stopping.signal.addEventListener('abort', stop)
        if (stopping.signal.aborted) stop()
        else await hear(undefined)
        await ended
      } catch {
        // Tried again below.
      }
      stopping.signal.removeEventListener('abort', stop)
      await client.end().catch(() => {})
      await delay(500, undefined, { signal: stopping.signal }).catch(() => {})
    }
  })()
  return async () => {
    stopping.abort()
    await running
  }
}
