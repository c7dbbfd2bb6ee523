/**
 * The thread that writes to SQLite. What has arrived while the last transaction was synced becomes the next one, in turn by
 * account: many small writes share a sync, each in a savepoint of its own, so that one that fails undoes only itself.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { RequestError } from '../core/model/error.ts'
import type { Result } from '../core/result.ts'
import type { Job } from './driver.ts'
import { createFairQueue, isIdleWrite, isLargeWrite } from './fair-queue.ts'
import { migrate, requireCurrent } from './migrations/migrate.ts'
import { commitOf } from './programs/index.ts'
import { running } from './programs/run.ts'
import { type Connection, connect } from './sqlite-connection.ts'
import { keeps, queryOne } from './statement.ts'
import type { Commit, RevisionRecord, Transaction } from './storage.ts'
import { Unavailable } from './unavailable.ts'

/** Bounds what one request waits for. */
const maxPerTransaction = 256

export interface ToOpen {
  readonly path: string
  /** Another process has it open. */
  readonly beside: boolean
}

/** How often it is looked whether another process has written, milliseconds. */
const lookEvery = 200

type Asked = { readonly id: number; readonly job: Job | 'check' }
export type ToWriter = Asked | { readonly id: number; readonly job: 'close' }
export type Ended =
  | { readonly id: number; readonly result: Result<unknown, RequestError> }
  | ({ readonly id: number } & Failed)
/** Classes of errors do not cross threads: `unavailable` says what the error was. */
type Failed = { readonly error: unknown; readonly unavailable: boolean }
export type FromWriter =
  | { readonly ready: true }
  | { readonly failed: string }
  /** Somebody else has committed. */
  | { readonly foreign: Commit }
  | { readonly ended: readonly Ended[]; readonly commit?: Commit; readonly transaction?: Transaction }

if (parentPort) serve(parentPort)

function serve(port: NonNullable<typeof parentPort>): void {
  const say = (message: FromWriter) => port.postMessage(message)
  let connection: Connection
  try {
    connection = open(workerData as ToOpen)
  } catch (error) {
    say({ failed: error instanceof Error ? error.message : String(error) })
    return
  }
  const queue = createFairQueue<Asked>({
    accountOf: ({ job }) => (job === 'check' ? '' : job.actor.account),
    isLarge: ({ job }) => job !== 'check' && isLargeWrite(job.args),
    isIdle: ({ job }) => job !== 'check' && isIdleWrite(job.program),
  })
  let closing: number | undefined
  let closed = false
  let timer: NodeJS.Timeout | undefined

  function take(message: ToWriter): void {
    if (message.job === 'close') closing = message.id
    else queue.push(message as Asked)
  }
  function pump(): void {
    // What was sent behind the end is refused where it waits.
    if (closed) return
    clearTimeout(timer)
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
      take(next.message as ToWriter)
    }
    const batch = queue.take(maxPerTransaction)
    if (batch.length > 0) {
      const started = performance.now()
      say(commit(connection, batch))
      queue.took(performance.now() - started)
    }
    if (!queue.isEmpty) timer = setTimeout(pump, queue.rest)
    else if (closing !== undefined) close(closing)
  }
  /** Commits of other connections change this number, and ours do not (sqlite.org/pragma.html#pragma_data_version). */
  const version = () => Number(connection.drive(queryOne('PRAGMA data_version'))?.data_version)
  let seen = version()
  const looking = setInterval(() => {
    try {
      const now = version()
      if (now === seen) return
      seen = now
      const revision = Number(connection.drive(queryOne('SELECT value FROM revision'))?.value)
      say({ foreign: { revision, topics: ['credentials', 'servers', 'rules'] } })
    } catch {
      // Looked at again; whoever writes is told what is wrong.
    }
  }, lookEvery)
  function close(id: number): void {
    closed = true
    clearInterval(looking)
    try {
      // So that a copy of the one file is whole.
      connection.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // Everything is in the log, which stays.
    }
    connection.close()
    say({ ended: [{ id, result: { ok: true, value: undefined } }] })
    port.close()
  }
  port.on('message', (message: ToWriter) => {
    take(message)
    pump()
  })
  say({ ready: true })
}

function open({ path, beside }: ToOpen): Connection {
  const connection = connect(path, { readOnly: false })
  if (beside) {
    connection.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
    connection.drive(requireCurrent('sqlite'))
    return connection
  }
  connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  // In KiB, and taken as it is needed: a large inventory changes more pages than the usual 2 MiB, and would write each several times.
  connection.exec('PRAGMA cache_size = -65536')
  connection.exec('BEGIN IMMEDIATE')
  connection.drive(migrate('sqlite'))
  connection.exec('COMMIT')
  return connection
}

/** Whether the last write failed for want of room, or the like: the next check then tries one that needs room. */
let trouble = false

/** Runs the batch in one transaction; its answers are true only after COMMIT, so they are sent together. */
function commit(connection: Connection, batch: readonly Asked[]): FromWriter {
  const ended: Ended[] = []
  const done: { program: Job['program']; result: Result<unknown, RequestError> }[] = []
  const changes: (readonly RevisionRecord[])[] = []
  const started = performance.now()
  const transaction = (committed: boolean) => ({
    ...{ seconds: (performance.now() - started) / 1000, committed },
    changes: committed ? changes : [],
  })
  try {
    if (trouble && batch.some(({ job }) => job === 'check')) tryRoom(connection)
    connection.exec('BEGIN IMMEDIATE')
    for (const { id, job } of batch) {
      if (job === 'check') ended.push({ id, result: { ok: true, value: undefined } })
      else {
        const one = attempt(connection, job, changes)
        ended.push({ id, ...one })
        if ('result' in one) done.push({ program: job.program, result: one.result })
      }
    }
    connection.exec('COMMIT')
  } catch (error) {
    rollBack(connection)
    return { ended: batch.map(({ id }) => ({ id, ...failed(error) })), transaction: transaction(false) }
  }
  const committed = commitOf(done)
  return { ended, ...(committed && { commit: committed }), transaction: transaction(true) }
}

function failed(error: unknown): Failed {
  const unavailable = error instanceof Unavailable
  trouble ||= unavailable
  return { error, unavailable }
}

/** Not little: a small write may find room where others do not. */
function tryRoom(connection: Connection): void {
  connection.exec(
    'BEGIN IMMEDIATE; CREATE TABLE room (data BLOB); INSERT INTO room VALUES (zeroblob(262144)); COMMIT',
  )
  connection.exec('DROP TABLE room')
  trouble = false
}

function rollBack(connection: Connection): void {
  try {
    connection.exec('ROLLBACK')
  } catch {
    // SQLite has rolled back by itself.
  }
}

/** Throws when the whole transaction is lost. Adds to `changes` what is kept. */
function attempt(
  connection: Connection,
  job: Job,
  changes: (readonly RevisionRecord[])[],
): { result: Result<unknown, RequestError> } | Failed {
  connection.exec('SAVEPOINT program')
  try {
    const { steps, changes: recorded } = running(job)
    const result = connection.drive(steps)
    if (!keeps(result)) connection.exec('ROLLBACK TO program')
    else if (recorded.length > 0) changes.push(recorded)
    connection.exec('RELEASE program')
    return { result }
  } catch (error) {
    // Where SQLite has rolled back all of it, there is no savepoint any more (sqlite.org/lang_transaction.html, §3).
    if (error instanceof Unavailable) throw error
    connection.exec('ROLLBACK TO program')
    connection.exec('RELEASE program')
    return failed(error)
  }
}
