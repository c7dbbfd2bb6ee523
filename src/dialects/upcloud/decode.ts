/** UpCloud's rules → the model, with UpCloud's own validation in its own order (contract: upcloud §1.4, §2.2). */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Action, Direction, Match } from '../../core/model/rule.ts'
import { type Address, type Family, isIpv4Mapped, parseAddress } from '../../core/net/address.ts'
import { ICMP, ICMPV6, TCP, UDP } from '../../core/net/protocol.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type AddressSet, addressSet } from '../../core/sets/address-set.ts'
import type { PortSet } from '../../core/sets/port-set.ts'
import type { NewRule } from '../../storage/storage.ts'
import { invalid, missing, requestInvalid, unknownAttribute } from './errors.ts'
import { integer, isAbsent, isShort, objectOf, unwrap } from './fields.ts'
import { emptyRule, type RuleText } from './wire.ts'

export const mostRules = 1000
const mostCommentCharacters = 250

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
export function decodeRuleBody(body: JsonValue | undefined): Result<DecodedRule, RequestError> {
  const wrapped = unwrap(body, 'firewall_rule')
  if (!wrapped.ok) return wrapped
  const rule = objectOf(wrapped.value)
  if (!rule) return err(requestInvalid('firewall_rule must be an object.'))
  const decoded = decodeRule(rule)
  return decoded.ok ? decoded : err(ofRule(1, decoded.error))
}

/** The body of PUT. Nothing, said in any of the ways that clients say it, empties the chain. */
export function decodeRulesBody(body: JsonValue | undefined): Result<readonly NewRule[], RequestError> {
  const wrapped = unwrap(body, 'firewall_rules')
  if (!wrapped.ok) return wrapped
  if (wrapped.value === '') return ok([])
  const inner = unwrap(wrapped.value, 'firewall_rule')
  if (!inner.ok) return inner
  if (inner.value === null || inner.value === '') return ok([])
  if (!Array.isArray(inner.value)) return err(requestInvalid('firewall_rule must be a list.'))
  const rules: NewRule[] = []
  if (inner.value.length > mostRules) {
    return err({ kind: 'limit-reached', resource: 'rule', limit: mostRules })
  }
  for (const [index, element] of (inner.value as readonly JsonValue[]).entries()) {
    const object = objectOf(element)
    if (!object) return err(requestInvalid(`rule ${index + 1} must be an object.`))
    const decoded = decodeRule(object)
    if (!decoded.ok) return err(ofRule(index + 1, decoded.error))
    rules.push(decoded.value.rule)
  }
  return ok(rules)
}

/** The index in a path: canonical decimal, 1 to 1000. */
export function decodeIndex(text: string): Result<number, RequestError> {
  const index = integer(text, 1, mostRules)
  return index === undefined ? err(invalid('position')) : ok(index)
}

/** Says which of the rules in the body is meant, from 1. */
const ofRule = (number: number, error: RequestError): RequestError =>
  error.kind === 'invalid' ? { ...error, reason: `rule ${number}: ${error.reason}` } : error

const keys: ReadonlySet<string> = new Set([...Object.keys(emptyRule), 'position'])
const sides = ['source', 'destination'] as const

/** The first thing that is wrong decides; so the order of the steps is the contract's. */
function decodeRule(given: JsonObject): Result<DecodedRule, RequestError> {
  const unknown = Object.keys(given).find((key) => !keys.has(key))
  if (unknown !== undefined) return err(unknownAttribute(unknown))

  const direction = required(given, 'direction', directions)
  if (!direction.ok) return direction
  const action = required(given, 'action', actions)
  if (!action.ok) return action
  const family = chosen(given, 'family', families)
  if (!family.ok) return family
  if (family.value === undefined && !isAbsent(given.protocol)) {
    return err(invalid('family', undefined, 'family must be given with protocol, IPv4 or IPv6'))
  }
  const protocol = chosen(given, 'protocol', protocols)
  if (!protocol.ok) return protocol
  const position = number(given, 'position', 1, mostRules)
  if (!position.ok) return position

  const match: { -readonly [K in keyof Match]: Match[K] } = {}
  if (family.value) match.family = family.value
  if (family.value && protocol.value) match.protocol = protocol.value[family.value]
  for (const side of sides) {
    const addresses = addressRange(given, side, family.value)
    if (!addresses.ok) return addresses
    if (addresses.value) match[side] = addresses.value
  }
  for (const side of sides) {
    const ports = portRange(given, side)
    if (!ports.ok) return ports
    if (ports.value && match.protocol !== TCP && match.protocol !== UDP) {
      const reason = `${side}_port_start needs protocol tcp or udp`
      return err(invalid(`${side}_port_start`, 'PORT_PROTOCOL_MISMATCH', reason))
    }
    if (ports.value) match[`${side}Ports`] = ports.value
  }
  const icmpType = number(given, 'icmp_type', 0, 255)
  if (!icmpType.ok) return icmpType
  if (icmpType.value !== undefined) {
    if (match.protocol !== ICMP && match.protocol !== ICMPV6) {
      return err(invalid('icmp_type', 'ICMP_TYPE_PROTOCOL_MISMATCH', 'icmp_type needs protocol icmp'))
    }
    match.icmpType = icmpType.value
  }
  const { comment } = given
  if (!isAbsent(comment) && (typeof comment !== 'string' || !isShort(comment, mostCommentCharacters))) {
    const reason = `comment must be text of at most ${mostCommentCharacters} characters`
    return err(invalid('comment', undefined, reason))
  }

  return ok({
    rule: {
      direction: direction.value,
      action: action.value,
      enabled: true,
      matches: [match],
      spec: textOf(given) as unknown as JsonObject,
    },
    ...(position.value !== undefined && { position: position.value }),
  })
}

