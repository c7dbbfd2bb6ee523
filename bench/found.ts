/** Devices that agents see: what it costs to find interfaces by their MAC addresses, and how long others wait meanwhile. */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Sighting } from '../src/core/model/sighting.ts'
import { openPostgresql } from '../src/storage/postgresql.ts'
import { openSqlite } from '../src/storage/sqlite.ts'
import type { InventoryRecords, Programs, Storage } from '../src/storage/storage.ts'
import { noCluster, startCluster } from '../test/support/postgresql.ts'
import { servicesOf } from '../test/support/service.ts'
import { sighting } from '../test/support/sightings.ts'
import { actor, inventory } from '../test/support/stores.ts'
import { median } from './measure.ts'
import { type Group, type Line, round, say } from './report.ts'
import { directory } from './workshop.ts'

export interface Sizes {
  /** Devices of one large host. */
  readonly large: number
  /** Hosts that connect at once, and devices of each. */
  readonly hosts: number
  readonly each: number
  /** Interfaces that are claimed by hand. */
  readonly claimed: number
}

export const found: Group = {
  name: 'found',
  title: 'Interfaces found by their MAC addresses',
  note: 'One process of the service without connections: from what agents say until each has been told which interface is on each of its devices, on a durable store. The first report finds every interface, with a revision and an event for each; after a reconnection nothing differs. Baselines: as many interfaces claimed by hand in writes of 200; the first report for a reconnection; a rename of another server with nothing else going on for one meanwhile.',
  obstacle: async () => noCluster || undefined,
  async measure() {
    const sizes = { large: 10_000, hosts: 1000, each: 30, claimed: 2000 }
    const lines: Line[] = []
    for (const engine of ['sqlite', 'postgresql'] as const) lines.push(...(await measureFound(engine, sizes)))
    return lines
  },
}

const large = 'large'
const macOf = (n: number): string =>
  `52:54:${[n >>> 24, n >>> 16, n >>> 8, n].map((each) => (each & 255).toString(16).padStart(2, '0')).join(':')}`

/** So many servers, each with an interface that is nowhere; and one whose name changes. */
function installation(size: number): InventoryRecords {
  const all = inventory(...Array.from({ length: size }, (_, n) => `s${n}`), 'renamed')
  const servers = all.servers.map(({ interfaces, ...rest }, n) => ({
    ...rest,
    interfaces: interfaces.map((nic) => ({ ...nic, mac: macOf(n), host: null, device: null })),
  }))
  return { ...all, servers }
}

