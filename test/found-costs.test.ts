/** What it costs the store that hosts see devices: as much for one beside thousands as beside ten, and no table whole. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pageReads } from '../src/storage/page-reads.ts'
import { running } from '../src/storage/programs/run.ts'
import { sightingReads } from '../src/storage/sightings.ts'
import type { InventoryRecords, Programs, Storage } from '../src/storage/storage.ts'
import { type Cost, costOf } from './support/costs.ts'
import { sighting } from './support/sightings.ts'
import { actor, engines, inventory } from './support/stores.ts'

const macOf = (n: number) =>
  `52:54:00:${[n >> 16, (n >> 8) & 255, n & 255].map((each) => each.toString(16).padStart(2, '0')).join(':')}`
const hosts = ['h0', 'h1', 'h2', 'h3', 'many']
/** Few are on each host, and all others on one. */
const hostOf = (n: number) => (n < 8 ? `h${n % 4}` : 'many')
const nothing = { awayBefore: actor.at - 30_000, put: [], remove: [], again: [], settled: false }

/** So many servers with an interface each, which are nowhere; the last two are seen by nobody. */
function installation(size: number): InventoryRecords {
  const all = inventory(...Array.from({ length: size }, (_, n) => `s${n}`))
  const servers = all.servers.map((each, n) => ({
    ...each,
    interfaces: each.interfaces.map((nic) => ({ ...nic, mac: macOf(n), host: null, device: null })),
  }))
  return { ...all, servers }
}

async function costs(engine: Storage['engine'], size: number): Promise<ReadonlyMap<string, Cost>> {
  const store = await engines[engine].create()
  const storage = await store.open()
  const found = new Map<string, Cost>()
  try {
    assert.ok((await storage.run('applyInventory', { inventory: installation(size + 2) }, actor)).ok)
    const sessions = new Map<string, number>()
    for (const host of hosts) {
      const agent = { release: '1', protocol: 5, instance: host, own: false }
      const done = await storage.run('openSession', { host, agent }, actor)
      assert.ok(done.ok)
      sessions.set(host, done.value.session ?? 0)
    }
    const args = (host: string, said: Partial<Programs['see']['args']>): Programs['see']['args'] => ({
      ...{ host, session: sessions.get(host) ?? 0, ...nothing, ...said },
    })
    const see = async (host: string, said: Partial<Programs['see']['args']>) => {
      const done = await storage.run('see', args(host, said), actor)
      assert.ok(done.ok && done.value.current, JSON.stringify(done))
    }
    for (const host of hosts) {
      const own = Array.from({ length: size }, (_, n) => n).filter((n) => hostOf(n) === host)
      const put = own.map((n) => sighting(`tap${n}`, macOf(n)))
      for (let from = 0; from < put.length; from += 1000)
        await see(host, { put: put.slice(from, from + 1000) })
    }
    // One that waits for what another host has, and one that is nobody's.
    await see(hostOf(1), { put: [sighting('waiting', macOf(0)), sighting('stranger', '52:54:00:ff:ff:ff')] })
    if (engine === 'postgresql') await store.run('ANALYZE')

    const weigh = async (what: string, steps: Parameters<typeof costOf>[1]) =>
      found.set(what, await costOf(store.place, steps))
    const seen = (what: string, host: string, said: Partial<Programs['see']['args']>) =>
      weigh(what, running({ program: 'see', args: args(host, said), actor }).steps)
    await seen('a device that is said again', hostOf(2), { put: [sighting('tap2', macOf(2))] })
    await seen('a device that comes', hostOf(2), { put: [sighting('new', macOf(size))] })
    await seen('a device that tells only its own address', hostOf(2), {
      put: [sighting('new', null, { address: `fe${macOf(size).slice(2)}` })],
    })
    await seen('a device that nobody has', hostOf(2), { put: [sighting('new', '52:54:00:ee:ee:ee')] })
    await seen('a device that goes', hostOf(2), { remove: ['tap2'] })
    await seen('a device that goes, and another host waits', hostOf(0), { remove: ['tap0'] })
    await seen('a device that is expected by now', hostOf(0), {
      put: [sighting('tap0', macOf(0), { present: false })],
    })
    await seen('a device with another address', hostOf(2), { put: [sighting('tap2', macOf(size))] })

    await weigh(
      'contested ones',
      sightingReads.contestedSightings({ awayBefore: 0, after: null, limit: 100 }),
    )
    await weigh('one device', sightingReads.sighting(hostOf(2), 'tap2'))
    const since = await storage.revision()
    const to = { host: hostOf(3), device: 'by-hand' }
    assert.ok((await storage.run('bind', { changes: [{ interface: `nic-s${size + 1}`, to }] }, actor)).ok)
    await weigh('what a commit made due', sightingReads.sightingsDue(since))
    await weigh('what no commit made due', sightingReads.sightingsDue(await storage.revision()))
    await weigh(
      'unclaimed devices of a small host',
      pageReads.unclaimedPage('elsewhere', { after: null, limit: 20 }),
    )
    return found
  } finally {
    await storage.close()
    await store.remove()
  }
}

describe('devices that hosts see', () => {
  test('cost as much beside thousands as beside ten on SQLite, and no table whole', async () => {
    const [few, many] = [await costs('sqlite', 10), await costs('sqlite', 10_000)]
    for (const [what, cost] of many) {
      assert.deepEqual(cost.whole, [], what)
      const { statements, rows } = few.get(what) ?? assert.fail(what)
      assert.deepEqual([cost.statements, cost.rows], [statements, rows], what)
    }
    assert.ok(many.size > 12)
  })

  test('look at no more rows than what they are about on PostgreSQL', {
    skip: engines.postgresql.skip,
  }, async () => {
    for (const [what, cost] of await costs('postgresql', 10_000)) {
      assert.ok(cost.rows <= 60, `${what}: ${JSON.stringify(cost)}`)
    }
  })
})
