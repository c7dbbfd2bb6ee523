/** A fleet: as many agents on one service, and what a change, a restart and nothing at all cost. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { updateTexts } from '../src/core/model/update-codec.ts'
import { createDesiredFeed, createDesiredFeeds } from '../src/service/desired.ts'
import { openPostgresql } from '../src/storage/postgresql.ts'
import { openSqlite } from '../src/storage/sqlite.ts'
import type { Storage } from '../src/storage/storage.ts'
import { noCluster, startCluster } from '../test/support/postgresql.ts'
import { cpuSecondsOf } from './cpu.ts'
import type { Answer, Told } from './fleet-agents-child.ts'
import { account, changeGroup, fillStore, group, hostOf, ownPolicy, token } from './fleet-store.ts'
import { median, quantile } from './measure.ts'
import { program } from './program.ts'
import { type Group, judged, type Line, round, say } from './report.ts'
import { directory, own } from './workshop.ts'

export const fleet: Group = {
  name: 'fleet',
  title: 'A fleet of 1,000 agents on one service',
  note: 'The bundle that ships, as a process; agents in another one, with their real code and connections and an imagined dataplane. Each host has four interfaces, with a group of 20 rules that all have and a policy of 5 rules of their own; the store is durable. From before the request to the API until the last agent has applied. CPU is of the user and the kernel; a core is 100 %. The baseline of one change is a reader for each agent, in one process without connections, beside the one reader for all; that of restarts is the first connection of all.',
  obstacle: async () => noCluster || undefined,
  async measure() {
    const lines: Line[] = []
    for (const engine of ['postgresql', 'sqlite'] as const) {
      lines.push(
        ...(await measureFleet(engine, { hosts: 1000, changes: 10, rate: 100, seconds: 10, idle: 30 })),
      )
    }
    return lines
  },
}

export interface Sizes {
  readonly hosts: number
  /** Changes of the group. */
  readonly changes: number
  /** Changes of one host each a second, for so many seconds. */
  readonly rate: number
  readonly seconds: number
  /** Seconds without any change. */
  readonly idle: number
}

interface Place {
  readonly flags: readonly string[]
  open(): Promise<Storage>
  /** CPU seconds of what keeps the store, if that is a process of its own. */
  cpu(): number
  remove(): void
}

function placeOf(engine: Storage['engine']): Place {
  if (engine === 'sqlite') {
    const data = mkdtempSync(join(directory, 'fleet-'))
    const open = () => openSqlite({ directory: data })
    return { flags: ['--data', data], open, cpu: () => 0, remove() {} }
  }
  const cluster = startCluster()
  const folder = new URL(cluster.url).searchParams.get('host') ?? ''
  const pid = Number(readFileSync(join(folder, 'data', 'postmaster.pid'), 'utf8').split('\n')[0])
  return {
    flags: ['--database', cluster.url],
    open: () => openPostgresql({ url: cluster.url }),
    cpu: () => cpuSecondsOf(pid),
    remove: cluster.remove,
  }
}

