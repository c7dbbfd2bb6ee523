/** Reading the properties of a body by a table of what each may be, with every violation told and not only the first. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Violation } from '../../core/model/error.ts'

export interface Property {
  readonly type: 'text' | 'integer' | 'boolean' | 'texts' | 'json'
  /** It must be there when the resource is made, and cannot be cleared. */
  readonly required?: true
  /** It may be absent and may not be null. */
  readonly notNull?: true
  /** An update may repeat it, and not change it. */
  readonly immutable?: true
  /** `""` is taken for null. */
  readonly emptyIsNull?: true
  readonly oneOf?: readonly string[]
  /** Both ends inclusive; of text, its number of characters. */
  readonly range?: readonly [number, number]
  /** What is wrong with the value; undefined when nothing is. */
  readonly objection?: (value: JsonValue) => string | undefined
}
export type Table = Readonly<Record<string, Property>>

const mostViolations = 100

/** Everything wrong with one body. */
export class Violations {
  /** All there are. */
  count = 0
  /** Those that are told: nobody reads more, and a body can hold very many. */
  readonly list: Violation[] = []
  add(field: string, reason: string): void {
    this.count++
    if (this.list.length < mostViolations) this.list.push({ field, reason })
  }
}

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/**
 * The properties that are given, coerced; null where they are cleared. `old` is what an update changes; undefined for what is
 * made. Properties that the table does not name are left out.
 */
export function readProperties(
  table: Table,
  given: JsonObject,
  at: string,
  violations: Violations,
  old?: JsonObject,
): JsonObject {
  const read: Record<string, JsonValue> = {}
  for (const [name, property] of Object.entries(table)) {
    const field = `${at}.${name}`
    let value = Object.hasOwn(given, name) ? (given[name] ?? null) : undefined
    if (value === '' && (property.emptyIsNull || (property.immutable && old))) value = null
    if (value === undefined || value === null) {
      // Clients that always write what may not be changed write nothing into it.
      if (property.immutable && old) continue
      if (property.required && (!old || value === null)) {
        violations.add(field, `Attribute '${name}' is required`)
      } else if (value === null && property.notNull) {
        violations.add(field, `Attribute '${name}' may not be null`)
      } else if (value === null) read[name] = null
      continue
    }
    const coerced = coerce(value, property)
    const reason =
      coerced === undefined ? `Attribute value must be ${words[property.type]}` : objection(coerced, property)
    if (coerced === undefined || reason !== undefined) {
      violations.add(field, reason ?? '')
    } else if (property.immutable && old && coerced !== old[name]) {
      violations.add(field, 'Attribute is not allowed in update requests')
    } else read[name] = coerced
  }
  return read
}

const words = {
  text: 'a string',
  integer: 'an integer',
  boolean: 'a boolean',
  texts: 'an array of strings',
  json: 'a value',
} as const satisfies Record<Property['type'], string>

/** Numbers and booleans may come as text. Undefined when it is nothing of the type. */
function coerce(value: JsonValue, { type }: Property): JsonValue | undefined {
  switch (type) {
    case 'text':
      return typeof value === 'string' ? value : undefined
    case 'integer': {
      const number = typeof value === 'string' && /^-?\d{1,10}$/.test(value) ? Number(value) : value
      return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined
    }
    case 'boolean':
      if (value === 'true' || value === 'false') return value === 'true'
      return typeof value === 'boolean' ? value : undefined
    case 'texts':
      return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined
    case 'json':
      return value
  }
}

function objection(value: JsonValue, { oneOf, range, objection: own }: Property): string | undefined {
  if (oneOf && !oneOf.includes(String(value))) {
    return `Attribute value '${value}' not allowed. Expected one of [${oneOf.join(', ')}]`
  }
  if (range && typeof value === 'number' && (value < range[0] || value > range[1])) {
    return `Attribute value must be between ${range[0]} and ${range[1]}`
  }
  if (range && typeof value === 'string') {
    const { length } = [...value]
    if (length < range[0] || length > range[1]) {
      return `Attribute value must have between ${range[0]} and ${range[1]} characters`
    }
  }
  return own?.(value)
}
