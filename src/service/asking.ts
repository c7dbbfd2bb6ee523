/** Questions to one agent: however many callers ask, it is asked a few times a second at most, and nobody waits for long. */
import { setTimeout as delay } from 'node:timers/promises'

export interface Asking {
  /** Resolves when a question has been answered that was asked later than now, or after a second. Never rejects. */
  now(): Promise<void>
}

/** Milliseconds: nobody waits longer; and between two questions at least, however many ask. */
const times = { patience: 1000, between: 200 }

export function createAsking(ask: () => Promise<void>): Asking {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  let asked = Number.NEGATIVE_INFINITY

  async function question(): Promise<void> {
    const rest = asked + times.between - performance.now()
    if (rest > 0) await delay(rest)
    next = undefined
    asked = performance.now()
    // What it has said is known all the same; when it was said is part of every answer.
    await inTime(ask().catch(() => {}))
  }
  function start(): Promise<void> {
    running = question().finally(() => {
      running = undefined
    })
    return running
  }
  return {
    now() {
      next ??= (running ?? Promise.resolve()).then(start)
      return inTime(next)
    },
  }
}

async function inTime(work: Promise<void>): Promise<void> {
  const late = new AbortController()
  const { signal } = late
  try {
    await Promise.race([work, delay(times.patience, undefined, { signal }).catch(() => {})])
  } finally {
    late.abort()
  }
}
