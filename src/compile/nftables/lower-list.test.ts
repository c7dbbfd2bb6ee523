/** A long policy as nft reads it, and what one change to it touches. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { desire } from '../../../test/support/desired.ts'
import { lowered as loweredOnce } from '../../../test/support/lowered.ts'
import type { EffectivePolicy, RuleList } from '../../core/model/effective-policy.ts'
import type { Action, Match, Rule } from '../../core/model/rule.ts'
import { type Family, families } from '../../core/net/address.ts'
import type { Packet } from '../../core/net/packet.ts'
import { parsePrefix, prefixRange } from '../../core/net/prefix.ts'
import { evaluate } from '../../core/semantics/evaluate.ts'
import { type AddressSet, addressSet } from '../../core/sets/address-set.ts'
import type { PortSet } from '../../core/sets/port-set.ts'
import { interpret } from './interpret.ts'
import { table } from './names.ts'
import { deltaScript, type RenderedTable, replaceScript } from './table.ts'

const prefixes = (...texts: string[]): AddressSet =>
  addressSet(
    texts.map((text) => {
      const prefix = parsePrefix(text, { hostBits: 'refuse' })
      if (!prefix.ok) throw new Error(text)
      return { family: prefix.value.family, ...prefixRange(prefix.value) }
    }),
  )
const ports = (first: number, last = first): PortSet => [{ first, last }]
const base: Record<Family, bigint> = { ipv4: 0x0a00_0000n, ipv6: 0x2001_0db8n << 96n }
/** The network of that number, of 256 addresses. */
const network = (family: Family, n: number): AddressSet => {
  const first = base[family] + BigInt(n) * 256n
  return addressSet([{ family, first, last: first + 255n }])
}

const rulesOf = (matches: readonly (readonly [Action, Match])[]): Rule[] =>
  matches.map(([action, match], n) => ({
    ...{
      id: `rule-${n + 1}`,
      position: n + 1,
      direction: 'ingress',
      action,
      enabled: true,
      matches: [match],
    },
  }))
const listOf = (policy: string, rules: readonly Rule[]): RuleList => ({
  ...{ policy, part: 0, direction: 'ingress', rules },
})

const links = [{ index: 10, name: 'tap0', kind: 'tun', master: null }]
const policyOf = (list: RuleList): EffectivePolicy => ({
  ...{ stateful: false, essentials: [], egress: { filtered: false } },
  ingress: { filtered: true, lists: [list], default: 'deny' },
})
function lowered(list: RuleList) {
  return loweredOnce(desire([{ id: 'nic', device: 'tap0', policy: policyOf(list) }]), {
    links,
    observe: false,
    refused: new Map(),
    kernel: { tracks: true, rejects: true },
    ...({ counts: 'rules', samples: 10 } as const),
  })
}
/** What is named after policies. */
function ofPolicies({ chains, sets }: RenderedTable): RenderedTable {
  const own = <T>(all: ReadonlyMap<string, T>) =>
    new Map([...all].filter(([name]) => name.startsWith('policy.')))
  return { chains: own(chains), sets: own(sets) }
}
const tableOf = (list: RuleList): RenderedTable => lowered(list).tables.get(table) as RenderedTable

