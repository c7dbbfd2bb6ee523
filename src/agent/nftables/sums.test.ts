/** What devices have counted is told of who had them then. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSums } from './sums.ts'

const both = (packets: number) => ({ ingress: packets, egress: packets })

test('who gets a device that another had begins where that one ended, at once and later', () => {
  for (const pause of [false, true]) {
    const sums = createSums()
    sums.watch('a', 5)
    assert.deepEqual(sums.add(() => both(3)).get('a'), both(3))
    sums.forget('a')
    if (pause) sums.add(() => both(3))
    sums.watch('b', 5)
    assert.deepEqual(sums.add(() => both(7)).get('b'), both(0))
    assert.deepEqual(sums.add(() => both(9)).get('b'), both(2))
    // Its own device anew, and one that nobody had.
    sums.watch('b', 6)
    assert.deepEqual(sums.add(() => both(1)).get('b'), both(3))
  }
})

test('what was counted before anybody was watched is nobody’s, and what the former holder of an id has counted is not the next one’s', () => {
  const sums = createSums()
  sums.begin(new Map([[5, both(4)]]))
  sums.watch('a', 5)
  assert.deepEqual(sums.add(() => both(6)).get('a'), both(2))
  sums.pass('a')
  sums.watch('a', 5)
  assert.deepEqual(sums.add(() => both(9)).get('a'), both(0))
  assert.deepEqual(sums.add(() => both(10)).get('a'), both(1))
})
