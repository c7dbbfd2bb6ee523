/** The stored form of a rule's matches: compact JSON that reads back exactly. */
import type { JsonObject, JsonValue } from '../json.ts'
import { fieldOf, type MatchField, matchFieldNames, matchFields } from './match-fields.ts'
import type { Match } from './rule.ts'

/** In the order of the table, whatever order the match was made in. */
export function encodeMatch(match: Match): JsonObject {
  const json: Record<string, JsonValue> = {}
  for (const name of matchFieldNames) {
    const value = match[name]
    if (value !== undefined) json[name] = fieldOf(name).encode(value)
  }
  return json
}

/** Reads what `encodeMatch` wrote; throws on anything else, because a rule that is misread could open. */
export function decodeMatch(json: JsonValue): Match {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) throw new Error('corrupt match')
  return Object.fromEntries(
    Object.entries(json as JsonObject).map(([name, value]) => {
      if (!Object.hasOwn(matchFields, name)) throw new Error(`unknown match field ${name}`)
      return [name, fieldOf(name as MatchField).decode(value)]
    }),
  )
}
