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
import { createFairQueue, isIdleWrite, isLargeWrite } from './fair-queue.ts'
import { migrate } from './migrations/migrate.ts'
import { type Connections, createConnections, destroy, type Session } from './postgresql-connections.ts'
import { commitOf } from './programs/index.ts'
import { running } from './programs/run.ts'
import { reads } from './reads.ts'
import { inBulk, keeps, type Row, type Steps } from './statement.ts'
import type { Commit, RevisionRecord, Storage, Transaction } from './storage.ts'
import { Unavailable } from './unavailable.ts'

const channel = 'portcullis'
/** Bounds what one request waits for. */
const maxPerTransaction = 64
/** Any number; the same for every process that might migrate. */
export const migrationLock = 7_018_234
/** Shared by every process that uses the database; whoever replaces all of it has it alone. */
export const useLock = 7_018_235
/** Milliseconds that an opening database is waited for. */
const patience = 5000

interface Queued {
  readonly job: Job
  readonly resolve: (result: Result<unknown, RequestError>) => void
  readonly reject: (error: unknown) => void
}
type Outcome = { result: Result<unknown, RequestError> } | { error: unknown }

/** Numbers that JavaScript holds exactly: revisions and milliseconds come as 64-bit integers. */
export const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')) as never,
}

/** Creates the schema in an empty database. Rejects when it cannot be reached, or a newer version has written it. */
export async function openPostgresql({ url }: { url: string }): Promise<Storage> {
  const connections = createConnections(url, types)
  try {
    await prepareSchema(connections)
  } catch (error) {
    await connections.close()
    // At the start the database's own words say more.
    throw error instanceof Unavailable ? (error.cause ?? error) : error
  }

  const self = randomUUID()
  const listeners = createListeners<Commit>()
  const transactions = createListeners<Transaction>()
  const queue = createFairQueue<Queued>({
    accountOf: ({ job }) => job.actor.account,
    isLarge: ({ job }) => isLargeWrite(job.args),
    isIdle: ({ job }) => isIdleWrite(job.program),
  })
  /** Resolves when something is added to the queue. */
  let pushed = Promise.withResolvers<void>()
  let writing: Promise<void> | undefined
  let closed = false
  /** Whether a write failed for want of room: the next check then tries one that needs room. */
  let trouble = false

  async function writeAll(): Promise<void> {
    while (!queue.isEmpty) {
      const batch = queue.take(maxPerTransaction)
      if (batch.length === 0) {
        await Promise.race([delay(queue.rest), pushed.promise])
        continue
      }
      const started = performance.now()
      const seconds = () => (performance.now() - started) / 1000
      try {
        const { outcomes, commit, changes } = await writeBatch(connections, batch, self)
        for (const [index, outcome] of outcomes.entries()) {
          if ('result' in outcome) batch[index]?.resolve(outcome.result)
          else {
            trouble ||= isFull(outcome.error)
            batch[index]?.reject(outcome.error)
          }
        }
        if (commit) tell(commit)
        transactions.tell({ seconds: seconds(), committed: true, changes })
      } catch (error) {
        trouble ||= isFull(error)
        for (const { reject } of batch) reject(error)
        transactions.tell({ seconds: seconds(), committed: false, changes: [] })
      }
      queue.took(performance.now() - started)
    }
    writing = undefined
  }

  /** Newest revision that listeners know of. */
  let told = 0
  function tell(commit: Commit): void {
    told = Math.max(told, commit.revision)
    listeners.tell(commit)
  }

  const listening = listen(connections, {
    notice(payload) {
      const { from, ...commit } = JSON.parse(payload) as Commit & { from: string }
      if (from !== self) tell(commit)
    },
    missed(revision) {
      tell({ revision, topics: ['credentials', 'servers', 'rules'] })
    },
    known: () => told,
  })
  // From here on nobody replaces what is read.
  await listening.begun

  return storageOf({
    engine: 'postgresql',
    read: (steps, statements) => read(connections, steps, statements),
    write: (job) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Error('the store is closed'))
        queue.push({ job, resolve, reject })
        pushed.resolve()
        pushed = Promise.withResolvers()
        writing ??= writeAll()
      }),
    onCommit: listeners.add,
    onTransaction: transactions.add,
    size: () =>
      connections.use(async (session) => {
        const { rows } = await session.query({ text: 'SELECT pg_database_size(current_database()) AS size' })
        return Number((rows[0] as Row | undefined)?.size)
      }),
    clock: () =>
      connections.use(async (session) => {
        const text = 'SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS now'
        const { rows } = await session.query({ text })
        return Number((rows[0] as Row | undefined)?.now)
      }),
    async check() {
      await connections.use(async (session) => {
        await session.query({ text: 'SELECT value FROM revision FOR SHARE' })
        if (trouble) await tryRoom(session)
        trouble = false
      })
    },
    async close() {
      closed = true
      await writing
      await listening.stop()
      await connections.close()
    },
  })
}