test('a long policy', () => {
  const many = (count: number, make: (n: number) => readonly [Action, Match]) =>
    Array.from({ length: count }, (_, n) => make(n))
  const rules = rulesOf([
    // Guests are blocked by address: one set, whose ranges are all that matters.
    ...many(
      6,
      (n) => ['deny', { source: prefixes(`198.51.100.${n * 8}/${n % 2 === 0 ? 32 : 30}`) }] as const,
    ),
    ['reject', { source: prefixes('198.51.100.0/27') }],
    // Ports for everybody, in either family.
    ...many(5, (n) => ['allow', { protocol: 6, destinationPorts: ports(8000 + n) }] as const),
    ['allow', { protocol: 17, destinationPorts: ports(53) }],
    // Ports from networks, of which the first decides about what they share.
    ...many(
      6,
      (n) =>
        [
          n % 3 === 0 ? 'deny' : 'allow',
          { protocol: 6, source: network('ipv4', n >> 1), destinationPorts: ports(100 * n, 100 * n + 150) },
        ] as const,
    ),
    ...many(
      4,
      (n) => ['allow', { protocol: 6, source: network('ipv6', n), destinationPorts: ports(22) }] as const,
    ),
    // Networks of one length are hashed.
    ...(['ipv4', 'ipv6'] as const).flatMap((family) =>
      many(
        16,
        (n) =>
          [
            'allow',
            { protocol: 17, source: network(family, n), destinationPorts: ports(4500 + (n % 3)) },
          ] as const,
      ),
    ),
    // Few stay rules.
    ['allow', { protocol: 1, icmpType: 8 }],
    ['allow', { protocol: 58, icmpType: 128 }],
    // Hosts by MAC.
    ...many(
      4,
      (n) => ['allow', { sourceMac: `52:54:00:00:00:0${n}`, source: prefixes(`192.0.2.${n}/32`) }] as const,
    ),
    // Too many addresses with too many ports to take apart.
    [
      'allow',
      {
        protocol: 6,
        source: addressSet(
          Array.from(
            { length: 80 },
            (_, n) => ({ family: 'ipv4', first: BigInt(n * 2), last: BigInt(n * 2) }) as const,
          ),
        ),
        destinationPorts: Array.from({ length: 80 }, (_, n) => ({
          first: 20_000 + n * 2,
          last: 20_000 + n * 2,
        })),
      },
    ],
    ['deny', { source: prefixes('192.0.2.0/24') }],
  ])
  const text = replaceScript(table, ofPolicies(tableOf(listOf('long', rules))))
  const golden = new URL('./testdata/long-policy.nft', import.meta.url)
  if (process.env.UPDATE_GOLDEN) writeFileSync(golden, text)
  assert.equal(text, readFileSync(golden, 'utf8'))
})

describe('one rule of a thousand', () => {
  const shapes: Readonly<Record<string, (n: number) => Match>> = {
    'hosts and ports': (n) => ({
      protocol: 6,
      source: prefixes(`10.1.${n >> 6}.${n & 63}/32`),
      destinationPorts: ports(n % 9),
    }),
    'networks and ports': (n) => ({
      protocol: 6,
      source: network('ipv4', n),
      destinationPorts: ports(n % 9),
    }),
    'networks of IPv6 and ports': (n) => ({
      protocol: 6,
      source: network('ipv6', n),
      destinationPorts: ports(n % 9),
    }),
    'blocked networks': (n) => ({ source: network('ipv4', n * 2) }),
  }
  for (const [name, make] of Object.entries(shapes)) {
    test(name, () => {
      const rules = rulesOf(Array.from({ length: 1000 }, (_, n) => ['allow', make(n)] as const))
      const [whole, less] = [rules, rules.toSpliced(500, 1)].map((each) => tableOf(listOf('p', each)))
      const script = deltaScript(
        new Map([[table, whole as RenderedTable]]),
        new Map([[table, less as RenderedTable]]),
      )
      assert.match(script ?? '', /^delete element inet portcullis policy\.p\.in\.\S+\.allow \{ [^,]+ \}\n$/)
    })
  }

  /** No prefix: those are not looked up as ranges. */
  const inside = (family: Family, n: number): AddressSet =>
    addressSet(
      network(family, n)[family].map(({ first, last }) => ({ family, first: first + 1n, last: last - 1n })),
    )
  test('no set of ranges in several fields holds more than 500 elements, 200 in IPv6', () => {
    for (const [family, most] of [
      ['ipv4', 500],
      ['ipv6', 200],
    ] as const) {
      const rules = rulesOf(
        Array.from(
          { length: 3000 },
          (_, n) =>
            ['allow', { protocol: 6, source: inside(family, n), destinationPorts: ports(n % 99) }] as const,
        ),
      )
      const sizes = [...ofPolicies(tableOf(listOf('p', rules))).sets.values()]
        .filter(({ type }) => !type.includes(' : verdict'))
        .map(({ elements }) => elements.size)
      assert.ok(Math.max(...sizes) <= most, `${Math.max(...sizes)}`)
      assert.equal(
        sizes.reduce((a, b) => a + b),
        3000,
      )
    }
  })
})

