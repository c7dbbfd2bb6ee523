/**
 * HostUp's rule language → the model (contract: hostup §5, proxmox-semantics). Each refusal names the field and says
 * what would be right.
 */
import type { JsonObject } from '../../core/json.ts'
import { type Action, type Direction, type LogLevel, logLevels, type Match } from '../../core/model/rule.ts'
import { type Family, isIpv4Mapped, parseAddress } from '../../core/net/address.ts'
import { parsePrefix, prefixRange } from '../../core/net/prefix.ts'
import { hasPorts, ICMP, ICMPV6, isIcmp, parseProtocol, protocolName } from '../../core/net/protocol.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type AddressRange, addressSet } from '../../core/sets/address-set.ts'
import { type PortSet, portSet } from '../../core/sets/port-set.ts'
import type { NewRule } from '../../storage/storage.ts'
import { isLonger } from '../body.ts'
import { type MacroEntry, macroName, macros } from './macros.ts'
import { icmpTypes, icmpv6Types, protocolNumbers, servicePorts } from './names.ts'

/** What a rule says, as text; what is not set is absent. */
export interface RuleText {
  readonly type: 'in' | 'out' | 'group'
  readonly action: string
  readonly enable: 0 | 1
  readonly proto?: string
  readonly dport?: string
  readonly sport?: string
  readonly source?: string
  readonly dest?: string
  readonly comment?: string
  readonly iface?: string
  readonly macro?: string
  readonly log?: string
  readonly 'icmp-type'?: string
  /** The row that stands for the assigned group. Ours: no caller sees it. */
  readonly assigned?: true
}

export interface Refusal {
  readonly field: string
  readonly reason: string
}

export const actions: Readonly<Record<string, Action>> = { ACCEPT: 'allow', DROP: 'deny', REJECT: 'reject' }
const directions = { in: 'ingress', out: 'egress' } as const satisfies Record<string, Direction>
export const logWords = [...logLevels, 'nolog'] as const

/** Of a word; `nolog`, and none, are no level. */
export const levelOf = (word: string | undefined): LogLevel | undefined =>
  logLevels.find((level) => level === word)

export const groupName = /^[A-Za-z][A-Za-z0-9_-]{1,17}$/

const no = (field: string, reason: string) => err<Refusal>({ field, reason })

/** The longest that fields of one value can be, in UTF-16 units: looked at before anything is parsed. */
const longest = { action: 64, proto: 32, comment: 2048, iface: 16, macro: 64, log: 16 } as const
/** Of lists of addresses, ports and ICMP types. */
const longestList = 512

/** `include` is what a `group` row stands for, when there is such a group. */
export function decodeRule(given: RuleText, include?: string): Result<NewRule, Refusal> {
  for (const [field, most] of Object.entries(longest) as [keyof typeof longest, number][]) {
    if ((given[field]?.length ?? 0) > most)
      return no(field, `at most ${field === 'comment' ? 1024 : most} characters`)
  }
  const comment = decodeComment(given.comment)
  if (!comment.ok) return comment
  const { comment: _, ...rest } = given
  const text: RuleText = comment.value === undefined ? rest : { ...rest, comment: comment.value }
  const enabled = text.enable === 1
  const iface = text.iface === undefined ? undefined : /^net(\d{1,2})$/.exec(text.iface)?.[1]
  if (text.iface !== undefined && iface === undefined)
    return no('iface', 'expected net and a number, such as net0')
  const spec = text as unknown as JsonObject
  const place = iface === undefined ? {} : { interface: Number(iface) + 1 }
  if (text.log !== undefined && !logWords.some((word) => word === text.log))
    return no('log', `expected one of ${logWords.join(', ')}`)
  if (text.type === 'group') {
    if (!groupName.test(text.action)) {
      return no(
        'action',
        'expected the name of a group: a letter, then letters, digits, - or _, 2 to 18 in all',
      )
    }
    const rule = { direction: 'ingress', action: 'deny', enabled, matches: [], spec, ...place } as const
    return ok(include === undefined ? rule : { ...rule, include })
  }
  const action = Object.hasOwn(actions, text.action) ? actions[text.action] : undefined
  if (!action) return no('action', 'expected ACCEPT, DROP or REJECT')
  const matches = decodeMatches(text)
  if (!matches.ok) return matches
  const macro = text.macro === undefined ? undefined : macroName(text.macro)
  const log = levelOf(text.log)
  return ok({
    direction: directions[text.type],
    action,
    enabled,
    matches: matches.value,
    spec: macro === undefined ? spec : { ...spec, macro },
    ...place,
    ...(log && { log }),
  })
}

/** Without the blanks around it; blank is none. */
function decodeComment(comment: string | undefined): Result<string | undefined, Refusal> {
  if (comment === undefined) return ok(undefined)
  if (isLonger(comment, 1024)) return no('comment', 'at most 1024 characters')
  if (/\p{Cc}/u.test(comment)) return no('comment', 'control characters are not allowed')
  return ok(comment.trim() || undefined)
}

