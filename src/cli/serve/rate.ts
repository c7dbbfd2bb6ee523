/** Rates on the command line: `10`, `10/s`, `600/m`, `10/s:50`. */
import { InvalidArgumentError } from 'commander'
import type { Rate } from '../../server/rate-limits.ts'

/** Without a burst so many at once as in a second, at least one. */
export function parseRateLimit(text: string): Rate {
  const [, number = '', unit = 's', burst] = /^(\d{1,6})(?:\/([sm]))?(?::(\d{1,6}))?$/.exec(text) ?? []
  const perSecond = Number(number) / (unit === 'm' ? 60 : 1)
  const atOnce = burst === undefined ? Math.max(1, Math.ceil(perSecond)) : Number(burst)
  if (!(perSecond > 0) || atOnce < 1) {
    throw new InvalidArgumentError('Expected requests per second or minute, and how many at once: 10/s:50.')
  }
  return { perSecond, burst: atOnce }
}