test('lookups that are alike and sets of one lookup have names of their own', () => {
  // Boxes in three fields that cut each other to pieces: several lookups of one shape, each in several sets.
  const wide = (first: number, last: number) =>
    addressSet([{ family: 'ipv4', first: BigInt(first), last: BigInt(last) }])
  const slabs = Array.from({ length: 60 }, (_, n): (readonly [Action, Match])[] => {
    const [first, last] = [n * 1000, n * 1000 + 10]
    return [
      [
        'deny',
        {
          protocol: 6,
          source: wide(first, last),
          sourcePorts: ports(0, 60_000),
          destinationPorts: ports(0, 60_000),
        },
      ],
      [
        'allow',
        {
          protocol: 6,
          source: wide(0, 1 << 28),
          sourcePorts: ports(first, last),
          destinationPorts: ports(0, 60_001),
        },
      ],
      [
        'deny',
        {
          protocol: 6,
          source: wide(0, 1 << 29),
          sourcePorts: ports(0, 60_001),
          destinationPorts: ports(first, last),
        },
      ],
    ]
  }).flat()
  const names = [...ofPolicies(tableOf(listOf('p', rulesOf(slabs)))).sets.keys()]
  // Rendering refuses two sets of one name.
  assert.ok(names.some((name) => name.includes('.ranges.2')))
  assert.ok(names.some((name) => /-2\.(allow|deny)$/.test(name)))
})

const seed = Number(process.env.PORTCULLIS_TEST_SEED ?? 20_261_126)
test(`networks of few lengths that overlap are decided as the list does (seed ${seed})`, () => {
  const one = fc.record({
    ...{ action: fc.constantFrom('allow', 'deny'), number: fc.nat(299), port: fc.constantFrom(80, 81) },
    host: fc.nat(20_000).map((n) => (n < 256 ? n : null)),
    both: fc.nat(400).map((n) => n === 0),
  })
  const part = fc.record({ number: fc.nat(310), host: fc.nat(255), port: fc.constantFrom(80, 81, 82) })
  let hashed = 0
  const decided = { allow: 0, deny: 0, reject: 0 }
  fc.assert(
    fc.property(
      fc.constantFrom(...families),
      fc.boolean(),
      fc.array(one, { minLength: 200, maxLength: 500, size: 'max' }),
      fc.array(part, { minLength: 100, maxLength: 300, size: 'max' }),
      (family, toNetworks, drawn, packets) => {
        const rules = rulesOf(
          drawn.map(({ action, number, host, port, both }) => {
            const first = base[family] + BigInt(number * 256 + (host ?? 0))
            const last = first + (host === null ? (both ? 511n : 255n) : 0n)
            const source = addressSet([{ family, first, last }])
            const destination = network(family, number % 3)
            return [
              action,
              {
                ...{ protocol: 17, source, destinationPorts: ports(port) },
                ...(toNetworks && { destination }),
              },
            ]
          }),
        )
        const list = listOf('p', rules)
        const { ruleset, tables } = lowered(list)
        hashed += [...(tables.get(table)?.chains.values() ?? [])].filter((text) =>
          / & \S+ (==|\.) /.test(text),
        ).length
        for (const { number, host, port } of packets) {
          const packet: Packet = {
            ...{ family, protocol: 17, sourcePort: 1, destinationPort: port, state: 'new' },
            source: base[family] + BigInt(number * 256 + host),
            destination: base[family] + BigInt((number % 3) * 256 + host),
          }
          const { action } = evaluate(policyOf(list), 'ingress', packet)
          decided[action]++
          assert.equal(interpret(ruleset, 10, 'ingress', packet), action === 'allow' ? 'accept' : 'drop')
        }
      },
    ),
    { seed, numRuns: 60 },
  )
  assert.ok(hashed > 20 && decided.allow > 500 && decided.deny > 1000, JSON.stringify({ hashed, decided }))
})

test('what is compared in turn is said of the interface, where it is much', () => {
  const overlapping = (count: number) =>
    rulesOf(
      Array.from(
        { length: count },
        (_, n) =>
          [
            'allow',
            n % 2 === 0 ? { protocol: 6, destinationPorts: ports(n) } : { source: network('ipv4', n) },
          ] as const,
      ),
    )
  const notes = (count: number) => lowered(listOf('p', overlapping(count))).interfaces[0]?.notes
  assert.equal(notes(80), undefined)
  for (const [count, said] of [
    [101, 200],
    [200, 200],
    [201, 500],
    [400, 500],
    [410, 500],
    [501, 1000],
  ] as const)
    assert.match(
      notes(count)?.[0] ?? '',
      new RegExp(`compared with up to ${said} rules one after the other`),
      `${count}`,
    )
})
