/** Reads the fields of a JSON body one by one and collects all that is wrong with it. Null is as good as absent. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { ok, type Result } from '../../core/result.ts'
import { invalid, type Refusal, uuidPattern, type Violation } from './errors.ts'

/** That are told at once: nobody reads more, and a body can hold very many. */
const mostViolations = 100

export class Fields {
  readonly given: JsonObject
  readonly #prefix: string
  readonly #violations: Violation[]

  private constructor(given: JsonObject, prefix: string, violations: Violation[]) {
    this.given = given
    this.#prefix = prefix
    this.#violations = violations
  }

  /** Of a body; no body, and null, are an empty one. */
  static of(body: JsonValue | undefined): Fields {
    const object = objectOf(body ?? {})
    const fields = new Fields(object ?? {}, '', [])
    if (!object) fields.refuse('body', 'format', 'expected an object')
    return fields
  }

  /** Of an object inside, whose violations are told with the others; undefined when it is none, which is told too. */
  inside(value: JsonValue | undefined, path: string): Fields | undefined {
    const object = objectOf(value)
    if (object) return new Fields(object, `${this.#prefix}${path}.`, this.#violations)
    return this.refuse(path, 'format', 'expected an object')
  }

  /** The same body, with nothing found wrong with it: checks may run more than once. */
  again(): Fields {
    return new Fields(this.given, this.#prefix, [])
  }

  refuse(argument: string, reason: Violation['reason'], help: string): undefined {
    if (this.#violations.length < mostViolations)
      this.#violations.push({ argument: this.#prefix + argument, reason, help })
    return undefined
  }

  /** What was made of the body, or everything that is wrong with it. */
  result<T>(value: () => T): Result<T, Refusal> {
    return this.#violations.length > 0 ? invalid(this.#violations) : ok(value())
  }

  /**
   * Refuses by name what is about filtering and unknown here, because leaving it out opens more than was meant. Null says
   * nothing; every other key that nobody knows is left out.
   */
  refuseUnknown(known: ReadonlySet<string>, about: RegExp): void {
    for (const [key, value] of Object.entries(this.given)) {
      const start = key.slice(0, 64)
      if (!known.has(key) && value !== null && about.test(start))
        this.refuse(start, 'constraint', 'is not supported')
    }
  }

  isAbsent(key: string): boolean {
    return this.given[key] === undefined || this.given[key] === null
  }

  /** The value, told to be missing if it is not there; what is there and wrong has been told. */
  required<T>(key: string, value: T | undefined): T | undefined {
    if (value === undefined && (this.isAbsent(key) || this.given[key] === '')) {
      this.refuse(key, 'required', 'a value is required')
    }
    return value
  }

  text(key: string, most: number): string | undefined {
    const value = this.given[key]
    if (this.isAbsent(key)) return undefined
    if (typeof value !== 'string') return this.refuse(key, 'format', 'expected text')
    if (longer(value, most)) return this.refuse(key, 'constraint', `at most ${most} characters`)
    return value
  }

  boolean(key: string): boolean | undefined {
    const value = this.given[key]
    if (this.isAbsent(key)) return undefined
    return typeof value === 'boolean' ? value : this.refuse(key, 'format', 'expected true or false')
  }

  integer(key: string): number | undefined {
    const value = this.given[key]
    if (this.isAbsent(key)) return undefined
    return Number.isSafeInteger(value)
      ? (value as number)
      : this.refuse(key, 'format', 'expected a whole number')
  }

  /** In any case of letters, as clients differ in it. */
  oneOf<T extends string>(key: string, allowed: readonly T[]): T | undefined {
    const value = this.given[key]
    if (this.isAbsent(key) || value === '') return undefined
    const given = typeof value === 'string' ? value.toLowerCase() : value
    const found = allowed.find((each) => each.toLowerCase() === given)
    return found ?? this.refuse(key, 'constraint', `expected one of ${allowed.join(', ')}`)
  }

  /** In lower case. */
  uuid(key: string): string | undefined {
    const value = this.given[key]
    // Clients whose types cannot be absent send nothing as empty text.
    if (this.isAbsent(key) || value === '') return undefined
    if (typeof value === 'string' && uuidPattern.test(value)) return value.toLowerCase()
    return this.refuse(key, 'format', 'expected a UUID')
  }

  texts(
    key: string,
    most: { readonly items: number; readonly characters: number },
  ): readonly string[] | undefined {
    const value = this.given[key]
    if (this.isAbsent(key)) return undefined
    if (!Array.isArray(value)) return this.refuse(key, 'constraint', 'expected a list')
    if (value.length > most.items) return this.refuse(key, 'constraint', `at most ${most.items}`)
    const fits = (each: JsonValue): each is string =>
      typeof each === 'string' && !longer(each, most.characters)
    return value.every(fits)
      ? (value as readonly string[])
      : this.refuse(key, 'constraint', `expected texts of at most ${most.characters} characters`)
  }
}

/** By characters, which are not counted where there are far too many. */
const longer = (text: string, most: number): boolean =>
  text.length > 2 * most || (text.length > most && [...text].length > most)

export const objectOf = (value: JsonValue | undefined): JsonObject | undefined =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : undefined

/** Of names and descriptions. */
export const maxCharacters = { name: 255, description: 1000 } as const
export const maxTags = { items: 100, characters: 255 } as const
