/** When an agent calls again, with connections and a clock that the test has. */
import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { closings } from '../core/model/closings.ts'
import { type Answer, ConnectError, type Connection } from './connect.ts'
import { keepConnected } from './keep-connected.ts'

const log = { info() {}, warn() {}, error() {} }

/** An attempt: what it was answered, or how long its connection lasted and how it ended. */
type Attempt = Answer | Error | { readonly lasts: number; readonly code: number }

/** Most milliseconds that it waits behind each attempt, with pauses that are spread not at all. */
async function pauses(attempts: readonly Attempt[], random = 1): Promise<number[]> {
  const waited: number[] = []
  const left = [...attempts]
  const ending = new AbortController()
  let now = 0
  let last: Attempt | undefined
  await keepConnected(
    {
      async connect(): Promise<Connection> {
        last = left.shift()
        if (last instanceof Error) throw last
        if (typeof last !== 'object') throw new ConnectError('no', last ?? 'none')
        const [stream] = duplexPair()
        return { stream, closed: Promise.resolve({ code: last.code, reason: '' }), server: {} }
      },
      async converse() {
        if (typeof last === 'object' && 'lasts' in last) now += last.lasts
        return null
      },
      log,
      random: () => random,
      now: () => now,
      async sleep(milliseconds) {
        now += milliseconds
        waited.push(milliseconds)
        if (left.length === 0) ending.abort()
      },
    },
    ending.signal,
  )
  return waited
}
const many = (attempt: Attempt, count: number): Attempt[] => Array.from({ length: count }, () => attempt)
const good = { lasts: 5000, code: 1006 }

test('where nobody answers the pause is the same, for ever and after whatever else', async () => {
  assert.deepEqual(await pauses(many('none', 1000)), new Array(1000).fill(500))
  assert.deepEqual((await pauses([...many('refused', 9), 'none'])).at(-1), 500)
})

test('one that cannot answer now is asked each second', async () => {
  assert.deepEqual(await pauses(many('unable', 50)), new Array(50).fill(1000))
  for (const code of [1006, closings.away])
    assert.deepEqual(await pauses(many({ lasts: 4999, code }, 50)), new Array(50).fill(1000))
})

test('one that refuses, or fails in another way, is asked later and later, to half a minute', async () => {
  const growing = [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
  assert.deepEqual(await pauses(many('refused', 7)), growing)
  assert.deepEqual(await pauses(many(new Error('what is this?'), 7)), growing)
  assert.deepEqual(await pauses(many({ lasts: 4999, code: closings.refused }, 7)), growing)
})

test('a connection that was good is had again soon, and ends the growth', async () => {
  assert.deepEqual(await pauses(many(good, 9)), new Array(9).fill(500))
  assert.deepEqual(await pauses(['refused', 'refused', good, 'refused']), [1000, 2000, 500, 1000])
})

test('one whose place was taken waits, and comes back', async () => {
  assert.deepEqual(await pauses([{ lasts: 10, code: closings.replaced }, good]), [60_000, 500])
})

test('pauses are spread from a half of them on', async () => {
  assert.deepEqual(await pauses(['none', 'unable', 'refused'], 0), [250, 500, 500])
})
