/** Bodies: bytes → JSON, once, with every way it can be wrong as a value. */
import type { JsonValue } from '../core/json.ts'
import type { RequestError } from '../core/model/error.ts'
import { err, ok, type Result } from '../core/result.ts'

/** Where neither a route nor its dialect says otherwise: 1,000 rules with every field and the longest comment are about 700 KiB. */
export const mostBodyBytes = 2 * 1024 * 1024
/** Keys and values altogether; 1,000 rules with every field are some 30,000. */
const mostValues = 100_000
/** Of one object: providers' have some dozens. */
const mostKeys = 2000
/** Nested deeper than any provider's requests are. */
const mostDepth = 32

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Undefined when there is no body. The media type must be JSON's, or absent. */
export function readBody(
  bytes: Buffer | undefined,
  mediaType: string | undefined,
): Result<JsonValue | undefined, RequestError> {
  if (!bytes || bytes.length === 0) return ok(undefined)
  if (mediaType !== undefined && !isJson(mediaType)) return err({ kind: 'unsupported-media-type', mediaType })
  let value: JsonValue
  try {
    value = JSON.parse(utf8.decode(bytes)) as JsonValue
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : 'the body is not valid UTF-8'
    return err({ kind: 'malformed', reason })
  }
  const reason = objection(value, mostDepth, { left: mostValues })
  if (reason !== undefined) return err({ kind: 'malformed', reason })
  return ok(value)
}

/** `application/json`, `application/merge-patch+json`, with any parameters. */
const isJson = (mediaType: string): boolean =>
  /^(application|text)\/([\w.-]+\+)?json\s*(;|$)/i.test(mediaType.trim())

/** What is wrong with JSON that is valid as such; undefined when nothing is. */
function objection(value: JsonValue, depth: number, values: { left: number }): string | undefined {
  if (--values.left < 0) return `the body holds more than ${mostValues} values`
  // PostgreSQL cannot keep it, and no field of any provider's means it.
  if (typeof value === 'string') return value.includes('\0') ? 'the body holds a NUL character' : undefined
  if (value === null || typeof value !== 'object') return undefined
  if (depth === 0) return `the body is nested more than ${mostDepth} deep`
  if (Array.isArray(value)) return first(value, depth, values)
  const keys = Object.keys(value)
  if (keys.length > mostKeys) return `an object holds more than ${mostKeys} keys`
  return first(keys, depth + 1, values) ?? first(Object.values(value), depth, values)
}

function first(all: readonly JsonValue[], depth: number, values: { left: number }): string | undefined {
  for (const each of all) {
    const found = objection(each, depth - 1, values)
    if (found !== undefined) return found
  }
  return undefined
}
