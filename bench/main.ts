/**
 * `npm run bench`: the budgets of the design, each as a ratio to a bare baseline of the same run.
 *
 *     npm run bench            a table
 *     npm run bench -- --json  the same as JSON
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLowering } from '../src/compile/nftables/lower.ts'
import { table } from '../src/compile/nftables/names.ts'
import { render } from '../src/compile/nftables/render.ts'
import { replaceScript } from '../src/compile/nftables/table.ts'
import { createResolver } from '../src/compile/resolve.ts'
import type { Policy } from '../src/core/model/inventory.ts'
import { chainSettings } from '../src/core/model/profile.ts'
import type { Rule } from '../src/core/model/rule.ts'
import type { Packet } from '../src/core/net/packet.ts'
import { trace } from '../src/core/semantics/trace.ts'
import { obstacle } from '../src/lab/lab.ts'
import { measureGuard } from './guard.ts'
import { measureKernel } from './kernel.ts'
import { type Call, type Load, load, median, type Running, residentMemory, start } from './measure.ts'

interface Line {
  readonly what: string
  readonly ours: string
  readonly baseline: string
  /** Ours to the baseline's. */
  readonly ratio?: number
  readonly budget: string
  readonly met: boolean
}

const json = process.argv.includes('--json')
const rounds = 3
const seconds = 2
const connections = 32
/** What ships. */
const program = new URL('../dist/portcullis.js', import.meta.url).pathname
const baselineProgram = new URL('baseline.ts', import.meta.url).pathname
const directory = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
const lines: Line[] = []
const say = (text: string) => process.stderr.write(`${text}\n`)
const round = (value: number, digits = 2) => Number(value.toFixed(digits))

