/** What policies are attached to, seen from the policy and from the server: order, revisions, and what is refused. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { actor, engines, group, inventory, type TestStore } from '../../test/support/stores.ts'
import type { Programs, Storage } from './storage.ts'

for (const [name, engine] of Object.entries(engines)) {
  describe(`attachments on ${name}`, { skip: engine.skip }, () => {
    let store: TestStore
    let storage: Storage
    before(async () => {
      store = await engine.create()
      storage = await store.open()
      const done = await storage.run('applyInventory', { inventory: inventory('s1', 's2') }, actor)
      assert.ok(done.ok)
      for (const id of ['a', 'b', 'c']) {
        const made = await storage.run('createPolicy', { policy: group(id), rules: [], ids: [] }, actor)
        assert.ok(made.ok)
      }
    })
    after(async () => {
      await storage.close()
      await store.remove()
    })

    const owner = { account: 'acme', profile: 'upcloud', maxPerPlace: 2 }
    const attach = (policy: string, to: Programs['attachPolicy']['args']['to'], more: object = {}) =>
      storage.run('attachPolicy', { ...owner, policy, to, ...more }, actor)
    const attachTo = (place: Programs['attachTo']['args']['place'], policies: string[], more: object = {}) =>
      storage.run('attachTo', { ...owner, place, policies, ...more }, actor)
    const server = { server: 's1', interface: null }
    const nicOf = async () => (await storage.interfaces('s1'))[0]?.id ?? ''
    const inForce = async () =>
      (await storage.placedInterfaces('s1'))[0]?.policies
        .map(({ id }) => id)
        .filter((id) => ['a', 'b', 'c'].includes(id))

    test('go behind those that are there; the order is that of the list that is put', async () => {
      assert.ok((await attach('b', { add: server })).ok)
      assert.ok((await attach('a', { add: server })).ok)
      assert.deepEqual(await inForce(), ['b', 'a'])
      const before = await storage.placedInterfaces('s1')
      assert.ok((await attachTo(server, ['a', 'b'])).ok)
      assert.deepEqual(await inForce(), ['a', 'b'])
      const placed = await storage.placedInterfaces('s1')
      assert.ok((placed[0]?.generation ?? 0) > (before[0]?.generation ?? 0), 'agents hear of it')
      const nic = { server: 's1', interface: await nicOf() }
      assert.ok((await attach('c', { add: nic })).ok)
      assert.deepEqual(await inForce(), ['a', 'b', 'c'])
    })

    test('what is so already is no change', async () => {
      const revision = await storage.revision()
      for (const same of [await attach('a', { add: server }), await attachTo(server, ['a', 'b', 'a'])]) {
        assert.ok(same.ok && same.value.changed === false)
      }
      assert.equal(await storage.revision(), revision)
    })

    test('the revision of places is of their last change, and may be insisted on', async () => {
      const { revision, members } = await storage.places('a')
      assert.deepEqual(
        members.map((each) => [each.server, each.interface]),
        [['s1', null]],
      )
      const stale = await attach('a', { all: [] }, { ifAttached: revision - 1 })
      assert.ok(!stale.ok && stale.error.kind === 'conflict' && stale.error.stale)
      const other = { server: 's2', interface: null }
      const done = await attach('a', { all: [other] }, { ifAttached: revision })
      assert.ok(done.ok)
      assert.equal((await storage.places('a')).revision, done.value.revision)
      assert.deepEqual(await inForce(), ['b', 'c'])
      const [event] = (await storage.audit({ account: 'acme', limit: 1 })).items
      assert.deepEqual(
        [event?.operation, event?.policy, event?.before, event?.after],
        ['policy.attach', 'a', { attached: [server] }, { attached: [other] }],
      )
    })

    test('what is not the account’s, is there not, or is too much is refused, and nothing changes', async () => {
      const revision = await storage.revision()
      const nobody = { server: 'nobody', interface: null }
      const strange = { server: 's2', interface: await nicOf() }
      const of = async (done: ReturnType<typeof attach>) => {
        const refused = await done
        assert.ok(!refused.ok)
        return 'resource' in refused.error
          ? `${refused.error.kind} ${refused.error.resource}`
          : refused.error.kind
      }
      assert.equal(await of(attach('a', { add: nobody })), 'not-found server')
      assert.equal(await of(attach('a', { add: strange })), 'not-found interface')
      assert.equal(await of(attach('a', { remove: server })), 'not-found server')
      assert.equal(await of(attach('nobody', { add: server })), 'not-found policy')
      assert.equal(await of(attachTo(server, ['b', 'nobody'])), 'not-found policy')
      assert.equal(await of(attachTo(server, ['a', 'b', 'c'])), 'limit-reached policy')
      assert.equal(await of(attachTo(server, ['a'], { ifRevision: 1 })), 'conflict server')
      assert.equal(await of(attach('a', { add: server }, { account: 'other' })), 'not-found policy')
      assert.equal(await of(attachTo(server, [], { account: 'other' })), 'not-found server')
      assert.equal(await storage.revision(), revision)
      assert.ok((await attach('a', { add: server })).ok)
      assert.equal(await of(attach('c', { add: server })), 'limit-reached policy')
    })

    test('pages of policies follow each other', async () => {
      const all: string[] = []
      for (let after: readonly string[] | null = null; ; ) {
        const page = await storage.policiesPage({ account: 'acme' }, { after, limit: 2 })
        all.push(...page.map(({ id }) => id))
        const last = page.at(-1)
        if (!last) break
        after = [last.id]
      }
      assert.deepEqual(all, ['a', 'b', 'c', 'chain-s1', 'chain-s2'])
      const page = (filter: object) => storage.policiesPage(filter, { after: null, limit: 10 })
      const ids = async (filter: object) => (await page(filter)).map(({ id }) => id)
      assert.deepEqual(await ids({ account: 'acme', server: 's2' }), ['a', 'chain-s2'])
      assert.deepEqual(await ids({ account: 'nobody' }), [])
      assert.deepEqual((await ids({})).length, 5)
    })
  })
}
