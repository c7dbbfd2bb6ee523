/** What policies do to packets, as tables that read as the policy (docs/semantics.md). */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { arbitraryPacket, arbitraryPolicy } from '../../../test/support/arbitraries.ts'
import type { DirectionPolicy, EffectivePolicy } from '../model/effective-policy.ts'
import { defaultSwitches } from '../model/policy.ts'
import type { Action, Direction, Match, Rule } from '../model/rule.ts'
import { parseAddress } from '../net/address.ts'
import type { ConnectionState, Packet } from '../net/packet.ts'
import { parseProtocol } from '../net/protocol.ts'
import { addressSet, allAddresses } from '../sets/address-set.ts'
import { essentials, essentialsOf } from './essentials.ts'
import { evaluate } from './evaluate.ts'
import { notesOn, originOf, type Sender } from './origin.ts'
import { trace } from './trace.ts'

const number = (text: string) => {
  const parsed = parseAddress(text)
  assert.ok(parsed.ok, text)
  return parsed.value
}
const addresses = (first: string, last = first) => {
  const { family, value } = number(first)
  return addressSet([{ family, first: value, last: number(last).value }])
}
const ports = (first: number, last = first) => [{ first, last }]

const rule = (action: Action, ...matches: Match[]): Omit<Rule, 'id' | 'position' | 'direction'> => ({
  action,
  enabled: true,
  matches,
})
const off = (one: ReturnType<typeof rule>) => ({ ...one, enabled: false })

function policy(
  rules: ReturnType<typeof rule>[],
  options: { default?: Action; stateful?: boolean; direction?: Direction } = {},
): EffectivePolicy {
  const { direction = 'ingress', stateful = false } = options
  const part: DirectionPolicy = {
    filtered: true,
    lists: [
      {
        policy: 'p',
        part: 0,
        direction,
        rules: rules.map((each, i) => ({ ...each, direction, id: `r${i + 1}`, position: i + 1 })),
      },
    ],
    default: options.default ?? 'deny',
  }
  const open = { filtered: false } as const
  return {
    stateful,
    essentials,
    ingress: direction === 'ingress' ? part : open,
    egress: direction === 'egress' ? part : open,
  }
}

/** `tcp 198.51.100.1:40000 > 192.0.2.10:22`, or `icmp/8/0 …`; `state` follows in brackets. */
function packet(text: string, more: Partial<Packet> = {}): Packet {
  const [, protocolText = '', from = '', to = '', state = 'new'] =
    /^(\S+) (\S+) > (\S+?)(?: \[(\w+)\])?$/.exec(text) ?? []
  const [name = '', type, code] = protocolText.split('/')
  const protocol = parseProtocol(name)
  assert.ok(protocol.ok, text)
  const end = (side: string) => {
    const [, address = '', port] =
      /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(
        side.includes('[') ? side : side.replace(/^([^:]*:[^:]*:.*)$/, '[$1]'),
      ) ?? []
    return { ...number(address), port: port === undefined ? undefined : Number(port) }
  }
  const [source, destination] = [end(from), end(to)]
  return {
    family: source.family,
    protocol: protocol.value,
    source: source.value,
    destination: destination.value,
    ...(source.port !== undefined && { sourcePort: source.port }),
    ...(destination.port !== undefined && { destinationPort: destination.port }),
    ...(type !== undefined && { icmpType: Number(type), icmpCode: Number(code ?? 0) }),
    state: state as ConnectionState,
    ...more,
  }
}

const ssh = packet('tcp 198.51.100.1:40000 > 192.0.2.10:22')
const web = packet('tcp 198.51.100.1:40000 > 192.0.2.10:80')
const ssh6 = packet('tcp [2001:db8::1]:40000 > [2001:db8::10]:22')
const ping = packet('icmp/8/0 198.51.100.1 > 192.0.2.10')

function check(
  name: string,
  given: EffectivePolicy,
  rows: [Packet, string][],
  direction: Direction = 'ingress',
) {
  test(name, () => {
    for (const [one, want] of rows) {
      const { action, decidedBy } = evaluate(given, direction, one)
      const by = {
        rule: () => ('position' in decidedBy ? String(decidedBy.position) : ''),
        default: () => 'default',
        essential: () => ('name' in decidedBy ? decidedBy.name : ''),
        state: () => 'state',
        off: () => 'off',
        origin: () => ('check' in decidedBy ? decidedBy.check : ''),
      }[decidedBy.kind]()
      assert.equal(`${action} ${by}`, want)
    }
  })
}

