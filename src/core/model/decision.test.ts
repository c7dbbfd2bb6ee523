/** Only what is as short as what agents write is read: decisions are kept in memory, and shown to tenants. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeDecisions } from './decision.ts'

const decision = (more: object = {}, packet: object = {}) => [
  {
    ...{ at: 1, host: 'kvm1', interface: 'a', direction: 'ingress', outcome: 'denied', observed: false },
    ...{ by: 'default', position: null, level: 'info', revision: 1, ...more },
    packet: { etherType: 0x0800, length: 60, ...packet },
  },
]

test('decisions of packets are read as they are', () => {
  const packets = [
    { sourceMac: '52:54:00:00:00:01', protocol: 6, source: '192.0.2.1', destination: '2001:db8::1' },
    { protocol: 17, source: '::ffff:192.0.2.1', sourcePort: 65_535, destinationPort: 0 },
    { protocol: 58, icmpType: 255, icmpCode: 0 },
  ]
  for (const packet of packets) assert.deepEqual(decodeDecisions(decision({}, packet)), decision({}, packet))
})

test('what no packet has, and what is longer than any name, is refused', () => {
  const long = 'x'.repeat(100_000)
  const cases: readonly (readonly [more: object, packet?: object])[] = [
    [{ interface: long }],
    [{ host: long }],
    [{ by: `list ${long}` }],
    [{}, { source: '\u001b[2J' }],
    [{}, { source: '1'.repeat(46) }],
    [{}, { destination: '<b>' }],
    [{}, { sourceMac: long }],
    [{}, { sourcePort: 65_536 }],
    [{}, { protocol: 256 }],
    [{}, { icmpType: -1 }],
    [{}, { etherType: 1e9 }],
  ]
  for (const [more, packet] of cases)
    assert.throws(
      () => decodeDecisions(decision(more, packet)),
      /corrupt/,
      JSON.stringify([more, packet]).slice(0, 60),
    )
})
