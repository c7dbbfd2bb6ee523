/**
 * One netlink socket as its users see it, and tests imitate it: datagrams there and back, or the reason why not.
 *
 * No call waits. The kernel does what a request asks for while it is sent, and has answered when sending returns.
 */
import { constants } from 'node:os'
import { LibraryError, SystemCallError } from './errors.ts'
import { type Libc, loadLibc } from './libc.ts'

export interface Transport {
  /** The number of the socket: messages that it caused carry it. */
  readonly port: number
  /** Sends to the kernel; the answer is 0, or why nothing was sent (errno). */
  send(datagram: Uint8Array): number
  /**
   * Bytes of the next datagram, which may be more than `into` holds: then the rest is lost. Negative: -errno; -EAGAIN
   * when there is none, -ENOBUFS when the kernel had no room for one or more, which are lost.
   */
  receive(into: Uint8Array): number
  /** Has it take datagrams of that many bytes, as far as it may. */
  enlarge(bytes: number): void
  close(): void
}

export interface SocketOptions {
  /** `protocols`. */
  readonly protocol: number
  /** Bytes that wait to be received; as many as may be. */
  readonly receiveBuffer: number
  /** Multicast groups whose messages it receives; it can send all the same. */
  readonly groups?: readonly number[]
  /** Whether this process is sent SIGIO whenever something can be received. */
  readonly signals?: boolean
}

export const protocols = { route: 0, netfilter: 12 } as const

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_RCVBUF = 8
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const SOL_NETLINK = 270
const NETLINK_ADD_MEMBERSHIP = 1
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const MSG_TRUNC = 0x20
const MSG_DONTWAIT = 0x40
const F_SETFL = 4
const F_SETOWN = 8
const O_NONBLOCK = 0o4000
const O_ASYNC = 0o20000

/** Rejects with a LibraryError where there are no such sockets, with a SystemCallError where this one cannot be had. */
export async function openTransport(options: SocketOptions): Promise<Transport> {
  const libc = await loadLibc()
  const socket = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, options.protocol)
  if (socket < 0) {
    const errno = libc.errno()
    // The kernel has no such protocol, or the sandbox we run in has no such sockets.
    const none: readonly number[] = [constants.errno.EPROTONOSUPPORT, constants.errno.EAFNOSUPPORT]
    const error = new SystemCallError('socket', errno)
    throw none.includes(errno) ? new LibraryError(error.message) : error
  }
  try {
    return { ...wrap(libc, socket), port: prepare(libc, socket, options) }
  } catch (error) {
    libc.close(socket)
    throw error
  }
}

/** Answers the port. */
function prepare(libc: Libc, socket: number, { receiveBuffer, groups = [], signals = false }: SocketOptions) {
  const must = (call: string, result: number): void => {
    if (result < 0) throw new SystemCallError(call, libc.errno())
  }
  setBuffer(libc, socket, [SO_RCVBUFFORCE, SO_RCVBUF], receiveBuffer)
  // Both older than the kernels that we run on: without them an error says its number alone, behind our own message.
  must('setsockopt NETLINK_EXT_ACK', set(libc, socket, SOL_NETLINK, NETLINK_EXT_ACK, 1))
  must('setsockopt NETLINK_CAP_ACK', set(libc, socket, SOL_NETLINK, NETLINK_CAP_ACK, 1))
  const address = Buffer.alloc(12)
  address.writeUInt16LE(AF_NETLINK, 0)
  must('bind', libc.bind(socket, address, address.length))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(address.length)
  must('getsockname', libc.getsockname(socket, address, length))
  if (signals) {
    must('fcntl F_SETOWN', libc.fcntl(socket, F_SETOWN, process.pid))
    must('fcntl F_SETFL', libc.fcntl(socket, F_SETFL, O_NONBLOCK | O_ASYNC))
  }
  for (const group of groups) {
    must(
      `setsockopt NETLINK_ADD_MEMBERSHIP ${group}`,
      set(libc, socket, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group),
    )
  }
  return address.readUInt32LE(4)
}

function wrap(libc: Libc, socket: number): Omit<Transport, 'port'> {
  let open = true
  return {
    send(datagram) {
      return libc.send(socket, datagram, datagram.length, 0) < 0 ? libc.errno() : 0
    },
    receive(into) {
      const length = libc.recv(socket, into, into.length, MSG_DONTWAIT | MSG_TRUNC)
      return length < 0 ? -libc.errno() : length
    },
    enlarge(bytes) {
      setBuffer(libc, socket, [SO_SNDBUFFORCE, SO_SNDBUF], bytes)
    },
    close() {
      // Its number may be another file's by now.
      if (open) libc.close(socket)
      open = false
    },
  }
}

function set(libc: Libc, socket: number, level: number, option: number, value: number): number {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return libc.setsockopt(socket, level, option, bytes, bytes.length)
}

/** Beyond the machine's limit where that is allowed, else up to it. The kernel doubles it for its own bookkeeping. */
function setBuffer(libc: Libc, socket: number, [force, ask]: readonly [number, number], bytes: number): void {
  const value = Math.min(bytes, 0x3fff_ffff)
  if (set(libc, socket, SOL_SOCKET, force, value) < 0) set(libc, socket, SOL_SOCKET, ask, value)
}
