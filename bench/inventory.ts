/** An inventory file of very many servers: applied for the first time, and with nothing changed. */
import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { bundling, entryPoints } from '../build.ts'
import { engines } from '../test/support/stores.ts'
import { median } from './measure.ts'
import { type Group, judged, type Line, round, say } from './report.ts'
import { directory, own } from './workshop.ts'

const [accounts, serversEach, rounds] = [100, 1000, 3]
const servers = accounts * serversEach
const budget = { first: 8, unchanged: 3, memory: 1536 }

export const inventory: Group = {
  name: 'inventory',
  title: `An inventory of ${servers.toLocaleString('en')} servers`,
  note: `As JSON, with a fifth of the servers of each profile, each with an interface on a device and two addresses; the bundle that ships, read in a thread and written in another. Seconds of CPU of the whole process, which move less than time does on a machine that others use; in brackets seconds by the clock. Baselines: the same rows inserted into an empty store of the same schema by a process that does nothing else, all of them selected, and \`JSON.parse\` of the file. Rounds by turns: ${rounds}, of which the median stands here.`,
  async measure() {
    const place = join(directory, 'inventory')
    mkdirSync(place, { recursive: true })
    const file = join(place, 'inventory.json')
    writeFileSync(file, JSON.stringify(fileOf()))
    const program = await bundled(place)
    const data = join(place, 'data')
    const taken: Record<string, Taken[]> = {}
    const note = async (what: string, ...args: string[]) => {
      const one = await run(program, args)
      taken[what] ??= []
      taken[what].push(one)
      return one
    }
    for (let n = 0; n < rounds; n++) {
      say(`  round ${n + 1} of ${rounds}`)
      rmSync(data, { recursive: true, force: true })
      rmSync(`${data}-bare`, { force: true })
      rmSync(`${data}-bare-wal`, { force: true })
      const first = await note('first', 'apply', data, file, 'writing')
      await note('insert', 'insert', data, `${data}-bare`)
      const again = await note('unchanged', 'apply', data, file)
      await note('select', 'select', data)
      await note('parse', 'parse', data, file)
      if (first.changed === 0 || again.changed !== 0) throw new Error('it was not applied as it is')
    }
    const lines = [
      ...linesOf('first apply', taken.first, [['the same rows inserted', taken.insert]], budget.first),
      ...linesOf(
        'nothing changed',
        taken.unchanged,
        [
          ['all rows selected', taken.select],
          ['JSON.parse', taken.parse],
        ],
        budget.unchanged,
      ),
    ]
    const waited = median((taken.first ?? []).map(({ waited }) => waited ?? Number.NaN))
    lines.push({
      ...{
        what: 'first apply: the longest wait of a write meanwhile',
        ours: `${round(waited)} s`,
        baseline: '',
      },
      budget: '',
    })
    return [...lines, ...(await onPostgresql(program, file))]
  },
}

interface Taken {
  readonly cpu: number
  readonly seconds: number
  /** MiB. */
  readonly memory: number
  readonly changed?: number
  /** Seconds that a small write waited at most. */
  readonly waited?: number
}

const text = (all: readonly Taken[]) =>
  `${round(median(all.map(({ cpu }) => cpu)))} s (${round(median(all.map(({ seconds }) => seconds)))})`

