/** The stored form of a rule's matches: compact JSON that reads back exactly. */
import type { JsonObject, JsonValue } from '../json.ts'
import { type Address, families, formatAddress, parseAddress } from '../net/address.ts'
import { type Mac, parseMac } from '../net/mac.ts'
import { type AddressRange, type AddressSet, addressSet } from '../sets/address-set.ts'
import { type PortSet, portSet } from '../sets/port-set.ts'
import type { Match } from './rule.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Sets become lists of `[first, last]`; addresses are canonical text, so that a person can read the table. */
export function encodeMatch(match: Match): JsonObject {
  const { source, destination, sourcePorts, destinationPorts, ...scalars } = match
  return {
    ...scalars,
    ...(source && { source: encodeAddresses(source) }),
    ...(destination && { destination: encodeAddresses(destination) }),
    ...(sourcePorts && { sourcePorts: sourcePorts.map(({ first, last }) => [first, last]) }),
    ...(destinationPorts && { destinationPorts: destinationPorts.map(({ first, last }) => [first, last]) }),
  }
}

/** Reads what `encodeMatch` wrote; throws on anything else, because a rule that is misread could open. */
export function decodeMatch(json: JsonValue): Match {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) throw new Error('corrupt match')
  const match: Mutable<Match> = {}
  for (const [key, value] of Object.entries(json as JsonObject)) {
    switch (key) {
      case 'family':
        if (value !== 'ipv4' && value !== 'ipv6') throw new Error('corrupt family')
        match.family = value
        break
      case 'protocol':
      case 'icmpType':
      case 'icmpCode':
        if (!isInteger(value, 255)) throw new Error(`corrupt ${key}`)
        match[key] = value
        break
      case 'sourceMac':
        match.sourceMac = decodeMac(value)
        break
      case 'source':
      case 'destination':
        match[key] = decodeAddresses(value)
        break
      case 'sourcePorts':
      case 'destinationPorts':
        match[key] = decodePorts(value)
        break
      default:
        throw new Error(`unknown match field ${key}`)
    }
  }
  return match
}

/** As a list of `[first, last]`. */
export function encodeAddresses(set: AddressSet): JsonValue {
  return families.flatMap((family) =>
    set[family].map(({ first, last }) => [formatAddress(family, first), formatAddress(family, last)]),
  )
}

/** Canonical text only: it is compared as text. */
function decodeMac(json: JsonValue | undefined): Mac {
  const parsed = typeof json === 'string' ? parseMac(json) : undefined
  if (!parsed?.ok || parsed.value !== json) throw new Error('corrupt sourceMac')
  return parsed.value
}

function decodePorts(json: JsonValue | undefined): PortSet {
  return portSet(
    pairs(json).map(([first, last]) => {
      if (!isInteger(first, 65535) || !isInteger(last, 65535) || first > last)
        throw new Error('corrupt ports')
      return { first, last }
    }),
  )
}

function decodeAddresses(json: JsonValue): AddressSet {
  return addressSet(
    pairs(json).map(([firstText, lastText]): AddressRange => {
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

const isInteger = (json: JsonValue | undefined, max: number): json is number =>
  Number.isInteger(json) && (json as number) >= 0 && (json as number) <= max

function pairs(json: JsonValue | undefined): readonly JsonValue[][] {
  if (!Array.isArray(json) || !json.every((pair) => Array.isArray(pair) && pair.length === 2))
    throw new Error('corrupt ranges')
  return json as JsonValue[][]
}
