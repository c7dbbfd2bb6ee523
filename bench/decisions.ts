/** From a dropped packet to whoever follows decisions, and what a flood of dropped packets costs the agent. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { cpuSecondsOf } from './cpu.ts'
import { addDevices } from './host.ts'
import { median, quantile, type Running, start } from './measure.ts'
import { frame } from './packets/frame.ts'
import { generate, obstacle } from './packets/generator.ts'
import { program } from './program.ts'
import { type Group, judged, type Line, round, say } from './report.ts'
import { batch, directory, inside, namespace, own, remove } from './workshop.ts'

/** How much is measured. */
export interface Sizes {
  /** Packets whose way is measured. */
  readonly packets: number
  readonly interfaces: number
  /** Of each flood. */
  readonly seconds: number
  /** Packets dropped in a second. */
  readonly perSecond: number
}

export const decisions: Group = {
  name: 'decisions',
  title: 'Decisions: from the packet to who follows them, and in a flood',
  note: 'A whole service enforces; packets enter at devices, and a rule for what VMs send drops them. Seen: the line that `portcullis decisions --follow` prints, from before the packet was made; the baseline is a program that reads another group of nflog, to which the same packets are logged. Floods: CPU of the process that enforces, of the user and the kernel, in brackets that of the service; the baseline tells no decisions (`--decisions-rate 0`). Counters, told and suppressed are compared with what was sent, to the packet.',
  obstacle,
  measure: () => measureDecisions({ packets: 100, interfaces: 100, seconds: 5, perSecond: 100_000 }),
}

const budgets = { seenMs: 200, share: 0.05 } as const
/** Of UDP, what the rule drops; every packet of the first kind goes to another one. */
const ports = { first: 20_000, last: 29_999, flood: 30_000 } as const
const otherGroup = 1018
/** Milliseconds between packets: all of them are told. */
const pauseMs = 110
/** Milliseconds, after which something that should come has not come. */
const patience = 60_000
const headers = { authorization: 'Bearer bench', 'content-type': 'application/json' }
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

export async function measureDecisions(sizes: Sizes): Promise<Line[]> {
  const told = await createDropping(sizes.interfaces, 10)
  try {
    say('  seen')
    const lines = [await seen(told, sizes.packets)]
    const untold = await createDropping(sizes.interfaces, 0)
    try {
      for (const interfaces of [1, sizes.interfaces]) {
        say(`  flood on ${interfaces}`)
        lines.push(...(await floods(told, untold, interfaces, sizes)))
      }
    } finally {
      await untold.stop()
    }
    return lines
  } finally {
    await told.stop()
  }
}

/** A host whose VMs may send nothing by UDP to some ports. */
interface Dropping {
  readonly netns: string
  readonly service: Running
  /** The process that enforces. */
  readonly agent: number
  /** Of the rules of all interfaces, and what was suppressed; read in the kernel after it was asked for. */
  counts(): Promise<Counts>
  stop(): Promise<void>
}

interface Counts {
  readonly packets: number
  readonly suppressed: number
  readonly told: number
}

