/** Decisions that a whole dataplane tells of real packets: routed and in a bridge, while rules change, and under a flood. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { desire } from '../../../test/support/desired.ts'
import { type Frame, frame, sendFrames } from '../../../test/support/frames.ts'
import { kernelIn } from '../../../test/support/kernels.ts'
import { noLabOr } from '../../../test/support/lab.ts'
import { arp, broadcast, ethernet, etherType } from '../../../test/support/link-frames.ts'
import { logIn } from '../../../test/support/logs.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import type { Direction, Rule } from '../../core/model/rule.ts'
import { mustRun } from '../../lab/run.ts'
import type { Dataplane } from '../dataplane.ts'
import type { Sample } from './decisions.ts'
import { createNftables } from './nftables.ts'

const skip = await noLabOr({ trafgen: 'netsniff-ng' })

const rule = (direction: Direction, port: number, more: Partial<Rule> = {}): Rule => ({
  ...{ id: `r${port}`, position: port, direction, action: 'deny', enabled: true },
  matches: [{ protocol: 17, destinationPorts: [{ first: port, last: port }] }],
  ...more,
})
const filtered = (direction: Direction, action: 'allow' | 'deny', rules: readonly Rule[]) =>
  ({
    filtered: true,
    default: action,
    ...(action === 'deny' && ({ log: 'notice' } as const)),
    lists: [{ policy: `p-${direction}`, part: 0, direction, rules }],
  }) as const

/** From the VM: 1 is denied, 2 rejected, 3 allowed and told, and all else allowed. Towards it: 4 is allowed, and all else not. */
function policyWith(more: readonly Rule[] = []): EffectivePolicy {
  const egress = [
    rule('egress', 1),
    rule('egress', 2, { action: 'reject', log: 'err' }),
    rule('egress', 3, { action: 'allow', log: 'debug' }),
    ...more,
  ]
  return {
    ...{ stateful: false, essentials: [] },
    egress: filtered('egress', 'allow', egress),
    ingress: filtered('ingress', 'deny', [rule('ingress', 4, { action: 'allow' })]),
  }
}