describe('order and default (§3)', () => {
  check('nothing matches', policy([]), [[ssh, 'deny default']])
  check('nothing matches, and that is fine', policy([], { default: 'allow' }), [[ssh, 'allow default']])
  check(
    'the first that matches decides',
    policy([
      rule('deny', { destinationPorts: ports(80) }),
      rule('allow', { destinationPorts: ports(1, 100) }),
      rule('reject', {}),
    ]),
    [
      [web, 'deny 1'],
      [ssh, 'allow 2'],
      [ping, 'reject 3'],
    ],
  )
  check(
    'a disabled rule keeps its place and does nothing',
    policy([off(rule('allow', {})), rule('reject', {})]),
    [[ssh, 'reject 2']],
  )
  check('a rule of several matches: any of them', policy([rule('allow', { protocol: 1 }, { protocol: 6 })]), [
    [ssh, 'allow 1'],
    [ping, 'allow 1'],
    [packet('udp 198.51.100.1:1 > 192.0.2.10:1'), 'deny default'],
  ])
  check('a rule of no matches: never', policy([rule('allow')]), [[ssh, 'deny default']])
  test('several lists: rules of the first come first, whatever their positions', () => {
    const list = (name: string, position: number, action: Action, match: Match) => ({
      policy: name,
      part: 0,
      direction: 'ingress' as const,
      rules: [{ ...rule(action, match), direction: 'ingress' as const, id: `${name}1`, position }],
    })
    const given: EffectivePolicy = {
      ...policy([]),
      ingress: {
        filtered: true,
        lists: [
          list('a', 7, 'reject', { destinationPorts: ports(22) }),
          list('b', 1, 'allow', { protocol: 6 }),
        ],
        default: 'deny',
      },
    }
    const decided = (one: Packet) => evaluate(given, 'ingress', one).decidedBy
    assert.deepEqual(decided(ssh), { kind: 'rule', rule: 'a1', position: 7, policy: 'a' })
    assert.deepEqual(decided(web), { kind: 'rule', rule: 'b1', position: 1, policy: 'b' })
    assert.deepEqual(decided(ping), { kind: 'default' })
  })
  test('each direction has rules and a default of its own', () => {
    const [into, out] = [
      policy([rule('allow', { destinationPorts: ports(22) })]),
      policy([rule('deny', { destinationPorts: ports(22) })], { direction: 'egress', default: 'allow' }),
    ]
    const both: EffectivePolicy = { ...into, egress: out.egress }
    const verdicts = (['ingress', 'egress'] as const).map((direction) =>
      [ssh, web].map((one) => evaluate(both, direction, one).action),
    )
    assert.deepEqual(verdicts, [
      ['allow', 'deny'],
      ['deny', 'allow'],
    ])
  })
  check('a default may reject', policy([], { default: 'reject' }), [[ssh, 'reject default']])
  test('several lists, one after the other', () => {
    const [a, b] = [
      policy([rule('allow', { protocol: 1 })]),
      policy([rule('deny', {})], { default: 'allow' }),
    ]
    assert.ok(a.ingress.filtered && b.ingress.filtered)
    const both = {
      ...a,
      ingress: { ...b.ingress, lists: [...a.ingress.lists, ...b.ingress.lists] },
    }
    assert.equal(evaluate(both, 'ingress', ping).action, 'allow')
    assert.equal(evaluate(both, 'ingress', ssh).action, 'deny')
  })
  check('a direction that is not filtered', policy([rule('deny', {})]), [[ssh, 'allow off']], 'egress')
})

