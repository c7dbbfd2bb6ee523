/** What an engine must be able to do; everything else of `Storage` is the same for all. */
import type { RequestError } from '../core/model/error.ts'
import type { Result } from '../core/result.ts'
import { type ReadName, reads, readsOfMany } from './reads.ts'
import { keeps, type Steps } from './statement.ts'
import type { Actor, Commit, ProgramName, Programs, Storage, Transaction, WriteEnd } from './storage.ts'

/** One write: which program, with what, in whose name. Plain data. */
export interface Job<P extends ProgramName = ProgramName> {
  readonly program: P
  readonly args: Programs[P]['args']
  readonly actor: Actor
}

export interface Driver {
  readonly engine: Storage['engine']
  /** Drives the statements in one snapshot. */
  read<T>(steps: Steps<T>, statements: 'one' | 'many'): Promise<T>
  /** Runs the program in a transaction that is durable when this resolves with a success. */
  write(job: Job): Promise<Result<unknown, RequestError>>
  onCommit(listener: (commit: Commit) => void): () => void
  onTransaction(listener: (done: Transaction) => void): () => void
  size(): Promise<number>
  clock(): Promise<number>
  check(): Promise<void>
  close(): Promise<void>
}

export function storageOf(driver: Driver): Storage {
  const readers = Object.fromEntries(
    (Object.keys(reads) as ReadName[]).map((name) => {
      const steps = reads[name] as (...args: readonly unknown[]) => Steps<unknown>
      const statements = readsOfMany.has(name) ? 'many' : 'one'
      return [name, (...args: readonly unknown[]) => driver.read(steps(...args), statements)]
    }),
  ) as Pick<Storage, ReadName>
  const ended = { committed: 0, unchanged: 0, refused: 0, failed: 0 }
  let waiting = 0
  async function write(job: Job): Promise<Result<unknown, RequestError>> {
    waiting++
    let end: WriteEnd = 'failed'
    try {
      const result = await driver.write(job)
      end = keeps(result) ? 'committed' : result.ok ? 'unchanged' : 'refused'
      return result
    } finally {
      waiting--
      ended[end]++
    }
  }
  return {
    ...readers,
    engine: driver.engine,
    run: ((program, args, actor) => write({ program, args, actor } as Job)) as Storage['run'],
    onCommit: driver.onCommit,
    onTransaction: driver.onTransaction,
    activity: () => ({ waiting, ended: { ...ended } }),
    size: driver.size,
    clock: driver.clock,
    check: driver.check,
    close: driver.close,
  }
}

export interface Listeners<T> {
  readonly add: (listener: (said: T) => void) => () => void
  readonly tell: (said: T) => void
}

/** One that throws does not keep the others from hearing. */
export function createListeners<T>(): Listeners<T> {
  const listeners = new Set<(said: T) => void>()
  return {
    add(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    tell(said) {
      for (const listener of [...listeners]) {
        try {
          listener(said)
        } catch (error) {
          queueMicrotask(() => {
            throw error
          })
        }
      }
    },
  }
}
