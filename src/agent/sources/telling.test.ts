/** What a service is told of devices: everything once it can be known, then differences, and never that something is gone which may be there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sighting } from '../../core/model/sighting.ts'
import { createTelling } from './telling.ts'

const seen = (device: string, more: Partial<Sighting> = {}): Sighting => ({
  ...{ device, present: true, mac: null, address: null, source: 'links', guarded: true },
  ...more,
})
const found = (...all: readonly Sighting[]) => new Map(all.map((each) => [each.device, each]))

test('all that is there first, then what differs, and all again to whoever is connected next', () => {
  const telling = createTelling()
  const [one, two] = [seen('vnet0'), seen('vnet1')]
  assert.deepEqual(telling.next(found(one, two), true), [{ whole: true, put: [one, two], remove: [] }])
  assert.deepEqual(telling.next(found(one, two), true), [])
  const other = seen('vnet1', { mac: '52:54:00:00:00:01' })
  assert.deepEqual(telling.next(found(other), true), [{ whole: false, put: [other], remove: ['vnet0'] }])
  telling.again()
  assert.deepEqual(telling.next(found(other), true), [{ whole: true, put: [other], remove: [] }])
  telling.again()
  assert.deepEqual(telling.next(found(), true), [{ whole: true, put: [], remove: [] }])
})

test('nothing is said until it is known what is gone', () => {
  const telling = createTelling()
  const [one, two] = [seen('vnet0'), seen('vnet1')]
  assert.deepEqual(telling.next(found(one, two), false), [])
  assert.deepEqual(telling.next(found(one), true), [{ whole: true, put: [one], remove: [] }])
  telling.again()
  assert.deepEqual(telling.next(found(one), false), [])
})

test('very many are said in messages of a size, and all at once without their guests where those make it too long', () => {
  const telling = createTelling()
  const guest = { id: 'x'.repeat(128), name: 'y'.repeat(128) }
  const many = Array.from({ length: 6000 }, (_, n) => seen(`vnet${n}`, n === 0 ? {} : { guest }))
  const [all, ...more] = telling.next(found(...many), true)
  assert.ok(all?.whole && JSON.stringify(all).length < 2_000_000)
  assert.deepEqual([all.put.length, all.put.some((each) => each.guest)], [6000, false])
  assert.deepEqual(
    more.map(({ whole, put, remove }) => [whole, put.length, remove.length]),
    Array.from({ length: 12 }, (_, n) => [false, n === 11 ? 499 : 500, 0]),
  )
  assert.deepEqual(
    more.flatMap(({ put }) => put),
    many.slice(1),
  )
  const [gone, ...rest] = telling.next(found(...many.slice(600)), true)
  assert.deepEqual([gone?.remove.length, rest[0]?.remove.length, rest.length], [500, 100, 1])
})

test('no message is longer than a service reads, however much is known of each device', () => {
  const policies = Array.from({ length: 1000 }, (_, n) => `${n}`.padEnd(128, '\u6f22'))
  const adoption = {
    ...{ account: 'a', profile: 'native', server: { id: 'x', name: 'x' }, index: 1, addresses: [], policies },
  }
  const all = Array.from({ length: 40 }, (_, n) => seen(`vnet${n}`, { adoption }))
  const telling = createTelling()
  telling.next(found(), true)
  const changes = telling.next(found(...all), true)
  telling.again()
  const [first, ...others] = telling.next(found(...all), true)
  assert.deepEqual(
    [first?.whole, first?.put.map(({ device }) => device)],
    [true, all.map(({ device }) => device)],
  )
  for (const list of [changes, others]) {
    for (const each of list) assert.ok(Buffer.byteLength(JSON.stringify(each)) < 3 * 1024 * 1024)
    assert.deepEqual(
      list.flatMap(({ put }) => put),
      all,
    )
  }
})
