/** What is not of the language that we write is refused, whole: nothing of it is guessed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { arbitraryLine } from '../../../../test/support/arbitrary-line.ts'
import type { Command } from '../../../compile/nftables/commands.ts'
import { AttributeReader, MessageBuilder, MessageReader } from '../../netlink/message.ts'
import { assembleRule } from './assemble.ts'
import { writeCommands } from './commands.ts'
import { elementKey, heldOf, verdictOf } from './elements.ts'
import { hashOfRules, readIdentity } from './identity.ts'
import { layoutOf } from './keys.ts'
import { messages, rule, set } from './uapi.ts'

const table = 'inet portcullis'
const refused = (line: string, family: 'inet' | 'bridge' = 'inet') =>
  assert.throws(() => assembleRule(family, line), SyntaxError, line)

describe('lines', () => {
  test('that nobody of ours writes are refused', () => {
    const lines = [
      ...[
        '',
        ' ',
        'nonsense',
        'accept drop',
        'drop ip saddr 10.0.0.1',
        'jump',
        'goto ',
        'goto a b',
        'log',
        'counter',
      ],
      ...[
        'ip saddr',
        'ip saddr drop',
        'ip saddr  10.0.0.1 drop',
        'ip saddr 10.0.0.1 drop ',
        'ip saddr == drop',
      ],
      ...['ip saddr 10.0.0 drop', 'ip saddr 10.0.0.256 drop', 'ip saddr ::1 drop', 'ip6 saddr 10.0.0.1 drop'],
      ...[
        'ip saddr 10.0.0.1/8 drop',
        'ip saddr 10.0.0.0/33 drop',
        'ip saddr 10.0.0.0/ drop',
        'ip saddr /8 drop',
      ],
      ...['ip saddr 10.0.0.2-10.0.0.1 drop', 'ip saddr 10.0.0.1- drop', 'ip saddr -10.0.0.1 drop'],
      ...[
        'tcp dport 65536 drop',
        'tcp dport -1 drop',
        'tcp dport ssh drop',
        'tcp dport 1.5 drop',
        'tcp dport 0x10000 drop',
      ],
      ...[
        'ip saddr { } drop',
        'ip saddr { 10.0.0.1 } drop',
        'ip saddr { 10.0.0.1, 10.0.0.2 drop',
        'ip saddr {10.0.0.1, 10.0.0.2} drop',
      ],
      ...[
        'tcp dport { 1-2, 3-4 } drop',
        'tcp dport { 1-5, 4-9 } drop',
        'tcp dport { 1-5, 3 } drop',
        'tcp dport { 0-65535, 5 } drop',
      ],
      ...[
        'tcp dport { 1, { 2, 3 } } drop',
        'tcp dport { 1 : drop, 2 : drop } drop',
        'tcp dport vmap { 1, 2 }',
        'tcp dport vmap { 1 : nothing }',
      ],
      ...[
        'tcp dport vmap 5',
        'tcp dport vmap @',
        'tcp dport @ drop',
        'tcp dport vmap @ports drop',
        'tcp dport != drop',
      ],
      ...[
        'ip saddr . tcp dport 5 drop',
        'ip saddr . @set drop',
        'ip saddr . ',
        'ip saddr . tcp dport { 1, 2 } drop',
      ],
      ...[
        'ip saddr 10.0.0.1 ip6 daddr ::1 drop',
        'tcp sport 1 udp dport 2 drop',
        'meta nfproto 2 ip6 saddr ::1 drop',
        'arp htype 1 drop',
      ],
      ...[
        'ip saddr & 255.255.255.0 == 10.0.0.1 drop',
        'ip saddr & == 1.2.3.4 drop',
        'ct status != 0x8 drop',
        'ip saddr ! 10.0.0.1 drop',
      ],
      ...[
        'iifname tap0 drop',
        'iifname "a b" drop',
        'iifname "abcdefghijklmnop" drop',
        'iifname "" drop',
        'iif "tap0" drop',
        'iif 1-2 drop',
      ],
      ...[
        'add @set { iif',
        'add @set iif',
        'add set { iif }',
        'add @set { }',
        'add @set { iif counter }',
        'add @set { iif ct count over }',
      ],
      ...[
        'add @set { iif limit rate over 0/second burst 5 packets }',
        'add @set { iif limit rate over 5/hour burst 5 packets }',
      ],
      ...[
        'add @set { iif limit rate 5/second burst 5 packets }',
        'delete @set { iif }',
        'numgen inc mod 0 @set drop',
        'numgen random mod 4 @set drop',
      ],
      ...[
        '@th,1,8 0x0 drop',
        '@th,0,24 0x0 drop',
        '@nh,0,8 0x0 drop',
        '@th,0,128 5 drop',
        `@th,0,128 0x1${'0'.repeat(32)} drop`,
      ],
      ...[
        'ct label set 128',
        'ct label 126 extra',
        'ct timeout set usual',
        'ct timeout set "a b"',
        'meta mark set 5',
        'meta mark set 0x5',
        'meta mark set meta mark | 5',
        'meta mark set ip saddr',
        'meta mark set ip saddr map',
        'meta mark set ip saddr map @',
        'meta mark set ip saddr vmap @map',
        'meta mark set ip saddr . 0x0000002a map @map',
      ],
      ...[
        'update @set { 0x0000002a }',
        'update @set { oif . 0x2a }',
        'update @set { oif . 42 }',
        'update @set { oif . 0x0000002a . ip saddr }',
        'update @set { oif . 0x0000002a map @map }',
        'update @set { oif map @map }',
        'update @set { oif . ip saddr map map }',
        'update @set { oif . ip saddr map @map',
        'update @set { oif . ip saddr map @map limit rate over 5/second burst 5 packets }',
        'update @set { oif . ip6 saddr . ip6 daddr . ip6 saddr . ip6 daddr map @map }',
      ],
      ...[
        'log prefix "a"',
        'log prefix "" group 1 snaplen 1',
        'log prefix a group 1 snaplen 1',
        'log prefix "a" b" group 1 snaplen 1',
        'log prefix "a" group 65536 snaplen 1',
        'log prefix "a" group 1',
        'log prefix "a" group 1 snaplen',
        `log prefix "${'a'.repeat(128)}" group 1 snaplen 1`,
        'log group 1 snaplen 1',
      ],
      ...[
        'reject with icmpx',
        'reject with icmpx 256',
        'reject with icmp 3',
        'reject with tcp reset',
        'ip saddr 1.2.3.4 reject',
        'reject drop',
      ],
      ...[
        'fib saddr type 2 drop',
        'fib daddr type local drop',
        'exthdr frag exists drop',
        'frag frag-off 8192 drop',
        'tcp flags < 5 < 6 drop',
      ],
      ...[
        'ip saddr < drop',
        'iif < 5 drop',
        'meta mark < 5 drop',
        'constructor drop',
        '__proto__ 5 drop',
        'toString accept',
        'ip __proto__ drop',
      ],
      ...['meta l4proto 6 meta', 'meta', 'ip', 'ct', '@th,64,128', 'notrack notrack drop accept'],
    ]
    for (const line of lines) refused(line)
    refused('type filter hook forward priority 0; policy accept;')
    refused('arp htype 1 ip saddr 1.2.3.4 drop', 'bridge')
  })

  test('that end too early, or in which a word is another, are refused or another rule', () => {
    for (const family of ['inet', 'bridge'] as const) {
      fc.assert(
        fc.property(arbitraryLine(family), fc.nat(), fc.string(), (line, at, word) => {
          const words = line.split(' ')
          const whole = assembleRule(family, line).expressions
          const changed = words.with(at % words.length, word).join(' ')
          for (const other of [words.slice(0, at % words.length).join(' '), changed]) {
            try {
              const { expressions } = assembleRule(family, other)
              assert.ok(other === line || !expressions.equals(whole) || sameMeaning(other, line), other)
            } catch (error) {
              assert.ok(error instanceof SyntaxError || error instanceof RangeError, `${error}`)
            }
          }
        }),
        { numRuns: 500 },
      )
    }
  })

  test('become whole attributes, the same for the same line', () => {
    fc.assert(
      fc.property(arbitraryLine('inet'), (line) => {
        const { expressions } = assembleRule('inet', line)
        const reader = new AttributeReader(expressions)
        let count = 0
        while (reader.next()) count++
        assert.ok(count > 0)
        assert.equal(assembleRule('inet', line).expressions, expressions)
      }),
      { numRuns: 200 },
    )
  })
})

/** `==` and numbers in another notation change nothing; nor do names that are cut where they end. */
const sameMeaning = (a: string, b: string): boolean =>
  a.split(' ').some((word, n) => {
    const other = b.split(' ')[n]
    return word !== other && (Number(word) === Number(other) || /^[0-9a-f:.]+$/i.test(word))
  })

