/** Policies that are remembered: by revision, the newest, and as many rules as there is room for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Policy } from '../core/model/policy.ts'
import { createPolicyMemory } from './policy-memory.ts'

const policy = (id: string, revision: number, rules = 0) =>
  ({ id, revision, rules: new Array(rules).fill({}) }) as unknown as Policy

test('a policy is known by its revision, and an older one takes no newer one’s place', () => {
  const memory = createPolicyMemory(100)
  const [old, young] = [policy('a', 1), policy('a', 2)]
  memory.put(old)
  assert.equal(memory.get('a', 1), old)
  assert.equal(memory.get('a', 2), undefined)
  memory.put(young)
  memory.put(old)
  memory.put(policy('a', 2))
  assert.equal(memory.get('a', 2), young)
  assert.equal(memory.get('a', 1), undefined)
})

test('what was used last stays, and rules take room', () => {
  const memory = createPolicyMemory(10)
  for (const id of ['a', 'b', 'c']) memory.put(policy(id, 1, 2))
  memory.get('a', 1)
  memory.put(policy('d', 1, 1))
  const kept = () => ['a', 'b', 'c', 'd'].filter((id) => memory.get(id, 1))
  assert.deepEqual(kept(), ['a', 'c', 'd'])
  memory.put(policy('a', 2, 0))
  memory.put(policy('b', 1, 3))
  assert.deepEqual(kept(), ['b', 'c', 'd'])
  memory.put(policy('huge', 1, 20))
  assert.deepEqual(kept(), [])
})
