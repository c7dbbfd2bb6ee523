/**
 * Packets that rules log to a group (nfnetlink_log): the first bytes of each and where it was seen, as they come.
 *
 * One socket in a network namespace reads a group. A packet that is alone comes within a hundredth of a second; many come
 * in batches, so that a flood wakes nobody for each of them. https://www.netfilter.org/projects/libnetfilter_log/
 */
import { KernelError, SystemCallError } from './errors.ts'
import { type Events, follow, type Listener, openSignalling } from './events.ts'
import { type AttributeReader, flags, MessageBuilder, type MessageReader } from './message.ts'
import { fixedLength, fixedPart, typeOf } from './nfnetlink.ts'
import { NetlinkSocket } from './socket.ts'
import { openTransport, protocols } from './transport.ts'

/** A number of the kernel's, as rules name it. */
export interface LogOptions {
  readonly group: number
  /** Bytes of each packet that are wanted; rules may ask for fewer. */
  readonly range: number
}

/** Hardware addresses and payloads are not copied: they live as long as what was received. */
export interface LoggedPacket {
  /** Protocol family of the hook: 2 IPv4, 10 IPv6, 7 a bridge. */
  readonly family: number
  /** Ethernet type, as the kernel has it: a VLAN tag that it keeps beside the packet is not it. */
  readonly protocol: number
  /** What the rule says; empty: nothing. */
  readonly prefix: string
  /** 0: none. */
  readonly mark: number
  /** Index of the device that it came in by, in a bridge of the port; 0: it came in by none, or that is not known here. */
  readonly input: number
  /** The same of the way out. */
  readonly output: number
  /** Milliseconds since 1970; undefined at hooks that tell none: where packets leave the host or a bridge. */
  readonly at: number | undefined
  /** Counts up by one for every packet of the group; modulo 2^32. */
  readonly sequence: number
  /** Of whoever sent it on the link, where that is known. */
  readonly source: Buffer | undefined
  /** The tag's Ethernet type, where the kernel keeps a tag beside the packet. */
  readonly tag: number | undefined
  /** The first bytes, from the network header on. */
  readonly payload: Buffer
}

/** The group, or logging at all, cannot be had here: somebody else may end, and then it can. */
export class LogUnavailableError extends Error {
  override readonly name = 'LogUnavailableError'
}

const subsystem = 4
const messages = { packet: 0, config: 1 } as const
const config = { command: 1, mode: 2, bufferSize: 3, timeout: 4, threshold: 5, flags: 6 } as const
const bind = 1
const copyPacket = 2
const countsUp = 1

/** Of NFULNL_MSG_PACKET (linux/netfilter/nfnetlink_log.h). */
const attributes = {
  ...{ header: 1, mark: 2, timestamp: 3, input: 4, output: 5, inputPort: 6, outputPort: 7, hardware: 8 },
  ...{ payload: 9, prefix: 10, sequence: 12, vlan: 20, linkHeader: 21 },
} as const
const vlanProtocol = 1

const AF_BRIDGE = 7

/** Hundredths of a second that a packet waits for others. */
const patience = 1
/** Packets that are not held back for others any more. */
const batch = 180
/** Bytes of a batch at most; the reader of events takes no longer ones. */
const batchBytes = 60 * 1024
/** For some seconds in which nobody reads. */
const receiveBuffer = 16 * 1024 * 1024

/**
 * Reads a group: each message is one packet, for `readLogged`. Rejects with a LogUnavailableError where another reads it or
 * it is not allowed, with a LibraryError where there are no such sockets.
 */
export async function openLog(
  { group, range }: LogOptions,
  listener: Listener,
  open = openTransport,
): Promise<Events> {
  const transport = await openSignalling({ protocol: protocols.netfilter, receiveBuffer }, open)
  try {
    const mode = Buffer.alloc(6)
    mode.writeUInt32BE(range, 0)
    mode.writeUInt8(copyPacket, 4)
    const request = new MessageBuilder()
      .begin(typeOf(subsystem, messages.config), flags.request, fixedPart(0, group))
      .u8(config.command, bind)
      .bytes(config.mode, mode)
      .u32be(config.bufferSize, batchBytes)
      .u32be(config.timeout, patience)
      .u32be(config.threshold, batch)
      .u16be(config.flags, countsUp)
      .finish()
    new NetlinkSocket(transport).transact(request)
  } catch (error) {
    transport.close()
    throw refusal(error, group)
  }
  return follow(transport, {
    onMessage(message) {
      // A batch ends with a message of its own.
      if (message.type === typeOf(subsystem, messages.packet)) listener.onMessage(message)
    },
    onLost: () => listener.onLost(),
  })
}

