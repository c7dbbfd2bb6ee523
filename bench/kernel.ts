/** From the API's answer to the verdict in the kernel, on a host with 1,000 interfaces of 20 rules each. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { obstacle } from '../src/lab/lab.ts'
import { run } from '../src/lab/run.ts'
import { median, quantile, send, start } from './measure.ts'
import { program } from './program.ts'
import { type Group, judged, round } from './report.ts'
import { batch, directory, inside, namespace, own, remove } from './workshop.ts'

export const kernel: Group = {
  name: 'kernel',
  title: 'From the API to the kernel',
  note: '1,000 interfaces of 20 rules; the baseline flushes and refills a chain of as many rules by one `nft -f`, in a table of as many chains.',
  obstacle,
  async measure() {
    const { ours, bare, fullLoadMs } = await measure()
    return [
      {
        what: 'API answer → verdict in the kernel, p99',
        ours: `${round(ours.p99, 1)} ms (p50 ${round(ours.p50, 1)})`,
        baseline: `${round(bare.p99, 1)} ms (p50 ${round(bare.p50, 1)})`,
        ratio: round(ours.p99 / bare.p99),
        budget: '≤ 3',
        verdict: judged(ours.p99 / bare.p99 <= 3),
      },
      {
        what: 'a plain table of as many chains by one nft -f',
        ...{ ours: '', baseline: `${round(fullLoadMs, 0)} ms`, budget: '' },
      },
    ]
  },
}

const interfaces = 1000
const rulesEach = 20
const samples = 200
/** The first are not counted: pokes at the table are still being looked into. */
const warmUps = 10
/** Milliseconds, after which something that should come has not come. */
const patience = 600_000

interface Result {
  /** Milliseconds. */
  readonly ours: { readonly p50: number; readonly p99: number }
  readonly bare: { readonly p50: number; readonly p99: number }
  readonly fullLoadMs: number
}

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const rule = (port: number) => ({
  ...{ direction: 'in', action: 'accept', family: 'IPv4', protocol: 'tcp' },
  ...{ destination_port_start: String(port), destination_port_end: String(port) },
})
const headers = { authorization: 'Bearer bench', 'content-type': 'application/json' }

async function measure(): Promise<Result> {
  const [netns, alone] = [await namespace(), await namespace()]
  const inventory = join(directory, 'inventory.yaml')
  const servers = Array.from({ length: interfaces }, (_, n) => ({
    profile: 'upcloud',
    id: id(n),
    name: `vm${n}`,
    firewall: true,
    interfaces: [{ host: 'local', device: `tap${n}` }],
  }))
  const account = { name: 'bench', credentials: [{ token: 'bench' }], servers }
  writeFileSync(inventory, JSON.stringify({ accounts: [account] }))
  await batch(
    netns,
    Array.from(
      { length: interfaces / 2 },
      (_, n) => `link add tap${2 * n} type veth peer name tap${2 * n + 1}`,
    ),
  )
  const flags = ['--data', join(directory, 'kernel'), '--inventory', inventory, '--netns', netns]
  const shipped = await program()
  const server = await start(
    [shipped, 'serve', '--listen', '127.0.0.1:0', '--enforce', 'nftables', '--log-level', 'silent', ...flags],
    '/healthz',
  )
  const agent = new Agent({ keepAlive: true })
  try {
    const call = (method: string, n: number, body: object) =>
      send(server.url, agent, {
        method,
        path: `/1.3/server/${id(n)}/firewall_rule`,
        headers,
        body: JSON.stringify(body),
      })
    const chain = {
      firewall_rules: { firewall_rule: Array.from({ length: rulesEach }, (_, i) => rule(1000 + i)) },
    }
    for (let n = 0; n < interfaces; n++) await call('PUT', n, chain)
    await caughtUp(server.url)

    const monitor = own(
      spawn('ip', ['netns', 'exec', netns, 'nft', '-n', 'monitor'], { stdio: ['ignore', 'pipe', 'inherit'] }),
    )
    let seen = () => {}
    createInterface({ input: monitor.stdout }).on('line', (line) => {
      if (line.startsWith('# new generation')) seen()
    })
    await listening(netns, (heard) => {
      seen = heard
    })

    const fullLoadMs = await timed(() => nft(alone, plain))
    const ours: number[] = []
    const bare: number[] = []
    for (let n = 0; n < warmUps + samples; n++) {
      await caughtUp(server.url)
      const applied = new Promise<number>((resolve) => {
        seen = () => resolve(performance.now())
      })
      await call('POST', n, { firewall_rule: rule(2000) })
      const answered = performance.now()
      ours.push(Math.max(0, (await within(applied, `change ${n} in the kernel`)) - answered))
      seen = () => {}
      bare.push(await timed(() => nft(alone, delta(n % interfaces))))
    }
    const ends = (values: number[]) => ({ p50: median(values), p99: quantile(values, 0.99) })
    return { ours: ends(ours.slice(warmUps)), bare: ends(bare.slice(warmUps)), fullLoadMs }
  } finally {
    agent.destroy()
    await server.stop()
    for (const name of [netns, alone]) remove(name)
  }
}

