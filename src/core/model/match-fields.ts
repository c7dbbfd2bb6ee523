/** Every field that a rule can match on, in one table: a field that `Match` has and the table lacks does not compile. */
import type { JsonObject, JsonValue } from '../json.ts'
import { type Address, type Family, families, formatAddress, parseAddress } from '../net/address.ts'
import { type Mac, parseMac } from '../net/mac.ts'
import type { Packet } from '../net/packet.ts'
import { icmpFamily, isExtensionHeader } from '../net/protocol.ts'
import * as addresses from '../sets/address-set.ts'
import * as ports from '../sets/port-set.ts'
import type { Match } from './rule.ts'

export type MatchField = keyof Match

export interface FieldSpec<T> {
  /** The form that is stored and shown: compact JSON that a person can read. */
  readonly encode: (value: T) => JsonValue
  /** Reads what `encode` wrote. Throws on anything else, because a rule that is misread could open. */
  readonly decode: (json: JsonValue) => T
  /** Whether a packet satisfies the field; a packet that lacks the field does not. `family` is the match's own. */
  readonly holds: (value: T, packet: Packet, family: Family | undefined) => boolean
  /** The value that exactly those packets satisfy that satisfy both; undefined when no packet does. */
  readonly intersect: (a: T, b: T) => T | undefined
  /** Whether every packet that satisfies `b` satisfies `a`; `b` undefined means every packet of the family. */
  readonly contains: (a: T, b: T | undefined, family: Family | undefined) => boolean
  /** JSON Schema of the encoded form. */
  readonly schema: JsonObject
}

/** In the order in which a packet is tested: the cheap fields first. */
export const matchFields: { readonly [K in MatchField]-?: FieldSpec<NonNullable<Match[K]>> } = {
  family: scalar<Family>({
    decode: (json) => {
      if (json !== 'ipv4' && json !== 'ipv6') throw new Error('corrupt family')
      return json
    },
    holds: (value, packet) => value === packet.family,
    schema: { enum: [...families] },
  }),
  protocol: scalar<number>({
    decode: (json) => integer(json, 255, 'protocol'),
    // Without a family, ICMP's and ICMPv6's numbers mean these protocols, which are of one family each.
    holds: (value, packet, family) =>
      value === packet.protocol &&
      !isExtensionHeader(packet.family, value) &&
      (family ?? icmpFamily(value) ?? packet.family) === packet.family,
    schema: {
      ...{ type: 'integer', minimum: 0, maximum: 255 },
      description: 'IP protocol number; without a family 1 is ICMP over IPv4 and 58 ICMPv6',
    },
  }),
  icmpType: byte('icmpType'),
  icmpCode: byte('icmpCode'),
  destinationPorts: portField((packet) => packet.destinationPort),
  sourcePorts: portField((packet) => packet.sourcePort),
  sourceMac: scalar<Mac>({
    decode: decodeMac,
    holds: (value, packet) => value === packet.sourceMac,
    schema: { type: 'string', description: 'Six pairs of lower-case hexadecimal digits with colons' },
  }),
  source: addressField((packet) => packet.source),
  destination: addressField((packet) => packet.destination),
}

export const matchFieldNames = Object.keys(matchFields) as readonly MatchField[]

/** The specification of a field whose value's type is not known here: give it only values of that same field. */
export const fieldOf = (name: MatchField): FieldSpec<unknown> => matchFields[name] as FieldSpec<unknown>

/** The match of exactly those packets that both match; undefined when there are none. */
export function intersectMatches(a: Match, b: Match): Match | undefined {
  const [left, right] = [explicit(a), explicit(b)]
  const both: Partial<Record<MatchField, unknown>> = {}
  for (const name of matchFieldNames) {
    const [x, y] = [left[name], right[name]]
    const value = x === undefined ? y : y === undefined ? x : fieldOf(name).intersect(x, y)
    if (value !== undefined) both[name] = value
    else if (x !== undefined) return undefined
  }
  return both as Match
}

/** Whether `a` matches every packet that `b` matches, as far as field by field can tell: false may still be so. */
export function containsMatch(a: Match, b: Match): boolean {
  const [left, right] = [explicit(a), explicit(b)]
  return matchFieldNames.every((name) => {
    const value = left[name]
    return value === undefined || fieldOf(name).contains(value, right[name], right.family)
  })
}

/** With the family that the protocol implies: fields are then independent of each other. */
function explicit(match: Match): Match {
  const implied =
    match.family === undefined && match.protocol !== undefined ? icmpFamily(match.protocol) : undefined
  return implied ? { ...match, family: implied } : match
}

