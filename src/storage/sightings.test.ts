/** What agents see, and where interfaces come to be by it: on both engines, host against host. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { sighting } from '../../test/support/sightings.ts'
import { actor, engines, inventory, type TestStore } from '../../test/support/stores.ts'
import { type Claimed, maxSightings } from '../core/model/sighting.ts'
import type { InventoryRecords, Programs, Storage } from './storage.ts'

const macs = { a: '52:54:00:00:00:0a', b: '52:54:00:00:00:0b', c: '52:54:00:00:00:0c' } as const
type Name = keyof typeof macs

/** Servers with an interface each, which are nowhere; `bound` are on these devices of host h0. */
function servers(names: readonly Name[], bound: Partial<Record<Name, string>> = {}): InventoryRecords {
  const all = inventory(...names)
  return {
    ...all,
    servers: all.servers.map((each) => ({
      ...each,
      interfaces: each.interfaces.map((nic) => {
        const device = bound[each.server.id as Name] ?? null
        return { ...nic, mac: macs[each.server.id as Name], host: device && 'h0', device }
      }),
    })),
  }
}

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`devices that hosts see, on ${engine}`, { skip }, () => {
    let store: TestStore
    let storage: Storage
    beforeEach(async () => {
      store = await create()
      storage = await store.open()
      await must(storage.run('applyInventory', { inventory: servers(['a', 'b', 'c']) }, actor))
    })
    afterEach(async () => {
      await storage.close()
      await store.remove()
    })

    async function must<T>(
      run: Promise<
        { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown }
      >,
    ): Promise<T> {
      const done = await run
      assert.ok(done.ok, JSON.stringify(done))
      return done.value
    }
    const at = (ms = 0) => ({ ...actor, at: actor.at + ms })
    const open = async (host: string, ms = 0) => {
      const agent = { release: '1', protocol: 5, instance: host, own: false }
      const { session } = await must(storage.run('openSession', { host, agent }, at(ms)))
      return session ?? 0
    }
    type Said = Partial<Programs['see']['args']> & { readonly ms?: number }
    const see = (host: string, { ms = 0, ...said }: Said) =>
      must(
        storage.run(
          'see',
          {
            ...{ host, awayBefore: actor.at + ms - 30_000, put: [], remove: [], again: [], settled: false },
            ...said,
          },
          at(ms),
        ),
      )
    const claims = async (host: string, said: Said) =>
      Object.fromEntries((await see(host, said)).claims.map((each) => [each.device, told(each)]))
    const told = ({ interface: id, why }: Claimed) => id ?? why
    const where = async (name: Name) => {
      const found = await storage.binding(`nic-${name}`)
      return found && `${found.host}/${found.device} ${found.boundBy}`
    }

    test('an interface is put on the device that has its MAC address, and taken off when that is gone', async () => {
      await open('h1')
      assert.deepEqual(await claims('h1', { put: [sighting('tap0', macs.a), sighting('tap1', null)] }), {
        tap0: 'nic-a',
        tap1: 'nobody on the host says which MAC address its guest has',
      })
      assert.equal(await where('a'), 'h1/tap0 mac')
      const { placed } = await storage.desired('h1', null)
      assert.deepEqual(
        placed.map(({ id, device, found }) => [id, device, found]),
        [['nic-a', 'tap0', true]],
      )
      await see('h1', { remove: ['tap0'] })
      assert.equal(await where('a'), undefined)
      assert.deepEqual((await storage.desired('h1', null)).placed, [])
    })

    test('libvirt’s own address of a device is enough, where it is one interface’s', async () => {
      await open('h1')
      const vnet = sighting('vnet0', null, { address: 'fe:54:00:00:00:0b', source: 'links' })
      assert.deepEqual(await claims('h1', { put: [vnet] }), { vnet0: 'nic-b' })
      // The guest is said by then; nothing moves.
      assert.deepEqual(await claims('h1', { put: [{ ...vnet, mac: macs.b }] }), { vnet0: 'nic-b' })
      assert.deepEqual(await claims('h1', { put: [vnet] }), { vnet0: 'nic-b' })
      const other = { ...vnet, address: 'fe:54:00:00:00:0c' }
      assert.deepEqual(await claims('h1', { put: [other] }), { vnet0: 'nic-c' })
      assert.equal(await where('b'), undefined)
    })

    test('who sees it keeps it; the one that waits has it when the first lets go, in the same revision', async () => {
      await open('h1')
      await open('h2')
      await see('h1', { put: [sighting('tap0', macs.a)] })
      const why = `the interface that has the MAC address ${macs.a} is elsewhere, where it is seen, too`
      assert.deepEqual(await claims('h2', { put: [sighting('tap7', macs.a)] }), { tap7: why })
      const { seen } = await storage.sightings('h2')
      assert.equal(seen[0]?.why, `${why}: nic-a on device tap0 of host h1`)
      assert.equal(await where('a'), 'h1/tap0 mac')
      await see('h1', { remove: ['tap0'] })
      assert.equal(await where('a'), 'h2/tap7 mac')
    })

    test('a host that is away for half a minute loses it, and one that is back sooner does not', async () => {
      const session = await open('h1')
      await open('h2')
      await see('h1', { put: [sighting('tap0', macs.a)] })
      await must(storage.run('closeSession', { host: 'h1', session }, at(1000)))
      await see('h2', { put: [sighting('tap7', macs.a)], ms: 30_999 })
      assert.equal(await where('a'), 'h1/tap0 mac')
      await see('h2', { again: ['tap7'], ms: 31_001 })
      assert.equal(await where('a'), 'h2/tap7 mac')
    })

    test('an agent that was replaced is not heard', async () => {
      const first = await open('h1')
      await open('h1')
      const said = await see('h1', { session: first, put: [sighting('tap0', macs.a)] })
      assert.deepEqual([said.current, said.claims], [false, []])
      assert.equal(await where('a'), undefined)
      assert.deepEqual((await storage.sightings('h1')).seen, [])
    })

    test('an interface whose MAC address changes is not where the old one is seen', async () => {
      await open('h1')
      await see('h1', { put: [sighting('tap0', macs.a)] })
      const known = await storage.revision()
      const target = { account: 'acme', profile: 'upcloud', server: 'a', interface: 'nic-a' }
      await must(storage.run('updateInterface', { ...target, change: { mac: '52:54:00:00:00:ff' } }, actor))
      assert.deepEqual((await storage.sightingsDue(known)).devices, [{ host: 'h1', device: 'tap0' }])
      await see('h1', { again: ['tap0'] })
      assert.equal(await where('a'), undefined)
    })

    test('a claim and an inventory win over what was found, and one that says nothing leaves it', async () => {
      await open('h0')
      await see('h0', { put: [sighting('tap0', macs.a), sighting('tap1', macs.b), sighting('tap2', macs.c)] })
      const apply = (bound: Partial<Record<Name, string>>) =>
        must(storage.run('applyInventory', { inventory: servers(['a', 'b', 'c'], bound) }, actor))
      await apply({})
      assert.equal(await where('a'), 'h0/tap0 mac')
      await apply({ a: 'tap0' })
      assert.equal(await where('a'), 'h0/tap0 inventory')
      assert.equal(await where('b'), 'h0/tap1 mac')
      assert.equal((await apply({ a: 'tap0' })).changed, false)

      const bind = (id: string, device: string | null) =>
        storage.run(
          'bind',
          { changes: [{ interface: id, to: device === null ? null : { host: 'h0', device } }] },
          at(),
        )
      await must(bind('nic-b', 'tap1'))
      assert.equal(await where('b'), 'h0/tap1 api')
      const refused = await bind('nic-c', null)
      assert.ok(!refused.ok && refused.error.kind === 'conflict')
      assert.match(refused.error.reason, /sees the MAC address of interface nic-c on its device tap2/)
      await see('h0', { remove: ['tap2'] })
      assert.equal(await where('c'), undefined)
    })

    test('who was found on a device yields to who is put there, by an inventory as by hand', async () => {
      await open('h0')
      await see('h0', { put: [sighting('tap0', macs.a), sighting('tap1', macs.b), sighting('tap2', macs.c)] })
      const apply = (bound: Partial<Record<Name, string>>, names: readonly Name[] = ['a', 'b', 'c']) =>
        must(storage.run('applyInventory', { inventory: servers(names, bound) }, actor))
      const places = async () => [await where('a'), await where('b'), await where('c')]
      const before = await storage.revision()
      await apply({ a: 'tap1' })
      assert.deepEqual(await places(), ['h0/tap1 inventory', undefined, 'h0/tap2 mac'])
      const eventsSince = async (revision: number) => {
        const { items } = await storage.audit({ limit: 10 })
        return items
          .filter((each) => each.revision > revision)
          .map(({ operation, id }) => `${operation} ${id}`)
          .reverse()
      }
      assert.deepEqual(await eventsSince(before), [
        'inventory.apply ',
        'binding.release nic-b',
        'bindings.update nic-b',
      ])
      assert.deepEqual(await claims('h0', { again: ['tap0', 'tap1'] }), {
        tap0: `the interface that has the MAC address ${macs.a} was put elsewhere by the inventory`,
        tap1: 'nic-a',
      })
      assert.equal((await apply({ a: 'tap1' })).changed, false)

      // Of a server that changes by the same file, and of one that is new.
      await apply({ a: 'tap2', c: 'tap9' })
      assert.deepEqual(await places(), ['h0/tap2 inventory', undefined, 'h0/tap9 inventory'])
      await apply({})
      assert.deepEqual(await places(), [undefined, undefined, undefined])
      await see('h0', { again: ['tap0', 'tap1', 'tap2'] })
      assert.deepEqual(await places(), ['h0/tap0 mac', 'h0/tap1 mac', 'h0/tap2 mac'])

      const bind = (id: string, device: string, from?: string) =>
        storage.run(
          'bind',
          { changes: [{ interface: id, to: { host: 'h0', device }, ...(from && { from }) }] },
          at(),
        )
      const known = await storage.revision()
      await must(bind('nic-a', 'tap1'))
      assert.deepEqual(await places(), ['h0/tap1 api', undefined, 'h0/tap2 mac'])
      assert.deepEqual(await eventsSince(known), [
        'binding.move nic-a',
        'binding.release nic-b',
        'bindings.update ',
      ])
      await must(bind('nic-b', 'tap2', 'nic-c'))
      assert.deepEqual(await places(), ['h0/tap1 api', 'h0/tap2 api', undefined])
      // Who was put there does not.
      const refused = await bind('nic-c', 'tap1')
      assert.ok(!refused.ok && refused.error.kind === 'conflict')
      const invalid = await storage.run(
        'applyInventory',
        { inventory: servers(['a', 'b', 'c'], { c: 'tap1' }) },
        actor,
      )
      assert.ok(!invalid.ok && invalid.error.kind === 'invalid')
    })

    test('a device with another address is not the one that it was, though nobody says whose it is', async () => {
      await open('h1')
      await open('h2')
      const vnet = sighting('vnet0', null, { address: 'fe:54:00:00:00:0a', source: 'links' })
      await see('h1', { put: [vnet] })
      await see('h2', { put: [sighting('tap7', macs.a)] })
      assert.equal(await where('a'), 'h1/vnet0 mac')
      await see('h1', { put: [{ ...vnet, address: '02:11:22:33:44:55' }] })
      assert.equal(await where('a'), 'h2/tap7 mac')
    })

    test('of two hosts that see one address at the same moment one has it, and both are answered', async () => {
      // SQLite has one process; its writes are one after the other all the same.
      const other = engine === 'postgresql' ? await store.open() : storage
      try {
        const sessions = { h1: await open('h1'), h2: await open('h2') }
        for (let round = 0; round < 15; round++) {
          const say = (by: Storage, host: 'h1' | 'h2', said: Partial<Programs['see']['args']>) =>
            by.run(
              'see',
              {
                ...{ host, session: sessions[host], awayBefore: actor.at - 30_000 },
                ...{ put: [], remove: [], again: [], settled: false, ...said },
              },
              at(),
            )
          const put = [sighting('tap0', macs.a)]
          const both = await Promise.all([say(storage, 'h1', { put }), say(other, 'h2', { put })])
          const has = both.map((done) => {
            assert.ok(done.ok && done.value.current, JSON.stringify(done))
            return done.value.claims.map((each) => told(each))
          })
          const place = (await where('a')) ?? ''
          assert.ok(['h1/tap0 mac', 'h2/tap0 mac'].includes(place), place)
          assert.deepEqual(has.filter(([first]) => first === 'nic-a').length, 1, JSON.stringify(has))
          // The winner lets go while the other one says it again: it never is with both, nor with nobody.
          const [winner, loser] = place.startsWith('h1') ? (['h1', 'h2'] as const) : (['h2', 'h1'] as const)
          const then = await Promise.all([
            say(storage, winner, { remove: ['tap0'] }),
            say(other, loser, { again: ['tap0'] }),
          ])
          for (const done of then) assert.ok(done.ok && done.value.current, JSON.stringify(done))
          assert.equal(await where('a'), `${loser}/tap0 mac`)
          await must(say(storage, loser, { remove: ['tap0'] }))
          assert.equal(await where('a'), undefined)
        }
      } finally {
        if (other !== storage) await other.close()
      }
    })

    test('no host has more than the most devices', async () => {
      await open('h1')
      for (let from = 0; from < maxSightings; from += 1000) {
        const put = Array.from({ length: 1000 }, (_, n) => sighting(`d${from + n}`, null))
        await see('h1', { put })
      }
      const more = await claims('h1', { put: [sighting('d1', null), sighting('more', macs.a)] })
      assert.match(more.more ?? '', /more than 10000 devices/)
      assert.equal(await where('a'), undefined)
      assert.match(more.d1 ?? '', /nobody on the host says/)
    })
  })
}
