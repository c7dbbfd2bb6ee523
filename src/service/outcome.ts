/** What every operation of a service answers, and on what condition it writes. */
import type { RequestError } from '../core/model/error.ts'
import type { Result } from '../core/result.ts'

export type Outcome<T> = Promise<Result<T, RequestError>>

export interface Condition {
  /** Refuse with `conflict` (policy) unless it is still of this revision. */
  readonly ifRevision?: number
}
