/** What /metrics tells of requests: by operation, of which there is a fixed number, and never by path. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export interface HttpMetrics {
  request(labels: { dialect: string; operation: string; status: number }, seconds: number): void
  /** One more that is being sent, or one less. */
  streams(labels: { dialect: string; operation: string }, by: 1 | -1): void
  /** Somebody who was not let in. */
  loginRefused(dialect: string, reason: LoginRefusal): void
  /** A request that was not answered, because its credential or its source had asked too often. */
  rateLimited(dialect: string, by: 'credential' | 'source'): void
}

export type LoginRefusal = 'unauthenticated' | 'throttled'

export function createHttpMetrics(registry: Registry): HttpMetrics {
  const registers = [registry]
  const requests = new Histogram({
    name: 'portcullis_http_request_duration_seconds',
    help: 'Time to answer a request; of a stream, until it begins.',
    labelNames: ['dialect', 'operation', 'status'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  const streams = new Gauge({
    name: 'portcullis_http_streams',
    help: 'Answers that are being sent as a stream of events.',
    labelNames: ['dialect', 'operation'],
    registers,
  })
  const refused = new Counter({
    name: 'portcullis_login_failures_total',
    help: 'Requests that were not let in: without a valid credential (unauthenticated), or after too many that had none (throttled).',
    labelNames: ['dialect', 'reason'],
    registers,
  })
  const limited = new Counter({
    name: 'portcullis_http_rate_limited_total',
    help: 'Requests that were answered 429 by a rate limit: of the credential, or of the source address.',
    labelNames: ['dialect', 'by'],
    registers,
  })
  return {
    request: (labels, seconds) => requests.observe(labels, seconds),
    streams: (labels, by) => streams.inc(labels, by),
    loginRefused: (dialect, reason) => refused.inc({ dialect, reason }),
    rateLimited: (dialect, by) => limited.inc({ dialect, by }),
  }
}
