/** Reads bodies and answers all that is wrong with one. Null is as good as absent. */
import { type JsonValue, objectOf } from '../../core/json.ts'
import { Body, isLonger, type Problem } from '../body.ts'
import { type Refusal, uuidPattern, type Violation, violationsRefusal } from './errors.ts'

type Words = readonly [reason: Violation['reason'], help: string]

export class Fields extends Body<Words, Violation, Refusal> {
  protected readonly maxIssues = 100

  /** Of a body; no body, and null, are an empty one. */
  static of(body: JsonValue | undefined): Fields {
    const object = objectOf(body ?? {})
    const fields = new Fields(object ?? {})
    if (!object) fields.report('body', { kind: 'type', expected: 'object' })
    return fields
  }

  protected isUnset(value: JsonValue | undefined): boolean {
    return value === undefined || value === null
  }

  protected words(_field: string, problem: Problem): Words {
    switch (problem.kind) {
      case 'missing':
        return ['required', 'a value is required']
      case 'unknown':
        return ['constraint', 'is not supported']
      case 'too-long':
        return ['constraint', `at most ${problem.max} characters`]
      case 'one-of':
        return ['constraint', `expected one of ${problem.allowed.join(', ')}`]
      case 'type':
        return ['format', `expected ${expected[problem.expected]}`]
    }
  }

  protected issue(path: readonly string[], field: string, [reason, help]: Words): Violation {
    return { argument: [...path, field].join('.'), reason, help }
  }

  protected failure(violations: readonly Violation[]): Refusal {
    return violationsRefusal(violations)
  }

  /**
   * Refuses by name what is about filtering and unknown here, because leaving it out opens more than was meant. Null says
   * nothing; every other key that nobody knows is left out.
   */
  refuseUnknownAbout(known: ReadonlySet<string>, about: RegExp): void {
    for (const [key, value] of Object.entries(this.given)) {
      const start = key.slice(0, 64)
      if (!known.has(key) && value !== null && about.test(start)) this.report(start, { kind: 'unknown' })
    }
  }

  /** Returns the value; reports it as missing if it is absent or empty text. Invalid values were reported earlier. */
  required<T>(key: string, value: T | undefined): T | undefined {
    if (value === undefined && (this.isAbsent(key) || this.given[key] === ''))
      this.report(key, { kind: 'missing' })
    return value
  }

  integer(key: string): number | undefined {
    const whole = (value: JsonValue) => (Number.isSafeInteger(value) ? (value as number) : undefined)
    return this.read(key, whole, 'format', 'expected a whole number')
  }

  /** In any case of letters, as clients differ in it. */
  override oneOf<T extends string>(key: string, allowed: readonly T[]): T | undefined {
    if (this.isAbsent(key) || this.given[key] === '') return undefined
    const value = this.given[key]
    const given = typeof value === 'string' ? value.toLowerCase() : value
    const found = allowed.find((each) => each.toLowerCase() === given)
    return found ?? this.report(key, { kind: 'one-of', allowed })
  }

  /** In lower case. */
  uuid(key: string): string | undefined {
    // Clients whose types cannot be absent send nothing as empty text.
    if (this.given[key] === '') return undefined
    const uuid = (value: JsonValue) =>
      typeof value === 'string' && uuidPattern.test(value) ? value.toLowerCase() : undefined
    return this.read(key, uuid, 'format', 'expected a UUID')
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
      typeof each === 'string' && !isLonger(each, most.characters)
    return value.every(fits)
      ? (value as readonly string[])
      : this.refuse(key, 'constraint', `expected texts of at most ${most.characters} characters`)
  }
}

const expected = { object: 'an object', text: 'text', boolean: 'true or false' } as const

/** Of names and descriptions. */
export const maxCharacters = { name: 255, description: 1000 } as const
export const maxTags = { items: 100, characters: 255 } as const
