/** What is said of what cannot be counted for sure. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Rule } from '../core/model/rule.ts'
import type { EffectiveInterface } from './effective.ts'
import { stepsOf } from './rule-steps.ts'

const rule = (id: string, position: number): Rule => ({
  ...{ id, position, direction: 'ingress', action: 'deny', enabled: true },
  matches: [{}],
})

test('rules of one interface with one number are not known, and never called unused', () => {
  const list = {
    ...({ policy: 'p', part: 0, direction: 'ingress' } as const),
    // These two have the same number.
    rules: [rule('r145511', 1), rule('r182069', 2), rule('r', 3)],
  }
  const placement = {
    inForce: { state: 'applied', mode: 'routed', error: null, appliedRevision: 1 },
    policy: {
      ...{ stateful: false, essentials: [], egress: { filtered: false } },
      ingress: { filtered: true, default: 'deny', lists: [list] },
    },
  } as unknown as EffectiveInterface
  const steps = stepsOf(placement, 'ingress', {
    since: 1000,
    hits: () => undefined,
    sum: () => ({ packets: 0, bytes: 0, lastHit: null }),
    ruleSince: () => 2000,
    nameOf: (policy) => policy,
  })
  assert.deepEqual(
    steps.map((each) => [each.rule?.rule.id, each.counted, each.unusedSince]),
    [
      ['r145511', false, null],
      ['r182069', false, null],
      ['r', true, 2000],
      [undefined, true, 1000],
    ],
  )
  assert.match(steps[0]?.why ?? '', /same number/)
})
