/** What the sender of a rejected packet is told, by the kernel and in both directions. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Dataplane } from '../../src/agent/dataplane.ts'
import { createNftables } from '../../src/agent/nftables/nftables.ts'
import { unansweredNote } from '../../src/core/model/desired.ts'
import type { EffectivePolicy, RuleList } from '../../src/core/model/effective-policy.ts'
import type { Direction } from '../../src/core/model/rule.ts'
import { essentials } from '../../src/core/semantics/essentials.ts'
import { createNetwork, destroyNetwork, namespaceOf, routerNamespace } from '../../src/lab/network.ts'
import { createProber, type Prober, planProbe } from '../../src/lab/probe.ts'
import type { LabNic } from '../../src/lab/topology.ts'
import { desire } from '../support/desired.ts'
import { sendFrames } from '../support/frames.ts'
import { kernelIn } from '../support/kernels.ts'
import { bridgedByDefault, noLab } from '../support/lab.ts'
import { defaultVms } from '../support/lab-topology.ts'
import { arp, broadcast, frameMeter, icmp, packet, syn, udp } from '../support/link-frames.ts'

const prefix = `pcl-rej${process.pid % 1000}-`

/** Everything in the direction is rejected, but for answers; the other direction is open. */
function rejecting(direction: Direction, how: 'rule' | 'default'): EffectivePolicy {
  const list: RuleList = {
    policy: `reject-${direction}-${how}`,
    part: 0,
    direction,
    rules:
      how === 'rule'
        ? [{ id: 'r', position: 1, direction, action: 'reject', enabled: true, matches: [{}] }]
        : [],
  }
  const part = { filtered: true, lists: [list], default: how === 'rule' ? 'allow' : 'reject' } as const
  const open = { filtered: false } as const
  return {
    stateful: true,
    essentials,
    ingress: direction === 'ingress' ? part : open,
    egress: direction === 'egress' ? part : open,
  }
}

describe('reject', { skip: noLab }, () => {
  let dataplane: Dataplane
  let prober: Prober
  before(async () => {
    await createNetwork({ prefix, vms: defaultVms, bridged: bridgedByDefault })
    dataplane = createNftables({
      guard: ['tap*'],
      netns: routerNamespace(prefix),
      kernel: kernelIn(routerNamespace(prefix), 'owned'),
    })
    prober = createProber(prefix)
  })
  after(async () => {
    await prober?.close()
    await dataplane?.close()
    await destroyNetwork(prefix)
  })

  for (const direction of ['ingress', 'egress'] as const) {
    for (const how of ['rule', 'default'] as const) {
      test(`${direction}, by a ${how}`, async () => {
        const interfaces = defaultVms
          .flatMap((vm) => vm.nics)
          .map(({ id, device, mac }) => ({
            id,
            device,
            mac,
            policy:
              device === 'tap1i0'
                ? rejecting(direction, how)
                : { ...rejecting(direction, how), ingress: { filtered: false }, egress: { filtered: false } },
          })) as { id: string; device: string; mac: string; policy: EffectivePolicy }[]
        await dataplane.apply(desire(interfaces))
        const [from, to] = direction === 'ingress' ? ['outside', 'web1'] : ['web1', 'outside']
        for (const family of [4, 6] as const) {
          for (const [packet, want] of [
            ['tcp/22', 'refused'],
            ['udp/53', 'refused'],
            ['icmp', 'timed-out'],
          ] as const) {
            const plan = planProbe(defaultVms, from, to, packet, { family })
            assert.ok(plan.ok)
            const { outcome } = await prober.send(plan.value)
            assert.equal(outcome, want, `${packet} over IPv${family} from ${from} to ${to}`)
          }
        }
        // Answers to what the other side of the VM may do are let through.
        const back = planProbe(defaultVms, to, from, 'tcp/80', {})
        assert.ok(back.ok)
        assert.equal((await prober.send(back.value)).outcome, 'answered')
      })
    }
  }
})

