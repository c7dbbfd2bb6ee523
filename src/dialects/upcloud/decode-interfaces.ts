/** Interfaces of a server that is created or changed, as bodies describe them (contract: upcloud §3.3; upcloud-more §3.2). */
import { type JsonObject, type JsonValue, objectOf } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { type InterfaceType, interfaceTypes } from '../../core/model/interface.ts'
import { invalid, refusal, unknownAttribute } from './errors.ts'
import { type Fields, filtering, integer, isAbsent, listOf } from './fields.ts'

export interface WantedNic {
  readonly type: InterfaceType
  readonly families: readonly ('IPv4' | 'IPv6')[]
}

/** What upctl leaves to the service: an address of each kind. */
const defaultNics: readonly WantedNic[] = [
  { type: 'utility', families: ['IPv4'] },
  { type: 'public', families: ['IPv4'] },
  { type: 'public', families: ['IPv6'] },
]

const maxNics = 10
/** Of a family, and of the utility network. */
const [maxPublic, maxUtility] = [5, 1]

/** `networking` wins where both are given: Python can send both. Neither means an address of each kind. */
export function decodeInterfaces(fields: Fields): readonly WantedNic[] {
  const { networking, ip_addresses } = fields.given
  if (!isAbsent(networking)) return decodeNics(fields, networking)
  const inner = isAbsent(ip_addresses) ? {} : objectOf(ip_addresses)
  if (!inner) return fields.refuse('ip_addresses', 'IP_ADDRESS_INVALID') ?? []
  const list = isAbsent(inner.ip_address) ? [] : inner.ip_address
  return Array.isArray(list) && list.length === 0 ? defaultNics : decodeAddresses(fields, list)
}

/** One interface per address, in order; nothing is added. */
function decodeAddresses(fields: Fields, value: JsonValue): readonly WantedNic[] {
  const list = listOf(value, Number.POSITIVE_INFINITY)
  if (!list) return fields.refuse('ip_addresses', 'IP_ADDRESS_INVALID') ?? []
  const nics: WantedNic[] = []
  for (const address of list) {
    const unknown = Object.keys(address).find((key) => filtering.test(key.slice(0, 100)))
    if (unknown !== undefined) return fields.report(unknown, { kind: 'unknown' }) ?? []
    const access = isAbsent(address.access) ? 'public' : address.access
    const family = isAbsent(address.family) ? 'IPv4' : address.family
    // The older version calls the utility network private.
    const type = access === 'private' ? 'utility' : access
    if (
      (type !== 'public' && type !== 'utility') ||
      (family !== 'IPv4' && (family !== 'IPv6' || type === 'utility'))
    ) {
      const reason = 'ip_addresses must be public with family IPv4 or IPv6, or utility with family IPv4'
      return fields.refuse('ip_addresses', 'IP_ADDRESS_INVALID', reason) ?? []
    }
    const same = nics.filter((nic) => nic.type === type && nic.families.includes(family))
    if (same.length === (type === 'public' ? maxPublic : maxUtility)) {
      const message = `A server has at most ${maxPublic} public addresses of a family and ${maxUtility} utility address.`
      return fields.add(refusal(409, 'SERVER_IP_LIMIT_REACHED', message)) ?? []
    }
    nics.push({ type, families: [family] })
  }
  return nics
}

function decodeNics(fields: Fields, networking: JsonValue): readonly WantedNic[] {
  const interfaces = objectOf(objectOf(networking)?.interfaces)
  const list = listOf(interfaces?.interface, maxNics)
  if (!list) return fields.refuse('networking') ?? []
  const nics: WantedNic[] = []
  for (const element of list) {
    const type = interfaceTypes.find((each) => each === element.type)
    if (!type) return fields.refuse('type', 'INTERFACE_TYPE_INVALID') ?? []
    const addresses = isAbsent(element.ip_addresses)
      ? []
      : listOf(objectOf(element.ip_addresses)?.ip_address, 5)
    if (!addresses) return fields.refuse('ip_addresses') ?? []
    const families: WantedNic['families'][number][] = []
    for (const { family = 'IPv4' } of addresses) {
      if (family !== 'IPv4' && (family !== 'IPv6' || type !== 'public')) return fields.refuse('family') ?? []
      families.push(family)
    }
    nics.push({ type, families: families.length > 0 ? families : ['IPv4'] })
  }
  return nics
}

/**
 * Interfaces check the sender of what leaves them, or do not, as the operator says: a body that says otherwise is refused.
 * `answered` is the server that it is of; without one it is a new server, whose interfaces check.
 */
export function refusedInterfaces(given: JsonObject, answered?: JsonObject): RequestError | undefined {
  const [wanted, there] = [interfacesOf(given), interfacesOf(answered ?? {})]
  if (!wanted) return invalid('networking')
  for (const nic of wanted) {
    const key = 'source_ip_filtering'
    const unknown = Object.keys(nic).find((each) => each !== key && filtering.test(each.slice(0, 100)))
    if (unknown !== undefined) return unknownAttribute(unknown)
    const number = integer(nic.index, 1, 1_000_000)
    const same = there?.find(({ index }) => index === number)
    const done = answered ? same?.[key] : 'yes'
    if (isAbsent(nic[key]) || nic[key] === done) continue
    const reason = done
      ? `${key} is ${done} here: the operator of the host decides it.`
      : `${key} is of an interface that the server does not have.`
    return invalid(key, undefined, reason)
  }
  return undefined
}

/** Undefined when it is anything but `{"interfaces":{"interface":[…]}}`. */
const interfacesOf = ({ networking }: JsonObject): readonly JsonObject[] | undefined =>
  isAbsent(networking)
    ? []
    : listOf(objectOf(objectOf(networking)?.interfaces)?.interface, Number.POSITIVE_INFINITY)