describe('match fields (§2)', () => {
  const allow = (match: Match) => policy([rule('allow', match)])
  check('family', allow({ family: 'ipv6' }), [
    [ssh, 'deny default'],
    [ssh6, 'allow 1'],
  ])
  check('protocol', allow({ protocol: 6 }), [
    [ssh, 'allow 1'],
    [ping, 'deny default'],
  ])
  check('source, both ends included', allow({ source: addresses('198.51.100.1', '198.51.100.3') }), [
    [packet('tcp 198.51.100.0:1 > 192.0.2.10:22'), 'deny default'],
    [packet('tcp 198.51.100.1:1 > 192.0.2.10:22'), 'allow 1'],
    [packet('tcp 198.51.100.3:1 > 192.0.2.10:22'), 'allow 1'],
    [packet('tcp 198.51.100.4:1 > 192.0.2.10:22'), 'deny default'],
    [ssh6, 'deny default'],
  ])
  check('destination', allow({ destination: addresses('2001:db8::10') }), [
    [ssh6, 'allow 1'],
    [ssh, 'deny default'],
  ])
  check('source ports', allow({ sourcePorts: ports(40_000, 40_001) }), [
    [ssh, 'allow 1'],
    [packet('tcp 198.51.100.1:40002 > 192.0.2.10:22'), 'deny default'],
    [ping, 'deny default'],
  ])
  check('destination ports, both ends included', allow({ protocol: 6, destinationPorts: ports(22, 80) }), [
    [ssh, 'allow 1'],
    [web, 'allow 1'],
    [packet('tcp 198.51.100.1:1 > 192.0.2.10:21'), 'deny default'],
    [packet('tcp 198.51.100.1:1 > 192.0.2.10:81'), 'deny default'],
    [packet('udp 198.51.100.1:1 > 192.0.2.10:22'), 'deny default'],
  ])
  check('ICMP type 0 is a type', allow({ protocol: 1, icmpType: 0 }), [
    [ping, 'deny default'],
    [packet('icmp/0/0 198.51.100.1 > 192.0.2.10'), 'allow 1'],
  ])
  check('ICMP code', allow({ protocol: 1, icmpType: 3, icmpCode: 4 }), [
    [packet('icmp/3/4 198.51.100.1 > 192.0.2.10'), 'allow 1'],
    [packet('icmp/3/1 198.51.100.1 > 192.0.2.10'), 'deny default'],
  ])
  check('source MAC; unknown is no match', allow({ sourceMac: '52:54:00:00:00:01' }), [
    [{ ...ssh, sourceMac: '52:54:00:00:00:01' }, 'allow 1'],
    [{ ...ssh, sourceMac: '52:54:00:00:00:02' }, 'deny default'],
    [ssh, 'deny default'],
  ])
  check('nothing given: anything', allow({}), [
    [ssh, 'allow 1'],
    [ssh6, 'allow 1'],
    [ping, 'allow 1'],
    [packet('gre 198.51.100.1 > 192.0.2.10'), 'allow 1'],
  ])
  check('the family decides what a number means', allow({ source: addresses('0.0.0.1') }), [
    [packet('tcp 0.0.0.1:1 > 192.0.2.10:22'), 'allow 1'],
    [packet('tcp [::1]:1 > [2001:db8::10]:22'), 'deny default'],
  ])
  check('ports without a protocol: every protocol that has them', allow({ destinationPorts: ports(22) }), [
    [ssh, 'allow 1'],
    [packet('udp 198.51.100.1:1 > 192.0.2.10:22'), 'allow 1'],
    [packet('sctp 198.51.100.1:1 > 192.0.2.10:22'), 'allow 1'],
    [packet('gre 198.51.100.1 > 192.0.2.10'), 'deny default'],
    [ping, 'deny default'],
  ])
  check('every port is still a port', allow({ destinationPorts: ports(0, 65_535) }), [
    [ssh, 'allow 1'],
    [packet('udp 198.51.100.1:0 > 192.0.2.10:0'), 'allow 1'],
    [packet('gre 198.51.100.1 > 192.0.2.10'), 'deny default'],
  ])
  check('ICMP type without a protocol: ICMP of either family', allow({ icmpType: 8 }), [
    [ping, 'allow 1'],
    [packet('icmpv6/8/0 2001:db8::1 > 2001:db8::10'), 'allow 1'],
    [ssh, 'deny default'],
  ])
  // Numbers that are nobody's: ICMP's between IPv6 addresses and ICMPv6's between IPv4 addresses.
  const [one6, fiftyEight4] = [packet('1 2001:db8::1 > 2001:db8::10'), packet('58 198.51.100.1 > 192.0.2.10')]
  check('ICMP of one family is not the other family’s number', allow({ protocol: 1 }), [
    [ping, 'allow 1'],
    [one6, 'deny default'],
  ])
  check('ICMPv6 is not IPv4’s 58', allow({ protocol: 58 }), [
    [packet('icmpv6/128/0 2001:db8::1 > 2001:db8::10'), 'allow 1'],
    [fiftyEight4, 'deny default'],
  ])
  check('with its family, any number can be meant', allow({ family: 'ipv6', protocol: 1 }), [
    [one6, 'allow 1'],
    [ping, 'deny default'],
  ])
  check('what is no ICMP has no type', allow({ icmpType: 8 }), [
    [one6, 'deny default'],
    [fiftyEight4, 'deny default'],
  ])
  check('an IPv6 extension header is no protocol', allow({ protocol: 60 }), [
    [packet('60 198.51.100.1 > 192.0.2.10'), 'allow 1'],
    [packet('60 2001:db8::1 > 2001:db8::10'), 'deny default'],
  ])
  check('every address of both families is still an address', allow({ source: allAddresses }), [
    [ssh, 'allow 1'],
    [ssh6, 'allow 1'],
  ])
  check('empty sets match nothing', allow({ source: addressSet([]) }), [[ssh, 'deny default']])
  check('empty port sets match nothing', allow({ destinationPorts: [] }), [[ssh, 'deny default']])
  check(
    'all given fields must match',
    allow({ protocol: 6, source: addresses('198.51.100.1'), destinationPorts: ports(80) }),
    [
      [web, 'allow 1'],
      [ssh, 'deny default'],
    ],
  )
})