export async function measureFleet(engine: Storage['engine'], sizes: Sizes): Promise<Line[]> {
  const { hosts, changes, rate, seconds, idle } = sizes
  const lines: Line[] = []
  const place = placeOf(engine)
  const add = (what: string, line: Omit<Line, 'what'>) => {
    lines.push({ what: `${engine}: ${what}`, ...line })
    say(`  ${engine}: ${what}: ${line.ours}${line.baseline && ` (${line.baseline})`}`)
  }
  try {
    const storage = await place.open()
    await fillStore(storage, hosts)
    say(`  ${engine}: ${hosts} hosts are stored`)
    const [one, each] = [await spentByFeeds(storage, hosts, true), await spentByFeeds(storage, hosts, false)]
    await storage.close()
    add('one change of the group, until all feeds have written it', {
      ours: `${round(one.ms, 0)} ms, CPU ${round(one.cpuMs, 0)} ms`,
      baseline: `${round(each.ms, 0)} ms, CPU ${round(each.cpuMs, 0)} ms`,
      ratio: round(one.cpuMs / each.cpuMs, 4),
      budget: '',
    })

    const port = await freePort()
    let server = await startServer(place.flags, port)
    const agents = await startAgents()
    try {
      const call = caller(`http://127.0.0.1:${port}`)
      const list = await credentials(call, hosts)
      const used = () => ({ server: cpuSecondsOf(server.pid ?? 0), store: place.cpu() })
      const spentSince = (before: ReturnType<typeof used>) => {
        const now = used()
        return `CPU ${round((now.server - before.server) * 1000, 0)} ms, store ${round((now.store - before.store) * 1000, 0)} ms`
      }
      const bare = memoryOf(server, 'VmRSS')

      const first = await probed(call, async () => {
        const before = used()
        const began = process.hrtime.bigint()
        agents.send({ connect: `http://127.0.0.1:${port}`, agents: list })
        const { at } = await agents.ask({ until: 'applied' })
        return { ms: milliseconds(began, at), spent: spentSince(before) }
      })
      const peak = memoryOf(server, 'VmHWM')
      add('all connect at once, until all have applied', {
        ours: `${round(first.ms, 0)} ms, ${first.spent}, peak ${round(peak, 0)} MiB`,
        ...{ baseline: '', budget: '' },
      })
      add('an API request meanwhile, the slowest', {
        ours: `${round(first.slowest, 0)} ms`,
        baseline: '',
        budget: '',
      })
      await delay(3000)

      const times: number[] = []
      const spent: string[] = []
      let slowest = 0
      for (let n = 0; n < changes; n++) {
        const before = used()
        await agents.ask({ until: 'mark' })
        const run = await probed(call, async () => {
          const began = process.hrtime.bigint()
          const done = agents.ask({ until: 'applied' })
          await change(call, group, n)
          return milliseconds(began, (await done).at)
        })
        times.push(run.value)
        slowest = Math.max(slowest, run.slowest)
        await delay(1000)
        spent.push(spentSince(before))
      }
      add('one change of the group on all, until the last has applied', {
        ours: `${round(median(times), 0)} ms (${round(Math.max(...times), 0)}), ${spent[Math.floor(changes / 2)]}`,
        ...{ baseline: '', budget: '≤ 2000 ms' },
        verdict: judged(Math.max(...times) <= 2000),
      })
      add('an API request meanwhile, the slowest', {
        ours: `${round(slowest, 0)} ms`,
        baseline: '',
        budget: '',
      })

      {
        const before = used()
        const { rounds } = await agents.ask({ until: 'mark' })
        const all: Promise<number>[] = []
        const began = performance.now()
        for (let n = 0; n < rate * seconds; n++) {
          const due = began + (n * 1000) / rate
          if (due > performance.now()) await delay(due - performance.now())
          const agent = n % hosts
          const from = process.hrtime.bigint()
          const done = agents.ask({ until: 'applied', of: [agent] })
          all.push(change(call, ownPolicy(agent), n).then(async () => milliseconds(from, (await done).at)))
        }
        const found = await Promise.all(all)
        const took = (performance.now() - began) / 1000
        const now = used()
        const after = await agents.ask({ until: 'mark' })
        const share = (a: number, b: number) => `${round(((b - a) / took) * 100, 0)} %`
        add(`${rate} changes a second, each of one host`, {
          ours: `${round(median(found), 0)} ms (p99 ${round(quantile(found, 0.99), 0)}), CPU ${share(before.server, now.server)} of a core, store ${share(before.store, now.store)}`,
          baseline: `${round((after.rounds - rounds) / (rate * seconds), 2)} rounds a change`,
          budget: '',
        })
      }

      {
        await delay(2000)
        const before = used()
        const { rounds } = await agents.ask({ until: 'mark' })
        await delay(idle * 1000)
        const now = used()
        const after = await agents.ask({ until: 'mark' })
        const share = (a: number, b: number) => `${round(((b - a) / idle) * 100, 1)} %`
        add('nothing changes: heartbeats alone', {
          ours: `CPU ${share(before.server, now.server)} of a core, store ${share(before.store, now.store)}`,
          baseline: `${after.rounds - rounds} rounds`,
          budget: '',
        })
        const resident = memoryOf(server, 'VmRSS')
        add('memory of the service', {
          ours: `${round(resident, 0)} MiB (${round(((resident - bare) / hosts) * 1024, 0)} KiB an agent)`,
          baseline: `${round(bare, 0)} MiB without agents`,
          budget: '',
        })
        add('memory of the agents’ process', {
          ours: `${round(after.resident / 2 ** 20, 0)} MiB (${round(after.resident / hosts / 1024, 0)} KiB an agent)`,
          ...{ baseline: '', budget: '' },
        })
      }

      {
        await agents.ask({ until: 'mark' })
        const done = agents.ask({ until: 'applied' })
        const welcomed = agents.ask({ until: 'welcomed' })
        server.kill('SIGKILL')
        await once(server, 'exit')
        server = await startServer(place.flags, port)
        const run = await probed(call, async () => {
          const before = used()
          const began = process.hrtime.bigint()
          await change(call, group, changes + 1)
          const connected = milliseconds(began, (await welcomed).at)
          return { connected, ms: milliseconds(began, (await done).at), spent: spentSince(before) }
        })
        add(
          'the service is killed and started, with a change of the group: from its start until the last has applied',
          {
            ours: `${round(run.ms, 0)} ms (all connected after ${round(run.connected, 0)}), ${run.spent}, peak ${round(memoryOf(server, 'VmHWM'), 0)} MiB`,
            baseline: `${round(first.ms, 0)} ms, peak ${round(peak, 0)} MiB`,
            ratio: round(run.ms / first.ms),
            budget: '',
          },
        )
        add('an API request meanwhile, the slowest', {
          ours: `${round(run.slowest, 0)} ms`,
          baseline: '',
          budget: '',
        })
      }
    } finally {
      agents.end()
      server.kill('SIGKILL')
    }
  } finally {
    place.remove()
  }
  return lines
}

