/** What is kept of policies, and what is read again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Policy } from '../core/model/policy.ts'
import type { Storage } from '../storage/storage.ts'
import { createPolicyCache } from './policy-cache.ts'

/** A store of which only the policies are asked, and what was asked. */
function counting() {
  const asked: string[] = []
  let revision = 1
  const storage = {
    policies: async (ids: readonly string[]) => {
      asked.push(...ids)
      return ids.filter((id) => id !== 'gone').map((id) => ({ id, revision }) as Policy)
    },
  } as unknown as Storage
  return { storage, asked, change: () => void revision++ }
}

test('what is known is not read again until a newer one is asked for', async () => {
  const { storage, asked, change } = counting()
  const cache = createPolicyCache(storage, 10)
  const first = (await cache.get([{ id: 'a', revision: 1 }])).get('a')
  assert.equal((await cache.get([{ id: 'a', revision: 1 }])).get('a'), first)
  assert.deepEqual(asked, ['a'])
  change()
  assert.equal((await cache.get([{ id: 'a', revision: 2 }])).get('a')?.revision, 2)
  assert.deepEqual(asked, ['a', 'a'])
  assert.deepEqual([...(await cache.get([{ id: 'gone', revision: 1 }])).keys()], [])
})

test('no more are kept than asked for, and those that were used last', async () => {
  const { storage, asked } = counting()
  const cache = createPolicyCache(storage, 2)
  const get = (...ids: string[]) => cache.get(ids.map((id) => ({ id, revision: 1 })))
  await get('a', 'b')
  await get('a')
  // One too many: the one that was not used since goes.
  await get('c')
  await get('a', 'c')
  assert.deepEqual(asked, ['a', 'b', 'c'])
  await get('b')
  assert.deepEqual(asked, ['a', 'b', 'c', 'b'])
  // More at once than are kept are all answered.
  assert.deepEqual([...(await get('d', 'e', 'f')).keys()], ['d', 'e', 'f'])
  await get('d')
  assert.deepEqual(asked.slice(4), ['d', 'e', 'f', 'd'])
})
