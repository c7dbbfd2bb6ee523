/** The way back from numbers, by policies written out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Decider } from '../model/decider.ts'
import { numberOf } from '../model/decider-number.ts'
import type { CommonPolicy, RuleList } from '../model/effective-policy.ts'
import type { Rule } from '../model/rule.ts'
import { decidersOf } from './deciders.ts'

const rule = (id: string, position: number, more: Partial<Rule> = {}): Rule => ({
  ...{ id, position, direction: 'ingress', action: 'deny', enabled: true, matches: [{}] },
  ...more,
})
const list = (policy: string, ...rules: Rule[]): RuleList => ({
  ...{ policy, part: 0, direction: 'ingress', rules },
})
const policyOf = (...lists: RuleList[]): CommonPolicy => ({
  ...{ stateful: true, essentials: [], egress: { filtered: false } },
  ingress: { filtered: true, lists, default: 'deny', log: 'notice' },
})
const find = (policy: CommonPolicy, by: Decider, direction: 'ingress' | 'egress' = 'ingress') =>
  decidersOf(policy, direction).get(numberOf(by))

test('rules with their places and levels, lists, the default, and what decides before', () => {
  const policy = policyOf(list('p', rule('a', 1), rule('b', 2, { log: 'err' })), list('q', rule('a', 7)))
  const cases: readonly [Decider, position: number | null, level: string][] = [
    [{ kind: 'rule', policy: 'p', rule: 'a' }, 1, 'info'],
    [{ kind: 'rule', policy: 'p', rule: 'b' }, 2, 'err'],
    [{ kind: 'rule', policy: 'q', rule: 'a' }, 7, 'info'],
    [{ kind: 'list', policy: 'q' }, null, 'info'],
    [{ kind: 'default' }, null, 'notice'],
    [{ kind: 'essential', name: 'dhcp' }, null, 'info'],
    [{ kind: 'state', state: 'invalid' }, null, 'info'],
    [{ kind: 'origin', check: 'arp' }, null, 'info'],
    [{ kind: 'malformed' }, null, 'info'],
    [{ kind: 'frame' }, null, 'info'],
  ]
  for (const [by, position, level] of cases) assert.deepEqual(find(policy, by), { by, position, level })
  assert.equal(find(policy, { kind: 'rule', policy: 'p', rule: 'c' }), undefined)
})

test('who decides about senders decides also where nothing is filtered', () => {
  const policy = policyOf()
  assert.ok(find(policy, { kind: 'origin', check: 'mac' }, 'egress'))
  assert.equal(find(policy, { kind: 'default' }, 'egress'), undefined)
})

test('of two rules with one number neither is known, in one list or in two; the same rule twice is one', () => {
  const [one, other] = [rule('r145511', 1), rule('r182069', 2)]
  const by = { kind: 'rule', policy: 'p', rule: 'r145511' } as const
  assert.equal(numberOf(by), numberOf({ ...by, rule: 'r182069' }))
  assert.equal(find(policyOf(list('p', one, other)), by), undefined)
  assert.equal(find(policyOf(list('p', one), { ...list('p', other), part: 1 }), by), undefined)
  assert.equal(find(policyOf(list('p', one, other), list('p', one)), by), undefined)
  assert.ok(find(policyOf(list('p', one), list('p', one)), by))
})

test('a policy that stays the same is looked through once', () => {
  const policy = policyOf(list('p', rule('a', 1)))
  assert.equal(decidersOf(policy, 'ingress'), decidersOf(policy, 'ingress'))
})
