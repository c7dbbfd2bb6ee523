/** Two witnesses: what the lowered ruleset does to a packet is what the evaluator says; and one ruleset to read whole. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  arbitraryFrame,
  arbitraryFrameTypes,
  arbitraryMatch,
  arbitraryPacket,
  arbitraryPolicy,
  inBridge,
} from '../../../test/support/arbitraries.ts'
import { countings, isCountedFor, surroundedBy, tellingOf } from '../../../test/support/counted.ts'
import { desire } from '../../../test/support/desired.ts'
import { fate } from '../../../test/support/fate.ts'
import { type Around, lowered } from '../../../test/support/lowered.ts'
import { arbitraryProfilePolicy } from '../../../test/support/profile-policies.ts'
import type { Desired } from '../../core/model/desired.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import { isDeviceName } from '../../core/model/link.ts'
import type { Direction } from '../../core/model/rule.ts'
import type { Packet } from '../../core/net/packet.ts'
import { essentials } from '../../core/semantics/essentials.ts'
import { evaluate } from '../../core/semantics/evaluate.ts'
import { evaluateFrame } from '../../core/semantics/evaluate-frame.ts'
import { mismatch } from '../../core/semantics/match.ts'
import { rejectionOf } from '../../core/semantics/rejection.ts'
import { addressSet } from '../../core/sets/address-set.ts'
import { type Guard, guardFile, guardOf, renderGuard } from './guard.ts'
import { interpret, interpretFrame, judge, judgeFrame } from './interpret.ts'
import { bridgeTable, table } from './names.ts'
import { isBase } from './places.ts'
import { stages } from './stages.ts'
import {
  deltaScript,
  parseListing,
  type RenderedTable,
  type RenderedTables,
  replaceScript,
  sameTable,
} from './table.ts'

const nics = (policies: readonly (EffectivePolicy | null)[]) =>
  policies.map((policy, i) => ({ id: `nic${i}`, device: `tap${i}`, policy }))
const desired = (...policies: (EffectivePolicy | null)[]): Desired => desire(nics(policies))

/** A host on which tap0 has index 10, tap1 11, and so on. */
const host: Around = {
  links: Array.from({ length: 10 }, (_, n) => ({
    index: 10 + n,
    name: `tap${n}`,
    kind: 'tun',
    master: null,
  })),
  observe: false,
  refused: new Map(),
  kernel: { tracks: true, rejects: true },
}
const lower = (wanted: Desired, around: Partial<Around> = {}) => lowered(wanted, { ...host, ...around })
const master = (device: string, name: string, kind: string): Around['links'] =>
  host.links.map((link) => (link.name === device ? { ...link, master: { name, kind } } : link))

const direction = fc.constantFrom<Direction>('ingress', 'egress')