describe('connection state (§7)', () => {
  const states = ['new', 'established', 'related', 'invalid'] as const
  const untracked = [
    'udplite 198.51.100.1:1 > 192.0.2.10:22',
    'udplite [2001:db8::1]:1 > [2001:db8::10]:22',
    '58 198.51.100.1 > 192.0.2.10',
    '1 2001:db8::1 > 2001:db8::10',
    '59 2001:db8::1 > 2001:db8::10',
    '0 2001:db8::1 > 2001:db8::10',
  ]
  for (const stateful of [true, false]) {
    check(
      `what tracking cannot follow is invalid, whatever is said of it: ${stateful ? 'stateful' : 'stateless'}`,
      policy([rule('allow', {})], { stateful }),
      untracked.flatMap((text) =>
        states.map((state): [Packet, string] => [
          packet(text, { state }),
          stateful ? 'deny state' : 'allow 1',
        ]),
      ),
    )
  }
  const table: Record<'stateful' | 'stateless', Record<ConnectionState, [string, string]>> = {
    // Under a rule that allows, under one that denies.
    stateful: {
      new: ['allow 1', 'deny 1'],
      established: ['allow state', 'allow state'],
      related: ['allow state', 'allow state'],
      invalid: ['deny state', 'deny state'],
    },
    stateless: {
      new: ['allow 1', 'deny 1'],
      established: ['allow 1', 'deny 1'],
      related: ['allow 1', 'deny 1'],
      invalid: ['allow 1', 'deny 1'],
    },
  }
  for (const [kind, rows] of Object.entries(table)) {
    for (const [i, action] of (['allow', 'deny'] as const).entries()) {
      check(
        `${kind}, a rule that would ${action}`,
        policy([rule(action, {})], { stateful: kind === 'stateful' }),
        states.map((state) => [{ ...ssh, state }, rows[state][i] as string]),
      )
    }
  }
})

