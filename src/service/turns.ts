/** Lets so many pieces of work run at a time, in the order they came; whatever else waits for the event loop goes between. */
import { setImmediate as turn } from 'node:timers/promises'

export type Turns = <T>(work: () => Promise<T>) => Promise<T>

export function createTurns(most: number): Turns {
  let free = most
  const waiting: (() => void)[] = []
  return async (work) => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) void turn().then(next)
      else free++
    }
  }
}
