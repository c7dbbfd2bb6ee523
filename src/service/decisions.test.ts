/** Who owns an interface sees what was decided there, the last of it and what is new, and nobody else ever does. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { contextOf } from '../../test/support/context.ts'
import { servicesOf } from '../../test/support/service.ts'
import { actor, chainTarget, engines, inventory, type TestStore } from '../../test/support/stores.ts'
import type { Decision } from '../core/model/decision.ts'
import type { Storage } from '../storage/storage.ts'
import type { DecisionFilter, DecisionService, NamedDecision } from './decisions.ts'

const [own, foreign] = [contextOf('acme'), contextOf('other')]

const decision = (nic: string, at: number, more: Partial<Decision> = {}): Decision => ({
  ...{ at, host: 'local', interface: nic, direction: 'ingress', outcome: 'denied', observed: false },
  ...{ by: 'default', position: null, level: 'info', revision: 1 },
  packet: { etherType: 0x0800, length: 60 },
  ...more,
})

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`decisions on ${engine}`, { skip }, () => {
    let store: TestStore
    let storage: Storage
    let decisions: DecisionService
    let close: () => Promise<void>

    beforeEach(async () => {
      store = await create()
      storage = await store.open()
      await storage.run('applyInventory', { inventory: inventory('a', 'b') }, actor)
      const services = servicesOf(storage)
      decisions = services.decisions
      close = async () => {
        await services.hits.close()
        await services.enforcement.close()
      }
    })
    afterEach(async () => {
      await close()
      await storage.close()
      await store.remove()
    })

    const times = (list: readonly NamedDecision[]) => list.map(({ at }) => at)
    const recent = async (filter: DecisionFilter & { limit?: number } = {}, ctx = own) => {
      const found = await decisions.recent(ctx, filter)
      return found.ok ? times(found.value) : found.error.kind
    }
    /** Everything that a follower hears, and when it has heard so many. */
    async function follow(filter: Parameters<DecisionService['follow']>[1] = {}, ctx = own) {
      const heard: NamedDecision[] = []
      let wanted = { count: 0, resolve: () => {} }
      const stop = await decisions.follow(ctx, filter, (list) => {
        heard.push(...list)
        if (heard.length >= wanted.count) wanted.resolve()
      })
      assert.ok(stop.ok)
      const until = async (count: number) => {
        if (heard.length >= count) return
        const { promise, resolve } = Promise.withResolvers<void>()
        wanted = { count, resolve }
        await promise
      }
      return { heard, until, stop: stop.value }
    }

    test('the last ones by interface, named, filtered, the owner’s only', { timeout: 20_000 }, async () => {
      const follower = await follow()
      const stranger = await follow({}, foreign)
      decisions.hear([
        decision('nic-a', 1, { by: 'rule g x', position: 3, outcome: 'rejected' }),
        decision('nic-b', 2, { direction: 'egress' }),
        decision('nobody', 3),
      ])
      decisions.hear([decision('nic-a', 4, { by: 'list g' })])
      await follower.until(3)
      assert.deepEqual(times(follower.heard), [1, 2, 4])
      const [first] = follower.heard
      assert.deepEqual(
        [first?.server, first?.serverName, first?.index, first?.interfaceName, first?.position],
        ['a', 'a', 1, null, 3],
      )
      assert.deepEqual(await recent(), [1, 2, 4])
      assert.deepEqual(await recent({ limit: 2 }), [2, 4])
      assert.deepEqual(await recent({ server: 'a' }), [1, 4])
      assert.deepEqual(await recent({ interface: 'nic-b' }), [2])
      assert.deepEqual(await recent({ outcome: 'rejected' }), [1])
      assert.deepEqual(await recent({ direction: 'egress' }), [2])
      assert.deepEqual(await recent({ policy: 'g' }), [1, 4])
      assert.deepEqual(await recent({ policy: 'g', rule: 'x' }), [1])
      assert.deepEqual([await recent({}, foreign), stranger.heard], [[], []])
      assert.equal(await recent({ server: 'a' }, foreign), 'not-found')
      assert.equal(await recent({ interface: 'nic-a' }, foreign), 'not-found')
      assert.equal((await decisions.follow(foreign, { interface: 'nic-a' }, () => {})).ok, false)

      const later = await follow({ after: follower.heard[1]?.id ?? '', server: 'a' })
      await later.until(1)
      assert.deepEqual(times(later.heard), [4])
      const all = await follow({ after: 'of-another' })
      await all.until(3)
      assert.deepEqual(times(all.heard), [1, 2, 4])
      follower.stop()
      decisions.hear([decision('nic-a', 5)])
      await later.until(2)
      assert.deepEqual(
        [times(later.heard), times(all.heard)],
        [
          [4, 5],
          [1, 2, 4, 5],
        ],
      )
      assert.equal(follower.heard.length, 3)
      assert.deepEqual(decisions.counts(), { told: 5, missed: 0 })
    })

    test('bounded: the last thousand of an interface; who is slow is told how many it missed', {
      timeout: 20_000,
    }, async () => {
      const calls: [count: number, lost: number][] = []
      let free = Promise.withResolvers<void>()
      const called = Promise.withResolvers<void>()
      const done = Promise.withResolvers<void>()
      await decisions.follow(own, {}, (list, lost) => {
        calls.push([list.length, lost])
        if (calls.length === 1) called.resolve()
        else done.resolve()
        return free.promise
      })
      decisions.hear([decision('nic-a', 0)])
      await called.promise
      for (let at = 1; at <= 1500; at += 500)
        decisions.hear(Array.from({ length: 500 }, (_, i) => decision('nic-a', at + i)))
      free.resolve()
      free = Promise.withResolvers()
      await done.promise
      free.resolve()
      assert.deepEqual(calls, [
        [1, 0],
        [1000, 500],
      ])
      const kept = await recent()
      assert.deepEqual([kept.length, kept[0], kept.at(-1)], [1000, 501, 1500])
      assert.equal(decisions.counts().missed, 500)
    })

    test('bounded in all: what was heard the longest ago is forgotten first', {
      timeout: 60_000,
    }, async () => {
      const names = Array.from({ length: 101 }, (_, n) => `s${n}`)
      await storage.run('applyInventory', { inventory: inventory(...names) }, actor)
      const follower = await follow()
      for (const [n, name] of names.entries()) {
        decisions.hear(Array.from({ length: 1000 }, () => decision(`nic-${name}`, n)))
        await follower.until((n + 1) * 1000)
      }
      assert.deepEqual(await recent({ interface: 'nic-s0' }), [])
      assert.equal((await recent({ interface: 'nic-s1' })).length, 1000)
    })

    test('a host says nothing of what is on another, and no account sees how much others have', {
      timeout: 20_000,
    }, async () => {
      const all = inventory('a', 'b')
      const servers = all.servers.map((each) =>
        each.server.id === 'b'
          ? {
              ...each,
              server: { ...each.server, id: 'f', name: 'f', account: 'other' },
              interfaces: each.interfaces.map((nic) => ({ ...nic, id: 'nic-f', server: 'f' })),
              policies: (each.policies ?? []).map((policy) => ({
                ...policy,
                id: 'f',
                server: 'f',
                account: 'other',
              })),
              attachments: (each.attachments ?? []).map((one) => ({ ...one, policy: 'f', server: 'f' })),
            }
          : each,
      )
      const done = await storage.run('applyInventory', { inventory: { ...all, servers } }, actor)
      assert.ok(done.ok)
      const [follower, stranger] = [await follow(), await follow({}, foreign)]
      decisions.hear([
        decision('nic-a', 1, { host: 'elsewhere' }),
        ...[2, 3, 4].map((at) => decision('nic-f', at)),
        decision('nic-a', 5),
      ])
      await follower.until(1)
      await stranger.until(3)
      assert.deepEqual([times(follower.heard), times(stranger.heard)], [[5], [2, 3, 4]])
      assert.match(follower.heard[0]?.id ?? '', /-1$/)
      const later = await follow({ after: stranger.heard[1]?.id ?? '' }, foreign)
      await later.until(1)
      assert.deepEqual(times(later.heard), [4])
    })

    test('an interface that changes hands takes nothing with it', { timeout: 20_000 }, async () => {
      const before = await follow()
      decisions.hear([decision('nic-a', 1)])
      await before.until(1)
      await storage.run('deleteServer', { ...chainTarget('a'), documents: [] }, actor)
      assert.equal(await recent({ interface: 'nic-a' }), 'not-found')
      const all = inventory('a', 'b')
      const servers = all.servers.map((each) =>
        each.server.id === 'a'
          ? {
              ...each,
              server: { ...each.server, account: 'other' },
              policies: (each.policies ?? []).map((policy) => ({ ...policy, account: 'other' })),
            }
          : each,
      )
      const moved = await storage.run('applyInventory', { inventory: { ...all, servers } }, actor)
      assert.ok(moved.ok)
      const after = await follow({}, foreign)
      assert.deepEqual(await recent({}, foreign), [])
      decisions.hear([decision('nic-a', 2)])
      await after.until(1)
      assert.deepEqual([await recent({}, foreign), await recent(), times(before.heard)], [[2], [], [1]])
    })
  })
}
