/** The log as far as agents of one host may fill it: what they say is cut, and what is too much of it is counted. */
import type { Log } from '../../agent/journal.ts'

export const modesty = {
  /** Lines at once, and a second. */
  burst: 1000,
  perSecond: 2,
  /** Characters of a text. */
  text: 2000,
} as const

/** `now` is in milliseconds, from any start on. */
export function createModestLog(log: Log, now: () => number = () => performance.now()): Log {
  let left: number = modesty.burst
  let at = now()
  let omitted = 0
  const writing =
    (level: keyof Log) =>
    (fields: object, text: string): void => {
      const passed = now() - at
      at += passed
      left = Math.min(modesty.burst, left + (passed / 1000) * modesty.perSecond)
      if (left < 1) {
        omitted++
        return
      }
      left--
      if (omitted > 0) log.warn({ omitted }, 'its agent had more to say than is logged')
      omitted = 0
      log[level](cut(fields) as object, String(cut(text)))
    }
  return { info: writing('info'), warn: writing('warn'), error: writing('error') }
}

function cut(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, modesty.text)
  if (Array.isArray(value)) return value.map(cut)
  if (typeof value !== 'object' || value === null || value instanceof Error) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, cut(each)]))
}
