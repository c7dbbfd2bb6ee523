/** Requests against a kernel that is made up: answers that are interrupted, lost, late, too long, or refused. */
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import {
  InterruptedError,
  KernelError,
  OutcomeUnknownError,
  SystemCallError,
  TooLargeError,
} from './errors.ts'
import { control, flags, MessageBuilder, MessageReader } from './message.ts'
import { beginBatch, sendBatch } from './nfnetlink.ts'
import { NetlinkSocket } from './socket.ts'
import type { Transport } from './transport.ts'

const { EAGAIN, EINTR, ENOBUFS, ENOENT, EMSGSIZE, EEXIST, EPERM, EBUSY } = constants.errno

/** A datagram, or an errno. */
type Answer = Buffer | number

interface Sent {
  readonly type: number
  readonly flags: number
  readonly sequence: number
}

/** Answers each datagram with what `answer` makes of its messages; `limit` is what it takes at once, in bytes. */
function fake(
  answer: (sent: readonly Sent[], attempt: number) => readonly Answer[],
  limit = Infinity,
  sequence = 0,
) {
  const waiting: Answer[] = []
  let attempts = 0
  let most = limit
  const enlarged: number[] = []
  const transport: Transport = {
    port: 7,
    send(datagram) {
      if (datagram.length > most) return EMSGSIZE
      const sent: Sent[] = []
      const reader = new MessageReader(Buffer.from(datagram))
      while (reader.next()) sent.push({ type: reader.type, flags: reader.flags, sequence: reader.sequence })
      const answers = answer(sent, attempts++)
      const [first] = answers
      if (answers.length === 1 && typeof first === 'number' && first > 0) return first
      waiting.push(...answers)
      return 0
    },
    receive(into) {
      const next = waiting.shift()
      if (next === undefined) return -EAGAIN
      if (typeof next === 'number') return next
      into.set(next.subarray(0, into.length))
      return next.length
    },
    enlarge(bytes) {
      enlarged.push(bytes)
      if (most < 1000) most = 1000
    },
    close() {},
  }
  return { socket: new NetlinkSocket(transport, sequence), attempts: () => attempts, enlarged, waiting }
}

function message(type: number, sequence: number, build?: (to: MessageBuilder) => void, more = 0): Buffer {
  const builder = new MessageBuilder().begin(type, more)
  build?.(builder)
  const bytes = Buffer.from(builder.finish())
  bytes.writeUInt32LE(sequence, 8)
  return bytes
}

/** An acknowledgement, or an error, without its request repeated. */
function verdict(sequence: number, errno: number, text?: string, offset?: number): Buffer {
  const fixed = Buffer.alloc(20)
  fixed.writeInt32LE(-errno, 0)
  fixed.writeUInt32LE(16, 4)
  const builder = new MessageBuilder().begin(control.error, flags.capped | flags.extended, fixed)
  if (text !== undefined) builder.text(1, text)
  if (offset !== undefined) builder.u32(2, offset)
  const bytes = Buffer.from(builder.finish())
  bytes.writeUInt32LE(sequence, 8)
  return bytes
}

const item = (sequence: number, value: number, more = 0) =>
  message(100, sequence, (to) => to.u32(1, value), flags.multi | more)
const done = (sequence: number, errno = 0, more = 0) => {
  const bytes = Buffer.concat([
    message(control.done, sequence, undefined, flags.multi | more),
    Buffer.alloc(4),
  ])
  bytes.writeUInt32LE(20, 0)
  bytes.writeInt32LE(-errno, 16)
  return bytes
}
const request = (count = 1) => {
  const builder = new MessageBuilder()
  for (let i = 0; i < count; i++) builder.begin(50 + i, flags.request).u32(1, i)
  return builder.finish()
}
const value = (from: MessageReader) => {
  const attributes = from.attributes(0)
  attributes.next()
  return attributes.u32()
}
const seq = (sent: readonly Sent[], index = 0): number => sent[index]?.sequence ?? -1

test('the last message alone is acknowledged, and what is answered beside is read', () => {
  const { socket } = fake((sent) => {
    assert.deepEqual(
      sent.map((each) => [each.type, each.flags]),
      [
        [50, flags.request],
        [51, flags.request | flags.ack],
      ],
    )
    assert.equal(seq(sent, 1), seq(sent) + 1)
    return [message(100, seq(sent), (to) => to.u32(1, 42)), verdict(seq(sent, 1), 0)]
  })
  const read: number[] = []
  socket.transact(request(2), (from) => read.push(value(from)))
  assert.deepEqual(read, [42])
})

