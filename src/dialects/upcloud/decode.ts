/** UpCloud's rules → the model, with UpCloud's own validation in its own order (contract: upcloud §1.4, §2.2). */
import { type JsonObject, type JsonValue, objectOf } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Action, Direction, Match } from '../../core/model/rule.ts'
import { type Address, type Family, isIpv4Mapped, parseAddress } from '../../core/net/address.ts'
import { ICMP, ICMPV6, TCP, UDP } from '../../core/net/protocol.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type AddressSet, addressSet } from '../../core/sets/address-set.ts'
import type { PortSet } from '../../core/sets/port-set.ts'
import type { NewRule } from '../../storage/storage.ts'
import { isLonger } from '../body.ts'
import { type Failure, invalid, requestInvalid } from './errors.ts'
import { Fields, integer, isAbsent, unwrap } from './fields.ts'
import { manifest } from './manifest.ts'
import { emptyRule, type RuleText } from './wire.ts'

const { rulesPerChain } = manifest.limits
const maxCommentCharacters = 250

export interface DecodedRule {
  readonly rule: NewRule
  /** As given; absent: at the end. */
  readonly position?: number
}

const directions: Readonly<Record<string, Direction>> = { in: 'ingress', out: 'egress' }
const actions: Readonly<Record<string, Action>> = { accept: 'allow', drop: 'deny' }
const families: Readonly<Record<string, Family>> = { IPv4: 'ipv4', IPv6: 'ipv6' }
/** ICMP of IPv6 has a number of its own. */
const protocols: Readonly<Record<string, Record<Family, number>>> = {
  tcp: { ipv4: TCP, ipv6: TCP },
  udp: { ipv4: UDP, ipv6: UDP },
  icmp: { ipv4: ICMP, ipv6: ICMPV6 },
}

/** The body of POST: `{"firewall_rule":{…}}`. */
export function decodeRuleBody(body: JsonValue | undefined): Result<DecodedRule, Failure> {
  const fields = Fields.of(body, 'firewall_rule')
  const decoded = decodeRule(fields, fields.given, 1)
  return decoded ? fields.result(() => decoded) : fields.failed()
}

/** The body of PUT. Nothing, said in any of the ways that clients say it, empties the chain. */
export function decodeRulesBody(body: JsonValue | undefined): Result<readonly NewRule[], Failure> {
  const wrapped = unwrap(body, 'firewall_rules')
  if (!wrapped.ok) return wrapped
  if (wrapped.value === '') return ok([])
  const inner = unwrap(wrapped.value, 'firewall_rule')
  if (!inner.ok) return inner
  if (inner.value === null || inner.value === '') return ok([])
  if (!Array.isArray(inner.value)) return err(requestInvalid('firewall_rule must be a list.'))
  if (inner.value.length > rulesPerChain) {
    return err({ kind: 'limit-reached', resource: 'rule', limit: rulesPerChain })
  }
  const fields = new Fields({})
  const rules = (inner.value as readonly JsonValue[]).flatMap((element, index) => {
    const object = objectOf(element)
    if (!object) fields.add(requestInvalid(`rule ${index + 1} must be an object.`))
    return (object && decodeRule(fields, object, index + 1)?.rule) ?? []
  })
  return fields.result(() => rules)
}

/** The index in a path: canonical decimal, 1 to 1000. */
export function decodeIndex(text: string): Result<number, RequestError> {
  const index = integer(text, 1, rulesPerChain)
  return index === undefined ? err(invalid('position')) : ok(index)
}

const keys: ReadonlySet<string> = new Set([...Object.keys(emptyRule), 'position'])
const sides = ['source', 'destination'] as const

/** The first thing that is wrong decides; so the order of the steps is the contract's. Errors name the rule, from 1. */
function decodeRule(body: Fields, given: JsonObject, number: number): DecodedRule | undefined {
  const fields = body.inside(given, `rule ${number}`)
  if (!fields) return undefined
  fields.refuseUnknown(keys)
  const direction = required(fields, 'direction', directions)
  const action = required(fields, 'action', actions)
  const family = fields.choice('family', families)
  if (family === undefined && !fields.isAbsent('protocol')) {
    fields.refuse('family', undefined, 'family must be given with protocol, IPv4 or IPv6')
  }
  const protocol = fields.choice('protocol', protocols)
  const position = integerOf(fields, 'position', 1, rulesPerChain)

  const match: { -readonly [K in keyof Match]: Match[K] } = {}
  if (family) match.family = family
  if (family && protocol) match.protocol = protocol[family]
  for (const side of sides) {
    const addresses = addressRange(fields, side, family)
    if (addresses) match[side] = addresses
  }
  for (const side of sides) {
    const ports = portRange(fields, side)
    if (ports && match.protocol !== TCP && match.protocol !== UDP) {
      const reason = `${side}_port_start needs protocol tcp or udp`
      fields.refuse(`${side}_port_start`, 'PORT_PROTOCOL_MISMATCH', reason)
    }
    if (ports) match[`${side}Ports`] = ports
  }
  const icmpType = integerOf(fields, 'icmp_type', 0, 255)
  if (icmpType !== undefined) {
    if (match.protocol !== ICMP && match.protocol !== ICMPV6) {
      fields.refuse('icmp_type', 'ICMP_TYPE_PROTOCOL_MISMATCH', 'icmp_type needs protocol icmp')
    }
    match.icmpType = icmpType
  }
  fields.read('comment', asComment, undefined, wrongComment)
  if (!direction || !action) return undefined
  const spec = textOf(given) as unknown as JsonObject
  return {
    rule: { direction, action, enabled: true, matches: [match], spec },
    ...(position !== undefined && { position }),
  }
}

