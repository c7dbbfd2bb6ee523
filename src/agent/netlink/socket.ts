/**
 * Requests to the kernel and their answers over one socket: single ones, batches, dumps.
 *
 * The kernel handles a request while it is sent, so its answer is there when sending returns, or was lost: nothing
 * waits, and calls of two users cannot mix. Messages of earlier calls are known by their sequence numbers.
 */
import { constants } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import {
  errnoName,
  type Failure,
  InterruptedError,
  KernelError,
  OutcomeUnknownError,
  SystemCallError,
  TooLargeError,
} from './errors.ts'
import { AttributeReader, control, flags, headerLength, MalformedError, MessageReader } from './message.ts'
import { openTransport, type Transport } from './transport.ts'

const { EAGAIN, EINTR, ENOBUFS, ENOMEM, EMSGSIZE } = constants.errno

/** How often a dump is asked for before nothing is answered: whatever it is about changes that often. */
const dumpAttempts = 10
/** Parts of a dump have at most 32 KiB; a single answer can be longer. */
const firstBuffer = 64 * 1024
/** Parts of a long dump until others have a turn: about a millisecond. */
const partsInTurn = 16
/** Room for answers that wait: some thousand acknowledgements. */
const receiveBuffer = 2 * 1024 * 1024

/** Attributes of what the kernel adds to an error (linux/netlink.h, nlmsgerr_attrs). */
const errorAttribute = { text: 1, offset: 2, missing: 5 } as const

export class NetlinkSocket {
  readonly #transport: Transport
  #sequence: number
  #buffer = Buffer.allocUnsafeSlow(firstBuffer)

  /** `sequence` is the number before that of the first message. */
  constructor(transport: Transport, sequence = 0) {
    this.#transport = transport
    this.#sequence = sequence
  }

  /** `protocol` of `protocols`. Rejects as `openTransport` does, or `open` in its place. */
  static async open(protocol: number, open = openTransport): Promise<NetlinkSocket> {
    return new NetlinkSocket(await open({ protocol, receiveBuffer }))
  }

  /** Events that this socket caused carry it. */
  get port(): number {
    return this.#transport.port
  }

  close(): void {
    this.#transport.close()
  }

