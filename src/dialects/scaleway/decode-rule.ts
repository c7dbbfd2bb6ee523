/** A rule's JSON → what is stored and what it means (contract: scaleway §2.4). */
import type { JsonObject } from '../../core/json.ts'
import type { Action, Direction, Match } from '../../core/model/rule.ts'
import { familyBits, formatAddress, isIpv4Mapped, parseAddress } from '../../core/net/address.ts'
import { formatPrefix, type Prefix, parsePrefix, prefixRange } from '../../core/net/prefix.ts'
import { ICMP, ICMPV6, TCP, UDP } from '../../core/net/protocol.ts'
import { addressSet } from '../../core/sets/address-set.ts'
import type { NewRule, RuleRecord } from '../../storage/storage.ts'
import type { Fields } from './fields.ts'
import { type RuleText, type WireProtocol, wireActions, wireDirections, wireProtocols } from './wire.ts'

const directionOf = { inbound: 'ingress', outbound: 'egress' } as const satisfies Record<string, Direction>
const actionOf = { accept: 'allow', drop: 'deny' } as const satisfies Record<string, Action>

const ruleKeys: ReadonlySet<string> = new Set([
  ...['protocol', 'direction', 'action', 'ip_range', 'dest_port_from', 'dest_port_to'],
])
/** Every property of a rule narrows it. `dest_ip_range` is null in every answer, and may come back so. */
const filtering =
  /range|port|proto|icmp|source|src|dest|dst|action|policy|priority|state|mac|family|ip$|^ip|type|active|enabled|disabled|remote|cidr|network|subnet|prefix|group|interface|flags|^(from|to|hosts?)$/i

export const textOf = ({ spec }: Pick<RuleRecord, 'spec'>): RuleText => spec as unknown as RuleText

/**
 * A whole rule, or over `old` what is given of one. Undefined when something is wrong, which `fields` then knows.
 * A port of 0 is no port in a change, and an error in a whole rule.
 */
export function decodeRule(fields: Fields, old?: RuleText): RuleText | undefined {
  const given = decodeGiven(fields)
  const protocol = fields.required('protocol', given.protocol ?? old?.protocol)
  const direction = fields.required('direction', given.direction ?? old?.direction)
  const action = fields.required('action', given.action ?? old?.action)
  const range = fields.required('ip_range', given.range ?? old?.ip_range)
  const ports = protocol && decodePorts(fields, protocol, old)
  if (!protocol || !direction || !action || !range || !ports) return undefined
  return { protocol, direction, action, ip_range: range, ...ports }
}

/** What can be told of a rule's keys one by one. Which ports make sense is a matter of the whole rule. */
export function decodeGiven(fields: Fields) {
  fields.refuseUnknownAbout(ruleKeys, filtering)
  return {
    protocol: fields.oneOf('protocol', wireProtocols),
    direction: fields.oneOf('direction', wireDirections),
    action: fields.oneOf('action', wireActions),
    range: decodeRange(fields),
  }
}

function decodeRange(fields: Fields): string | undefined {
  const text = fields.text('ip_range', 100)
  if (text === undefined || text === '') return undefined
  const prefix = parseRange(text)
  return prefix ? formatRange(prefix) : fields.refuse('ip_range', 'format', 'expected an address or a CIDR')
}

/** Bits beyond the length are masked away. */
function parseRange(text: string): Prefix | undefined {
  const address = parseAddress(text)
  const parsed = address.ok
    ? { ok: true as const, value: { ...address.value, length: familyBits[address.value.family] } }
    : parsePrefix(text, { hostBits: 'mask' })
  return parsed.ok && !isIpv4Mapped(parsed.value) ? parsed.value : undefined
}

const formatRange = (prefix: Prefix): string =>
  prefix.length === familyBits[prefix.family]
    ? formatAddress(prefix.family, prefix.value)
    : formatPrefix(prefix)

type Ports = Pick<RuleText, 'dest_port_from' | 'dest_port_to'>
const noPorts: Ports = { dest_port_from: null, dest_port_to: null }

function decodePorts(fields: Fields, protocol: WireProtocol, old: RuleText | undefined): Ports | undefined {
  // Dropped silently, whatever they are.
  if (protocol === 'ICMP' || protocol === 'ANY') return noPorts
  const from = decodePort(fields, 'dest_port_from', old)
  const to = decodePort(fields, 'dest_port_to', old)
  if (from === undefined || to === undefined) return undefined
  if (from === null && to !== null) {
    return fields.refuse('dest_port_to', 'constraint', 'needs a first port, dest_port_from')
  }
  if (from !== null && to !== null && from > to) {
    return fields.refuse('dest_port_to', 'constraint', 'must not be below dest_port_from')
  }
  return { dest_port_from: from, dest_port_to: from === to ? null : to }
}

function decodePort(fields: Fields, key: keyof Ports, old: RuleText | undefined): number | null | undefined {
  if (fields.given[key] === undefined) return old?.[key] ?? null
  if (fields.given[key] === null || (fields.given[key] === 0 && old)) return null
  const port = fields.integer(key)
  if (port === undefined) return undefined
  if (port < 1) return fields.refuse(key, 'constraint', 'value must be at least 1')
  return port > 65535 ? fields.refuse(key, 'constraint', 'value must be at most 65535') : port
}

/** The place that is asked for; undefined: none. */
export function decodePosition(fields: Fields): number | undefined {
  const position = fields.integer('position')
  if (position === undefined || position === 0) return undefined
  return position > 0 ? position : fields.refuse('position', 'constraint', 'value must be at least 0')
}

/** A text that `decodeRule` made, as a rule of the model. */
export function toRule(text: RuleText): NewRule {
  return {
    direction: directionOf[text.direction],
    action: actionOf[text.action],
    enabled: true,
    matches: [toMatch(text)],
    spec: text as unknown as JsonObject,
  }
}

/** The family of a rule is that of its range, which is the remote side's. */
function toMatch(text: RuleText): Match {
  const range = parseRange(text.ip_range)
  if (!range) throw new Error(`stored as a range: ${text.ip_range}`)
  const { family, length } = range
  const remote = text.direction === 'inbound' ? 'source' : 'destination'
  const protocol = { TCP, UDP, ICMP: family === 'ipv4' ? ICMP : ICMPV6, ANY: undefined }[text.protocol]
  const { dest_port_from: first, dest_port_to: last } = text
  return {
    family,
    ...(protocol !== undefined && { protocol }),
    ...(length > 0 && { [remote]: addressSet([{ family, ...prefixRange(range) }]) }),
    ...(first !== null && { destinationPorts: [{ first, last: last ?? first }] }),
  }
}
