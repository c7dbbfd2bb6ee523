/**
 * Random histories of three hosts that see guests' devices, while interfaces are made, changed, claimed by hand and ended: nothing
 * that is seen is taken, nothing that was put by hand moves, and all that can be found is.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Sighting } from '../src/core/model/sighting.ts'
import type { Programs, SightingRecord, Storage } from '../src/storage/storage.ts'
import { sighting } from './support/sightings.ts'
import { actor, engines, inventory } from './support/stores.ts'

const hosts = ['h0', 'h1', 'h2'] as const
const devices = ['d0', 'd1', 'd2'] as const
/** The last two end alike. */
const macs = ['52:54:00:00:00:01', '52:54:00:00:00:02', '52:54:00:00:00:03', 'aa:54:00:00:00:03'] as const
const nics = ['n0', 'n1', 'n2', 'n3'] as const

const host = fc.constantFrom(...hosts)
const device = fc.constantFrom(...devices)
const mac = fc.constantFrom(...macs)
const nic = fc.constantFrom(...nics)
const seen = fc.record({ device, present: fc.boolean(), mac: fc.option(mac), derived: fc.option(mac) }).map(
  ({ derived, ...each }): Sighting =>
    sighting(each.device, each.mac, {
      present: each.present,
      address: each.present && derived ? `fe${derived.slice(2)}` : null,
    }),
)
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('see' as const),
      host,
      put: fc.array(seen, { maxLength: 3 }),
      remove: fc.subarray([...devices]),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('whole' as const), host, put: fc.array(seen, { maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('leave' as const, 'come' as const), host }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(1, 20, 31) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('claim' as const), nic, host, device }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('release' as const, 'end' as const), nic }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('make' as const, 'change' as const), nic, mac }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface Where {
  readonly place: string
  readonly by: string
  readonly mac: string
}

