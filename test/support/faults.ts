/** Sockets to the kernel that fail as real ones do now and then: what is sent and received is real, but for the faults. */
import { constants } from 'node:os'
import { openTransport, type SocketOptions, type Transport } from '../../src/agent/netlink/transport.ts'

const { EAGAIN, EINTR, EMSGSIZE, ENOBUFS } = constants.errno

/** What happens to one of the two sockets. */
export interface Fault {
  /**
   * `dump interrupted`: a dump says that what it is about has changed meanwhile. `lost`: nothing waits though something was
   * answered. `no room`: the same, and it is said. `signal`: a call is interrupted. `too large`: what is sent is more than the
   * kernel takes, until it was told to take more. `no memory`: the kernel cannot take what is sent.
   */
  readonly of: 'dump interrupted' | 'lost' | 'no room' | 'signal' | 'too large' | 'no memory'
  /** The socket of events, or that of requests. */
  readonly events?: boolean
  /** How many calls go well before the first that fails; absent: none. */
  readonly after?: number
  /** How many fail; absent: one. */
  readonly times?: number
  /** Only what is sent in more bytes than these fails, and answers to that. */
  readonly above?: number
}

/** NLM_F_MULTI, NLM_F_DUMP_INTR */
const [multi, interrupted] = [0x2, 0x10]

export function createFaults() {
  let fault: (Fault & { left: number; wait: number }) | undefined
  let count = 0

  /** Whether this call fails. */
  function strikes(of: Fault['of'], events: boolean, bytes: number): boolean {
    if (fault?.of !== of || (fault.events ?? false) !== events || bytes <= (fault.above ?? 0)) return false
    if (fault.wait-- > 0) return false
    count++
    if (--fault.left === 0) fault = undefined
    return true
  }

  function failing(real: Transport, events: boolean): Transport {
    let sent = events ? 1 : 0
    let small = true
    const drain = (into: Uint8Array) => {
      while (real.receive(into) !== -EAGAIN);
    }
    return {
      ...real,
      send(datagram) {
        sent = datagram.length
        if (strikes('no memory', events, sent)) return ENOBUFS
        if (small && strikes('too large', events, sent)) return EMSGSIZE
        return real.send(datagram)
      },
      enlarge(bytes) {
        small = false
        real.enlarge(bytes)
      },
      receive(into) {
        if (strikes('signal', events, sent)) return -EINTR
        const length = real.receive(into)
        if (length < 16) return length
        const view = new DataView(into.buffer, into.byteOffset, into.length)
        if ((view.getUint16(6, true) & multi) !== 0 && strikes('dump interrupted', events, sent)) {
          view.setUint16(6, view.getUint16(6, true) | interrupted, true)
          return length
        }
        const isLost = strikes('lost', events, sent)
        if (!isLost && !strikes('no room', events, sent)) return length
        drain(into)
        return isLost ? -EAGAIN : -ENOBUFS
      },
    }
  }

  return {
    open: async (options: SocketOptions) =>
      failing(await openTransport(options), (options.groups ?? []).length > 0),
    fail(next: Fault) {
      fault = { ...next, left: next.times ?? 1, wait: next.after ?? 0 }
    },
    /** How many calls have failed. */
    count: () => count,
  }
}
