/** Bodies of every resource: where their properties and nested collections are, and what else they may have. */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { violated, violates } from './errors.ts'
import { misplaced, readProperties, type Table, Violations } from './fields.ts'
import { collections } from './wire.ts'

/** The properties of a body, and where they are: POST and PUT wrap them, PATCH does not. */
export interface Given {
  readonly properties: JsonObject
  readonly at: string
  readonly entities: JsonObject
}

export function given(method: string, body: JsonValue | undefined): Result<Given, RequestError> {
  const wrapped = method !== 'PATCH'
  if (!isObject(body)) return err(violates('(root)', 'Resource-definition must be an object'))
  if (!wrapped) {
    const wrapping = ['properties', 'entities'].find((name) => Object.hasOwn(body, name))
    return wrapping
      ? err(violates(`(root).${wrapping}`, 'Attribute is not allowed: PATCH takes the properties themselves'))
      : ok({ properties: body, at: '(root)', entities: {} })
  }
  const { properties, entities } = body
  if (properties === undefined || properties === null) {
    return err(violates('(root)', "Resource-definition requires 'properties' attribute"))
  }
  if (!isObject(properties)) return err(violates('(root).properties', 'Attribute value must be an object'))
  if (entities !== undefined && entities !== null && !isObject(entities)) {
    return err(violates('(root).entities', 'Attribute value must be an object'))
  }
  const violations = new Violations()
  checkEnvelope(body, '(root)', violations)
  if (violations.count > 0) return err(violated(violations.list))
  return ok({ properties, at: '(root).properties', entities: isObject(entities) ? entities : {} })
}

const envelope: ReadonlySet<string> = new Set(['id', 'type', 'href', 'metadata', 'properties', 'entities'])
const nestable: ReadonlySet<string> = new Set(
  Object.values(collections).flatMap((each) => each.map(({ name }) => name)),
)

/** Refuses names about filtering beside `properties` and in unknown collections, where nothing is read. */
function checkEnvelope(item: JsonObject, at: string, violations: Violations): void {
  const nested = isObject(item.entities) ? item.entities : {}
  for (const [object, within, known] of [
    [item, at, envelope],
    [nested, `${at}.entities`, nestable],
  ] as const) {
    for (const name of Object.keys(object)) {
      const start = name.slice(0, 64)
      if (!known.has(name) && misplaced.test(start))
        violations.add(`${within}.${start}`, 'Attribute is not allowed here')
    }
  }
}

/** Decodes by a table; `old`: the values that an update changes. */
export function decode(
  table: Table,
  { properties, at }: Given,
  old?: JsonObject,
): Result<JsonObject, RequestError> {
  const violations = new Violations()
  const read = readProperties(table, properties, at, violations, old)
  return violations.count > 0 ? err(violated(violations.list)) : ok(read)
}

export function nestedProperties(item: JsonObject, at: string, violations: Violations): JsonObject {
  checkEnvelope(item, at, violations)
  if (isObject(item.properties)) return item.properties
  violations.add(at, "Resource-definition requires 'properties' attribute")
  return {}
}

/** Of one nested collection: above every limit of resources, and few enough to check each. */
const maxItems = 500

/** Undefined if the body does not give the collection or its items. */
export function itemsOf(
  entities: JsonObject,
  name: string,
  parent: string,
  violations: Violations,
): { readonly item: JsonObject; readonly at: string }[] | undefined {
  const collection = Object.hasOwn(entities, name) ? entities[name] : undefined
  const at = `${parent}.entities.${name}`
  if (collection === undefined || collection === null) return undefined
  if (!isObject(collection)) {
    violations.add(at, 'Attribute value must be an object')
    return undefined
  }
  const { items } = collection
  if (items === undefined || items === null) return undefined
  if (!Array.isArray(items)) {
    violations.add(`${at}.items`, 'Attribute value must be an array')
    return undefined
  }
  if (items.length > maxItems) {
    violations.add(`${at}.items`, `Attribute value must have at most ${maxItems} items`)
    return undefined
  }
  return items.flatMap((item: JsonValue, index: number) => {
    const where = `${at}.items.[${index}]`
    if (isObject(item)) return [{ item, at: where }]
    violations.add(where, 'Attribute value must be an object')
    return []
  })
}
