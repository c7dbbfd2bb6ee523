/**
 * The way to the password hash: it costs some 50 ms of a processor, so that whoever fails in large numbers would keep
 * everybody else from logging in. Few are made at a time, sources that do not fail go first, and what a source may fail is
 * bounded. A right password is never refused for what others of its source got wrong, if its turn comes.
 */

export interface Limits {
  /** Failed logins of one source, per minute and at once. */
  readonly perSource: number
  /** Of all sources together. */
  readonly inAll: number
}

export const defaultLimits: Limits = { perSource: 30, inAll: 600 }

export type Attempted =
  | 'right'
  | 'wrong'
  /** It failed, or was not looked at, beyond what may fail. Whole seconds, at least 1. */
  | { readonly retryAfter: number }

export interface LoginGate {
  /**
   * Calls `verify` when it is its turn. `source`: an IP address. `user`: whatever the password is of; a source that guesses one
   * user's password is not put before its attempts on others.
   */
  attempt(source: string, user: string, verify: () => Promise<boolean>): Promise<Attempted>
  /** Answers at once what is held back, and holds nothing back any more. */
  close(): void
}

/** Hashes at a time: the thread pool has four threads, which files and name lookups need too. */
const slots = 2
/** Of those, for sources that have failed too often: one is left for everybody else. */
const slotsOfFailing = 1
const maxWaiting = 1000
/** Attempts of one source at once that are many, once one has failed. */
const crowd = 20
const maxSources = 10_000
/** What a failing source waits for its turn, milliseconds: its clients are told to come back. */
const patience = 800
/** An answer to a failure beyond the bound is held back for so long for each that its source has under way, at most. */
const holdMs = 50
const longestHoldMs = 10_000
const minute = 60_000

interface Waiting {
  readonly source: string
  readonly pair: string
  start(): void
}

/** `now`: milliseconds, for tests. */
export function createLoginGate({ perSource, inAll }: Limits, now: () => number = Date.now): LoginGate {
  const bySource = createBuckets(perSource, now)
  const byPair = createBuckets(perSource, now)
  const total = createBuckets(inAll, now)
  const underWay = new Map<string, number>()
  const waiting = new Set<Waiting>()
  const held = new Set<() => void>()
  let running = 0
  let runningFailing = 0
  let closed = false

  /** Beyond its bound, or on its way there with many at once. */
  const failing = (source: string) =>
    bySource.level(source) > perSource || (bySource.level(source) > 0 && (underWay.get(source) ?? 0) > crowd)
  const rank = ({ source, pair }: Waiting) => bySource.level(source) + byPair.level(pair)

  /** The one that has failed least, of those the one that waits longest. */
  function next(): Waiting | undefined {
    let best: Waiting | undefined
    let least = Number.POSITIVE_INFINITY
    for (const each of waiting) {
      const own = rank(each)
      if (own >= least || (runningFailing >= slotsOfFailing && failing(each.source))) continue
      ;[best, least] = [each, own]
    }
    return best
  }

  function advance(): void {
    while (running < slots) {
      const chosen = next()
      if (!chosen) return
      waiting.delete(chosen)
      chosen.start()
    }
  }

  /** Undefined: its turn did not come. */
  function inTurn(
    source: string,
    pair: string,
    verify: () => Promise<boolean>,
  ): Promise<boolean | undefined> {
    if (waiting.size >= maxWaiting) return Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      // Who does not fail waits as long as it takes: what is before it is good, too.
      const timer = setInterval(() => {
        if (!failing(source)) return
        waiting.delete(entry)
        clearInterval(timer)
        resolve(undefined)
      }, patience)
      const entry: Waiting = {
        source,
        pair,
        start() {
          clearInterval(timer)
          const ofFailing = Number(failing(source))
          running++
          runningFailing += ofFailing
          verify()
            .then(resolve, reject)
            .finally(() => {
              running--
              runningFailing -= ofFailing
              advance()
            })
        },
      }
      waiting.add(entry)
      advance()
    })
  }

  const hold = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        held.delete(end)
        resolve()
      }
      const timer = setTimeout(end, milliseconds)
      held.add(end)
    })

  return {
    async attempt(source, user, verify) {
      const pair = JSON.stringify([source, user])
      const many = (underWay.get(source) ?? 0) + 1
      underWay.set(source, many)
      try {
        const right = await inTurn(source, pair, verify)
        if (right) return 'right'
        if (right === undefined) {
          // Whoever asks for the first time goes before those who were sent away.
          byPair.add(pair)
          return { retryAfter: 1 }
        }
        for (const [buckets, key] of [
          [bySource, source],
          [byPair, pair],
          [total, ''],
        ] as const)
          buckets.add(key)
        const over = bySource.level(source) > perSource || total.level('') > inAll
        if (!over) return 'wrong'
        if (!closed) await hold(Math.min(many * holdMs, longestHoldMs))
        const seconds = Math.ceil((bySource.level(source) - perSource) * (60 / perSource))
        return { retryAfter: Math.max(1, seconds) }
      } finally {
        const left = (underWay.get(source) ?? 1) - 1
        if (left > 0) underWay.set(source, left)
        else underWay.delete(source)
      }
    },
    close() {
      closed = true
      for (const end of [...held]) end()
    },
  }
}

/** What has been added of late, by key: it leaks away evenly, `most` in a minute. */
function createBuckets(most: number, now: () => number) {
  const buckets = new Map<string, { level: number; at: number }>()
  const level = (key: string): number => {
    const bucket = buckets.get(key)
    return bucket ? Math.max(0, bucket.level - ((now() - bucket.at) * most) / minute) : 0
  }
  return {
    level,
    add(key: string): void {
      // Never far beyond: who stops is let in again within a minute.
      const next = { level: Math.min(level(key) + 1, 2 * most), at: now() }
      buckets.delete(key)
      if (buckets.size >= maxSources) buckets.delete(buckets.keys().next().value ?? '')
      buckets.set(key, next)
    },
  }
}
