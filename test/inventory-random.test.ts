/**
 * Whatever has been made through the APIs: its export, applied with prune, changes nothing; and a backup that is restored into the
 * other engine exports the same. `PORTCULLIS_TEST_SEED` makes the installation of one seed.
 */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { randomFrom } from './clients/random.ts'
import { conformanceInventory } from './support/conformance.ts'
import { makeOperator, operator } from './support/operator.ts'
import { makeInstallation, type Steps } from './support/random-installation.ts'
import { onBothStores } from './support/service.ts'
import { engines } from './support/stores.ts'
import { assertSound, backupOf, restoreTo } from './support/whole.ts'

const chosen = process.env.PORTCULLIS_TEST_SEED
const seeds = chosen === undefined ? [1, 2, 3] : [Number(chosen)]
const steps = 150
const others = { sqlite: 'postgresql', postgresql: 'sqlite' } as const

onBothStores('an installation that is made at random', (start) => {
  const done: Steps = new Map()

  for (const seed of seeds) {
    test(`of seed ${seed} is its own export, and its backup’s`, async (t) => {
      t.diagnostic(`seed ${seed}`)
      const service = await start({ inventory: conformanceInventory })
      try {
        await makeOperator(service.storage)
        for (const [what, counts] of await makeInstallation(service, randomFrom(seed), steps)) {
          const sum = done.get(what) ?? { tried: 0, done: 0 }
          done.set(what, { tried: sum.tried + counts.tried, done: sum.done + counts.done })
        }
        const exported = async () => (await service.call('GET', '/v1/inventory', undefined, operator)).text
        const newest = async () => [
          await service.storage.revision(),
          (await service.call('GET', '/v1/audit?limit=1', undefined, operator)).text,
        ]
        const text = await exported()
        const before = await newest()
        const json = { ...operator, 'content-type': 'application/yaml' }
        for (const query of ['?prune=true', '']) {
          const { status, body } = await service.raw('PUT', `/v1/inventory${query}`, text, json)
          assert.deepEqual(
            [status, body.changed, body.total, body.changes],
            [200, false, 0, []],
            JSON.stringify(body),
          )
        }
        assert.deepEqual(await newest(), before)
        assert.equal(await exported(), text)
        await assertSound(service.place)

        const other = engines[others[service.storage.engine]]
        if (other.skip) return t.diagnostic(`not restored elsewhere: ${other.skip}`)
        const store = await other.create()
        const bytes = await backupOf(service.place)
        await restoreTo(store.place, bytes)
        const restored = await start({ store, inventory: text })
        try {
          const again = await restored.call('GET', '/v1/inventory', undefined, operator)
          assert.equal(again.text, text)
          await assertSound(store.place)
        } finally {
          await restored.close()
        }
      } finally {
        await service.close()
      }
    })
  }

  after(() => {
    if (chosen !== undefined) return
    const never = [...done].filter(([, counts]) => counts.done === 0).map(([what]) => what)
    assert.deepEqual(never, [], 'a step that is always refused makes nothing')
  })
})