describe('two witnesses', () => {
  test('a lowered policy does to a packet what the evaluator says', () => {
    let [allowed, denied] = [0, 0]
    fc.assert(
      fc.property(
        arbitraryPolicy,
        direction,
        fc.array(arbitraryPacket, { minLength: 5 }),
        fc.constantFrom(...countings),
        fc.boolean(),
        (made, way, packets, counting, observe) => {
          const policy = tellingOf(made)
          const { ruleset } = lower(desired(policy), { observe, ...surroundedBy(counting) })
          for (const packet of packets) {
            const verdict = evaluate(policy, way, packet)
            const want = fate(verdict.action, packet)
            want === 'accept' ? allowed++ : denied++
            const judged = judge(ruleset, 10, way, packet)
            assert.equal(judged?.fate, observe ? 'accept' : want)
            assert.equal(judged?.observed, observe && verdict.action !== 'allow')
            assert.ok(isCountedFor(judged?.counted ?? null, verdict, counting), `${judged?.counted}`)
          }
        },
      ),
      { numRuns: 1000 },
    )
    // Generators that never meet would prove nothing.
    assert.ok(allowed > 500 && denied > 500, `${allowed} allowed, ${denied} denied`)
  })

  test('in a bridge too, with what it has heard, and with frames that are no IP packets', () => {
    const count = { allow: 0, deny: 0, reject: 0, frames: 0 }
    fc.assert(
      fc.property(
        arbitraryPolicy,
        direction,
        fc.array(fc.tuple(arbitraryPacket, fc.boolean()), { minLength: 5 }),
        fc.array(arbitraryFrame, { minLength: 5 }),
        arbitraryFrameTypes,
        fc.boolean(),
        fc.constantFrom(...countings),
        (made, way, packets, frames, types, tracks, counting) => {
          const policy = tellingOf(made)
          const stateful = policy.stateful && tracks
          const wanted = desire([
            { id: 'nic', device: 'tap0', policy: { ...policy, stateful }, frames: types },
          ])
          const { bridged, ruleset } = lower(wanted, {
            links: master('tap0', 'br0', 'bridge'),
            kernel: { tracks, rejects: true },
            ...surroundedBy(counting),
          })
          assert.ok(bridged)
          for (const [packet, heard] of packets) {
            const here = inBridge(packet, way, heard)
            const verdict = evaluate({ ...policy, stateful }, way, here)
            const { action } = verdict
            count[action]++
            // Who is rejected at the receiver's port is told at the sender's.
            const want = way === 'ingress' && action === 'reject' ? 'drop' : fate(action, here)
            const judged = judge(bridged, 10, way, here)
            assert.equal(judged?.fate, want)
            assert.ok(isCountedFor(judged?.counted ?? null, verdict, counting), `${judged?.counted}`)
            assert.equal(interpret(ruleset, 10, way, here), 'drop')
          }
          for (const frame of frames) {
            const verdict = evaluateFrame(policy, way, frame, types)
            if (verdict.action === 'allow') count.frames++
            const judged = judgeFrame(bridged, 10, way, frame)
            assert.equal(judged?.fate, verdict.action === 'allow' ? 'accept' : 'drop')
            assert.ok(isCountedFor(judged?.counted ?? null, verdict, counting), `${judged?.counted}`)
          }
        },
      ),
      { numRuns: 1000 },
    )
    assert.ok(
      Object.values(count).every((each) => each > 300),
      JSON.stringify(count),
    )
  })

  test('a packet is answered at its sender’s port exactly where its receiver rejects it', () => {
    const mac = '52:54:00:00:00:01'
    let answered = 0
    fc.assert(
      fc.property(
        arbitraryPolicy,
        fc.array(arbitraryPacket, { minLength: 5 }),
        fc.constantFrom(...countings),
        (made, packets, counting) => {
          const policy = tellingOf(made)
          const wanted = desire([{ id: 'nic', device: 'tap0', policy, mac }])
          const links = master('tap0', 'br0', 'bridge')
          const { bridged } = lower(wanted, { links, ...surroundedBy(counting) })
          const entry = bridged?.bridge?.answers.get(mac)
          for (const packet of packets) {
            // What may be essential is left to where it is judged.
            const verdict = evaluate(policy, 'ingress', { ...packet, link: true })
            const { action } = verdict
            const told = rejectionOf(packet)
            const want = action === 'reject' ? (told === 'silence' ? 'drop' : told) : 'accept'
            if (want !== 'accept') answered++
            // No answer chain: nothing is rejected.
            const to = new Map(entry ? [[10, entry]] : [])
            const came =
              bridged &&
              judge({ ...bridged, devices: { ...bridged.devices, 'to-vm': to } }, 10, 'ingress', packet)
            assert.equal(came?.fate ?? 'accept', want)
            // What is not answered is counted where it is judged.
            const counted = came?.counted ?? null
            assert.ok(action === 'reject' ? isCountedFor(counted, verdict, counting) : counted === null)
          }
        },
      ),
      { numRuns: 1000 },
    )
    assert.ok(answered > 300, `${answered} were answered`)
  })

  test('one match, either way', () => {
    let hits = 0
    fc.assert(
      fc.property(
        arbitraryMatch,
        fc.array(arbitraryPacket, { minLength: 20, maxLength: 20 }),
        (match, packets) => {
          const rules = [
            {
              id: 'r',
              position: 1,
              direction: 'ingress' as const,
              action: 'allow' as const,
              enabled: true,
              matches: [match],
            },
          ]
          const lists = [{ policy: 'p', part: 0, direction: 'ingress' as const, rules }]
          const policy: EffectivePolicy = {
            stateful: false,
            essentials: [],
            ingress: { filtered: true, lists, default: 'deny' },
            egress: { filtered: false },
          }
          const { ruleset } = lower(desired(policy))
          for (const packet of packets) {
            const holds = mismatch(match, packet) === null
            if (holds) hits++
            assert.equal(interpret(ruleset, 10, 'ingress', packet), holds ? 'accept' : 'drop')
          }
        },
      ),
      { numRuns: 1000 },
    )
    assert.ok(hits > 500, `${hits} hits`)
  })
})