export async function measureFound(engine: Storage['engine'], sizes: Sizes): Promise<readonly Line[]> {
  const cluster = engine === 'postgresql' ? startCluster() : undefined
  const storage = cluster
    ? await openPostgresql({ url: cluster.url })
    : await openSqlite({ directory: mkdtempSync(join(directory, 'found-')) })
  const lines: Line[] = []
  const add = (what: string, ours: string, baseline = '', ratio?: number) => {
    lines.push({
      what: `${engine}: ${what}`,
      ours,
      baseline,
      ...(ratio !== undefined && { ratio }),
      budget: '',
    })
    say(`  ${engine}: ${what}: ${ours} (${baseline}) ${ratio ?? ''}`)
  }
  const { large: count, hosts, each, claimed } = sizes
  try {
    await must(storage, 'applyInventory', { inventory: installation(count + hosts * each + claimed) })
    say(`  ${engine}: stored`)
    const alone = (await renamedWhile(storage, () => delay(2000))).waits

    const waiting = (what: string, waits: readonly number[]) => {
      const [ours, base] = [median(waits), median(alone)]
      const shown = (of: readonly number[]) =>
        `${round(median(of), 1)} ms (slowest ${round(Math.max(...of), 0)})`
      add(what, shown(waits), shown(alone), round(ours / base, 1))
    }

    const byHand = await timed(async () => {
      const first = count + hosts * each
      for (let from = 0; from < claimed; from += 200) {
        const changes = Array.from({ length: Math.min(200, claimed - from) }, (_, n) => ({
          interface: `nic-s${first + from + n}`,
          to: { host: 'by-hand', device: `tap${from + n}` },
        }))
        await must(storage, 'bind', { changes })
      }
    })
    const ofLarge = new Map([[large, devicesOf(0, count)]])
    const one = await reported(storage, ofLarge)
    const perDevice = [one.ms / count, byHand / claimed] as const
    add(
      `a first report of ${text(count)} devices`,
      `${round(one.ms, 0)} ms (${round(perDevice[0])} ms a device)`,
      `${round(perDevice[1])} ms an interface claimed by hand`,
      round(perDevice[0] / perDevice[1]),
    )
    waiting('a rename meanwhile', one.waits)
    const again = await reported(storage, ofLarge)
    add(
      'the same after a reconnection',
      `${round(again.ms, 0)} ms`,
      `${round(one.ms, 0)} ms`,
      round(again.ms / one.ms, 3),
    )

    const ofMany = new Map(
      Array.from({ length: hosts }, (_, n) => [`kvm-${n}`, devicesOf(count + n * each, each)] as const),
    )
    const many = await reported(storage, ofMany)
    add(`first reports of ${text(hosts)} agents of ${each} devices at once`, `${round(many.ms, 0)} ms`)
    waiting('a rename meanwhile', many.waits)
    const back = await reported(storage, ofMany)
    add(
      'the same after reconnections at once',
      `${round(back.ms, 0)} ms`,
      `${round(many.ms, 0)} ms`,
      round(back.ms / many.ms, 3),
    )
    waiting('a rename meanwhile', back.waits)

    const known = await storage.revision()
    await rename(storage, 'last')
    const looks: number[] = []
    for (let n = 0; n < 20; n++) looks.push(await timed(() => storage.sightingsDue(known)))
    add('a look at what a commit made due', `${round(median(looks))} ms`)
    return lines
  } finally {
    await storage.close()
    cluster?.remove()
  }
}

const text = (count: number): string => count.toLocaleString('en')
const devicesOf = (first: number, count: number): readonly Sighting[] =>
  Array.from({ length: count }, (_, n) => sighting(`tap${n}`, macOf(first + n)))

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** From what the agents of these hosts say whole, all at once, until each has been told of all its devices. */
async function reported(storage: Storage, devices: ReadonlyMap<string, readonly Sighting[]>) {
  const services = servicesOf(storage)
  const forgets: (() => void)[] = []
  let left = 0
  const told = Promise.withResolvers<void>()
  try {
    for (const [host, own] of devices) {
      const agent = { release: 'bench', protocol: 5, instance: `${host}-${Math.random()}`, own: false }
      await services.enforcement.open(host, agent, () => told.reject(new Error(`${host} was replaced`)))
      const waiting = new Set(own.map(({ device }) => device))
      left += waiting.size
      forgets.push(
        services.sightings.follow(host, null, (claims) => {
          for (const { device, interface: id, why } of claims) {
            if (id === null) told.reject(new Error(`${device} of ${host}: ${why}`))
            if (waiting.delete(device) && --left === 0) told.resolve()
          }
        }),
      )
    }
    return await renamedWhile(storage, async () => {
      for (const [host, own] of devices) services.sightings.hear(host, { whole: true, put: own, remove: [] })
      await told.promise
    })
  } finally {
    for (const forget of forgets) forget()
    await services.sightings.close()
    await services.enforcement.close()
  }
}

/** What the work takes, and how long writes wait that have nothing to do with it. */
async function renamedWhile(storage: Storage, work: () => Promise<unknown>) {
  const waits: number[] = []
  let over = false
  const renaming = (async () => {
    do {
      waits.push(await timed(() => rename(storage, `${Math.random()}`)))
      await delay(20)
    } while (!over)
  })()
  try {
    return { ms: await timed(work), waits }
  } finally {
    over = true
    await renaming
  }
}

const rename = (storage: Storage, name: string) =>
  must(storage, 'updateServer', {
    ...{ account: 'acme', profile: 'upcloud', server: 'renamed', refuseStates: [], change: { name } },
  })

async function must<P extends keyof Programs>(storage: Storage, program: P, args: Programs[P]['args']) {
  const done = await storage.run(program, args, actor)
  if (!done.ok) throw new Error(JSON.stringify(done.error))
}
