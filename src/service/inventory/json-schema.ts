/** The schema of the inventory file for editors, as JSON Schema 2020-12: `npm run docs` writes it, and a test keeps it fresh. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Provider } from './provider.ts'
import { inventoryFile } from './schema.ts'

/** Without what is only for messages and pages; numbers where text is meant are taken as they are written, so both are right. */
export function inventorySchema(providers: readonly Provider[]): JsonObject {
  const plain = JSON.parse(JSON.stringify(inventoryFile(providers))) as JsonObject
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Portcullis inventory',
    ...(relaxed(plain) as JsonObject),
  }
}

function relaxed(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(relaxed)
  if (value === null || typeof value !== 'object') return value
  const { expected: _, secret: __, type, ...rest } = value as JsonObject
  const words = Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, relaxed(each)]))
  // `properties` may have a key that is called type.
  if (typeof type === 'object') return { type: relaxed(type), ...words }
  if (type === undefined) return words
  return { type: type === 'string' && !('enum' in rest) ? ['string', 'integer'] : type, ...words }
}