describe('elements and sets', () => {
  test('of another shape are refused', () => {
    for (const declared of [
      ...[
        '',
        'type',
        'type nonsense',
        'type ipv4_addr . ',
        'type toString',
        'type ipv4_addr : verdict',
        'typeof nonsense',
      ],
      ...[
        'typeof iif . ',
        'typeof iif ip saddr',
        'type ipv4_addr\nflags constant',
        'type ipv4_addr\nsize many',
        'type ipv4_addr\n',
      ],
      ...['type ipv4_addr\ntimeout 5', 'type ipv4_addr\nauto-merge', 'typeof ct state . iif'],
    ])
      assert.throws(() => layoutOf('set', declared), SyntaxError, declared)
    for (const declared of [
      'type ipv4_addr',
      'type ipv4_addr : nonsense',
      'type ipv4_addr : meta mark',
      'typeof ip saddr : mark',
      'type ipv4_addr : mark : mark',
    ])
      assert.throws(() => layoutOf('map', declared), SyntaxError, declared)
    assert.throws(() => layoutOf('set', 'type ipv4_addr : mark'), SyntaxError)
    const marks = layoutOf('map', 'type ipv4_addr : mark')
    for (const text of ['', '42', '0x2a', '0x0000002A', '0x000000002a', 'accept'])
      assert.throws(() => heldOf(marks, text), SyntaxError, text)
    const exact = layoutOf('set', 'type ipv4_addr . inet_service')
    const ranged = layoutOf('set', 'type inet_service\nflags interval')
    for (const text of [
      '',
      '10.0.0.1',
      '10.0.0.1 . 5 . 6',
      '10.0.0.0/8 . 5',
      '10.0.0.1 . 5-6',
      '10.0.0.1 . 65536',
      '10.0.0.1. 5',
    ])
      assert.throws(() => elementKey(exact, text), SyntaxError, text)
    for (const text of ['6-5', '5-', '-5', '1-2-3', '5/8', 'a-b', '65536'])
      assert.throws(() => elementKey(ranged, text), SyntaxError, text)
    for (const text of ['', 'pass', 'jump', 'jump ', 'goto a b', 'accept '])
      assert.throws(() => verdictOf(text), SyntaxError)
  })
})