test('an interface without a known policy is closed; of a device that nobody has described nothing is said', () => {
  const { ruleset } = lower(desired(null))
  fc.assert(
    fc.property(direction, arbitraryPacket, (way, packet) => {
      assert.equal(interpret(ruleset, 10, way, packet), 'drop')
      assert.equal(interpret(ruleset, 11, way, packet), undefined)
    }),
  )
})

describe('what cannot be enforced closes its interface, and no other', () => {
  const named = (policy: string): EffectivePolicy => ({
    ...filtered,
    ingress: {
      filtered: true,
      lists: [{ policy, part: 0, direction: 'ingress', rules: [] }],
      default: 'allow',
    },
  })
  const states = (...policies: (EffectivePolicy | null)[]) => {
    const { ruleset, interfaces, tables } = lower(desired(...policies))
    const leadsTo = [...(tables.get(table)?.chains.values() ?? [])].flatMap((text) => [
      ...text.matchAll(/(?:goto|jump) ([^\s,]+)/g),
    ])
    for (const [, chain = ''] of leadsTo) assert.ok(ruleset.chains.has(chain), `there is no ${chain}`)
    return interfaces.map(({ state }, n) => [state, ruleset.devices['to-vm'].get(10 + n)?.kind])
  }

  test('a policy whose id cannot be a name', () => {
    for (const id of ['nic/1', 'nic of b', '', 'x'.repeat(101), 'a"b', 'a;b', 'é', '__proto__/']) {
      assert.deepEqual(states(named('good'), named(id), named('other')), [
        ['applied', 'goto'],
        ['failing', 'drop'],
        ['applied', 'goto'],
      ])
    }
  })

  test('a policy whose chains would be called as those of another', () => {
    const part = (policy: string, number: number, action: 'allow' | 'deny'): EffectivePolicy => {
      const source = addressSet([{ family: 'ipv4', first: 1n, last: 9n }])
      const rule = {
        id: 'r',
        position: 1,
        direction: 'egress',
        enabled: true,
        action,
        matches: [{ source }],
      } as const
      const list = { policy, part: number, direction: 'egress', rules: [rule] } as const
      const origin = { mac: '52:54:00:00:00:01' }
      // What is the interface's own leads on to what it shares.
      return {
        ...{ ...filtered, origin },
        egress: { filtered: true, lists: [list], default: action },
      }
    }
    const other = part('a.1', 0, 'allow')
    // Twice the same: what failed for one interface is not taken for added by the next.
    assert.deepEqual(states(part('a', 1, 'deny'), other, other, named('good')), [
      ['applied', 'goto'],
      ['failing', 'drop'],
      ['failing', 'drop'],
      ['applied', 'goto'],
    ])
    assert.deepEqual(states(part('a', 1, 'deny'), part('a', 1, 'deny')), [
      ['applied', 'goto'],
      ['applied', 'goto'],
    ])
  })

  test('a policy that nobody could read, and one that was refused', () => {
    assert.deepEqual(states(null, named('good')), [
      ['failing', 'drop'],
      ['applied', 'goto'],
    ])
    const { ruleset, interfaces } = lower(desired(named('a'), named('b')), {
      refused: new Map([['nic0', 'why']]),
    })
    assert.deepEqual(interfaces[0], {
      ...{ id: 'nic0', state: 'failing', mode: 'routed', error: 'why', index: 10 },
    })
    assert.equal(ruleset.devices['from-vm'].get(10)?.kind, 'drop')
    assert.equal(interfaces[1]?.state, 'applied')
  })

  test('a device that does not exist, or whose index is the name of another', () => {
    const links = [...host.links.filter(({ name }) => name !== 'tap0'), { ...tap(40), name: '11' }]
    const { ruleset, interfaces } = lower(desired(named('a'), named('b'), named('c')), { links })
    assert.deepEqual(
      interfaces.map(({ state, error }) => [state, error]),
      [
        ['closed', 'there is no device tap0 on its host'],
        ['failing', 'another device of its host is called 11'],
        ['applied', null],
      ],
    )
    assert.deepEqual([...ruleset.devices['to-vm'].keys()], [12])
  })

  test('a device whose packets do not come past us', () => {
    for (const kind of ['bond', 'openvswitch']) {
      const { ruleset, interfaces, bridged } = lower(desired(named('a')), {
        links: master('tap0', 'up7', kind),
      })
      assert.equal(interfaces[0]?.state, 'failing')
      assert.match(interfaces[0]?.error ?? '', /tap0 is part of up7/)
      assert.deepEqual([ruleset.devices['to-vm'].size, bridged], [0, null])
    }
    const macvtap = host.links.map((link) => ({ ...link, kind: 'macvtap' }))
    assert.match(lower(desired(named('a')), { links: macvtap }).interfaces[0]?.error ?? '', /macvtap/)
    const routed = lower(desired(named('a')), { links: master('tap0', 'red', 'vrf') })
    assert.equal(routed.interfaces[0]?.state, 'applied')
  })

  test('a stateful policy in a bridge where the kernel tracks nothing', () => {
    const links = master('tap0', 'br0', 'bridge')
    const kernel = { tracks: false, rejects: false }
    const stateful = { ...named('a'), stateful: true }
    const closed = lower(desired(stateful, stateful), { links, kernel })
    assert.deepEqual(
      closed.interfaces.map(({ state, mode }) => [state, mode]),
      [
        ['failing', 'bridged'],
        ['applied', 'routed'],
      ],
    )
    assert.match(closed.interfaces[0]?.error ?? '', /tap0 is a port of the bridge br0.*tracks no connections/)
    assert.deepEqual([...(closed.bridged?.devices['to-vm'] ?? [])], [[10, { kind: 'drop' }]])
    const open = lower(desired(stateful), { links, kernel, observe: true })
    assert.deepEqual([...(open.bridged?.devices['to-vm'] ?? [])], [[10, { kind: 'goto', chain: 'pass.in' }]])
    assert.match(open.interfaces[0]?.error ?? '', /it is open/)
    const stateless = lower(desired({ ...stateful, stateful: false }), { links, kernel })
    assert.equal(stateless.interfaces[0]?.state, 'applied')
  })
})

