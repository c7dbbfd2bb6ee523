/** Reads the properties of a body by a table of what each may be, and reports every violation. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Violation } from '../../core/model/error.ts'

export interface Property {
  readonly type: 'text' | 'integer' | 'number' | 'boolean' | 'texts' | 'json'
  /** A create must give it, and an update cannot clear it. */
  readonly required?: true
  /** May be absent, not null. */
  readonly notNull?: true
  /** An update may repeat it, not change it. */
  readonly immutable?: true
  /** Only its present value may be given: the service chooses it. */
  readonly readOnly?: true
  /** `""` and `[]` mean null. */
  readonly emptyIsNull?: true
  readonly oneOf?: readonly string[]
  /** Both ends inclusive; of text, its number of characters; of texts, how many. Text without one has at most `maxText`. */
  readonly range?: readonly [number, number]
  /** Most characters of one of several texts; absent: `maxText`. */
  readonly longest?: number
  /** What is wrong with the value; undefined when nothing is. */
  readonly objection?: (value: JsonValue) => string | undefined
}
export type Table = Readonly<Record<string, Property>>

export const text = { type: 'text', range: [0, 255] } as const
export const flag = { type: 'boolean' } as const
export const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const maxViolations = 100
/** Characters of a text without a `range`: addresses, enumerations, ids. */
const maxText = 64
/** Characters of a value that is stored as JSON. */
const maxJson = 10_000

/** Matches names of properties about filtering: an unknown one is refused, because ignoring it would open more than was meant. */
const filtering = /^firewall|filter|security|polic(y|ies)|^acl|deny|drop/i
/** As `filtering`, in a rule or a group, every property of which narrows it. */
export const narrowing =
  /action|priority|deny|drop|allow|reject|source|target|dest|port|proto|icmp|address|cidr|mac|ip_?version|direction|range|state|peer|group|interface|active|enabled|disabled|remote|network|subnet|prefix|rules|servers|nics|^(src|dst|ip|from|to|family|flags|log|order|type)/i
/** Matches names about filtering in places where nothing is read. */
export const misplaced = new RegExp(`${filtering.source}|${narrowing.source}`, 'i')

/** Everything wrong with one body. */
export class Violations {
  /** All there are. */
  count = 0
  /** Violations that are reported, capped because one body can contain thousands. */
  readonly list: Violation[] = []
  add(field: string, reason: string): void {
    this.count++
    if (this.list.length < maxViolations) this.list.push({ field, reason })
  }
}

/** `change` over `old`; null removes a key. */
export const merged = (old: JsonObject, change: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries({ ...old, ...change }).filter(([, value]) => value !== null))

/**
 * Returns the given properties, coerced; null where they are cleared. `old`: the values that an update changes, undefined
 * in a create. Properties that the table does not name are ignored; names that match `refused` are violations.
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
    const start = name.slice(0, maxText)
    if (refused.test(start)) violations.add(`${at}.${start}`, 'Attribute is not supported')
  }
  for (const [name, property] of Object.entries(table)) {
    const field = `${at}.${name}`
    let value = Object.hasOwn(given, name) ? (given[name] ?? null) : undefined
    const fixed = property.readOnly || (property.immutable && old)
    const empty = value === '' || (Array.isArray(value) && value.length === 0)
    if (empty && (property.emptyIsNull || fixed)) value = null
    if (value === undefined || value === null) {
      // Some clients always send properties that cannot change, as null.
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

/** Numbers and booleans may come as text; undefined for a value of another type. */
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

/** Checks lengths first, so no long value is searched or repeated in a message. */
function objection(value: JsonValue, property: Property): string | undefined {
  const { type, oneOf, range, longest = maxText, objection: own } = property
  const [least, most] = range ?? [0, maxText]
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
  if (type === 'json' && JSON.stringify(value).length > maxJson)
    return `Attribute value must have at most ${maxJson} characters`
  if (oneOf && !oneOf.includes(String(value))) {
    return `Attribute value '${value}' not allowed. Expected one of [${oneOf.join(', ')}]`
  }
  if (range && typeof value === 'number' && (value < range[0] || value > range[1])) {
    return `Attribute value must be between ${range[0]} and ${range[1]}`
  }
  return own?.(value)
}

/** Counts characters; for a text far longer than `most`, returns some number above it. */
const characters = (text: string, most: number): number =>
  text.length > 2 * most ? text.length : [...text].length