// Each routed device has another at its end, from which the test sends, as each port has.
describe('decisions of a dataplane', { skip }, () => {
  const netns = `pcl-told-${process.pid}`
  const ip = (...words: string[]) => mustRun('ip', ['-n', netns, ...words])
  const inside = (...words: string[]) => mustRun('ip', ['netns', 'exec', netns, ...words])
  const macs = { vm: '52:54:00:00:00:01', host: '52:54:00:00:00:02', next: '52:54:00:00:00:03' }
  let dataplane: Dataplane
  const samples: Sample[] = []
  let heard = Promise.withResolvers<void>()
  let revision = 0
  /** The port of packets that are sent until one is told of. */
  const first = 9
  let policy = policyWith()

  async function apply(observe = false): Promise<void> {
    const nic = (id: string, more = {}) => ({ id, device: id, policy, ...more })
    const all = [nic('tap1', { observe }), nic('tap2'), nic('port1', { mac: macs.vm }), nic('port2')]
    const { interfaces } = await dataplane.apply(desire(all, ++revision))
    for (const { id, state, error } of interfaces)
      assert.equal(state, observe && id === 'tap1' ? 'observing' : 'applied', `${id}: ${error}`)
  }

  before(async () => {
    await mustRun('ip', ['netns', 'add', netns])
    for (const name of ['tap1', 'tap2', 'port1', 'port2'])
      await ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}-end`)
    // One that listens for groups reports to some of them by itself, at any time.
    await ip('link', 'add', 'bridge', 'type', 'bridge', 'mcast_snooping', '0')
    for (const port of ['port1', 'port2']) await ip('link', 'set', port, 'master', 'bridge')
    await ip('link', 'set', 'tap1', 'address', macs.host)
    await inside('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv4.ip_forward=1')
    for (const name of ['tap1', 'tap2', 'port1', 'port2', 'bridge']) await ip('link', 'set', name, 'up')
    for (const name of ['tap1', 'tap2', 'port1', 'port2']) await ip('link', 'set', `${name}-end`, 'up')
    await ip('addr', 'add', '192.0.2.254/24', 'dev', 'tap1')
    await ip('addr', 'add', '198.51.100.254/24', 'dev', 'tap2')
    await ip('neigh', 'add', '198.51.100.2', 'lladdr', macs.next, 'dev', 'tap2')
    dataplane = createNftables({
      ...{ kernel: kernelIn(netns, 'netlink'), netns, guard: [], decisionsPerSecond: 100, log: logIn(netns) },
    })
    const begun = Promise.withResolvers<void>()
    dataplane.onDecisions((some) => {
      for (const each of some) {
        const { protocol, destinationPort } = each.packet
        if (destinationPort === first) begun.resolve()
        // Who is told of a rejection may not be told by its own policy.
        else if (protocol !== 1) samples.push(each)
      }
      heard.resolve()
    })
    await apply()
    // Until the log is read, and what was in force before anything was is over.
    const signal = AbortSignal.timeout(20_000)
    let over = false
    begun.promise.then(() => {
      over = true
    })
    while (!over) {
      await send('tap1', first)
      await Promise.race([begun.promise, delay(200)])
      signal.throwIfAborted()
    }
  })
  after(async () => {
    await dataplane?.close()
    await mustRun('ip', ['netns', 'delete', netns])
  })

  const datagram = (destinationPort: number): Frame => ({
    ...{ family: 'ipv4', protocol: 17, id: 1, hopLimit: 64, sourcePort: 9, destinationPort },
    ...{ source: 0xc0000201n, destination: 0xc6336402n, sourceMac: macs.vm, destinationMac: macs.host },
  })
  const send = (device: string, ...ports: number[]) =>
    sendFrames(
      netns,
      `${device}-end`,
      ports.map((port) =>
        frame({ ...datagram(port), ...(device === 'port1' && { destinationMac: broadcast }) }),
      ),
    )

  /** Waits for as many as are awaited, and takes them. */
  async function told(count: number): Promise<Sample[]> {
    const signal = AbortSignal.timeout(10_000)
    while (samples.length < count) {
      assert.ok(!signal.aborted, `${samples.length} of ${count} were told`)
      await Promise.race([heard.promise, delay(10_000, undefined, { signal }).catch(() => {})])
      heard = Promise.withResolvers()
    }
    return samples.splice(0)
  }
  /** Until one to that port: none is under way any more that was sent before. */
  async function toldUntil(port: number): Promise<Sample[]> {
    const all = await told(1)
    while (!all.some(({ packet }) => packet.destinationPort === port)) all.push(...(await told(1)))
    return all
  }
  const short = ({ interface: id, direction, outcome, by, position, level, packet }: Sample) =>
    `${id} ${direction} ${outcome} ${by} ${position} ${level} ${packet.destinationPort}`

  const wanted = (from: string, to: string) =>
    [
      `${from} egress denied rule p-egress r1 1 info 1`,
      `${from} egress rejected rule p-egress r2 2 err 2`,
      `${from} egress allowed rule p-egress r3 3 debug 3`,
      `${to} ingress denied default null notice 3`,
      `${to} ingress denied default null notice 5`,
    ] as const

  for (const [from, to] of [
    ['tap1', 'tap2'],
    ['port1', 'port2'],
  ] as const) {
    test(`what becomes of packets from ${from} to ${to}`, async () => {
      const start = Date.now()
      await send(from, 1, 2, 3, 4, 5)
      const seen = await told(5)
      assert.deepEqual(seen.map(short).sort(), [...wanted(from, to)].sort())
      for (const each of seen) {
        assert.ok(each.at >= start - 100 && each.at <= Date.now() + 100)
        assert.deepEqual([each.revision, each.observed], [revision, false])
        assert.deepEqual(
          [each.packet.source, each.packet.destination, each.packet.protocol, each.packet.sourceMac],
          ['192.0.2.1', '198.51.100.2', 17, macs.vm],
        )
      }
    })
  }

  test('frames that are no IP packets', async () => {
    const link = { from: macs.vm, to: broadcast }
    await sendFrames(netns, 'port1-end', [
      ethernet(link, etherType.lldp, Buffer.alloc(60)),
      ethernet({ ...link, vlans: [7] }, etherType.ipv4, frame(datagram(1)).subarray(14)),
      arp(link, 'request', [macs.vm, '192.0.2.1'], [broadcast, '192.0.2.9']),
    ])
    const seen = await told(2)
    assert.deepEqual(
      seen.map((each) => [short(each), each.packet.etherType, each.packet.protocol]),
      [
        ['port1 egress denied frame null info undefined', etherType.lldp, undefined],
        ['port1 egress denied frame null info undefined', etherType.vlan, undefined],
      ],
    )
  })

  test('a rule that comes before others, and one that goes', async () => {
    policy = policyWith([rule('egress', 6, { position: 4 })])
    await apply()
    await send('tap1', 6, 1)
    assert.deepEqual(
      (await told(2)).map((each) => `${short(each)} ${each.revision}`),
      [
        `tap1 egress denied rule p-egress r6 4 info 6 ${revision}`,
        `tap1 egress denied rule p-egress r1 1 info 1 ${revision}`,
      ],
    )
    policy = policyWith()
    await apply()
    await send('tap1', 6)
    assert.deepEqual((await told(1)).map(short), ['tap2 ingress denied default null notice 6'])
  })

  test('while rules change, by the revision that was in force, with the place that the rule had there', async () => {
    /** By revision: the place of the rule, and when it came into force. */
    const known = new Map<number, { position: number; begun: number; ended: number }>()
    known.set(revision, { position: 1, begun: 0, ended: 0 })
    let done = false
    async function change(): Promise<void> {
      for (let n = 0; !done; n++) {
        const position = 1 + (n % 3)
        const before = Array.from({ length: position - 1 }, (_, i) =>
          rule('egress', 100 + i, { position: i + 1 }),
        )
        const rules = [...before, rule('egress', 1, { position })]
        policy = { ...policy, egress: filtered('egress', 'allow', rules) }
        const begun = Date.now()
        await apply()
        known.set(revision, { position, begun, ended: Date.now() })
      }
    }
    const seen: Sample[] = []
    const signal = AbortSignal.timeout(20_000)
    const changes = change()
    try {
      while (new Set(seen.map((each) => each.revision)).size < 8) {
        signal.throwIfAborted()
        await send('tap1', 1)
        seen.push(...(await told(1)))
      }
    } finally {
      done = true
      await changes
      policy = policyWith()
      await apply()
    }
    for (const each of seen) {
      const [is, next] = [known.get(each.revision), known.get(each.revision + 1)]
      assert.deepEqual([each.by, each.position], ['rule p-egress r1', is?.position])
      // Clocks are read in milliseconds.
      assert.ok((is?.begun ?? 0) <= each.at + 1 && (next?.ended ?? each.at) >= each.at - 1)
    }
    await send('tap1', 5)
    await toldUntil(5)
  })

  test('on an observed interface, what would have been', async () => {
    await apply(true)
    await send('tap1', 1, 2, 3)
    const seen = await told(6)
    assert.deepEqual(
      seen
        .filter(({ interface: id }) => id === 'tap1')
        .map((each) => [short(each), each.observed])
        .sort(),
      wanted('tap1', 'tap2')
        .slice(0, 3)
        .map((each) => [each, true])
        .sort(),
    )
    await apply()
  })

  test('of a flood there are samples, and the others are counted as suppressed', async () => {
    await send('tap1', ...Array.from({ length: 1000 }, () => 1), 5)
    // Behind the flood, and on another device, where there was none.
    const seen = await toldUntil(5)
    assert.ok(seen.length < 500, `${seen.length} were told`)
    const hits = (await dataplane.hits()).filter(({ id }) => id === 'tap1')
    const suppressed = hits.reduce((sum, each) => sum + each.suppressed.egress, 0)
    assert.equal(suppressed + seen.length - 1, 1000, `${suppressed} were suppressed`)
  })
})
