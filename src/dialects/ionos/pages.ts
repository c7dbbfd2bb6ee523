/** Depth of an answer and the page of a list, as queries ask for them (contract: ionos §1.4, §1.5). */
import type { RequestError, Violation } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { violated } from './errors.ts'

export interface Page {
  readonly depth: number
  readonly offset: number
  readonly limit: number
}

/** Every request has a `depth`, lists have `offset` and `limit` too; unknown parameters are ignored. */
export function decodePage(query: URLSearchParams, list: boolean): Result<Page, RequestError> {
  const violations: Violation[] = []
  const read = (name: string, low: number, high: number, otherwise: number): number => {
    const value = query.get(name)
    if (value === null) return otherwise
    if (/^\d{1,10}$/.test(value) && Number(value) >= low && Number(value) <= high) return Number(value)
    violations.push({ field: name, reason: `Parameter value must be an integer between ${low} and ${high}` })
    return otherwise
  }
  const depth = read('depth', 0, 10, 0)
  const [offset, limit] = list
    ? [read('offset', 0, 2 ** 31 - 1, 0), read('limit', 1, 10_000, 1000)]
    : [0, 1000]
  return violations.length > 0 ? err(violated(violations)) : ok({ depth, offset, limit })
}
