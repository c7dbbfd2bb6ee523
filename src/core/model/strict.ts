/** Readers of JSON that another process wrote: each answers what it says, or throws. */
import { isObject, type JsonValue } from '../json.ts'

export type Reader<T> = (json: JsonValue) => T

/** An object of exactly these fields; those of `optional` may be absent. */
export function exactly<T extends object>(
  what: string,
  fields: { readonly [K in keyof T]-?: Reader<Exclude<T[K], undefined>> },
  optional: readonly (keyof T & string)[] = [],
): Reader<T> {
  const names = Object.keys(fields) as (keyof T & string)[]
  const required = names.filter((name) => !optional.includes(name))
  return (json) => {
    if (!isObject(json)) throw new Error(`corrupt ${what}`)
    for (const name of required) {
      if (!Object.hasOwn(json, name)) throw new Error(`corrupt ${what}: it has no ${name}`)
    }
    const result: Partial<T> = {}
    for (const [name, value] of Object.entries(json)) {
      if (!Object.hasOwn(fields, name)) throw new Error(`corrupt ${what}: unknown field ${name}`)
      result[name as keyof T] = fields[name as keyof T](value)
    }
    return result as T
  }
}

/** As `exactly`, but what else the object has is passed over: for what other releases write, too. */
export function atLeast<T extends object>(
  what: string,
  fields: { readonly [K in keyof T]-?: Reader<Exclude<T[K], undefined>> },
  optional: readonly (keyof T & string)[] = [],
): Reader<T> {
  const read = exactly<T>(what, fields, optional)
  return (json) => {
    if (!isObject(json)) throw new Error(`corrupt ${what}`)
    return read(Object.fromEntries(Object.entries(json).filter(([name]) => Object.hasOwn(fields, name))))
  }
}

export const listOf =
  <T>(what: string, read: Reader<T>): Reader<T[]> =>
  (json) => {
    if (!Array.isArray(json)) throw new Error(`corrupt ${what}`)
    return json.map(read)
  }

export const orNull =
  <T>(read: Reader<T>): Reader<T | null> =>
  (json) =>
    json === null ? null : read(json)

/** An integer from `least` to `most`, both inclusive. */
export const integerFrom =
  (what: string, least: number, most = Number.MAX_SAFE_INTEGER): Reader<number> =>
  (json) => {
    if (!Number.isSafeInteger(json) || (json as number) < least || (json as number) > most) {
      throw new Error(`corrupt ${what}`)
    }
    return json as number
  }

/** Milliseconds since 1970, as far as they are the time of anything. */
export const momentOf = (what: string): Reader<number> => integerFrom(what, 0, 8.64e15)

export const oneOf =
  <T extends string>(what: string, values: readonly T[]): Reader<T> =>
  (json) => {
    if (!values.includes(json as T)) throw new Error(`corrupt ${what}`)
    return json as T
  }

export const flag =
  (what: string): Reader<boolean> =>
  (json) => {
    if (typeof json !== 'boolean') throw new Error(`corrupt ${what}`)
    return json
  }

/** For what is absent where it is not so. */
export const onlyTrue =
  (what: string): Reader<true> =>
  (json) => {
    if (json !== true) throw new Error(`corrupt ${what}`)
    return json
  }

/** Text that is not empty and that `isValid` accepts. */
export const textOf =
  (what: string, isValid: (text: string) => boolean = () => true): Reader<string> =>
  (json) => {
    if (typeof json !== 'string' || json === '' || !isValid(json)) throw new Error(`corrupt ${what}`)
    return json
  }

/** Text of any kind; it may be empty. */
export const anyText =
  (what: string): Reader<string> =>
  (json) => {
    if (typeof json !== 'string') throw new Error(`corrupt ${what}`)
    return json
  }
