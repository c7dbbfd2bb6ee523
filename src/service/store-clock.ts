/** The time of the store, which all of its processes share: their own clocks differ, and jump. */
import type { Storage } from '../storage/storage.ts'

export interface StoreClock {
  /** Milliseconds by which it is ahead of this process's clock; 0 while it has not been read. */
  ahead(): number
  /** Reads it anew. Rejects when the store cannot be read; then it goes on from what was read before. */
  read(): Promise<void>
}

/** `now` is this process's clock, `steady` one that never jumps, from any start on; both in milliseconds. */
export function createStoreClock(
  storage: Pick<Storage, 'clock'>,
  now: () => number,
  steady: () => number = () => performance.now(),
): StoreClock {
  let known: { readonly time: number; readonly at: number } | undefined
  return {
    ahead: () => (known ? known.time + steady() - known.at - now() : 0),
    async read() {
      const asked = steady()
      const time = await storage.clock()
      known = { time, at: (asked + steady()) / 2 }
    },
  }
}
