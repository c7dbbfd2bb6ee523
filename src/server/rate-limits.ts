/**
 * How many requests are answered: of one credential, and from one source address. A token bucket each, in this process.
 *
 * It bounds what one client takes of the service; logins with wrong passwords have a bound of their own (login-gate.ts).
 */

export interface Rate {
  /** Requests a second, above 0. */
  readonly perSecond: number
  /** So many at once, at least 1. */
  readonly burst: number
}

export interface RateLimits {
  /** Absent: not limited. */
  readonly credential?: Rate
  readonly source?: Rate
}

export interface RateLimiter {
  /**
   * Counts one request of this key. Undefined when it may be answered; else the whole seconds, at least 1, after which the next
   * may. One that is refused counts for nothing.
   */
  take(key: string): number | undefined
}

/** The oldest are forgotten beyond so many: whoever is forgotten begins with a full bucket. */
const most = 100_000

/** `now`: milliseconds since any fixed moment. */
export function createRateLimiter(
  { perSecond, burst }: Rate,
  now: () => number = () => performance.now(),
): RateLimiter {
  /** In the order of their last request. */
  const buckets = new Map<string, { readonly tokens: number; readonly at: number }>()
  return {
    take(key) {
      const at = now()
      const bucket = buckets.get(key) ?? { tokens: burst, at }
      const tokens = Math.min(burst, bucket.tokens + ((at - bucket.at) / 1000) * perSecond)
      if (tokens < 1) return Math.max(1, Math.ceil((1 - tokens) / perSecond))
      buckets.delete(key)
      if (buckets.size >= most) buckets.delete(buckets.keys().next().value ?? '')
      buckets.set(key, { tokens: tokens - 1, at })
      return undefined
    },
  }
}
