/** Values in bodies: wrappers, lists, texts and labels, and how clients leave one out. */
import { type JsonObject, type JsonValue, objectOf } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { Body, isLonger, type Problem } from '../body.ts'
import { type Failure, invalid, requestInvalid, unknownAttribute } from './errors.ts'
import type { WireLabel } from './wire.ts'

/** How clients say that an attribute is not set. */
export const isAbsent = (value: JsonValue | undefined): value is undefined | null | '' =>
  value === undefined || value === null || value === ''

type Words = readonly [code?: string | undefined, reason?: string | undefined]

/** Reads bodies. Of what is wrong with one, the first issue is answered. */
export class Fields extends Body<Words, Failure, Failure> {
  protected readonly maxIssues = 1

  /** Of the object under the only key that the body may have. */
  static of(body: JsonValue | undefined, key: string): Fields {
    const wrapped = unwrapObject(body, key)
    const fields = new Fields(wrapped.ok ? wrapped.value : {})
    if (!wrapped.ok) fields.add(wrapped.error)
    return fields
  }

  protected isUnset(value: JsonValue | undefined): boolean {
    return isAbsent(value)
  }

  protected words(field: string, problem: Problem): Words {
    switch (problem.kind) {
      case 'missing':
        return [`${field.toUpperCase()}_MISSING`, `The required attribute ${field} is missing.`]
      case 'unknown':
        return ['UNKNOWN_ATTRIBUTE', `The attribute ${field} is not known.`]
      case 'one-of':
        return [undefined, `${field} must be ${problem.allowed.join(' or ')}`]
      case 'too-long':
      case 'type':
        return []
    }
  }

  /** A path names one of several rules. */
  protected issue(path: readonly string[], field: string, [code, reason]: Words): Failure {
    const error = invalid(field, code, reason)
    if (path.length === 0 || error.kind !== 'invalid') return error
    return { ...error, reason: `${path.join(', ')}: ${error.reason}` }
  }

  protected failure([first]: readonly [Failure, ...Failure[]]): Failure {
    return first
  }

  integer(key: string, first: number, last: number, ...words: Words): number | undefined {
    return this.read(key, (value) => integer(value, first, last), ...words)
  }

  line(key: string, max: number, ...words: Words): string | undefined {
    return this.read(key, (value) => (isLine(value, max) ? value : undefined), ...words)
  }

  /** What the word that is given means. */
  choice<T>(key: string, values: Readonly<Record<string, T>>): T | undefined {
    const word = this.oneOf(key, Object.keys(values))
    return word === undefined ? undefined : values[word]
  }
}

/** The value under the only key that the body may have. */
export function unwrap(body: JsonValue | undefined, key: string): Result<JsonValue, RequestError> {
  const object = objectOf(body)
  if (!object) return err(requestInvalid(`The body must be an object with the key ${key}.`))
  const value = object[key]
  if (value === undefined) return err(requestInvalid(`The key ${key} is missing.`))
  const other = Object.keys(object).find((each) => each !== key)
  return other === undefined ? ok(value) : err(unknownAttribute(other))
}

function unwrapObject(body: JsonValue | undefined, key: string): Result<JsonObject, RequestError> {
  const wrapped = unwrap(body, key)
  if (!wrapped.ok) return wrapped
  const object = objectOf(wrapped.value)
  return object ? ok(object) : err(requestInvalid(`${key} must be an object.`))
}

/** Objects, at most so many; undefined when it is anything else. */
export function listOf(value: JsonValue | undefined, most: number): readonly JsonObject[] | undefined {
  if (!Array.isArray(value) || value.length > most) return undefined
  const objects = (value as readonly JsonValue[]).map(objectOf)
  return objects.every((each) => each !== undefined) ? objects : undefined
}

/** One line of text, at most so many characters. */
export const isLine = (value: JsonValue | undefined, most: number): value is string =>
  typeof value === 'string' && value !== '' && !isLonger(value, most) && !/\p{Cc}/u.test(value)

/** A JSON integer or its canonical digits, both ends inclusive. */
export function integer(value: JsonValue | undefined, first: number, last: number): number | undefined {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string' || !/^(0|[1-9]\d{0,6})$/.test(text)) return undefined
  const result = Number(text)
  return result >= first && result <= last ? result : undefined
}

/** `{"label":[{"key","value"}]}`, or the list by itself as storages have it; undefined when it is not that. */
export function decodeLabels(value: JsonValue): readonly WireLabel[] | undefined {
  const list = Array.isArray(value) ? value : (objectOf(value)?.label ?? [])
  if (!Array.isArray(list) || list.length > 50) return undefined
  const labels: WireLabel[] = []
  for (const element of list as readonly JsonValue[]) {
    const { key, value: text = '' } = objectOf(element) ?? {}
    if (!isLine(key, 32) || typeof text !== 'string' || isLonger(text, 255)) return undefined
    labels.push({ key, value: text })
  }
  return labels
}

/** Words in the names of attributes that are about what passes: one that is unknown here is refused, because ignoring it opens more than was meant. */
export const filtering = /firewall|filter|security|ruleset|stateful|default_\w*action/i
