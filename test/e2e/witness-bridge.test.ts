/** The third witness in a bridge: what the kernel does to generated packets, frames and fragments is what the evaluator says. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import type { Dataplane } from '../../src/agent/dataplane.ts'
import { createNftables } from '../../src/agent/nftables/nftables.ts'
import { bridgeTable } from '../../src/compile/nftables/names.ts'
import type { EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import type { Direction } from '../../src/core/model/rule.ts'
import type { Frame as OtherFrame } from '../../src/core/net/frame.ts'
import type { Packet } from '../../src/core/net/packet.ts'
import { evaluate } from '../../src/core/semantics/evaluate.ts'
import { evaluateFrame } from '../../src/core/semantics/evaluate-frame.ts'
import { forgeryOf } from '../../src/core/semantics/origin.ts'
import { destroyNetwork } from '../../src/lab/network.ts'
import { mustRun } from '../../src/lab/run.ts'
import {
  arbitraryFrame,
  arbitraryFrameTypes,
  arbitraryPacket,
  arbitraryPolicy,
  inBridge,
} from '../support/arbitraries.ts'
import { desire } from '../support/desired.ts'
import { arpOrOther, cut, frame, sendFrames } from '../support/frames.ts'
import { type KernelProcess, kernelIn } from '../support/kernels.ts'
import { bridgeNetfilter, noLabOr } from '../support/lab.ts'

const skip = await noLabOr({ trafgen: 'netsniff-ng' })
const seed = 20_261_126

const prefix = `pcl-wbr${process.pid % 1000}-`
const [vm, host, outside] = ['vm', 'host', 'outside'].map((name) => `${prefix}${name}`) as [
  string,
  string,
  string,
]
const macs = { vm: '52:54:00:00:00:01', outside: '52:54:00:00:00:09' }
/** Where frames of a direction are sent, and where it is seen that they passed. */
const ways = {
  egress: { from: vm, to: outside, source: macs.vm },
  ingress: { from: outside, to: vm, source: macs.outside },
} as const

/** Nobody has these addresses: the bridge sends the frames everywhere, and each is known again by its own. */
const destinationOf = (id: number): string =>
  `52:54:01:00:${(id >> 8).toString(16).padStart(2, '0')}:${(id & 0xff).toString(16).padStart(2, '0')}`
const marker = 0xffff

/** Sets that packets fill. */
const memories = [
  ...['neighbours', 'asked', 'servers'],
  ...['fragments4.in', 'fragments4.out', 'fragments6.in', 'fragments6.out'],
]

interface Case {
  readonly bytes: Buffer
  readonly passes: boolean
  /** What it is, for a failure's message. */
  readonly what: unknown
}

