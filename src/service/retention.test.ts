/** History ends, in steps that let others come in between. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { actor, chainTarget, engines, inventory, rule } from '../../test/support/stores.ts'
import { prune, startRetention } from './retention.ts'

const day = 24 * 3600 * 1000

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`retention on ${engine}`, { skip }, () => {
    test('what is too old or too much goes, the newest stays, and writers are let in', async () => {
      const store = await create()
      const storage = await store.open()
      try {
        await storage.run('applyInventory', { inventory: inventory('a') }, actor)
        const insert = (id: string, at: number) =>
          storage.run(
            'insertRule',
            { ...chainTarget('a'), rule: rule(id), id, maxRules: 1e4 },
            { ...actor, at },
          )
        await Promise.all(Array.from({ length: 450 }, (_, i) => insert(`old-${i}`, actor.at)))
        await Promise.all(Array.from({ length: 5 }, (_, i) => insert(`new-${i}`, actor.at + 2 * day)))
        const now = actor.at + 91 * day
        const pruning = prune(storage, { days: 90, bytes: 1e9 }, now)
        const order: string[] = []
        void pruning.then(() => order.push('pruned'))
        // Three steps are needed, and a pause is between them.
        await insert('meanwhile', now)
        order.push('written')
        assert.ok((await pruning) >= 450)
        assert.deepEqual(order, ['written', 'pruned'])
        const { items: left } = await storage.revisions({ account: 'acme', limit: 100 })
        assert.deepEqual(
          left.map(({ id }) => id),
          ['meanwhile', 'new-4', 'new-3', 'new-2', 'new-1', 'new-0'],
        )
        assert.equal(await prune(storage, { days: 90, bytes: 1 }, now), 5, 'the newest is always kept')
        await startRetention(storage, { days: 1, bytes: 1e9 })()
      } finally {
        await storage.close()
        await store.remove()
      }
    })
  })
}
