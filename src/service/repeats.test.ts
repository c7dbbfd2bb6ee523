/** A request that is sent twice is done once, and answered the same, its secret included. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { contextOf } from '../../test/support/context.ts'
import { actor, engines, inventory, type TestStore } from '../../test/support/stores.ts'
import type { NewEvent, Storage } from '../storage/storage.ts'
import { createRepeatService } from './repeats.ts'
import { pruneOnce } from './retention.ts'

for (const [name, engine] of Object.entries(engines))
  describe(`requests that are done once, on ${name}`, { skip: engine.skip }, () => {
    let store: TestStore
    let storage: Storage
    before(async () => {
      store = await engine.create()
      storage = await store.open()
      await storage.run('applyInventory', { inventory: inventory('a') }, actor)
    })
    after(async () => {
      await storage.close()
      await store.remove()
    })
    const asked = { key: 'b1e0a9a2', request: 'POST /v1/things {}' }
    const event: NewEvent = {
      ...{ operation: 'thing.create', resource: 'document', id: 'thing' },
      ...{ before: null, after: {} },
    }

    test('the second is refused by the store, and knows what the first made', async () => {
      const repeats = createRepeatService(storage)
      const ctx = contextOf('acme')
      assert.equal(await repeats.earlier(ctx, asked), undefined)
      const once = repeats.once(ctx, asked, 'thing', { token: 'hush' })
      const results = await Promise.all(
        [1, 2].map(() => storage.run('recordEvent', { event }, { ...actor, once })),
      )
      assert.deepEqual(
        results.map((each) => (each.ok ? 'done' : each.error.kind)),
        ['done', 'conflict'],
      )
      assert.deepEqual(await repeats.earlier(ctx, asked), {
        ...{ id: 'thing', same: true, secret: { token: 'hush' } },
      })
      assert.deepEqual(await repeats.earlier(ctx, { ...asked, request: 'POST /v1/things {"a":1}' }), {
        ...{ id: 'thing', same: false, secret: null },
      })
      assert.equal(await repeats.earlier(contextOf('other'), asked), undefined, 'another account')
      assert.equal(JSON.stringify(await storage.once(once.key)).includes('hush'), false)
    })

    test('one that fails is not remembered', async () => {
      const repeats = createRepeatService(storage)
      const once = repeats.once(contextOf('acme'), { ...asked, key: 'another' }, 'thing', null)
      const target = { account: 'acme', profile: 'upcloud', policy: 'nowhere' } as const
      const refused = await storage.run('deletePolicy', target, { ...actor, once })
      assert.equal(refused.ok, false)
      assert.equal(await storage.once(once.key), undefined)
    })

    test('after its time it is a new one, and the old one is forgotten', async () => {
      const repeats = createRepeatService(storage)
      const later = contextOf('acme', actor.at + 25 * 3_600_000)
      assert.equal(await repeats.earlier(later, asked), undefined)
      const once = repeats.once(later, asked, 'thing', null)
      const again = await storage.run('recordEvent', { event }, { ...actor, at: later.now, once })
      assert.ok(again.ok)
      assert.equal(await pruneOnce(storage, later.now), 0)
      assert.equal(await pruneOnce(storage, later.now + 25 * 3_600_000), 1)
      assert.equal(await storage.once(once.key), undefined)
    })
  })