/** What is echoed: text as given, numbers as their digits. */
function textOf(given: JsonObject): RuleText {
  return Object.fromEntries(
    Object.keys(emptyRule).map((key) => [key, isAbsent(given[key]) ? '' : String(given[key])]),
  ) as unknown as RuleText
}

function required<T>(
  given: JsonObject,
  key: string,
  values: Readonly<Record<string, T>>,
): Result<T, RequestError> {
  const value = given[key]
  if (value === undefined || value === null) return err(missing(key))
  return typeof value === 'string' && Object.hasOwn(values, value)
    ? ok(values[value] as T)
    : err(invalid(key, undefined, `${key} must be ${Object.keys(values).join(' or ')}`))
}

function chosen<T>(
  given: JsonObject,
  key: string,
  values: Readonly<Record<string, T>>,
): Result<T | undefined, RequestError> {
  return isAbsent(given[key]) ? ok(undefined) : required(given, key, values)
}

function number(
  given: JsonObject,
  key: string,
  first: number,
  last: number,
): Result<number | undefined, RequestError> {
  if (isAbsent(given[key])) return ok(undefined)
  const value = integer(given[key], first, last)
  if (value !== undefined) return ok(value)
  return err(invalid(key, undefined, `${key} must be a whole number from ${first} to ${last}`))
}

/** Both ends or none, of the rule's family when it has one and of each other's in any case. */
function addressRange(
  given: JsonObject,
  side: (typeof sides)[number],
  family: Family | undefined,
): Result<AddressSet | undefined, RequestError> {
  const [startKey, endKey] = [`${side}_address_start`, `${side}_address_end`]
  if (isAbsent(given[startKey]) && isAbsent(given[endKey])) return ok(undefined)
  const no = (key: string, reason: string, code?: string) => err(invalid(key, code, `${key} ${reason}`))
  if (isAbsent(given[startKey])) return no(startKey, `must be given with ${endKey}`)
  const start = address(given[startKey])
  if (!start) return no(startKey, 'must be one IPv4 or IPv6 address')
  if (family && start.family !== family) return no(startKey, 'must be of the rule’s family')
  if (isAbsent(given[endKey])) return no(endKey, `must be given with ${startKey}`)
  const end = address(given[endKey])
  if (!end) return no(endKey, 'must be one IPv4 or IPv6 address')
  if (end.family !== start.family) return no(endKey, `must be of the family of ${startKey}`)
  if (start.value > end.value) {
    return no(endKey, `must not be below ${startKey}`, `${side.toUpperCase()}_ADDRESS_ORDER_ILLEGAL`)
  }
  return ok(addressSet([{ family: start.family, first: start.value, last: end.value }]))
}

/** IPv4-mapped IPv6 addresses are refused: whether they mean the one family or the other, nobody says. */
function address(value: JsonValue | undefined): Address | undefined {
  const parsed = typeof value === 'string' ? parseAddress(value) : undefined
  if (!parsed?.ok) return undefined
  return isIpv4Mapped(parsed.value) ? undefined : parsed.value
}

function portRange(
  given: JsonObject,
  side: (typeof sides)[number],
): Result<PortSet | undefined, RequestError> {
  const [startKey, endKey] = [`${side}_port_start`, `${side}_port_end`]
  if (isAbsent(given[startKey]) && isAbsent(given[endKey])) return ok(undefined)
  const no = (key: string, reason: string, code?: string) => err(invalid(key, code, `${key} ${reason}`))
  if (isAbsent(given[startKey])) return no(startKey, `must be given with ${endKey}`)
  const first = integer(given[startKey], 1, 65_535)
  if (first === undefined) return no(startKey, 'must be a whole number from 1 to 65535')
  if (isAbsent(given[endKey])) return no(endKey, `must be given with ${startKey}`)
  const last = integer(given[endKey], 1, 65_535)
  if (last === undefined) return no(endKey, 'must be a whole number from 1 to 65535')
  if (first > last) {
    return no(endKey, `must not be below ${startKey}`, `${side.toUpperCase()}_PORT_ORDER_ILLEGAL`)
  }
  return ok([{ first, last }])
}
