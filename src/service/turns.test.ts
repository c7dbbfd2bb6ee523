/** Work in turn: never more than so many at a time, in order, whether it ends well or not, and with the event loop between. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTurns } from './turns.ts'

test('so many run at a time, in the order they came, and one that fails gives up its place', async () => {
  const turns = createTurns(2)
  const ends: (() => void)[] = []
  const begun: number[] = []
  const work = (n: number) =>
    turns(async () => {
      begun.push(n)
      await new Promise<void>((resolve) => ends.push(resolve))
      if (n === 0) throw new Error('failed')
      return n
    })
  const all = [0, 1, 2, 3, 4].map(work)
  const settled = Promise.allSettled(all)
  for (let n = 0; n < 5; n++) {
    while (begun.length < Math.min(n + 2, 5)) await new Promise(setImmediate)
    assert.deepEqual(begun, [0, 1, 2, 3, 4].slice(0, n + 2))
    ends[n]?.()
  }
  const results = (await settled).map((each) => (each.status === 'fulfilled' ? each.value : 'failed'))
  assert.deepEqual(results, ['failed', 1, 2, 3, 4])
  assert.equal(await turns(async () => 'free again'), 'free again')
})

test('between two pieces of work that do not wait, others get their turn of the event loop', async () => {
  const turns = createTurns(1)
  const order: string[] = []
  const first = turns(async () => void order.push('first'))
  const second = turns(async () => void order.push('second'))
  setImmediate(() => order.push('other'))
  await Promise.all([first, second])
  assert.deepEqual(order, ['first', 'other', 'second'])
})
