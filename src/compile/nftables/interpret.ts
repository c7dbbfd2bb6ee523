/** Runs packets and frames through a lowered ruleset as the kernel would: the second witness of the tests. */
import type { Direction } from '../../core/model/rule.ts'
import { etherTypes, type Frame } from '../../core/net/frame.ts'
import { macNumber } from '../../core/net/mac.ts'
import type { Packet } from '../../core/net/packet.ts'
import { prefixMask } from '../../core/net/prefix.ts'
import { hasPorts, ICMP, ICMPV6, isExtensionHeader } from '../../core/net/protocol.ts'
import type { Rejection } from '../../core/semantics/rejection.ts'
import { isDerived, isSmall } from '../../core/semantics/scopes.ts'
import type { Range } from '../../core/sets/range.ts'
import { hookOf } from './names.ts'
import type {
  Hook,
  NftDeciding,
  NftElement,
  NftEnding,
  NftKeyField,
  NftMatch,
  NftRuleset,
  NftVerdict,
} from './ruleset.ts'

/** A rejection is told apart by what the sender is told. */
export type Fate = 'accept' | 'drop' | Exclude<Rejection, 'silence'>

/** What happens to the packet at the hook of that direction, on the device of that index; undefined: it is not judged. */
export const interpret = (
  ruleset: NftRuleset,
  index: number,
  direction: Direction,
  packet: Packet,
): Fate | undefined => judge(ruleset, index, direction, packet)?.fate

export interface Judged {
  readonly fate: Fate
  /** The number of what is counted to have decided, at the device's hook or for its receiver; null: nothing is. */
  readonly counted: number | null
  /** It is counted as one that would not have passed. */
  readonly observed: boolean
}

/** The same, with what is counted on the way. */
export function judge(
  ruleset: NftRuleset,
  index: number,
  direction: Direction,
  packet: Packet,
): Judged | undefined {
  const way: Way = { ruleset, index, hook: hookOf[direction], mark: null, counted: null, observed: false }
  const link = direction === 'ingress' && packet.link ? ruleset.link.get(index) : undefined
  const early = link ? follow(way, link, packet) : 'return'
  const entry = ruleset.devices[hookOf[direction]].get(index)
  if (early === 'return' && !entry) return undefined
  const fate = early === 'return' && entry ? follow(way, entry, packet) : early
  return judgedOn(way, fate)
}

// A packet that no chain marked as judged is stopped by the guard.
const judgedOn = ({ counted, observed, mark }: Way, fate: Fate | 'return'): Judged => {
  if (fate === 'accept' && mark !== null) throw new Error('the mark of a packet that passes was changed')
  return { fate: fate === 'return' ? 'drop' : fate, counted, observed }
}

/** The same for a frame that is no IP packet, in a bridge. */
export const interpretFrame = (
  ruleset: NftRuleset,
  index: number,
  direction: Direction,
  frame: Frame,
): Fate | undefined => judgeFrame(ruleset, index, direction, frame)?.fate

/** The same, with what is counted on the way. */
export function judgeFrame(
  { bridge, ...ruleset }: NftRuleset,
  index: number,
  direction: Direction,
  frame: Frame,
): Judged | undefined {
  const entry = bridge?.frames[hookOf[direction]].get(index)
  const way: Way = { ruleset, index, hook: hookOf[direction], mark: null, counted: null, observed: false }
  return entry && judgedOn(way, follow(way, entry, frame))
}

/** Whether the kernel tracks a packet from one device to another; `to` is the device that it is routed to, null the host. */
export function isTracked({ tracking }: NftRuleset, from: number, to: number | null): boolean {
  if (!tracking || to === null) return true
  const { stateful, stateless } = tracking
  if (stateful.has(from) || stateful.has(to)) return true
  return !stateless.has(to) && !stateless.has(from)
}

/** Where a packet is looked at, and what has been made of it so far. */
interface Way {
  readonly ruleset: NftRuleset
  readonly index: number
  readonly hook: Hook
  /** Null: nobody of us has changed it. */
  mark: number | null
  counted: number | null
  observed: boolean
}

