/** Reads the properties of a body by a table of what each may be, and answers every violation. */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { RequestError, Violation } from '../../core/model/error.ts'
import { Body, isLonger, type Problem } from '../body.ts'

export interface Property {
  readonly type: 'text' | 'integer' | 'number' | 'boolean' | 'texts' | 'json'
  /** A create must give it, and an update cannot clear it. */
  readonly required?: true
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

/** Characters of a text without a `range`: addresses, enumerations, ids. */
const maxText = 64
/** Characters of a value that is stored as JSON. */
const maxJson = 10_000
/** Of one nested collection: above every limit of resources, and few enough to check each. */
const maxItems = 500

/** Matches names of properties about filtering: an unknown one is refused, because ignoring it would open more than was meant. */
const filtering = /^firewall|filter|security|polic(y|ies)|^acl|deny|drop/i
/** As `filtering`, in a rule or a group, every property of which narrows it. */
export const narrowing =
  /action|priority|deny|drop|allow|reject|source|target|dest|port|proto|icmp|address|cidr|mac|ip_?version|direction|range|state|peer|group|interface|active|enabled|disabled|remote|network|subnet|prefix|rules|servers|nics|^(src|dst|ip|from|to|family|flags|log|order|type)/i
/** Matches names about filtering in places where nothing is read. */
export const misplaced = new RegExp(`${filtering.source}|${narrowing.source}`, 'i')

/** `change` over `old`; null removes a key. */
export const merged = (old: JsonObject, change: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries({ ...old, ...change }).filter(([, value]) => value !== null))

type Words = readonly [reason: string]

export class Fields extends Body<Words, Violation, RequestError> {
  protected readonly maxIssues = 100

  protected isUnset(value: JsonValue | undefined): boolean {
    return value === undefined || value === null
  }

  protected words(field: string, problem: Problem): Words {
    switch (problem.kind) {
      case 'missing':
        return [`Attribute '${field}' is required`]
      case 'unknown':
        return ['Attribute is not supported']
      case 'too-long':
        return [`Attribute value must have at most ${problem.max} characters`]
      case 'one-of':
        return [
          `Attribute value '${this.given[field]}' not allowed. Expected one of [${problem.allowed.join(', ')}]`,
        ]
      case 'type':
        return [`Attribute value must be ${expected[problem.expected]}`]
    }
  }

  protected issue(path: readonly string[], field: string, [reason]: Words): Violation {
    return { field: [...path, field].join('.'), reason }
  }

  protected failure(violations: readonly [Violation, ...Violation[]]): RequestError {
    return { kind: 'invalid', ...violations[0], violations }
  }

  /** Where the object is, as violations name it. */
  get at(): string {
    return this.path.join('.')
  }

  /** Refuses each key that is not `known` and whose first characters match `about`. */
  refuseAbout(known: ReadonlySet<string>, about: RegExp, ...words: Words): void {
    for (const key of Object.keys(this.given)) {
      const start = key.slice(0, maxText)
      if (!known.has(key) && about.test(start)) this.refuse(start, ...words)
    }
  }

  /**
   * Returns the given properties, coerced; null where they are cleared. `old`: the values that an update changes, undefined
   * in a create. Properties that the table does not name are ignored; names that match `refused` are violations.
   */
  properties(table: Table, old?: JsonObject, refused = filtering): JsonObject {
    this.refuseAbout(new Set(Object.keys(table)), refused, 'Attribute is not supported')
    const read: Record<string, JsonValue> = {}
    for (const [name, property] of Object.entries(table)) {
      const value = this.#property(name, property, old)
      if (value !== undefined) read[name] = value
    }
    return read
  }

  /** Undefined where the body gives no value, or a wrong one. */
  #property(name: string, property: Property, old: JsonObject | undefined): JsonValue | undefined {
    const value = this.given[name]
    const fixed = property.readOnly || (property.immutable && old)
    const empty = value === '' || (Array.isArray(value) && value.length === 0)
    const cleared = value === null || (empty && (property.emptyIsNull || fixed))
    if (value === undefined || cleared) {
      // Some clients always send properties that cannot change, as null.
      if (fixed) return undefined
      if (property.required && (cleared || !old)) return this.report(name, { kind: 'missing' })
      return cleared ? null : undefined
    }
    const coerced = coerce(value, property)
    if (coerced === undefined) return this.refuse(name, `Attribute value must be ${typeWords[property.type]}`)
    const objection = this.#objection(name, coerced, property)
    if (objection !== undefined) return this.refuse(name, objection)
    if (fixed && coerced !== old?.[name])
      return this.refuse(name, `Attribute is not allowed in ${old ? 'update' : 'create'} requests`)
    return coerced
  }

  /** Checks lengths first, so no long value is searched or repeated in a message. */
  #objection(name: string, value: JsonValue, property: Property): string | undefined {
    const { type, oneOf, range, longest = maxText, objection: own } = property
    const [least, most] = range ?? [0, maxText]
    if (typeof value === 'string' && type === 'text') {
      if (!isLonger(value, least - 1) || isLonger(value, most))
        return `Attribute value must have between ${least} and ${most} characters`
    }
    if (Array.isArray(value) && type === 'texts') {
      if (value.length > most) return `Attribute value must have at most ${most} items`
      if (value.some((text) => typeof text === 'string' && text.length > longest)) {
        return `Attribute value must be an array of strings of at most ${longest} characters`
      }
    }
    if (type === 'json' && JSON.stringify(value).length > maxJson)
      return this.words(name, { kind: 'too-long', max: maxJson })[0]
    if (oneOf && !oneOf.includes(String(value)))
      return this.words(name, { kind: 'one-of', allowed: oneOf })[0]
    if (range && typeof value === 'number' && (value < range[0] || value > range[1])) {
      return `Attribute value must be between ${range[0]} and ${range[1]}`
    }
    return own?.(value)
  }

  /**
   * Readers of the items of a nested collection, for the reader of `entities`; items that are no objects are violations.
   * Undefined if the body does not give the collection or its items.
   */
  items(name: string): readonly this[] | undefined {
    const collection = this.isAbsent(name) ? undefined : this.inside(this.given[name], name)
    if (!collection || collection.isAbsent('items')) return undefined
    const { items } = collection.given
    if (!Array.isArray(items)) return collection.refuse('items', 'Attribute value must be an array')
    if (items.length > maxItems)
      return collection.refuse('items', `Attribute value must have at most ${maxItems} items`)
    return items.flatMap(
      (item: JsonValue, index: number) => collection.inside(item, `items.[${index}]`) ?? [],
    )
  }

  /** Of the nested collections of an item; of none if it has no `entities`. */
  entities(): this {
    const { entities } = this.given
    return this.beside(isObject(entities) ? entities : {}, 'entities')
  }
}

const expected = { object: 'an object', text: 'a string', boolean: 'a boolean' } as const
const typeWords = {
  ...expected,
  integer: 'an integer',
  number: 'a number',
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
