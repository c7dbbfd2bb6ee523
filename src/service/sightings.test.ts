/** What agents see, between processes of one store: on both engines. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { servicesOf } from '../../test/support/service.ts'
import { sighting } from '../../test/support/sightings.ts'
import { actor, engines, inventory, type TestStore } from '../../test/support/stores.ts'
import { type Claimed, maxSightings, type SightingChange } from '../core/model/sighting.ts'
import type { Programs, Storage } from '../storage/storage.ts'
import type { Services } from './services.ts'

const macOf = (n: number) =>
  `52:54:00:01:${[n >> 8, n & 255].map((each) => each.toString(16).padStart(2, '0')).join(':')}`

/** `nic-sN` has the Nth MAC address and is nowhere. */
function installation(count: number) {
  const all = inventory(...Array.from({ length: count }, (_, n) => `s${n}`))
  return {
    ...all,
    servers: all.servers.map((each, n) => ({
      ...each,
      interfaces: each.interfaces.map((nic) => ({ ...nic, mac: macOf(n), host: null, device: null })),
    })),
  }
}

const whole = (...put: SightingChange['put']): SightingChange => ({ whole: true, put, remove: [] })
const change = (put: SightingChange['put'], remove: readonly string[] = []): SightingChange => ({
  ...{ whole: false, put, remove },
})

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`devices that agents see, on ${engine}`, { skip }, () => {
    let store: TestStore
    let storage: Storage
    let one: Services
    let two: Services
    let sees: Programs['see']['args'][]
    /** The store cannot be written, and how often that was tried. */
    let away = false
    let failed = 0
    beforeEach(async () => {
      store = await create()
      const opened = await store.open()
      sees = []
      away = false
      failed = 0
      storage = {
        ...opened,
        async run(program, args, by) {
          if (program === 'see') {
            if (away) {
              failed++
              throw new Error('the store is away')
            }
            sees.push(args as Programs['see']['args'])
          }
          return opened.run(program, args, by)
        },
      }
      assert.ok((await storage.run('applyInventory', { inventory: installation(3) }, actor)).ok)
      one = servicesOf(storage)
      two = servicesOf(storage)
    })
    afterEach(async () => {
      for (const each of [one, two]) {
        await each.sightings.close()
        await each.enforcement.close()
      }
      await storage.close()
      await store.remove()
    })

    /** An agent of a host connects to a process. */
    async function connect({ enforcement, sightings }: Services, host: string) {
      const told = new Map<string, Claimed>()
      let replaced = false
      const agent = { release: '1', protocol: 5, instance: `${host}${Math.random()}`, own: false }
      assert.ok(
        await enforcement.open(host, agent, () => {
          replaced = true
        }),
      )
      const forget = sightings.follow(host, null, (claims) => {
        for (const claim of claims) told.set(claim.device, claim)
      })
      return {
        told,
        isReplaced: () => replaced,
        hear: (said: SightingChange) => sightings.hear(host, said),
        async leave() {
          forget()
          await enforcement.left(host)
        },
      }
    }
    const placeOf = async (n: number) => {
      const found = await storage.binding(`nic-s${n}`)
      return found && `${found.host}/${found.device} ${found.boundBy}`
    }

    test('what is said is found, told to the agent, and costs nothing when it is said again', async () => {
      const kvm1 = await connect(one, 'kvm1')
      kvm1.hear(whole(sighting('tap0', macOf(0)), sighting('tap9', '52:54:00:99:99:99')))
      await one.sightings.settled()
      assert.deepEqual(kvm1.told.get('tap0'), { device: 'tap0', interface: 'nic-s0', why: null })
      assert.match(kvm1.told.get('tap9')?.why ?? '', /no interface has the MAC address/)
      assert.deepEqual([...one.sightings.counts()], [['kvm1', 1]])
      await kvm1.leave()

      sees = []
      const again = await connect(one, 'kvm1')
      again.hear(whole(sighting('tap0', macOf(0)), sighting('tap9', '52:54:00:99:99:99')))
      await one.sightings.settled()
      assert.equal(sees.length, 0)
      assert.deepEqual([...again.told], [...kvm1.told])
      assert.deepEqual([...one.sightings.counts()], [['kvm1', 1]])
    })

    test('what another process commits is found and told', async () => {
      const kvm1 = await connect(one, 'kvm1')
      kvm1.hear(whole(sighting('tap0', macOf(0)), sighting('tap7', macOf(7))))
      await one.sightings.settled()
      assert.ok((await storage.run('applyInventory', { inventory: installation(8) }, actor)).ok)
      await eventually('it is told', () => kvm1.told.get('tap7')?.interface === 'nic-s7' || undefined)
      assert.equal(await placeOf(7), 'kvm1/tap7 mac')
      // By hand, to where nobody has said that it is.
      const changes = [{ interface: 'nic-s7', to: { host: 'kvm5', device: 'tap1' } }]
      assert.ok((await storage.run('bind', { changes }, actor)).ok)
      await eventually(
        'why',
        () => /was put elsewhere by hand$/.test(kvm1.told.get('tap7')?.why ?? '') || undefined,
      )
      assert.ok((await storage.run('bind', { changes: [{ interface: 'nic-s7', to: null }] }, actor)).ok)
      await eventually('it is found again', () => kvm1.told.get('tap7')?.interface === 'nic-s7' || undefined)
    })

    test('a VM migrates between hosts of two processes', async () => {
      const [from, to] = [await connect(one, 'kvm1'), await connect(two, 'kvm2')]
      from.hear(whole(sighting('vnet0', macOf(1))))
      await one.sightings.settled()
      to.hear(whole(sighting('vnet5', macOf(1))))
      await two.sightings.settled()
      assert.match(to.told.get('vnet5')?.why ?? '', /is elsewhere, where it is seen, too$/)
      const before = await storage.revision()
      from.hear(change([], ['vnet0']))
      await eventually(
        'the new host is told',
        () => to.told.get('vnet5')?.interface === 'nic-s1' || undefined,
      )
      assert.equal(await placeOf(1), 'kvm2/vnet5 mac')
      const { departed } = await storage.desired('kvm1', before)
      assert.deepEqual(departed, ['nic-s1'])
    })

    test('an agent that connects to another process is the one that is heard', async () => {
      const first = await connect(one, 'kvm1')
      first.hear(whole(sighting('tap0', macOf(0))))
      await one.sightings.settled()
      const second = await connect(two, 'kvm1')
      second.hear(whole(sighting('tap4', macOf(0))))
      await two.sightings.settled()
      assert.equal(await placeOf(0), 'kvm1/tap4 mac')
      first.hear(change([sighting('tap0', macOf(0)), sighting('tap1', macOf(1))]))
      await one.sightings.settled()
      assert.ok(first.isReplaced())
      assert.deepEqual([await placeOf(0), await placeOf(1)], ['kvm1/tap4 mac', undefined])
    })

    test('what is said while the store is away is written together when it is back', async () => {
      const kvm1 = await connect(one, 'kvm1')
      away = true
      kvm1.hear(whole(sighting('tap0', macOf(0)), sighting('tap1', macOf(1))))
      await eventually('it was tried', () => failed || undefined)
      kvm1.hear(change([sighting('tap2', macOf(2))], ['tap0']))
      kvm1.hear(change([sighting('tap2', macOf(2), { guarded: false })]))
      away = false
      await one.sightings.settled()
      assert.deepEqual(
        [await placeOf(0), await placeOf(1), await placeOf(2)],
        [undefined, 'kvm1/tap1 mac', 'kvm1/tap2 mac'],
      )
      assert.equal(sees.length, 1)
    })

    test('nothing is concluded from differences before all was said, nor from more than a host may have', async () => {
      const kvm1 = await connect(one, 'kvm1')
      kvm1.hear(change([sighting('tap0', macOf(0))]))
      await one.sightings.settled()
      assert.equal(sees.length, 0)
      const many = Array.from({ length: maxSightings + 1 }, (_, n) => sighting(`d${n}`, null))
      kvm1.hear(whole(...many))
      await one.sightings.settled()
      assert.equal((await storage.sightings('kvm1')).seen.length, maxSightings)
      assert.deepEqual(
        sees.filter(({ put }) => put.length > 200),
        [],
      )
    })

    test('what was found before a restore and is seen no more is released', async () => {
      const kvm1 = await connect(one, 'kvm1')
      kvm1.hear(whole(sighting('tap0', macOf(0)), sighting('tap1', macOf(1))))
      await one.sightings.settled()
      await kvm1.leave()
      await store.run('DELETE FROM sightings')
      const again = await connect(one, 'kvm1')
      again.hear(whole(sighting('tap1', macOf(1))))
      await one.sightings.settled()
      assert.deepEqual([await placeOf(0), await placeOf(1)], [undefined, 'kvm1/tap1 mac'])
    })
  })
}
