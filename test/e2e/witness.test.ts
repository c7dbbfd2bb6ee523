/** The third witness: what the kernel does to packets of any protocol number in either family is what the evaluator says. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import type { Dataplane } from '../../src/agent/dataplane.ts'
import { createNftables } from '../../src/agent/nftables/nftables.ts'
import type { EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import type { Direction, Match } from '../../src/core/model/rule.ts'
import { parseAddress } from '../../src/core/net/address.ts'
import type { ConnectionState } from '../../src/core/net/packet.ts'
import { hasPorts, icmpFamily } from '../../src/core/net/protocol.ts'
import { evaluate } from '../../src/core/semantics/evaluate.ts'
import { destroyNetwork } from '../../src/lab/network.ts'
import { mustRun } from '../../src/lab/run.ts'
import { arbitraryPacket, arbitraryPolicy } from '../support/arbitraries.ts'
import { type Frame, frame, sendFrames } from '../support/frames.ts'
import { noLabOr } from '../support/lab.ts'

const skip = await noLabOr({ trafgen: 'netsniff-ng', conntrack: 'conntrack' })

const prefix = `pcl-wit${process.pid % 1000}-`
const [vm, router, outside] = ['vm', 'router', 'outside'].map((name) => `${prefix}${name}`) as [
  string,
  string,
  string,
]
const macs = {
  vm: '52:54:00:00:00:01',
  tap: '52:54:00:00:aa:01',
  up: '52:54:00:00:aa:02',
  outside: '52:54:00:00:00:09',
}
/** Among the addresses that the generated policies speak of. */
const ends = {
  vm: { ipv4: '10.0.0.5', ipv6: '2001:db8::5' },
  outside: { ipv4: '10.0.0.20', ipv6: '2001:db8::14' },
  host: { ipv4: '10.0.0.1', ipv6: '2001:db8::1' },
} as const
const number = (text: string): bigint => {
  const parsed = parseAddress(text)
  assert.ok(parsed.ok)
  return parsed.value.value
}
const local = new Set([...Object.values(ends.host), 'fe80::1'].map(number))

/** Everything about a direction: where its packets are sent, and where it is seen that they passed. */
const ways = {
  egress: {
    from: vm,
    device: 'eth0',
    source: macs.vm,
    destination: macs.tap,
    passedIn: router,
  },
  ingress: {
    from: outside,
    device: 'eth0',
    source: macs.outside,
    destination: macs.up,
    passedIn: vm,
  },
} as const

