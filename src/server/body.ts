/** Bodies: bytes → JSON, once, with every way it can be wrong as a value. */
import type { JsonValue } from '../core/json.ts'
import type { RequestError } from '../core/model/error.ts'
import { err, ok, type Result } from '../core/result.ts'

/** Where neither a route nor its dialect says otherwise: 1,000 rules with every field and the longest comment are about 700 KiB. */
export const maxBodyBytes = 2 * 1024 * 1024
/** Keys and values altogether; 1,000 rules with every field are some 30,000. */
const maxValues = 100_000
/** Of one object: providers' have some dozens. */
const maxKeys = 2000
/** Nested deeper than any provider's requests are. */
const maxDepth = 32

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Undefined when there is no body. The media type must be JSON's, or absent. */
export function readBody(
  bytes: Buffer | undefined,
  mediaType: string | undefined,
): Result<JsonValue | undefined, RequestError> {
  if (!bytes || bytes.length === 0) return ok(undefined)
  if (mediaType !== undefined && !isJson(mediaType)) return err({ kind: 'unsupported-media-type', mediaType })
  const reason = objection(bytes)
  if (reason !== undefined) return err({ kind: 'malformed', reason })
  try {
    return ok(JSON.parse(utf8.decode(bytes)) as JsonValue)
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : 'the body is not valid UTF-8'
    return err({ kind: 'malformed', reason })
  }
}

/** `application/json`, `application/merge-patch+json`, with any parameters. */
const isJson = (mediaType: string): boolean =>
  /^(application|text)\/([\w.-]+\+)?json\s*(;|$)/i.test(mediaType.trim())

const [quote, backslash, comma, colon, u] = Buffer.from('"\\,:u')
/** Four of the digit 0, as one number. */
const zeros = Buffer.from('0000').readUInt32BE()
const [brace, closingBrace, bracket, closingBracket] = Buffer.from('{}[]')

/**
 * What is wrong with JSON that is valid as such; undefined when nothing is. Looks at the bytes, because making objects of
 * 2 MB that are nothing but keys or brackets takes a hundred times as long as counting them. Of bytes that are no JSON it
 * may say anything or nothing.
 */
function objection(bytes: Buffer): string | undefined {
  let values = 1
  /** Of the objects around the place, outermost first. */
  const keys: number[] = []
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === quote) {
      for (at++; at < bytes.length && bytes[at] !== quote; at++) {
        if (bytes[at] !== backslash) continue
        at++
        // PostgreSQL cannot keep it, and no field of any provider's means it.
        if (bytes[at] === u && at + 5 <= bytes.length && bytes.readUInt32BE(at + 1) === zeros)
          return 'the body holds a NUL character'
      }
    } else if (byte === brace || byte === bracket) {
      if (keys.push(0) > maxDepth) return `the body is nested more than ${maxDepth} deep`
    } else if (byte === closingBrace || byte === closingBracket) {
      keys.pop()
    } else if (byte === comma || byte === colon) {
      if (++values > maxValues) return `the body holds more than ${maxValues} values`
      if (byte === comma) continue
      const count = (keys.pop() ?? 0) + 1
      if (count > maxKeys) return `an object holds more than ${maxKeys} keys`
      keys.push(count)
    }
  }
  return undefined
}