function count(way: Way, at: Hook, by: number | null): void {
  if (at !== way.hook) throw new Error(`counted at ${at}`)
  if (by === null || by === 0) throw new Error('what decided is not known where it is counted')
  if (way.counted !== null) throw new Error('a packet is counted twice')
  way.counted = by
}

/** `return`: the chain ended without a verdict, and its caller goes on. */
function follow(way: Way, verdict: NftVerdict, packet: Packet | Frame): Fate | 'return' {
  const { ruleset, index } = way
  if (verdict.kind === 'accept' || verdict.kind === 'drop' || verdict.kind === 'return') return verdict.kind
  if (verdict.kind === 'reject') return verdict.with
  const chain = ruleset.chains.get(verdict.chain)
  if (!chain) throw new Error(`nft would refuse: no chain ${verdict.chain}`)
  for (const rule of chain.rules) {
    if ('pass' in rule) return 'accept'
    // Limits are about how many packets went before.
    if ('limit' in rule || 'words' in rule) continue
    if ('count' in rule) {
      count(way, rule.count, rule.by === 'mark' ? way.mark : rule.by)
      continue
    }
    if ('countAnswer' in rule) {
      count(way, way.hook, way.mark)
      continue
    }
    if ('observe' in rule) {
      way.observed = true
      continue
    }
    if ('state' in rule) {
      if (isFrame(packet)) throw new Error('only packets have a state')
      if (packet.state === 'invalid' || isCutShort(packet)) return follow(way, rule.state.invalid, packet)
      if (packet.state !== 'new') return follow(way, rule.state.passed, packet)
    } else if (
      rule.matches.every((match) =>
        isFrame(packet) ? holdsForFrame(match, packet, index) : holds(match, packet, index),
      )
    ) {
      const decided =
        'lookup' in rule ? elementOf(rule.lookup, packet, index)?.verdict : ended(way, rule, packet)
      if (!decided) continue
      const came = follow(way, decided, packet)
      if (came !== 'return' || decided.kind !== 'jump') return came
    }
  }
  return 'return'
}

/** The verdict, once the rule has counted and marked; undefined: what decides is not looked up, and the rule does not hold. */
function ended(
  way: Way,
  { counts, marks, verdict }: NftEnding,
  packet: Packet | Frame,
): NftVerdict | undefined {
  const numbered = (by: NftDeciding): number | undefined =>
    typeof by === 'number' ? by : elementOf(by, packet, way.index)?.number
  if (counts) {
    const by = numbered(counts.by)
    if (by === undefined) return undefined
    count(way, counts.hook, by)
  }
  if (marks !== undefined) {
    const by = numbered(marks)
    if (by === undefined) return undefined
    way.mark = by
  }
  return verdict
}

function holds(match: NftMatch, packet: Packet, index: number): boolean {
  switch (match.kind) {
    case 'family':
      return packet.family === match.family
    case 'protocol':
      return match.protocols.includes(packet.protocol) && !isCutShort(packet)
    case 'address':
      return (
        packet.family === match.family && within(match.ranges, packet[match.side]) !== (match.not ?? false)
      )
    case 'port': {
      const port = packet[match.side === 'source' ? 'sourcePort' : 'destinationPort']
      const protocol =
        match.protocol === undefined ? hasPorts(packet.protocol) : packet.protocol === match.protocol
      return protocol && port !== undefined && within(match.ranges, port)
    }
    case 'icmp': {
      const protocol = match.family === 'ipv4' ? ICMP : ICMPV6
      const value = match.field === 'type' ? packet.icmpType : packet.icmpCode
      return packet.family === match.family && packet.protocol === protocol && value === match.value
    }
    case 'source-mac':
      // Every frame has a sender; the tests leave out what nobody looks at.
      return packet.sourceMac !== undefined && (packet.sourceMac === match.mac) !== (match.not ?? false)
    case 'target':
      return packet.target !== undefined && within(match.ranges, packet.target)
    case 'identifier': {
      const address = packet[match.of]
      const is = match.as === 'derived' ? isDerived : isSmall
      return packet.family === 'ipv6' && address !== undefined && is(address) !== (match.not ?? false)
    }
    case 'hop-limit':
      return packet.family === match.family && packet.hopLimit === match.value
    case 'to-host':
      return packet.link === true
    case 'remembered':
      return packet.link === true && (match.as !== 'server' || packet.family === 'ipv4')
    case 'ether-type':
      return match.types.includes(etherTypes[packet.family])
    case 'in-set': {
      const found = elementOf(match.set, packet, index)
      return match.not ? found === null : found !== null && found !== undefined
    }
    case 'arp-form':
    case 'arp-mac':
    case 'arp-address':
      return false
  }
}

