/** Bodies of every resource: where their properties and nested collections are, and what else they may have. */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { RequestError, Violation } from '../../core/model/error.ts'
import { err, type Result } from '../../core/result.ts'
import { violates } from './errors.ts'
import { Fields, misplaced, type Table } from './fields.ts'
import { collections } from './wire.ts'

/** The properties of a body, and where they are: POST and PUT wrap them, PATCH does not. */
export interface Given {
  readonly properties: JsonObject
  readonly at: string
  readonly entities: JsonObject
}

const needsProperties = "Resource-definition requires 'properties' attribute"

export function given(method: string, body: JsonValue | undefined): Result<Given, RequestError> {
  if (!isObject(body)) return err(violates('(root)', 'Resource-definition must be an object'))
  const root = new Fields(body, ['(root)'])
  if (method === 'PATCH') {
    const wrapping = ['properties', 'entities'].find((name) => Object.hasOwn(body, name))
    if (wrapping) root.refuse(wrapping, 'Attribute is not allowed: PATCH takes the properties themselves')
    return root.result(() => ({ properties: body, at: root.at, entities: {} }))
  }
  if (root.isAbsent('properties')) return err(violates('(root)', needsProperties))
  const properties = root.inside(body.properties, 'properties')
  const entities = root.isAbsent('entities') ? root.entities() : root.inside(body.entities, 'entities')
  if (!properties || !entities) return root.failed()
  checkEnvelope(root)
  return root.result(() => ({ properties: properties.given, at: properties.at, entities: entities.given }))
}

/** Readers of the properties and of the nested collections, whose violations are collected together. */
export function readersOf({ properties, at, entities }: Given): {
  readonly properties: Fields
  readonly entities: Fields
} {
  const violations: Violation[] = []
  return {
    properties: new Fields(properties, [at], violations),
    entities: new Fields(entities, ['(root)', 'entities'], violations),
  }
}

const envelope: ReadonlySet<string> = new Set(['id', 'type', 'href', 'metadata', 'properties', 'entities'])
const nestable: ReadonlySet<string> = new Set(
  Object.values(collections).flatMap((each) => each.map(({ name }) => name)),
)

/** Refuses names about filtering beside `properties` and in unknown collections, where nothing is read. */
function checkEnvelope(item: Fields): void {
  item.refuseAbout(envelope, misplaced, 'Attribute is not allowed here')
  item.entities().refuseAbout(nestable, misplaced, 'Attribute is not allowed here')
}

/** Decodes by a table; `old`: the values that an update changes. */
export function decode(table: Table, body: Given, old?: JsonObject): Result<JsonObject, RequestError> {
  const { properties: fields } = readersOf(body)
  const read = fields.properties(table, old)
  return fields.result(() => read)
}

/** Of the properties of an item in a nested collection; of none if it has none, which is a violation. */
export function nestedProperties(item: Fields): Fields {
  checkEnvelope(item)
  const { properties } = item.given
  if (!isObject(properties)) item.add({ field: item.at, reason: needsProperties })
  return item.beside(isObject(properties) ? properties : {}, 'properties')
}