  /**
   * Sends messages as one datagram and returns when all are done. `read` gets what is answered beside
   * acknowledgements; it must not keep what it reads from. `acknowledged` is the index of the message whose
   * acknowledgement says that all are done, the last by default; errors come without being asked for.
   *
   * Throws KernelError, TooLargeError, OutcomeUnknownError, or SystemCallError.
   */
  transact(messages: Buffer, read?: (message: MessageReader) => void, acknowledged?: number): void {
    const starts = startsOf(messages)
    const expected = acknowledged ?? starts.length - 1
    const at = starts[expected]
    if (at === undefined) throw new RangeError('there is no message to acknowledge')
    messages.writeUInt16LE(messages.readUInt16LE(at + 6) | flags.ack, at + 6)
    const first = this.#send(messages, starts)
    const failures: Failure[] = []
    let done = false
    let lost: string | undefined
    this.#receive(
      (message) => {
        const index = (message.sequence - first) >>> 0
        if (index >= starts.length) return
        if (message.type !== control.error) {
          if (message.type >= 16) read?.(message)
          return
        }
        const failure = failureOf(message, index)
        if (failure !== null) failures.push(failure)
        else if (index === expected) done = true
      },
      (why) => {
        lost ??= why
      },
    )
    // One error is enough to know; an acknowledgement is not when something was lost: it may have been an error.
    if (failures.length > 0) throw new KernelError(failures.sort((a, b) => a.index - b.index))
    if (lost !== undefined || !done) {
      throw new OutcomeUnknownError(
        `the kernel’s acknowledgement was lost${lost === undefined ? '' : `: ${lost}`}`,
      )
    }
  }

  /**
   * All that a request (one message, to which the flags of a dump are added) is answered with, each as `read` makes it
   * of the message; undefined leaves one out. It is of one moment: where it changes meanwhile it is asked for again.
   *
   * Throws KernelError, InterruptedError, or SystemCallError.
   */
  dump<T>(request: Buffer, read: (message: MessageReader) => T | undefined): T[] {
    const dumping = this.#dumping(request, read, Number.POSITIVE_INFINITY)
    for (;;) {
      const { done, value } = dumping.next()
      if (done) return value
    }
  }

  /**
   * The same for very much: others have a turn after every few parts of the answer. Until it is there, nothing else may be
   * asked by this socket.
   */
  async dumpInTurns<T>(request: Buffer, read: (message: MessageReader) => T | undefined): Promise<T[]> {
    const dumping = this.#dumping(request, read, partsInTurn)
    for (;;) {
      const { done, value } = dumping.next()
      if (done) return value
      await setImmediate()
    }
  }

  /** Yields when so many datagrams were received, and there may be more. */
  *#dumping<T>(
    request: Buffer,
    read: (message: MessageReader) => T | undefined,
    parts: number,
  ): Generator<void, T[]> {
    const starts = startsOf(request)
    request.writeUInt16LE(flags.request | flags.dump, 6)
    let why = ''
    for (let attempt = 0; attempt < dumpAttempts; attempt++) {
      const first = this.#send(request, starts)
      const found: T[] = []
      let failure: Failure | null = null
      let done = false
      let doubt: string | undefined
      yield* this.#receiving(
        (message) => {
          if (message.sequence !== first) return
          if ((message.flags & flags.dumpInterrupted) !== 0) doubt ??= 'it changed meanwhile'
          if (message.type === control.done || message.type === control.error) {
            done = true
            failure ??= failureOf(message, 0)
          } else if (message.type >= 16 && doubt === undefined) {
            const item = read(message)
            if (item !== undefined) found.push(item)
          }
        },
        (reason) => {
          doubt ??= reason
        },
        parts,
      )
      const failed = failure as Failure | null
      if (failed !== null && failed.code !== 'EINTR') throw new KernelError([failed])
      if (done && failed === null && doubt === undefined) return found
      why = doubt ?? (failed === null ? 'its end was lost' : 'it changed meanwhile')
    }
    throw new InterruptedError(`no whole answer in ${dumpAttempts} attempts: ${why}`)
  }

  /** Answers the sequence number of the first message; the others' follow it. */
  #send(datagram: Buffer, starts: readonly number[]): number {
    const first = (this.#sequence + 1) >>> 0
    this.#sequence = (this.#sequence + starts.length) >>> 0
    starts.forEach((at, index) => {
      datagram.writeUInt32LE((first + index) >>> 0, at + 8)
    })
    let errno = this.#transport.send(datagram)
    if (errno === EMSGSIZE) {
      this.#transport.enlarge(datagram.length)
      errno = this.#transport.send(datagram)
    }
    if (errno === EMSGSIZE || errno === ENOBUFS || errno === ENOMEM) {
      throw new TooLargeError(
        `the kernel does not take ${datagram.length} bytes at once (${errnoName(errno)})`,
      )
    }
    if (errno !== 0) throw new SystemCallError('send', errno)
    return first
  }

  /** Everything that waits to be received, at once. */
  #receive(each: (message: MessageReader) => void, lost: (why: string) => void): void {
    for (const _ of this.#receiving(each, lost, Number.POSITIVE_INFINITY));
  }

  /**
   * Everything that waits to be received; `lost` hears of what was, or may have been. An error of `each` is thrown when
   * nothing waits any more: a dump that is not read to its end would keep the socket from the next.
   */
  *#receiving(
    each: (message: MessageReader) => void,
    lost: (why: string) => void,
    parts: number,
  ): Generator<void, void> {
    let thrown: { readonly error: unknown } | undefined
    for (let received = 1; ; received++) {
      if (received % parts === 0) yield
      const length = this.#transport.receive(this.#buffer)
      if (length === -EAGAIN) break
      if (length === -EINTR) continue
      if (length === -ENOBUFS) {
        lost('there was no room for it')
        continue
      }
      if (length < 0) throw new SystemCallError('recv', -length)
      if (length > this.#buffer.length) {
        lost(`it has ${length} bytes`)
        this.#buffer = Buffer.allocUnsafeSlow(2 * length)
        continue
      }
      if (thrown !== undefined) continue
      try {
        const message = new MessageReader(this.#buffer.subarray(0, length))
        while (message.next()) each(message)
      } catch (error) {
        if (error instanceof MalformedError) lost(error.message)
        else thrown = { error }
      }
    }
    if (thrown !== undefined) throw thrown.error
  }
}

/** Where each message begins. */
function startsOf(messages: Buffer): number[] {
  const starts: number[] = []
  for (let at = 0; at < messages.length; at = (at + messages.readUInt32LE(at) + 3) & ~3) starts.push(at)
  return starts
}

/** Of an error, an acknowledgement (null: it went well), or the end of a dump, which has the number alone. */
function failureOf(message: MessageReader, index: number): Failure | null {
  const payload = message.payload
  const errno = payload.length < 4 ? 0 : -payload.readInt32LE(0)
  if (errno === 0) return null
  const failure = { index, code: errnoName(errno), text: '', offset: null, missing: null }
  if ((message.flags & flags.extended) === 0) return failure
  const more: { text?: string; offset?: number; missing?: number } = {}
  for (const attribute = attributesOf(message, payload); attribute.next(); ) {
    if (attribute.type === errorAttribute.text) more.text = attribute.text()
    else if (attribute.type === errorAttribute.offset) more.offset = attribute.u32()
    else if (attribute.type === errorAttribute.missing) more.missing = attribute.u32()
  }
  return { ...failure, ...more }
}

/** Behind the number, and of an error also the header of the request, and the rest of it unless it is left out. */
function attributesOf(message: MessageReader, payload: Buffer): AttributeReader {
  if (message.type === control.done) return new AttributeReader(payload, 4)
  if (payload.length < 4 + headerLength)
    throw new MalformedError('an error without the header of its request')
  const repeated = (message.flags & flags.capped) !== 0 ? headerLength : payload.readUInt32LE(4)
  return new AttributeReader(payload, (4 + repeated + 3) & ~3)
}