interface Elements<E extends NftElement> {
  readonly name: string
  readonly key: readonly NftKeyField[]
  readonly elements: readonly E[]
}

/** The element that holds a packet; null where none does, undefined where the packet lacks a field of the key. */
function elementOf<E extends NftElement>(
  { name, key, elements }: Elements<E>,
  packet: Packet | Frame,
  index: number,
): E | null | undefined {
  const values: (number | bigint | 'any' | undefined)[] = key.map((field) =>
    isFrame(packet) ? frameFieldOf(field, packet) : fieldOf(field, packet, index),
  )
  if (values.includes(undefined)) return undefined
  const found = elements.filter((element) =>
    element.key.every(({ first, last }, at) => {
      const value = values[at] as number | bigint | 'any'
      return value === 'any' || (first <= value && value <= last)
    }),
  )
  if (found.length > 1) throw new Error(`nft would refuse: elements of ${name} overlap`)
  if (found.length > 0 && values.includes('any')) throw new Error(`${name} takes other bytes for ports`)
  return found[0] ?? null
}

function frameFieldOf(field: NftKeyField, { arp }: Frame): bigint | undefined {
  if (field.kind !== 'arp-address') throw new Error(`${field.kind} is asked of a frame that is no IP packet`)
  return arp?.senderAddress
}

/** `any`: the kernel reads bytes that mean something else. */
function fieldOf(field: NftKeyField, packet: Packet, index: number): number | bigint | 'any' | undefined {
  switch (field.kind) {
    case 'protocol':
      return isCutShort(packet) ? undefined : packet.protocol
    case 'address':
      if (packet.family !== field.family) return undefined
      return field.length === undefined
        ? packet[field.side]
        : packet[field.side] & prefixMask(field.family, field.length)
    case 'port': {
      if (isCutShort(packet)) return undefined
      if (field.protocol !== undefined && packet.protocol !== field.protocol) return undefined
      const port = packet[field.side === 'source' ? 'sourcePort' : 'destinationPort']
      return hasPorts(packet.protocol) ? port : 'any'
    }
    case 'icmp': {
      const protocol = field.family === 'ipv4' ? ICMP : ICMPV6
      if (packet.family !== field.family || packet.protocol !== protocol) return undefined
      return field.field === 'type' ? packet.icmpType : packet.icmpCode
    }
    case 'source-mac':
      return packet.sourceMac === undefined ? undefined : macNumber(packet.sourceMac)
    case 'target':
      return packet.target
    case 'arp-address':
      return undefined
    case 'device':
      return index
  }
}

const isFrame = (subject: Packet | Frame): subject is Frame => 'type' in subject

function holdsForFrame(match: NftMatch, frame: Frame, index: number): boolean {
  const { type, sourceMac, arp } = frame
  switch (match.kind) {
    case 'source-mac':
      return (sourceMac === match.mac) !== (match.not ?? false)
    case 'ether-type':
      return match.types.includes(type)
    case 'arp-form':
      return arp !== undefined && match.values.includes(arp[match.field])
    case 'arp-mac':
      return arp?.senderMac === match.mac
    case 'arp-address':
      return arp !== undefined && within(match.ranges, arp.senderAddress)
    case 'in-set':
      return Boolean(elementOf(match.set, frame, index)) !== (match.not ?? false)
    default:
      throw new Error(`${match.kind} is asked of a frame that is no IP packet`)
  }
}

/** The kernel finds no protocol in it: no match of one holds, and tracking calls it invalid. */
const isCutShort = ({ family, protocol }: Packet): boolean => isExtensionHeader(family, protocol)

function within<T extends number | bigint>(ranges: readonly Range<T>[], value: T): boolean {
  return ranges.some((range) => range.first <= value && value <= range.last)
}