async function createDropping(interfaces: number, rate: number): Promise<Dropping> {
  const netns = await namespace()
  await addDevices(netns, interfaces)
  await batch(
    netns,
    Array.from({ length: interfaces }, (_, n) => `link set tap${n} addrgenmode none up`),
  )
  const data = mkdtempSync(join(directory, 'decisions-'))
  const servers = Array.from({ length: interfaces }, (_, n) => ({
    ...{ profile: 'upcloud', id: id(n), name: `vm${n}`, firewall: true },
    interfaces: [{ host: 'local', device: `tap${n}`, senderCheck: false }],
  }))
  const inventory = join(data, 'inventory.yaml')
  const account = { name: 'bench', credentials: [{ token: 'bench' }], servers }
  writeFileSync(inventory, JSON.stringify({ accounts: [account] }))
  const service = await start(
    [
      ...[await program(), 'serve', '--listen', '127.0.0.1:0', '--log-level', 'silent'],
      ...['--data', join(data, 'store'), '--inventory', inventory, '--decisions-rate', String(rate)],
      ...['--enforce', 'nftables', '--netns', netns],
    ],
    '/healthz',
  )
  const ask = async (path: string, more: object = {}) => {
    const answer = await fetch(service.url + path, { headers, ...more })
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
    return answer
  }
  const drops = {
    ...{ direction: 'out', action: 'drop', family: 'IPv4', protocol: 'udp' },
    ...{ destination_port_start: String(ports.first), destination_port_end: String(ports.flood) },
  }
  for (let n = 0; n < interfaces; n++) {
    await ask(`/1.3/server/${id(n)}/firewall_rule`, {
      method: 'PUT',
      body: JSON.stringify({ firewall_rules: { firewall_rule: [drops] } }),
    })
  }
  const metrics = async () => {
    const text = await (await ask('/metrics')).text()
    return (name: string) =>
      Number(new RegExp(`^${name}(?:\\{host="local"\\})? (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN)
  }
  await until(async () => {
    const value = await metrics()
    return (
      value('portcullis_applied_revision') === value('portcullis_desired_revision') &&
      value('portcullis_failing') === 0
    )
  })
  const { pid } = service.child
  const agents = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  if (agents.length !== 1) throw new Error(`which process enforces: ${agents.join(', ')}?`)
  return {
    ...{ netns, service, agent: Number(agents[0]) },
    async counts() {
      const value = await metrics()
      let [packets, suppressed] = [0, 0]
      // Together: who asks next waits for another reading.
      const answers = Array.from(
        { length: interfaces },
        async (_, n) => (await (await ask(`/v1/servers/${id(n)}/rules`)).json()) as RuleCounts,
      )
      for (const each of (await Promise.all(answers)).flatMap(({ interfaces }) => interfaces)) {
        suppressed += each.suppressed.egress
        for (const { rule, packets: some } of each.egress) packets += rule === null ? 0 : some
      }
      return { packets, suppressed, told: value('portcullis_decisions_told_total') }
    },
    async stop() {
      await service.stop()
      remove(netns)
    },
  }
}

interface RuleCounts {
  readonly interfaces: readonly {
    readonly suppressed: { readonly egress: number }
    readonly egress: readonly { readonly rule: string | null; readonly packets: number }[]
  }[]
}

async function until(done: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patience
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error('it did not come about')
    await delay(20)
  }
}

const datagram = (n: number, destinationPort: number) =>
  frame(`02:00:00:00:00:${(n % 256).toString(16).padStart(2, '0')}`, 'ff:ff:ff:ff:ff:ff', {
    ...{ family: 'ipv4', source: 0x0a000001n + BigInt(n), destination: 0xc0000201n },
    ...{ sourcePort: 40_000, destinationPort },
  })
const drop = (netns: string, n: number, port: number, count: number) =>
  generate('packets', netns, `tap${n}`, 'tap1', datagram(n, port), count, '-', '-', '-')

async function seen({ netns, service }: Dropping, packets: number): Promise<Line> {
  const children: ChildProcess[] = []
  const begin = (command: string, args: readonly string[], read: (line: string) => void) => {
    const child = own(spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
    children.push(child)
    createInterface({ input: child.stdout }).on('line', read)
    return child
  }
  const [ours, bare] = [new Map<number, bigint>(), new Map<number, bigint>()]
  try {
    const log = fileURLToPath(new URL('log-child.ts', import.meta.url))
    await inside(
      netns,
      ['nft', '-f', '-'],
      `table inet bare {\nchain logged {\ntype filter hook prerouting priority -450;\nudp dport ${ports.first}-${ports.last} log group ${otherGroup} snaplen 128\n}\n}\n`,
    )
    const listening = begin(
      'ip',
      ['netns', 'exec', netns, process.execPath, log, String(otherGroup)],
      (line) => {
        const [port, at] = line.split(' ')
        if (at !== undefined) bare.set(Number(port), BigInt(at))
      },
    )
    await once(listening.stdout as NodeJS.ReadableStream, 'data', { signal: AbortSignal.timeout(patience) })
    begin(
      process.execPath,
      [await program(), 'decisions', '--follow', '--json', '--url', service.url, '--token', 'bench'],
      (line) => {
        const { packet } = JSON.parse(line) as { packet: { destinationPort: number } }
        if (!ours.has(packet.destinationPort)) ours.set(packet.destinationPort, process.hrtime.bigint())
      },
    )
    const sent = new Map<number, bigint>()
    // The follower may still be on its way: those before its first line are not counted.
    await until(async () => {
      await drop(netns, 0, ports.last, 1)
      await delay(pauseMs)
      return ours.size > 0
    })
    for (let n = 0; n < packets; n++) {
      const port = ports.first + n
      sent.set(port, process.hrtime.bigint())
      await drop(netns, 0, port, 1)
      await delay(pauseMs)
    }
    const all = (map: ReadonlyMap<number, bigint>) => [...sent.keys()].every((port) => map.has(port))
    await until(async () => all(ours) && all(bare))
    const taken = (map: ReadonlyMap<number, bigint>) =>
      [...sent].map(([port, at]) => Number((map.get(port) ?? 0n) - at) / 1e6)
    const text = (values: readonly number[]) =>
      `${round(quantile(values, 0.99), 1)} ms (p50 ${round(median(values), 1)})`
    const [own, other] = [taken(ours), taken(bare)]
    return {
      what: `a dropped packet → seen, p99 of ${packets}`,
      ...{ ours: text(own), baseline: text(other), ratio: round(median(own) / median(other)) },
      budget: `≤ ${budgets.seenMs} ms`,
      verdict: judged(quantile(own, 0.99) <= budgets.seenMs),
    }
  } finally {
    for (const child of children) child.kill()
  }
}

/** How often some are sent, milliseconds. */
const everyMs = 50
/** In a row on one of many devices. */
const inARow = 1000

async function floods(
  told: Dropping,
  untold: Dropping,
  interfaces: number,
  sizes: Sizes,
): Promise<readonly Line[]> {
  const bare = await flood(untold, interfaces, sizes)
  const ours = await flood(told, interfaces, sizes)
  const percent = (share: number) => `${round(share * 100, 1)} %`
  const text = ({ agent, service }: Flood) => `${percent(agent)} (${percent(service)})`
  const what = `${round(ours.sent / ours.seconds / 1000, 0)},000 drops/s for ${round(ours.seconds, 0)} s on ${interfaces === 1 ? '1 interface' : `${interfaces} interfaces`}`
  const lost = ours.sent - ours.counts.packets
  const untoldOf = ours.counts.packets - ours.counts.told - ours.counts.suppressed
  return [
    {
      what: `${what}: CPU of one core`,
      ...{ ours: text(ours), baseline: text(bare) },
      ...(bare.agent > 0 && { ratio: round(ours.agent / bare.agent) }),
      budget: `≤ ${percent(budgets.share)}`,
      verdict: judged(ours.agent <= budgets.share),
    },
    {
      what: `${what}: counters lost; neither told nor suppressed`,
      ours: `${lost}; ${untoldOf}`,
      baseline: `${bare.sent - bare.counts.packets}`,
      budget: '0; 0',
      verdict: judged(lost === 0 && untoldOf === 0),
      details: [{ ...ours.counts, sent: ours.sent }],
    },
  ]
}

interface Flood {
  readonly sent: number
  readonly seconds: number
  /** Shares of a core. */
  readonly agent: number
  readonly service: number
  /** What was added to them. */
  readonly counts: Counts
}

async function flood(
  { netns, agent, service, counts }: Dropping,
  interfaces: number,
  { seconds, perSecond }: Sizes,
): Promise<Flood> {
  const before = await counts()
  const spent = () => {
    const [own, all] = [agent, service.child.pid as number].map(cpuSecondsOf) as [number, number]
    return { agent: own, service: all - own }
  }
  const [cpu, started] = [spent(), performance.now()]
  const each = Math.min(interfaces === 1 ? Number.POSITIVE_INFINITY : inARow, (perSecond * everyMs) / 1000)
  let [sent, turn] = [0, 0]
  for (let at = 0; at < seconds * 1000; at += everyMs) {
    await delay(Math.max(0, started + at - performance.now()))
    for (let some = 0; some < (perSecond * everyMs) / 1000; some += each) {
      await drop(netns, turn++ % interfaces, ports.flood, each)
      sent += each
    }
  }
  const taken = (performance.now() - started) / 1000
  const after = spent()
  let now = await counts()
  // What is counted is read every ten seconds, and right after it was asked for.
  const complete = () =>
    now.packets - before.packets >= sent &&
    now.told + now.suppressed >= before.told + before.suppressed + sent
  const deadline = performance.now() + patience / 2
  while (!complete() && performance.now() < deadline) {
    await delay(500)
    now = await counts()
  }
  return {
    ...{ sent, seconds: taken },
    agent: (after.agent - cpu.agent) / taken,
    service: (after.service - cpu.service) / taken,
    counts: {
      packets: now.packets - before.packets,
      suppressed: now.suppressed - before.suppressed,
      told: now.told - before.told,
    },
  }
}
