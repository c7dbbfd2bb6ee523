/** What agents count is known at once, kept for later, added up over interfaces, and lost by no end of a process. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { contextOf } from '../../test/support/context.ts'
import { servicesOf } from '../../test/support/service.ts'
import { whole } from '../../test/support/status.ts'
import {
  actor,
  chainTarget,
  engines,
  group,
  inventory,
  rule,
  type TestStore,
} from '../../test/support/stores.ts'
import type { Count, HitsReport } from '../core/model/hits.ts'
import type { Storage } from '../storage/storage.ts'
import { pruneHits } from './retention.ts'
import type { Services } from './services.ts'

const own = contextOf('acme')
const at = actor.at

const count = (by: string, packets: number): Count => ({ by, packets, bytes: packets * 60 })
/** Of `nic-a`, unless it says otherwise. */
const report = (
  time: number,
  ingress: readonly Count[],
  { id = 'nic-a', epoch = 'e1', suppressed = 0, asked = false } = {},
): HitsReport => ({
  ...{ host: 'local', at: at + time, asked },
  interfaces: [{ id, epoch, ingress, egress: [], suppressed: { ingress: suppressed, egress: 0 } }],
})
const silent = (time: number): HitsReport => ({ host: 'local', at: at + time, asked: false, interfaces: [] })

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`hits on ${engine}`, { skip }, () => {
    let store: TestStore
    let storage: Storage
    let services: Services

    const start = () => {
      const started = servicesOf(storage)
      const { revision } = { revision: 100 }
      const nics = ['nic-a', 'nic-b', 'nic-c'].map((id) => ({
        ...({ id, device: `tap-${id}`, appliedRevision: revision, state: 'applied' } as const),
        ...{ mode: 'routed' as const, error: null, notes: [] },
      }))
      started.enforcement.report(
        whole({
          ...{ host: 'local', target: 'fake', observe: false, desiredRevision: revision, warnings: [] },
          ...{ appliedRevision: revision, state: 'applied', error: null, repairs: 0, interfaces: nics },
        }),
      )
      return started
    }
    const end = async (of: Services) => {
      await of.hits.close()
      await of.enforcement.close()
    }
    beforeEach(async () => {
      store = await create()
      storage = await store.open()
      await storage.run('applyInventory', { inventory: inventory('a', 'b', 'c') }, actor)
      services = start()
    })
    afterEach(async () => {
      await end(services)
      await storage.close()
      await store.remove()
    })

    /** Deciders of ingress with what they counted on the first interface. */
    const countsOn = async (server: string, of = services) => {
      const found = await of.hits.of(own, server)
      assert.ok(found.ok)
      const [nic] = found.value.interfaces
      return Object.fromEntries((nic?.ingress ?? []).map(({ by, packets }) => [nameOf(by), packets]))
    }
    const nameOf = (by: { readonly kind: string }) => Object.values(by).join(' ')
    const share = async () => {
      const rules = [rule('x'), { ...rule('y'), action: 'allow' as const }]
      await storage.run(
        'createPolicy',
        { policy: group('g', { enabled: true }), rules, ids: ['x', 'y'] },
        actor,
      )
      for (const server of ['a', 'b'])
        await storage.run('updateServer', { ...chainTarget(server), attach: ['g'] }, actor)
    }

    test('known at once, kept when the process ends, and no more lost by a kill than is said again', async () => {
      services.hits.hear(report(1000, [count('default', 3), count('rule g x', 2)], { suppressed: 7 }))
      assert.deepEqual(await countsOn('a'), { default: 3, 'rule g x': 2 })
      await end(services)
      services = start()
      assert.deepEqual(await countsOn('a'), { default: 3, 'rule g x': 2 })
      const [nic] = await services.hits.of(own, 'a').then((found) => (found.ok ? found.value.interfaces : []))
      assert.deepEqual(
        [nic?.countedAt, nic?.since, nic?.suppressed, nic?.ingress[0]?.lastHit],
        [at + 1000, at + 1000, { ingress: 7, egress: 0 }, at + 1000],
      )
      // Heard, not kept, and the process is gone.
      const killed = start()
      killed.hits.hear(report(2000, [count('default', 10)]))
      assert.equal((await countsOn('a', killed)).default, 10)
      services = start()
      assert.equal((await countsOn('a')).default, 3)
      services.hits.hear(report(3000, [count('default', 12), count('rule g x', 2)]))
      services.hits.hear(report(4000, [count('default', 1)], { epoch: 'e2' }))
      assert.deepEqual(await countsOn('a'), { default: 13, 'rule g x': 2 })
      services.hits.hear(report(3000, [count('default', 12)]))
      assert.equal((await countsOn('a')).default, 13)
    })

    test('a host says nothing of what is on another, but the rest of what was on it', async () => {
      const elsewhere = (time: number, packets: number, id?: string): HitsReport => ({
        ...report(time, [count('default', packets)], { epoch: 'e9', ...(id && { id }) }),
        host: 'elsewhere',
      })
      services.hits.hear(elsewhere(1000, 5))
      services.hits.hear(report(2000, [count('default', 3)]))
      services.hits.hear(elsewhere(3000, 50))
      assert.deepEqual(await countsOn('a'), { default: 3 })
      const moved = inventory('a', 'b', 'c')
      const servers = moved.servers.map((each) =>
        each.server.id === 'a'
          ? { ...each, interfaces: each.interfaces.map((nic) => ({ ...nic, host: 'elsewhere' })) }
          : each,
      )
      const done = await storage.run('applyInventory', { inventory: { ...moved, servers } }, actor)
      assert.ok(done.ok)
      services.hits.hear(elsewhere(4000, 60))
      services.hits.hear(report(5000, [count('default', 4)]))
      assert.deepEqual(await countsOn('a'), { default: 64 })
      services.hits.hear(elsewhere(6000, 7, 'nic-b'))
      assert.deepEqual(await countsOn('b'), {})
    })

    test('counts that nobody can have counted stay numbers, and so do their sums', async () => {
      await share()
      const huge = Number.MAX_SAFE_INTEGER
      const by = ['rule g x', 'default']
      for (const id of ['nic-a', 'nic-b']) {
        for (const [n, epoch] of ['e1', 'e2', 'e3'].entries()) {
          const counts = by.map((each) => ({ by: each, packets: huge, bytes: huge }))
          services.hits.hear(report(1000 * (n + 1), counts, { id, epoch, suppressed: huge }))
        }
      }
      for (const round of ['heard', 'stored', 'stored again']) {
        for (const server of ['a', 'b']) {
          assert.deepEqual(await countsOn(server), { 'rule g x': huge, default: huge }, round)
          const found = await services.hits.rulesOf(own, server)
          const rules = found.ok ? (found.value.interfaces[0]?.ingress ?? []) : []
          const sum = rules.find(({ rule }) => rule?.rule.id === 'x')?.sum
          assert.ok(sum && sum.packets >= huge && sum.bytes >= huge, round)
        }
        await end(services)
        services = start()
      }
      await storage.run('deleteServer', { ...chainTarget('a'), documents: [] }, actor)
      await storage.run('deleteServer', { ...chainTarget('b'), documents: [] }, actor)
      const [sum] = await storage.hitSums('acme', ['g'])
      assert.deepEqual([sum?.packets, sum?.bytes], [0, 0])
    })

    test('rules in the order of judging, with sums over the interfaces that share them, and since when they are unused', async () => {
      await share()
      services.hits.hear(report(1000, [count('rule g x', 2), count('essential dhcp', 1)]))
      services.hits.hear(report(2000, [count('rule g x', 5), count('rule g y', 1)], { id: 'nic-b' }))
      const view = async (server: string) => {
        const found = await services.hits.rulesOf(own, server)
        assert.ok(found.ok)
        return found.value.interfaces[0]
      }
      for (const round of ['heard', 'kept', 'stored']) {
        const nic = await view('a')
        const steps = nic?.ingress ?? []
        const kinds = steps.map(({ by }) => by.kind)
        assert.deepEqual(kinds.slice(-3), ['rule', 'rule', 'default'], round)
        assert.ok(kinds.slice(0, -3).every((kind) => kind === 'essential'))
        assert.equal(steps.find(({ by }) => nameOf(by) === 'essential dhcp')?.hits.packets, 1)
        const rules = steps.filter((each) => each.rule)
        assert.deepEqual(
          rules.map((each) => [
            each.rule?.policyName,
            each.rule?.position,
            each.hits.packets,
            each.sum?.packets,
          ]),
          [
            ['g', 1, 2, 7],
            ['g', 2, 0, 1],
          ],
        )
        assert.deepEqual(
          rules.map((each) => [each.unusedSince, each.sum?.lastHit, each.counted]),
          [
            [at + 1000, at + 2000, true],
            [at + 1000, at + 2000, true],
          ],
        )
        assert.deepEqual(
          nic?.egress.slice(0, 3).map(({ by }) => nameOf(by)),
          ['origin mac', 'origin neighbour', 'origin address'],
        )
        if (round === 'stored') break
        await end(services)
        if (round === 'kept') services = start()
      }
      // An interface that has seen no packet is counted all the same, once its host has spoken.
      assert.equal((await view('c'))?.ingress[0]?.why, 'its host has counted nothing yet')
      services.hits.hear(silent(5000))
      assert.deepEqual([(await view('c'))?.since, (await view('c'))?.countedAt], [at + 5000, at + 5000])
      assert.equal((await services.hits.rulesOf(contextOf('other'), 'a')).ok, false)
    })

    test('what a host counts together is said to be, of rules that let pass alone', async () => {
      await share()
      services.hits.hear(report(1000, [count('list g', 4), count('rule g x', 1)]))
      const found = await services.hits.rulesOf(own, 'a')
      const rules = (found.ok ? (found.value.interfaces[0]?.ingress ?? []) : []).filter((each) => each.rule)
      assert.deepEqual(
        rules.map((each) => [each.counted, each.together?.packets, each.unusedSince]),
        [
          [true, undefined, at + 1000],
          [false, 4, null],
        ],
      )
    })

    test('who asks is told what was counted until then, or without an answer what is known', async () => {
      let packets = 1
      services.hits.hear(report(1, [count('default', packets)]))
      const stop = services.hits.asks('local', async () => {
        packets++
        services.hits.hear(report(packets * 1000, [count('default', packets)], { asked: true }))
      })
      assert.equal((await countsOn('a')).default, 2)
      assert.equal((await countsOn('a')).default, 3)
      stop()
      services.hits.asks('local', async () => {})
      assert.equal((await countsOn('a')).default, 3)
    })

    test('what is suppressed is counted once, however often services and agents begin', async () => {
      const lives = 6
      for (let life = 0; life < lives; life++) {
        const time = life * 1000
        services.hits.hear(report(time, [], { epoch: 'kernel', suppressed: 100 }))
        for (const by of ['log', 'agent'])
          services.hits.hear(report(time + 1, [], { epoch: `${by}.${life}`, suppressed: 1 }))
        await end(services)
        services = start()
      }
      const found = await services.hits.of(own, 'a')
      assert.ok(found.ok)
      assert.equal(found.value.interfaces[0]?.suppressed.ingress, 100 + 2 * lives)
    })

    test('two processes that count one interface lose nothing of each other', async () => {
      const other = start()
      services.hits.hear(report(1000, [count('rule g x', 5)]))
      await end(services)
      other.hits.hear(report(2000, [count('rule g x', 7)], { epoch: 'other' }))
      assert.equal((await countsOn('a', other))['rule g x'], 12)
      services.hits.hear(report(3000, [count('rule g x', 6)]))
      await end(services)
      await end(other)
      services = start()
      assert.equal((await countsOn('a'))['rule g x'], 13)
      const [sum] = await storage.hitSums('acme', ['g'])
      assert.equal(sum?.packets, 13)
    })

    test('counts go with their interface, and with what decided', async () => {
      await share()
      services.hits.hear(report(1000, [count('rule g x', 2), count('rule chain-a gone', 1)]))
      services.hits.hear(report(1000, [count('rule g x', 5), count('rule g y', 1)], { id: 'nic-b' }))
      await end(services)
      assert.equal(await pruneHits(storage, at), 1)
      const keys = async () =>
        (await storage.hits(['nic-a', 'nic-b']))
          .flatMap((each) => each.hits.map(({ decider }) => decider))
          .sort()
      assert.deepEqual(await keys(), ['rule g x', 'rule g x', 'rule g y'])
      await storage.run('deleteServer', { ...chainTarget('b'), documents: [] }, actor)
      assert.deepEqual(await keys(), ['rule g x'])
      const sums = await storage.hitSums('acme', ['g'])
      assert.deepEqual(Object.fromEntries(sums.map(({ decider, packets }) => [decider, packets])), {
        'rule g x': 2,
        'rule g y': 0,
      })
      services.hits.hear(report(2000, [count('rule g x', 9)], { id: 'nic-b' }))
      await end(services)
      assert.deepEqual(await keys(), ['rule g x'])
      // An inventory writes interfaces anew, and what they counted stays.
      const moved = inventory('a', 'c')
      const servers = moved.servers.map((each) => ({
        ...each,
        interfaces: each.interfaces.map((nic) => ({ ...nic, device: `${nic.device}x` })),
      }))
      await storage.run('applyInventory', { inventory: { ...moved, servers } }, actor)
      assert.deepEqual(await keys(), ['rule g x'])
      const totals = services.hits.totals().map((each) => [each.kind, each.direction, each.packets])
      assert.deepEqual(totals, [['rule', 'ingress', 13]])
    })
  })
}
