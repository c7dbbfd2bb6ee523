/** What has been seen: never forgotten, and told apart by kind and scope. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReport } from './report.ts'
import { createSeen } from './seen.ts'

test('each of very many keys is new once, and seen from then on', () => {
  const seen = createSeen()
  const keys = Array.from({ length: 50_000 }, (_, n) => `2001:db8::${n.toString(16)}`)
  const again = keys.filter((key) => seen.add('address', '', key))
  assert.deepEqual(again, [])
  assert.equal(
    keys.every((key) => seen.add('address', '', key)),
    true,
  )
})

test('kind, scope and key are apart, wherever one ends and the next begins', () => {
  const seen = createSeen()
  const parts = [
    ['device', 'host', 'tap1'],
    ['device', 'hostt', 'ap1'],
    ['deviceh', 'ost', 'tap1'],
    ['device', '', 'hosttap1'],
    ['', '', ''],
  ] as const satisfies (readonly [string, string, string])[]
  for (const [kind, scope, key] of parts)
    assert.equal(seen.add(kind, scope, key), false, `${kind} ${scope} ${key}`)
  for (const [kind, scope, key] of parts)
    assert.equal(seen.add(kind, scope, key), true, `${kind} ${scope} ${key}`)
})

test('a report without places finds what one with places names', () => {
  const [quick, exact] = [createReport({ places: false }), createReport()]
  for (const report of [quick, exact]) {
    report.once('address', '192.0.2.1', 'a', undefined, 'one')
    report.once('address', '192.0.2.1', 'b', undefined, 'two')
    assert.equal(report.fault, undefined)
    report.once('address', '192.0.2.1', 'c', undefined, 'two')
  }
  assert.notEqual(quick.fault, undefined)
  assert.equal(exact.fault, 'c: the address 192.0.2.1 is there twice, first at b')
})