/** Tries for some seconds: both may just have been started. */
async function prepareSchema(connections: Connections): Promise<void> {
  for (const started = performance.now(); ; await delay(200)) {
    try {
      return await transaction(connections, 'BEGIN', async (session) => {
        await session.query({ text: 'SET LOCAL statement_timeout = 0' })
        // Two processes that start at once on an empty database must not both create it.
        await session.query({ text: 'SELECT pg_advisory_xact_lock($1)', values: [migrationLock] })
        await drive(session, migrate('postgresql'))
      })
    } catch (error) {
      const { cause } = error as { readonly cause?: unknown }
      // Whatever it says but that it is starting (57P03) stays so.
      const final =
        !(error instanceof Unavailable) || (cause instanceof pg.DatabaseError && cause.code !== '57P03')
      if (final || performance.now() - started > patience) throw error
    }
  }
}

/** Insufficient resources, a full disk among them, and errors of the system (PostgreSQL 15, appendix A). */
const isFull = (error: unknown): boolean =>
  error instanceof Unavailable && /^5[38]/.test(String((error.cause as { readonly code?: unknown })?.code))

/** Not little: a small write may find room where others do not. Nothing of it stays. */
async function tryRoom(session: Session): Promise<void> {
  const text =
    'CREATE TABLE room AS SELECT repeat(md5(n::text), 8) AS data FROM generate_series(1, 1000) AS n'
  await session.query({ text: 'BEGIN' })
  try {
    await session.query({ text })
  } finally {
    await session.query({ text: 'ROLLBACK' })
  }
}

async function writeBatch(
  connections: Connections,
  batch: readonly Queued[],
  self: string,
): Promise<{ outcomes: Outcome[]; commit?: Commit; changes: Transaction['changes'] }> {
  const outcomes: Outcome[] = []
  const changes: (readonly RevisionRecord[])[] = []
  const done: { program: Job['program']; result: Result<unknown, RequestError> }[] = []
  let commit: Commit | undefined
  await transaction(connections, 'BEGIN', async (session) => {
    // Every writer takes this row before any other, so that no two ever wait for each other.
    await session.query({ text: 'SELECT value FROM revision FOR UPDATE' })
    for (const { job } of batch) {
      const outcome = await attempt(session, job, changes)
      outcomes.push(outcome)
      if ('result' in outcome) done.push({ program: job.program, result: outcome.result })
    }
    commit = commitOf(done)
    if (commit) {
      const notice = JSON.stringify({ from: self, ...commit })
      await session.query({ text: 'SELECT pg_notify($1, $2)', values: [channel, notice] })
    }
  })
  return { outcomes, ...(commit && { commit }), changes }
}

/**
 * One program in a savepoint; adds to `changes` what is kept. Rejects when the connection, and with it the transaction, is
 * lost.
 */
