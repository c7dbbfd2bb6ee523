/** The stored form of a rule's matches: compact JSON that reads back exactly. */
import type { JsonObject, JsonValue } from '../json.ts'
import { families, formatAddress, parseAddress } from '../net/address.ts'
import { type AddressRange, type AddressSet, addressSet } from '../sets/address-set.ts'
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
        if (typeof value !== 'number') throw new Error(`corrupt ${key}`)
        match[key] = value
        break
      case 'sourceMac':
        if (typeof value !== 'string') throw new Error('corrupt sourceMac')
        match.sourceMac = value
        break
      case 'source':
      case 'destination':
        match[key] = decodeAddresses(value)
        break
      case 'sourcePorts':
      case 'destinationPorts':
        match[key] = pairs(value).map(([first, last]) => {
          if (typeof first !== 'number' || typeof last !== 'number') throw new Error('corrupt ports')
          return { first, last }
        })
        break
      default:
        throw new Error(`unknown match field ${key}`)
    }
  }
  return match
}

function encodeAddresses(set: AddressSet): JsonValue {
  return families.flatMap((family) =>
    set[family].map(({ first, last }) => [formatAddress(family, first), formatAddress(family, last)]),
  )
}

function decodeAddresses(json: JsonValue): AddressSet {
  return addressSet(
    pairs(json).map(([firstText, lastText]): AddressRange => {
      const first = parseAddress(String(firstText))
      const last = parseAddress(String(lastText))
      if (!first.ok || !last.ok || first.value.family !== last.value.family)
        throw new Error('corrupt addresses')
      return { family: first.value.family, first: first.value.value, last: last.value.value }
    }),
  )
}

function pairs(json: JsonValue | undefined): readonly JsonValue[][] {
  if (!Array.isArray(json) || !json.every((pair) => Array.isArray(pair) && pair.length === 2))
    throw new Error('corrupt ranges')
  return json as JsonValue[][]
}