describe('the sender (§6)', () => {
  const [mac, other] = ['52:54:00:00:00:01', '52:54:00:00:00:02']
  const sender = { mac, addresses: ['192.0.2.10', '2001:db8::10'], allowedAddresses: [], senderCheck: true }
  const checked = (given: Partial<Sender>, base = policy([rule('allow', {})], { direction: 'egress' })) => {
    const origin = originOf({ ...sender, ...given }, defaultSwitches)
    return { ...base, ...(origin && { origin }) }
  }
  const out = packet('tcp 192.0.2.10:22 > 198.51.100.1:40000')
  const forged = packet('tcp 192.0.2.11:22 > 198.51.100.1:40000')
  check(
    'outward, MAC and address must be the interface’s own',
    checked({}, policy([rule('allow', {})], { direction: 'egress', stateful: true })),
    [
      [{ ...out, sourceMac: mac }, 'allow 1'],
      [{ ...out, sourceMac: other }, 'deny mac'],
      [out, 'allow 1'],
      [forged, 'deny address'],
      [packet('tcp [2001:db8::10]:22 > [2001:db8::2]:40000'), 'allow 1'],
      [packet('tcp [2001:db8::11]:22 > [2001:db8::2]:40000'), 'deny address'],
      [{ ...out, sourceMac: other, state: 'established' }, 'deny mac'],
      [{ ...forged, state: 'established' }, 'deny address'],
    ],
    'egress',
  )
  check('inward it is not asked', checked({}, policy([rule('allow', {})])), [[forged, 'allow 1']])
  check(
    'also where nothing is filtered',
    checked({}, policy([])),
    [
      [out, 'allow off'],
      [forged, 'deny address'],
      [{ ...out, sourceMac: other }, 'deny mac'],
    ],
    'egress',
  )
  check(
    'prefixes that it may also send from',
    checked({ allowedAddresses: ['192.0.2.11/32', '10.8.0.0/16'] }),
    [
      [forged, 'allow 1'],
      [packet('udp 10.8.3.4:1 > 198.51.100.1:53'), 'allow 1'],
      [packet('udp 10.9.3.4:1 > 198.51.100.1:53'), 'deny address'],
      [{ ...forged, sourceMac: other }, 'deny mac'],
    ],
    'egress',
  )
  check(
    'without addresses, the MAC alone',
    checked({ addresses: [] }),
    [
      [forged, 'allow 1'],
      [{ ...forged, sourceMac: other }, 'deny mac'],
    ],
    'egress',
  )
  check(
    'switched off',
    checked({ senderCheck: false }),
    [[{ ...forged, sourceMac: other }, 'allow 1']],
    'egress',
  )
  const near = { hopLimit: 255 }
  check(
    'the unspecified address: only to find an address, and to join groups',
    checked({}, policy([rule('allow', {})])),
    [
      [packet('udp 0.0.0.0:68 > 255.255.255.255:67'), 'allow off'],
      [packet('udp 0.0.0.0:68 > 198.51.100.1:67'), 'deny address'],
      [packet('udp 0.0.0.0:5 > 255.255.255.255:67'), 'deny address'],
      [packet('igmp 0.0.0.0 > 224.0.0.22', { hopLimit: 1 }), 'allow off'],
      [packet('igmp 0.0.0.0 > 224.0.0.22', { hopLimit: 2 }), 'deny address'],
      [packet('icmp/8/0 0.0.0.0 > 198.51.100.1'), 'deny address'],
      [packet('icmpv6/135/0 :: > ff02::1:ff00:10', near), 'allow off'],
      [packet('icmpv6/135/0 :: > ff02::1:ff00:10', { hopLimit: 64 }), 'deny address'],
      [packet('icmpv6/135/0 :: > 2001:db8::1', near), 'deny address'],
      [packet('icmpv6/136/0 :: > ff02::1', near), 'deny address'],
      [packet('icmpv6/133/0 :: > ff02::2', near), 'allow off'],
      [packet('icmpv6/143/0 :: > ff02::16', { hopLimit: 1 }), 'allow off'],
      [packet('udp [::]:546 > [ff02::1:2]:547'), 'deny address'],
    ],
    'egress',
  )
  check(
    'link-local addresses: the MAC’s own anywhere, others where no answer can be had in a neighbour’s name',
    checked({}, policy([rule('allow', {})])),
    [
      [packet('udp [fe80::5054:ff:fe00:1]:9 > [fe80::99]:9'), 'allow off'],
      [packet('udp [fe80::a1b2:c3d4:e5f6:7]:9 > [fe80::99]:9'), 'deny address'],
      [packet('udp [fe80::a1b2:c3d4:e5f6:7]:9 > [fe80::1]:9', { link: true }), 'allow off'],
      [packet('udp [fe80::a1b2:c3d4:e5f6:7]:5353 > [ff02::fb]:5353'), 'allow off'],
      [packet('udp [fe80::a1b2:c3d4:e5f6:7]:5353 > [ff05::fb]:5353'), 'deny address'],
      [packet('icmpv6/136/0 fe80::a1b2:c3d4:e5f6:7 > fe80::99', near), 'allow off'],
      [packet('icmpv6/136/0 fe80::a1b2:c3d4:e5f6:7 > fe80::99', { hopLimit: 254 }), 'deny address'],
      [packet('icmpv6/128/0 fe80::a1b2:c3d4:e5f6:7 > fe80::99', near), 'deny address'],
      // A neighbour's, by its MAC; one that people give to routers.
      [packet('icmpv6/135/0 fe80::5054:ff:fe00:2 > ff02::1:ff00:1', near), 'deny address'],
      [packet('icmpv6/135/0 fe80::1 > ff02::1:ff00:1', near), 'deny address'],
      [packet('udp [fe80::1]:5353 > [ff02::fb]:5353'), 'deny address'],
      [packet('udp 169.254.1.1:9 > 198.51.100.1:9'), 'deny address'],
    ],
    'egress',
  )

  const about = (text: string) => ({ ...near, target: number(text).value })
  check(
    'neighbour discovery claims the sender’s own addresses only',
    checked({}, policy([rule('allow', {})])),
    [
      [packet('icmpv6/136/0 2001:db8::10 > 2001:db8::1', about('2001:db8::10')), 'allow off'],
      [packet('icmpv6/136/0 2001:db8::10 > ff02::1', about('fe80::5054:ff:fe00:1')), 'allow off'],
      [packet('icmpv6/136/0 2001:db8::10 > ff02::1', about('fe80::a1b2:c3d4:e5f6:7')), 'allow off'],
      [packet('icmpv6/136/0 2001:db8::10 > 2001:db8::1', about('2001:db8::11')), 'deny neighbour'],
      [packet('icmpv6/136/0 2001:db8::10 > ff02::1', about('fe80::1')), 'deny neighbour'],
      [packet('icmpv6/136/0 2001:db8::10 > ff02::1', about('fe80::5054:ff:fe00:2')), 'deny neighbour'],
      [packet('icmpv6/135/0 2001:db8::10 > 2001:db8::11', about('2001:db8::11')), 'allow off'],
      [packet('icmpv6/135/0 :: > ff02::1:ff00:10', about('2001:db8::10')), 'allow off'],
      [packet('icmpv6/135/0 :: > ff02::1:ff00:11', about('2001:db8::11')), 'deny neighbour'],
      // What is claimed is looked at before who claims it, and the MAC before both.
      [packet('icmpv6/136/0 2001:db8::11 > ff02::1', about('2001:db8::11')), 'deny neighbour'],
      [packet('icmpv6/136/0 2001:db8::11 > ff02::1', about('2001:db8::10')), 'deny address'],
      [
        { ...packet('icmpv6/136/0 2001:db8::11 > ff02::1', about('2001:db8::11')), sourceMac: other },
        'deny mac',
      ],
      // Nobody listens to what has crossed a router.
      [
        packet('icmpv6/136/0 2001:db8::10 > 2001:db8::1', { ...about('2001:db8::11'), hopLimit: 64 }),
        'allow off',
      ],
    ],
    'egress',
  )

  test('a policy may ask for the check where the inventory does not, and never loosens it', () => {
    const switches = (sourceMac: boolean, sourceAddress: boolean) => ({ sourceMac, sourceAddress })
    const off = { ...sender, senderCheck: false }
    assert.equal(originOf(off, switches(false, false)), undefined)
    assert.deepEqual(originOf(off, switches(true, false)), { mac })
    assert.deepEqual(originOf(sender, switches(false, false)), originOf(sender, switches(true, true)))
    assert.deepEqual(Object.keys(originOf(off, switches(false, true)) ?? {}), ['addresses'])
  })

  test('what its owner is told', () => {
    const notes = (given: Partial<Sender>, switches = defaultSwitches) => {
      const one = { ...sender, ...given }
      return notesOn(one, originOf(one, switches))
    }
    assert.deepEqual(notes({}), [])
    assert.deepEqual(notes({ addresses: [] }), ['checked by MAC alone: it has no addresses'])
    assert.deepEqual(notes({ addresses: [], allowedAddresses: ['10.0.0.0/8'] }), [])
    assert.deepEqual(notes({ senderCheck: false }), ['its sender is not checked: senderCheck is off'])
    assert.deepEqual(notes({ senderCheck: false }, { ...defaultSwitches, sourceMac: true }), [
      'checked by MAC alone: senderCheck is off',
    ])
  })
})