function decodeMatches(text: RuleText): Result<readonly Match[], Refusal> {
  const source = decodeAddresses('source', text.source)
  if (!source.ok) return source
  const dest = decodeAddresses('dest', text.dest)
  if (!dest.ok) return dest
  const pinned = source.value?.family
  if (pinned && dest.value && dest.value.family !== pinned) {
    return no('dest', 'is of another family than source: a rule is of one family')
  }
  const family = pinned ?? dest.value?.family
  const base: Match = {
    ...(source.value && { source: addressSet(source.value.ranges) }),
    ...(dest.value && { destination: addressSet(dest.value.ranges) }),
  }
  if (text.macro !== undefined) return decodeMacro(text, base, family)
  return decodeTransport(text, base, family)
}

function decodeTransport(
  { proto, dport, sport, 'icmp-type': icmpType }: RuleText,
  base: Match,
  family: Family | undefined,
): Result<readonly Match[], Refusal> {
  if (proto === undefined) {
    if (icmpType !== undefined) return no('icmp-type', 'needs proto icmp or icmpv6')
    const field = dport !== undefined ? 'dport' : sport !== undefined ? 'sport' : undefined
    return field ? no(field, 'needs a proto: tcp, udp, udplite, dccp or sctp') : ok([base])
  }
  const protocol = protocolOf(proto)
  if (protocol === undefined) return no('proto', `${proto} is no protocol's name or number`)
  if (isIcmp(protocol)) {
    const own: Family = protocol === ICMP ? 'ipv4' : 'ipv6'
    if (family && family !== own) {
      return no('proto', `${proto} is ${own === 'ipv4' ? 'IPv4' : 'IPv6'} only, and the addresses are not`)
    }
    if (sport !== undefined) return no('sport', 'ICMP has no ports')
    if (icmpType !== undefined && dport !== undefined)
      return no('icmp-type', 'excludes dport: both are the type')
    const types = decodeIcmp(icmpType === undefined ? 'dport' : 'icmp-type', icmpType ?? dport, protocol)
    if (!types.ok) return types
    return ok(types.value.map((type) => ({ ...base, family: own, protocol, ...type })))
  }
  if (icmpType !== undefined) return no('icmp-type', 'needs proto icmp or icmpv6')
  const match: { -readonly [K in keyof Match]: Match[K] } = { ...base, protocol }
  for (const [field, value, key] of [
    ['dport', dport, 'destinationPorts'],
    ['sport', sport, 'sourcePorts'],
  ] as const) {
    if (value === undefined) continue
    if (!hasPorts(protocol)) return no(field, `${proto} has no ports; tcp, udp, udplite, dccp and sctp have`)
    const ports = decodePorts(field, value)
    if (!ports.ok) return ports
    match[key] = ports.value
  }
  return ok([match])
}

function protocolOf(text: string): number | undefined {
  const lower = text.toLowerCase()
  if (Object.hasOwn(protocolNumbers, lower)) return protocolNumbers[lower]
  const parsed = parseProtocol(text)
  return parsed.ok ? parsed.value : undefined
}

function decodeMacro(
  text: RuleText,
  base: Match,
  family: Family | undefined,
): Result<readonly Match[], Refusal> {
  const name = macroName(text.macro ?? '')
  const entries = name === undefined ? undefined : macros[name]
  if (!entries) return no('macro', `there is no macro ${text.macro}`)
  if (text['icmp-type'] !== undefined) return no('icmp-type', 'a macro says it all; leave it out')
  if (text.sport !== undefined) return no('sport', 'a macro fixes the ports; leave it out')
  const proto = text.proto === undefined ? undefined : protocolOf(text.proto)
  if (text.proto !== undefined && (proto === undefined || !entries.some((each) => each.protocol === proto))) {
    return no(
      'proto',
      `${name} is ${[...new Set(entries.map((each) => protocolName(each.protocol)))].join(', ')}`,
    )
  }
  const ports = text.dport === undefined ? undefined : decodePorts('dport', text.dport)
  if (ports && !ports.ok) return ports
  const same = (entry: MacroEntry) =>
    JSON.stringify(portsOf(entry.ports ?? [])) === JSON.stringify(ports?.value)
  if (ports && !entries.some(same)) return no('dport', `${name} fixes the ports; leave it out`)
  const chosen = entries
    .filter((entry) => proto === undefined || entry.protocol === proto)
    .filter((entry) => !entry.family || !family || entry.family === family)
  if (chosen.length === 0) return no('macro', `${name} does not exist in the family of the addresses`)
  return ok(
    chosen.map(({ protocol, family: own, ports, sourcePorts, icmpType }) => ({
      ...base,
      protocol,
      ...(own && { family: own }),
      ...(ports && { destinationPorts: portsOf(ports) }),
      ...(sourcePorts && { sourcePorts: portsOf(sourcePorts) }),
      ...(icmpType !== undefined && { icmpType }),
    })),
  )
}

const portsOf = (ports: NonNullable<MacroEntry['ports']>): PortSet =>
  portSet(
    ports.map((port) =>
      typeof port === 'number' ? { first: port, last: port } : { first: port[0], last: port[1] },
    ),
  )

