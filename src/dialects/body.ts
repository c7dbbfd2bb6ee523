/**
 * Reads the fields of a JSON body one by one and collects what is wrong with them, each in its dialect's words.
 *
 * A dialect extends `Body` with how it spells issues and how its clients leave a field out. It reads fields in the order
 * in which it reports them: one that answers a single issue caps the list at 1.
 */
import { type JsonObject, type JsonValue, objectOf } from '../core/json.ts'
import { err, ok, type Result } from '../core/result.ts'

/** What can be wrong with a field in every dialect. */
export type Problem =
  | { readonly kind: 'missing' | 'unknown' }
  | { readonly kind: 'type'; readonly expected: 'object' | 'text' | 'boolean' }
  /** Text of more characters than `max`. */
  | { readonly kind: 'too-long'; readonly max: number }
  | { readonly kind: 'one-of'; readonly allowed: readonly string[] }

/** `Words` are what a dialect says of a field beside its name, `Failure` is how it answers issues. */
export abstract class Body<Words extends readonly unknown[], Issue, Failure> {
  readonly given: JsonObject
  /** Names of the objects around this one, outermost first; empty for the body itself. */
  protected readonly path: readonly string[]
  readonly #issues: Issue[]
  #isSound = true

  constructor(given: JsonObject, path: readonly string[] = [], issues: Issue[] = []) {
    this.given = given
    this.path = path
    this.#issues = issues
  }

  /** Issues that are kept, capped because one body can contain thousands. */
  protected abstract readonly maxIssues: number
  /** Whether clients leave a field out by sending this value. */
  protected abstract isUnset(value: JsonValue | undefined): boolean
  protected abstract words(field: string, problem: Problem): Words
  protected abstract issue(path: readonly string[], field: string, words: Words): Issue
  protected abstract failure(issues: readonly [Issue, ...Issue[]]): Failure

  /** The same dialect's reader of another object. */
  #of(given: JsonObject, path: readonly string[], issues: Issue[]): this {
    const Same = this.constructor as new (...args: [JsonObject, readonly string[], Issue[]]) => this
    return new Same(given, path, issues)
  }

  /** Of an object inside, whose issues are collected with the others; undefined when it is none, which is reported. */
  inside(value: JsonValue | undefined, name: string): this | undefined {
    const object = objectOf(value)
    if (object) return this.beside(object, name)
    return this.report(name, { kind: 'type', expected: 'object' })
  }

  /**
   * Of another object, at these names below this one; without a name its fields are spelled as this one's. Issues are
   * collected with the others.
   */
  beside(given: JsonObject, ...names: readonly string[]): this {
    return this.#of(given, [...this.path, ...names], this.#issues)
  }

  /** The same object without its issues, so that checks may run more than once. */
  again(): this {
    return this.#of(this.given, this.path, [])
  }

  /** Collects an issue that is not one field's. */
  add(issue: Issue): undefined {
    this.#isSound = false
    if (!this.#isFull()) this.#issues.push(issue)
  }

  refuse(field: string, ...words: Words): undefined {
    this.#isSound = false
    if (!this.#isFull()) this.#issues.push(this.issue(this.path, field, words))
  }

  report(field: string, problem: Problem): undefined {
    this.#isSound = false
    if (!this.#isFull()) this.refuse(field, ...this.words(field, problem))
  }

  /** Whether this reader found nothing wrong, not even past the cap; what its other readers found does not count. */
  get isSound(): boolean {
    return this.#isSound
  }

  #isFull(): boolean {
    return this.#issues.length >= this.maxIssues
  }

  /** What was made of the body, or what is wrong with it. */
  result<T>(value: () => T): Result<T, Failure> {
    return this.#issues.length > 0 ? this.failed() : ok(value())
  }

  /** What is wrong with the body; for callers that know of an issue. */
  failed(): Result<never, Failure> {
    const [first, ...others] = this.#issues
    if (first === undefined) throw new Error('nothing is wrong with the body')
    return err(this.failure([first, ...others]))
  }

  isAbsent(key: string): boolean {
    return this.isUnset(this.given[key])
  }

  /** Reports every key that is not in `known`. */
  refuseUnknown(known: ReadonlySet<string>): void {
    for (const key of Object.keys(this.given)) if (!known.has(key)) this.report(key, { kind: 'unknown' })
  }

  /** Reports each of the keys that is absent. */
  needs(keys: readonly string[]): void {
    for (const key of keys) if (this.isAbsent(key)) this.report(key, { kind: 'missing' })
  }

  /** Returns what `parse` makes of the field, undefined if absent; where `parse` returns undefined, refuses it with `words`. */
  read<T>(key: string, parse: (value: JsonValue) => T | undefined, ...words: Words): T | undefined {
    const value = this.given[key]
    if (value === undefined || this.isUnset(value)) return undefined
    const parsed = parse(value)
    return parsed === undefined ? this.refuse(key, ...words) : parsed
  }

  /** At most `max` characters. */
  text(key: string, max = Number.POSITIVE_INFINITY): string | undefined {
    if (this.isAbsent(key)) return undefined
    const value = this.given[key]
    if (typeof value !== 'string') return this.report(key, { kind: 'type', expected: 'text' })
    return isLonger(value, max) ? this.report(key, { kind: 'too-long', max }) : value
  }

  boolean(key: string): boolean | undefined {
    if (this.isAbsent(key)) return undefined
    const value = this.given[key]
    return typeof value === 'boolean' ? value : this.report(key, { kind: 'type', expected: 'boolean' })
  }

  oneOf<T extends string>(key: string, allowed: readonly T[]): T | undefined {
    if (this.isAbsent(key)) return undefined
    const value = this.given[key]
    return allowed.find((each) => each === value) ?? this.report(key, { kind: 'one-of', allowed })
  }
}

/** Whether a text has more than `max` characters; they are not counted where there are far too many. */
export const isLonger = (text: string, max: number): boolean =>
  text.length > 2 * max || (text.length > max && [...text].length > max)
