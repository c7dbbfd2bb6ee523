/** Entity tags: the revision of a resource, which a write may insist on (RFC 9110 §8.8.3, §13.1.1). */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Condition } from '../../service/outcome.ts'
import type { DialectRequest } from '../dialect.ts'

/** Header of an answer that is a resource of this revision. */
export const etag = (revision: number): { readonly etag: string } => ({ etag: `"${revision}"` })

/** The revision that `If-Match` insists on; none without the header, and with `*`, which a resource that is there fulfils. */
export function conditionOf({ headers }: Pick<DialectRequest, 'headers'>): Result<Condition, RequestError> {
  const given = headers['if-match']
  if (given === undefined || given === '*') return ok({})
  const [, digits] = /^"(\d{1,16})"$/.exec(String(given)) ?? []
  const ifRevision = Number(digits)
  if (digits !== undefined && Number.isSafeInteger(ifRevision)) return ok({ ifRevision })
  return err({ kind: 'invalid', field: 'If-Match', reason: 'expected one entity tag, as ETag said it, or *' })
}
