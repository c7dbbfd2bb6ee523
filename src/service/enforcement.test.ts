/** What agents say: one answer whichever process is asked, few writes, and no lie when an agent is gone. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../../test/support/eventually.ts'
import { servicesOf } from '../../test/support/service.ts'
import { whole } from '../../test/support/status.ts'
import { actor, chainTarget, engines, inventory, rule, type TestStore } from '../../test/support/stores.ts'
import type { HostStatus, InterfaceStatus } from '../core/model/desired.ts'
import type { Storage } from '../storage/storage.ts'
import { type Context, noCredential } from './context.ts'
import { createEnforcement, type SpeakingAgent } from './enforcement.ts'
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

    test('clocks of processes may differ by minutes: one that lives is there, and one that is silent is not', async () => {
      const minutes = 300_000
      for (const [speaks, asks] of [
        [-minutes, minutes],
        [minutes, -minutes],
      ] as const) {
        const heard = createEnforcement(storage, () => Date.now() + speaks)
        const asked = createEnforcement(storage, () => Date.now() + asks)
        try {
          const agent = { release: 'test', protocol: 3, instance: `${speaks}`, own: false }
          assert.ok(await heard.open('local', agent, () => {}))
          heard.report(status(1))
          const answered = async (after: number) => {
            const { hosts } = await asked.statuses(Date.now() + asks + after, { after: null, limit: 9 })
            return hosts.map(({ connected, state }) => [connected, state])
          }
          await heard.statuses(Date.now() + speaks, { after: null, limit: 9 })
          assert.deepEqual(await answered(0), [[true, 'applied']])
          assert.deepEqual(await answered(60_000), [[false, 'failing']])
        } finally {
          await Promise.all([heard.close(), asked.close()])
        }
      }
    })

    test('a clock of the store that is set makes nobody absent who could not be heard by it', async (t) => {
      t.mock.timers.enable({ apis: ['setInterval'] })
      let ahead = 0
      const set = { ...storage, clock: async () => (await storage.clock()) + ahead }
      const enforcement = createEnforcement(set)
      try {
        await enforcement.statuses(Date.now(), { after: null, limit: 1 })
        const since = enforcement.listeningSince()
        t.mock.timers.tick(10_000)
        await enforcement.statuses(Date.now(), { after: null, limit: 1 })
        assert.equal(enforcement.listeningSince(), since)
        ahead = 86_400_000
        t.mock.timers.tick(10_000)
        await eventually(
          'it does not begin anew',
          () => enforcement.listeningSince() > since + ahead / 2 || undefined,
        )
      } finally {
        await enforcement.close()
      }
    })

    test('the process that hears an agent answers at once, without waiting for the store', async () => {
      one.enforcement.report(status(1))
      const revision = await change()
      assert.deepEqual(await pending(one), ['nic-a applying'])
      one.enforcement.report(status(revision))
      assert.deepEqual(await pending(one), [])
    })

    test('many words are few writes, and a large host that is as usual is one row', async () => {
      const ids = ['nic-a', ...Array.from({ length: 1999 }, (_, i) => `nic-${i}`)]
      const say = (revision: number, change: Partial<InterfaceStatus> = {}) =>
        one.enforcement.report(status(revision, { interfaces: nics(revision, change, ids) }))
      say(1)
      for (let i = 0; i < 200; i++) say(2 + (i % 7), { notes: [`${i}`] })
      await one.enforcement.close()
      assert.ok(writes <= 4, `${writes} writes`)
      assert.deepEqual(
        (await storage.outcomes({ host: 'local' })).map((each) => [each.interface, each.notes]),
        [['nic-a', ['199']]],
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

    const speaker = (instance: string, more: Partial<SpeakingAgent> = {}): SpeakingAgent => ({
      ...{ release: '1.0.0', protocol: 3, instance, own: false, ...more },
    })
    const agentsOf = async (services: Services, now = Date.now()) => {
      const { hosts } = await services.enforcement.statuses(now, { after: null, limit: 9 })
      return hosts.map(({ agent, connected, appliedRevision }) => ({
        ...{ instance: agent?.instance, session: agent?.session, connected, appliedRevision },
      }))
    }

    test('an agent that moves to another process is heard there alone, and both answer the same at once', async () => {
      let replaced = 0
      assert.equal(await one.enforcement.open('local', speaker('a'), () => replaced++), true)
      const revision = await change()
      one.enforcement.report(status(revision))
      assert.deepEqual(await pending(one), [])
      assert.equal(await two.enforcement.open('local', speaker('a'), () => assert.fail()), true)
      // It has not said yet what it has applied: what the store has is the newest that is known.
      assert.deepEqual(await agentsOf(one), await agentsOf(two))
      assert.equal(replaced, 1, 'the first look tells')
      const next = await change()
      two.enforcement.report(status(next))
      assert.deepEqual(await pending(two), [])
      await two.enforcement.close()
      assert.deepEqual(await pending(one), [])
      const now = [{ instance: 'a', session: 2, connected: true, appliedRevision: next }]
      assert.deepEqual([await agentsOf(one), await agentsOf(two)], [now, now])
    })

    test('what an agent says that was replaced is not kept', async () => {
      const { promise: told, resolve: replaced } = Promise.withResolvers<void>()
      await one.enforcement.open('local', speaker('a'), replaced)
      one.enforcement.report(status(1))
      await one.enforcement.close()
      await two.enforcement.open('local', speaker('b'), () => assert.fail())
      const revision = await change()
      const failing = nics(revision, { state: 'failing', error: 'b' })
      two.enforcement.report(status(revision, { interfaces: failing }))
      await two.enforcement.close()
      const before = [await storage.hosts(), await storage.outcomes({ host: 'local' })]
      // It claims more than is so.
      one.enforcement.report(status(revision + 1))
      await told
      assert.deepEqual([await storage.hosts(), await storage.outcomes({ host: 'local' })], before)
      assert.deepEqual(await pending(one), ['nic-a failing'])
    })

    test('one that is disconnected is so for every process, and what it has put in force stays', async () => {
      await one.enforcement.open('local', speaker('a'), () => assert.fail())
      one.enforcement.report(status(1))
      await one.enforcement.left('local')
      for (const services of [one, two]) {
        const [agent] = await agentsOf(services)
        assert.deepEqual(agent, { instance: 'a', session: 1, connected: false, appliedRevision: 1 })
        assert.deepEqual(await pending(services), [])
      }
      assert.deepEqual(one.enforcement.hosts(), [])
      // It says nothing of what changes meanwhile, and after a while nobody waits for it.
      await change()
      assert.deepEqual(await pending(one), ['nic-a applying'])
      assert.deepEqual(await pending(one, Date.now() + 60_000), ['nic-a failing'])
      // One that is late says nothing of the agent that came after it.
      await two.enforcement.open('local', speaker('a'), () => assert.fail())
      await storage.run('closeSession', { host: 'local', session: 1 }, actor)
      assert.equal((await storage.hosts())[0]?.connection?.leftAt, null)
    })

    test('where the service enforces itself no other agent speaks, until it has ended or was killed', async () => {
      const own = speaker('own', { own: true })
      let replaced = 0
      assert.equal(await two.enforcement.open('local', speaker('a'), () => replaced++), true)
      assert.equal(await one.enforcement.open('local', own, () => assert.fail()), true)
      assert.equal(await two.enforcement.open('local', speaker('a'), () => assert.fail()), false)
      one.enforcement.report(status(1))
      await one.enforcement.close()
      await agentsOf(two)
      assert.equal(replaced, 1)
      const later = { ...actor, at: Date.now() + 60_000 }
      const args = { host: 'local', agent: speaker('b') }
      const opened = await storage.run('openSession', args, later)
      assert.equal(opened.ok && opened.value.session, 3)
    })

    test('why one was sent away is kept until another one comes', async () => {
      await one.enforcement.open('local', speaker('a'), () => {})
      one.enforcement.report(status(1))
      await one.enforcement.close()
      await two.enforcement.refused('local', 'it speaks version 9')
      const refused = async () => (await storage.hosts())[0]?.connection?.refused
      assert.equal(await refused(), 'it speaks version 9')
      await two.enforcement.open('local', speaker('b'), () => {})
      assert.equal(await refused(), null)
    })

    test('what is said of interfaces that are not on the host is not kept, and is when they come', async () => {
      const said = status(1, { interfaces: [...nics(1), ...nics(1, { notes: ['its own'] }, ['nic-c'])] })
      const kept = async () => (await storage.outcomes({ host: 'local' })).map((each) => each.interface)
      one.enforcement.report(said)
      await one.enforcement.close()
      assert.deepEqual(await kept(), [])
      await storage.run('applyInventory', { inventory: inventory('a', 'b', 'c') }, actor)
      one.enforcement.report(said)
      await one.enforcement.close()
      assert.deepEqual(await kept(), ['nic-c'])
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