/** What one change of the group takes feeds of so many hosts, with one reader for all or one for each. */
async function spentByFeeds(storage: Storage, hosts: number, together: boolean) {
  const all = createDesiredFeeds(storage)
  const feeds = Array.from({ length: hosts }, (_, n) =>
    together ? all.of(hostOf(n)) : createDesiredFeed(storage, hostOf(n)),
  )
  const held: number[] = []
  for (const [n, feed] of feeds.entries()) held[n] = (await feed.next(null)).revision
  const spent: { ms: number; cpuMs: number }[] = []
  for (let n = 0; n < 5; n++) {
    const waiting = Promise.all(
      feeds.map(async (feed, n) => {
        const update = await feed.next(held[n] ?? null)
        let bytes = 0
        for (const text of updateTexts(update, { type: 'update' }, { found: true }))
          bytes += Buffer.byteLength(text)
        held[n] = update.revision
        return bytes
      }),
    )
    const [began, cpu] = [performance.now(), process.cpuUsage()]
    const done = await changeGroup(storage, `${together}-${n}`)
    if (!done.ok) throw new Error(JSON.stringify(done.error))
    await waiting
    const { user, system } = process.cpuUsage(cpu)
    spent.push({ ms: performance.now() - began, cpuMs: (user + system) / 1000 })
  }
  for (const feed of feeds) feed.close()
  all.close()
  const middle = (key: 'ms' | 'cpuMs') => median(spent.map((each) => each[key]))
  return { ms: middle('ms'), cpuMs: middle('cpuMs') }
}

const milliseconds = (from: bigint, to: string): number => Number(BigInt(to) - from) / 1e6

/** MiB, of the process alone. */
function memoryOf({ pid }: ChildProcess, name: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function startServer(flags: readonly string[], port: number): Promise<ChildProcess> {
  const args = ['serve', '--listen', `127.0.0.1:${port}`, '--inventory', 'none', '--log-level', 'silent']
  const child = own(
    spawn(process.execPath, [await program(), ...args, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  const ended = once(child, 'exit').then(() => {
    throw new Error('the service has ended')
  })
  ended.catch(() => {})
  for (let text = ''; !text.includes('listening on'); ) {
    text += String((await Promise.race([once(child.stdout, 'data'), ended]))[0])
  }
  child.stdout.resume()
  return child
}

type Question = Told extends infer T ? (T extends { readonly id: number } ? Omit<T, 'id'> : never) : never

async function startAgents() {
  const child = own(
    fork(fileURLToPath(new URL('fleet-agents-child.ts', import.meta.url)), { execArgv: process.execArgv }),
  )
  const asked = new Map<number, (answer: Answer) => void>()
  let next = 0
  child.on('message', (answer: Answer) => {
    asked.get(answer.id)?.(answer)
    asked.delete(answer.id)
  })
  const send = (told: Told) => void child.send(told)
  return {
    send,
    ask: (question: Question) =>
      new Promise<Answer>((resolve) => {
        const id = next++
        asked.set(id, resolve)
        send({ ...question, id } as Told)
      }),
    end: () => void child.kill('SIGKILL'),
  }
}

type Caller = (method: string, path: string, body?: object, more?: object) => Promise<unknown>

function caller(url: string): Caller {
  return async (method, path, body, more = {}) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...more }
    const answer = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
}

/** One credential for each host. */
async function credentials(call: Caller, hosts: number) {
  const list: { host: string; token: string }[] = []
  const numbers = Array.from({ length: hosts }, (_, n) => n).values()
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (const n of numbers) {
        const made = (await call('POST', `/v1/hosts/${hostOf(n)}/credentials`, {})) as { token: string }
        list[n] = { host: hostOf(n), token: made.token }
      }
    }),
  )
  return list
}

/** Replaces the rules of a policy; another number makes other rules. */
const change = (call: Caller, policy: string, n: number) =>
  call(
    'PUT',
    `/v1/policies/${policy}/rules`,
    {
      rules: Array.from({ length: policy === group ? 20 : 5 }, (_, rule) => ({
        ...{ direction: 'ingress', action: 'allow', protocol: 'tcp', comment: `change ${n}` },
        destinationPorts: [1000 + rule + (n % 1000)],
      })),
    },
    { 'on-behalf-of': account },
  )

/** Asks the API for something small all the time meanwhile. */
async function probed<T>(
  call: Caller,
  work: () => Promise<T>,
): Promise<T extends object ? T & { slowest: number } : { value: T; slowest: number }> {
  let over = false
  let slowest = 0
  const probing = (async () => {
    while (!over) {
      const began = performance.now()
      await call('GET', `/v1/policies/${ownPolicy(0)}`)
      slowest = Math.max(slowest, performance.now() - began)
      await delay(20)
    }
  })()
  try {
    const value = await work()
    over = true
    await probing
    return (typeof value === 'object' ? { ...value, slowest } : { value, slowest }) as never
  } finally {
    over = true
    await probing.catch(() => {})
  }
}
