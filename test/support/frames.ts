/** Packets as they are on the wire, also such as no program of the system sends, and sent as they are. */
import type { Frame as OtherFrame } from '../../src/core/net/frame.ts'
import type { Packet } from '../../src/core/net/packet.ts'
import { hasPorts, ICMP, ICMPV6, icmpFamily, TCP, UDP, UDPLITE } from '../../src/core/net/protocol.ts'
import { mustRun } from '../../src/lab/run.ts'

export interface Frame extends Omit<Packet, 'state' | 'link'> {
  readonly sourceMac: string
  readonly destinationMac: string
  readonly hopLimit: number
  /** A counter recognises the packet by this number, 1 to 65535: IPv4's identification, IPv6's flow label. */
  readonly id: number
  /** Bytes behind the IP header and its extensions, at least 48; absent means 48, or what is quoted needs. */
  readonly length?: number
  /** TCP's, as a number; absent means SYN alone. */
  readonly flags?: number
  /** The identifier of an ICMP echo; absent means `id`. */
  readonly echo?: number
  /** What an ICMP error is about. */
  readonly quoted?: Frame
  /** IPv6 extension headers before the protocol: 0 only first, 43, 60, or 44 as an atomic fragment. IPv4: any means options. */
  readonly extensions?: readonly number[]
}

export const tcpFlags = { FIN: 0x01, SYN: 0x02, RST: 0x04, ACK: 0x10 } as const

/** An Ethernet frame with checksums that are right, UDP-Lite's but for the protocol: Linux compares it with UDP's. */
export function frame(of: Frame): Buffer {
  const { family, id, source, destination, protocol, hopLimit } = of
  const [from, to] = [source, destination].map((value) => bytes(value, family === 'ipv4' ? 4 : 16))
  const ethernet = Buffer.from(`${of.destinationMac}${of.sourceMac}`.replaceAll(':', ''), 'hex')
  const payload = transport(of, Buffer.concat([from, to] as Buffer[]))
  if (family === 'ipv4') {
    // Options that do nothing.
    const header = Buffer.alloc(of.extensions?.length ? 28 : 20, 1)
    header.writeUInt32BE(0, 4)
    header.writeUInt32BE(0, 8)
    header.writeUInt16BE((0x40 + header.length / 4) << 8, 0)
    header.writeUInt16BE(header.length + payload.length, 2)
    header.writeUInt16BE(id, 4)
    header.writeUInt8(hopLimit, 8)
    header.writeUInt8(protocol, 9)
    ;(from as Buffer).copy(header, 12)
    ;(to as Buffer).copy(header, 16)
    header.writeUInt16BE(checksum(header), 10)
    return Buffer.concat([ethernet, Buffer.from([0x08, 0x00]), header, payload])
  }
  const extensions = of.extensions ?? []
  const following = extensions.map((kind, i) => extensionHeader(kind, extensions[i + 1] ?? protocol, id))
  const rest = Buffer.concat([...following, payload])
  const header = Buffer.alloc(8)
  header.writeUInt32BE(0x60000000 + id, 0)
  header.writeUInt16BE(rest.length, 4)
  header.writeUInt8(extensions[0] ?? protocol, 6)
  header.writeUInt8(hopLimit, 7)
  return Buffer.concat([ethernet, Buffer.from([0x86, 0xdd]), header, from as Buffer, to as Buffer, rest])
}

/** Eight bytes that change nothing of where the packet goes: padding, a route without stations, or an atomic fragment. */
function extensionHeader(kind: number, next: number, id: number): Buffer {
  const header = Buffer.from([next, 0, 1, 4, 0, 0, 0, 0])
  // A type for experiments, which no router looks at (RFC 4727 §3.3).
  if (kind === 43) Buffer.from([253, 0, 0, 0, 0, 0]).copy(header, 2)
  if (kind === 44) {
    header.writeUInt16BE(0, 2)
    header.writeUInt32BE(id, 4)
  }
  return header
}

function transport({ family, protocol, id, ...fields }: Frame, addresses: Buffer): Buffer {
  const quoted = fields.quoted ? frame(fields.quoted).subarray(14) : Buffer.alloc(0)
  const payload = Buffer.alloc(fields.length ?? Math.max(48, 8 + quoted.length))
  quoted.copy(payload, 8)
  if (hasPorts(protocol)) {
    payload.writeUInt16BE(fields.sourcePort ?? 0, 0)
    payload.writeUInt16BE(fields.destinationPort ?? 0, 2)
  }
  const sum = (covered: number) =>
    checksum(Buffer.concat([pseudo(addresses, covered, payload.length), payload]))
  if (protocol === TCP) {
    payload.writeUInt8(0x50, 12)
    payload.writeUInt8(fields.flags ?? tcpFlags.SYN, 13)
    payload.writeUInt16BE(1024, 14)
    payload.writeUInt16BE(sum(TCP), 16)
  } else if (protocol === UDP || protocol === UDPLITE) {
    if (protocol === UDP) payload.writeUInt16BE(payload.length, 4)
    payload.writeUInt16BE(sum(UDP) || 0xffff, 6)
  } else if (icmpFamily(protocol) === family) {
    payload.writeUInt8(fields.icmpType ?? 0, 0)
    payload.writeUInt8(fields.icmpCode ?? 0, 1)
    if (fields.target === undefined && !fields.quoted) payload.writeUInt16BE(fields.echo ?? id, 4)
    else if (fields.target !== undefined) bytes(fields.target, 16).copy(payload, 8)
    payload.writeUInt16BE(protocol === ICMP ? checksum(payload) : sum(ICMPV6), 2)
  }
  return payload
}

