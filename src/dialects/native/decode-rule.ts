/** A rule of a native policy as its writer says it → the model's. The schema has been checked; the rest is checked here. */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import { encodeMatch } from '../../core/model/codec.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Match } from '../../core/model/rule.ts'
import { ruleText } from '../../core/model/rule-text.ts'
import { families, isIpv4Mapped, parseAddress } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import { parsePrefix, prefixRange } from '../../core/net/prefix.ts'
import {
  hasPorts,
  ICMP,
  ICMPV6,
  icmpFamily,
  isExtensionHeader,
  parseProtocol,
} from '../../core/net/protocol.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type AddressRange, type AddressSet, addressSet } from '../../core/sets/address-set.ts'
import { type PortSet, portSet } from '../../core/sets/port-set.ts'
import type { Range } from '../../core/sets/range.ts'
import type { NewRule } from '../../storage/storage.ts'
import { lineProblem } from './lines.ts'
import type { RuleBody } from './schemas-policies.ts'

type Decoded<T> = Result<T, RequestError>

/** Those of a list, in order. */
export function decodeRules(given: readonly RuleBody[]): Result<readonly NewRule[], RequestError> {
  const rules: NewRule[] = []
  for (const [index, each] of given.entries()) {
    const at = `rules[${index}].`
    if (each.position !== undefined && each.position !== index + 1) {
      const reason = `is ${index + 1} in this place of the list; leave it out`
      return err({ kind: 'invalid', field: `${at}position`, reason })
    }
    const rule = decodeRule(each, at)
    if (!rule.ok) return rule
    rules.push(rule.value)
  }
  return ok(rules)
}

/** `at` is put before the names of fields: `rules[3].`, or nothing. */
export function decodeRule(given: RuleBody, at = ''): Decoded<NewRule> {
  const { enabled = true, log, comment = '', direction, action } = given
  if (direction === undefined) return invalid(`${at}direction`, 'is needed')
  if (action === undefined) return invalid(`${at}action`, 'is needed')
  const problem = lineProblem(comment)
  if (problem !== undefined) return invalid(`${at}comment`, problem)
  const match = decodeMatch(given, at)
  if (!match.ok) return match
  const matches = [match.value]
  const derived = { matches: matches.map(encodeMatch), text: ruleText({ action, matches }) }
  for (const name of ['matches', 'text'] as const) {
    if (given[name] !== undefined && !isDeepStrictEqual(given[name], derived[name]))
      return invalid(`${at}${name}`, 'follows from the other fields, which say something else; leave it out')
  }
  const decided = { direction, action, enabled } as const
  const spec: JsonObject = {
    ...decided,
    ...(log && { log }),
    ...said(given),
    ...(comment !== '' && { comment }),
  }
  return ok({ ...decided, ...(log && { log }), matches, spec })
}

/** In one order, so that the same is stored as the same. */
const matchNames = [
  ...(['family', 'protocol', 'sources', 'destinations', 'sourcePorts', 'destinationPorts'] as const),
  ...(['icmpType', 'icmpCode', 'sourceMac'] as const),
]

const said = (given: RuleBody): JsonObject =>
  Object.fromEntries(
    matchNames.flatMap((name) => {
      const value = given[name]
      return value === undefined || value === null ? [] : [[name, value as JsonObject[string]]]
    }),
  )

function decodeMatch(given: RuleBody, at: string): Decoded<Match> {
  const family = given.family ?? undefined
  const protocol = decodeProtocol(given.protocol ?? undefined, family, at)
  if (!protocol.ok) return protocol
  const number = protocol.value
  for (const name of ['sourcePorts', 'destinationPorts'] as const) {
    if ((given[name] ?? null) !== null && !(number !== undefined && hasPorts(number)))
      return invalid(`${at}${name}`, 'needs a protocol that has ports: tcp, udp, sctp, dccp or udplite')
  }
  const own = number === undefined ? undefined : icmpFamily(number)
  for (const name of ['icmpType', 'icmpCode'] as const) {
    if ((given[name] ?? null) !== null && !(own && (family ?? own) === own))
      return invalid(`${at}${name}`, 'needs the protocol icmp, or icmpv6, of its own family')
  }
  const [source, destination] = [
    decodeAddresses('sources', given, at),
    decodeAddresses('destinations', given, at),
  ]
  if (!source.ok) return source
  if (!destination.ok) return destination
  const possible = families.filter(
    (each) =>
      (family ?? own ?? each) === each &&
      [source.value, destination.value].every((set) => set === undefined || set[each].length > 0),
  )
  if (possible.length === 0)
    return invalid(`${at}destinations`, 'no packet has a sender, a receiver and a protocol of these families')
  const sourcePorts = decodePorts('sourcePorts', given, at)
  if (!sourcePorts.ok) return sourcePorts
  const destinationPorts = decodePorts('destinationPorts', given, at)
  if (!destinationPorts.ok) return destinationPorts
  const mac =
    given.sourceMac === undefined || given.sourceMac === null ? undefined : parseMac(given.sourceMac)
  if (mac && !mac.ok) return invalid(`${at}sourceMac`, mac.error)
  return ok({
    ...(family && { family }),
    ...(number !== undefined && { protocol: number }),
    ...(typeof given.icmpType === 'number' && { icmpType: given.icmpType }),
    ...(typeof given.icmpCode === 'number' && { icmpCode: given.icmpCode }),
    ...(destinationPorts.value && { destinationPorts: destinationPorts.value }),
    ...(sourcePorts.value && { sourcePorts: sourcePorts.value }),
    ...(mac && { sourceMac: mac.value }),
    ...(source.value && { source: source.value }),
    ...(destination.value && { destination: destination.value }),
  })
}