/** Numbers a list may hold, a range counting as two and a name as none. */
const maxNumbers = 15

export function decodePorts(field: string, text: string): Result<PortSet, Refusal> {
  if (text.length > longestList) return no(field, `at most ${longestList} characters`)
  const ranges: { first: number; last: number }[] = []
  let numbers = 0
  for (const part of text.split(',')) {
    if (part === '') return no(field, 'an element of the list is empty')
    if (/\s/.test(part)) return no(field, 'no spaces: 80,443')
    if (Object.hasOwn(servicePorts, part.toLowerCase())) {
      const port = servicePorts[part.toLowerCase()] as number
      ranges.push({ first: port, last: port })
      continue
    }
    const [, low, high] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(part) ?? []
    if (low === undefined) {
      const dash = /^(\d+)-(\d+)$/.exec(part)
      if (dash) return no(field, `a range is written with a colon: ${dash[1]}:${dash[2]}`)
      return no(field, `${part} is no port, range or service; expected 443, 8000:8080 or https`)
    }
    const [first, last] = [Number(low), Number(high ?? low)]
    if (first > 65_535 || last > 65_535) return no(field, 'ports end at 65535')
    if (first > last) return no(field, `the range is backwards: ${last}:${first}`)
    numbers += high === undefined ? 1 : 2
    ranges.push({ first, last })
  }
  if (numbers > maxNumbers) return no(field, `at most ${maxNumbers} numbers, a range counting as two`)
  return ok(portSet(ranges))
}

type IcmpPart = Pick<Match, 'icmpType' | 'icmpCode'>

function decodeIcmp(
  field: string,
  text: string | undefined,
  protocol: number,
): Result<readonly IcmpPart[], Refusal> {
  if (text === undefined || text === 'any') return ok([{}])
  if (text.length > longestList) return no(field, `at most ${longestList} characters`)
  const names = protocol === ICMPV6 ? icmpv6Types : icmpTypes
  if (/^\d{1,3}$/.test(text)) {
    return Number(text) <= 255 ? ok([{ icmpType: Number(text) }]) : no(field, 'ICMP types end at 255')
  }
  const parts: IcmpPart[] = []
  const given = text.split(',')
  if (given.length > maxNumbers) return no(field, `at most ${maxNumbers} types`)
  for (const name of given) {
    const known = Object.hasOwn(names, name) ? names[name] : undefined
    if (!known)
      return no(
        field,
        `${name || 'nothing'} is no ICMP type; expected echo-request, any, or a number 0 to 255`,
      )
    const [icmpType, icmpCode] = known
    parts.push(icmpCode === undefined ? { icmpType } : { icmpType, icmpCode })
  }
  return ok(parts)
}

interface Addresses {
  readonly family: Family
  readonly ranges: readonly AddressRange[]
}

export function decodeAddresses(
  field: string,
  text: string | undefined,
): Result<Addresses | undefined, Refusal> {
  if (text === undefined) return ok(undefined)
  if (text.length > longestList) return no(field, `at most ${longestList} characters`)
  if (/\s/.test(text)) return no(field, 'no spaces: 10.0.0.1,10.1.0.0/16')
  const dash = text.indexOf('-')
  if (dash >= 0 && !/^[A-Za-z+]/.test(text)) {
    if (text.includes(',')) return no(field, 'a range stands alone, not in a list')
    const [first, last] = [address(text.slice(0, dash)), address(text.slice(dash + 1))]
    if (!first || !last || first.family !== last.family)
      return no(field, 'expected a range such as 10.0.0.1-10.0.0.9')
    if (first.first > last.first) return no(field, 'the range is backwards')
    return ok({ family: first.family, ranges: [{ ...first, last: last.first }] })
  }
  const ranges: AddressRange[] = []
  for (const part of text.split(',')) {
    if (part === '') return no(field, 'an element of the list is empty')
    const range = part.includes('/') ? prefix(part) : address(part)
    if (!range) {
      if (part.startsWith('+')) return no(field, `there is no ipset ${part.slice(1)}`)
      if (/^[A-Za-z][\w/-]+$/.test(part)) return no(field, `there is no alias ${part}`)
      return no(field, `${part} is no address; expected 198.51.100.10, 10.0.0.0/8 or 10.0.0.1-10.0.0.9`)
    }
    if (ranges[0] && ranges[0].family !== range.family) return no(field, 'a list is of one family')
    ranges.push(range)
  }
  const [first] = ranges
  return first ? ok({ family: first.family, ranges }) : no(field, 'is empty')
}

function address(text: string): AddressRange | undefined {
  const parsed = parseAddress(text)
  if (!parsed.ok || isIpv4Mapped(parsed.value)) return undefined
  const { family, value } = parsed.value
  return { family, first: value, last: value }
}

/** Host bits are masked: the text is kept, and means the network. */
function prefix(text: string): AddressRange | undefined {
  const parsed = parsePrefix(text, { hostBits: 'mask' })
  if (!parsed.ok || isIpv4Mapped(parsed.value)) return undefined
  return { family: parsed.value.family, ...prefixRange(parsed.value) }
}