async function history(storage: Storage, steps: readonly Step[]): Promise<number> {
  let now = actor.at
  let moved = 0
  const sessions = new Map<string, number | undefined>()
  const by = () => ({ ...actor, at: now })
  const target = { account: 'acme', profile: 'upcloud', server: 'a' } as const
  const template = inventory('a').servers[0]?.interfaces[0] ?? assert.fail()

  async function run<P extends keyof Programs>(program: P, args: Programs[P]['args']) {
    const done = await storage.run(program, args, by())
    assert.ok(done.ok || ['conflict', 'not-found'].includes(done.error.kind), JSON.stringify(done))
    return done
  }
  async function come(name: string): Promise<void> {
    const agent = { release: '1', protocol: 5, instance: 'x', own: false }
    const done = await storage.run('openSession', { host: name, agent }, by())
    sessions.set(name, done.ok ? (done.value.session ?? undefined) : undefined)
  }
  async function see(name: string, said: Partial<Programs['see']['args']>): Promise<boolean> {
    const session = sessions.get(name)
    if (session === undefined) return false
    const nothing = { put: [], remove: [], again: [], settled: false }
    const args = { host: name, session, awayBefore: now - 30_000, ...nothing, ...said }
    const done = await storage.run('see', args, by())
    assert.ok(done.ok && done.value.current, JSON.stringify(done))
    return done.value.changed !== false
  }
  /** Those that are there tell that they are. */
  async function wait(seconds: number): Promise<void> {
    now += seconds * 1000
    for (const [name, session] of sessions) if (session !== undefined) await come(name)
  }
  async function take(each: Step): Promise<void> {
    switch (each.do) {
      case 'see': {
        const put = [...new Map(each.put.map((one) => [one.device, one])).values()]
        const named = new Set<string>(put.map((one) => one.device))
        await see(each.host, { put, remove: each.remove.filter((one) => !named.has(one)) })
        return
      }
      case 'whole': {
        const put = [...new Map(each.put.map((one) => [one.device, one])).values()]
        const named = new Set<string>(put.map((one) => one.device))
        await see(each.host, { put, remove: devices.filter((one) => !named.has(one)), settled: true })
        return
      }
      case 'come': {
        await come(each.host)
        // Its agent says all of it, and what has changed meanwhile is looked at.
        const due = (await storage.sightings(each.host)).seen.filter((row) => row.due)
        await see(each.host, { again: due.map((row) => row.device), settled: true })
        return
      }
      case 'leave': {
        const session = sessions.get(each.host)
        if (session !== undefined) await run('closeSession', { host: each.host, session })
        sessions.delete(each.host)
        return
      }
      case 'wait':
        return wait(each.seconds)
      case 'claim': {
        const to = { host: each.host, device: each.device }
        await run('bind', { changes: [{ interface: each.nic, to }] })
        return
      }
      case 'release':
        await run('bind', { changes: [{ interface: each.nic, to: null }] })
        return
      case 'make': {
        const made = { ...template, id: each.nic, mac: each.mac, host: null, device: null, addresses: [] }
        await run('addInterface', { ...target, interface: made })
        return
      }
      case 'change':
        await run('updateInterface', { ...target, interface: each.nic, change: { mac: each.mac } })
        return
      case 'end':
        await run('removeInterface', { ...target, interface: each.nic })
    }
  }

  const where = async (): Promise<ReadonlyMap<string, Where>> => {
    const all = await storage.interfaces('a')
    const found = new Map<string, Where>()
    for (const { id, mac: own } of all) {
      const binding = await storage.binding(id)
      found.set(id, {
        place: binding ? `${binding.host}/${binding.device}` : '',
        by: binding?.boundBy ?? '',
        mac: own,
      })
    }
    return found
  }
  const rows = async () => {
    const found = new Map<string, SightingRecord>()
    for (const name of hosts)
      for (const row of (await storage.sightings(name)).seen) found.set(`${name}/${row.device}`, row)
    return found
  }
  const fits = (row: SightingRecord | undefined, own: string): boolean =>
    row?.sought === own || row?.sought === own.slice(3)

  let known = await storage.revision()
  /** As the service looks again: until there is nothing to say. */
  async function settle(): Promise<void> {
    for (let round = 0; ; round++) {
      assert.ok(round < 6, 'it comes to rest')
      const { revision, devices: due } = await storage.sightingsDue(known)
      known = revision
      const contested = await storage.contestedSightings({
        awayBefore: now - 30_000,
        after: null,
        limit: 100,
      })
      let changed = false
      for (const { host: name, device: one } of [...(due ?? []), ...contested.devices])
        changed = (await see(name, { again: [one] })) || changed
      if (!changed) return
    }
  }

  const gone = new Map<string, number>()
  for (const each of steps) {
    const before = await where()
    const isAway = (name: string) =>
      !sessions.has(name) && now - (gone.get(name) ?? Number.NEGATIVE_INFINITY) > 30_000
    await take(each)
    if (each.do === 'leave' && !sessions.has(each.host) && !gone.has(each.host)) gone.set(each.host, now)
    if (each.do === 'come') gone.delete(each.host)
    await settle()
    const after = await where()
    const saw = await rows()
    const told = JSON.stringify({ each, before: [...before], after: [...after], saw: [...saw.values()] })
    for (const [id, was] of before) {
      const is = after.get(id)
      // Who is spoken of, and who was found where another is put.
      const own = 'nic' in each && each.nic === id
      const yields = each.do === 'claim' && was.by === 'mac' && was.place === `${each.host}/${each.device}`
      if (!is || own || yields) continue
      if (is.place !== was.place) moved++
      if (was.by === 'api') assert.deepEqual(is, was, `put by hand: ${told}`)
      const [name = ''] = was.place.split('/')
      const row = saw.get(was.place)
      if (was.by === 'mac' && !isAway(name) && row?.present && fits(row, is.mac))
        assert.deepEqual([is.place, is.by], [was.place, 'mac'], `seen and taken: ${told}`)
    }
    const places = new Map(
      [...after].filter(([, { place }]) => place !== '').map(([id, { place }]) => [place, id]),
    )
    for (const [id, is] of after) {
      const [name = ''] = is.place.split('/')
      const row = saw.get(is.place)
      if (is.by === 'mac' && sessions.has(name)) {
        assert.ok(row && (row.sought === null || fits(row, is.mac)), `${id} is where nobody sees it: ${told}`)
      }
      if (is.place !== '') continue
      for (const [place, other] of saw) {
        const [at = ''] = place.split('/')
        const alike = [...after.values()].filter((one) => fits(other, one.mac))
        if (!sessions.has(at) || places.has(place) || alike.length !== 1) continue
        assert.ok(!fits(other, is.mac), `${id} could be on ${place}: ${told}`)
      }
    }
    // What agents were told is so.
    for (const [place, row] of saw) {
      const [at = ''] = place.split('/')
      if (sessions.has(at))
        assert.equal(row.interface, places.get(place) ?? null, `told of ${place}: ${told}`)
      assert.equal(row.interface === null, row.why !== null, `why of ${place}: ${told}`)
    }
  }
  return moved
}

for (const [engine, { skip, create }] of Object.entries(engines)) {
  test(`what hosts see and people say, in any order, on ${engine}`, { skip }, async () => {
    let moved = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 40 }), async (steps) => {
        const store = await create()
        const storage = await store.open()
        try {
          const all = inventory('a')
          const empty = { ...all, servers: all.servers.map((each) => ({ ...each, interfaces: [] })) }
          assert.ok((await storage.run('applyInventory', { inventory: empty }, actor)).ok)
          moved += await history(storage, [
            ...hosts.map((name) => ({ do: 'come' as const, host: name })),
            ...nics
              .slice(0, 2)
              .map((one, at) => ({ do: 'make' as const, nic: one, mac: macs[at] ?? macs[0] })),
            ...steps,
          ])
        } finally {
          await storage.close()
          await store.remove()
        }
      }),
      { numRuns: engine === 'sqlite' ? 20 : 3, endOnFailure: true },
    )
    // A few histories may lead nowhere.
    assert.ok(engine !== 'sqlite' || moved > 0, 'something was found and moved')
  })
}
