/** What agents say: one answer whichever process is asked, few writes, and no lie when an agent is gone. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { servicesOf } from '../../test/support/service.ts'
import { whole } from '../../test/support/status.ts'
import { actor, chainTarget, engines, inventory, rule, type TestStore } from '../../test/support/stores.ts'
import type { HostStatus, InterfaceStatus } from '../core/model/desired.ts'
import type { Storage } from '../storage/storage.ts'
import { type Context, noCredential } from './context.ts'
import type { Services } from './services.ts'

const context = (now = Date.now()): Context => ({
  principal: {
    account: 'acme',
    credential: { ...noCredential, account: 'acme' },
    scopes: new Set(['read']),
  },
  dialect: 'native',
  requestId: '',
  now,
})

const nics = (revision: number | null, change: Partial<InterfaceStatus> = {}, ids = ['nic-a', 'nic-b']) =>
  ids.map(
    (id): InterfaceStatus => ({
      ...{ id, device: `tap-${id}`, appliedRevision: revision, state: 'applied', error: null, notes: [] },
      ...(id === ids[0] && change),
    }),
  )
const status = (revision: number | null, change: Partial<HostStatus> = {}) =>
  whole({
    ...{
      host: 'local',
      target: 'fake',
      observe: false,
      desiredRevision: revision,
      appliedRevision: revision,
    },
    ...{ state: 'applied', error: null, repairs: 0, warnings: [], interfaces: nics(revision) },
    ...change,
  })

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`what agents say, on ${engine}`, { skip }, () => {
    let store: TestStore
    let storage: Storage
    /** Two processes: an agent speaks in the first. */
    let one: Services
    let two: Services
    let writes = 0
    beforeEach(async () => {
      store = await create()
      const opened = await store.open()
      writes = 0
      storage = {
        ...opened,
        run: (program, args, by) => {
          if (program === 'reportHost') writes++
          return opened.run(program, args, by)
        },
      }
      await storage.run('applyInventory', { inventory: inventory('a', 'b') }, actor)
      one = servicesOf(storage)
      two = servicesOf(storage)
    })
    afterEach(async () => {
      await Promise.all([one.enforcement.close(), two.enforcement.close()])
      await storage.close()
      await store.remove()
    })

    const change = async () => {
      const args = { ...chainTarget('a'), rule: rule('x'), id: `x${await storage.revision()}`, maxRules: 100 }
      assert.ok((await storage.run('insertRule', args, actor)).ok)
      return storage.revision()
    }
    const pending = async (services: Services, now = Date.now()) =>
      (await services.enforcement.pending(context(now))).map((each) => `${each.interface} ${each.progress}`)
    /** Until the store has heard of everything, as when the first process ends. */
    const both = async () => {
      await one.enforcement.close()
      const [first, second] = [await pending(one), await pending(two)]
      assert.deepEqual(first, second)
      return first
    }

    test('done only when the interface’s host has applied it, whichever process is asked', async () => {
      assert.deepEqual(await both(), [], 'no agent: at once')
      one.enforcement.report(status(null, { state: 'starting', interfaces: [] }))
      assert.deepEqual(await both(), ['nic-a waiting', 'nic-b waiting'])
      one.enforcement.report(status(1))
      assert.deepEqual(await both(), [])
      const revision = await change()
      assert.deepEqual(await both(), ['nic-a applying'])
      // It fails for one of them alone.
      one.enforcement.report(
        status(revision, {
          interfaces: nics(revision, { state: 'failing', error: 'why', appliedRevision: 1 }),
        }),
      )
      assert.deepEqual(await both(), ['nic-a failing'])
      // Closed and observed is done.
      for (const state of ['closed', 'observing'] as const) {
        one.enforcement.report(status(revision, { interfaces: nics(revision, { state }) }))
        assert.deepEqual(await both(), [])
      }
      // The host fails whole: what it had not applied has failed, the rest is in force.
      const next = await change()
      const failing = nics(revision, { state: 'failing', error: 'the host', appliedRevision: revision })
      one.enforcement.report(
        status(revision, { state: 'failing', error: 'nft', interfaces: failing, desiredRevision: next }),
      )
      assert.deepEqual(await both(), ['nic-a failing'])
      const {
        hosts: [host],
      } = await two.enforcement.statuses(Date.now(), { after: null, limit: 9 })
      assert.deepEqual(
        host?.interfaces.map(({ id, state, error }) => [id, state, error]),
        [
          ['nic-a', 'failing', 'the host'],
          ['nic-b', 'applied', null],
        ],
      )
    })

    test('the process that hears an agent answers at once, without waiting for the store', async () => {
      one.enforcement.report(status(1))
      const revision = await change()
      assert.deepEqual(await pending(one), ['nic-a applying'])
      one.enforcement.report(status(revision))
      assert.deepEqual(await pending(one), [])
    })

    test('many words are few writes, and a large host that is as usual is one row', async () => {
      const ids = Array.from({ length: 2000 }, (_, i) => `nic-${i}`)
      const say = (revision: number, change: Partial<InterfaceStatus> = {}) =>
        one.enforcement.report(status(revision, { interfaces: nics(revision, change, ids) }))
      say(1)
      for (let i = 0; i < 200; i++) say(2 + (i % 7), { notes: [`${i}`] })
      await one.enforcement.close()
      assert.ok(writes <= 4, `${writes} writes`)
      assert.deepEqual(
        (await storage.outcomes({ host: 'local' })).map((each) => [each.interface, each.notes]),
        [['nic-0', ['199']]],
      )
      // All that fail for the same reason are as usual, too.
      const all = ids.map(
        (id): InterfaceStatus => ({
          ...(nics(1, {}, [id])[0] as InterfaceStatus),
          state: 'failing',
          error: 'e',
        }),
      )
      one.enforcement.report(status(1, { interfaces: all }))
      await one.enforcement.close()
      assert.deepEqual(await storage.outcomes({ host: 'local' }), [])
      assert.deepEqual((await pending(two)).sort(), ['nic-a failing', 'nic-b failing'])
    })

    test('an agent that says nothing any more has failed; one that comes back takes over', async () => {
      one.enforcement.report(status(1))
      await one.enforcement.close()
      await change()
      assert.deepEqual(await pending(two), ['nic-a applying'])
      const later = Date.now() + 60_000
      assert.deepEqual(await pending(two, later), ['nic-a failing'])
      assert.deepEqual(await pending(one, later), ['nic-a applying'], 'it is heard here')
      const {
        hosts: [host],
      } = await two.enforcement.statuses(later, { after: null, limit: 9 })
      assert.match(`${host?.state} ${host?.error}`, /^failing its agent has said nothing since 20/)
      two.enforcement.report(status(await storage.revision()))
      assert.deepEqual(await pending(two, later), [])
      // Nobody enforces any more: nothing is waited for.
      await two.enforcement.close()
      const third = servicesOf(storage)
      await third.enforcement.forgetOthers([])
      await change()
      assert.deepEqual(await pending(third), [])
      await third.enforcement.close()
    })

    test('a store that cannot be written is told later', async () => {
      const refusing = { ...storage, run: () => Promise.reject(new Error('full')) } as Storage
      const services = servicesOf(refusing)
      services.enforcement.report(status(1))
      assert.deepEqual(await pending(services), [])
      await services.enforcement.close()
      assert.deepEqual(await storage.hosts(), [])
      await delay(0)
    })
  })
}