/** A field of one value, stored as it is. */
function scalar<T extends string | number>(
  spec: Pick<FieldSpec<T>, 'decode' | 'holds' | 'schema'>,
): FieldSpec<T> {
  return {
    ...spec,
    encode: (value) => value,
    intersect: (a, b) => (a === b ? a : undefined),
    contains: (a, b) => a === b,
  }
}

function byte(name: 'icmpType' | 'icmpCode'): FieldSpec<number> {
  return scalar<number>({
    decode: (json) => integer(json, 255, name),
    holds: (value, packet) => value === packet[name],
    schema: { type: 'integer', minimum: 0, maximum: 255 },
  })
}

function portField(of: (packet: Packet) => number | undefined): FieldSpec<ports.PortSet> {
  return {
    encode: (set) => set.map(({ first, last }) => [first, last]),
    decode: decodePorts,
    holds: (set, packet) => {
      const port = of(packet)
      return port !== undefined && ports.containsPort(set, port)
    },
    intersect: (a, b) => some(ports.intersectPorts(a, b), ports.isEmptyPorts),
    // Packets of protocols without ports satisfy no set of ports.
    contains: (a, b) => b !== undefined && ports.isEmptyPorts(ports.subtractPorts(b, a)),
    schema: rangesSchema({ type: 'integer', minimum: 0, maximum: 65_535 }),
  }
}

function addressField(of: (packet: Packet) => bigint): FieldSpec<addresses.AddressSet> {
  return {
    encode: encodeAddresses,
    decode: decodeAddresses,
    holds: (set, packet) => addresses.contains(set, packet.family, of(packet)),
    intersect: (a, b) => some(addresses.intersect(a, b), addresses.isEmpty),
    contains: (a, b, family) => {
      const rest = addresses.subtract(b ?? addresses.allAddresses, a)
      return family ? rest[family].length === 0 : addresses.isEmpty(rest)
    },
    schema: rangesSchema({ type: 'string' }),
  }
}

const some = <T>(set: T, isEmpty: (set: T) => boolean): T | undefined => (isEmpty(set) ? undefined : set)

function rangesSchema(items: JsonObject): JsonObject {
  return {
    ...{ type: 'array', items: { type: 'array', items, minItems: 2, maxItems: 2 } },
    description: 'Ranges as first and last, both inclusive; an empty list matches nothing',
  }
}

/** As a list of `[first, last]`; addresses are canonical text. */
export function encodeAddresses(set: addresses.AddressSet): JsonValue {
  return families.flatMap((family) =>
    set[family].map(({ first, last }) => [formatAddress(family, first), formatAddress(family, last)]),
  )
}

function decodeAddresses(json: JsonValue): addresses.AddressSet {
  return addresses.addressSet(
    pairs(json).map(([firstText, lastText]): addresses.AddressRange => {
      const first = decodeAddress(firstText)
      const last = decodeAddress(lastText)
      if (first.family !== last.family || first.value > last.value) throw new Error('corrupt addresses')
      return { family: first.family, first: first.value, last: last.value }
    }),
  )
}

function decodeAddress(json: JsonValue | undefined): Address {
  const parsed = typeof json === 'string' ? parseAddress(json) : undefined
  if (!parsed?.ok) throw new Error('corrupt addresses')
  return parsed.value
}

/** Canonical text only: it is compared as text. */
function decodeMac(json: JsonValue): Mac {
  const parsed = typeof json === 'string' ? parseMac(json) : undefined
  if (!parsed?.ok || parsed.value !== json) throw new Error('corrupt sourceMac')
  return parsed.value
}

function decodePorts(json: JsonValue): ports.PortSet {
  return ports.portSet(
    pairs(json).map(([first, last]) => {
      const range = { first: integer(first, 65_535, 'ports'), last: integer(last, 65_535, 'ports') }
      if (range.first > range.last) throw new Error('corrupt ports')
      return range
    }),
  )
}

function integer(json: JsonValue | undefined, max: number, name: string): number {
  if (!Number.isInteger(json) || (json as number) < 0 || (json as number) > max)
    throw new Error(`corrupt ${name}`)
  return json as number
}

function pairs(json: JsonValue): readonly JsonValue[][] {
  if (!Array.isArray(json) || !json.every((pair) => Array.isArray(pair) && pair.length === 2))
    throw new Error('corrupt ranges')
  return json as JsonValue[][]
}
