/** Pure work in this process: from policies to the text of the tables, and `trace`. */
import { createLowering } from '../src/compile/nftables/lower.ts'
import { table } from '../src/compile/nftables/names.ts'
import { type RenderedTable, replaceScript } from '../src/compile/nftables/table.ts'
import { createResolver } from '../src/compile/resolve.ts'
import type { Policy } from '../src/core/model/policy.ts'
import type { Rule } from '../src/core/model/rule.ts'
import type { Packet } from '../src/core/net/packet.ts'
import { trace } from '../src/core/semantics/trace.ts'
import { manifest as upcloud } from '../src/dialects/upcloud/manifest.ts'
import { desire } from '../test/support/desired.ts'
import { type Group, judged, type Line, round } from './report.ts'

export const compiler: Group = {
  name: 'compiler',
  title: 'The compiler and trace',
  note: 'Pure work in one thread, once each: milliseconds of its CPU.',
  measure: async () => measureCompiler(),
}

function measureCompiler(): Line[] {
  const rules = (count: number): Rule[] =>
    Array.from({ length: count }, (_, n) => ({
      id: `r${n}`,
      position: n + 1,
      direction: 'ingress',
      action: 'allow',
      enabled: true,
      matches: [{ family: 'ipv4', protocol: 6, destinationPorts: [{ first: n + 1, last: n + 1 }] }],
    }))
  const settings = upcloud.chain
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
    links: new Map(
      policies.map((_, n) => [`tap${n}`, { index: n + 1, name: `tap${n}`, kind: 'tun', master: null }]),
    ),
    changedLinks: null,
    observe: false,
    kernel: { tracks: true, rejects: true },
    ...({ counts: 'rules', samples: 10 } as const),
    refused: new Map<string, string>(),
  }
  const compile = () => {
    const interfaces = policies.map((policy, n) => ({
      id: `${n}`,
      device: `tap${n}`,
      policy: resolve(place, [policy]),
    }))
    lowering.update(desire(interfaces), null, surroundings)
    return lowering.tables.get(table) as RenderedTable
  }
  const timed = (work: () => void): number => {
    const started = process.threadCpuUsage()
    work()
    const { user, system } = process.threadCpuUsage(started)
    return (user + system) / 1000
  }
  const cold = timed(() => replaceScript(table, compile()))
  policies[500] = { ...(policies[500] as Policy), revision: 2, rules: rules(21) }
  const warm = timed(compile)
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
  return [
    {
      what: 'compile 1,000 interfaces × 20 rules, cold',
      ours: `${round(cold, 0)} ms`,
      baseline: '',
      budget: '≤ 1000 ms',
      verdict: judged(cold <= 1000),
    },
    {
      what: '… again with one changed rule',
      ours: `${round(warm)} ms`,
      baseline: `${round(cold, 0)} ms cold`,
      ratio: round(warm / cold, 3),
      budget: '',
    },
    {
      what: 'trace on 1,000 rules, none matching',
      ours: `${round((traced / times) * 1000, 1)} µs`,
      baseline: '',
      budget: '≤ 50 µs',
      verdict: judged((traced / times) * 1000 <= 50),
    },
  ]
}
