/**
 * Checks nested collections that a call does not write: a body may repeat their items as they were read, and nothing
 * else. A client that nests a rule where none is created must not believe that it filters.
 */
import { isDeepStrictEqual } from 'node:util'
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Result } from '../../core/result.ts'
import { Fields } from './fields.ts'
import type { Resource } from './resource.ts'
import { collections, type Kind } from './wire.ts'

/** The resource as stored; only its kind while it is created. */
type Present = Pick<Resource, 'kind'> & Partial<Pick<Resource, 'properties' | 'children'>>

/** Names of collections whose items the call writes, with the names of collections that it creates in each item. */
type Written = Readonly<Record<string, readonly string[]>>

export async function checkNested(
  present: Present,
  entities: JsonObject,
  written: Written = {},
): Promise<Result<void, RequestError>> {
  const fields = new Fields(entities, ['(root)', 'entities'])
  await check(present, fields, written)
  return fields.result(() => undefined)
}

async function check({ kind, children = {} }: Present, entities: Fields, written: Written): Promise<void> {
  for (const { name, of } of collections[kind]) {
    const items = givenItems(entities.given, name)
    // Disks and the like take no part in filtering.
    if (items === undefined || of === undefined || of === 'volume') continue
    const stored = new Map(
      (items.length > 0 ? await children[name]?.() : [])?.map((child) => [child.id, child]),
    )
    const created = Object.hasOwn(written, name) ? written[name] : undefined
    for (const [index, item] of items.entries()) {
      const where = `${name}.items.[${index}]`
      const nested = entities.beside(isObject(item) ? item : {}, where).entities()
      if (created) {
        const within = Object.fromEntries(created.map((each) => [each, []]))
        await check({ kind: of }, nested, within)
        continue
      }
      const child =
        isObject(item) && typeof item.id === 'string' ? stored.get(item.id.toLowerCase()) : undefined
      if (!isObject(item) || !child || !repeats(item.properties, child.properties)) {
        entities.refuse(where, `Attribute is not allowed: ${howTo[of]}`)
      } else await check(child, nested, {})
    }
  }
}

const howTo: Readonly<Partial<Record<Kind, string>>> = {
  datacenter: 'datacenters are changed by themselves',
  server: 'servers are made and changed by themselves',
  nic: 'NICs are made and changed by themselves',
  lan: 'LANs are made and changed by themselves',
  'security-group': 'groups are attached with PUT .../securitygroups',
  'firewall-rule': 'rules are made and changed by themselves',
  'flow-log': 'flow logs are made and changed by themselves',
  pcc: 'cross connects are made and changed by themselves',
  ipblock: 'IP blocks are made and changed by themselves',
}

function givenItems(entities: JsonObject, name: string): readonly JsonValue[] | undefined {
  const collection = Object.hasOwn(entities, name) ? entities[name] : undefined
  const items = isObject(collection) ? collection.items : undefined
  return Array.isArray(items) ? items : undefined
}

/** Whether the given properties equal the stored ones; absent properties do. */
function repeats(given: JsonValue | undefined, properties: JsonObject): boolean {
  if (given === undefined || given === null) return true
  if (!isObject(given)) return false
  return Object.entries(properties).every(
    ([name, value]) => !Object.hasOwn(given, name) || isDeepStrictEqual(given[name], value),
  )
}
