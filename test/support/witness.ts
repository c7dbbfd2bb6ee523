/**
 * The kernel as a witness: a router between a VM and the outside, whose ruleset is asked about every packet that is sent.
 * Packets are known again by their number, right before our table is asked, and behind it.
 */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Dataplane } from '../../src/agent/dataplane.ts'
import { createNftables } from '../../src/agent/nftables/nftables.ts'
import { hitsOf, hookOf, table } from '../../src/compile/nftables/names.ts'
import { numberOf } from '../../src/compile/nftables/numbers.ts'
import { deciderText } from '../../src/core/model/decider.ts'
import type { EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import type { Direction } from '../../src/core/model/rule.ts'
import { parseAddress } from '../../src/core/net/address.ts'
import type { ConnectionState, Packet } from '../../src/core/net/packet.ts'
import { deciderOf } from '../../src/core/semantics/decider-of.ts'
import { evaluate, type Verdict } from '../../src/core/semantics/evaluate.ts'
import { destroyNetwork } from '../../src/lab/network.ts'
import { mustRun } from '../../src/lab/run.ts'
import { desire } from './desired.ts'
import { type Frame, frame, sendFrames } from './frames.ts'
import { type KernelKind, type KernelProcess, kernelIn } from './kernels.ts'

export const macs = {
  vm: '52:54:00:00:00:01',
  tap: '52:54:00:00:aa:01',
  up: '52:54:00:00:aa:02',
  outside: '52:54:00:00:00:09',
}
/** Among the addresses that the generated policies speak of. */
export const ends = {
  vm: { ipv4: '10.0.0.5', ipv6: '2001:db8::5' },
  outside: { ipv4: '10.0.0.20', ipv6: '2001:db8::14' },
  host: { ipv4: '10.0.0.1', ipv6: '2001:db8::1' },
} as const
export const addressNumber = (text: string): bigint => {
  const parsed = parseAddress(text)
  assert.ok(parsed.ok)
  return parsed.value.value
}
const local = new Set([...Object.values(ends.host), 'fe80::1'].map(addressNumber))

/** What is sent in one direction, as one packet of the model. */
export interface Sent {
  readonly direction: Direction
  readonly packet: Frame
  /** The frames that carry it, in their order; absent: one, whole. */
  readonly bytes?: readonly Buffer[]
}

/** What became of it. */
export interface Judged {
  readonly sent: Sent
  readonly state: ConnectionState
  readonly verdict: Verdict
}

export interface Witness {
  /**
   * Sends packets under a policy, in their order, and compares every one, and what is counted of it. Answers those that came to be judged: what the
   * kernel drops by itself before, such as datagrams that are not whole, must not have passed and is left out.
   */
  compare(policy: EffectivePolicy, sent: readonly Sent[]): Promise<readonly Judged[]>
  /** UDP between the VM and the outside, but for what is said. */
  probe(direction: Direction, more: Partial<Frame>, id: number): Frame
  close(): Promise<void>
}

/** The table of a namespace that remembers packets by number; with what tracking says of them only where that is asked. */
const seenBy = (withState: boolean): string => {
  const [four, six] = withState
    ? ['ip id . ct state', 'ip6 flowlabel . ct state']
    : ['ip id', 'ip6 flowlabel']
  return `table inet seen {
      set v4 { typeof ${four}; flags dynamic; size 65535; }
      set v6 { typeof ${six}; flags dynamic; size 65535; }
      chain before { type filter hook prerouting priority -146; policy accept;
        meta iifname "tap0" jump count
      }
      chain ahead { type filter hook forward priority -1; policy accept;
        meta oifname "tap0" jump count
      }
      chain count {
        meta nfproto ipv4 update @v4 { ${four} }
        meta nfproto ipv6 update @v6 { ${six} }
      }
      set passed4 { typeof ip id; flags dynamic; size 65535; }
      set passed6 { typeof ip6 flowlabel; flags dynamic; size 65535; }
      chain after { type filter hook prerouting priority -140; policy accept;
        meta iifname "tap0" jump passed
      }
      chain passed {
        meta nfproto ipv4 update @passed4 { ip id }
        meta nfproto ipv6 update @passed6 { ip6 flowlabel }
      }
    }\n`
}

const patience = 30_000

/** Namespaces of a VM, its router and the outside, of that prefix, joined by veth pairs; `destroyNetwork` takes them away. */
export async function buildRouter(prefix: string): Promise<void> {
  const [vm, router, outside] = namesOf(prefix)
  const batch = (options: string[], lines: string[]) =>
    mustRun('ip', [...options, '-batch', '-'], `${lines.join('\n')}\n`)
  await batch(
    [],
    [vm, router, outside].map((name) => `netns add ${name}`),
  )
  const quiet =
    'for d in all default; do echo 0 > /proc/sys/net/ipv6/conf/$d/accept_dad; echo 0 > /proc/sys/net/ipv4/conf/$d/rp_filter; done'
  for (const name of [vm, router, outside]) await mustRun('ip', ['netns', 'exec', name, 'sh', '-c', quiet])
  await mustRun('ip', [
    'netns',
    'exec',
    router,
    'sh',
    '-c',
    'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding',
  ])
  await batch(
    ['-n', vm],
    [
      `link add eth0 address ${macs.vm} type veth peer name tap0 address ${macs.tap} netns ${router}`,
      'link set eth0 up',
    ],
  )
  await batch(
    ['-n', outside],
    [
      `link add eth0 address ${macs.outside} type veth peer name up0 address ${macs.up} netns ${router}`,
      'link set eth0 up',
    ],
  )
  await batch(
    ['-n', router],
    [
      ...['tap0', 'up0'].flatMap((device) => [`link set ${device} up`, `addr add fe80::1/64 dev ${device}`]),
      ...Object.values(ends.host).map(
        (address) => `addr add ${address}${address.includes(':') ? '/128' : '/32'} dev tap0`,
      ),
      ...Object.values(ends.vm).flatMap((address) => [
        `route add ${address} dev tap0`,
        `neigh add ${address} lladdr ${macs.vm} dev tap0`,
      ]),
      ...Object.values(ends.outside).flatMap((address) => [
        `route add ${address} dev up0`,
        `neigh add ${address} lladdr ${macs.outside} dev up0`,
      ]),
    ],
  )
}

/** The names of its namespaces. */
export const namesOf = (prefix: string): readonly [vm: string, router: string, outside: string] => [
  `${prefix}vm`,
  `${prefix}router`,
  `${prefix}outside`,
]

/**
 * `prefix` begins the names of its namespaces, and policies go the `way` into its router's kernel. Nothing of the machine's
 * own is touched.
 */
export async function openWitness(prefix: string, way: KernelKind): Promise<Witness> {
  const [vm, router, outside] = namesOf(prefix)
  const ways = {
    egress: { from: vm, source: macs.vm, destination: macs.tap },
    ingress: { from: outside, source: macs.outside, destination: macs.up },
  } as const
  let dataplane: Dataplane | undefined
  // Although our own chains look on: what is stateless is judged as it would be without them.
  let kernel: KernelProcess | undefined
  const close = async (): Promise<void> => {
    await dataplane?.close()
    await destroyNetwork(prefix)
  }
  const nft = (namespace: string, args: readonly string[], input = '') =>
    mustRun('ip', ['netns', 'exec', namespace, 'nft', ...args], input)

  async function build(): Promise<Dataplane> {
    await buildRouter(prefix)
    // Nobody answers: what is new stays new. What the router itself sends, such as rejections, has its whole hop limit.
    await nft(
      vm,
      ['-f', '-'],
      `table inet seen {
      set passed4 { typeof ip id; flags dynamic; size 65535; }
      set passed6 { typeof ip6 flowlabel; flags dynamic; size 65535; }
      chain arrivals { type filter hook prerouting priority -500; policy drop;
        ip ttl != 64 update @passed4 { ip id }
        ip6 hoplimit != 64 update @passed6 { ip6 flowlabel }
      }
    }\n`,
    )
    await nft(
      outside,
      ['-f', '-'],
      'table inet mute { chain arrivals { type filter hook prerouting priority -500; policy drop; }\n}\n',
    )
    kernel = kernelIn(router, way)
    return createNftables({ guard: [], netns: router, notrack: 'always', kernel })
  }

  let watchesState: boolean | undefined
  /** Forgets what was seen. Only where states matter is the router told to track connections by us. */
  async function forget(withState: boolean): Promise<void> {
    const flush = (sets: readonly string[]) => sets.map((set) => `flush set inet seen ${set}\n`).join('')
    if (watchesState === withState) await nft(router, ['-f', '-'], flush(['v4', 'v6', 'passed4', 'passed6']))
    else {
      await nft(router, ['-f', '-'], `add table inet seen\ndelete table inet seen\n${seenBy(withState)}`)
      watchesState = withState
    }
    await nft(vm, ['-f', '-'], flush(['passed4', 'passed6']))
    await mustRun('ip', ['netns', 'exec', router, 'conntrack', '-F'])
  }

  async function elements(namespace: string): Promise<ReadonlyMap<string, readonly unknown[]>> {
    const { nftables } = JSON.parse(await nft(namespace, ['-j', 'list', 'table', 'inet', 'seen'])) as {
      nftables: { set?: { name: string; elem?: unknown[] } }[]
    }
    return new Map(nftables.flatMap(({ set }) => (set ? [[set.name, set.elem ?? []] as const] : [])))
  }
  interface Seen {
    /** What tracking said of each packet, by family and id. */
    readonly states: ReadonlyMap<string, ConnectionState>
    readonly passed: ReadonlySet<string>
  }
  const passedIn = (sets: ReadonlyMap<string, readonly unknown[]>) => [
    ...(sets.get('passed4') ?? []).map((id) => `ipv4 ${id}`),
    ...(sets.get('passed6') ?? []).map((id) => `ipv6 ${id}`),
  ]
  async function look(): Promise<Seen> {
    const here = await elements(router)
    const states = new Map<string, ConnectionState>()
    for (const [family, set] of [
      ['ipv4', 'v4'],
      ['ipv6', 'v6'],
    ] as const) {
      for (const each of here.get(set) ?? []) {
        const [id, state] = watchesState ? (each as { concat: [number, string] }).concat : [each, 'untracked']
        states.set(`${family} ${id}`, (state === 'untracked' ? 'new' : state) as ConnectionState)
      }
    }
    return { states, passed: new Set([...passedIn(here), ...passedIn(await elements(vm))]) }
  }

  /** Packets by what decided about them, of both directions: a number has the name of the set before it. */
  async function counted(): Promise<ReadonlyMap<string, number>> {
    const sets = await Promise.all(
      Object.values(hookOf).map(async (hook) => {
        const set = hitsOf(hook)
        const hits = await kernel?.hits(table, set)
        return (hits?.elements ?? []).map(({ number, packets }) => [`${set} ${number}`, packets] as const)
      }),
    )
    return new Map(sets.flat())
  }
  /** Whoever else sends is counted as well, so these are the least; one that was counted as another's is missing at its own. */
  async function assertCounted(
    judged: readonly Judged[],
    before: ReadonlyMap<string, number>,
    policy: EffectivePolicy,
  ): Promise<void> {
    // By lists it is not told which rule it was.
    if (kernel?.counts !== 'rules') return
    const after = await counted()
    const least = new Map<string, { count: number; by: string }>()
    for (const { sent, verdict } of judged) {
      const decider = deciderOf(verdict)
      if (!decider) continue
      const key = `${hitsOf(hookOf[sent.direction])} ${numberOf(decider)}`
      least.set(key, { count: (least.get(key)?.count ?? 0) + 1, by: deciderText(decider) })
    }
    for (const [key, { count, by }] of least) {
      const here = (after.get(key) ?? 0) - (before.get(key) ?? 0)
      const said = `${by} counted ${here} of ${count} packets`
      if (here < count)
        assert.fail(
          `${said} under ${JSON.stringify(policy, (_, one) => (typeof one === 'bigint' ? one.toString(16) : one)).slice(0, 20_000)}`,
        )
    }
  }

  const probe: Witness['probe'] = (direction, more, id) => {
    const { family = 'ipv4' } = more
    const [from, to] = direction === 'egress' ? [ends.vm, ends.outside] : [ends.outside, ends.vm]
    return {
      ...{
        family,
        id,
        hopLimit: 128,
        source: addressNumber(from[family]),
        destination: addressNumber(to[family]),
      },
      ...{ sourceMac: ways[direction].source, destinationMac: ways[direction].destination, protocol: 17 },
      ...more,
    } as Frame
  }
  const key = ({ family, id }: Pick<Frame, 'family' | 'id'>) => `${family} ${id}`

  /** Sends what goes one way, and waits until the last of it has reached the router. */
  async function send(direction: Direction, sent: readonly Sent[], id: number, until: number): Promise<void> {
    // An echo request, which the kernel itself refuses in no case.
    const last = probe(direction, { protocol: 1, icmpType: 8, icmpCode: 0 }, id)
    const bytes = sent.flatMap(({ packet, bytes }) => bytes ?? [frame(packet)])
    await sendFrames(ways[direction].from, 'eth0', [...bytes, frame(last)])
    while (!(await look()).states.has(key(last))) {
      assert.ok(Date.now() < until, 'the last packet did not reach the router')
      await delay(5)
    }
  }

  try {
    dataplane = await build()
  } catch (error) {
    await close()
    throw error
  }
  const plane = dataplane

  return {
    probe,
    close,
    async compare(policy, sent) {
      const { interfaces } = await plane.apply(desire([{ id: 'nic', device: 'tap0', policy }]))
      assert.equal(interfaces[0]?.state, 'applied', JSON.stringify(interfaces))
      await forget(policy.stateful)
      const before = await counted()
      const until = Date.now() + patience
      // Numbers that no packet has.
      let marker = 65_535
      for (let at = 0; at < sent.length; ) {
        const { direction } = sent[at] as Sent
        let end = at
        while (sent[end]?.direction === direction) end++
        await send(direction, sent.slice(at, end), marker--, until)
        at = end
      }
      let seen = await look()
      const judged = sent.flatMap((each): Judged[] => {
        const { direction, packet } = each
        const state = seen.states.get(key(packet))
        if (state === undefined) return []
        const link = direction === 'egress' && local.has(packet.destination)
        const asked: Packet = { ...packet, link, state }
        return [{ sent: each, state, verdict: evaluate(policy, direction, asked) }]
      })
      const wanted = new Set(
        judged.filter(({ verdict }) => verdict.action === 'allow').map(({ sent }) => key(sent.packet)),
      )
      while ([...wanted].some((each) => !seen.passed.has(each)) && Date.now() < until) {
        await delay(5)
        seen = await look()
      }
      const why = new Map(judged.map((each) => [key(each.sent.packet), each]))
      for (const each of sent) {
        const id = key(each.packet)
        const passed = seen.passed.has(id)
        if (passed !== wanted.has(id)) {
          const { state, verdict } = why.get(id) ?? {}
          const about = {
            passed,
            ...each,
            bytes: each.bytes?.map((one) => one.toString('hex')),
            state,
            verdict,
          }
          const text = (value: unknown) =>
            JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? one.toString(16) : one))
          assert.fail(`${text(about)} under ${text(policy).slice(0, 20_000)}`)
        }
      }
      await assertCounted(judged, before, policy)
      return judged
    },
  }
}
