/**
 * Connections that the kernel tracks, by nfnetlink's subsystem of its own (linux/netfilter/nfnetlink_conntrack.h): all of
 * those that certain addresses are an end of, and the deletion of exactly these. Works in the network namespace of this
 * process.
 */
import type { Family } from '../../core/net/address.ts'
import { KernelError, OutcomeUnknownError } from './errors.ts'
import { flags, MalformedError, MessageBuilder, type MessageReader } from './message.ts'
import { fixedLength, fixedPart, typeOf } from './nfnetlink.ts'
import { NetlinkSocket } from './socket.ts'
import { openTransport, protocols } from './transport.ts'

/** One direction of a connection: what its packets have in their headers, as tracking tells connections apart. */
export interface FlowTuple {
  /** Addresses as numbers of the family, here and below. */
  readonly source: bigint
  readonly destination: bigint
  readonly protocol: number
  /** Of protocols that tracking knows to have ports. */
  readonly sourcePort?: number
  readonly destinationPort?: number
  /** Of ICMP and ICMPv6. */
  readonly icmpType?: number
  readonly icmpCode?: number
}

export interface Flow {
  readonly family: Family
  /** As its first packet was before destinations were translated. */
  readonly original: FlowTuple
  /** As packets of the other direction are before anything of them is translated back. */
  readonly reply: FlowTuple
  /** The original direction of the connection that expected this one; absent: nothing expected it. */
  readonly master?: FlowTuple
  /** By which the kernel finds exactly this connection again. */
  readonly handle: FlowHandle
}

export interface FlowHandle {
  /** Another one for a later connection of the same addresses and ports, unless the kernel uses the same memory for it. */
  readonly id: number
  readonly zone: number
  /** The original direction as the kernel wrote it. */
  readonly tuple: Uint8Array
}

/** Addresses whose connections are looked for. */
export interface AddressKeys {
  /** As `addressKey` makes them. */
  has(key: string | number): boolean
}

export interface Conntrack {
  /**
   * Connections that one of the addresses has begun, or that it answers. In turns: a table of many connections takes a second. Some
   * may be in it twice. Rejects as `NetlinkSocket.dump` throws.
   */
  flows(ends: AddressKeys): Promise<readonly Flow[]>
  /**
   * Deletes exactly these, and none that has taken the place of one since. Answers how many were there. Rejects with an
   * OutcomeUnknownError when that cannot be told of all of them.
   */
  delete(flows: readonly Flow[]): Promise<number>
  close(): void
}

const subsystem = 1
const message = { get: 1, delete: 2 } as const
const attribute = { original: 1, reply: 2, id: 12, master: 14, zone: 18 } as const
const ofTuple = { ip: 1, protocol: 2 } as const
const ofIp = { v4Source: 1, v4Destination: 2, v6Source: 3, v6Destination: 4 } as const
const ofProtocol = {
  ...{ number: 1, sourcePort: 2, destinationPort: 3 },
  ...{ icmpType: 5, icmpCode: 6, icmpv6Type: 8, icmpv6Code: 9 },
} as const
const familyNumber = { ipv4: 2, ipv6: 10 } as const satisfies Record<Family, number>
const familyOf: Readonly<Record<number, Family | undefined>> = { 2: 'ipv4', 10: 'ipv6' }

/** Deletions in one datagram: the answer to each that is not there takes about a kilobyte until it is read. */
const deletionsAtOnce = 512

/** What `AddressKeys` knows an address by: fast to make of the bytes of a message. */
export function addressKey(family: Family, value: bigint): string | number {
  if (family === 'ipv4') return Number(value)
  return Buffer.from(value.toString(16).padStart(32, '0'), 'hex').toString('latin1')
}

/** Rejects as `openTransport` does. */
export async function openConntrack(open = openTransport): Promise<Conntrack> {
  return conntrackOver(await NetlinkSocket.open(protocols.netfilter, open))
}

/** The socket is closed with it. */
function conntrackOver(socket: NetlinkSocket): Conntrack {
  /** A dump holds the socket: what comes meanwhile waits. */
  let last: Promise<unknown> = Promise.resolve()
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = last.then(work)
    last = done.catch(() => {})
    return done
  }

  function deleteSome(flows: readonly Flow[]): number {
    const builder = new MessageBuilder(128 * flows.length)
    for (const { family, handle } of flows) {
      builder.begin(typeOf(subsystem, message.delete), flags.request, fixedPart(familyNumber[family]))
      // Without it the kernel takes the request for one to delete everything.
      builder.bytes(attribute.original | nested, handle.tuple)
      if (handle.zone !== 0) builder.u16be(attribute.zone, handle.zone)
      builder.u32be(attribute.id, handle.id)
    }
    try {
      socket.transact(builder.finish())
      return flows.length
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      // It has ended by itself, or another one has taken its place.
      if (error.failures.some(({ code }) => code !== 'ENOENT')) throw error
      return flows.length - error.failures.length
    }
  }

  return {
    flows: (ends) =>
      inTurn(() => {
        const request = new MessageBuilder(64).begin(typeOf(subsystem, message.get), 0, fixedPart(0)).finish()
        return socket.dumpInTurns(request, (each) => readFlow(each, ends))
      }),
    delete: (flows) =>
      inTurn(async () => {
        let deleted = 0
        let doubt: OutcomeUnknownError | undefined
        for (let at = 0; at < flows.length; at += deletionsAtOnce) {
          try {
            deleted += deleteSome(flows.slice(at, at + deletionsAtOnce))
          } catch (error) {
            if (!(error instanceof OutcomeUnknownError)) throw error
            doubt = error
          }
        }
        if (doubt) throw doubt
        return deleted
      }),
    close: () => socket.close(),
  }
}