async function attempt(session: Session, job: Job, changes: (readonly RevisionRecord[])[]): Promise<Outcome> {
  await session.query({ text: 'SAVEPOINT program' })
  const { steps, changes: recorded } = running(job)
  let outcome: Outcome
  try {
    outcome = { result: await drive(session, steps) }
  } catch (error) {
    outcome = { error }
  }
  if (!('result' in outcome) || !keeps(outcome.result)) {
    await session.query({ text: 'ROLLBACK TO SAVEPOINT program' })
  } else if (recorded.length > 0) changes.push(recorded)
  await session.query({ text: 'RELEASE SAVEPOINT program' })
  return outcome
}

/** A read of one statement is a snapshot by itself, and saved two round trips. */
function read<T>(connections: Connections, steps: Steps<T>, statements: 'one' | 'many'): Promise<T> {
  if (statements === 'one') return connections.use((session) => drive(session, steps))
  return transaction(connections, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', (session) =>
    drive(session, steps),
  )
}

function transaction<T>(
  connections: Connections,
  begin: string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return connections.use(async (session) => {
    await session.query({ text: begin })
    try {
      const value = await work(session)
      await session.query({ text: 'COMMIT' })
      return value
    } catch (error) {
      // A connection that cannot even roll back is not given to the next one.
      if (!(error instanceof Unavailable)) await session.query({ text: 'ROLLBACK' })
      throw error
    }
  })
}

export async function drive<T>(session: Session, steps: Steps<T>): Promise<T> {
  let step = steps.next()
  while (!step.done) {
    const statements = step.value.rows ? inBulk(step.value) : [step.value]
    let answer: Row[] = []
    for (const { sql, params } of statements) {
      const { rows } = await session.query(prepare(sql, params))
      answer = rows as Row[]
    }
    step = steps.next(answer)
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

/** Milliseconds between questions on the connection that listens: whether it lives, and whether notices were missed. */
const heartbeat = 1500

/**
 * Hears what other processes commit, and tells those who would replace the store that it is in use; connects again for as
 * long as it is wanted. Notices arrive before the answer to a later question, so that a revision that was there one question
 * ago and has not been heard of by now was missed. `begun` resolves when it hears, or could not the first time.
 */
function listen(
  connections: Connections,
  hear: {
    readonly notice: (payload: string) => void
    /** Anything may have been committed up to this revision. */
    readonly missed: (revision: number) => void
    readonly known: () => number
  },
): { readonly begun: Promise<void>; stop(): Promise<void> } {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const stopping = new AbortController()
  const { signal } = stopping
  const pause = (milliseconds: number) => delay(milliseconds, undefined, { signal }).catch(() => {})

  async function once(): Promise<void> {
    const { client, session } = await connections.open()
    const stop = () => destroy(client)
    signal.addEventListener('abort', stop)
    try {
      client.on('notification', ({ payload = '' }) => {
        try {
          hear.notice(payload)
        } catch {
          // Not ours: anybody who may connect may notify.
        }
      })
      await session.query({ text: `LISTEN ${channel}` })
      // Not waited for: whoever has it alone is about to replace what would be read here.
      const { rows } = await session.query({
        text: 'SELECT pg_try_advisory_lock_shared($1) AS taken',
        values: [useLock],
      })
      if (rows[0]?.taken !== true) throw new Error('the store is being replaced')
      // Whatever was said before was missed; and who failed while the database was away can go on.
      let seen = await drive(session, reads.revision())
      hear.missed(seen)
      begin()
      while (!signal.aborted) {
        await pause(heartbeat)
        const revision = await drive(session, reads.revision())
        if (seen > hear.known()) hear.missed(seen)
        seen = revision
      }
    } finally {
      signal.removeEventListener('abort', stop)
      destroy(client)
    }
  }

  const running = (async () => {
    while (!signal.aborted) {
      await once().catch(() => {})
      begin()
      await pause(500)
    }
  })()
  return {
    begun,
    async stop() {
      stopping.abort()
      await running
    },
  }
}
