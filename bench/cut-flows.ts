/** From a change to the end of the connections that it denies, among many that go on. */
import type { EffectivePolicy } from '../src/core/model/effective-policy.ts'
import type { Rule } from '../src/core/model/rule.ts'
import { TCP } from '../src/core/net/protocol.ts'
import { obstacle } from '../src/lab/lab.ts'
import { run } from '../src/lab/run.ts'
import type { Served, Tracked } from '../test/support/cutting-child.ts'
import { desire } from '../test/support/desired.ts'
import { type Remote, remote } from '../test/support/remote.ts'
import { median, quantile } from './measure.ts'
import { type Group, judged, type Line, round } from './report.ts'
import { batch, inside, namespace, remove } from './workshop.ts'

const budgetMs = 200
const ports = 10
const vm = { text: '10.0.0.5', value: 0x0a000005n }
const peers = 0xc0000200n

export const cutFlows: Group = {
  name: 'cut-flows',
  title: 'Ending connections',
  note: 'TCP connections to one interface, of ten ports; a change takes the rule of one port away. From the change, as it is handed to the dataplane, to when all of its connections are gone and the others have been found there. The baseline is `conntrack -D` of the same connections, which knows them by their port.',
  obstacle: async () =>
    (await obstacle()) ??
    ((await run('conntrack', ['--version'])).status === 0
      ? undefined
      : 'it needs conntrack (Debian package conntrack)'),
  measure: () => measureCuts(10_000, 20),
}

export async function measureCuts(flows: number, times: number): Promise<Line[]> {
  const netns = await namespace()
  let cutting: Remote<Served> | undefined
  try {
    await batch(netns, ['link add tap0 type veth peer name other', 'link set tap0 up'])
    cutting = remote<Served>(netns, 'cutting-child.ts')
    const [ours, theirs]: [number[], number[]] = [[], []]
    for (let n = 0; n < times; n++) {
      // By turns, each from the same beginning.
      await begin(cutting, flows, 3 * n + 1)
      let started = performance.now()
      await inside(netns, ['conntrack', '-D', '-p', 'tcp', '--dport', '1000'])
      theirs.push(performance.now() - started)
      await expect(cutting, flows)
      await begin(cutting, flows, 3 * n + 2)
      started = performance.now()
      const { cut } = await cutting.apply(wanted(1, 3 * n + 3), true)
      ours.push(performance.now() - started)
      if (cut?.flows !== flows / ports) throw new Error(`${cut?.flows} connections were cut`)
      await expect(cutting, flows)
    }
    const text = (all: readonly number[]) =>
      `${round(quantile(all, 0.99), 1)} ms (p50 ${round(median(all), 1)})`
    return [
      {
        what: `${flows.toLocaleString('en')} connections, ${(flows / ports).toLocaleString('en')} denied: change → all gone, the slowest of ${times}`,
        ...{ ours: text(ours), baseline: text(theirs), ratio: round(median(ours) / median(theirs)) },
        budget: `≤ ${budgetMs} ms`,
        verdict: judged(quantile(ours, 0.99) <= budgetMs),
      },
    ]
  } finally {
    await cutting?.end()
    remove(netns)
  }
}

/** All ports are allowed, and so many connections are there. */
async function begin(cutting: Remote<Served>, flows: number, revision: number): Promise<void> {
  await cutting.apply(wanted(0, revision), revision > 1)
  await cutting.remove(await cutting.flows())
  await cutting.track(Array.from({ length: flows }, (_, n) => flowOf(n)))
}

async function expect(cutting: Remote<Served>, flows: number): Promise<void> {
  const left = await cutting.flows()
  if (left.length !== flows - flows / ports || left.some(({ reply }) => reply.sourcePort === 1000))
    throw new Error(`${left.length} connections are left`)
}

function flowOf(n: number): Tracked {
  const [source, sourcePort] = [peers + BigInt(n % 200), 10_000 + Math.floor(n / 200)]
  const destinationPort = 1000 + (n % ports)
  return {
    family: 'ipv4',
    original: { protocol: TCP, source, destination: vm.value, sourcePort, destinationPort },
    reply: {
      ...{ protocol: TCP, source: vm.value, destination: source },
      ...{ sourcePort: destinationPort, destinationPort: sourcePort },
    },
  }
}

/** Without the first so many ports. */
function wanted(without: number, revision: number) {
  const rules = Array.from({ length: ports }, (_, n): Rule => {
    const port = 1000 + n
    return {
      ...{ id: `rule-${n}`, position: n + 1, direction: 'ingress', action: 'allow', enabled: true },
      matches: [{ protocol: TCP, destinationPorts: [{ first: port, last: port }] }],
    }
  }).slice(without)
  const policy: EffectivePolicy = {
    ...{ stateful: true, cutsFlows: true, essentials: [] },
    ingress: {
      ...{ filtered: true, default: 'deny' },
      lists: [{ policy: '00000000-0000-8000-8000-000000000001', part: 0, direction: 'ingress', rules }],
    },
    egress: { filtered: false },
  }
  return desire([{ id: 'a', device: 'tap0', policy, addresses: [vm.text] }], revision)
}