for (const way of ['owned', 'nft'] as const)
  describe(`the kernel and the evaluator, in a bridge, by ${way}`, { skip }, () => {
    let dataplane: Dataplane
    let kernel: KernelProcess
    const nft = (namespace: string, input: string, ...args: string[]) =>
      mustRun('ip', ['netns', 'exec', namespace, 'nft', ...args], input)

    before(async () => {
      const batch = (options: string[], lines: string[]) =>
        mustRun('ip', [...options, '-batch', '-'], `${lines.join('\n')}\n`)
      await batch(
        [],
        [vm, host, outside].map((name) => `netns add ${name}`),
      )
      // Nobody speaks who was not asked to.
      for (const name of [vm, host, outside]) {
        await mustRun('ip', ['netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1'])
      }
      await bridgeNetfilter(host, 'off')
      for (const [name, port, mac] of [
        [vm, 'tap0', macs.vm],
        [outside, 'up0', macs.outside],
      ] as const) {
        await batch(['-n', name], [`link add eth0 address ${mac} type veth peer name ${port} netns ${host}`])
        await batch(['-n', name], ['link set eth0 up'])
      }
      await batch(
        ['-n', host],
        ['link add br0 type bridge', ...['tap0', 'up0'].map((port) => `link set ${port} master br0 up`)],
      )
      await mustRun('ip', ['-n', host, 'link', 'set', 'br0', 'up'])
      for (const name of [vm, outside]) {
        await nft(
          name,
          `table netdev seen {
            set passed { typeof ether daddr; flags dynamic; size 65535; }
            chain arrivals { type filter hook ingress device "eth0" priority -500; policy drop;
              update @passed { ether daddr }
            }
          }\n`,
          '-f',
          '-',
        )
      }
      const deadline = Date.now() + 10_000
      for (;;) {
        const ports = await mustRun('ip', ['netns', 'exec', host, 'bridge', 'link'])
        if ((ports.match(/state forwarding/g) ?? []).length === 2) break
        assert.ok(Date.now() < deadline, ports)
        await delay(20)
      }
      kernel = kernelIn(host, way)
      dataplane = createNftables({ guard: ['tap*'], netns: host, kernel })
    })
    after(async () => {
      await dataplane?.close()
      await destroyNetwork(prefix)
    })

    async function arrived(namespace: string): Promise<Set<string>> {
      const text = await nft(namespace, '', '-j', 'list', 'set', 'netdev', 'seen', 'passed')
      const { nftables } = JSON.parse(text) as { nftables: { set?: { elem?: string[] } }[] }
      return new Set(nftables.find((each) => each.set)?.set?.elem ?? [])
    }

    /** Sends the frames in this order and compares every one; answers how many passed and did not. */
    async function compare(
      policy: EffectivePolicy,
      types: readonly number[],
      direction: Direction,
      cases: readonly ((destination: string) => Case)[],
    ): Promise<[passed: number, stopped: number]> {
      const { from, to, source } = ways[direction]
      const { interfaces } = await dataplane.apply(
        desire([{ id: 'nic', device: 'tap0', mac: macs.vm, policy, frames: types }]),
      )
      assert.equal(interfaces[0]?.state, 'applied', JSON.stringify(interfaces))
      // What the VM has heard before is nobody's in this run.
      await kernel.commit(memories.map((set) => ({ do: 'flush-set', table: bridgeTable, set, kind: 'set' })))
      await nft(to, '', 'flush', 'set', 'netdev', 'seen', 'passed')
      const made = cases.map((make, id) => make(destinationOf(id)))
      // Passes whatever the policy: ARP with an address that says nothing.
      const last = arpOrOther(
        {
          type: 0x0806,
          sourceMac: source,
          arp: {
            ...{ hardwareType: 1, protocolType: 0x0800, hardwareLength: 6, protocolLength: 4, operation: 1 },
            ...{ senderMac: source, senderAddress: 0n },
          },
        },
        destinationOf(marker),
      )
      const own = {
        ...policy,
        ...(policy.origin?.mac !== undefined && { origin: { ...policy.origin, mac: macs.vm } }),
      }
      assert.deepEqual(own, policy, 'the marker must not be forged')
      await sendFrames(from, 'eth0', [...made.map(({ bytes }) => bytes), last], 'one-piece')
      const deadline = Date.now() + 10_000
      let seen = await arrived(to)
      while (!seen.has(destinationOf(marker))) {
        assert.ok(Date.now() < deadline, 'the last frame did not arrive in 10 s')
        await delay(5)
        seen = await arrived(to)
      }
      for (const [id, { passes, what }] of made.entries()) {
        const text = () =>
          JSON.stringify({ direction, what, ...policy[direction], origin: policy.origin }, (_, value) =>
            typeof value === 'bigint' ? value.toString(16) : value,
          )
        if (seen.has(destinationOf(id)) !== passes) assert.equal(!passes, passes, text())
      }
      const passed = made.filter(({ passes }) => passes).length
      return [passed, made.length - passed]
    }

    test(`generated policies, packets, frames and fragments, either way (seed ${seed})`, async () => {
      const policies = fc
        .sample(arbitraryPolicy, { numRuns: way === 'nft' ? 6 : 25, seed })
        // The VM's own MAC, so that what it sends is not all forged by it.
        .map((policy): EffectivePolicy => {
          const { origin } = policy
          const own = origin?.mac === undefined ? origin : { ...origin, mac: macs.vm }
          return { ...policy, stateful: false, ...(own && { origin: own }) }
        })
      const counts = { passed: 0, stopped: 0 }
      for (const [n, policy] of policies.entries()) {
        for (const direction of ['egress', 'ingress'] as const) {
          const at = { seed: seed + n * 2 + (direction === 'egress' ? 0 : 1) }
          const [types = []] = fc.sample(arbitraryFrameTypes, { ...at, numRuns: 1 })
          const packets = fc.sample(arbitraryPacket, { ...at, numRuns: 60 })
          const { filtered } = policy[direction]
          const judged = (packet: Packet) =>
            // A fragment header with nothing behind it is a first fragment that is too short.
            !(filtered && packet.family === 'ipv6' && packet.protocol === 44) &&
            evaluate(policy, direction, inBridge(packet, direction, false)).action === 'allow'
          const whole = packets.map((given, i) => (destination: string): Case => {
            const { sourceMac = ways[direction].source, hopLimit = 64, ...rest } = given
            const packet = { ...rest, sourceMac, hopLimit }
            return {
              bytes: frame({ ...packet, destinationMac: destination, id: i + 1 }),
              passes: judged(packet),
              what: packet,
            }
          })
          const frames = fc.sample(arbitraryFrame, { ...at, numRuns: 30 }).map(
            (given: OtherFrame) =>
              (destination: string): Case => ({
                bytes: arpOrOther(given, destination),
                passes: evaluateFrame(policy, direction, given, types).action === 'allow',
                what: given,
              }),
          )
          const datagrams = packets
            .filter(({ protocol }) => protocol === 17 || protocol === 6)
            .flatMap((given, i) => {
              const { sourceMac = ways[direction].source, hopLimit = 64, ...rest } = given
              const packet = { ...rest, sourceMac, hopLimit }
              const order = ['forward', 'backward'][i % 2]
              // The first is too short to be judged in one of three.
              const cuts = i % 3 === 0 ? [40, 96] : [48, 96]
              const pieces = cut({ ...packet, destinationMac: '00:00:00:00:00:00', id: 700 + i }, cuts)
              const long = !filtered || packet.family === 'ipv6' || cuts[0] === 48
              const passes = long && judged(packet)
              // What a sender without an address may send is told by ports, which later pieces do not have.
              const { sourcePort: _, destinationPort: __, ...portless } = packet
              const isOwn =
                !policy.origin ||
                direction === 'ingress' ||
                !forgeryOf(policy.origin, inBridge(portless, direction, false))
              const made = pieces.map((bytes, piece) => (destination: string): Case => {
                const own = Buffer.from(bytes)
                Buffer.from(destination.replaceAll(':', ''), 'hex').copy(own)
                return {
                  bytes: own,
                  // Later pieces pass behind their first one, and never before it.
                  passes: piece === 0 ? passes : filtered ? passes && isOwn && order === 'forward' : isOwn,
                  what: { ...packet, piece, cuts, order },
                }
              })
              return order === 'forward' ? made : made.reverse()
            })
          const [passed, stopped] = await compare(policy, types, direction, [
            ...whole,
            ...frames,
            ...datagrams,
          ])
          counts.passed += passed
          counts.stopped += stopped
        }
      }
      const fewest = way === 'nft' ? 200 : 1000
      assert.ok(counts.passed > fewest && counts.stopped > fewest, JSON.stringify(counts))
    })
  })
