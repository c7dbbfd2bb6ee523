/** Ids that are patterns of SQL, or alike but for capital letters: whatever looks for one finds that and no other. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { actor, chainTarget, engines, group, inventory } from '../../test/support/stores.ts'
import type { JsonObject } from '../core/json.ts'
import type { Storage } from './storage.ts'

/** The first is in a document, the second alike. */
const alike = [
  ['web%', 'web1'],
  ['webx', 'web_'],
  ['web1', 'web%'],
  ['web', 'WEB'],
  ['w\\b', 'w\\\\b'],
  ['a"b', 'a%b'],
] as const

const put = async (storage: Storage, id: string, body: JsonObject, account = 'acme') => {
  const document = { account, profile: 'upcloud', kind: 'storage', id, body }
  const done = await storage.run('putDocument', { document }, { ...actor, account })
  assert.ok(done.ok, JSON.stringify(done))
}
const remove = async (storage: Storage, server: string) => {
  const done = await storage.run(
    'deleteServer',
    { ...chainTarget(server), documents: [], unattached: true },
    actor,
  )
  return done.ok ? 'deleted' : done.error.kind
}

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`what names what, on ${engine}`, { skip }, () => {
    for (const [named, other] of alike) {
      test(`a document that names ${named} keeps it, and not ${other}`, async () => {
        const store = await create()
        const storage = await store.open()
        try {
          const servers = { inventory: inventory(named, other) }
          assert.ok((await storage.run('applyInventory', servers, actor)).ok)
          await put(storage, 'd', { of: [{ server: named }], note: 'a\u0000b' })
          assert.equal(await remove(storage, other), 'deleted')
          assert.equal(await remove(storage, named), 'conflict')
          await put(storage, 'd', { of: [] })
          assert.equal(await remove(storage, named), 'deleted', 'what it does not name any more')
        } finally {
          await storage.close()
          await store.remove()
        }
      })
    }

    test('documents of others, of another profile, and those that are gone keep nothing', async () => {
      const store = await create()
      const storage = await store.open()
      try {
        assert.ok((await storage.run('applyInventory', { inventory: inventory('web') }, actor)).ok)
        await put(storage, 'theirs', { server: 'web' }, 'other')
        await put(storage, 'own', { server: 'web' })
        const target = { account: 'acme', profile: 'upcloud', kind: 'storage', id: 'own' }
        assert.equal(await remove(storage, 'web'), 'conflict')
        assert.ok((await storage.run('deleteDocument', target, actor)).ok)
        assert.equal(await remove(storage, 'web'), 'deleted')
      } finally {
        await storage.close()
        await store.remove()
      }
    })

    test('a project is in use by those that have it, in any spelling of its id', async () => {
      for (const [named, other] of alike) {
        const store = await create()
        const storage = await store.open()
        try {
          assert.ok((await storage.run('applyInventory', { inventory: inventory() }, actor)).ok)
          await put(storage, named, {})
          await put(storage, other, {})
          const policy = group('g', { attributes: { project: named } })
          assert.ok((await storage.run('createPolicy', { policy, rules: [], ids: [] }, actor)).ok)
          const end = (id: string) =>
            storage.run(
              'deleteDocument',
              {
                ...{ account: 'acme', profile: 'upcloud', kind: 'storage', id },
                unusedAs: { attribute: 'project' },
              },
              actor,
            )
          assert.equal((await end(named)).ok, false, named)
          assert.equal((await end(other)).ok, true, other)
        } finally {
          await storage.close()
          await store.remove()
        }
      }
    })

    test('an attribute is another account’s where it is the same, however it came there', async () => {
      const store = await create()
      const storage = await store.open()
      try {
        const of = inventory()
        const [first, ...rest] = of.accounts
        assert.ok(first)
        const filed = { ...of, accounts: [{ ...first, attributes: { contract: 'a_c', number: 7 } }, ...rest] }
        assert.ok((await storage.run('applyInventory', { inventory: filed }, actor)).ok)
        const make = async (id: string, attributes: JsonObject) => {
          const account = { id, name: id, attributes, quotas: {} }
          const unique = ['contract', 'number']
          const done = await storage.run('createAccount', { account, unique, documents: [] }, actor)
          return done.ok ? 'made' : done.error.kind
        }
        assert.deepEqual(
          [
            await make('a', { contract: 'a_c' }),
            await make('b', { contract: 'abc' }),
            await make('c', { contract: 'A_C' }),
            await make('d', { number: 7 }),
            await make('e', { number: '7' }),
            await make('f', { contract: 'abc' }),
          ],
          ['conflict', 'made', 'made', 'conflict', 'made', 'conflict'],
        )
        const free = { account: 'b', attributes: { contract: null }, unique: ['contract'] }
        assert.ok((await storage.run('updateAccount', free, actor)).ok)
        assert.equal(await make('f', { contract: 'abc' }), 'made')
        assert.ok((await storage.run('deleteAccount', { account: 'f' }, actor)).ok)
        assert.equal(await make('g', { contract: 'abc' }), 'made')
      } finally {
        await storage.close()
        await store.remove()
      }
    })
  })
}