const asComment = (value: JsonValue) =>
  typeof value === 'string' && !isLonger(value, maxCommentCharacters) ? value : undefined
const wrongComment = `comment must be text of at most ${maxCommentCharacters} characters`

/** What is echoed: text as given, numbers as their digits. */
function textOf(given: JsonObject): RuleText {
  return Object.fromEntries(
    Object.keys(emptyRule).map((key) => [key, isAbsent(given[key]) ? '' : String(given[key])]),
  ) as unknown as RuleText
}

/** Empty text is a wrong value here, not an absent one. */
function required<T>(fields: Fields, key: string, values: Readonly<Record<string, T>>): T | undefined {
  if (fields.given[key] === '') return fields.report(key, { kind: 'one-of', allowed: Object.keys(values) })
  fields.needs([key])
  return fields.choice(key, values)
}

const integerOf = (fields: Fields, key: string, first: number, last: number): number | undefined =>
  fields.integer(key, first, last, undefined, `${key} must be a whole number from ${first} to ${last}`)

/** Both ends or none, of the rule's family when it has one and of each other's in any case. */
function addressRange(
  fields: Fields,
  side: (typeof sides)[number],
  family: Family | undefined,
): AddressSet | undefined {
  const [startKey, endKey] = [`${side}_address_start`, `${side}_address_end`]
  if (fields.isAbsent(startKey) && fields.isAbsent(endKey)) return undefined
  const no = (key: string, reason: string, code?: string) => fields.refuse(key, code, `${key} ${reason}`)
  if (fields.isAbsent(startKey)) return no(startKey, `must be given with ${endKey}`)
  const start = address(fields.given[startKey])
  if (!start) return no(startKey, 'must be one IPv4 or IPv6 address')
  if (family && start.family !== family) return no(startKey, 'must be of the rule’s family')
  if (fields.isAbsent(endKey)) return no(endKey, `must be given with ${startKey}`)
  const end = address(fields.given[endKey])
  if (!end) return no(endKey, 'must be one IPv4 or IPv6 address')
  if (end.family !== start.family) return no(endKey, `must be of the family of ${startKey}`)
  if (start.value > end.value) {
    return no(endKey, `must not be below ${startKey}`, `${side.toUpperCase()}_ADDRESS_ORDER_ILLEGAL`)
  }
  return addressSet([{ family: start.family, first: start.value, last: end.value }])
}

/** IPv4-mapped IPv6 addresses are refused: whether they mean the one family or the other, nobody says. */
function address(value: JsonValue | undefined): Address | undefined {
  const parsed = typeof value === 'string' ? parseAddress(value) : undefined
  if (!parsed?.ok) return undefined
  return isIpv4Mapped(parsed.value) ? undefined : parsed.value
}

function portRange(fields: Fields, side: (typeof sides)[number]): PortSet | undefined {
  const [startKey, endKey] = [`${side}_port_start`, `${side}_port_end`]
  if (fields.isAbsent(startKey) && fields.isAbsent(endKey)) return undefined
  const no = (key: string, reason: string, code?: string) => fields.refuse(key, code, `${key} ${reason}`)
  if (fields.isAbsent(startKey)) return no(startKey, `must be given with ${endKey}`)
  const first = integer(fields.given[startKey], 1, 65_535)
  if (first === undefined) return no(startKey, 'must be a whole number from 1 to 65535')
  if (fields.isAbsent(endKey)) return no(endKey, `must be given with ${startKey}`)
  const last = integer(fields.given[endKey], 1, 65_535)
  if (last === undefined) return no(endKey, 'must be a whole number from 1 to 65535')
  if (first > last) {
    return no(endKey, `must not be below ${startKey}`, `${side.toUpperCase()}_PORT_ORDER_ILLEGAL`)
  }
  return [{ first, last }]
}
