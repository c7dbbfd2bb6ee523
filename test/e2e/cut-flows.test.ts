/** Connections that a change would not let begin any more are ended, and no others: real entries, and real packets. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { hitsOf, numberName } from '../../src/compile/nftables/names.ts'
import { numberOf } from '../../src/core/model/decider-number.ts'
import type { CommonPolicy, EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import type { Action, Direction, Match } from '../../src/core/model/rule.ts'
import { parseAddress } from '../../src/core/net/address.ts'
import { ICMP, ICMPV6, TCP, UDP } from '../../src/core/net/protocol.ts'
import { evaluate } from '../../src/core/semantics/evaluate.ts'
import { obstacle } from '../../src/lab/lab.ts'
import { mustRun, run } from '../../src/lab/run.ts'
import type { Served, Tracked } from '../support/cutting-child.ts'
import { desire } from '../support/desired.ts'
import { type Remote, remote } from '../support/remote.ts'
import type { Talks } from '../support/talker-child.ts'

const skip = (await obstacle()) ?? false
const prefix = `pcl-cut-${process.pid}`

const number = (text: string): bigint => {
  const parsed = parseAddress(text)
  assert.ok(parsed.ok)
  return parsed.value.value
}

const list = (policy: string, direction: Direction, rules: readonly (readonly [Action, Match])[]) => ({
  ...{ policy, part: 0, direction },
  rules: rules.map(([action, match], at) => ({
    ...{ id: `${policy}-${direction}-${at}`, position: at + 1, direction, action, enabled: true },
    matches: [match],
  })),
})
const policyOf = (
  policy: string,
  rules: Readonly<Record<Direction, readonly (readonly [Action, Match])[]>>,
  defaults: Readonly<Record<Direction, Action>>,
  more: Partial<CommonPolicy> = {},
): EffectivePolicy => ({
  ...{ stateful: true, cutsFlows: true, essentials: [] },
  ingress: { filtered: true, lists: [list(policy, 'ingress', rules.ingress)], default: defaults.ingress },
  egress: { filtered: true, lists: [list(policy, 'egress', rules.egress)], default: defaults.egress },
  ...more,
})

/** The same numbers each time. */
function random(seed: number) {
  let state = seed
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return (state >>> 8) % below
  }
  return { next, one: <T>(of: readonly T[]): T => of[next(of.length)] as T }
}

