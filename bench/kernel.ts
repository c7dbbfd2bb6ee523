/** From the API's answer to the verdict in the kernel, on a host with 1,000 interfaces of 20 rules each. */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { mustRun, run } from '../src/lab/run.ts'
import { median, quantile, send, start } from './measure.ts'

const interfaces = 1000
const rulesEach = 20
const samples = 200
/** The first are not counted: pokes at the table are still being looked into. */
const warmUps = 10

export interface KernelResult {
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

/** Works in a network namespace of its own; needs root. */
export async function measureKernel(directory: string, program: string): Promise<KernelResult> {
  const netns = `pcl-bench-${process.pid}`
  const alone = `${netns}-alone`
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
  for (const name of [netns, alone]) {
    await mustRun('ip', ['netns', 'add', name])
    const pairs = Array.from(
      { length: interfaces / 2 },
      (_, n) => `link add tap${2 * n} type veth peer name tap${2 * n + 1}\n`,
    )
    await mustRun('ip', ['-n', name, '-batch', '-'], pairs.join(''))
  }
  const flags = ['--data', join(directory, 'kernel'), '--inventory', inventory, '--netns', netns]
  const server = await start(
    [program, 'serve', '--listen', '127.0.0.1:0', '--enforce', 'nftables', '--log-level', 'silent', ...flags],
    '/healthz',
  )
  let monitor: ChildProcess | undefined
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

    const watching = spawn('ip', ['netns', 'exec', netns, 'nft', '-n', 'monitor'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    monitor = watching
    let seen = () => {}
    createInterface({ input: watching.stdout }).on('line', (line) => {
      if (line.startsWith('# new generation')) seen()
    })
    // It listens when it tells of a change.
    const listens = new Promise<void>((resolve) => {
      seen = resolve
    })
    let heard = false
    void listens.then(() => {
      heard = true
    })
    for (let there = true; !heard; there = !there) {
      await nft(netns, `${there ? 'add' : 'delete'} table ip poke\n`)
      await delay(50)
    }

    // The same table in a namespace that nobody looks after, for nft alone.
    const whole = await mustRun('ip', [
      'netns',
      'exec',
      netns,
      'nft',
      '-s',
      '-n',
      'list',
      'table',
      ...table.split(' '),
    ])
    const fullLoadMs = await timed(() => nft(alone, whole))
    const chain20 = /chain (policy\.\S+\.in) \{/.exec(whole)?.[1] ?? ''

    const ours: number[] = []
    const bare: number[] = []
    for (let n = 0; n < warmUps + samples; n++) {
      await caughtUp(server.url)
      const applied = new Promise<number>((resolve) => {
        seen = () => resolve(performance.now())
      })
      await call('POST', n, { firewall_rule: rule(2000) })
      const answered = performance.now()
      ours.push(Math.max(0, (await applied) - answered))
      seen = () => {}
      bare.push(await timed(() => nft(alone, delta(chain20))))
    }
    const ends = (values: number[]) => ({ p50: median(values), p99: quantile(values, 0.99) })
    return { ours: ends(ours.slice(warmUps)), bare: ends(bare.slice(warmUps)), fullLoadMs }
  } finally {
    agent.destroy()
    monitor?.kill()
    await server.stop()
    for (const name of [netns, alone]) await run('ip', ['netns', 'del', name])
  }
}

const table = 'inet portcullis'

/** What one more rule makes the agent send: the rules of one chain anew. */
const delta = (chain: string): string =>
  [
    `flush chain ${table} ${chain}`,
    ...Array.from(
      { length: rulesEach + 1 },
      (_, i) => `add rule ${table} ${chain} meta nfproto 2 tcp dport ${1000 + i} accept`,
    ),
    '',
  ].join('\n')

const nft = (netns: string, script: string) =>
  mustRun('ip', ['netns', 'exec', netns, 'nft', '-f', '-'], script)

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

async function caughtUp(url: string): Promise<void> {
  for (;;) {
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
}