describe('reject in a bridge, stateless', { skip: noLab }, () => {
  const prefix = `pcl-rjb${process.pid % 1000}-`
  const [web1, web2] = defaultVms
  assert.ok(web1 && web2)
  const nics = [web1, web2].flatMap((vm) => vm.nics.slice(0, 1))
  let dataplane: Dataplane
  before(async () => {
    await createNetwork({ prefix, vms: [web1, web2], bridged: true })
    dataplane = createNftables({
      guard: ['tap*'],
      netns: routerNamespace(prefix),
      kernel: kernelIn(routerNamespace(prefix), 'owned'),
    })
  })
  after(async () => {
    await dataplane?.close()
    await destroyNetwork(prefix)
  })

  test('its sender is told at its own port; who cannot be told is counted', async () => {
    const open = { filtered: false } as const
    const none = { stateful: false, essentials, ingress: open, egress: open }
    const interfaces = nics.map(({ id, device, mac }, n) => ({
      ...{ id, device, mac },
      policy: n === 0 ? { ...rejecting('ingress', 'rule'), stateful: false } : none,
    }))
    const { interfaces: outcomes } = await dataplane.apply(desire(interfaces))
    // A kernel that cannot says so, and counts.
    const rejects = outcomes[0]?.notes === undefined
    assert.deepEqual(
      outcomes.map(({ state, mode, notes }) => [state, mode, notes]),
      [
        ['applied', 'bridged', rejects ? undefined : [unansweredNote]],
        ['applied', 'bridged', undefined],
      ],
    )
    const [receiver, sender] = nics as [LabNic, LabNic]
    const ends = { from: sender.mac, to: receiver.mac }
    const cases = [
      // A reset, port unreachable, administratively prohibited, and silence.
      [6, 'tcp flags & rst == rst', 1],
      [17, 'icmp type 3 icmp code 3', 1],
      [47, 'icmp type 3 icmp code 13', 1],
      [1, 'icmp type 3', 0],
    ] as const
    const space = namespaceOf(prefix, web2.name)
    const unanswered = async () => (await dataplane.unanswered()).get(receiver.id)?.ingress ?? 0
    const frameOf = (protocol: number, to: string) => {
      const head = { source: sender.addresses[0] ?? '', destination: receiver.addresses[0] ?? '', protocol }
      const data = Buffer.alloc(32)
      const body =
        protocol === 6
          ? syn(head, [4000, 80])
          : protocol === 17
            ? udp(head, [4000, 80], data)
            : protocol === 1
              ? icmp(head, 8, 0, data)
              : data
      return packet({ ...ends, to }, head, body)
    }
    for (const [protocol, answer, want] of cases) {
      const before = await unanswered()
      const meter = await frameMeter(space, 'eth0', { answer, marked: 'ether type 0x0806 arp operation 2' })
      try {
        await sendFrames(space, 'eth0', [frameOf(protocol, receiver.mac)], 'one-piece')
        // Behind it: its receiver answers ARP.
        const ask = arp(
          { from: sender.mac, to: broadcast },
          'request',
          [sender.mac, sender.addresses[0] ?? ''],
          ['00:00:00:00:00:00', receiver.addresses[0] ?? ''],
        )
        await sendFrames(space, 'eth0', [ask], 'one-piece')
        await meter.until('marked')
        assert.equal((await meter.read()).answer, rejects ? want : 0, `protocol ${protocol}`)
      } finally {
        await meter.remove()
      }
      const left = before + (rejects ? 0 : want)
      assert.equal(await unanswered(), left, 'who was left without an answer is counted')
      // To everybody: where it comes in, nobody knows who will reject it.
      await sendFrames(space, 'eth0', [frameOf(protocol, '52:54:00:00:00:99')], 'one-piece')
      const deadline = Date.now() + 10_000
      while ((await unanswered()) < left + want) assert.ok(Date.now() < deadline, `protocol ${protocol}`)
    }
  })
})
