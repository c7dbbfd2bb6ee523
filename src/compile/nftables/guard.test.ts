/** The file of a guard says what the guard holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Guard, guardFile, readGuardFile } from './guard.ts'

const guard = (of: Partial<Guard>): Guard => ({
  ...{ devices: new Set(), indexes: new Set(), patterns: [], open: new Set() },
  ...of,
})

test('what is written is read, but for indexes', () => {
  for (const each of [
    guard({}),
    guard({ patterns: ['tap*', 'vnet3'] }),
    guard({ devices: new Set(['tap0', 'eth0.100']), patterns: ['tap*'], open: new Set(['tap5', 'tap6']) }),
  ]) {
    assert.deepEqual(readGuardFile(guardFile({ ...each, indexes: new Set([7]) })), each)
  }
})

test('what ends early, wherever, or is no guard, is none', () => {
  const whole = guardFile(guard({ devices: new Set(['tap0']), patterns: ['tap*'] }))
  const cut = Array.from({ length: whole.length }, (_, length) => whole.slice(0, length))
  for (const text of [...cut, 'nonsense']) assert.equal(readGuardFile(text), undefined, text)
})