function refusal(error: unknown, group: number): unknown {
  if (!(error instanceof KernelError || error instanceof SystemCallError)) return error
  // Of another's group the kernel says EPERM, and EBUSY of one's own.
  if (error.code === 'EPERM' || error.code === 'EBUSY')
    return new LogUnavailableError(
      `another program reads group ${group} of packet logs (${error.code}), or this one may not`,
    )
  if (error.code === 'EINVAL' || error.code === 'EOPNOTSUPP')
    return new LogUnavailableError(`this kernel has no packet logs (nfnetlink_log, ${error.code})`)
  return error
}

/** Throws a MalformedError when it is none. */
export function readLogged(message: MessageReader): LoggedPacket {
  const family = message.payload[0] ?? 0
  const bridged = family === AF_BRIDGE
  let [protocol, mark, input, output, sequence] = [0, 0, 0, 0, 0]
  let prefix = ''
  let at: number | undefined
  let source: Buffer | undefined
  let tag: number | undefined
  let payload: Buffer = nothing
  for (const each = message.attributes(fixedLength); each.next(); ) {
    switch (each.type) {
      case attributes.header:
        if (each.length >= 2) protocol = each.bytes().readUInt16BE(0)
        break
      case attributes.prefix:
        prefix = each.text()
        break
      case attributes.mark:
        mark = each.u32be()
        break
      case bridged ? attributes.inputPort : attributes.input:
        input = each.u32be()
        break
      case bridged ? attributes.outputPort : attributes.output:
        output = each.u32be()
        break
      case attributes.timestamp:
        at = timeOf(each)
        break
      case attributes.sequence:
        sequence = each.u32be()
        break
      case attributes.hardware:
        source ??= hardwareAddress(each.bytes())
        break
      case attributes.linkHeader:
        // Where frames leave a bridge it is all that tells the sender.
        if (each.length >= 14) source ??= each.bytes().subarray(6, 12)
        break
      case attributes.vlan:
        for (const inner = each.nested(); inner.next(); ) if (inner.type === vlanProtocol) tag = inner.u16be()
        break
      case attributes.payload:
        payload = each.bytes()
        break
    }
  }
  return { family, protocol, prefix, mark, input, output, at, sequence, source, tag, payload }
}

/** The same of where it was seen alone, in a fraction of the time: the kernel says it first. */
export function readPlace(message: MessageReader): Pick<LoggedPacket, 'prefix' | 'input' | 'output'> {
  const bridged = message.payload[0] === AF_BRIDGE
  let [prefix, input, output] = ['', 0, 0]
  for (const each = message.attributes(fixedLength); each.next(); ) {
    switch (each.type) {
      case attributes.prefix:
        prefix = each.text()
        break
      case bridged ? attributes.inputPort : attributes.input:
        input = each.u32be()
        break
      case bridged ? attributes.outputPort : attributes.output:
        output = each.u32be()
        break
      case attributes.header:
      case attributes.input:
      case attributes.output:
        break
      default:
        return { prefix, input, output }
    }
  }
  return { prefix, input, output }
}

const nothing: Buffer = Buffer.alloc(0)

/** Seconds and microseconds. */
function timeOf(each: AttributeReader): number | undefined {
  if (each.length < 16) return undefined
  const bytes = each.bytes()
  return Number(bytes.readBigUInt64BE(0)) * 1000 + Number(bytes.readBigUInt64BE(8)) / 1000
}

/** Its length, two bytes of nothing, and room for eight bytes. */
function hardwareAddress(bytes: Buffer): Buffer | undefined {
  if (bytes.length < 12 || bytes.readUInt16BE(0) !== 6) return undefined
  return bytes.subarray(4, 10)
}