/** Enough chains that none is full before the time is over. */
const servers = Array.from(
  { length: 100 },
  (_, n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
)
const headers = { authorization: 'Bearer bench', 'content-type': 'application/json' }
const pathOf = (n: number) => `/1.3/server/${servers[n % servers.length]}/firewall_rule`
const path = pathOf(0)
const wireRule = (n: number) => ({
  ...{ direction: 'in', action: 'accept', family: 'IPv4', protocol: 'tcp', comment: `rule ${n}` },
  ...{ destination_port_start: String(1 + n), destination_port_end: String(1 + n) },
  ...{ source_address_start: '198.51.100.1', source_address_end: '198.51.100.200' },
})
const thousand = JSON.stringify({
  firewall_rules: { firewall_rule: Array.from({ length: 1000 }, (_, n) => wireRule(n)) },
})
const replace: Call = { method: 'PUT', path, headers, body: thousand }
const list: Call = { method: 'GET', path, headers }

try {
  await import('../build.ts')
  await measureServer()
  measureCompiler()
  const why = await obstacle()
  if (why === undefined) await measureEnforcement()
  else say(`left out, API → kernel: ${why}`)
  report()
} finally {
  rmSync(directory, { recursive: true, force: true })
}

async function measureServer(): Promise<void> {
  say('start and memory')
  const fresh = () => mkdtempSync(join(directory, 'run-'))
  const serve = (data: string, ...more: string[]) =>
    start(
      [program, 'serve', '--listen', '127.0.0.1:0', '--data', data, '--log-level', 'silent', ...more],
      '/healthz',
    )
  const starts: number[] = []
  const memory: number[] = []
  const bareStarts: number[] = []
  for (let i = 0; i < rounds; i++) {
    const ours = await serve(fresh())
    starts.push(ours.startMs)
    memory.push(residentMemory(ours))
    await ours.stop()
    const bare = await start([baselineProgram, fresh()], '/')
    bareStarts.push(bare.startMs)
    await bare.stop()
  }
  lines.push({
    what: 'start to first answer, empty store',
    ours: `${round(median(starts), 0)} ms`,
    baseline: `${round(median(bareStarts), 0)} ms`,
    ratio: round(median(starts) / median(bareStarts)),
    budget: '≤ 1000 ms',
    met: median(starts) <= 1000,
  })
  lines.push({
    what: 'resident memory after start',
    ours: `${round(median(memory), 0)} MiB`,
    baseline: '',
    budget: '≤ 120 MiB',
    met: median(memory) <= 120,
  })

  const inventory = join(directory, 'servers.yaml')
  const all = servers.map((id) => ({ profile: 'upcloud', id, name: id }))
  const account = { name: 'bench', credentials: [{ token: 'bench' }], servers: all }
  writeFileSync(inventory, JSON.stringify({ accounts: [account] }))
  const ours = await serve(fresh(), '--inventory', inventory)
  await fetch(ours.url + path, { method: 'PUT', headers, body: thousand })
  const bytes = Buffer.from(await (await fetch(ours.url + path, { headers })).arrayBuffer())
  const listFile = join(directory, 'list.json')
  writeFileSync(listFile, bytes)
  const bare = await start([baselineProgram, fresh(), listFile], '/')
  try {
    say('list 1,000 rules')
    const listed = await compare(ours, bare, connections, () => list)
    pushRates(`list 1,000 rules (${round(bytes.length / 1024, 0)} KiB)`, listed, '≥ 0.7', listed.ratio >= 0.7)

    say('replace 1,000 rules')
    const replaced = await compare(ours, bare, 4, () => replace)
    pushRates('replace 1,000 rules, durable', replaced, '', true)

    say('create one rule')
    await fetch(ours.url + path, { method: 'PUT', headers, body: '{"firewall_rules":""}' })
    const created = await compare(ours, bare, connections, (n) => ({
      ...{ method: 'POST', path: pathOf(n), headers },
      body: JSON.stringify({ firewall_rule: wireRule(n % 60_000) }),
    }))
    pushRates('create one rule, durable', created, '≥ 0.5', created.ratio >= 0.5)
    lines.push({
      what: 'create one rule: p99 to p50',
      ours: `${round(created.ours.p99)} / ${round(created.ours.p50)} ms`,
      baseline: `${round(created.bare.p99)} / ${round(created.bare.p50)} ms`,
      ratio: round(created.ours.p99 / created.ours.p50),
      budget: '≤ 4',
      met: created.ours.p99 / created.ours.p50 <= 4,
    })
  } finally {
    await ours.stop()
    await bare.stop()
  }
}

interface Compared {
  readonly ours: Load
  readonly bare: Load
  /** Median of the rounds' ratios. */
  readonly ratio: number
}

/** Ours and the baseline by turns, so that what else the machine does falls on both. */
async function compare(
  ours: Running,
  bare: Running,
  connections: number,
  call: (n: number) => Call,
): Promise<Compared> {
  const pairs: { ours: Load; bare: Load }[] = []
  for (let i = 0; i < rounds; i++) {
    const mine = await load(ours.url, connections, seconds, call)
    pairs.push({ ours: mine, bare: await load(bare.url, connections, seconds, call) })
  }
  const of = (pick: (pair: (typeof pairs)[number]) => Load): Load => ({
    rate: median(pairs.map((pair) => pick(pair).rate)),
    p50: median(pairs.map((pair) => pick(pair).p50)),
    p99: median(pairs.map((pair) => pick(pair).p99)),
  })
  return {
    ours: of((pair) => pair.ours),
    bare: of((pair) => pair.bare),
    ratio: median(pairs.map((pair) => pair.ours.rate / pair.bare.rate)),
  }
}

function pushRates(what: string, { ours, bare, ratio }: Compared, budget: string, met: boolean): void {
  const rate = (load: Load) => `${round(load.rate, 0)}/s, p50 ${round(load.p50)} ms`
  lines.push({ what, ours: rate(ours), baseline: rate(bare), ratio: round(ratio), budget, met })
}

/** Pure work, in this process. */
function measureCompiler(): void {
  say('compile and trace')
  const rules = (count: number): Rule[] =>
    Array.from({ length: count }, (_, n) => ({
      id: `r${n}`,
      position: n + 1,
      direction: 'ingress',
      action: 'allow',
      enabled: true,
      matches: [{ family: 'ipv4', protocol: 6, destinationPorts: [{ first: n + 1, last: n + 1 }] }],
    }))
  const settings = chainSettings.upcloud as NonNullable<typeof chainSettings.upcloud>
  const policies = Array.from(
    { length: 1000 },
    (_, n): Policy => ({
      ...settings,
      enabled: true,
      id: `policy${n}`,
      revision: 1,
      rules: rules(20),
    }),
  )
  const resolve = createResolver()
  const place = {
    index: 1,
    type: 'public',
    mac: '52:54:00:00:00:01',
    addresses: [],
    allowedAddresses: [],
    senderCheck: true,
  } as const
  const lowering = createLowering()
  const surroundings = {
    links: policies.map((_, n) => ({ index: n + 1, name: `tap${n}`, kind: 'tun', master: null })),
    observe: false,
    allowBridged: false,
    kernel: { tracks: true, rejects: true },
    refused: new Map<string, string>(),
  }
  const compile = () => {
    const interfaces = policies.map((policy, n) => ({
      id: `${n}`,
      device: `tap${n}`,
      policy: resolve(place, [policy]),
    }))
    return render(lowering.lower({ revision: 1, interfaces }, surroundings).ruleset)
  }
  const timed = (work: () => void): number => {
    const started = performance.now()
    work()
    return performance.now() - started
  }
  const cold = timed(() => replaceScript(table, compile()))
  policies[500] = { ...(policies[500] as Policy), revision: 2, rules: rules(21) }
  const warm = timed(compile)
  lines.push({
    what: 'compile 1,000 interfaces × 20 rules, cold',
    ours: `${round(cold, 0)} ms`,
    baseline: '',
    budget: '≤ 1000 ms',
    met: cold <= 1000,
  })
  lines.push({
    what: '… again with one changed rule',
    ours: `${round(warm)} ms`,
    baseline: `${round(cold, 0)} ms cold`,
    ratio: round(warm / cold, 3),
    budget: '',
    met: true,
  })
  const policy = resolve(place, [{ ...settings, enabled: true, id: 'long', revision: 1, rules: rules(1000) }])
  const packet: Packet = {
    family: 'ipv4',
    protocol: 6,
    source: 1n,
    destination: 2n,
    sourcePort: 40_000,
    destinationPort: 60_000,
    state: 'new',
  }
  const times = 5000
  trace(policy, 'ingress', packet)
  const traced = timed(() => {
    for (let i = 0; i < times; i++) trace(policy, 'ingress', packet)
  })
  lines.push({
    what: 'trace on 1,000 rules, none matching',
    ours: `${round((traced / times) * 1000, 1)} µs`,
    baseline: '',
    budget: '≤ 50 µs',
    met: (traced / times) * 1000 <= 50,
  })
}

async function measureEnforcement(): Promise<void> {
  say('API → kernel, 1,000 interfaces × 20 rules')
  const { ours, bare, fullLoadMs } = await measureKernel(directory, program)
  lines.push({
    what: 'API answer → verdict in the kernel, p99',
    ours: `${round(ours.p99, 1)} ms (p50 ${round(ours.p50, 1)})`,
    baseline: `${round(bare.p99, 1)} ms (p50 ${round(bare.p50, 1)})`,
    ratio: round(ours.p99 / bare.p99),
    budget: '≤ 3',
    met: ours.p99 / bare.p99 <= 3,
  })
  lines.push({
    what: 'the whole table by one nft -f',
    ours: `${round(fullLoadMs, 0)} ms`,
    baseline: '',
    budget: '',
    met: true,
  })
  say('forwarding with and without the guard')
  const forwarded = await measureGuard()
  if (!forwarded) return
  const thousands = (rate: number) => `${round(rate / 1000, 0)} k/s`
  lines.push({
    what: 'packets forwarded between two VMs, with the guard (baseline: without)',
    ours: thousands(forwarded.guarded),
    baseline: `${thousands(forwarded.judged)} (no table at all ${thousands(forwarded.bare)})`,
    ratio: round(forwarded.guarded / forwarded.judged),
    budget: '',
    met: true,
  })
}

function report(): void {
  const cpu = `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores`
  const version = (
    JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  ).version
  const machine = { cpu, kernel: release(), node: process.versions.node, portcullis: version }
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine, lines }, null, 2)}\n`)
    return
  }
  const table = [
    ['', 'Portcullis', 'bare baseline', 'ratio', 'budget', ''],
    ...lines.map((line) => [
      line.what,
      line.ours,
      line.baseline,
      line.ratio === undefined ? '' : String(line.ratio),
      line.budget,
      line.budget === '' ? '' : line.met ? 'met' : 'MISSED',
    ]),
  ]
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => (row[column] ?? '').length)),
  )
  const text = table.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  )
  text.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`)
  process.stdout.write(
    `${Object.entries(machine)
      .map(([k, v]) => `${k}: ${v}`)
      .join(' · ')}\n\n${text.join('\n')}\n`,
  )
}
