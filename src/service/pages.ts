/** Pages of lists that are ordered by a key: the next one begins behind the last item of this one. */
import type { RequestError } from '../core/model/error.ts'
import { err, ok, type Result } from '../core/result.ts'
import type { KeyPage } from '../storage/storage.ts'

export interface Paged<T> {
  readonly items: readonly T[]
  /** `after` of the next page; null at the end. */
  readonly next: readonly string[] | null
}

/** That a key has these parts: clients send it back, or something else. */
export function keyOf(
  { after }: KeyPage,
  parts: readonly ('text' | 'number')[],
): Result<undefined, RequestError> {
  const fits =
    after === null ||
    (after.length === parts.length &&
      after.every((part, index) => parts[index] === 'text' || /^\d{1,15}$/.test(part)))
  return fits
    ? ok(undefined)
    : err({ kind: 'invalid', field: 'cursor', reason: 'expected `next` of the page before' })
}

/** Reads one more than is wanted: whether there is a next page is known by that. */
export async function pagedBy<T>(
  { after, limit }: KeyPage,
  read: (page: KeyPage) => Promise<readonly T[]>,
  key: (item: T) => readonly string[],
): Promise<Paged<T>> {
  const found = await read({ after, limit: limit + 1 })
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, next: found.length > limit && last !== undefined ? key(last) : null }
}
