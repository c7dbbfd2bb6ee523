/** Runs packets and frames through a lowered ruleset as the kernel would: the second witness of the tests. */
import type { Direction } from '../../core/model/rule.ts'
import { etherTypes, type Frame } from '../../core/net/frame.ts'
import type { Packet } from '../../core/net/packet.ts'
import { hasPorts, ICMP, ICMPV6, isExtensionHeader } from '../../core/net/protocol.ts'
import type { Rejection } from '../../core/semantics/rejection.ts'
import { isDerived, isSmall } from '../../core/semantics/scopes.ts'
import type { Range } from '../../core/sets/range.ts'
import { hookOf } from './names.ts'
import type { NftMatch, NftRuleset, NftVerdict } from './ruleset.ts'

/** A rejection is told apart by what the sender is told. */
export type Fate = 'accept' | 'drop' | Exclude<Rejection, 'silence'>

/** What happens to the packet at the hook of that direction, on the device of that index; undefined: it is not judged. */
export function interpret(
  ruleset: NftRuleset,
  index: number,
  direction: Direction,
  packet: Packet,
): Fate | undefined {
  const link = direction === 'ingress' && packet.link ? ruleset.link.get(index) : undefined
  const early = link ? follow(ruleset, link, packet) : 'return'
  if (early !== 'return') return early
  const entry = ruleset.devices[hookOf[direction]].get(index)
  if (!entry) return undefined
  const fate = follow(ruleset, entry, packet)
  // A packet that no chain marked as judged is stopped by the guard.
  return fate === 'return' ? 'drop' : fate
}

/** The same for a frame that is no IP packet, in a bridge. */
export function interpretFrame(
  { bridge, ...ruleset }: NftRuleset,
  index: number,
  direction: Direction,
  frame: Frame,
): Fate | undefined {
  const entry = bridge?.frames[hookOf[direction]].get(index)
  const fate = entry && follow(ruleset, entry, frame)
  return fate === 'return' ? 'drop' : fate
}

/** `return`: the chain ended without a verdict, and its caller goes on. */
function follow(ruleset: NftRuleset, verdict: NftVerdict, packet: Packet | Frame): Fate | 'return' {
  if (verdict.kind === 'accept' || verdict.kind === 'drop' || verdict.kind === 'return') return verdict.kind
  if (verdict.kind === 'reject') return verdict.with
  const chain = ruleset.chains.get(verdict.chain)
  if (!chain) throw new Error(`nft would refuse: no chain ${verdict.chain}`)
  for (const rule of chain.rules) {
    if ('pass' in rule) return 'accept'
    // Limits are about how many packets went before.
    if ('count' in rule || 'limit' in rule || 'words' in rule) continue
    if ('state' in rule) {
      if (isFrame(packet)) throw new Error('only packets have a state')
      if (packet.state === 'invalid' || isCutShort(packet)) return follow(ruleset, rule.state.invalid, packet)
      if (packet.state !== 'new') return follow(ruleset, rule.state.passed, packet)
    } else if (
      rule.matches.every((match) => (isFrame(packet) ? holdsForFrame : holds)(match, packet as never))
    ) {
      const came = follow(ruleset, rule.verdict, packet)
      if (came !== 'return' || rule.verdict.kind !== 'jump') return came
    }
  }
  return 'return'
}

function holds(match: NftMatch, packet: Packet): boolean {
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
    case 'arp-form':
    case 'arp-mac':
    case 'arp-address':
      return false
  }
}

const isFrame = (subject: Packet | Frame): subject is Frame => 'type' in subject

function holdsForFrame(match: NftMatch, { type, sourceMac, arp }: Frame): boolean {
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
    default:
      throw new Error(`${match.kind} is asked of a frame that is no IP packet`)
  }
}

/** The kernel finds no protocol in it: no match of one holds, and tracking calls it invalid. */
const isCutShort = ({ family, protocol }: Packet): boolean => isExtensionHeader(family, protocol)

function within<T extends number | bigint>(ranges: readonly Range<T>[], value: T): boolean {
  return ranges.some((range) => range.first <= value && value <= range.last)
}
