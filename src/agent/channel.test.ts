/** The channel between a service and an agent, over streams in memory: order, backpressure, and whatever is no message. */
import assert from 'node:assert/strict'
import { type Duplex, duplexPair } from 'node:stream'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Channel, type Message, openChannel } from './channel.ts'

interface End {
  readonly channel: Channel
  readonly heard: Message[]
  readonly ended: Promise<Error | null>
}

function openEnd(stream: Duplex, maxLine?: number): End {
  const heard: Message[] = []
  const { promise, resolve } = Promise.withResolvers<Error | null>()
  const hear = (type: string) => (rest: object) => void heard.push({ type, ...rest })
  const refuse = () => {
    throw new Error('refused')
  }
  const incoming = { a: hear('a'), b: hear('b'), refused: refuse }
  return {
    channel: openChannel({ stream, incoming, ended: resolve, ...(maxLine !== undefined && { maxLine }) }),
    heard,
    ended: promise,
  }
}

test('messages arrive whole and in order, and what is several is not mixed with others', async () => {
  const [left, right] = duplexPair()
  const [from, to] = [openEnd(left), openEnd(right)]
  const several = [1, 2, 3].map((n) => ({ type: 'a', n, text: 'ä\n€'.repeat(n) }))
  const all = [
    from.channel.send(several),
    from.channel.send([{ type: 'b' }]),
    from.channel.send([{ type: 'a', n: 4 }]),
  ]
  await Promise.all(all)
  await from.channel.close()
  assert.equal(await to.ended, null)
  assert.deepEqual(to.heard, [...several, { type: 'b' }, { type: 'a', n: 4 }])
})

test('lines are put together from whatever pieces they come in', async () => {
  const [left, right] = duplexPair()
  const to = openEnd(right)
  const bytes = Buffer.from('{"type":"a","text":"ä€😀"}\n{"type":"b"}\n')
  for (const byte of bytes) {
    left.write(Buffer.of(byte))
    await turn()
  }
  left.end()
  assert.equal(await to.ended, null)
  assert.deepEqual(to.heard, [{ type: 'a', text: 'ä€😀' }, { type: 'b' }])
})

test('a line that comes byte by byte takes the room of its bytes', () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const [left, right] = duplexPair()
  openEnd(right)
  const byte = Buffer.of(120)
  const used = () => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const before = used()
  for (let n = 0; n < 500_000; n++) right.emit('data', byte)
  const more = used() - before
  left.destroy()
  assert.ok(more < 20_000_000, `${more} bytes`)
})

test('of one that says too much nothing is read for a while, and nothing is lost', async () => {
  const [left, right] = duplexPair()
  const lengths: number[] = []
  const heard: object[] = []
  const { promise: over, resolve: ended } = Promise.withResolvers<Error | null>()
  let paused = 0
  right.on('pause', () => paused++)
  openChannel({
    ...{ stream: right, ended },
    incoming: { a: (rest) => void heard.push(rest) },
    pace(bytes) {
      lengths.push(bytes)
      return 1
    },
  })
  for (let n = 0; n < 20; n++) {
    left.write(`{"type":"a","n":${n}}\n`)
    await turn()
  }
  left.end()
  assert.equal(await over, null)
  assert.deepEqual(
    heard,
    Array.from({ length: 20 }, (_, n) => ({ n })),
  )
  assert.deepEqual([lengths[0], lengths.length], [18, 20])
  assert.ok(paused > 0)
})

describe('what cannot be read ends the connection, and what follows is nobody’s', () => {
  const good = '{"type":"a"}\n'
  const cases: Record<string, readonly [bytes: string | Buffer, error: RegExp]> = {
    'no JSON': ['{"type":\n', /no JSON object/],
    'a secret that is no JSON': ['tell-nobody\n', /^Error: (?!.*tell-nobody)/],
    'an empty line': ['\n', /no JSON object/],
    'a list': ['[{"type":"a"}]\n', /no JSON object/],
    'no type': ['{}\n', /unknown type: undefined/],
    'a type that is no text': ['{"type":["a"]}\n', /unknown type: \["a"\]/],
    'an unknown type': ['{"type":"c"}\n', /unknown type: "c"/],
    'a type that every object has': ['{"type":"constructor"}\n', /unknown type: "constructor"/],
    'bytes that are no text': [Buffer.of(0x22, 0xff, 0xfe, 0x22, 10), /no JSON object/],
    'a line without end': ['x'.repeat(2000), /a line of more than 1000 bytes/],
    'a long line': [`{"type":"a","text":"${'x'.repeat(2000)}"}\n`, /a line of more than 1000 bytes/],
    'what its reader refuses': ['{"type":"refused"}\n', /refused/],
  }
  for (const [what, [bytes, error]] of Object.entries(cases)) {
    test(what, async () => {
      const [left, right] = duplexPair()
      const to = openEnd(right, 1000)
      left.write(good)
      left.write(Buffer.concat([Buffer.from(bytes), Buffer.from(good)]))
      left.write(good)
      assert.match(String(await to.ended), error)
      assert.deepEqual(to.heard, [{ type: 'a' }])
      assert.ok(right.destroyed)
    })
  }

  test('an end in the middle of a line', async () => {
    const [left, right] = duplexPair()
    const to = openEnd(right)
    left.end(`${good}{"type":"b"}`)
    assert.equal(await to.ended, null)
    assert.deepEqual(to.heard, [{ type: 'a' }], 'half a message was heard')
  })
})

test('messages are made when there is room for them, and others get their turn between any two', async () => {
  const [left, right] = duplexPair()
  const from = openEnd(left)
  const count = 400
  const made: number[] = []
  let turns = 0
  function* messages(): Generator<Message> {
    for (let n = 0; n < count; n++) {
      made.push(turns)
      yield { type: 'a', n, text: 'x'.repeat(1000) }
    }
  }

  let over = false
  const counting = (async () => {
    while (!over) {
      await turn()
      turns++
    }
  })()
  const sent = from.channel.send(messages())
  for (let n = 0; n < 1000; n++) await turn()
  assert.ok(made.length < count / 2, `${made.length} messages were made for somebody who reads none`)
  const to = openEnd(right)
  await sent
  over = true
  await Promise.all([counting, from.channel.close(), to.ended])

  assert.equal(to.heard.length, count)
  // Ours is counted before or behind the other's in a turn, which may change once.
  const together = Math.max(...[...Map.groupBy(made, (each) => each).values()].map((each) => each.length))
  assert.ok(together <= 2, `${together} messages were made in one turn of the event loop`)
})

test('whoever sends is not left waiting by an end', async () => {
  const [left, right] = duplexPair()
  const from = openEnd(left)
  const large = { type: 'a', text: 'x'.repeat(1_000_000) }
  const sent = from.channel.send([large, large])
  await turn()
  right.destroy()
  left.destroy()
  await sent
  await from.channel.send([large])
  await from.channel.close()
  await from.ended
})

test('a message that cannot be made ends the connection', async () => {
  const [left, right] = duplexPair()
  const from = openEnd(left)
  function* broken(): Generator<Message> {
    yield { type: 'a' }
    throw new Error('cannot be made')
  }
  await from.channel.send(broken())
  assert.match(String(await from.ended), /cannot be made/)
  right.destroy()
})