/** A name means the protocol, which for ICMP depends on the family; a number means that number. */
function decodeProtocol(
  given: string | number | undefined,
  family: Match['family'],
  at: string,
): Decoded<number | undefined> {
  if (given === undefined) return ok(undefined)
  const named = parseProtocol(String(given))
  if (!named.ok) return invalid(`${at}protocol`, named.error)
  const called = typeof given === 'string' && /^\D/.test(given)
  if (called && family === 'ipv4' && named.value === ICMPV6)
    return invalid(`${at}protocol`, 'is not of the family ipv4')
  if (family === 'ipv6' && isExtensionHeader(family, named.value))
    return invalid(`${at}protocol`, 'is a header of IPv6 that a protocol follows: no packet is of it')
  return ok(called && family === 'ipv6' && named.value === ICMP ? ICMPV6 : named.value)
}

function decodeAddresses(
  name: 'sources' | 'destinations',
  given: RuleBody,
  at: string,
): Decoded<AddressSet | undefined> {
  const texts = given[name] ?? undefined
  if (texts === undefined) return ok(undefined)
  const ranges: AddressRange[] = []
  for (const [index, text] of texts.entries()) {
    const range = parseRange(text)
    if (!range.ok) return invalid(`${at}${name}[${index}]`, range.error)
    if (given.family && range.value.family !== given.family)
      return invalid(`${at}${name}[${index}]`, `is not of the family ${given.family}`)
    ranges.push(range.value)
  }
  return ok(addressSet(ranges))
}

/** An address, a prefix, or `first-last`, both inclusive. */
function parseRange(text: string): Result<AddressRange> {
  if (text.includes('/')) {
    const prefix = parsePrefix(text, { hostBits: 'refuse' })
    if (!prefix.ok) return prefix
    if (isIpv4Mapped(prefix.value)) return err('expected an IPv4 prefix as IPv4')
    return ok({ family: prefix.value.family, ...prefixRange(prefix.value) })
  }
  const [first = '', last = first, ...more] = text.split('-')
  if (more.length > 0) return err('expected an address, a prefix, or a range first-last')
  const ends = [parseAddress(first), parseAddress(last)] as const
  for (const end of ends) {
    if (!end.ok) return end
    if (isIpv4Mapped(end.value)) return err('expected an IPv4 address as IPv4')
  }
  const [from, to] = ends
  if (!from.ok || !to.ok) return err('expected an address')
  if (from.value.family !== to.value.family) return err('its ends are of two families')
  if (from.value.value > to.value.value) return err('its first address is above its last')
  return ok({ family: from.value.family, first: from.value.value, last: to.value.value })
}

function decodePorts(
  name: 'sourcePorts' | 'destinationPorts',
  given: RuleBody,
  at: string,
): Decoded<PortSet | undefined> {
  const list = given[name] ?? undefined
  if (list === undefined) return ok(undefined)
  const ranges: Range<number>[] = []
  for (const [index, value] of list.entries()) {
    const range = parsePorts(String(value))
    if (!range.ok) return invalid(`${at}${name}[${index}]`, range.error)
    ranges.push(range.value)
  }
  return ok(portSet(ranges))
}

function parsePorts(text: string): Result<Range<number>> {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
  if (!match) return err('expected a port, or a range first-last')
  const first = Number(match[1])
  const last = Number(match[2] ?? match[1])
  if (last > 65_535 || first > 65_535) return err('ports end at 65535')
  return last < first ? err('its first port is above its last') : ok({ first, last })
}

const invalid = (field: string, reason: string) => err<RequestError>({ kind: 'invalid', field, reason })
