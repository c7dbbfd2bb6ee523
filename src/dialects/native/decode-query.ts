/** Parameters of queries → values; undefined where one is absent. */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'

const invalid = (field: string, reason: string) => err<RequestError>({ kind: 'invalid', field, reason })

export function choiceOf<T extends string>(
  query: URLSearchParams,
  name: string,
  values: readonly T[],
): Result<T | undefined, RequestError> {
  const text = query.get(name)
  const value = values.find((each) => each === text)
  if (text === null || value !== undefined) return ok(value)
  return invalid(name, `expected one of ${values.join(', ')}`)
}

/** Ids and names: short, and nothing that not every store can look for. */
export function textOf(query: URLSearchParams, name: string): Result<string | undefined, RequestError> {
  const text = query.get(name)
  if (text === null) return ok(undefined)
  if (text.length >= 1 && text.length <= 255 && !text.includes('\0')) return ok(text)
  return invalid(name, 'expected an id or a name of at most 255 characters')
}

/** RFC 3339, with its offset: milliseconds since 1970. */
export function momentOf(query: URLSearchParams, name: string): Result<number | undefined, RequestError> {
  const text = query.get(name)
  if (text === null) return ok(undefined)
  return decodeMoment(text, name)
}

export function decodeMoment(text: string, field: string): Result<number, RequestError> {
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i.test(text)
    ? Date.parse(text)
    : Number.NaN
  return Number.isNaN(at) ? invalid(field, 'expected a moment such as 2026-01-31T12:00:00Z') : ok(at)
}

/** A whole number from 1 on. */
export function numberOf(
  query: URLSearchParams,
  name: string,
  most: number,
): Result<number | undefined, RequestError> {
  const text = query.get(name)
  if (text === null) return ok(undefined)
  const value = Number(text)
  if (/^[1-9]\d{0,15}$/.test(text) && value <= most) return ok(value)
  return invalid(name, `expected a whole number from 1 to ${most}`)
}
