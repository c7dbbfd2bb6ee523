/**
 * The kernel as a witness: a router between a VM and the outside, whose ruleset is asked about every packet that is sent.
 * Packets are known again by their number, right before our table is asked, and behind it.
 */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Dataplane } from '../../src/agent/dataplane.ts'
import { createNftables } from '../../src/agent/nftables/nftables.ts'
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
   * Sends packets under a policy, in their order, and compares every one; and, where all are sent whole, what deciders have
   * counted. Answers those that came to be judged: what the kernel drops by itself before, such as datagrams that are not
   * whole, must not have passed and is left out.
   */
  compare(policy: EffectivePolicy, sent: readonly Sent[]): Promise<readonly Judged[]>
  /** UDP between the VM and the outside, but for what is said. */
  probe(direction: Direction, more: Partial<Frame>, id: number): Frame
  close(): Promise<void>
}

/** The table of a namespace that remembers packets by number, and sends the VM none of its own; with what tracking says of them only where that is asked. */
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
      chain own { type filter hook output priority -500; policy accept;
        oifname "tap0" drop
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
    // Nobody answers, or sends by itself: what is new stays new, and what counts was sent here. What the router itself sends, such as
    // rejections, has its whole hop limit.
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
      chain own { type filter hook output priority -500; policy drop; }
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

  /** Sends what goes one way, and one packet more, which it answers when that has reached the router. */
  async function send(
    direction: Direction,
    sent: readonly Sent[],
    id: number,
    until: number,
  ): Promise<Frame> {
    // An echo request, which the kernel itself refuses in no case.
    const last = probe(direction, { protocol: 1, icmpType: 8, icmpCode: 0 }, id)
    const bytes = sent.flatMap(({ packet, bytes }) => bytes ?? [frame(packet)])
    await sendFrames(ways[direction].from, 'eth0', [...bytes, frame(last)])
    while (!(await look()).states.has(key(last))) {
      assert.ok(Date.now() < until, 'the last packet did not reach the router')
      await delay(5)
    }
    return last
  }

  try {
    dataplane = await build()
  } catch (error) {
    await close()
    throw error
  }
  const plane = dataplane

  /** Where nft is the way, rules of long lists are counted together. */
  const countedAs = (by: string): string => (way === 'nft' ? by.replace(/^rule (\S+) \S+$/, 'list $1') : by)
  /** Packets by epoch and decider, as they were read last. */
  const known = { ingress: new Map<string, number>(), egress: new Map<string, number>() }
  /** What deciders have counted in a direction since the router was built. */
  async function counted(direction: Direction): Promise<ReadonlyMap<string, number>> {
    for (const { epoch, ...counts } of await plane.hits())
      for (const each of ['ingress', 'egress'] as const)
        for (const { by, packets } of counts[each]) known[each].set(JSON.stringify([epoch, by]), packets)
    const sums = new Map<string, number>()
    for (const [key, packets] of known[direction]) {
      const by = countedAs((JSON.parse(key) as [string, string])[1])
      sums.set(by, (sums.get(by) ?? 0) + packets)
    }
    return sums
  }
  /** `before`: what was counted before they were sent. */
  async function compareCounts(
    direction: Direction,
    before: ReadonlyMap<string, number>,
    judged: readonly Judged[],
    until: number,
  ): Promise<void> {
    const wanted = new Map<string, number>()
    for (const { sent, verdict } of judged) {
      const decider = sent.direction === direction ? deciderOf(verdict) : undefined
      const by = decider && countedAs(deciderText(decider))
      if (by !== undefined) wanted.set(by, (wanted.get(by) ?? 0) + 1)
    }
    const expected = Object.fromEntries([...wanted].sort())
    for (;;) {
      const now = await counted(direction)
      const grown = [...now].map(([by, packets]) => [by, packets - (before.get(by) ?? 0)] as const)
      const found = Object.fromEntries(grown.filter(([, packets]) => packets > 0).sort())
      if (isDeepStrictEqual(found, expected)) return
      if (Date.now() > until) assert.deepEqual(found, expected, `what counted, ${direction}`)
      await delay(20)
    }
  }

  return {
    probe,
    close,
    async compare(policy, sent) {
      const { interfaces } = await plane.apply(desire([{ id: 'nic', device: 'tap0', policy }]))
      assert.equal(interfaces[0]?.state, 'applied', JSON.stringify(interfaces))
      await forget(policy.stateful)
      const direction = sent.some((each) => each.direction === 'egress') ? 'egress' : 'ingress'
      const before = await counted(direction)
      const markers: Sent[] = []
      const until = Date.now() + patience
      // Numbers that no packet has.
      let marker = 65_535
      for (let at = 0; at < sent.length; ) {
        const { direction } = sent[at] as Sent
        let end = at
        while (sent[end]?.direction === direction) end++
        markers.push({ direction, packet: await send(direction, sent.slice(at, end), marker--, until) })
        at = end
      }
      let seen = await look()
      const judge = (each: Sent): Judged[] => {
        const { direction, packet } = each
        const state = seen.states.get(key(packet))
        if (state === undefined) return []
        const link = direction === 'egress' && local.has(packet.destination)
        const asked: Packet = { ...packet, link, state }
        return [{ sent: each, state, verdict: evaluate(policy, direction, asked) }]
      }
      const judged = sent.flatMap(judge)
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
      // What is sent in pieces, or dressed up, may be judged as several, or as malformed.
      if (sent.every(({ bytes }) => bytes === undefined))
        await compareCounts(direction, before, [...judged, ...markers.flatMap(judge)], until)
      return judged
    },
  }
}
