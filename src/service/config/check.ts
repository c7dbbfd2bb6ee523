/** Plain values → what a schema says they are, or the first fault in one line with its place in the file. */
import type { Static, TSchema } from 'typebox'
import { Check, Errors } from 'typebox/value'
import { err, ok, type Result } from '../../core/result.ts'
import { Numeral } from './yaml.ts'

/** A schema that says in words what it expects; without them they are made from its type. */
interface Schema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly minItems?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly expected?: string
  /** Keys that are not known are not named: they may be secrets that have lost their key. */
  readonly secret?: boolean
}

/** `passes`: a faster way to the same answer. */
export function check<S extends TSchema>(
  schema: S,
  given: unknown,
  passes: (value: unknown) => boolean = (value) => Check(schema, value),
): Result<Static<S>> {
  // What is right as it is has nothing to settle.
  if (passes(given)) return ok(given as Static<S>)
  const value = settle(schema as Schema, given)
  return passes(value) ? ok(value as Static<S>) : err(explain(schema, value))
}

/**
 * Numerals become text where text is expected and numbers where numbers are, so that nothing is rounded on the way. What
 * stays as it is is not copied: a file may be large.
 */
function settle(schema: Schema | undefined, value: unknown): unknown {
  if (value instanceof Numeral) {
    const text = schema?.type === 'string' || /^0\d/.test(value.source)
    return text ? value.source : Number(value.source)
  }
  if (typeof value === 'number') return schema?.type === 'string' ? String(value) : value
  if (Array.isArray(value)) return schema?.type === 'array' ? settleAll(schema.items, value) : value
  if (schema?.type !== 'object' || !isObject(value)) return value
  let copy: Record<string, unknown> | undefined
  for (const [key, each] of Object.entries(value)) {
    const settled = settle(below(schema, key), each)
    if (settled === each) continue
    // With all keys of its own, also one that is called __proto__.
    copy ??= Object.fromEntries(Object.entries(value))
    copy[key] = settled
  }
  return copy ?? value
}

function settleAll(items: Schema | undefined, values: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined
  for (const [index, each] of values.entries()) {
    const settled = settle(items, each)
    if (settled === each) continue
    copy ??= [...values]
    copy[index] = settled
  }
  return copy ?? values
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

const below = (schema: Schema | undefined, key: string): Schema | undefined =>
  schema?.items ??
  (schema?.properties && Object.hasOwn(schema.properties, key)
    ? schema.properties[key]
    : Object.values(schema?.patternProperties ?? {})[0])

function explain(schema: TSchema, value: unknown): string {
  const errors = [...Errors(schema, value)]
  // A key that is spelled wrongly is missing under its right name, too: tell what is to be corrected.
  const unknown = errors.find(({ keyword }) => keyword === 'additionalProperties')
  const [first] = unknown ? [unknown] : errors
  if (!first) throw new Error('the schema refuses what it finds no fault in')
  const params = first.params as { additionalProperties?: string[]; requiredProperties?: string[] }
  const keys = first.instancePath
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  const at = keys.reduce<Schema | undefined>(below, schema as Schema)
  if (unknown) {
    const known = Object.keys(at?.properties ?? {}).join(', ')
    const key = at?.secret ? 'a key' : readable(params.additionalProperties?.[0] ?? '')
    return `${placeOf(keys)}: ${key} is not known here; known are ${known}`
  }
  const [missing] = params.requiredProperties ?? []
  if (missing === undefined) return `${placeOf(keys)}: expected ${expected(at)}`
  return `${placeOf([...keys, missing])}: expected ${expected(below(at, missing))}`
}

/** `accounts[0].servers[2].name` */
const placeOf = (keys: readonly string[]): string =>
  keys
    .map((key) => (/^\d+$/.test(key) ? `[${key}]` : `.${readable(key)}`))
    .join('')
    .slice(1) || 'the file'

const readable = (key: string): string =>
  /^[\w.<-]{1,40}$/.test(key) ? key : `${JSON.stringify(key.slice(0, 40)).replaceAll(/[^ -~]/g, '?')}`

function expected(schema: Schema | undefined): string {
  if (schema?.expected !== undefined) return schema.expected
  if (schema?.enum) return `one of ${schema.enum.join(', ')}`
  switch (schema?.type) {
    case 'object':
      return 'keys and values'
    case 'array':
      return schema.minItems ? `a list of at least ${schema.minItems}` : 'a list'
    case 'boolean':
      return 'true or false'
    case 'integer':
      return `a whole number from ${schema.minimum} to ${schema.maximum}`
    case 'number':
      return `a number from ${schema.minimum} to ${schema.maximum}`
    default:
      return 'text'
  }
}
