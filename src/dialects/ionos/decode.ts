/** Bodies of all resources but servers and volumes: tables of properties, and nested rules and NICs (contract: ionos §2.2 to §4). */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { parseAddress } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { ipv6Block } from './addresses.ts'
import { type Given, itemsOf, nestedProperties } from './body.ts'
import { decodeRule } from './decode-rule.ts'
import { violated, violates } from './errors.ts'
import {
  flag,
  narrowing,
  type Property,
  readProperties,
  type Table,
  text,
  uuidPattern,
  Violations,
} from './fields.ts'
import type { RuleText, WantedNic } from './wire.ts'

export const datacenterTable: Table = {
  name: text,
  description: text,
  location: { type: 'text', required: true, immutable: true, range: [1, 63] },
  // No second factor is asked for, so a client that turns it on gets an error.
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

/** A block inside that of the parent, or `AUTO`. */
const blockOrAuto = (length: number): Property => ({
  type: 'text',
  emptyIsNull: true,
  objection: (value) =>
    value === 'AUTO' || ipv6Block(String(value), length) !== undefined
      ? undefined
      : `Attribute value must be AUTO or an IPv6 CIDR block of length ${length}`,
})

/** Of each family on one NIC. */
const maxAddresses = 50

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
  ips: { type: 'texts', range: [0, maxAddresses], objection: addressesOf('ipv4') },
  dhcp: flag,
  ipv6Ips: { type: 'texts', range: [0, maxAddresses], objection: addressesOf('ipv6') },
  ipv6CidrBlock: blockOrAuto(80),
  dhcpv6: flag,
  firewallActive: flag,
  firewallType: { type: 'text', oneOf: ['INGRESS', 'EGRESS', 'BIDIRECTIONAL'] },
  vnet: { ...text, emptyIsNull: true },
}

/** Only `name` can change, as in the real service. */
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

export function decodeOneRule({ properties, at }: Given, old?: RuleText): Result<RuleText, RequestError> {
  const violations = new Violations()
  const rule = decodeRule(properties, at, violations, old)
  return rule ? ok(rule) : err(violated(violations.list))
}

/** `id`: of a present rule that stays; undefined for a new one. */
export interface WantedRule {
  readonly id: string | undefined
  readonly text: RuleText
}

/** A group's properties with its nested rules; undefined rules: the body gives none. `known`: its present rules, by id. */
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

export function decodeNic(body: Given): Result<WantedNic, RequestError> {
  const violations = new Violations()
  const nic = readNic(body.properties, body.at, body.entities, '(root)', violations)
  return violations.count > 0 ? err(violated(violations.list)) : ok(nic)
}

/** `at`: where its properties are in the body; `parent`: where the object with its entities is. */
function readNic(
  properties: JsonObject,
  at: string,
  entities: JsonObject,
  parent: string,
  violations: Violations,
): WantedNic {
  return {
    at,
    properties: readProperties(nicTable, properties, at, violations),
    rules: newRules(entities, 'firewallrules', parent, violations),
    flowLogs: newItems(flowLogTable, entities, 'flowlogs', parent, violations),
  }
}

/** NICs to create with their server. */
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
  return itemsOf(entities, name, at, violations)?.flatMap(({ item, at: where }): WantedRule[] => {
    const given = typeof item.id === 'string' && item.id.length <= 64 ? item.id.toLowerCase() : ''
    const old = known.get(given)
    const id = old && given
    if (id !== undefined && seen.has(id)) violations.add(`${where}.id`, 'Attribute value is there twice')
    if (id !== undefined) seen.add(id)
    // Lists of a low depth show no properties.
    if (old && (item.properties ?? null) === null) return [{ id, text: old }]
    const decoded = decodeRule(
      nestedProperties(item, where, violations),
      `${where}.properties`,
      violations,
      old,
    )
    return decoded ? [{ id, text: decoded }] : []
  })
}

const newRules = (...args: Parameters<typeof nestedRules>): readonly RuleText[] =>
  (nestedRules(...args) ?? []).map(({ text }) => text)

/** Properties of the items to create in a nested collection. */
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

/** Of one list, repeated ids included; no resource can have more groups. */
const maxIds = 100

/** The ids of an attach list, each once, in order. */
export function decodeIds(body: JsonValue | undefined): Result<readonly string[], RequestError> {
  const ids = isObject(body) ? body.ids : undefined
  if (!Array.isArray(ids)) return err(violates('(root).ids', "Attribute 'ids' is required"))
  if (ids.length > maxIds) return err(violates('(root).ids', `At most ${maxIds} ids`))
  const malformed = ids.flatMap((id: JsonValue, index: number) =>
    typeof id === 'string' && uuidPattern.test(id)
      ? []
      : [{ field: `(root).ids.[${index}]`, reason: 'Attribute value must be a UUID' }],
  )
  if (malformed.length > 0) return err(violated(malformed))
  return ok([...new Set(ids.map((id) => String(id).toLowerCase()))])
}
