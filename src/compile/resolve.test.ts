/** From attached policies to the one that is in force: what is off, what is filtered, what is shared. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Policy } from '../core/model/inventory.ts'
import { createResolver } from './resolve.ts'

const base: Policy = {
  id: 'a',
  revision: 1,
  enabled: true,
  order: 'first-match',
  defaultIngress: 'deny',
  defaultEgress: 'allow',
  stateful: true,
  filters: ['ingress', 'egress'],
  appliesTo: ['public', 'utility'],
  rules: [
    { id: '1', position: 1, direction: 'ingress', action: 'allow', enabled: true, matches: [{}] },
    { id: '2', position: 2, direction: 'egress', action: 'deny', enabled: true, matches: [{}] },
  ],
}

test('rules go to their direction, with the default and the state of the policy', () => {
  const { ingress, egress, stateful } = createResolver()('public', [base])
  assert.ok(ingress.filtered && egress.filtered && stateful)
  assert.deepEqual([ingress.default, egress.default], ['deny', 'allow'])
  const ids = [ingress, egress].map((part) => part.lists.map((list) => list.rules.map((rule) => rule.id)))
  assert.deepEqual(ids, [[['1']], [['2']]])
})

test('what is off, or is not for this kind of interface, or does not filter, lets pass', () => {
  const resolve = createResolver()
  for (const [type, policies] of [
    ['public', []],
    ['public', [{ ...base, enabled: false }]],
    ['private', [base]],
    ['public', [{ ...base, filters: [] }]],
  ] as const) {
    const { ingress, egress } = resolve(type, policies)
    assert.deepEqual([ingress.filtered, egress.filtered], [false, false])
  }
  const oneWay = resolve('public', [{ ...base, filters: ['ingress'] }])
  assert.deepEqual([oneWay.ingress.filtered, oneWay.egress.filtered], [true, false])
})

test('several policies: lists in order, and the strict default', () => {
  const open: Policy = { ...base, id: 'b', defaultIngress: 'allow', stateful: false }
  const { ingress, stateful } = createResolver()('public', [open, base])
  assert.ok(ingress.filtered && stateful)
  assert.deepEqual(
    ingress.lists.map((list) => list.policy),
    ['b', 'a'],
  )
  assert.equal(ingress.default, 'deny')
})

test('the same policies are the same object, on however many interfaces; a changed one shares what did not change', () => {
  const resolve = createResolver()
  const other: Policy = { ...base, id: 'b' }
  const first = resolve('public', [base, other])
  assert.equal(resolve('utility', [base, other]), first)
  assert.notEqual(resolve('public', [other, base]), first)
  const next = resolve('public', [base, { ...other, revision: 2 }])
  assert.ok(first.ingress.filtered && next.ingress.filtered)
  assert.equal(next.ingress.lists[0], first.ingress.lists[0])
  assert.notEqual(next.ingress.lists[1], first.ingress.lists[1])
})