/**
 * Commits until the monitor, whose start nothing else tells, says that it sees commits; ever more seldom, since it reads
 * the whole ruleset first, and anew when somebody commits meanwhile.
 */
async function listening(netns: string, listen: (heard: () => void) => void): Promise<void> {
  const controller = new AbortController()
  const heard = new Promise<void>((resolve) => listen(resolve)).then(() => controller.abort())
  const deadline = performance.now() + patience
  for (let pause = 50; !controller.signal.aborted; pause = Math.min(pause * 2, 5000)) {
    if (performance.now() > deadline) throw new Error('nft monitor sees nothing')
    // One that fails, because our agent commits at the same time, is followed by the next.
    await run('ip', ['netns', 'exec', netns, 'nft', 'add table ip poke; delete table ip poke'])
    await Promise.race([heard, delay(pause)])
  }
}

/** Rejects when it takes too long. */
async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const controller = new AbortController()
  const late = delay(patience, undefined, { signal: controller.signal }).then(() => {
    throw new Error(`not within ${patience / 1000} s: ${what}`)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    late.catch(() => {})
    controller.abort()
  }
}

const table = 'inet plain'
const accepts = (count: number) =>
  Array.from({ length: count }, (_, i) => `meta nfproto ipv4 tcp dport ${1000 + i} accept`)

/** A chain of linear rules for each device. */
const plain = [
  `table ${table} {`,
  ...Array.from({ length: interfaces }, (_, n) => `chain c${n} {\n${accepts(rulesEach).join('\n')}\n}`),
  'map taps {\ntype ifname : verdict',
  `elements = { ${Array.from({ length: interfaces }, (_, n) => `"tap${n}" : goto c${n}`).join(', ')} }\n}`,
  'chain forward {\ntype filter hook forward priority 0; policy accept;\noifname vmap @taps\n}\n}\n',
].join('\n')

/** What one more rule takes: the rules of one chain anew. */
const delta = (n: number): string =>
  [
    `flush chain ${table} c${n}`,
    ...accepts(rulesEach + 1).map((each) => `add rule ${table} c${n} ${each}`),
    '',
  ].join('\n')

const nft = (netns: string, script: string) => inside(netns, ['nft', '-f', '-'], script)

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

async function caughtUp(url: string): Promise<void> {
  const deadline = performance.now() + patience
  while (performance.now() < deadline) {
    const answer = await fetch(`${url}/metrics`)
    const text = await answer.text()
    const value = (name: string) =>
      Number(new RegExp(`^${name}\\{host="local"\\} (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN)
    if (
      value('portcullis_applied_revision') === value('portcullis_desired_revision') &&
      value('portcullis_failing') === 0
    )
      return
    await delay(20)
  }
  throw new Error('the agent does not catch up')
}