function pseudo(addresses: Buffer, protocol: number, length: number): Buffer {
  const rest = Buffer.alloc(8)
  rest.writeUInt32BE(length, 0)
  rest.writeUInt8(protocol, 7)
  return Buffer.concat([addresses, rest])
}

/** A frame that is no IP packet; what is not ARP carries nothing that anybody reads. */
export function arpOrOther({ type, sourceMac, arp }: OtherFrame, destinationMac: string): Buffer {
  const mac = (text: string) => Buffer.from(text.replaceAll(':', ''), 'hex')
  const body = Buffer.alloc(46)
  if (arp) {
    body.writeUInt16BE(arp.hardwareType, 0)
    body.writeUInt16BE(arp.protocolType, 2)
    body.writeUInt8(arp.hardwareLength, 4)
    body.writeUInt8(arp.protocolLength, 5)
    body.writeUInt16BE(arp.operation, 6)
    mac(arp.senderMac).copy(body, 8)
    bytes(arp.senderAddress, 4).copy(body, 14)
  }
  return Buffer.concat([mac(destinationMac), mac(sourceMac), bytes(BigInt(type), 2), body])
}

/** A part of a datagram's payload: its first byte, a multiple of 8, and the byte behind its last. */
export type Piece = readonly [start: number, end: number]

/** The same packet, its payload 160 bytes long, in fragments that begin at 0 and at these bytes of it, multiples of 8. */
export function cut(of: Frame, starts: readonly number[]): Buffer[] {
  const all = [0, ...starts]
  return pieces(
    of,
    all.map((start, i) => [start, all[i + 1] ?? 160]),
  )
}

/** The same packet, its payload 160 bytes long, as fragments that hold these pieces of it, in their order. */
export function pieces(of: Frame, ranges: readonly Piece[]): Buffer[] {
  const packet = frame({ ...of, length: 160 })
  const payload = packet.subarray(packet.length - 160)
  const head = packet.length - 160
  return ranges.map(([start, end]) => {
    const more = end < 160 ? 1 : 0
    const header = Buffer.from(packet.subarray(0, head))
    const piece = payload.subarray(start, end)
    if (of.family === 'ipv4') {
      header.writeUInt16BE(head - 14 + piece.length, 16)
      header.writeUInt16BE((more << 13) | (start >> 3), 20)
      header.writeUInt16BE(0, 24)
      header.writeUInt16BE(checksum(header.subarray(14)), 24)
      return Buffer.concat([header, piece])
    }
    const extension = Buffer.alloc(8)
    extension.writeUInt8(of.protocol, 0)
    extension.writeUInt16BE(start | more, 2)
    extension.writeUInt32BE(of.id, 4)
    header.writeUInt16BE(head - 54 + 8 + piece.length, 18)
    // The fragment header is the last of the extensions.
    header.writeUInt8(44, head > 54 ? head - 8 : 20)
    return Buffer.concat([header, extension, piece])
  })
}

/** RFC 1071. */
export function checksum(data: Buffer): number {
  let sum = 0
  for (let i = 0; i < data.length; i += 2) sum += (data[i] ?? 0) * 256 + (data[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

function bytes(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex')
}

/**
 * Sends frames in their order from a device of a namespace (trafgen, Debian's netsniff-ng). `scattered`: all but the
 * Ethernet header lies in pages of its own, as a sender may have it; otherwise a frame is in one piece.
 */
export async function sendFrames(
  namespace: string,
  device: string,
  frames: readonly Buffer[],
  layout: 'scattered' | 'one-piece' = 'scattered',
): Promise<void> {
  const config = frames.map((each) => `{ ${[...each].map((byte) => `0x${byte.toString(16)}`).join(', ')} }\n`)
  const options = [
    '--cpus',
    '1',
    '--num',
    String(frames.length),
    '--no-sock-mem',
    '--notouch-irq',
    '--no-cpu-stats',
    ...(layout === 'one-piece' ? ['--gap', '1us'] : []),
  ]
  const trafgen = ['trafgen', '--qdisc-path', ...options, '--dev', device, '--conf', '-']
  await mustRun('ip', ['netns', 'exec', namespace, ...trafgen], config.join(''))
}