test('an observed interface lets everything pass, and counts what would not have passed', () => {
  let [passed, counted] = [0, 0]
  fc.assert(
    fc.property(
      fc.option(arbitraryPolicy),
      fc.boolean(),
      direction,
      arbitraryPacket,
      (policy, all, way, packet) => {
        const wanted = nics([policy, filtered])
        const { ruleset } = lower(
          desire(all ? wanted : wanted.map((each, n) => ({ ...each, observe: n === 0 }))),
          { observe: all },
        )
        const judged = judge(ruleset, 10, way, packet)
        assert.equal(judged?.fate, 'accept')
        assert.equal(interpret(ruleset, 11, way, packet), all ? 'accept' : 'drop')
        if (!policy) return
        const denied = judged?.observed ?? false
        denied ? counted++ : passed++
        assert.equal(denied, evaluate(policy, way, packet).action !== 'allow')
      },
    ),
    { numRuns: 1000 },
  )
  assert.ok(passed > 100 && counted > 100, `${passed} passed, ${counted} counted`)
})

test('an interface with many addresses is checked by named sets, one with few by rules', () => {
  const ranges = (base: bigint, count: number) =>
    Array.from({ length: count }, (_, n) => {
      const first = base + BigInt(n) * 4n
      return { first, last: first + BigInt(n % 2) }
    })
  const mac = '52:54:00:00:00:01'
  const near = fc.integer({ min: -2, max: 90 }).map(BigInt)
  const addressesNear = near.chain((n) => fc.constantFrom(0x0a000000n + n, (0x20010db8n << 96n) + n))
  for (const count of [8, 9, 20]) {
    const addresses = { ipv4: ranges(0x0a000000n, count), ipv6: ranges(0x20010db8n << 96n, count) }
    const policy: EffectivePolicy = {
      ...{ stateful: false, essentials: [], origin: { mac, addresses } },
      ...{ ingress: { filtered: false }, egress: { filtered: false } },
    }
    const { tables, bridged } = lower(desired(policy), { links: master('tap0', 'br0', 'bridge') })
    const { ruleset } = lower(desired(policy))
    assert.ok(bridged)
    const sets = [...(tables.get(bridgeTable)?.sets.keys() ?? [])].filter((name) => name.startsWith('own-'))
    assert.deepEqual(sets.sort(), count > 8 ? ['own-ipv4.tap0', 'own-ipv6.tap0', 'own-targets.tap0'] : [])
    const verdicts = { allow: 0, deny: 0 }
    fc.assert(
      fc.property(arbitraryPacket, addressesNear, near, (packet, source, n) => {
        const family = source > 0xffffffffn ? 'ipv6' : 'ipv4'
        const sent: Packet = {
          ...packet,
          ...(packet.family === family && { source }),
          ...(packet.target !== undefined && { target: (0x20010db8n << 96n) + n }),
          sourceMac: mac,
        }
        const { action } = evaluate(policy, 'egress', sent)
        assert.ok(action !== 'reject')
        verdicts[action]++
        assert.equal(interpret(ruleset, 10, 'egress', sent), action === 'allow' ? 'accept' : 'drop')
      }),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(arbitraryFrame, near, (frame, n) => {
        const arp = frame.arp && { ...frame.arp, senderMac: mac, senderAddress: 0x0a000000n + n }
        const sent = { ...frame, sourceMac: mac, ...(arp && { arp }) }
        const verdict = evaluateFrame(policy, 'egress', sent, [])
        const want = verdict.action === 'allow' ? 'accept' : 'drop'
        assert.equal(interpretFrame(bridged, 10, 'egress', sent), want)
      }),
      { numRuns: 1000 },
    )
    assert.ok(verdicts.allow > 100 && verdicts.deny > 100, JSON.stringify(verdicts))
  }
})

