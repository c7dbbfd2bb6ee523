/**
 * What waits to be written, in turn by account: one that writes very much keeps itself waiting, and others hardly.
 *
 * What is taken together shares a transaction, and its answers wait for the whole of it. So much work as the replacement of
 * a long list is taken alone, and while other accounts write an account rests after it: whoever comes meanwhile waits for
 * one of these at most, and mostly for none. What nobody waits for is taken alone when nothing else is there, or has kept it
 * waiting for long.
 */
import type { ProgramName } from './storage.ts'

export interface FairQueue<T> {
  readonly isEmpty: boolean
  push(item: T): void
  /** Of what waits, what is to be written next, at most `most`. None although there are some: in `rest` milliseconds. */
  take(most: number): readonly T[]
  /** What was taken last has been written, and took so many milliseconds. */
  took(milliseconds: number): void
  /** Until one that waits may be taken. */
  readonly rest: number
}

export interface FairQueueOptions<T> {
  /** Whose turn an item takes. */
  readonly accountOf: (item: T) => string
  /** Whether it is taken alone. */
  readonly isLarge: (item: T) => boolean
  /** Whether nobody waits for it. */
  readonly isIdle: (item: T) => boolean
  /** Milliseconds since any fixed moment. */
  readonly now?: () => number
}

/** An account that has written much rests for so many times as long: three quarters of the time are others'. */
const restFactor = 3
/** What nobody waits for is kept waiting for so many milliseconds by a stream of others that never ends. */
const idlePatience = 5000
/** Others are about if one of them has written in so many milliseconds. */
const about = 2000

export function createFairQueue<T>({
  accountOf,
  isLarge,
  isIdle,
  now = () => performance.now(),
}: FairQueueOptions<T>): FairQueue<T> {
  /** In order; with the time since when the first of them waits. */
  const idle: T[] = []
  let idleSince = 0
  /** In order of turn; none is empty. */
  const waiting = new Map<string, T[]>()
  /** When an account may have written much again. */
  const rested = new Map<string, number>()
  /** The account whose large write was taken last, while it is written. */
  let writing: string | undefined
  /** The last two accounts that wrote, and when. */
  let [last, other] = [{ account: '', at: Number.NEGATIVE_INFINITY }, Number.NEGATIVE_INFINITY]

  function wrote(account: string): void {
    if (account !== last.account) other = last.at
    last = { account, at: now() }
  }
  /** The first in turn that may be taken: alone, or into the transaction of others. */
  function nextOf(alone: boolean): readonly [string, T[]] | undefined {
    for (const [account, items] of waiting) {
      const large = isLarge(items[0] as T)
      if (!large || (alone && (rested.get(account) ?? 0) <= now())) return [account, items]
    }
    return undefined
  }

  return {
    get isEmpty() {
      return waiting.size === 0 && idle.length === 0
    },
    get rest() {
      if (idle.length > 0 && waiting.size === 0) return 0
      const times = [...waiting.keys()].map((account) => (rested.get(account) ?? 0) - now())
      return Math.max(0, Math.min(...times))
    },
    push(item) {
      if (isIdle(item)) {
        if (idle.length === 0) idleSince = now()
        idle.push(item)
        return
      }
      const account = accountOf(item)
      const items = waiting.get(account)
      if (items) items.push(item)
      else waiting.set(account, [item])
    },
    take(most) {
      const first = idle[0]
      if (first !== undefined && (waiting.size === 0 || now() - idleSince > idlePatience)) {
        idle.shift()
        idleSince = now()
        return [first]
      }
      const taken: T[] = []
      while (taken.length < most) {
        const next = nextOf(taken.length === 0)
        if (!next) break
        const [account, items] = next
        const item = items.shift() as T
        taken.push(item)
        wrote(account)
        waiting.delete(account)
        if (items.length > 0) waiting.set(account, items)
        if (!isLarge(item)) continue
        writing = account
        break
      }
      return taken
    },
    took(milliseconds) {
      if (writing === undefined) return
      const account = writing
      writing = undefined
      const others = [...waiting.keys()].some((each) => each !== account) || now() - other < about
      for (const [each, time] of rested) if (time <= now()) rested.delete(each)
      if (others) rested.set(account, now() + restFactor * milliseconds)
    },
  }
}

/** Programs that nobody waits for. */
const idlePrograms: ReadonlySet<ProgramName> = new Set(['keepHits', 'pruneHits', 'touchCredentials'])
export const isIdleWrite = (program: ProgramName): boolean => idlePrograms.has(program)

/** Whether a write is of so many rules, servers or statuses that others should not wait for it with what they wait for. */
export function isLargeWrite(args: object): boolean {
  const lengths = Object.values(args).flatMap((value) =>
    Array.isArray(value) || ArrayBuffer.isView(value) || !value || typeof value !== 'object'
      ? lengthsOf(value)
      : Object.values(value).flatMap(lengthsOf),
  )
  return lengths.some((length) => length > 50)
}

/** Of a list, or of encoded ones, of which a KiB counts as one that is listed. */
function lengthsOf(value: unknown): readonly number[] {
  if (ArrayBuffer.isView(value)) return [value.byteLength / 1024]
  if (!Array.isArray(value)) return []
  return ArrayBuffer.isView(value[0]) ? value.flatMap(lengthsOf) : [value.length]
}