/** In the type of an attribute: it holds attributes. */
const nested = 0x8000

/**
 * Undefined: none of its ends is looked for. Throws MalformedError. Without readers of attributes: there may be very many
 * connections, and most of them are of nobody's that was asked for.
 */
export function readFlow(each: MessageReader, ends: AddressKeys): Flow | undefined {
  const bytes = each.payload
  const family = familyOf[bytes[0] as number]
  if (family === undefined) return undefined
  let [id, zone, master] = [0, 0, 0]
  let [originalAt, replyAt] = [0, 0]
  let original: Tuple | undefined
  let reply: Tuple | undefined
  for (let at = fixedLength; at < bytes.length; at = next(bytes, at, bytes.length)) {
    switch (typeAt(bytes, at)) {
      case attribute.original:
        originalAt = at
        original = readTuple(bytes, at)
        break
      case attribute.reply:
        replyAt = at
        reply = readTuple(bytes, at)
        if (original && !ends.has(original.sourceKey) && !ends.has(reply.sourceKey)) return undefined
        break
      case attribute.id:
        id = u32At(bytes, valueAt(bytes, at, 4))
        break
      case attribute.zone:
        zone = u16At(bytes, valueAt(bytes, at, 2))
        break
      case attribute.master:
        master = at
        break
    }
  }
  if (!original || !reply || originalAt === 0 || replyAt === 0)
    throw new MalformedError('a connection without its two directions')
  return {
    family,
    original: valuesOf(original),
    reply: valuesOf(reply),
    ...(master !== 0 && { master: valuesOf(readTuple(bytes, master)) }),
    handle: {
      ...{ id, zone },
      tuple: Uint8Array.prototype.slice.call(bytes, originalAt + 4, originalAt + lengthAt(bytes, originalAt)),
    },
  }
}

const lengthAt = (bytes: Buffer, at: number): number =>
  (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
const typeAt = (bytes: Buffer, at: number): number =>
  ((bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8)) & 0x3fff
/** In network order, as the next. */
const u16At = (bytes: Buffer, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
const u32At = (bytes: Buffer, at: number): number => ((u16At(bytes, at) << 16) | u16At(bytes, at + 2)) >>> 0

/** Where the attribute behind the one at `at` begins. Throws at a length that cannot be. */
function next(bytes: Buffer, at: number, end: number): number {
  const length = lengthAt(bytes, at)
  if (length < 4 || at + length > end)
    throw new MalformedError(`an attribute of ${length} bytes in ${end - at}`)
  return at + ((length + 3) & ~3)
}

/** Where its value begins, which is of that many bytes. */
function valueAt(bytes: Buffer, at: number, length: number): number {
  if (lengthAt(bytes, at) !== 4 + length || at + 4 + length > bytes.length)
    throw new MalformedError(`attribute ${typeAt(bytes, at)} has not ${length} bytes`)
  return at + 4
}

interface Tuple extends Omit<FlowTuple, 'source' | 'destination'> {
  readonly sourceKey: string | number
  readonly destinationKey: string | number
}

function readTuple(bytes: Buffer, outer: number): Tuple {
  let sourceKey: string | number = ''
  let destinationKey: string | number = ''
  let protocol: number | undefined
  const rest: { -readonly [K in keyof FlowTuple]?: number } = {}
  const end = outer + lengthAt(bytes, outer)
  if (end > bytes.length) throw new MalformedError('a direction that does not end')
  for (let part = outer + 4; part < end; part = next(bytes, part, end)) {
    const kind = typeAt(bytes, part)
    const partEnd = part + lengthAt(bytes, part)
    if (kind !== ofTuple.ip && kind !== ofTuple.protocol) continue
    for (let at = part + 4; at < partEnd; at = next(bytes, at, partEnd)) {
      const type = typeAt(bytes, at)
      if (kind === ofTuple.ip) {
        if (type === ofIp.v4Source) sourceKey = u32At(bytes, valueAt(bytes, at, 4))
        else if (type === ofIp.v4Destination) destinationKey = u32At(bytes, valueAt(bytes, at, 4))
        else if (type === ofIp.v6Source) sourceKey = keyAt(bytes, valueAt(bytes, at, 16))
        else if (type === ofIp.v6Destination) destinationKey = keyAt(bytes, valueAt(bytes, at, 16))
      } else if (type === ofProtocol.number) protocol = bytes[valueAt(bytes, at, 1)]
      else if (type === ofProtocol.sourcePort) rest.sourcePort = u16At(bytes, valueAt(bytes, at, 2))
      else if (type === ofProtocol.destinationPort) rest.destinationPort = u16At(bytes, valueAt(bytes, at, 2))
      else if (type === ofProtocol.icmpType || type === ofProtocol.icmpv6Type)
        rest.icmpType = bytes[valueAt(bytes, at, 1)] as number
      else if (type === ofProtocol.icmpCode || type === ofProtocol.icmpv6Code)
        rest.icmpCode = bytes[valueAt(bytes, at, 1)] as number
    }
  }
  if (protocol === undefined) throw new MalformedError('a direction without its protocol')
  return { ...(rest as object), protocol, sourceKey, destinationKey }
}

const keyAt = (bytes: Buffer, at: number): string => bytes.toString('latin1', at, at + 16)

function valuesOf({ sourceKey, destinationKey, ...rest }: Tuple): FlowTuple {
  return { ...rest, source: numberOf(sourceKey), destination: numberOf(destinationKey) }
}

function numberOf(key: string | number): bigint {
  if (typeof key === 'number') return BigInt(key)
  if (key.length !== 16) throw new MalformedError('a direction without its addresses')
  return BigInt(`0x${Buffer.from(key, 'latin1').toString('hex')}`)
}
