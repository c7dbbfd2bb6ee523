/** What the guard costs a packet that is forwarded from one VM to another, beside the table that judges it. */
import { setTimeout as delay } from 'node:timers/promises'
import { readLinks } from '../src/agent/links.ts'
import { renderGuard } from '../src/compile/nftables/guard.ts'
import { createLowering } from '../src/compile/nftables/lower.ts'
import { table } from '../src/compile/nftables/names.ts'
import { render } from '../src/compile/nftables/render.ts'
import { replaceScript } from '../src/compile/nftables/table.ts'
import type { EffectivePolicy } from '../src/core/model/effective-policy.ts'
import { essentials } from '../src/core/semantics/essentials.ts'
import { mustRun, run } from '../src/lab/run.ts'

export interface GuardResult {
  /** Packets per second that arrive, the best of several rounds: one flow of 60-byte UDP. */
  readonly bare: number
  readonly judged: number
  readonly guarded: number
}

const rounds = 9
const packets = 200_000

/** Undefined without trafgen (Debian package netsniff-ng). Works in network namespaces of its own; needs root. */
export async function measureGuard(): Promise<GuardResult | undefined> {
  if ((await run('trafgen', ['--version'])).status === 127) return undefined
  const [router, from, to] = ['router', 'from', 'to'].map((name) => `pcl-guard-${process.pid}-${name}`) as [
    string,
    string,
    string,
  ]
  try {
    for (const name of [router, from, to]) await mustRun('ip', ['netns', 'add', name])
    for (const [n, name] of [from, to].entries()) {
      await batch(name, [
        `link add eth0 address 02:00:00:00:00:0${n} type veth peer name tap${n} netns ${router}`,
        'link set eth0 up',
        `addr add 10.0.${n}.2/24 dev eth0`,
      ])
      await batch(router, [
        `link set tap${n} address 02:00:00:00:01:0${n} up`,
        `addr add 10.0.${n}.1/24 dev tap${n}`,
        `neigh add 10.0.${n}.2 lladdr 02:00:00:00:00:0${n} dev tap${n}`,
      ])
    }
    await inside(router, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
    // What arrives is counted by the device; the receiver itself does nothing with it.
    await inside(
      to,
      ['nft', '-f', '-'],
      'table netdev sink { chain in { type filter hook ingress device "eth0" priority 0; policy drop;\n}\n}\n',
    )

    const links = await readLinks(router)
    const policy: EffectivePolicy = {
      ...{ stateful: false, essentials },
      ingress: { filtered: true, lists: [], default: 'allow' },
      egress: { filtered: true, lists: [], default: 'allow' },
    }
    const interfaces = ['tap0', 'tap1'].map((device) => ({ id: device, device, policy }))
    const { ruleset } = createLowering().lower(
      { revision: 1, interfaces },
      {
        links,
        observe: false,
        kernel: { tracks: true, rejects: true },
        refused: new Map(),
      },
    )
    const guard = renderGuard({
      devices: new Set(['tap0', 'tap1']),
      indexes: new Set(links.map(({ index }) => index)),
      patterns: ['tap*', 'vnet*'],
      open: new Set(),
    })
    const main = replaceScript(table, render(ruleset))
    const scripts = {
      bare: '',
      judged: main,
      guarded: main + [...guard].map(([name, each]) => replaceScript(name, each)).join(''),
    }
    const best = { bare: 0, judged: 0, guarded: 0 }
    // In turns, so that what else the machine does meets all of them.
    for (let round = 0; round < rounds; round++) {
      for (const what of ['bare', 'judged', 'guarded'] as const) {
        await inside(router, ['nft', '-f', '-'], `flush ruleset\n${scripts[what]}`)
        best[what] = Math.max(best[what], await rate(from, to))
      }
    }
    return best
  } finally {
    for (const name of [router, from, to]) await run('ip', ['netns', 'del', name])
  }
}

async function rate(from: string, to: string): Promise<number> {
  const config =
    '{ eth(da=02:00:00:00:01:00, sa=02:00:00:00:00:00), ipv4(ttl=64, sa=10.0.0.2, da=10.0.1.2), udp(sp=1000, dp=2000), fill(0x41, 18) }'
  const before = await received(to)
  const started = performance.now()
  await inside(
    from,
    [
      'trafgen',
      '--dev',
      'eth0',
      '--conf',
      '-',
      '--num',
      String(packets),
      '--cpus',
      '1',
      '--no-sock-mem',
      '-q',
    ],
    config,
  )
  // The last ones are on their way.
  let arrived = (await received(to)) - before
  const seconds = (performance.now() - started) / 1000
  for (let tries = 0; arrived < packets && tries < 10; tries++) {
    await delay(10)
    arrived = (await received(to)) - before
  }
  return arrived / seconds
}

const received = async (name: string): Promise<number> =>
  Number(await inside(name, ['cat', '/sys/class/net/eth0/statistics/rx_packets']))

const inside = (name: string, command: readonly string[], input?: string) =>
  mustRun('ip', ['netns', 'exec', name, ...command], input)

const batch = (name: string, lines: readonly string[]) =>
  mustRun('ip', ['-n', name, '-batch', '-'], `${lines.join('\n')}\n`)
