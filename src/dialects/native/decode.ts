/** Questions about packets → the model's packets, and queries → filters of hosts. */
import { interfaceStates } from '../../core/model/desired.ts'
import type { RequestError } from '../../core/model/error.ts'
import { parseAddress } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import type { Packet } from '../../core/net/packet.ts'
import { hasPorts, ICMP, ICMPV6, icmpFamily, namesTarget, parseProtocol } from '../../core/net/protocol.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { HostFilter } from '../../service/enforcement.ts'
import type { DialectRequest } from '../dialect.ts'
import { choiceOf, textOf } from './decode-query.ts'
import { keyPageOf } from './pages.ts'
import type { TraceRequest } from './schemas.ts'

/** The schema has been checked; what it cannot say is checked here. */
export function decodePacket(given: TraceRequest['packet']): Result<Packet, RequestError> {
  const source = parseAddress(given.source)
  if (!source.ok) return invalid('source', source.error)
  const destination = parseAddress(given.destination)
  if (!destination.ok) return invalid('destination', destination.error)
  const { family } = source.value
  if (destination.value.family !== family)
    return invalid('destination', 'is of another family than the source')
  const named = parseProtocol(given.protocol)
  if (!named.ok) return invalid('protocol', named.error)
  // A name means the protocol, which for ICMP depends on the family; a number means that number.
  const called = /^\D/.test(given.protocol)
  const protocol = called && named.value === ICMP && family === 'ipv6' ? ICMPV6 : named.value
  if (called && protocol === ICMPV6 && family === 'ipv4')
    return invalid('protocol', 'ICMPv6 needs IPv6 addresses')
  const { sourcePort, destinationPort, icmpType, icmpCode, sourceMac, hopLimit, link, state = 'new' } = given
  if (!hasPorts(protocol) && (sourcePort !== undefined || destinationPort !== undefined)) {
    return invalid('destinationPort', `${given.protocol} has no ports`)
  }
  if (icmpFamily(protocol) !== family && (icmpType !== undefined || icmpCode !== undefined)) {
    return invalid('icmpType', `${given.protocol} is not ICMP`)
  }
  const target = given.target === undefined ? undefined : parseAddress(given.target)
  if (target && !target.ok) return invalid('target', target.error)
  if (target && (protocol !== ICMPV6 || target.value.family !== family || !namesTarget(icmpType)))
    return invalid('target', 'only neighbour solicitations and advertisements (ICMPv6 135, 136) have one')
  const mac = sourceMac === undefined ? undefined : parseMac(sourceMac)
  if (mac && !mac.ok) return invalid('sourceMac', mac.error)
  return ok({
    family,
    protocol,
    source: source.value.value,
    destination: destination.value.value,
    ...(sourcePort !== undefined && { sourcePort }),
    ...(destinationPort !== undefined && { destinationPort }),
    ...(icmpType !== undefined && { icmpType }),
    ...(icmpCode !== undefined && { icmpCode }),
    ...(target && { target: target.value.value }),
    ...(mac && { sourceMac: mac.value }),
    ...(hopLimit !== undefined && { hopLimit }),
    ...(link !== undefined && { link }),
    state: state as Packet['state'],
  })
}

const invalid = (field: string, reason: string) =>
  err<RequestError>({ kind: 'invalid', field: `packet.${field}`, reason })

/** In an account it is that one's interfaces. */
export function decodeHosts({ query, principal }: DialectRequest): Result<HostFilter, RequestError> {
  const page = keyPageOf(query)
  if (!page.ok) return page
  const host = textOf(query, 'host')
  if (!host.ok) return host
  const named = textOf(query, 'account')
  if (!named.ok) return named
  const state = choiceOf(query, 'state', interfaceStates)
  if (!state.ok) return state
  const { after, limit } = page.value
  const account = principal.account === '' ? named.value : principal.account
  return ok({
    ...{ after: after?.[0] ?? null, limit },
    ...(host.value !== undefined && { host: host.value }),
    ...(account !== undefined && { account }),
    ...(state.value !== undefined && { state: state.value }),
  })
}
