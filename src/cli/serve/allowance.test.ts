/** What an agent may make others keep. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InterfaceStatus } from '../../core/model/desired.ts'
import type { StatusChange } from '../../core/model/status-change.ts'
import { allowances, createAllowance } from './allowance.ts'

const nic = (id: string, more: Partial<InterfaceStatus> = {}): InterfaceStatus => ({
  ...{ id, device: 'tap', appliedRevision: 1, state: 'failing', error: null, notes: [] },
  ...more,
})
const change = (put: readonly InterfaceStatus[], more: Partial<StatusChange> = {}): StatusChange => ({
  host: {
    ...{ host: 'kvm', target: 'fake', observe: false, desiredRevision: 1, appliedRevision: 1 },
    ...{ state: 'applied', error: null, repairs: 0, warnings: [] },
  },
  ...{ whole: false, put, remove: [], ...more },
})

test('what is usual is kept as it is; texts are cut', () => {
  const allow = createAllowance()
  const usual = change([nic('a', { error: 'why', notes: ['n'] })])
  assert.deepEqual(allow(usual), usual)
  const [cut] = allow(
    change([nic('a', { error: 'x'.repeat(1e6), notes: Array(100).fill('y'.repeat(1e5)) })]),
  ).put
  assert.equal(cut?.error?.length, allowances.error)
  assert.deepEqual([cut?.notes.length, cut?.notes[0]?.length], [allowances.notes, allowances.note])
  const { host } = allow(
    change([], { host: { ...usual.host, error: 'x'.repeat(1e6), warnings: Array(99).fill('w') } }),
  )
  assert.deepEqual([host.error?.length, host.warnings.length], [allowances.error, allowances.notes])
})

test('names, interfaces and all texts together have an end; what goes makes room', () => {
  const allow = createAllowance()
  assert.throws(() => allow(change([nic('x'.repeat(256))])), /a name of 256/)
  const some = (from: number, count: number) => Array.from({ length: count }, (_, n) => nic(`i${from + n}`))
  const many = createAllowance()
  many(change(some(0, allowances.interfaces), { whole: true }))
  many(change(some(0, 10)))
  assert.throws(() => many(change(some(allowances.interfaces, 1))), /more interfaces/)
  const again = createAllowance()
  again(change(some(0, allowances.interfaces), { whole: true }))
  again(change(some(allowances.interfaces, 1), { remove: ['i0'] }))
  again(change(some(0, 1), { whole: true }))
  again(change(some(0, allowances.interfaces)))
  const loud = createAllowance()
  const notes = Array(allowances.notes).fill('x'.repeat(allowances.note))
  assert.throws(() => {
    for (let n = 0; n < 2000; n++) loud(change([nic(`i${n}`, { notes })]))
  }, /says more/)
})
