/** Whose turn it is, and what shares a transaction. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createFairQueue, isLargeWrite } from './fair-queue.ts'

const clock = { now: 0 }
/** Items are an account's letter and a number; large ones are of a capital letter, and nobody waits for those of z. */
const queueOf = (...items: readonly string[]) => {
  const queue = createFairQueue<string>({
    accountOf: (item) => (item[0] ?? '').toLowerCase(),
    isLarge: (item) => /^[A-Z]/.test(item),
    isIdle: (item) => item.startsWith('z'),
    now: () => clock.now,
  })
  for (const item of items) queue.push(item)
  return queue
}
const drain = (queue: ReturnType<typeof queueOf>, most = 10) => {
  const batches: string[] = []
  while (!queue.isEmpty) batches.push(queue.take(most).join(' '))
  return batches
}

describe('the fair queue', () => {
  for (const [items, want, most] of [
    [[], []],
    [['a1', 'a2', 'a3'], ['a1 a2 a3']],
    [['a1', 'a2', 'a3', 'b1', 'c1'], ['a1 b1 c1 a2 a3']],
    [['a1', 'a2', 'a3', 'b1'], ['a1 b1', 'a2 a3'], 2],
    // Large ones are alone, and do not lose their turn to small ones for ever.
    [
      ['A1', 'A2', 'b1'],
      ['A1', 'b1', 'A2'],
    ],
    [
      ['b1', 'A1', 'b2', 'c1'],
      ['b1 c1 b2', 'A1'],
    ],
    [
      ['A1', 'A2', 'B1', 'B2', 'c1'],
      ['A1', 'B1', 'c1', 'A2', 'B2'],
    ],
    // One account's come in order.
    [
      ['a1', 'A2', 'a3'],
      ['a1', 'A2', 'a3'],
    ],
  ] as const satisfies readonly (readonly [readonly string[], readonly string[], number?])[]) {
    test(items.join(' ') || 'nothing', () => assert.deepEqual(drain(queueOf(...items), most), want))
  }

  test('what nobody waits for comes last and alone, and is not kept waiting for ever', () => {
    assert.deepEqual(drain(queueOf('z1', 'a1', 'z2', 'B1', 'b2')), ['a1', 'B1', 'b2', 'z1', 'z2'])
    const queue = queueOf('z1', 'z2')
    for (let round = 0; round < 20; round++) queue.push(`a${round}`)
    assert.equal(queue.take(1).join(), 'a0')
    clock.now += 6000
    assert.equal(queue.take(1).join(), 'z1')
    assert.equal(queue.take(1).join(), 'a1')
  })

  test('an account rests after a large one while others are about, and does not where it is alone', () => {
    const queue = queueOf('A1', 'A2', 'A3')
    const write = (milliseconds: number) => {
      const taken = queue.take(10)
      clock.now += milliseconds
      queue.took(milliseconds)
      return taken.join(' ')
    }
    assert.deepEqual([write(10), write(10)], ['A1', 'A2'], 'alone')
    queue.push('b1')
    queue.push('A4')
    assert.deepEqual([write(10), write(0)], ['A3', 'b1'], 'what came meanwhile is next')
    assert.deepEqual([write(0), queue.isEmpty, queue.rest], ['', false, 30])
    queue.push('b2')
    assert.deepEqual([queue.rest, write(1)], [0, 'b2'])
    clock.now += 29
    assert.equal(write(10), 'A4')
    // Nobody else has written for some time.
    clock.now += 5000
    for (const item of ['A5', 'A6']) queue.push(item)
    assert.deepEqual([write(10), write(10), queue.isEmpty], ['A5', 'A6', true])
  })

  test('which writes are large', () => {
    const rules = Array.from({ length: 51 }, () => 1)
    for (const [args, want] of [
      [{ rules }, true],
      [{ rules: { rules } }, true],
      [{ policies: { put: rules } }, true],
      [{ rules: [1], name: 'x', nothing: null }, false],
    ] as const) {
      assert.equal(isLargeWrite(args), want)
    }
  })
})