test('every failure is told with its message, words and place', () => {
  const { socket } = fake((sent) => [
    verdict(seq(sent, 2), EEXIST),
    verdict(seq(sent, 1), ENOENT, 'no such thing', 20),
  ])
  assert.throws(
    () => socket.transact(request(3)),
    (error) => {
      assert.ok(error instanceof KernelError)
      assert.deepEqual(error.failures, [
        { index: 1, code: 'ENOENT', text: 'no such thing', offset: 20, missing: null },
        { index: 2, code: 'EEXIST', text: '', offset: null, missing: null },
      ])
      assert.equal(
        error.message,
        'message 1: ENOENT: no such thing (at byte 20); message 2: EEXIST: file already exists',
      )
      return true
    },
  )
})

test('an error that repeats its request, and an end of a dump with words', () => {
  const { socket } = fake((sent, attempt) => {
    if (attempt === 1) {
      const end = Buffer.concat([
        done(seq(sent), EPERM, flags.extended),
        Buffer.from('0800010041424300', 'hex'),
      ])
      end.writeUInt32LE(28, 0)
      return [end]
    }
    const repeated = Buffer.concat([
      verdict(seq(sent), ENOENT),
      Buffer.alloc(8),
      Buffer.from('0800010041424300', 'hex'),
    ])
    repeated.writeUInt16LE(flags.extended, 6)
    repeated.writeUInt32LE(24, 20)
    repeated.writeUInt32LE(repeated.length, 0)
    return [repeated]
  })
  const text = (words: string) => (error: unknown) =>
    error instanceof KernelError && error.failures[0]?.text === words
  assert.throws(() => socket.transact(request()), text('ABC'))
  assert.throws(() => socket.dump(request(), value), text('ABC'))
})

test('a lost acknowledgement is not taken for one, nor is another’s', () => {
  const lost: Record<string, (sent: readonly Sent[]) => readonly Answer[]> = {
    'none came': () => [],
    'that of an earlier call': (sent) => [verdict(seq(sent) - 1, 0)],
    'that of another message': (sent) => [verdict(seq(sent), 0)],
    'there was no room': () => [-ENOBUFS],
    'there was no room for one of two': (sent) => [-ENOBUFS, verdict(seq(sent, 1), 0)],
    'it is cut off': (sent) => [verdict(seq(sent, 1), 0).subarray(0, 30)],
    'it is too long': (sent) => [Buffer.concat([verdict(seq(sent, 1), 0), Buffer.alloc(70_000)])],
  }
  for (const [name, answer] of Object.entries(lost)) {
    const { socket } = fake(answer)
    assert.throws(() => socket.transact(request(2)), OutcomeUnknownError, name)
  }
})

test('one error is enough, whatever else was lost; an interrupted call is repeated', () => {
  const refused = fake((sent) => [-EINTR, verdict(seq(sent), ENOENT), -ENOBUFS])
  assert.throws(() => refused.socket.transact(request(2)), KernelError)
  const well = fake((sent) => [-EINTR, verdict(seq(sent, 1), 0)])
  well.socket.transact(request(2))
})

test('what is left of one call does not disturb the next', () => {
  const { socket, waiting } = fake((sent, attempt) =>
    attempt === 0 ? [] : [verdict(seq(sent), 0), item(seq(sent) - 1, 9)],
  )
  assert.throws(() => socket.transact(request()), OutcomeUnknownError)
  waiting.push(verdict(1, ENOENT))
  socket.transact(request(), () => assert.fail('a message of the call before'))
})

test('an error of the reader is thrown, and nothing waits behind it', () => {
  const { socket, waiting } = fake((sent) => [item(seq(sent), 1), item(seq(sent), 2), done(seq(sent))])
  const read = () => {
    throw new Error('mine')
  }
  assert.throws(() => socket.dump(request(), read), /mine/)
  assert.equal(waiting.length, 0)
})

test('a dump in several datagrams', () => {
  const { socket } = fake((sent) => {
    assert.equal(sent[0]?.flags, flags.request | flags.dump)
    return [
      Buffer.concat([item(seq(sent), 1), item(seq(sent), 2)]),
      Buffer.concat([item(seq(sent), 3), done(seq(sent))]),
    ]
  })
  assert.deepEqual(socket.dump(request(), value), [1, 2, 3])
})

