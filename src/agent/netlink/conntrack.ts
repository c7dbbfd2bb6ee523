/**
 * Connections that the kernel tracks, by nfnetlink's subsystem of its own (linux/netfilter/nfnetlink_conntrack.h): all of
 * those that certain addresses are an end of, and the deletion of exactly these. Works in the network namespace of this
 * process.
 */
import type { Family } from '../../core/net/address.ts'
import { KernelError, OutcomeUnknownError } from './errors.ts'
import { type AttributeReader, flags, MalformedError, MessageBuilder, type MessageReader } from './message.ts'
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
  /** Another one for a later connection of the same addresses and ports. */
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
export function conntrackOver(socket: NetlinkSocket): Conntrack {
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

/** Undefined: none of its ends is looked for. Throws MalformedError. */
export function readFlow(each: MessageReader, ends: AddressKeys): Flow | undefined {
  const family = familyOf[each.payload[0] as number]
  if (family === undefined) return undefined
  let [id, zone] = [0, 0]
  let original: Tuple | undefined
  let reply: Tuple | undefined
  let master: AttributeReader | undefined
  let tuple: Buffer | undefined
  for (const found = each.attributes(fixedLength); found.next(); ) {
    switch (found.type) {
      case attribute.original:
        tuple = found.bytes()
        original = readTuple(found.nested())
        break
      case attribute.reply:
        reply = readTuple(found.nested())
        // Most are of nobody's that was asked for.
        if (original && !ends.has(original.sourceKey) && !ends.has(reply.sourceKey)) return undefined
        break
      case attribute.id:
        id = found.u32be()
        break
      case attribute.zone:
        zone = found.u16be()
        break
      case attribute.master:
        master = found.nested()
        break
    }
  }
  if (!original || !reply || !tuple) throw new MalformedError('a connection without its two directions')
  return {
    family,
    original: valuesOf(original),
    reply: valuesOf(reply),
    ...(master && { master: valuesOf(readTuple(master)) }),
    handle: { id, zone, tuple: Uint8Array.from(tuple) },
  }
}

interface Tuple extends Omit<FlowTuple, 'source' | 'destination'> {
  readonly sourceKey: string | number
  readonly destinationKey: string | number
}

function readTuple(tuple: AttributeReader): Tuple {
  let sourceKey: string | number = ''
  let destinationKey: string | number = ''
  const rest: { -readonly [K in keyof FlowTuple]?: number } = {}
  while (tuple.next()) {
    const inner = tuple.nested()
    if (tuple.type === ofTuple.ip) {
      while (inner.next()) {
        if (inner.type === ofIp.v4Source) sourceKey = inner.u32be()
        else if (inner.type === ofIp.v4Destination) destinationKey = inner.u32be()
        else if (inner.type === ofIp.v6Source) sourceKey = inner.bytes().toString('latin1')
        else if (inner.type === ofIp.v6Destination) destinationKey = inner.bytes().toString('latin1')
      }
    } else if (tuple.type === ofTuple.protocol) {
      while (inner.next()) {
        switch (inner.type) {
          case ofProtocol.number:
            rest.protocol = inner.u8()
            break
          case ofProtocol.sourcePort:
            rest.sourcePort = inner.u16be()
            break
          case ofProtocol.destinationPort:
            rest.destinationPort = inner.u16be()
            break
          case ofProtocol.icmpType:
          case ofProtocol.icmpv6Type:
            rest.icmpType = inner.u8()
            break
          case ofProtocol.icmpCode:
          case ofProtocol.icmpv6Code:
            rest.icmpCode = inner.u8()
            break
        }
      }
    }
  }
  if (rest.protocol === undefined) throw new MalformedError('a direction without its protocol')
  return { ...(rest as Pick<FlowTuple, 'protocol'>), sourceKey, destinationKey }
}

const valuesOf = ({ sourceKey, destinationKey, ...rest }: Tuple): FlowTuple => ({
  ...rest,
  source: numberOf(sourceKey),
  destination: numberOf(destinationKey),
})

function numberOf(key: string | number): bigint {
  if (typeof key === 'number') return BigInt(key)
  if (key.length !== 16) throw new MalformedError(`an address of ${key.length} bytes`)
  return BigInt(`0x${Buffer.from(key, 'latin1').toString('hex')}`)
}