test('interfaces that are judged alike have one chain in common, and need none of their own where no sender is checked', () => {
  const part = { filtered: true, lists: [], default: 'deny' } as const
  const alike: EffectivePolicy = { stateful: true, essentials, ingress: part, egress: part }
  const origin = (n: number) => ({ mac: `52:54:00:00:00:0${n}` })
  const { ruleset } = lower(
    desired(alike, { ...alike, origin: origin(1) }, { ...alike, ingress: { ...part }, origin: origin(2) }),
  )
  const entries = (hook: 'from-vm' | 'to-vm') =>
    [...ruleset.devices[hook].values()].map((each) => ('chain' in each ? each.chain : each.kind))
  assert.equal(new Set(entries('to-vm')).size, 1)
  const [shared = '', ...checked] = entries('from-vm')
  assert.deepEqual(checked, ['sender.tap1', 'sender.tap2'])
  assert.match(shared, /^out\.[0-9a-f]{16}$/)
  for (const name of checked)
    assert.deepEqual(ruleset.chains.get(name)?.rules.at(-1), {
      ...{ matches: [], verdict: { kind: 'goto', chain: shared } },
    })
})

test('what is shared is lowered once and stays the same object', () => {
  const [policy] = fc.sample(
    arbitraryPolicy.filter(({ ingress }) => ingress.filtered && ingress.lists.length > 0),
    { numRuns: 1, seed: 1 },
  ) as [EffectivePolicy]
  const { ruleset: first } = lower(desired(policy, policy, policy))
  const { ruleset: again } = lower(desired(policy, policy))
  const lists = [...first.chains.keys()].filter((name) => name.startsWith('policy.'))
  for (const name of lists) assert.equal(again.chains.get(name), first.chains.get(name), name)
  assert.equal(new Set(lists).size, lists.length)
})