describe('the kernel and the evaluator', { skip }, () => {
  let dataplane: Dataplane
  before(async () => {
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
        ...['tap0', 'up0'].flatMap((device) => [
          `link set ${device} up`,
          `addr add fe80::1/64 dev ${device}`,
        ]),
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
    // Packets are noted right before our table is asked about them, and behind it. Nobody answers: what is new stays new.
    await mustRun(
      'ip',
      ['netns', 'exec', router, 'nft', '-f', '-'],
      `table inet seen {
      set v4 { typeof ip id . ct state; flags dynamic; size 4096; }
      set v6 { typeof ip6 flowlabel . ct state; flags dynamic; size 4096; }
      chain before { type filter hook prerouting priority -146; policy accept;
        meta iifname "tap0" jump count
      }
      chain ahead { type filter hook forward priority -1; policy accept;
        meta oifname "tap0" jump count
      }
      chain count {
        meta nfproto ipv4 update @v4 { ip id . ct state }
        meta nfproto ipv6 update @v6 { ip6 flowlabel . ct state }
      }
      set passed4 { typeof ip id; flags dynamic; size 4096; }
      set passed6 { typeof ip6 flowlabel; flags dynamic; size 4096; }
      chain after { type filter hook prerouting priority -140; policy accept;
        meta iifname "tap0" jump passed
      }
      chain passed {
        meta nfproto ipv4 update @passed4 { ip id }
        meta nfproto ipv6 update @passed6 { ip6 flowlabel }
      }
    }\n`,
    )
    await mustRun(
      'ip',
      ['netns', 'exec', vm, 'nft', '-f', '-'],
      `table inet seen {
      set passed4 { typeof ip id; flags dynamic; size 4096; }
      set passed6 { typeof ip6 flowlabel; flags dynamic; size 4096; }
      chain arrivals { type filter hook prerouting priority -500; policy drop;
        meta nfproto ipv4 update @passed4 { ip id }
        meta nfproto ipv6 update @passed6 { ip6 flowlabel }
      }
    }\n`,
    )
    await mustRun(
      'ip',
      ['netns', 'exec', outside, 'nft', '-f', '-'],
      `table inet mute { chain arrivals { type filter hook prerouting priority -500; policy drop; }
    }\n`,
    )
    dataplane = createNftables({ guard: [], netns: router })
  })
  after(async () => {
    await dataplane?.close()
    await destroyNetwork(prefix)
  })

  const nft = (namespace: string, ...args: string[]) =>
    mustRun('ip', ['netns', 'exec', namespace, 'nft', ...args])
  async function elements(namespace: string, set: string): Promise<unknown[]> {
    const { nftables } = JSON.parse(await nft(namespace, '-j', 'list', 'set', 'inet', 'seen', set)) as {
      nftables: { set?: { elem?: unknown[] } }[]
    }
    return nftables.find((each) => each.set)?.set?.elem ?? []
  }

  /** What tracking said of each packet, by family and id. */
  async function seen(): Promise<Map<string, ConnectionState>> {
    const result = new Map<string, ConnectionState>()
    for (const family of ['ipv4', 'ipv6'] as const) {
      for (const each of await elements(router, family === 'ipv4' ? 'v4' : 'v6')) {
        const [key, state] = (each as { concat: [number, string] }).concat
        result.set(`${family} ${key}`, (state === 'untracked' ? 'new' : state) as ConnectionState)
      }
    }
    return result
  }
  async function passed(namespace: string): Promise<Set<string>> {
    const result = new Set<string>()
    for (const family of ['ipv4', 'ipv6'] as const) {
      for (const each of await elements(namespace, family === 'ipv4' ? 'passed4' : 'passed6'))
        result.add(`${family} ${each}`)
    }
    return result
  }

  /** Sends frames under a policy and compares every one; answers how many passed and did not. */
  async function compare(
    policy: EffectivePolicy,
    direction: Direction,
    frames: readonly Frame[],
  ): Promise<[number, number]> {
    const way = ways[direction]
    const { interfaces } = await dataplane.apply({
      revision: 1,
      interfaces: [{ id: 'nic', device: 'tap0', policy }],
    })
    assert.equal(interfaces[0]?.state, 'applied', JSON.stringify(interfaces))
    for (const set of ['v4', 'v6', 'passed4', 'passed6'])
      await nft(router, 'flush', 'set', 'inet', 'seen', set)
    for (const set of ['passed4', 'passed6']) await nft(vm, 'flush', 'set', 'inet', 'seen', set)
    await mustRun('ip', ['netns', 'exec', router, 'conntrack', '-F'])
    await sendFrames(way.from, way.device, frames.map(frame))
    // The last is an echo request, which the kernel itself refuses in no case.
    const last = frames.at(-1)
    assert.ok(last)
    const deadline = Date.now() + 5000
    let states = await seen()
    while (!states.has(`${last.family} ${last.id}`)) {
      assert.ok(Date.now() < deadline, 'the last packet did not reach the router in 5 s')
      await delay(5)
      states = await seen()
    }
    const want = new Map(
      frames.flatMap((each) => {
        const key = `${each.family} ${each.id}`
        const state = states.get(key)
        // What the kernel drops by itself, before anybody is asked, is no case.
        if (state === undefined) return []
        const link = direction === 'egress' && local.has(each.destination)
        const verdict = evaluate(policy, direction, { ...each, link, state })
        return [[key, { each, state, verdict }] as const]
      }),
    )
    const wanted = [...want].filter(([, { verdict }]) => verdict.action === 'allow').map(([key]) => key)
    let came = await passed(way.passedIn)
    while (wanted.some((key) => !came.has(key)) && Date.now() < deadline) {
      await delay(5)
      came = await passed(way.passedIn)
    }
    for (const [key, { each, state, verdict }] of want) {
      const what = JSON.stringify({ direction, packet: each, state, verdict, policy }, (_, value) =>
        typeof value === 'bigint' ? value.toString(16) : value,
      )
      assert.equal(came.has(key), verdict.action === 'allow', what)
    }
    return [wanted.length, want.size - wanted.length]
  }

  const probe = (direction: Direction, more: Partial<Frame>, id: number): Frame => {
    const { family = 'ipv4' } = more
    const [from, to] = direction === 'egress' ? [ends.vm, ends.outside] : [ends.outside, ends.vm]
    return {
      ...{ family, id, hopLimit: 64, source: number(from[family]), destination: number(to[family]) },
      ...{ sourceMac: ways[direction].source, destinationMac: ways[direction].destination, protocol: 17 },
      ...more,
    } as Frame
  }
  const echo = (direction: Direction, id: number) =>
    probe(direction, { protocol: 1, icmpType: 8, icmpCode: 0 }, id)

  const open = { filtered: false } as const
  function policyOf(direction: Direction, stateful: boolean, ...allowed: Match[]): EffectivePolicy {
    const rules = allowed.map((match, i) => ({
      ...{
        id: `${i}`,
        position: i + 1,
        direction,
        action: 'allow' as const,
        enabled: true,
        matches: [match],
      },
    }))
    const part = {
      filtered: true,
      lists: [{ policy: 'p', part: 0, direction, rules }],
      default: 'deny',
    } as const
    return { stateful, essentials: [], ingress: open, egress: open, [direction]: part }
  }

  for (const direction of ['ingress', 'egress'] as const) {
    for (const stateful of [false, true]) {
      test(`every protocol number in either family, ${direction}, ${stateful ? 'stateful' : 'stateless'}`, async () => {
        const frames = (['ipv4', 'ipv6'] as const).flatMap((family) =>
          Array.from({ length: 256 }, (_, protocol) => {
            const more = {
              ...(hasPorts(protocol) && { sourcePort: 9, destinationPort: 9 }),
              ...(icmpFamily(protocol) === family && { icmpType: 8, icmpCode: 0 }),
            }
            return probe(direction, { family, protocol, ...more }, protocol + 1)
          }),
        )
        for (const [matches, fewest] of [
          [[{}], stateful ? 480 : 500],
          [[{ protocol: 1 }], 1],
          [[{ protocol: 58 }], stateful ? 0 : 1],
          [[{ family: 'ipv6', protocol: 1 }], stateful ? 0 : 1],
          [[{ family: 'ipv4', protocol: 58 }], stateful ? 0 : 1],
          [[{ icmpType: 8 }], 1],
          [[{ destinationPorts: [{ first: 9, last: 9 }] }], stateful ? 4 : 10],
          [[{ protocol: 136 }], stateful ? 0 : 2],
          [[{ protocol: 0 }, { protocol: 255 }, { family: 'ipv6', protocol: 47 }, { protocol: 44 }], 4],
        ] as const) {
          const [through] = await compare(
            policyOf(direction, stateful, ...(matches as readonly Match[])),
            direction,
            [...frames, echo(direction, 999)],
          )
          assert.ok(through >= fewest, `${JSON.stringify(matches)}: ${through} passed`)
        }
      })
    }
  }

  test('generated policies, and packets as generated, on their way out and in', async () => {
    const policies = fc.sample(arbitraryPolicy, { numRuns: 25, seed: 20261125 })
    let [allowed, denied] = [0, 0]
    for (const [n, policy] of policies.entries()) {
      for (const direction of ['egress', 'ingress'] as const) {
        const packets = fc.sample(arbitraryPacket, {
          numRuns: 60,
          seed: n * 2 + (direction === 'egress' ? 0 : 1),
        })
        const frames = packets.map((packet, index): Frame => {
          const { state: _state, link: _link, sourceMac, hopLimit = 64, ...fields } = packet
          const there = number((n + index) % 3 === 0 ? ends.host[packet.family] : ends.outside[packet.family])
          const placed =
            direction === 'ingress'
              ? // It is forwarded, and so is to the VM and goes further than here.
                { destination: number(ends.vm[packet.family]), hopLimit: Math.max(2, hopLimit) }
              : { destination: index % 2 === 0 ? there : packet.destination, hopLimit }
          const mac = direction === 'egress' && sourceMac !== undefined ? sourceMac : ways[direction].source
          return {
            ...{ ...fields, ...placed, sourceMac: mac },
            ...{ destinationMac: ways[direction].destination, id: index + 1 },
          }
        })
        const [through, not] = await compare(policy, direction, [...frames, echo(direction, 999)])
        allowed += through
        denied += not
      }
    }
    assert.ok(allowed > 300 && denied > 300, `${allowed} allowed, ${denied} denied`)
  })
})
