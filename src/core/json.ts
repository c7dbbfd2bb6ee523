/** JSON as a type, for values kept and answered as a provider spells them. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue
}

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** Undefined: the text is no object in JSON. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    return objectOf(JSON.parse(text) as JsonValue)
  } catch {
    return undefined
  }
}

export const objectOf = (value: JsonValue | undefined): JsonObject | undefined =>
  isObject(value) ? value : undefined