test('a dump that is interrupted, cut off or partly lost is asked for again', () => {
  const bad: Record<string, (sequence: number) => readonly Answer[]> = {
    'a part says so': (s) => [item(s, 9), item(s, 8, flags.dumpInterrupted), done(s)],
    'its end says so': (s) => [item(s, 9), done(s, 0, flags.dumpInterrupted)],
    'it ends by EINTR': (s) => [item(s, 9), done(s, EINTR)],
    'EINTR instead of it': (s) => [verdict(s, EINTR)],
    'no end': (s) => [item(s, 9)],
    'no room': (s) => [item(s, 9), -ENOBUFS, done(s)],
    'too long': (s) => [Buffer.concat([item(s, 9), Buffer.alloc(100_000)]), done(s)],
    'not netlink': (s) => [item(s, 9), Buffer.alloc(40, 0xff), done(s)],
  }
  for (const [name, answer] of Object.entries(bad)) {
    const well = (s: number) => [item(s, 1), done(s)]
    const later = fake((sent, attempt) => (attempt < 3 ? answer : well)(seq(sent)))
    assert.deepEqual(later.socket.dump(request(), value), [1], name)
    assert.equal(later.attempts(), 4, name)
    const never = fake((sent) => answer(seq(sent)))
    assert.throws(() => never.socket.dump(request(), value), InterruptedError, name)
    assert.equal(never.attempts(), 10, name)
  }
})

test('an answer that was too long for the buffer fits the next time', () => {
  const long = (s: number) =>
    Buffer.concat([message(100, s, (to) => to.bytes(1, Buffer.alloc(65_000))), item(s, 5)])
  const { socket, attempts } = fake((sent) => [
    Buffer.concat([long(seq(sent)), long(seq(sent)), done(seq(sent))]),
  ])
  assert.equal(socket.dump(request(), (from) => from.payload.length).length, 4)
  assert.equal(attempts(), 2)
})

test('a dump that is refused is not asked for again', () => {
  for (const answer of [verdict, done] as const) {
    const { socket, attempts } = fake((sent) => [answer(seq(sent), EPERM)])
    assert.throws(() => socket.dump(request(), value), KernelError)
    assert.equal(attempts(), 1)
  }
})

test('more than the socket takes has it take more; more than it can take changes nothing, and says so', () => {
  const large = new MessageBuilder().begin(50, flags.request).bytes(1, Buffer.alloc(500)).finish()
  const grows = fake((sent) => [verdict(seq(sent), 0)], 100)
  grows.socket.transact(large)
  assert.deepEqual(grows.enlarged, [large.length])
  const larger = new MessageBuilder().begin(50, flags.request).bytes(1, Buffer.alloc(5000)).finish()
  const never = fake(() => [], 100)
  assert.throws(() => never.socket.transact(larger), TooLargeError)
  assert.equal(never.attempts(), 0)
  const full = fake(() => [ENOBUFS])
  assert.throws(() => full.socket.transact(large), TooLargeError)
  const busy = fake(() => [EBUSY])
  assert.throws(
    () => busy.socket.transact(large),
    (error) => error instanceof SystemCallError && error.code === 'EBUSY',
  )
})

test('sequence numbers go round', () => {
  const { socket } = fake(
    (sent) => [verdict(seq(sent, 1), ENOENT), verdict(seq(sent, 3), 0)],
    Infinity,
    0xffff_fffd,
  )
  assert.throws(
    () => socket.transact(request(4)),
    (error) => error instanceof KernelError && error.failures[0]?.index === 1,
  )
  const next = fake((sent) => [verdict(seq(sent, 3), 0)], Infinity, 0xffff_fffd)
  const sent = request(4)
  next.socket.transact(sent)
  assert.deepEqual(
    [8, 8 + 24, 8 + 48, 8 + 72].map((at) => sent.readUInt32LE(at)),
    [0xffff_fffe, 0xffff_ffff, 0, 1],
  )
})

test('a batch is acknowledged by its last message, and counts from 0', () => {
  const types: number[][] = []
  const { socket } = fake((sent, attempt) => {
    types.push(sent.map((each) => each.type | ((each.flags & flags.ack) << 16)))
    if (attempt === 0) return [verdict(seq(sent, 2), 0)]
    if (attempt === 1) return [verdict(seq(sent, 0), EBUSY), verdict(seq(sent, 2), 0)]
    return [verdict(seq(sent, 2), ENOENT)]
  })
  const builder = new MessageBuilder()
  const build = () => {
    beginBatch(builder, { subsystem: 10 })
    builder.begin(2560, flags.request).begin(2561, flags.request)
  }
  const ack = flags.ack << 16
  build()
  sendBatch(socket, builder, { subsystem: 10, commit: true })
  build()
  assert.throws(
    () => sendBatch(socket, builder, { subsystem: 10, commit: true }),
    /^KernelError: the batch: EBUSY: resource busy or locked$/,
  )
  build()
  assert.throws(
    () => sendBatch(socket, builder, { subsystem: 10, commit: false }),
    (error) => error instanceof KernelError && error.failures[0]?.index === 1,
  )
  beginBatch(builder, { subsystem: 10 })
  sendBatch(socket, builder, { subsystem: 10, commit: true })
  assert.deepEqual(types, [
    [16, 2560, 2561 | ack, 17],
    [16, 2560, 2561 | ack, 17],
    [16, 2560, 2561 | ack],
  ])
})
