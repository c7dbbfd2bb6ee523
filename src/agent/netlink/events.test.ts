/** Events against a kernel that is made up: signals that coalesce, floods, losses, and an end in the middle. */
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { follow } from './events.ts'
import { MessageBuilder } from './message.ts'
import type { Transport } from './transport.ts'

const { EAGAIN, EINTR, ENOBUFS } = constants.errno

function fake() {
  const waiting: (Buffer | number)[] = []
  let closed = 0
  const transport: Transport = {
    port: 7,
    send: () => 0,
    receive(into) {
      const next = waiting.shift()
      if (next === undefined) return -EAGAIN
      if (typeof next === 'number') return next
      into.set(next.subarray(0, into.length))
      return next.length
    },
    enlarge() {},
    close() {
      closed++
    },
  }
  return { transport, waiting, closed: () => closed }
}

const event = (type: number): Buffer => Buffer.from(new MessageBuilder().begin(type, 0).finish())
const signal = () => process.emit('SIGIO', 'SIGIO', constants.signals.SIGIO)

test('what came before the first signal, and all that came with one', async () => {
  const { transport, waiting, closed } = fake()
  const seen: number[] = []
  waiting.push(event(100))
  const events = follow(transport, { onMessage: (m) => seen.push(m.type), onLost: () => seen.push(0) })
  await turn()
  assert.deepEqual(seen, [100])
  waiting.push(Buffer.concat([event(101), event(102)]), -EINTR, event(103))
  signal()
  assert.deepEqual(seen, [100, 101, 102, 103])
  events.close()
  events.close()
  assert.equal(closed(), 1)
  waiting.push(event(104))
  signal()
  assert.equal(seen.length, 4)
})

test('what is lost, cut off, or no message is told as lost, and the rest goes on', () => {
  const { transport, waiting } = fake()
  const seen: (number | string)[] = []
  const events = follow(transport, { onMessage: (m) => seen.push(m.type), onLost: () => seen.push('lost') })
  const long = Buffer.concat([event(1), Buffer.alloc(70_000)])
  waiting.push(event(100), -ENOBUFS, event(101), long, event(102), Buffer.alloc(20, 0xff), event(103))
  signal()
  assert.deepEqual(seen, [100, 'lost', 101, 'lost', 102, 'lost', 103])
  events.close()
})

test('a flood lets others have a turn, and an end in the middle is the end', async () => {
  const { transport, waiting } = fake()
  let count = 0
  const events = follow(transport, {
    onMessage() {
      count++
      if (count === 700) events.close()
    },
    onLost() {},
  })
  for (let i = 0; i < 1000; i++) waiting.push(event(100))
  signal()
  assert.ok(count > 0 && count < 700, `${count} in one turn`)
  for (let i = 0; i < 10; i++) await turn()
  assert.equal(count, 700)
  assert.equal(waiting.length, 300)
})
