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

test('until everything can be known only what this agent has said is said to be gone, and then all is said', () => {
  const telling = createTelling()
  const [one, two] = [seen('vnet0'), seen('vnet1')]
  assert.deepEqual(telling.next(found(one, two), false), [{ whole: false, put: [one, two], remove: [] }])
  assert.deepEqual(telling.next(found(one), false), [{ whole: false, put: [], remove: ['vnet1'] }])
  assert.deepEqual(telling.next(found(one), true), [{ whole: true, put: [one], remove: [] }])
  telling.again()
  assert.deepEqual(telling.next(found(one), false), [{ whole: false, put: [one], remove: [] }])
})

test('very many are differences of a size, also where they are more than one line holds', () => {
  const telling = createTelling()
  const guest = { id: 'x'.repeat(128), name: 'y'.repeat(128) }
  const many = Array.from({ length: 6000 }, (_, n) => seen(`vnet${n}`, { guest }))
  const changes = telling.next(found(...many), true)
  assert.deepEqual(
    changes.map(({ whole, put }) => [whole, put.length]),
    Array.from({ length: 12 }, () => [false, 500]),
  )
  telling.again()
  const [first] = telling.next(found(), true)
  assert.deepEqual(first, { whole: true, put: [], remove: [] })
})
