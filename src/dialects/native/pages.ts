/** Pages of lists: a page begins behind the last of the one before, so that what is made or deleted meanwhile shifts nothing. */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { KeyPage } from '../../storage/storage.ts'
import { numberOf } from './decode-query.ts'
import { mostPerPage, usualPerPage } from './schema-words.ts'

export function keyPageOf(query: URLSearchParams): Result<KeyPage, RequestError> {
  const limit = numberOf(query, 'limit', mostPerPage)
  if (!limit.ok) return limit
  const after = decodeCursor(query.get('cursor'))
  if (!after.ok) return after
  return ok({ after: after.value, limit: limit.value ?? usualPerPage })
}

/** Opaque to clients: the key of the last item. */
export const encodeCursor = (key: readonly string[]): string =>
  Buffer.from(JSON.stringify(key)).toString('base64url')

function decodeCursor(text: string | null): Result<readonly string[] | null, RequestError> {
  if (text === null) return ok(null)
  try {
    const key: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    const isKey = Array.isArray(key) && key.every((part) => typeof part === 'string' && !part.includes('\0'))
    if (isKey && encodeCursor(key) === text) return ok(key)
  } catch {
    // Not one of ours.
  }
  return err({ kind: 'invalid', field: 'cursor', reason: 'expected `next` of the page before' })
}