describe('text', () => {
  test('a delta from one table to another leads to it, and none is needed where nothing differs', () => {
    fc.assert(
      fc.property(arbitraryPolicy, arbitraryPolicy, (a, b) => {
        const [from, to] = [desired(a, null), desired(b, a)].map((each) => lower(each).tables)
        assert.ok(from && to)
        assert.equal(deltaScript(from, from), undefined)
        const script = deltaScript(from, to)
        assert.equal(script === undefined, sameTable(from.get(table), to.get(table)))
        for (const line of script?.split('\n').filter(Boolean) ?? []) {
          assert.match(line, /^(add|flush|delete) (chain|rule|set|map|element) inet portcullis /)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('a transaction changes rules, or one set, or what nobody looks into', () => {
    let staged = 0
    fc.assert(
      fc.property(
        arbitraryProfilePolicy({ most: 60 }),
        arbitraryProfilePolicy({ most: 60 }),
        fc.boolean(),
        (a, b, alike) => {
          const other = alike
            ? { ...b, ingress: { ...b.ingress, lists: a.ingress.filtered ? a.ingress.lists : [] } }
            : b
          const [from, to] = [a, other].map((each) => lower(desired(each as EffectivePolicy)).tables)
          assert.ok(from && to)
          let standing: RenderedTables = from
          const way = stages(from, to)
          assert.equal(way.at(-1), to)
          for (const next of way) {
            const lines = (deltaScript(standing, next) ?? '').split('\n').filter(Boolean)
            const old = standing.get(table) as RenderedTable
            // What base chains and all that they lead to looks into.
            const looked = reachable(old)
            const rules = lines.some((line) => {
              const [, name = ''] = /^flush chain \S+ \S+ (\S+)/.exec(line) ?? []
              return looked.has(name)
            })
            const elements = new Set(
              lines.flatMap(
                (line) => /^(?:(?:add|delete) element|flush map) \S+ \S+ (\S+)/.exec(line)?.[1] ?? [],
              ),
            )
            const seen = [...elements].filter((name) => looked.has(name) && !name.endsWith('-devices'))
            assert.ok(seen.length <= (rules ? 0 : 1), lines.join('\n'))
            for (const line of lines) {
              const [, name = ''] = /^delete (?:chain|set|map) \S+ \S+ (\S+)/.exec(line) ?? []
              assert.ok(!looked.has(name), line)
              assert.doesNotMatch(line, / table /)
            }
            standing = next
          }
          if (way.filter((each, n) => deltaScript(way[n - 1] ?? from, each) !== undefined).length > 2)
            staged++
        },
      ),
      { numRuns: 100 },
    )
    assert.ok(staged > 10, `${staged} changes took more than two transactions`)
  })

  test('a listing is read back as what was printed', () => {
    const text = `table inet portcullis {
\tmap from-vm-devices {
\t\ttype iface_index : verdict
\t\telements = { "tap0" : goto out.tap0, "tap1" : drop,
\t\t\t     99 : accept, "o"d" : drop, "c,d" : goto out.x, "e",f}" : drop }
\t}

\tchain out.tap0 {
\t\tip saddr { 10.0.0.1, 10.0.0.5-10.0.0.7 } accept
\t\tdrop
\t}

\tset strange {
\t\ttype ipv4_addr
\t}

\tset watched {
\t\ttype iface_index
\t\tcounter
\t\telements = { "tap0" counter, "gone" counter, 7 counter }
\t}

\tset names {
\t\ttype ifname
\t\telements = { "tap0",
\t\t\t     "eth0.100" }
\t}

\tcounter odd {
\t\tpackets 0 bytes 0
\t}
}
`
    const found = parseListing(
      text,
      (name) => ({ tap0: 10, tap1: 11, 'o"d': 12, 'c,d': 13, 'e",f}': 14 })[name],
    )
    assert.deepEqual(
      [...(found.sets.get('from-vm-devices')?.elements ?? [])],
      [
        ['10', 'goto out.tap0'],
        ['11', 'drop'],
        ['99', 'accept'],
        ['12', 'drop'],
        ['13', 'goto out.x'],
        ['14', 'drop'],
      ],
    )
    assert.deepEqual(
      [...found.chains],
      [['out.tap0', 'ip saddr { 10.0.0.1, 10.0.0.5-10.0.0.7 } accept\ndrop']],
    )
    assert.deepEqual([...(found.objects ?? [])], [['counter odd', 'packets 0 bytes 0']])
    assert.deepEqual(found.sets.get('strange'), { kind: 'set', type: 'type ipv4_addr', elements: new Map() })
    assert.deepEqual(
      [...(found.sets.get('watched')?.elements.keys() ?? [])],
      ['10', '"gone"', '7'],
      'a device that is gone has no index',
    )
    assert.deepEqual([...(found.sets.get('names')?.elements.keys() ?? [])], ['"tap0"', '"eth0.100"'])
  })

  test('one whole table, for a person to read (UPDATE_GOLDEN=1 writes it)', () => {
    const golden = new URL('testdata/table.nft', import.meta.url)
    const part = (direction: Direction, rules: object[], fallback: 'allow' | 'deny') =>
      ({
        filtered: true,
        lists: [
          {
            policy: '00000000-0000-8000-8000-000000000001',
            part: 0,
            direction,
            rules: rules.map((each, i) => ({
              id: `${i}`,
              position: i + 1,
              direction,
              enabled: true,
              ...each,
            })),
          },
        ],
        default: fallback,
      }) as unknown as EffectivePolicy['ingress']
    const ssh = {
      action: 'allow',
      matches: [{ family: 'ipv4', protocol: 6, destinationPorts: [{ first: 22, last: 22 }] }],
    }
    const range = {
      action: 'deny',
      matches: [
        {
          source: {
            ipv4: [{ first: 0x0a000000n, last: 0x0a0000ffn }],
            ipv6: [{ first: 1n << 96n, last: (1n << 96n) + 5n }],
          },
        },
      ],
    }
    const ping = { action: 'allow', log: 'notice', matches: [{ protocol: 58, icmpType: 128 }] }
    const policy: EffectivePolicy = {
      stateful: true,
      essentials,
      origin: {
        mac: '52:54:00:00:00:01',
        addresses: { ipv4: [{ first: 0xc000020an, last: 0xc000020an }], ipv6: [] },
      },
      ingress: part('ingress', [ssh, range, ping], 'deny'),
      egress: part('egress', [], 'allow'),
    }
    const open: EffectivePolicy = { ...policy, ingress: { filtered: false }, egress: { filtered: false } }
    const { tables } = lower(desired(policy, open, null), { counts: 'rules', samples: 10 })
    const text = replaceScript(table, tables.get(table) as RenderedTable)
    if (process.env.UPDATE_GOLDEN) writeFileSync(golden, text)
    assert.equal(text, readFileSync(golden, 'utf8'))
  })

  test('a guard is read back as it was rendered, and its file holds no indexes', () => {
    const guard: Guard = {
      devices: new Set(['tap0', 'eth0.100']),
      indexes: new Set([10, 77]),
      patterns: ['tap*', 'vnet3'],
      open: new Set(['tap5']),
    }
    const tables = [...renderGuard(guard).values()]
    assert.deepEqual(tables.map(guardOf), [guard, guard])
    const text = guardFile(guard)
    const golden = new URL('testdata/guard.nft', import.meta.url)
    if (process.env.UPDATE_GOLDEN) writeFileSync(golden, text)
    assert.equal(text, readFileSync(golden, 'utf8'))
    assert.doesNotMatch(text, /77/)
  })

  test('a device that stands on a described one and takes packets from it is named in a note', () => {
    const desired = desire([{ id: 'x', device: 'tap0', policy: filtered }])
    const other = { ...tap(11), name: 'lan0', kind: 'macvlan' }
    const notes = (parent: string) =>
      lower(desired, { links: [tap(10), { ...other, parent }] }).interfaces[0]?.notes ?? []
    assert.deepEqual(notes('tap0'), [
      'packets of devices that stand on its own are not judged by its policy: lan0',
    ])
    assert.deepEqual(notes('tap1'), [])
  })

  test('names that could break out of their place are no device names', () => {
    for (const name of [
      '',
      'tap0"',
      'tap 0',
      'tap;0',
      'tap{',
      'a/b',
      '..',
      '.',
      'a'.repeat(16),
      'tap0\n',
      'täp0',
      '*',
    ]) {
      assert.equal(isDeviceName(name), false, name)
      const links = [{ ...tap(10), name }]
      const { ruleset, interfaces } = lower(desire([{ id: 'x', device: name, policy: filtered }]), { links })
      assert.equal(interfaces[0]?.state, 'failing')
      assert.equal(ruleset.devices['to-vm'].get(10)?.kind, 'drop')
    }
    for (const name of ['tap12i0', 'vnet3', 'eth0.100', 'a_b-c', 'a'.repeat(15)])
      assert.ok(isDeviceName(name), name)
  })
})

const tap = (index: number) => ({ index, name: `tap${index - 10}`, kind: 'tun', master: null })
const filtered: EffectivePolicy = {
  stateful: false,
  essentials: [],
  ingress: { filtered: true, lists: [], default: 'deny' },
  egress: { filtered: true, lists: [], default: 'deny' },
}

/** Chains and sets that packets get to. */
function reachable({ chains, sets }: RenderedTable): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (name: string): void => {
    if (found.has(name)) return
    found.add(name)
    const texts = [chains.get(name) ?? '', ...(sets.get(name)?.elements.values() ?? [])]
    for (const text of texts)
      for (const [, next = ''] of text.matchAll(/(?:jump |goto |@)([^\s,]+)/g)) visit(next)
  }
  for (const [name, text] of chains) if (isBase(text)) visit(name)
  return found
}
