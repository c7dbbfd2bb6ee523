/** Sets that are read while packets add to them: each element once, and none is missing that one of the dumps has told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hits } from './kernel.ts'
import { wholeCounts } from './whole-counts.ts'

type Elements = Hits['elements']

/** Keys of one digit each, which have counted so many packets. */
const counted = (keys: string, packets: number): Elements =>
  [...keys].map((key) => ({ index: 1, number: 2 ** 32 - Number(key), packets, bytes: 40 * packets }))
const asked = async (...dumps: readonly Elements[]) => {
  let at = 0
  const elements = await wholeCounts(() => dumps[at++] ?? assert.fail('asked once more'))
  return { at, elements }
}

test('a dump that tells none twice is taken as it is', async () => {
  for (const keys of ['', '1', '123456789']) {
    const dump = counted(keys, 5)
    const { at, elements } = await asked(dump)
    assert.deepEqual([at, elements], [1, dump])
  }
})

test('after one that tells some twice it is read again', async () => {
  const whole = counted('12345', 6)
  const { at, elements } = await asked(counted('12331', 5), counted('1244', 5), whole)
  assert.deepEqual([at, elements], [3, whole])
})

test('where all tell some twice, all that any has told is there, as it was told last', async () => {
  const { elements } = await asked(counted('1233', 5), counted('1144', 6), counted('1155', 7))
  const packets = new Map(elements.map((each) => [2 ** 32 - each.number, each.packets]))
  assert.deepEqual(
    packets,
    new Map([
      [1, 7],
      [2, 5],
      [3, 5],
      [4, 6],
      [5, 7],
    ]),
  )
  assert.equal(elements.length, packets.size)
})

test('keys that differ in one of their parts are two', async () => {
  const elements = [0, 1, 2 ** 31, 2 ** 32 - 1].flatMap((number) =>
    [0, 1, 2 ** 31, 0xfe54000000ff, 0xff54000000ff].map((index) => ({ index, number, packets: 1, bytes: 1 })),
  )
  assert.equal((await asked(elements)).elements, elements)
})
