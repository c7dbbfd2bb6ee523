/**
 * Nested collections that a call does not write: a body may repeat what is in them, as it was read, and may not ask for
 * anything else. Whoever nests a rule or a group where it is not made must not believe that it filters.
 */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { violated } from './errors.ts'
import { isObject, Violations } from './properties.ts'
import { collections, type Kind } from './wire.ts'
import type { Node } from './world.ts'

/** What there is; of a resource that is being made, nothing. */
type Present = Pick<Node, 'kind'> & Partial<Pick<Node, 'properties' | 'children'>>

/** Collections, by name, whose items the call makes or changes; and those of their items that it makes with them. */
type Written = Readonly<Record<string, readonly string[]>>

export async function checkUnwritten(
  present: Present,
  entities: JsonObject,
  written: Written = {},
): Promise<Result<void, RequestError>> {
  const violations = new Violations()
  await check(present, entities, '(root)', written, violations)
  return violations.count > 0 ? err(violated(violations.list)) : ok(undefined)
}

async function check(
  { kind, children = {} }: Present,
  entities: JsonObject,
  at: string,
  written: Written,
  violations: Violations,
): Promise<void> {
  for (const { name, of } of collections[kind]) {
    const items = itemsOf(entities, name)
    // Disks and the like take no part in filtering.
    if (items === undefined || of === undefined || of === 'volume') continue
    const there = new Map((items.length > 0 ? await children[name]?.() : [])?.map((node) => [node.id, node]))
    const place = `${at}.entities.${name}.items`
    const made = Object.hasOwn(written, name) ? written[name] : undefined
    for (const [index, item] of items.entries()) {
      if (made) {
        const within = Object.fromEntries(made.map((each) => [each, []]))
        const nested = isObject(item) && isObject(item.entities) ? item.entities : {}
        await check({ kind: of }, nested, `${place}.[${index}]`, within, violations)
        continue
      }
      const node =
        isObject(item) && typeof item.id === 'string' ? there.get(item.id.toLowerCase()) : undefined
      if (!isObject(item) || !node || !repeats(item.properties, node.properties)) {
        violations.add(`${place}.[${index}]`, `Attribute is not allowed: ${howTo[of]}`)
      } else if (isObject(item.entities)) {
        await check(node, item.entities, `${place}.[${index}]`, {}, violations)
      }
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

function itemsOf(entities: JsonObject, name: string): readonly JsonValue[] | undefined {
  const collection = Object.hasOwn(entities, name) ? entities[name] : undefined
  const items = isObject(collection) ? collection.items : undefined
  return Array.isArray(items) ? items : undefined
}

/** Whether what is given of the properties is what they are; nothing given is. */
function repeats(given: JsonValue | undefined, properties: JsonObject): boolean {
  if (given === undefined || given === null) return true
  if (!isObject(given)) return false
  return Object.entries(properties).every(
    ([name, value]) => !Object.hasOwn(given, name) || isDeepStrictEqual(given[name], value),
  )
}
