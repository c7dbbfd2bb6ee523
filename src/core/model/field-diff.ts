/** Which fields of two JSON values differ. */
import { isObject, type JsonValue } from '../json.ts'

/** `null` on the side that has no such field. */
export interface FieldChange {
  /** Names from the outside in, with dots: `guards.dhcp`; empty: the value itself. */
  readonly field: string
  readonly before: JsonValue
  readonly after: JsonValue
}

/** Objects are compared field by field; lists and everything else as a whole. Nothing against an object: all of its fields. */
export function fieldChanges(before: JsonValue, after: JsonValue, field = ''): readonly FieldChange[] {
  if (!(isObject(before) || isObject(after)) || !isFields(before) || !isFields(after))
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ field, before, after }]
  const [old, now] = [new Map(Object.entries(before ?? {})), new Map(Object.entries(after ?? {}))]
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((name) =>
    fieldChanges(old.get(name) ?? null, now.get(name) ?? null, field === '' ? name : `${field}.${name}`),
  )
}

const isFields = (value: JsonValue) => value === null || isObject(value)