describe('essential traffic (§6)', () => {
  const closed = (direction: Direction, switches = defaultSwitches): EffectivePolicy => ({
    ...policy([rule('deny', {})], { direction, stateful: true }),
    essentials: essentialsOf(switches),
  })
  /** As it should be: sent on the link by the link, with the hop limit of its kind. */
  const on = (text: string, more: Partial<Packet> = {}) =>
    packet(text, { hopLimit: 255, link: true, ...more })
  const router = { ...defaultSwitches, routerAdvertisement: true }
  check('inward: what the link sends', closed('ingress'), [
    [on('icmpv6/134/0 fe80::1 > ff02::1'), 'allow neighbour-discovery'],
    [on('icmpv6/135/0 2001:db8::1 > ff02::1:ff00:10'), 'allow neighbour-discovery'],
    [on('icmpv6/136/0 fe80::1 > 2001:db8::10'), 'allow neighbour-discovery'],
    // Tracking says nothing of it that counts.
    [on('icmpv6/135/0 fe80::1 > fe80::2', { state: 'invalid' }), 'allow neighbour-discovery'],
    [on('icmpv6/130/0 fe80::1 > ff02::1', { hopLimit: 1 }), 'allow multicast-membership'],
    [on('igmp 192.0.2.1 > 224.0.0.1', { hopLimit: 1 }), 'allow multicast-membership'],
    [on('udp 192.0.2.1:67 > 192.0.2.10:68', { hopLimit: 64 }), 'allow dhcp'],
    [on('udp [fe80::1]:547 > [fe80::2]:546', { hopLimit: 64 }), 'allow dhcpv6'],
    // A router in the way, another code, another sender than a router.
    [on('icmpv6/135/0 fe80::1 > fe80::2', { hopLimit: 254 }), 'deny 1'],
    [on('icmpv6/135/1 fe80::1 > fe80::2'), 'deny 1'],
    [on('icmpv6/134/0 2001:db8::1 > ff02::1'), 'deny 1'],
    [on('icmpv6/130/0 fe80::1 > ff02::1', { hopLimit: 2 }), 'deny 1'],
    [on('igmp 192.0.2.1 > 224.0.0.1', { hopLimit: 64 }), 'deny 1'],
    [on('udp [2001:db8::1]:547 > [fe80::2]:546'), 'deny 1'],
    // The VM is a host: nobody asks it for routes.
    [on('icmpv6/133/0 fe80::1 > fe80::2'), 'deny 1'],
    [on('icmpv6/137/0 fe80::1 > fe80::2'), 'deny 1'],
    [on('icmpv6/128/0 fe80::1 > fe80::2'), 'deny 1'],
    [on('icmp/134/0 192.0.2.1 > 192.0.2.10'), 'deny 1'],
    [on('udp 192.0.2.1:68 > 192.0.2.10:67'), 'deny 1'],
    [on('tcp 192.0.2.1:67 > 192.0.2.10:68'), 'deny 1'],
    [on('udp [fe80::1]:67 > [fe80::2]:68'), 'deny 1'],
  ])
  check('inward: nothing that comes from beyond', closed('ingress', router), [
    ...[133, 134, 135, 136].map((type): [Packet, string] => [
      on(`icmpv6/${type}/0 fe80::1 > fe80::2`, { link: false }),
      'deny 1',
    ]),
    [packet('udp 198.51.100.1:67 > 192.0.2.10:68'), 'deny 1'],
    [packet('udp [2001:db8:1::1]:547 > [2001:db8::10]:546'), 'deny 1'],
    [packet('igmp 198.51.100.1 > 224.0.0.1', { hopLimit: 1 }), 'deny 1'],
    [packet('icmpv6/130/0 fe80::1 > ff02::1', { hopLimit: 1 }), 'deny 1'],
  ])
  const to = (text: string, hopLimit: number) => packet(text, { hopLimit })
  check(
    'outward: to the link',
    closed('egress'),
    [
      [to('icmpv6/133/0 fe80::2 > ff02::2', 255), 'allow neighbour-discovery'],
      [to('icmpv6/135/0 :: > ff02::1:ff00:10', 255), 'allow neighbour-discovery'],
      [to('icmpv6/135/0 2001:db8::10 > fe80::1', 255), 'allow neighbour-discovery'],
      [to('icmpv6/136/0 2001:db8::10 > fe80::1', 255), 'allow neighbour-discovery'],
      [on('icmpv6/136/0 2001:db8::10 > 2001:db8::1'), 'allow neighbour-discovery'],
      [to('icmpv6/143/0 fe80::2 > ff02::16', 1), 'allow multicast-membership'],
      [to('icmpv6/131/0 :: > ff02::1:ff00:10', 1), 'allow multicast-membership'],
      [to('icmpv6/132/0 fe80::2 > ff02::2', 1), 'allow multicast-membership'],
      [to('igmp 192.0.2.10 > 224.0.0.22', 1), 'allow multicast-membership'],
      [packet('udp 0.0.0.0:68 > 255.255.255.255:67'), 'allow dhcp'],
      [packet('udp 192.0.2.10:68 > 192.0.2.1:67', { link: true }), 'allow dhcp'],
      [packet('udp [fe80::2]:546 > [ff02::1:2]:547'), 'allow dhcpv6'],
      [packet('udp [fe80::2]:546 > [fe80::1]:547'), 'allow dhcpv6'],
    ],
    'egress',
  )
  check(
    'outward: nothing that goes further',
    closed('egress', router),
    [
      [packet('udp 192.0.2.10:68 > 198.51.100.1:67'), 'deny 1'],
      [packet('udp [2001:db8::10]:546 > [2001:db8:1::1]:547'), 'deny 1'],
      [packet('udp [2001:db8::10]:546 > [ff02::1:2]:547'), 'deny 1'],
      [packet('udp [fe80::2]:546 > [ff05::1:3]:547'), 'deny 1'],
      ...[133, 134, 135, 136].map((type): [Packet, string] => [
        to(`icmpv6/${type}/0 fe80::2 > 2001:db8:1::1`, 255),
        'deny 1',
      ]),
      [to('icmpv6/135/0 fe80::2 > ff02::1:ff00:10', 64), 'deny 1'],
      [to('icmpv6/135/7 fe80::2 > ff02::1:ff00:10', 255), 'deny 1'],
      [to('icmpv6/143/0 fe80::2 > ff05::16', 1), 'deny 1'],
      [to('icmpv6/143/0 2001:db8::10 > ff02::16', 1), 'deny 1'],
      [to('igmp 192.0.2.10 > 224.0.0.1', 1), 'deny 1'],
      [to('igmp 192.0.2.10 > 239.1.2.3', 1), 'deny 1'],
      [to('igmp 192.0.2.10 > 224.0.0.22', 2), 'deny 1'],
      // It does not pose as a DHCP server, nor ask as one.
      [packet('udp 192.0.2.10:67 > 255.255.255.255:68', { link: true }), 'deny 1'],
    ],
    'egress',
  )
  check(
    'only routers advertise',
    closed('egress'),
    [[on('icmpv6/134/0 fe80::2 > ff02::1'), 'deny 1']],
    'egress',
  )
  check(
    'a VM that is taken for a router does',
    closed('egress', router),
    [
      [on('icmpv6/134/0 fe80::2 > ff02::1'), 'allow router-advertisement'],
      [on('icmpv6/134/0 2001:db8::10 > ff02::1'), 'deny 1'],
    ],
    'egress',
  )
  check('and is asked', closed('ingress', router), [
    [on('icmpv6/133/0 fe80::1 > ff02::2'), 'allow router-advertisement'],
  ])
  test('what is not said of a packet is not so', () => {
    const { hopLimit: _, ...unknown } = on('icmpv6/135/0 fe80::1 > fe80::2')
    assert.equal(evaluate(closed('ingress'), 'ingress', unknown).action, 'deny')
  })
})