function linesOf(
  what: string,
  ours: readonly Taken[] = [],
  baselines: readonly (readonly [string, readonly Taken[] | undefined])[],
  most: number | undefined,
): Line[] {
  const cpu = median(ours.map((each) => each.cpu))
  const memory = Math.max(...ours.map((each) => each.memory))
  const judge = most === undefined ? { budget: '' } : { budget: `≤ ${most} s`, verdict: judged(cpu <= most) }
  const [, ...others] = baselines
  const [first] = baselines
  return [
    {
      ...{ what, ours: text(ours), baseline: first?.[1] ? `${text(first[1])}, ${first[0]}` : '' },
      ...(first?.[1] && {
        ratio: median(ours.map((each, n) => each.cpu / (first[1]?.[n]?.cpu ?? Number.NaN))),
      }),
      ...judge,
      details: ours,
    },
    ...others.map(
      ([name, all = []]): Line => ({
        ...{ what: `… to ${name}`, ours: text(ours), baseline: text(all), budget: '' },
        ratio: median(ours.map((each, n) => each.cpu / (all[n]?.cpu ?? Number.NaN))),
      }),
    ),
    {
      ...{ what: `${what}: memory at most`, ours: `${round(memory, 0)} MiB`, baseline: '' },
      ...{ budget: `≤ ${budget.memory} MiB`, verdict: judged(memory <= budget.memory) },
    },
  ]
}

async function onPostgresql(program: string, file: string): Promise<Line[]> {
  const { skip, create } = engines.postgresql
  if (skip !== false) {
    say(`  postgresql is left out: ${skip}`)
    return []
  }
  say('  postgresql')
  const store = await create()
  try {
    const url = 'url' in store.place ? store.place.url : ''
    const first = await run(program, ['apply', url, file])
    const again = await run(program, ['apply', url, file])
    return [
      ...linesOf('postgresql, without the database’s own CPU: first apply', [first], [], undefined),
      ...linesOf('postgresql, without the database’s own CPU: nothing changed', [again], [], undefined),
    ]
  } finally {
    await store.remove()
  }
}

/** The child and the threads that it starts, as they ship. */
async function bundled(place: string): Promise<string> {
  copyFileSync(fileURLToPath(new URL('../package.json', import.meta.url)), join(place, 'package.json'))
  const outdir = join(place, 'bundle')
  const child = fileURLToPath(new URL('inventory-child.ts', import.meta.url))
  const absWorkingDir = fileURLToPath(new URL('..', import.meta.url))
  await build({ ...bundling, absWorkingDir, entryPoints: { ...entryPoints, child }, outdir, splitting: true })
  return join(outdir, 'child.js')
}

async function run(program: string, args: readonly string[]): Promise<Taken> {
  const child = own(spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] }))
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    said += more
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}`)
  return JSON.parse(said) as Taken
}

const hex = (n: number, width: number) => n.toString(16).padStart(width, '0')
const uuid = (kind: number, n: number) => `${hex(kind, 8)}-0000-4000-8000-${hex(n, 12)}`

/** What a server of each profile needs beside its name and interface. */
const kinds: readonly ((account: number, n: number) => object)[] = [
  (_, n) => ({ profile: 'upcloud', id: uuid(1, n), zone: 'fi-hel1', plan: '1xCPU-1GB', firewall: true }),
  (_, n) => ({ profile: 'hostup', vmid: 10_000 + n }),
  (account, n) => ({ profile: 'ionos', id: uuid(1, n), datacenter: uuid(3, account) }),
  (_, n) => ({ profile: 'scaleway', id: uuid(1, n), zone: 'fr-par-1' }),
  () => ({ profile: 'native' }),
]

function fileOf(): object {
  const serverOf = (account: number, n: number) => ({
    ...kinds[n % kinds.length]?.(account, n),
    name: `server-${n}`,
    interfaces: [
      {
        mac: `52:54:01:${hex(n, 6).replaceAll(/(..)(?=.)/g, '$1:')}`,
        addresses: [
          `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`,
          `2001:db8::${hex(n >> 16, 1)}:${hex(n & 65535, 1)}`,
        ],
        ...{ host: `host-${n % 100}`, device: `tap${n}` },
      },
    ],
  })
  return {
    accounts: Array.from({ length: accounts }, (_, account) => ({
      name: `account-${account}`,
      credentials: [{ token: `token-${account}`, scopes: ['read', 'write'] }],
      datacenters: [{ id: uuid(3, account), name: 'vdc', location: 'de/txl' }],
      servers: Array.from({ length: serversEach }, (_, n) => serverOf(account, account * serversEach + n)),
    })),
  }
}
