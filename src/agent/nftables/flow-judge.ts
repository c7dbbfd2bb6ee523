/**
 * Whether a policy would let a tracked connection begin: the evaluator's answer, asked once for all connections that no match of
 * the policy tells apart.
 */
import type { CommonPolicy, LinkMatch, Origin } from '../../core/model/effective-policy.ts'
import type { Direction, Match } from '../../core/model/rule.ts'
import { type Family, families } from '../../core/net/address.ts'
import type { Mac } from '../../core/net/mac.ts'
import type { Packet } from '../../core/net/packet.ts'
import { hasPorts, isIcmp } from '../../core/net/protocol.ts'
import { evaluate } from '../../core/semantics/evaluate.ts'
import { unowned } from '../../core/semantics/origin.ts'
import type { Range } from '../../core/sets/range.ts'
import type { Flow, FlowTuple } from '../netlink/conntrack.ts'

/** Who is judged beside the policy. */
export interface Judged {
  readonly mac?: Mac
  readonly origin?: Origin
}

export interface FlowJudge {
  /** Whether its first packet, seen now in that direction of the interface, would be denied or rejected. */
  denies(who: Judged, direction: Direction, flow: Flow): boolean
}

/**
 * The first packet as it is seen where it is judged: one from a VM before its destination is translated, one to a VM behind that and before
 * its source is. What tracking does not remember of it is unknown: MAC of a sender outside, hop limit.
 */
function firstPacket(direction: Direction, { family, original, reply }: Flow, { mac }: Judged): Packet {
  const { protocol, source, sourcePort, icmpType, icmpCode } = original
  const to = direction === 'egress' ? original : reversed(reply)
  return {
    ...{ family, protocol, source, destination: to.destination, state: 'new' },
    ...(hasPorts(protocol) &&
      sourcePort !== undefined &&
      to.destinationPort !== undefined && { sourcePort, destinationPort: to.destinationPort }),
    ...(isIcmp(protocol) && icmpType !== undefined && icmpCode !== undefined && { icmpType, icmpCode }),
    ...(direction === 'egress' && mac !== undefined && { sourceMac: mac }),
  }
}

/** The other way round. */
export const reversed = ({
  source,
  destination,
  sourcePort,
  destinationPort,
  ...rest
}: FlowTuple): FlowTuple => ({
  ...{ ...rest, source: destination, destination: source },
  ...(sourcePort !== undefined && { destinationPort: sourcePort }),
  ...(destinationPort !== undefined && { sourcePort: destinationPort }),
})

/** Interfaces that share a policy share its judge. What it has answered about one is forgotten with that. */
export function createFlowJudge(policy: CommonPolicy): FlowJudge {
  const ways = new Map<Direction, Classes>()
  const answers = new WeakMap<Judged, Map<string, boolean>>()
  function classesIn(direction: Direction): Classes {
    const found = ways.get(direction) ?? classesOf(policy, direction)
    ways.set(direction, found)
    return found
  }
  return {
    denies(who, direction, flow) {
      const classes = classesIn(direction)
      const known = answers.get(who) ?? new Map<string, boolean>()
      answers.set(who, known)
      const packet = firstPacket(direction, flow, who)
      const { family, protocol, sourcePort, destinationPort, icmpType, icmpCode } = packet
      const [own, peer] =
        direction === 'egress' ? [packet.source, packet.destination] : [packet.destination, packet.source]
      const key = `${direction} ${family} ${own} ${protocol} ${classOf(classes[family], peer)} ${
        sourcePort === undefined ? '' : classOf(classes.sourcePorts, sourcePort)
      } ${destinationPort === undefined ? '' : classOf(classes.destinationPorts, destinationPort)} ${icmpType} ${icmpCode}`
      let denied = known.get(key)
      if (denied === undefined) {
        const effective = { ...policy, ...(who.origin && { origin: who.origin }) }
        denied = evaluate(effective, direction, packet).action !== 'allow'
        known.set(key, denied)
      }
      return denied
    },
  }
}

/** Where sets of matches begin and end, sorted: between two of them all values are in the same sets. */
interface Classes extends Readonly<Record<Family, readonly bigint[]>> {
  readonly sourcePorts: readonly number[]
  readonly destinationPorts: readonly number[]
}

/** Peers by the sets that say who sends to the VM, or to whom it sends. */
function classesOf(policy: CommonPolicy, direction: Direction): Classes {
  const part = policy[direction]
  const matches: readonly (Match | LinkMatch)[] = [
    ...(part.filtered ? part.lists.flatMap(({ rules }) => rules.flatMap((rule) => rule.matches)) : []),
    ...policy.essentials.flatMap((essential) => essential[direction]),
    ...(direction === 'egress' ? unowned : []),
  ]
  const peer = direction === 'egress' ? 'destination' : 'source'
  const [ipv4, ipv6] = families.map((family) =>
    edges(
      matches.flatMap((match) => match[peer]?.[family] ?? []),
      1n,
    ),
  ) as [bigint[], bigint[]]
  const ports = (field: 'sourcePorts' | 'destinationPorts') =>
    edges(
      matches.flatMap((match) => match[field] ?? []),
      1,
    )
  return { ipv4, ipv6, sourcePorts: ports('sourcePorts'), destinationPorts: ports('destinationPorts') }
}

function edges<T extends number | bigint>(ranges: readonly Range<T>[], one: T): T[] {
  const all = new Set(ranges.flatMap(({ first, last }) => [first, ((last as number) + (one as number)) as T]))
  return [...all].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

/** How many edges are not above the value. */
function classOf<T extends number | bigint>(edges: readonly T[], value: T): number {
  let low = 0
  let high = edges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((edges[middle] as T) <= value) low = middle + 1
    else high = middle
  }
  return low
}