describe('flows are cut', { skip }, () => {
  const router = `${prefix}-entries`
  before(async () => {
    await mustRun('ip', ['netns', 'add', router])
    for (const device of ['tap0', 'tap1']) {
      await mustRun('ip', ['-n', router, 'link', 'add', device, 'type', 'veth'])
      await mustRun('ip', ['-n', router, 'link', 'set', device, 'up'])
    }
  })
  after(async () => {
    await run('ip', ['netns', 'del', router])
  })

  test('random policies over thousands of flows: those that the evaluator denies disappear, others keep their id', async () => {
    const { next, one } = random(7)
    const vms = { a: ['10.0.0.5', '2001:db8::5'], b: ['10.0.0.6', '2001:db8::6'] } as const
    const peers = {
      ipv4: ['192.0.2.1', '192.0.2.130', '198.51.100.7'],
      ipv6: ['2001:db8:1::1', '2001:db8:2::9'],
    }
    const ports = [22, 53, 80, 443, 8080]
    const range = (text: string, host: bigint) => {
      const value = number(text)
      const family = text.includes(':') ? ('ipv6' as const) : ('ipv4' as const)
      const set = { ipv4: [], ipv6: [], [family]: [{ first: value & ~host, last: value | host }] }
      return set
    }
    const match = (direction: Direction): Match => {
      const family = one(['ipv4', 'ipv6'] as const)
      const protocol = one([TCP, UDP, undefined])
      const port = one(ports)
      const peer = range(one(peers[family]), one([0n, 127n, 0xffn]))
      return {
        family,
        ...(protocol !== undefined && { protocol }),
        ...(protocol !== undefined &&
          next(2) === 0 && { destinationPorts: [{ first: port, last: port + next(2) * 400 }] }),
        ...(next(2) === 0 && { [direction === 'ingress' ? 'source' : 'destination']: peer }),
      }
    }
    const policy = (name: string) => {
      const rules = (direction: Direction) =>
        Array.from(
          { length: 1 + next(8) },
          () => [one(['allow', 'deny', 'reject'] as const), match(direction)] as const,
        )
      return policyOf(
        name,
        { ingress: rules('ingress'), egress: rules('egress') },
        { ingress: one(['allow', 'deny'] as const), egress: one(['allow', 'deny'] as const) },
      )
    }
    const flow = (n: number): Tracked => {
      const family = one(['ipv4', 'ipv6'] as const)
      const vm = one([vms.a, vms.b])[family === 'ipv4' ? 0 : 1]
      const other = next(8) === 0 ? one([vms.a, vms.b])[family === 'ipv4' ? 0 : 1] : one(peers[family])
      const protocol = one([TCP, UDP, UDP, family === 'ipv4' ? ICMP : UDP])
      const outgoing = next(2) === 0
      const [source, destination] = (outgoing ? [vm, other] : [other, vm]).map(number) as [bigint, bigint]
      // Translated: what was sent to an address of the host reaches the VM at another port.
      const translated = !outgoing && next(6) === 0
      const [from, to] = [10_000 + n, one(ports)]
      const icmp = protocol === ICMP
      const shown = translated && family === 'ipv4' ? number('203.0.113.9') : destination
      return {
        family,
        original: {
          ...{ protocol, source, destination: shown, sourcePort: from },
          ...(icmp ? { icmpType: 8, icmpCode: 0 } : { destinationPort: shown === destination ? to : 9999 }),
        },
        reply: {
          ...{ protocol, source: destination, destination: source },
          ...(icmp
            ? { sourcePort: from, icmpType: 0, icmpCode: 0 }
            : { sourcePort: to, destinationPort: from }),
        },
      }
    }
    const cutting = remote<Served>(router, 'cutting-child.ts')
    try {
      let kept = 0
      let cut = 0
      for (let round = 0; round < 12; round++) {
        const [a, b] = [policy(`a${round}`), policy(`b${round}`)]
        await cutting.track(Array.from({ length: 800 }, (_, n) => flow(1000 * round + n)))
        const before = await cutting.flows()
        const applied = await cutting.apply(
          desire(
            [
              { id: 'a', device: 'tap0', policy: a, addresses: vms.a },
              { id: 'b', device: 'tap1', policy: b, addresses: vms.b },
            ],
            round + 1,
          ),
          true,
        )
        assert.deepEqual(
          applied.interfaces.map(({ state, notes = [] }) => [state, notes]),
          [
            ['applied', []],
            ['applied', []],
          ],
        )
        const owned = { a: vms.a.map(number), b: vms.b.map(number) }
        const denied = ({ family, original, reply }: Tracked) =>
          (
            [
              ['a', a],
              ['b', b],
            ] as const
          ).some(([id, policy]) => {
            const common = {
              ...{ family, protocol: original.protocol, source: original.source, state: 'new' as const },
              ...(original.protocol === ICMP
                ? { icmpType: 8, icmpCode: 0 }
                : { sourcePort: original.sourcePort as number }),
            }
            const portOf = (port: number | undefined) =>
              original.protocol === ICMP ? {} : { destinationPort: port as number }
            const out = { ...common, destination: original.destination, ...portOf(original.destinationPort) }
            const towards = { ...common, destination: reply.source, ...portOf(reply.sourcePort) }
            return (
              (owned[id].includes(original.source) && evaluate(policy, 'egress', out).action !== 'allow') ||
              (owned[id].includes(reply.source) && evaluate(policy, 'ingress', towards).action !== 'allow')
            )
          })
        const after = await cutting.flows()
        const ids = (flows: typeof before) => flows.map(({ handle }) => handle.id).sort((x, y) => x - y)
        const expected = before.filter((each) => !denied(each))
        assert.deepEqual(ids(after), ids(expected))
        assert.equal(applied.cut?.flows, before.length - expected.length)
        assert.equal(applied.cut?.problem, null)
        kept += expected.length
        cut += before.length - expected.length
      }
      assert.ok(kept > 1000 && cut > 1000, `${kept} kept, ${cut} cut`)
    } finally {
      await cutting.end()
    }
  })

  test('one that has taken the place of what is to be deleted stays; what has ended is passed over', async () => {
    const cutting = remote<Served>(router, 'cutting-child.ts')
    try {
      const original = {
        ...{ protocol: UDP, source: number('192.0.2.77'), destination: number('10.0.0.5') },
        ...{ sourcePort: 7, destinationPort: 8 },
      }
      const reply = { ...original, source: original.destination, destination: original.source }
      const one: Tracked = {
        ...{ family: 'ipv4', original },
        reply: { ...reply, sourcePort: 8, destinationPort: 7 },
      }
      const found = async () =>
        (await cutting.flows()).filter(({ original: { source } }) => source === original.source)
      await cutting.track([one])
      const [old] = await found()
      assert.ok(old)
      // The kernel gives the same number where the same memory is used again, which for a test is often.
      const another = { ...old, handle: { ...old.handle, id: (old.handle.id ^ 1) >>> 0 } }
      assert.equal(await cutting.remove([another]), 0)
      assert.deepEqual(await found(), [old])
      assert.equal(await cutting.remove([another, old, old]), 1)
      assert.deepEqual(await found(), [])
    } finally {
      await cutting.end()
    }
  })
})

