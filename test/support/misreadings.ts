/** What a strict reader must refuse: a value with one field too few, one too many, or one of another kind, at any depth. */
import type { JsonObject, JsonValue } from '../../src/core/json.ts'

/** `optional`: names of fields that may be left out. */
export function* misreadings(value: JsonValue, optional: readonly string[] = []): Generator<JsonValue> {
  if (Array.isArray(value)) {
    for (const [at, each] of value.entries()) {
      for (const other of misreadings(each, optional)) yield value.with(at, other)
    }
  } else if (value !== null && typeof value === 'object') {
    const object = value as JsonObject
    yield { ...object, another: null }
    for (const [key, each] of Object.entries(object)) {
      const { [key]: _, ...rest } = object
      if (!optional.includes(key)) yield rest
      for (const other of misreadings(each, optional)) yield { ...rest, [key]: other }
    }
  }
  if (value === null) yield { another: null }
  else yield Array.isArray(value) ? {} : []
}
