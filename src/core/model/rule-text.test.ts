import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { arbitraryMatch } from '../../../test/support/arbitraries.ts'
import type { JsonObject } from '../json.ts'
import { families } from '../net/address.ts'
import { decodeMatch } from './codec.ts'
import { containsMatch } from './match-fields.ts'
import type { Match } from './rule.ts'
import { matchText, packetText, ruleText } from './rule-text.ts'

/** What is written, by the encoded matches of an allowing rule. */
const texts: readonly (readonly [string, readonly JsonObject[]])[] = [
  ['any', [{}]],
  ['nothing', []],
  ['ipv6', [{ family: 'ipv6' }]],
  [
    'tcp from 198.51.100.0/24 to port 22',
    [
      {
        ...{ family: 'ipv4', protocol: 6, source: [['198.51.100.0', '198.51.100.255']] },
        destinationPorts: [[22, 22]],
      },
    ],
  ],
  ['ipv4 tcp to port 22', [{ family: 'ipv4', protocol: 6, destinationPorts: [[22, 22]] }]],
  [
    'udp to port 53 or tcp to port 53',
    [17, 6].map((protocol) => ({ protocol, destinationPorts: [[53, 53]] })),
  ],
  ['icmp type 8', [{ family: 'ipv4', protocol: 1, icmpType: 8 }]],
  ['icmpv6 type 1 code 4', [{ protocol: 58, icmpType: 1, icmpCode: 4 }]],
  ['any icmp type 3 code 1', [{ icmpType: 3, icmpCode: 1 }]],
  ['ipv6 protocol 1', [{ family: 'ipv6', protocol: 1 }]],
  ['protocol 41', [{ protocol: 41 }]],
  ['protocol 99', [{ protocol: 99 }]],
  ['gre', [{ protocol: 47 }]],
  [
    'tcp from 10.0.0.1-10.0.0.3,2001:db8::/64 port 1024-65535 to port 80,443',
    [
      {
        protocol: 6,
        source: [
          ['10.0.0.1', '10.0.0.3'],
          ['2001:db8::', '2001:db8::ffff:ffff:ffff:ffff'],
        ],
        sourcePorts: [[1024, 65_535]],
        destinationPorts: [
          [80, 80],
          [443, 443],
        ],
      },
    ],
  ],
  [
    'from any ipv4 mac 52:54:00:00:00:01',
    [{ source: [['0.0.0.0', '255.255.255.255']], sourceMac: '52:54:00:00:00:01' }],
  ],
  ['from nowhere to port none', [{ source: [], destinationPorts: [] }]],
  [
    'udp to port 1,3,5,7,9,11,13,15 and 12 more',
    [{ protocol: 17, destinationPorts: Array.from({ length: 20 }, (_, i) => [2 * i + 1, 2 * i + 1]) }],
  ],
  [
    'udp to port 1,3,5,7,9,11,13,15,17',
    [{ protocol: 17, destinationPorts: Array.from({ length: 9 }, (_, i) => [2 * i + 1, 2 * i + 1]) }],
  ],
  [
    'protocol 100 or protocol 101 or protocol 102 or pim and 2 more',
    [100, 101, 102, 103, 104, 105].map((protocol) => ({ protocol })),
  ],
]

for (const [text, matches] of texts) {
  test(`a rule reads: allow ${text}`, () => {
    assert.equal(ruleText({ action: 'allow', matches: matches.map(decodeMatch) }), `allow ${text}`)
  })
}

test('a rule that stands for those of another policy says which', () => {
  assert.equal(ruleText({ action: 'allow', matches: [], include: 'web' }), 'look at the rules of web')
})

/** With the family that its addresses say: a match is the same with it. */
function explicit(match: Match): Match {
  const said = [match.source, match.destination].flatMap((set) => {
    const [family, ...more] = set ? families.filter((each) => set[each].length > 0) : []
    return family && more.length === 0 ? [family] : []
  })
  return said[0] && match.family === undefined ? { ...match, family: said[0] } : match
}

test('what reads alike matches the same packets', () => {
  const read = new Map<string, Match>()
  fc.assert(
    fc.property(arbitraryMatch.map(explicit), (match) => {
      const text = matchText(match)
      const other = read.get(text)
      read.set(text, match)
      if (!other) return
      assert.ok(containsMatch(other, match) && containsMatch(match, other), text)
    }),
    { numRuns: 5000 },
  )
})

test('packets, as far as they could be read', () => {
  const ip = { etherType: 0x0800, length: 60, source: '203.0.113.9', destination: '192.0.2.10' }
  const six = { etherType: 0x86dd, length: 72, source: '2001:db8::1', destination: '2001:db8::2' }
  for (const [text, packet] of [
    [
      'tcp 203.0.113.9:40000 > 192.0.2.10:22, 60 bytes',
      { ...ip, protocol: 6, sourcePort: 40_000, destinationPort: 22 },
    ],
    [
      'udp [2001:db8::1]:53 > [2001:db8::2]:1024, 72 bytes',
      { ...six, protocol: 17, sourcePort: 53, destinationPort: 1024 },
    ],
    [
      'icmp type 8 code 0 203.0.113.9 > 192.0.2.10, 60 bytes',
      { ...ip, protocol: 1, icmpType: 8, icmpCode: 0 },
    ],
    ['tcp 203.0.113.9 > 192.0.2.10, 60 bytes', { ...ip, protocol: 6 }],
    ['protocol 99 203.0.113.9 > 192.0.2.10, 60 bytes', { ...ip, protocol: 99 }],
    ['arp 192.0.2.10 > ?, 42 bytes', { etherType: 0x0806, length: 42, source: '192.0.2.10' }],
    [
      'frame 0x88cc 52:54:00:00:00:01 > ?, 60 bytes',
      { etherType: 0x88cc, length: 60, sourceMac: '52:54:00:00:00:01' },
    ],
    ['frame 0x88cc, 60 bytes', { etherType: 0x88cc, length: 60 }],
  ] as const) {
    assert.equal(packetText(packet), text)
  }
})
