/** The API: start, memory, and what a list, a replacement and a new rule cost, each beside a bare `node:http`. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Call, type Load, load, median, type Running, residentMemory, start } from './measure.ts'
import { program } from './program.ts'
import { type Group, judged, type Line, round, say } from './report.ts'
import { directory } from './workshop.ts'

export const api: Group = {
  name: 'api',
  title: 'The API',
  note: '`node:http` without a framework, and the same durable insert in a transaction per request, are the baseline. The load generator shares the cores with what it measures: ratios say more than rates.',
  async measure() {
    lines.length = 0
    await measureServer()
    return lines
  },
}

const rounds = 3
const seconds = 2
const connections = 32
const baselineProgram = new URL('baseline.ts', import.meta.url).pathname
const lines: Line[] = []

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

async function measureServer(): Promise<void> {
  say('start and memory')
  const fresh = () => mkdtempSync(join(directory, 'run-'))
  const shipped = await program()
  const serve = (data: string, ...more: string[]) =>
    start(
      [shipped, 'serve', '--listen', '127.0.0.1:0', '--data', data, '--log-level', 'silent', ...more],
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
    verdict: judged(median(starts) <= 1000),
  })
  lines.push({
    what: 'resident memory after start',
    ours: `${round(median(memory), 0)} MiB`,
    baseline: '',
    budget: '≤ 120 MiB',
    verdict: judged(median(memory) <= 120),
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
    pushRates('replace 1,000 rules, durable', replaced)

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
      verdict: judged(created.ours.p99 / created.ours.p50 <= 4),
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

function pushRates(what: string, { ours, bare, ratio }: Compared, budget = '', met?: boolean): void {
  const rate = (load: Load) => `${round(load.rate, 0)}/s, p50 ${round(load.p50)} ms`
  const verdict = met === undefined ? {} : { verdict: judged(met) }
  lines.push({ what, ours: rate(ours), baseline: rate(bare), ratio: round(ratio), budget, ...verdict })
}
