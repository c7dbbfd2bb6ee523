/** Bodies of everything but rules: what each property may be, and what is nested (contract: ionos §2.2 to §4). */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { parseAddress } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { ipv6Block } from './blocks.ts'
import { decodeRule } from './decode-rule.ts'
import { violated, violates } from './errors.ts'
import {
  isObject,
  misplaced,
  narrowing,
  type Property,
  readProperties,
  type Table,
  Violations,
} from './properties.ts'
import { collections, type RuleText } from './wire.ts'

export const text = { type: 'text', range: [0, 255] } as const
export const flag = { type: 'boolean' } as const

export const datacenterTable: Table = {
  name: text,
  description: text,
  location: { type: 'text', required: true, immutable: true, range: [1, 63] },
  // Nobody is asked for a second factor here: who believes so is told.
  secAuthProtection: {
    ...flag,
    objection: (value) =>
      value === true ? 'Attribute value must be false: a second factor is not supported' : undefined,
  },
  ipv6CidrBlock: { type: 'text', readOnly: true },
  createDefaultSecurityGroup: flag,
  defaultSecurityGroupId: { type: 'text', emptyIsNull: true, range: [1, 64] },
}

const plainAddress = (value: string) => {
  const parsed = parseAddress(value)
  return parsed.ok ? parsed.value.family : undefined
}
const addressesOf = (family: 'ipv4' | 'ipv6') => (value: JsonValue) =>
  (value as readonly string[]).every((each) => plainAddress(each) === family)
    ? undefined
    : `Attribute value must be an array of ${family === 'ipv4' ? 'IPv4' : 'IPv6'} addresses`

/** A block that is taken from the one around it. */
const blockOrAuto = (length: number): Property => ({
  type: 'text',
  emptyIsNull: true,
  objection: (value) =>
    value === 'AUTO' || ipv6Block(String(value), length) !== undefined
      ? undefined
      : `Attribute value must be AUTO or an IPv6 CIDR block of length ${length}`,
})

/** Of each family on one NIC. */
const mostAddresses = 50

export const nicTable: Table = {
  lan: { type: 'integer', required: true, range: [1, 2 ** 31 - 1] },
  name: text,
  mac: {
    type: 'text',
    objection: (value) =>
      parseMac(String(value)).ok
        ? undefined
        : 'Attribute value must be a MAC address of the form aa:bb:cc:dd:ee:ff',
  },
  ips: { type: 'texts', range: [0, mostAddresses], objection: addressesOf('ipv4') },
  dhcp: flag,
  ipv6Ips: { type: 'texts', range: [0, mostAddresses], objection: addressesOf('ipv6') },
  ipv6CidrBlock: blockOrAuto(80),
  dhcpv6: flag,
  firewallActive: flag,
  firewallType: { type: 'text', oneOf: ['INGRESS', 'EGRESS', 'BIDIRECTIONAL'] },
  vnet: { ...text, emptyIsNull: true },
}

/** As the vendor's: `name` alone can be changed. */
export const flowLogTable: Table = {
  name: { ...text, required: true },
  action: { type: 'text', required: true, immutable: true, oneOf: ['ACCEPTED', 'REJECTED', 'ALL'] },
  direction: {
    ...({ type: 'text', required: true, immutable: true } as const),
    oneOf: ['INGRESS', 'EGRESS', 'BIDIRECTIONAL'],
  },
  bucket: { ...text, required: true, immutable: true },
}

export const ipBlockTable: Table = {
  location: { type: 'text', required: true, immutable: true, range: [1, 63] },
  size: { type: 'integer', required: true, immutable: true, range: [1, 2 ** 31 - 1] },
  name: text,
}

export const pccTable: Table = { name: { ...text, required: true }, description: text }

export const lanTable: Table = {
  name: text,
  public: flag,
  pcc: { ...text, emptyIsNull: true },
  ipFailover: { type: 'json' },
  ipv4CidrBlock: { type: 'text', readOnly: true },
  ipv6CidrBlock: blockOrAuto(64),
}

export const groupTable: Table = {
  name: { type: 'text', required: true, range: [1, 60] },
  description: { type: 'text', range: [0, 300] },
}

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

/** Refuses what is about filtering beside `properties`, and in collections that there are not: nobody reads it there. */
function checkEnvelope(item: JsonObject, at: string, violations: Violations): void {
  const nested = isObject(item.entities) ? item.entities : {}
  for (const [object, place, known] of [
    [item, at, envelope],
    [nested, `${at}.entities`, nestable],
  ] as const) {
    for (const name of Object.keys(object)) {
      const start = name.slice(0, 64)
      if (!known.has(name) && misplaced.test(start))
        violations.add(`${place}.${start}`, 'Attribute is not allowed here')
    }
  }
}

/** By a table; `old` is what is changed. */
export function decode(
  table: Table,
  { properties, at }: Given,
  old?: JsonObject,
): Result<JsonObject, RequestError> {
  const violations = new Violations()
  const read = readProperties(table, properties, at, violations, old)
  return violations.count > 0 ? err(violated(violations.list)) : ok(read)
}

export function decodeOneRule({ properties, at }: Given, old?: RuleText): Result<RuleText, RequestError> {
  const violations = new Violations()
  const rule = decodeRule(properties, at, violations, old)
  return rule ? ok(rule) : err(violated(violations.list))
}

/** `id` is of a rule that is there and is kept; undefined: a new one. */
export interface WantedRule {
  readonly id: string | undefined
  readonly text: RuleText
}

/** A group's properties with the rules nested in it; undefined rules: nothing is said of them. `known`: those it has, by id. */
export function decodeGroup(
  body: Given,
  old?: JsonObject,
  known?: ReadonlyMap<string, RuleText>,
): Result<
  { readonly properties: JsonObject; readonly rules: readonly WantedRule[] | undefined },
  RequestError
