/**
 * The embedded engine: one file, written by a thread, read here on a connection that cannot write.
 *
 * One process serves at a time, because rendered lists and logins are remembered in memory: a second one is refused. A command
 * may write beside it, which the first notices.
 */
import { chmodSync, mkdirSync } from 'node:fs'
import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import type { RequestError } from '../core/model/error.ts'
import type { Result } from '../core/result.ts'
import { createListeners, type Job, storageOf } from './driver.ts'
import { type Connection, connect } from './sqlite-connection.ts'
import type { FromWriter, ToOpen, ToWriter } from './sqlite-writer.ts'
import type { Steps } from './statement.ts'
import type { Commit, Storage, Transaction } from './storage.ts'
import { Unavailable } from './unavailable.ts'

type Waiting = { resolve: (result: Result<unknown, RequestError>) => void; reject: (error: unknown) => void }

export interface SqliteOptions {
  readonly directory: string
  /** Told when the thread that writes has ended by itself: nothing can be written any more. Only a new process can help. */
  readonly died?: (error: Error) => void
  /** Whether another process may have it open and go on: then nothing is migrated, and another schema is refused. */
  readonly beside?: boolean
  /** Another program for that thread, for tests. */
  readonly writer?: URL
}

const ownWriter = new URL(
  import.meta.url.endsWith('.ts') ? 'sqlite-writer.ts' : 'sqlite-writer.js',
  import.meta.url,
)
/** Below so much the disk counts as full: the next write may not find room. */
const leastFree = 1024 * 1024

/** Makes the directory when it is not there. Rejects when another process uses it, or a newer version has written it. */
export async function openSqlite({
  directory,
  died = () => {},
  beside = false,
  writer: program = ownWriter,
}: SqliteOptions): Promise<Storage> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const unlock = beside ? lockIfFree(directory) : lockDirectory(directory)
  const path = databaseIn(directory)
  const workerData: ToOpen = { path, beside: unlock === undefined }
  const writer = new Worker(program, { workerData })
  const commits = createListeners<Commit>()
  const transactions = createListeners<Transaction>()
  const waiting = new Map<number, Waiting>()
  let nextId = 1
  let broken: Error | undefined
  /** Ends are faults between these. */
  let [open, closing] = [false, false]

  function fail(error: Error): void {
    if (broken) return
    broken = new Unavailable(error.message, error)
    for (const { reject } of waiting.values()) reject(broken)
    waiting.clear()
    if (open && !closing) died(error)
  }
  writer.on('error', fail)
  writer.on('exit', () => fail(new Error('the writer of the store has ended')))

  try {
    await new Promise<void>((resolve, reject) => {
      writer.once('error', reject)
      writer.on('message', (message: FromWriter) => {
        if ('ready' in message) resolve()
        else if ('failed' in message) reject(new Error(message.failed))
        else if ('foreign' in message) commits.tell(message.foreign)
        else {
          for (const one of message.ended) {
            if ('result' in one) waiting.get(one.id)?.resolve(one.result)
            else waiting.get(one.id)?.reject(one.unavailable ? unavailable(one.error) : one.error)
            waiting.delete(one.id)
          }
          if (message.commit) commits.tell(message.commit)
          if (message.transaction) transactions.tell(message.transaction)
        }
      })
    })
  } catch (error) {
    await writer.terminate()
    unlock?.()
    throw error
  }
  open = true
  // It holds password hashes; the directory may be older than us and open to all.
  chmodSync(path, 0o600)
  const reader = connect(path, { readOnly: true })

  const ask = (job: ToWriter['job']): Promise<Result<unknown, RequestError>> =>
    new Promise((resolve, reject) => {
      if (broken) return reject(broken)
      const id = nextId++
      waiting.set(id, { resolve, reject })
      writer.postMessage({ id, job } as ToWriter)
    })

  return storageOf({
    engine: 'sqlite',
    read: async (steps, statements) => inSnapshot(reader, steps, statements),
    write: (job: Job) => ask(job),
    onCommit: commits.add,
    onTransaction: transactions.add,
    async size() {
      const sizes = await Promise.all([path, `${path}-wal`].map((file) => stat(file).catch(() => undefined)))
      return sizes.reduce((sum, each) => sum + (each?.size ?? 0), 0)
    },
    // Its processes run on one host.
    clock: async () => Date.now(),
    async check() {
      const { bavail, bsize } = await statfs(directory)
      if (bavail * bsize < leastFree) throw new Unavailable('the disk is full')
      await ask('check')
    },
    async close() {
      closing = true
      await ask('close')
      fail(new Error('the store is closed'))
      await writer.terminate()
      reader.close()
      unlock?.()
    },
  })
}

function inSnapshot<T>(reader: Connection, steps: Steps<T>, statements: 'one' | 'many'): T {
  // One statement is a snapshot by itself.
  if (statements === 'one') return reader.drive(steps)
  reader.exec('BEGIN')
  try {
    return reader.drive(steps)
  } finally {
    reader.exec('COMMIT')
  }
}

/**
 * For another thread of a process that has the store open: it reads the same file, on a connection of its own, hears of no
 * commits, and refuses to write.
 */
export function openSqliteReader(directory: string): Storage {
  const reader = connect(join(directory, 'portcullis.db'), { readOnly: true })
  const refuse = () => Promise.reject(new Error('this thread does not write'))
  return storageOf({
    engine: 'sqlite',
    read: async (steps, statements) => inSnapshot(reader, steps, statements),
    write: refuse,
    onCommit: () => () => {},
    onTransaction: () => () => {},
    size: refuse,
    clock: async () => Date.now(),
    check: refuse,
    close: async () => reader.close(),
  })
}

const unavailable = (error: unknown) =>
  new Unavailable(error instanceof Error ? error.message : String(error), error)

export const databaseIn = (directory: string): string => join(directory, 'portcullis.db')

/** Throws when another process has it. Held by the operating system, so that it ends with the process however that ends. */
export function lockDirectory(directory: string): () => void {
  const database = new DatabaseSync(join(directory, 'lock'), { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    throw new Error(`another process uses ${directory}`, { cause: error })
  }
  return () => database.close()
}

/** Undefined: another process has it. */
function lockIfFree(directory: string): (() => void) | undefined {
  try {
    return lockDirectory(directory)
  } catch {
    return undefined
  }
}
