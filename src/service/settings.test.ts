/** What owners choose reaches the agent like any other change, and only what it is about; and nobody else can choose it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { contextOf } from '../../test/support/context.ts'
import { actor, chainTarget, engines, inventory, rule } from '../../test/support/stores.ts'
import { createOwnerSettings } from './settings.ts'

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`settings of owners on ${engine}`, { skip }, () => {
    test('of a policy and of an account: stored, told to agents, in the history, nobody else’s', async () => {
      const store = await create()
      const storage = await store.open()
      try {
        await storage.run('applyInventory', { inventory: inventory('a', 'b') }, actor)
        const settings = createOwnerSettings(storage)
        const [own, foreign] = [contextOf('acme'), contextOf('other')]
        const before = (await storage.desired('local', null)).revision
        const change = { cutFlows: 'revoked', logAllowed: 'notice', log: { egress: 'err' } } as const
        const done = await settings.changePolicy(own, 'chain-a', change)
        assert.ok(done.ok)
        assert.deepEqual(done.value.log, { ingress: null, egress: 'err' })
        const { from, policies } = await storage.desired('local', before)
        assert.deepEqual([from, policies.map(({ id }) => id)], [before, ['chain-a']])
        const [{ log, logAllowed, cutFlows } = {}] = policies
        assert.deepEqual({ log, logAllowed, cutFlows }, { ...change, log: { egress: 'err' } })
        const again = await settings.changePolicy(own, 'chain-a', change)
        assert.ok(again.ok && again.value.revision === done.value.revision)

        const strange = await settings.changePolicy(foreign, 'chain-a', { cutFlows: null })
        assert.deepEqual(strange, {
          ok: false,
          error: { kind: 'not-found', resource: 'policy', id: 'chain-a' },
        })
        assert.equal((await settings.policy(foreign, 'chain-a')).ok, false)
        const stale = await settings.changePolicy(own, 'chain-a', {}, { ifRevision: 1 })
        assert.ok(!stale.ok && stale.error.kind === 'conflict')

        const { revision } = await storage.desired('local', null)
        const changed = await settings.changeAccount(own, { cutFlows: 'revoked' })
        assert.deepEqual(changed.ok && [changed.value.cutFlows, changed.value.used.servers], ['revoked', 2])
        const told = await storage.desired('local', revision)
        assert.deepEqual(
          told.policies.map((each) => [each.id, each.cutFlows]),
          [['chain-b', 'revoked']],
        )
        const { cutFlows: theirs, used } = await settings.account(foreign)
        assert.deepEqual([theirs, used.servers], ['never', 0])
        assert.equal((await storage.policy('chain-b'))?.cutFlows, undefined)
        assert.deepEqual(
          (await storage.policies(['chain-a', 'chain-b'])).map((each) => each.cutFlows),
          ['revoked', 'revoked'],
        )
        // A file that says nothing of it leaves it, and one that does decides.
        const applied = await storage.run('applyInventory', { inventory: inventory('a', 'b') }, actor)
        assert.ok(applied.ok && !applied.value.changed)
        const file = inventory('a', 'b')
        const accounts = file.accounts.map((each) => ({ ...each, attributes: { cutFlows: 'never' } }))
        await storage.run('applyInventory', { inventory: { ...file, accounts } }, actor)
        const later = await storage.desired('local', told.revision)
        assert.deepEqual(
          later.policies.map((each) => [each.id, each.cutFlows]),
          [['chain-b', 'never']],
        )
        const taken = await settings.changePolicy(own, 'chain-a', {
          ...{ cutFlows: null, logAllowed: null, log: { egress: null } },
        })
        assert.ok(taken.ok)
        const record = await storage.policy('chain-a')
        assert.deepEqual(
          [record?.log, record?.logAllowed, record?.cutFlows],
          [undefined, undefined, undefined],
        )
        const events = (await storage.audit({ account: 'acme', limit: 10 })).items
          .filter(({ resource }) => resource !== 'inventory')
          .map(({ operation, resource, id }) => [operation, resource, id])
        assert.deepEqual(events, [
          ['policy.update', 'policy', 'chain-a'],
          ['account.update', 'account', 'acme'],
          ['policy.update', 'policy', 'chain-a'],
        ])
      } finally {
        await storage.close()
        await store.remove()
      }
    })

    test('a rule keeps its level and its id while others around it are written anew', async () => {
      const store = await create()
      const storage = await store.open()
      try {
        await storage.run('applyInventory', { inventory: inventory('a') }, actor)
        const replace = (names: readonly string[], round: number) => {
          const rules = names.map((name) => ({ ...rule(name), ...(name === 'b' && { log: 'err' as const }) }))
          const ids = names.map((name, index) => `${name}${index}-${round}`)
          const by = { ...actor, at: actor.at + round }
          return storage.run('replaceRules', { ...chainTarget('a'), rules, ids, maxRules: 9 }, by)
        }
        await replace(['a', 'b', 'b', 'c'], 1)
        await replace(['c', 'b', 'd', 'b', 'b'], 2)
        const rules = await storage.rules('chain-a')
        assert.deepEqual(
          rules.map(({ id, log }) => [id, log]),
          [
            ['c3-1', undefined],
            ['b1-1', 'err'],
            ['d2-2', undefined],
            ['b2-1', 'err'],
            ['b4-2', 'err'],
          ],
        )
      } finally {
        await storage.close()
        await store.remove()
      }
    })
  })
}
