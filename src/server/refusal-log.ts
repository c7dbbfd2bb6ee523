/** Tells the log of those who are not let in: in numbers, once a minute at most, because they may be very many. */

interface Log {
  warn(fields: object, text: string): void
}

export interface RefusalLog {
  /** `source`: the address that asked. */
  answered(status: number, source: string): void
  /** Tells what has not been told yet. */
  close(): void
}

/** Milliseconds. */
const every = 60_000
/** Sources that are counted one by one. */
const maxSources = 1000
/** And those that are named. */
const named = 3

export function createRefusalLog(log: Log): RefusalLog {
  let [unauthenticated, throttled] = [0, 0]
  const sources = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined

  function tell(): void {
    timer = undefined
    const most = [...sources].sort(([, a], [, b]) => b - a).slice(0, named)
    const many = sources.size >= maxSources ? `${maxSources} or more` : sources.size
    log.warn(
      { unauthenticated, throttled, sources: many, most: Object.fromEntries(most) },
      'requests were not let in',
    )
    ;[unauthenticated, throttled] = [0, 0]
    sources.clear()
  }

  return {
    answered(status, source) {
      if (status === 401) unauthenticated++
      else if (status === 429) throttled++
      else return
      const count = sources.get(source)
      if (count !== undefined || sources.size < maxSources) sources.set(source, (count ?? 0) + 1)
      timer ??= setTimeout(tell, every).unref()
    },
    close() {
      if (timer === undefined) return
      clearTimeout(timer)
      tell()
    },
  }
}