> {
  const violations = new Violations()
  const properties = readProperties(groupTable, body.properties, body.at, violations, old, narrowing)
  const rules = nestedRules(body.entities, 'rules', '(root)', violations, known)
  return violations.count > 0 ? err(violated(violations.list)) : ok({ properties, rules })
}

export interface WantedNic {
  readonly properties: JsonObject
  readonly rules: readonly RuleText[]
  readonly flowLogs: readonly JsonObject[]
}

export function decodeNic(body: Given): Result<WantedNic, RequestError> {
  const violations = new Violations()
  const nic = readNic(body.properties, body.at, body.entities, '(root)', violations)
  return violations.count > 0 ? err(violated(violations.list)) : ok(nic)
}

/** `at` is where its properties are, `parent` what its entities are in. */
function readNic(
  properties: JsonObject,
  at: string,
  entities: JsonObject,
  parent: string,
  violations: Violations,
): WantedNic {
  return {
    properties: readProperties(nicTable, properties, at, violations),
    rules: newRules(entities, 'firewallrules', parent, violations),
    flowLogs: newItems(flowLogTable, entities, 'flowlogs', parent, violations),
  }
}

/** NICs that are made with their server. */
export const nestedNics = (entities: JsonObject, violations: Violations): readonly WantedNic[] =>
  (itemsOf(entities, 'nics', '(root)', violations) ?? []).map(({ item, at }) => {
    const wanted = nestedProperties(item, at, violations)
    return readNic(wanted, `${at}.properties`, isObject(item.entities) ? item.entities : {}, at, violations)
  })

function nestedRules(
  entities: JsonObject,
  name: string,
  at: string,
  violations: Violations,
  known: ReadonlyMap<string, RuleText> = new Map(),
): readonly WantedRule[] | undefined {
  const seen = new Set<string>()
  return itemsOf(entities, name, at, violations)?.flatMap(({ item, at: place }): WantedRule[] => {
    const given = typeof item.id === 'string' && item.id.length <= 64 ? item.id.toLowerCase() : ''
    const old = known.get(given)
    const id = old && given
    if (id !== undefined && seen.has(id)) violations.add(`${place}.id`, 'Attribute value is there twice')
    if (id !== undefined) seen.add(id)
    // As it is listed at a depth that does not show properties.
    if (old && (item.properties ?? null) === null) return [{ id, text: old }]
    const text = decodeRule(nestedProperties(item, place, violations), `${place}.properties`, violations, old)
    return text ? [{ id, text }] : []
  })
}

const newRules = (...args: Parameters<typeof nestedRules>): readonly RuleText[] =>
  (nestedRules(...args) ?? []).map(({ text }) => text)

/** Properties of what is made in a nested collection. */
const newItems = (
  table: Table,
  entities: JsonObject,
  name: string,
  parent: string,
  violations: Violations,
): readonly JsonObject[] =>
  (itemsOf(entities, name, parent, violations) ?? []).map(({ item, at }) =>
    readProperties(table, nestedProperties(item, at, violations), `${at}.properties`, violations),
  )

export function nestedProperties(item: JsonObject, at: string, violations: Violations): JsonObject {
  checkEnvelope(item, at, violations)
  if (isObject(item.properties)) return item.properties
  violations.add(at, "Resource-definition requires 'properties' attribute")
  return {}
}

/** Of one nested collection: more than any limit lets be made, and few enough to look at each. */
const mostItems = 500

/** Undefined when the body says nothing of the collection or of its items. */
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
  if (items.length > mostItems) {
    violations.add(`${at}.items`, `Attribute value must have at most ${mostItems} items`)
    return undefined
  }
  return items.flatMap((item: JsonValue, index: number) => {
    const place = `${at}.items.[${index}]`
    if (isObject(item)) return [{ item, at: place }]
    violations.add(place, 'Attribute value must be an object')
    return []
  })
}

/** Of one list, groups that are named twice included: more can be attached nowhere. */
const mostIds = 100

/** The ids of an attach list, each once, in order. */
export function decodeIds(body: JsonValue | undefined): Result<readonly string[], RequestError> {
  const ids = isObject(body) ? body.ids : undefined
  if (!Array.isArray(ids)) return err(violates('(root).ids', "Attribute 'ids' is required"))
  if (ids.length > mostIds) return err(violates('(root).ids', `At most ${mostIds} ids`))
  const malformed = ids.flatMap((id: JsonValue, index: number) =>
    typeof id === 'string' && uuid.test(id)
      ? []
      : [{ field: `(root).ids.[${index}]`, reason: 'Attribute value must be a UUID' }],
  )
  if (malformed.length > 0) return err(violated(malformed))
  return ok([...new Set(ids.map((id) => String(id).toLowerCase()))])
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export interface Page {
  readonly depth: number
  readonly offset: number
  readonly limit: number
}

/** Of every request `depth`, of lists the rest too; what else is in a query is ignored. */
export function decodePage(query: URLSearchParams, list: boolean): Result<Page, RequestError> {
  const violations = new Violations()
  const read = (name: string, low: number, high: number, otherwise: number): number => {
    const value = query.get(name)
    if (value === null) return otherwise
    if (/^\d{1,10}$/.test(value) && Number(value) >= low && Number(value) <= high) return Number(value)
    violations.add(name, `Parameter value must be an integer between ${low} and ${high}`)
    return otherwise
  }
  const depth = read('depth', 0, 10, 0)
  const [offset, limit] = list
    ? [read('offset', 0, 2 ** 31 - 1, 0), read('limit', 1, 10_000, 1000)]
    : [0, 1000]
  return violations.count > 0 ? err(violated(violations.list)) : ok({ depth, offset, limit })
}
