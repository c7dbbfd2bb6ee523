/**
 * What the kernel tells by itself: messages to multicast groups, as they come.
 *
 * No thread waits for them and nothing polls: the kernel sends SIGIO when a socket has something, which wakes the event
 * loop as any signal does (decision 0019). Signals coalesce and do not say of which socket: each one is asked.
 */
import { constants } from 'node:os'
import { isMainThread } from 'node:worker_threads'
import { LibraryError } from './errors.ts'
import { MalformedError, MessageReader } from './message.ts'
import { openTransport, type SocketOptions, type Transport } from './transport.ts'

export interface Listener {
  /** It must not keep what it reads from. */
  onMessage(message: MessageReader): void
  /** Messages were lost: whatever they are about may have changed. */
  onLost(): void
}

export interface Events {
  /** Nothing is called back any more. More than once is once. */
  close(): void
}

/** Room for messages that wait: some ten thousand. */
const receiveBuffer = 16 * 1024 * 1024
/** Datagrams in a row before others have a turn. */
const burst = 200

const { EAGAIN, EINTR, ENOBUFS } = constants.errno

/**
 * Joins groups of a protocol; the process may end all the same. Rejects as `openTransport` does, and with a
 * LibraryError in a worker thread, which gets no signals.
 */
export async function openEvents(
  protocol: number,
  groups: readonly number[],
  listener: Listener,
  open = openTransport,
): Promise<Events> {
  return follow(await openSignalling({ protocol, groups, receiveBuffer }, open), listener)
}

/** A socket for `follow`. Rejects as `openEvents` does. */
export async function openSignalling(
  options: Omit<SocketOptions, 'signals'>,
  open = openTransport,
): Promise<Transport> {
  if (!isMainThread) throw new LibraryError('signals are for the main thread')
  // Before the socket: the first signal may come at once.
  listenToSignals()
  return open({ ...options, signals: true })
}

const drains = new Set<() => void>()
let listening = false

/** For good: without a listener the signal ends the process, and one may be under way when the last socket closes. */
function listenToSignals(): void {
  if (listening) return
  listening = true
  process.on('SIGIO', () => {
    for (const drain of [...drains]) drain()
  })
}

/** Hands over what the socket, which is closed with the events, receives. */
export function follow(transport: Transport, listener: Listener): Events {
  const buffer = Buffer.allocUnsafeSlow(64 * 1024)
  let open = true
  let again: NodeJS.Immediate | undefined

  function later(): void {
    again ??= setImmediate(() => {
      again = undefined
      drain()
    })
  }

  function drain(): void {
    for (let count = 0; open; count++) {
      if (count === burst) {
        later()
        return
      }
      const length = transport.receive(buffer)
      if (length === -EAGAIN) return
      if (length === -EINTR) continue
      if (length < 0 && length !== -ENOBUFS) throw new Error(`recv: errno ${-length}`)
      if (length < 0 || length > buffer.length) listener.onLost()
      else handle(length)
    }
  }

  function handle(length: number): void {
    try {
      const message = new MessageReader(buffer.subarray(0, length))
      while (open && message.next()) listener.onMessage(message)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      listener.onLost()
    }
  }

  listenToSignals()
  drains.add(drain)
  // What came between joining and here has signalled nobody.
  later()
  return {
    close() {
      if (!open) return
      open = false
      drains.delete(drain)
      clearImmediate(again)
      transport.close()
    },
  }
}
