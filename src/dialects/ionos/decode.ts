/** Bodies of all resources but servers and volumes: tables of properties, and nested rules and NICs (contract: ionos §2.2 to §4). */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { parseAddress } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { ipv6Block } from './addresses.ts'
import { type Given, nestedProperties, readersOf } from './body.ts'
import { decodeRule } from './decode-rule.ts'
import { violates } from './errors.ts'
import { Fields, flag, narrowing, type Property, type Table, text, uuidPattern } from './fields.ts'
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

export function decodeOneRule(body: Given, old?: RuleText): Result<RuleText, RequestError> {
  const { properties: fields } = readersOf(body)
  const rule = decodeRule(fields, old)
  return rule ? ok(rule) : fields.failed()
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
  const fields = readersOf(body)
  const properties = fields.properties.properties(groupTable, old, narrowing)
  const rules = nestedRules(fields.entities, 'rules', known)
  return fields.properties.result(() => ({ properties, rules }))
}

export function decodeNic(body: Given): Result<WantedNic, RequestError> {
  const { properties: fields, entities } = readersOf(body)
  const nic = readNic(fields, entities)
  return fields.result(() => nic)
}

const readNic = (fields: Fields, entities: Fields): WantedNic => ({
  at: fields.at,
  properties: fields.properties(nicTable),
  rules: newRules(entities),
  flowLogs: (entities.items('flowlogs') ?? []).map((item) => nestedProperties(item).properties(flowLogTable)),
})

/** NICs to create with their server. */
export const nestedNics = (entities: Fields): readonly WantedNic[] =>
  (entities.items('nics') ?? []).map((item) => readNic(nestedProperties(item), item.entities()))

function nestedRules(
  entities: Fields,
  name: string,
  known: ReadonlyMap<string, RuleText> = new Map(),
): readonly WantedRule[] | undefined {
  const seen = new Set<string>()
  return entities.items(name)?.flatMap((item): WantedRule[] => {
    const { id: named } = item.given
    const given = typeof named === 'string' && named.length <= 64 ? named.toLowerCase() : ''
    const old = known.get(given)
    const id = old && given
    if (id !== undefined && seen.has(id)) item.refuse('id', 'Attribute value is there twice')
    if (id !== undefined) seen.add(id)
    // Lists of a low depth show no properties.
    if (old && item.isAbsent('properties')) return [{ id, text: old }]
    const decoded = decodeRule(nestedProperties(item), old)
    return decoded ? [{ id, text: decoded }] : []
  })
}

const newRules = (entities: Fields): readonly RuleText[] =>
  (nestedRules(entities, 'firewallrules') ?? []).map(({ text }) => text)

/** Of one list, repeated ids included; no resource can have more groups. */
const maxIds = 100

/** The ids of an attach list, each once, in order. */
export function decodeIds(body: JsonValue | undefined): Result<readonly string[], RequestError> {
  const ids = isObject(body) ? body.ids : undefined
  if (!Array.isArray(ids)) return err(violates('(root).ids', "Attribute 'ids' is required"))
  if (ids.length > maxIds) return err(violates('(root).ids', `At most ${maxIds} ids`))
  const fields = new Fields({}, ['(root)'])
  for (const [index, id] of ids.entries()) {
    if (typeof id !== 'string' || !uuidPattern.test(id))
      fields.refuse(`ids.[${index}]`, 'Attribute value must be a UUID')
  }
  return fields.result(() => [...new Set(ids.map((id) => String(id).toLowerCase()))])
}
