/** What the sender of a rejected packet is told, by the kernel and in both directions. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Dataplane } from '../../src/agent/dataplane.ts'
import { createNftables } from '../../src/agent/nftables/nftables.ts'
import type { EffectivePolicy, RuleList } from '../../src/core/model/effective-policy.ts'
import type { Direction } from '../../src/core/model/rule.ts'
import { essentials } from '../../src/core/semantics/essentials.ts'
import { createNetwork, destroyNetwork, routerNamespace } from '../../src/lab/network.ts'
import { createProber, type Prober, planProbe } from '../../src/lab/probe.ts'
import { defaultVms } from '../../src/lab/topology.ts'
import { bridgedByDefault, noLab } from '../support/lab.ts'

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
    dataplane = createNftables({ guard: ['tap*'], netns: routerNamespace(prefix) })
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
        await dataplane.apply({ revision: 1, interfaces })
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