describe('steps', () => {
  const written = (commands: readonly Command[]) => {
    const builder = new MessageBuilder()
    const firsts = writeCommands(builder, commands)
    return { firsts, reader: new MessageReader(builder.finish()), count: builder.count }
  }
  const chain = 'policy.a.in'

  test('that cannot be said throw', () => {
    const long = 'x'.repeat(256)
    const commands: Command[] = [
      { do: 'add-table', table: 'ip portcullis' },
      { do: 'add-table', table: 'portcullis' },
      { do: 'add-table', table: `inet ${long}` },
      { do: 'add-chain', table, chain: '' },
      { do: 'add-chain', table, chain: long },
      { do: 'add-chain', table, chain, place: 'type nat hook output priority 0; policy accept;' },
      { do: 'add-chain', table, chain, place: 'type filter hook ingress priority 0; policy accept;' },
      { do: 'add-chain', table, chain, place: 'type filter hook output priority 0; policy drop;' },
      {
        do: 'add-rules',
        table,
        chain,
        rules: ['drop', 'type filter hook output priority 0; policy accept;'],
      },
      { do: 'add-rules', table, chain, rules: ['drop', ''] },
      { do: 'add-rules', table, chain: long, rules: ['drop'] },
      { do: 'add-rules', table, chain, rules: [`goto ${'x'.repeat(70_000)}`] },
      { do: 'add-set', table, set: long, kind: 'set', type: 'type ipv4_addr' },
      {
        do: 'add-elements',
        table,
        set: 'a',
        kind: 'set',
        type: 'type ipv4_addr',
        elements: new Map([['x', '']]),
      },
      {
        do: 'add-elements',
        table,
        set: 'a',
        kind: 'set',
        type: 'type ipv4_addr',
        elements: new Map([['1.2.3.4', 'drop']]),
      },
      {
        do: 'add-elements',
        table,
        set: 'a',
        kind: 'map',
        type: 'type ipv4_addr : verdict',
        elements: new Map([['1.2.3.4', '']]),
      },
      { do: 'add-object', table, object: 'ct helper ftp', body: '' },
      {
        do: 'add-object',
        table,
        object: 'ct timeout usual',
        body: 'protocol udp\npolicy = { unreplied : 30 }',
      },
      {
        do: 'add-object',
        table,
        object: 'ct timeout usual',
        body: 'protocol udp\npolicy = { unreplied : 30, replied : 5, more : 5 }',
      },
      {
        do: 'add-object',
        table,
        object: 'ct timeout usual',
        body: 'protocol sctp\npolicy = { closed : 30 }',
      },
      { do: 'delete-object', table, object: 'nonsense all' },
    ]
    for (const command of commands)
      assert.throws(
        () => written([command]),
        (error) => error instanceof SyntaxError || error instanceof RangeError,
        JSON.stringify(command).slice(0, 200),
      )
  })

  test('begin with the messages that are answered', () => {
    const rules = ['ip saddr { 10.0.0.1, 10.0.0.2 } drop', 'accept']
    const { firsts, reader, count } = written([
      { do: 'add-table', table },
      { do: 'add-chain', table, chain },
      { do: 'add-rules', table, chain, rules },
      { do: 'flush-chain', table, chain },
    ])
    const types: number[] = []
    while (reader.next()) types.push(reader.type)
    assert.deepEqual(firsts, [0, 1, 2, 6])
    const own = [messages.newTable, messages.newChain, messages.newSet, messages.newElements]
    const all = [...own, messages.newRule, messages.newRule, messages.deleteRule]
    assert.deepEqual(types, all)
    assert.equal(count, all.length)
  })

  test('of rules carry the hash of their chain and their place', () => {
    const rules = ['ct state vmap { 0x1 : drop, 0x2 : accept }', 'iif 0 accept', 'drop']
    const { reader } = written([{ do: 'add-rules', table, chain, rules }])
    const found: unknown[] = []
    while (reader.next()) {
      if (reader.type !== messages.newRule) continue
      const attributes = reader.attributes(4)
      while (attributes.next())
        if (attributes.type === rule.userData) found.push(readIdentity(attributes.bytes()))
    }
    const hash = hashOfRules(rules)
    assert.deepEqual(
      found,
      [0, 1, 2].map((position) => ({ hash, position })),
    )
  })

  test('number every set of a transaction, and rules name those without names by it', () => {
    const rules = ['tcp dport { 1, 2 } drop', 'tcp dport { 1, 2 } drop']
    const { reader } = written([
      { do: 'add-set', table, set: 'a', kind: 'set', type: 'type ipv4_addr' },
      { do: 'add-rules', table, chain, rules },
      { do: 'add-set', table, set: 'b', kind: 'set', type: 'type ipv4_addr' },
    ])
    const ids: number[] = []
    while (reader.next()) {
      if (reader.type !== messages.newSet) continue
      const attributes = reader.attributes(4)
      while (attributes.next()) if (attributes.type === set.id) ids.push(attributes.u32be())
    }
    assert.deepEqual(ids, [1, 2, 3, 4])
  })

  test('of many elements are split before an attribute is full', () => {
    const elements = new Map(Array.from({ length: 5000 }, (_, n) => [`10.${n >> 8}.${n & 255}.0/24`, '']))
    const type = 'type ipv4_addr\nflags interval'
    for (const step of ['add-elements', 'delete-elements'] as const) {
      const { count } = written([{ do: step, table, set: 'a', kind: 'set', type, elements }])
      assert.ok(count > 2, `${count} messages`)
    }
  })
})
