/**
 * The thread that writes to SQLite. Whatever has arrived while the last transaction was synced becomes the next one:
 * many small writes share a sync, each in a savepoint of its own, so that one that fails undoes only itself.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { RequestError } from '../core/model/error.ts'
import type { Result } from '../core/result.ts'
import type { Job } from './driver.ts'
import { migrate } from './migrations/migrate.ts'
import { commitOf, programs } from './programs/index.ts'
import { type Connection, connect } from './sqlite-connection.ts'
import { keeps, type Program } from './statement.ts'
import type { Commit } from './storage.ts'

/** Bounds what one request waits for. */
const mostPerTransaction = 256

export type ToWriter =
  | { readonly id: number; readonly job: Job }
  | { readonly id: number; readonly job: 'check' | 'close' }
export type Ended =
  | { readonly id: number; readonly result: Result<unknown, RequestError> }
  | { readonly id: number; readonly error: unknown }
export type FromWriter =
  | { readonly ready: true }
  | { readonly failed: string }
  | { readonly ended: readonly Ended[]; readonly commit?: Commit }

if (parentPort) serve(parentPort)

function serve(port: NonNullable<typeof parentPort>): void {
  const say = (message: FromWriter) => port.postMessage(message)
  let connection: Connection
  try {
    connection = open(String(workerData))
  } catch (error) {
    say({ failed: error instanceof Error ? error.message : String(error) })
    return
  }
  port.on('message', (first: ToWriter) => {
    const batch = [first]
    while (batch.length < mostPerTransaction) {
      const next = receiveMessageOnPort(port)
      if (!next) break
      batch.push(next.message as ToWriter)
    }
    if (batch.some(({ job }) => job !== 'close')) say(commit(connection, batch))
    const closing = batch.find(({ job }) => job === 'close')
    if (closing) {
      connection.close()
      say({ ended: [{ id: closing.id, result: { ok: true, value: undefined } }] })
      port.close()
    }
  })
  say({ ready: true })
}

function open(path: string): Connection {
  const connection = connect(path, { readOnly: false })
  connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  connection.exec('BEGIN IMMEDIATE')
  connection.drive(migrate('sqlite'))
  connection.exec('COMMIT')
  return connection
}

/** Runs the batch in one transaction; its answers are true only after COMMIT, so they are sent together. */
function commit(connection: Connection, batch: readonly ToWriter[]): FromWriter {
  const ended: Ended[] = []
  const done: { program: Job['program']; result: Result<unknown, RequestError> }[] = []
  try {
    connection.exec('BEGIN IMMEDIATE')
    for (const { id, job } of batch) {
      if (job === 'close') continue
      if (job === 'check') ended.push({ id, result: { ok: true, value: undefined } })
      else {
        const one = attempt(connection, job)
        ended.push({ id, ...one })
        if ('result' in one) done.push({ program: job.program, result: one.result })
      }
    }
    connection.exec('COMMIT')
  } catch (error) {
    try {
      connection.exec('ROLLBACK')
    } catch {
      // SQLite has rolled back by itself.
    }
    return { ended: batch.filter(({ job }) => job !== 'close').map(({ id }) => ({ id, error })) }
  }
  const committed = commitOf(done)
  return committed ? { ended, commit: committed } : { ended }
}

function attempt(
  connection: Connection,
  job: Job,
): { result: Result<unknown, RequestError> } | { error: unknown } {
  const program = programs[job.program] as (args: Job['args'], actor: Job['actor']) => Program<unknown>
  connection.exec('SAVEPOINT program')
  try {
    const result = connection.drive(program(job.args, job.actor))
    if (!keeps(result)) connection.exec('ROLLBACK TO program')
    connection.exec('RELEASE program')
    return { result }
  } catch (error) {
    connection.exec('ROLLBACK TO program')
    connection.exec('RELEASE program')
    return { error }
  }
}
