/** Reading the properties of a body by a table of what each may be, with every violation told and not only the first. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Violation } from '../../core/model/error.ts'

export interface Property {
  readonly type: 'text' | 'integer' | 'number' | 'boolean' | 'texts' | 'json'
  /** It must be there when the resource is made, and cannot be cleared. */
  readonly required?: true
  /** It may be absent and may not be null. */
  readonly notNull?: true
  /** An update may repeat it, and not change it. */
  readonly immutable?: true
  /** Only what it is may be given: its value is ours to choose. */
  readonly readOnly?: true
  /** `""` and `[]` are taken for null. */
  readonly emptyIsNull?: true
  readonly oneOf?: readonly string[]
  /** Both ends inclusive; of text, its number of characters; of texts, how many. Text without one has at most `mostText`. */
  readonly range?: readonly [number, number]
  /** Most characters of one of several texts; absent: `mostText`. */
  readonly longest?: number
  /** What is wrong with the value; undefined when nothing is. */
  readonly objection?: (value: JsonValue) => string | undefined
}
export type Table = Readonly<Record<string, Property>>

const mostViolations = 100
/** Characters of a text of which nothing else is said: addresses, enumerations, ids. */
const mostText = 64
/** Characters of a value that is kept as JSON. */
const mostJson = 10_000

/** Words in the names of properties that are about what passes: one that is unknown here is refused, because ignoring it opens more than was meant. */
const filtering = /^firewall|filter|security|polic(y|ies)|^acl|deny|drop/i
/** Those of a rule or a group, every property of which narrows it. */
export const narrowing =
  /action|priority|deny|drop|allow|reject|source|target|dest|port|proto|icmp|address|cidr|mac|ip_?version|direction|range|state|peer|group|interface|active|enabled|disabled|remote|network|subnet|prefix|rules|servers|nics|^(src|dst|ip|from|to|family|flags|log|order|type)/i
/** Whatever is about what passes, where nothing is that is read. */
export const misplaced = new RegExp(`${filtering.source}|${narrowing.source}`, 'i')

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

/** `change` over `old`; null removes a key. */
export const merged = (old: JsonObject, change: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries({ ...old, ...change }).filter(([, value]) => value !== null))

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/**
 * The properties that are given, coerced; null where they are cleared. `old` is what an update changes; undefined for what is
 * made. Properties that the table does not name are left out, unless their names say that they are about filtering (`refused`).
 */
export function readProperties(
  table: Table,
  given: JsonObject,
  at: string,
  violations: Violations,
  old?: JsonObject,
  refused = filtering,
): JsonObject {
  const read: Record<string, JsonValue> = {}
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(table, name)) continue
    const start = name.slice(0, mostText)
    if (refused.test(start)) violations.add(`${at}.${start}`, 'Attribute is not supported')
  }
  for (const [name, property] of Object.entries(table)) {
    const field = `${at}.${name}`
    let value = Object.hasOwn(given, name) ? (given[name] ?? null) : undefined
    const fixed = property.readOnly || (property.immutable && old)
    const empty = value === '' || (Array.isArray(value) && value.length === 0)
    if (empty && (property.emptyIsNull || fixed)) value = null
    if (value === undefined || value === null) {
      // Clients that always write what may not be changed write nothing into it.
      if (fixed) continue
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
    } else if (fixed && coerced !== old?.[name]) {
      violations.add(field, `Attribute is not allowed in ${old ? 'update' : 'create'} requests`)
    } else read[name] = coerced
  }
  return read
}

const words = {
  text: 'a string',
  integer: 'an integer',
  number: 'a number',
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
    case 'number': {
      const number =
        typeof value === 'string' && /^\d{1,10}(\.\d{1,10})?$/.test(value) ? Number(value) : value
      return typeof number === 'number' ? number : undefined
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

/** Lengths come first: nothing long is looked into, and nothing long is repeated in a message. */
function objection(value: JsonValue, property: Property): string | undefined {
  const { type, oneOf, range, longest = mostText, objection: own } = property
  const [least, most] = range ?? [0, mostText]
  if (typeof value === 'string' && type === 'text') {
    const length = characters(value, most)
    if (length < least || length > most)
      return `Attribute value must have between ${least} and ${most} characters`
  }
  if (Array.isArray(value) && type === 'texts') {
    if (value.length > most) return `Attribute value must have at most ${most} items`
    if (value.some((text) => typeof text === 'string' && text.length > longest)) {
      return `Attribute value must be an array of strings of at most ${longest} characters`
    }
  }
  if (type === 'json' && JSON.stringify(value).length > mostJson)
    return `Attribute value must have at most ${mostJson} characters`
  if (oneOf && !oneOf.includes(String(value))) {
    return `Attribute value '${value}' not allowed. Expected one of [${oneOf.join(', ')}]`
  }
  if (range && typeof value === 'number' && (value < range[0] || value > range[1])) {
    return `Attribute value must be between ${range[0]} and ${range[1]}`
  }
  return own?.(value)
}

/** How many there are; of a text with far more than `most`, some number above it. */
const characters = (text: string, most: number): number =>
  text.length > 2 * most ? text.length : [...text].length
