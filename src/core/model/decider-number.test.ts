/** Numbers stay what they are: counters and marks of a ruleset that stands are read by the next version. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { numberOf } from './decider-number.ts'

test('a decider has the same number always', () => {
  assert.equal(numberOf({ kind: 'default' }), 0x9c1d22f8)
  assert.equal(numberOf({ kind: 'malformed' }), 0xc2f810d4)
  assert.equal(numberOf({ kind: 'rule', policy: 'p', rule: 'r' }), 0x7722bf4a)
})

test('deciders of one policy seldom have one number', () => {
  const policy = randomUUID()
  const numbers = Array.from({ length: 20_000 }, () => numberOf({ kind: 'rule', policy, rule: randomUUID() }))
  // Among so many one pair in twenty tries, by chance.
  assert.ok(new Set(numbers).size > numbers.length - 4)
  assert.ok(numbers.every((each) => Number.isInteger(each) && each > 0 && each < 2 ** 32))
})
