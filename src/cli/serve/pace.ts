/**
 * How fast one agent may speak: what it says beyond that is left on its side of the connection, so that neither the log, the
 * memory nor the time of this process is its to fill. All that the largest host has to say at its start comes at once.
 */

export const paces = {
  /** Bytes a second, and as many as may come at once. */
  perSecond: 2 * 1024 * 1024,
  burst: 64 * 1024 * 1024,
  /** What a short line counts, bytes: reading one costs as much. */
  line: 4096,
} as const

/** Told of each line, in bytes; answers for how many milliseconds no more should be read. `now` is in milliseconds, from any start on. */
export function createPace(now: () => number = () => performance.now()): (bytes: number) => number {
  let left: number = paces.burst
  let at = now()
  return (bytes) => {
    const passed = now() - at
    at += passed
    left = Math.min(paces.burst, left + (passed / 1000) * paces.perSecond) - Math.max(bytes, paces.line)
    return left < 0 ? Math.ceil((-left / paces.perSecond) * 1000) : 0
  }
}
