/** Answers what an agent wants to know of its host: when there is something, one question after the other. */
import { sleep } from '../../agent/sleep.ts'
import type { DesiredUpdate } from '../../core/model/desired-update.ts'
import type { WaitingFeed } from '../../service/desired.ts'

export interface Answers {
  /** Gives what is newer than `since`, unless the signal is aborted or something else is asked before. */
  answer(
    since: number | null,
    signal: AbortSignal,
    give: (update: DesiredUpdate) => void | Promise<void>,
  ): void
}

/** Between two attempts to read, milliseconds: doubled from the first to the last. */
const pauses = { first: 100, last: 10_000 } as const

/**
 * Between two updates, milliseconds. One change after a while of quiet is told at once; of those that follow each other
 * closely many are told together, since telling costs the same, and so that they do not take the time of the next answer.
 */
const paceMs = 20

/** What is the time (milliseconds, from any start on), and how somebody waits. */
export interface Pace {
  now(): number
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

const realPace: Pace = { now: () => performance.now(), sleep }

/** `trouble` is told of each attempt to read that failed, and with null that one has not. */
export function createAnswers(
  feed: Pick<WaitingFeed, 'poll' | 'next'>,
  trouble: (error: unknown) => void,
  { now, sleep }: Pace = realPace,
): Answers {
  async function read(since: number | null, signal: AbortSignal): Promise<DesiredUpdate | undefined> {
    let pause: number = pauses.first
    while (!signal.aborted) {
      try {
        const update = await feed.poll(since)
        trouble(null)
        return update ?? (await feed.next(since, signal))
      } catch (error) {
        if (signal.aborted) break
        trouble(error)
        await sleep(pause, signal)
        pause = Math.min(pause * 2, pauses.last)
      }
    }
    return undefined
  }

  /** When the last one was given. */
  let given = Number.NEGATIVE_INFINITY
  /** Whoever asked before may have gone in the middle of it. */
  let last: Promise<void> = Promise.resolve()
  let asking = new AbortController()
  return {
    answer(since, gone, give) {
      asking.abort()
      asking = new AbortController()
      const signal = AbortSignal.any([gone, asking.signal])
      last = last.then(async () => {
        // Whoever knows nothing yet enforces nothing yet.
        const early = since === null ? 0 : given + paceMs - now()
        if (early > 0) await sleep(early, signal)
        const update = await read(since, signal)
        if (!update || signal.aborted) return
        given = now()
        // One at a time: whoever asks again and reads nothing would fill the memory.
        await give(update)
      })
    },
  }
}
