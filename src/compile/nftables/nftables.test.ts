/** Two witnesses: what the lowered ruleset does to a packet is what the evaluator says; and one ruleset to read whole. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { arbitraryMatch, arbitraryPacket, arbitraryPolicy } from '../../../test/support/arbitraries.ts'
import type { Desired } from '../../core/model/desired.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import type { Action, Direction } from '../../core/model/rule.ts'
import type { Packet } from '../../core/net/packet.ts'
import { essentials } from '../../core/semantics/essentials.ts'
import { evaluate } from '../../core/semantics/evaluate.ts'
import { mismatch } from '../../core/semantics/match.ts'
import { rejectionOf } from '../../core/semantics/rejection.ts'
import { type Fate, interpret } from './interpret.ts'
import { createLowering } from './lower.ts'
import { isDeviceName } from './names.ts'
import { deltaScript, parseListing, render, replaceScript, sameTable } from './render.ts'

const desired = (...policies: (EffectivePolicy | null)[]): Desired => ({
  revision: 1,
  interfaces: policies.map((policy, i) => ({ id: `nic${i}`, device: `tap${i}`, policy })),
})

/** What the kernel should do for a verdict. */
function fate(action: Action, packet: Packet): Fate {
  if (action !== 'reject') return action === 'allow' ? 'accept' : 'drop'
  const told = rejectionOf(packet)
  return told === 'silence' ? 'drop' : told
}

const direction = fc.constantFrom<Direction>('ingress', 'egress')

describe('two witnesses', () => {
  test('a lowered policy does to a packet what the evaluator says', () => {
    let [allowed, denied] = [0, 0]
    fc.assert(
      fc.property(
        arbitraryPolicy,
        direction,
        fc.array(arbitraryPacket, { minLength: 5 }),
        (policy, way, packets) => {
          const ruleset = createLowering().lower(desired(policy), [])
          for (const packet of packets) {
            const want = fate(evaluate(policy, way, packet).action, packet)
            want === 'accept' ? allowed++ : denied++
            assert.equal(interpret(ruleset, 'tap0', way, packet), want)
          }
        },
      ),
      { numRuns: 1000 },
    )
    // Generators that never meet would prove nothing.
    assert.ok(allowed > 500 && denied > 500, `${allowed} allowed, ${denied} denied`)
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
          const ruleset = createLowering().lower(desired(policy), [])
          for (const packet of packets) {
            const holds = mismatch(match, packet) === null
            if (holds) hits++
            assert.equal(interpret(ruleset, 'tap0', 'ingress', packet), holds ? 'accept' : 'drop')
          }
        },
      ),
      { numRuns: 1000 },
    )
    assert.ok(hits > 500, `${hits} hits`)
  })
})

test('an interface without a known policy is closed, and so is a guarded device that nobody knows', () => {
  const ruleset = createLowering().lower(desired(null), ['tap*', 'eth7'])
  fc.assert(
    fc.property(direction, arbitraryPacket, (way, packet) => {
      assert.equal(interpret(ruleset, 'tap0', way, packet), 'drop')
      assert.equal(interpret(ruleset, 'tap99', way, packet), 'drop')
      assert.equal(interpret(ruleset, 'eth7', way, packet), 'drop')
      assert.equal(interpret(ruleset, 'eth77', way, packet), 'accept')
    }),
  )
})

test('what is shared is lowered once and stays the same object', () => {
  const [policy] = fc.sample(
    arbitraryPolicy.filter(({ ingress }) => ingress.filtered && ingress.lists.length > 0),
    { numRuns: 1, seed: 1 },
  ) as [EffectivePolicy]
  const lowering = createLowering()
  const first = lowering.lower(desired(policy, policy, policy), [])
  const again = lowering.lower(desired(policy, policy), [])
  for (const [name, chain] of again.chains) {
    assert.equal(first.chains.get(name), chain, name)
  }
  const lists = [...first.chains.keys()].filter((name) => name.startsWith('policy.'))
  assert.equal(new Set(lists).size, lists.length)
})

describe('text', () => {
  test('a delta from one table to another leads to it, and none is needed where nothing differs', () => {
    fc.assert(
      fc.property(arbitraryPolicy, arbitraryPolicy, (a, b) => {
        const lowering = createLowering()
        const [from, to] = [desired(a, null), desired(b, a)].map((each) =>
          render(lowering.lower(each, ['tap*'])),
        )
        assert.ok(from && to)
        assert.equal(deltaScript(from, from), undefined)
        const script = deltaScript(from, to)
        assert.equal(script === undefined, sameTable(from, to))
        for (const line of script?.split('\n').filter(Boolean) ?? []) {
          assert.match(line, /^(add|flush|delete) (chain|rule|element) inet portcullis /)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('a listing is read back as what was printed', () => {
    const text = `table inet portcullis {
\tmap from-vm-devices {
\t\ttype ifname : verdict
\t\telements = { "tap0" : goto out.tap0, "tap1" : drop,
\t\t\t     "tap2" : accept }
\t}

\tchain out.tap0 {
\t\tip saddr { 10.0.0.1, 10.0.0.5-10.0.0.7 } accept
\t\tdrop
\t}

\tset strange {
\t\ttype ipv4_addr
\t}
}
`
    const table = parseListing(text)
    assert.deepEqual(
      [...table.devices['from-vm']],
      [
        ['tap0', 'goto out.tap0'],
        ['tap1', 'drop'],
        ['tap2', 'accept'],
      ],
    )
    assert.deepEqual(
      [...table.chains],
      [
        ['out.tap0', 'ip saddr { 10.0.0.1, 10.0.0.5-10.0.0.7 } accept\ndrop'],
        ['set strange', 'type ipv4_addr'],
      ],
    )
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
    const ping = { action: 'allow', matches: [{ protocol: 58, icmpType: 128 }] }
    const policy: EffectivePolicy = {
      stateful: true,
      essentials,
      ingress: part('ingress', [ssh, range, ping], 'deny'),
      egress: part('egress', [], 'allow'),
    }
    const open: EffectivePolicy = { ...policy, ingress: { filtered: false }, egress: { filtered: false } }
    const text = replaceScript(render(createLowering().lower(desired(policy, open, null), ['tap*'])))
    if (process.env.UPDATE_GOLDEN) writeFileSync(golden, text)
    assert.equal(text, readFileSync(golden, 'utf8'))
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
      assert.throws(() =>
        createLowering().lower(
          { revision: 1, interfaces: [{ id: 'x', device: name, policy: filtered }] },
          [],
        ),
      )
    }
    for (const name of ['tap12i0', 'vnet3', 'eth0.100', 'a_b-c', 'a'.repeat(15)])
      assert.ok(isDeviceName(name), name)
  })
})

const filtered: EffectivePolicy = {
  stateful: false,
  essentials: [],
  ingress: { filtered: true, lists: [], default: 'deny' },
  egress: { filtered: true, lists: [], default: 'deny' },
}