/** Where a VM and the outside talk: through a router, or over a bridge. */
for (const mode of ['routed', 'bridged'] as const) {
  describe(`packets of flows that are cut, ${mode}`, { skip }, () => {
    const name = (of: string) => `${prefix}-${mode}-${of}`
    const ends = { vm: 'tap0', outside: 'up0' } as const
    type End = keyof typeof ends
    const net = { vm: mode === 'bridged' ? 9 : 1, outside: 9 } as const
    const host = { vm: 5, outside: 2 } as const
    const address = (end: End, family: 4 | 6, last: number = host[end]) =>
      family === 4 ? `10.78.${net[end]}.${last}` : `fd78:${net[end]}::${last}`
    const ip = (of: string, ...args: string[]) => mustRun('ip', ['-n', name(of), ...args])
    let cutting: Remote<Served> | undefined
    let talkers: Record<End, Remote<Talks>>
    const all = ['router', 'vm', 'outside']

    before(async () => {
      for (const each of all) await mustRun('ip', ['netns', 'add', name(each)])
      await mustRun('ip', [
        ...['netns', 'exec', name('router'), 'sysctl', '-qw', 'net.ipv4.ip_forward=1'],
        'net.ipv6.conf.all.forwarding=1',
      ])
      if (mode === 'bridged') {
        await ip('router', 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0')
        await ip('router', 'link', 'set', 'br0', 'up')
      }
      for (const end of ['vm', 'outside'] as const) {
        await ip(
          'router',
          'link',
          'add',
          ends[end],
          'type',
          'veth',
          'peer',
          'name',
          'eth0',
          'netns',
          name(end),
        )
        if (mode === 'bridged') await ip('router', 'link', 'set', ends[end], 'master', 'br0')
        for (const [on, device, last] of [
          ['router', ends[end], 1],
          [end, 'eth0', host[end]],
        ] as const) {
          if (mode === 'routed' || on !== 'router') {
            await ip(on, 'address', 'add', `${address(end, 4, last)}/24`, 'dev', device)
            await ip(on, 'address', 'add', `${address(end, 6, last)}/64`, 'dev', device, 'nodad')
          }
          await ip(on, 'link', 'set', device, 'up')
        }
        if (mode === 'routed') {
          await ip(end, 'route', 'add', 'default', 'via', address(end, 4, 1))
          await ip(end, '-6', 'route', 'add', 'default', 'via', address(end, 6, 1))
        }
      }
    })
    after(async () => {
      for (const each of [cutting, talkers?.vm, talkers?.outside]) await each?.end()
      for (const each of all) await run('ip', ['netns', 'del', name(each)])
    })

    test('those end at both ends, whoever sends next; others go on with the same entry; what is let begin again begins', async (context) => {
      cutting = remote<Served>(name('router'), 'cutting-child.ts')
      talkers = {
        vm: remote<Talks>(name('vm'), 'talker-child.ts'),
        outside: remote<Talks>(name('outside'), 'talker-child.ts'),
      }
      const to = (protocol: number, ...ports: number[]) =>
        ports.map((port) => ['allow', { protocol, destinationPorts: [{ first: port, last: port }] }] as const)
      const discovery = ['allow', { protocol: ICMPV6 }] as const
      let revision = 0
      const apply = (policy: EffectivePolicy, awaits: boolean) =>
        (cutting as Remote<Served>).apply(
          desire(
            [{ id: 'vm', device: 'tap0', policy, addresses: [address('vm', 4), address('vm', 6)] }],
            ++revision,
          ),
          awaits,
        )
      const closedInside = (ports: { tcp: number[]; udp: number[] }) =>
        policyOf(
          'in',
          { ingress: [discovery, ...to(TCP, ...ports.tcp), ...to(UDP, ...ports.udp)], egress: [] },
          { ingress: 'deny', egress: 'allow' },
        )
      const closedOutside = (ports: { tcp: number[]; udp: number[] }) =>
        policyOf(
          'out',
          { ingress: [], egress: [discovery, ...to(TCP, ...ports.tcp), ...to(UDP, ...ports.udp)] },
          { ingress: 'allow', egress: 'deny' },
        )
      const applied = await apply(closedInside({ tcp: [], udp: [] }), true)
      const cases = [
        // Begun towards the VM, which may itself begin anything.
        {
          server: 'vm',
          client: 'outside',
          tcp: [22, 226],
          udp: [53],
          policy: closedInside,
          keep: { tcp: [80, 806], udp: [54] },
        },
        // Begun by the VM, towards which anything may be begun.
        {
          server: 'outside',
          client: 'vm',
          tcp: [443, 4436],
          udp: [153],
          policy: closedOutside,
          keep: { tcp: [844, 8446], udp: [154] },
        },
      ] as const
      if (mode === 'bridged' && applied.interfaces[0]?.error?.includes('tracks no connections')) {
        // What was there may not go on, and nothing of it is tracked: the interface is closed.
        assert.equal(applied.interfaces[0].state, 'failing')
        assert.deepEqual([applied.cut?.flows, applied.cut?.problem], [0, null])
        return context.diagnostic(
          'this kernel tracks nothing on bridges: the interface is closed, and the status says so',
        )
      }
      assert.deepEqual(
        applied.interfaces.map(({ state, mode: seen }) => [state, seen]),
        [['applied', mode]],
      )

      for (const { server, client, tcp, udp, policy, keep } of cases) {
        const openPolicy = policy({ tcp: [...tcp, ...keep.tcp], udp: [...udp, ...keep.udp] })
        await apply(openPolicy, true)
        const familyOf = (port: number) => (String(port).endsWith('6') ? 6 : 4)
        for (const port of [...tcp, ...keep.tcp]) {
          await talkers[server].listen(address(server, familyOf(port)), port)
          await talkers[client].connect(address(server, familyOf(port)), port)
        }
        for (const port of [...udp, ...keep.udp]) {
          // The client first: who is first has begun it.
          await talkers[client].datagrams(address(client, 4), 5000 + port, address(server, 4), port, port)
          await until(async () =>
            (await (cutting as Remote<Served>).flows()).some(
              ({ original }) => original.destinationPort === port,
            ),
          )
          await talkers[server].datagrams(address(server, 4), port, address(client, 4), 5000 + port, port)
        }
        const names = (of: { tcp: readonly number[]; udp: readonly number[] }) => [
          ...of.tcp.map((port) => `tcp ${port}`),
          ...of.udp.map((port) => `udp ${port}`),
        ]
        const [revoked, kept] = [names({ tcp, udp }), names(keep)]
        const heard = async (some: readonly string[]) => {
          const both = await Promise.all([talkers.vm.received(), talkers.outside.received()])
          return both.flatMap((each) => some.map((one) => each[one] ?? 0))
        }
        const hearMore = async (some: readonly string[], more: number) => {
          const before = await heard(some)
          await until(async () =>
            (await heard(some)).every((now, at) => now >= (before[at] as number) + more),
          )
        }
        await hearMore([...revoked, ...kept], 5)
        const idsOf = async (ports: readonly number[]) =>
          (await (cutting as Remote<Served>).flows())
            .filter(({ original }) => ports.includes(original.destinationPort ?? 0))
            .map(({ handle }) => handle.id)
            .sort((a, b) => a - b)
        const keptPorts = [...keep.tcp, ...keep.udp]
        const before = await idsOf(keptPorts)
        assert.equal(before.length, keptPorts.length)

        const { cut } = await apply(policy({ tcp: [...keep.tcp], udp: [...keep.udp] }), true)
        assert.deepEqual([cut?.flows, cut?.problem], [revoked.length, null])
        // What was under way has arrived.
        await hearMore(kept, 3)
        const silent = await heard(revoked)
        await hearMore(kept, 60)
        assert.deepEqual(await heard(revoked), silent)
        assert.deepEqual(await idsOf(keptPorts), before)
        const again: readonly number[] = [...tcp, ...udp]
        const standing = await (cutting as Remote<Served>).flows()
        assert.deepEqual(
          standing.filter(({ original }) => again.includes(original.sourcePort ?? 0)),
          [],
        )

        // What the VM still sends is seen, as of a connection that nobody knows.
        if (server === 'vm') {
          const counted = await mustRun('ip', [
            ...['netns', 'exec', name('router'), 'nft', 'list', 'set'],
            ...[mode === 'routed' ? 'inet' : 'bridge', 'portcullis', hitsOf('from-vm')],
          ])
          const invalid = numberName(numberOf({ kind: 'state', state: 'invalid' }))
          assert.match(counted, new RegExp(`"tap0" \\. 0x${invalid} counter packets [1-9]`))
        }

        await apply(openPolicy, true)
        const [port] = tcp
        await talkers[client].connect(address(server, 4), port)
        await hearMore([`tcp ${port}`], 5)
      }
    })
  })
}

async function until(done: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error('it did not come about in 30 s')
    await delay(5)
  }
}