test('essential traffic of a stateless policy, and none where a policy names none', () => {
  const dhcp = packet('udp 192.0.2.1:67 > 192.0.2.10:68', { link: true })
  const closed = policy([])
  assert.equal(evaluate(closed, 'ingress', dhcp).action, 'allow')
  assert.equal(evaluate({ ...closed, essentials: [] }, 'ingress', dhcp).action, 'deny')
})

describe('the order of judgement (§5)', () => {
  const solicitation = packet('icmpv6/135/0 fe80::1 > fe80::2', { hopLimit: 255, link: true })
  const stateful = policy([rule('deny', {})], { stateful: true })
  check('essentials come before state', stateful, [
    [{ ...solicitation, state: 'invalid' }, 'allow neighbour-discovery'],
    [{ ...solicitation, state: 'established' }, 'allow neighbour-discovery'],
  ])
  check('state comes before rules', stateful, [[{ ...ssh, state: 'established' }, 'allow state']])
  check(
    'an unfiltered direction comes before all',
    stateful,
    [
      [{ ...ssh, state: 'invalid' }, 'allow off'],
      [solicitation, 'allow off'],
    ],
    'egress',
  )
})

test('a trace tells of every rule looked at, and why it did not match', () => {
  const given = policy([
    off(rule('allow', {})),
    rule('allow', { family: 'ipv6' }),
    rule('allow', { protocol: 17 }),
    rule('allow', { protocol: 17 }, { protocol: 6, destinationPorts: ports(23) }),
    rule('allow'),
    rule('deny', { source: addresses('203.0.113.1') }),
    rule('reject', { protocol: 6 }),
    rule('allow', {}),
  ])
  const { path, decidedBy } = trace(given, 'ingress', ssh)
  assert.deepEqual(
    path.map((step) => (step.matched ? 'matched' : step.mismatch)),
    ['disabled', 'family', 'protocol', 'destinationPorts', 'disabled', 'source', 'matched'],
  )
  assert.deepEqual(decidedBy, { kind: 'rule', rule: 'r7', position: 7, policy: 'p' })
})

test('a trace is the same verdict, and its way ends with what decided', () => {
  fc.assert(
    fc.property(
      arbitraryPolicy,
      fc.constantFrom<Direction>('ingress', 'egress'),
      arbitraryPacket,
      (given, direction, one) => {
        const { path, ...verdict } = trace(given, direction, one)
        assert.deepEqual(verdict, evaluate(given, direction, one))
        const last = path.at(-1)
        if (verdict.decidedBy.kind === 'rule') {
          assert.deepEqual([last?.matched, last?.rule], [true, verdict.decidedBy.rule])
          assert.ok(path.slice(0, -1).every((step) => !step.matched && step.mismatch !== undefined))
        } else if (verdict.decidedBy.kind === 'default') {
          const part = given[direction]
          const rules = part.filtered ? part.lists.flatMap((list) => list.rules) : []
          assert.deepEqual(
            path.map((step) => step.rule),
            rules.map((each) => each.id),
          )
          assert.ok(path.every((step) => !step.matched))
        } else assert.deepEqual(path, [])
      },
    ),
    { numRuns: 1000 },
  )
})
