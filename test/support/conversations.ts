/**
 * What is sent under a generated policy: packets of every kind towards the edges of its rules, and conversations, whose
 * answers and errors the kernel knows for established and related.
 */
import fc from 'fast-check'
import type { EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import type { Direction } from '../../src/core/model/rule.ts'
import type { Packet } from '../../src/core/net/packet.ts'
import { hasPorts, ICMP, ICMPV6, icmpFamily, isExtensionHeader, TCP } from '../../src/core/net/protocol.ts'
import { arbitraryPacket } from './arbitraries.ts'
import { type Frame, type Piece, pieces, tcpFlags } from './frames.ts'
import { arbitraryDraw, type Draw, drawnTo } from './profile-policies.ts'
import { addressNumber, ends, type Sent, type Witness } from './witness.ts'

const { FIN, SYN, RST, ACK } = tcpFlags
const flags = [SYN, SYN, SYN, ACK, ACK, SYN | ACK, FIN | ACK, RST, 0]
/** In IPv6; in IPv4 any of them is a packet with options. */
const chains = [[0], [60], [43], [44], [0, 60], [0, 43, 60], [60, 44]]
/** How a datagram is taken apart: whole in the end, in and out of order, tiny, repeated, overlapping; or never whole. */
const cuts: Readonly<Record<string, readonly Piece[]>> = {
  two: [
    [0, 80],
    [80, 160],
  ],
  backwards: [
    [80, 160],
    [0, 80],
  ],
  tiny: [
    [0, 8],
    [8, 16],
    [16, 160],
  ],
  'tiny and backwards': [
    [16, 160],
    [8, 16],
    [0, 8],
  ],
  repeated: [
    [0, 80],
    [0, 80],
    [80, 160],
  ],
  overlapping: [
    [0, 80],
    [40, 120],
    [120, 160],
  ],
  'first alone': [[0, 80]],
  'later alone': [[80, 160]],
}
const cutNames = Object.keys(cuts)

/** A packet to start with, where it is drawn to, and of which kind it is. */
type Start = readonly [packet: Packet, draw: Draw, kind: number]
const start: fc.Arbitrary<Start> = fc.tuple(arbitraryPacket, arbitraryDraw, fc.nat({ max: 9999 }))

interface Options {
  readonly policy: EffectivePolicy
  readonly witness: Pick<Witness, 'probe'>
  readonly seed: number
  /** Packets by themselves, and conversations, in each direction. */
  readonly packets: number
  readonly conversations: number
  /** Numbers by which packets are known again. */
  readonly nextId: () => number
}

/** Both directions, in four turns. */
export function conversations(options: Options): Sent[] {
  const { policy, witness, seed, nextId } = options
  const sample = (count: number, more: number) => fc.sample(start, { numRuns: count, seed: seed + more })

  /** The packet as a frame that reaches the router, and is forwarded where it is to the VM. */
  function placed(direction: Direction, [given, draw, kind]: Start): Frame {
    const drawn = drawnTo(policy, direction, given, draw)
    const { state: _state, link: _link, sourceMac, hopLimit = 128, ...fields } = drawn
    const { sourceMac: own, ...plain } = witness.probe(direction, {}, nextId())
    const there = [ends.host, ends.outside, ends.outside][kind % 3] as (typeof ends)['host' | 'outside']
    return {
      ...{ ...plain, ...fields },
      ...(direction === 'ingress'
        ? { destination: addressNumber(ends.vm[drawn.family]), hopLimit: Math.max(2, hopLimit) }
        : { destination: kind % 2 === 0 ? addressNumber(there[drawn.family]) : drawn.destination, hopLimit }),
      // The VM's own MAC unless a rule asks for another.
      sourceMac: sourceMac !== undefined && kind % 4 !== 0 ? sourceMac : own,
      ...(drawn.icmpType !== undefined && kind % 5 === 0 && direction === 'ingress'
        ? { icmpType: kind % 256 }
        : {}),
      ...(drawn.protocol === TCP && { flags: flags[kind % flags.length] as number }),
    }
  }

  /** The packet as it is, with headers before its protocol, or in pieces. */
  function dressed(direction: Direction, from: Start): Sent {
    const [, , kind] = from
    const whole = placed(direction, from)
    const { family, protocol } = whole
    const bare =
      isExtensionHeader(family, protocol) || (family === 'ipv6' && (protocol === 59 || protocol === 51))
    const extensions = bare || kind % 3 !== 0 ? [] : (chains[kind % chains.length] as number[])
    const packet = { ...whole, ...(extensions.length > 0 && { extensions }) }
    if (bare || kind % 4 !== 1) return { direction, packet }
    const ways = cuts[cutNames[(kind >> 2) % cutNames.length] as string] as readonly Piece[]
    const bytes = pieces(packet, ways)
    // Another beginning, behind the first: it must not become the one that is delivered.
    const other = { ...packet, destinationPort: ((packet.destinationPort ?? 0) + 1) % 65_536 }
    if (kind % 3 === 1) bytes.splice(1, 0, ...pieces(other, [[0, kind % 2 === 0 ? 48 : 88]]))
    return { direction, packet, bytes }
  }

  const plain = (direction: Direction, more: number) =>
    sample(options.packets, more).map((from) => dressed(direction, from))

  /** What begins a conversation between the VM and the outside. */
  const openers = (direction: Direction, more: number): Sent[] =>
    sample(options.conversations, more).map((from): Sent => {
      const drawn = placed(direction, from)
      const { source, destination, sourceMac } = witness.probe(direction, { family: drawn.family }, drawn.id)
      const own = icmpFamily(drawn.protocol) === drawn.family
      const echo = own && { icmpType: drawn.family === 'ipv4' ? 8 : 128, icmpCode: 0, echo: drawn.id }
      const { target: _target, ...rest } = drawn
      const asked = { source, destination, sourceMac, flags: SYN, hopLimit: 128 }
      return { direction, packet: { ...rest, ...asked, ...echo } }
    })
  const back = { ingress: 'egress', egress: 'ingress' } as const satisfies Record<Direction, Direction>

  /** What its other end says to it. */
  function answer({ direction, packet }: Sent): Sent {
    const { family, protocol, sourcePort, destinationPort, icmpType, icmpCode, echo } = packet
    const reply =
      icmpType === undefined ? {} : { icmpType: family === 'ipv4' ? 0 : 129, icmpCode: icmpCode ?? 0 }
    const way = back[direction]
    const more = {
      ...{ family, protocol, flags: SYN | ACK, ...reply, ...(echo !== undefined && { echo }) },
      ...(hasPorts(protocol) && { sourcePort: destinationPort ?? 0, destinationPort: sourcePort ?? 0 }),
    }
    return { direction: way, packet: witness.probe(way, more, nextId()) }
  }

  /** An error about it, from its other end. */
  function complaint({ direction, packet }: Sent, n: number): Sent {
    const { family } = packet
    const way = back[direction]
    const error =
      family === 'ipv4'
        ? { protocol: ICMP, icmpType: n % 3 === 0 ? 11 : 3, icmpCode: n % 2 }
        : { protocol: ICMPV6, icmpType: [1, 3, 2][n % 3] as number, icmpCode: 0 }
    // As it was when it came there, one hop later; whole, where there is room for it.
    const quoted = { ...packet, hopLimit: 127 }
    return { direction: way, packet: witness.probe(way, { family, ...error, quoted }, nextId()) }
  }

  /** More of the same from who began. */
  const more = ({ direction, packet }: Sent): Sent => ({
    direction,
    packet: { ...packet, flags: ACK, id: nextId() },
  })

  const [out, into] = [openers('egress', 1), openers('ingress', 2)]
  return [
    ...plain('egress', 3),
    ...out,
    ...plain('ingress', 4),
    ...out.map(answer),
    ...out.map(complaint),
    ...into,
    ...into.map(answer),
    ...into.map(complaint),
    ...out.map(more),
    ...into.map(more),
  ]
}

/** Whether the packet went in pieces, and was put together. */
export const wasCut = ({ bytes }: Sent): boolean => bytes !== undefined && bytes.length > 1
