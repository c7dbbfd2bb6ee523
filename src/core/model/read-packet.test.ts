/** Packets written by another hand, cut off everywhere, and bytes that are no packets at all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { arbitraryPacket } from '../../../test/support/arbitraries.ts'
import { cut, type Frame, frame } from '../../../test/support/frames.ts'
import { arp, broadcast, etherType } from '../../../test/support/link-frames.ts'
import { type Family, formatAddress, parseAddress } from '../net/address.ts'
import { hasPorts, icmpFamily } from '../net/protocol.ts'
import type { SeenPacket } from './decision.ts'
import { readPacket } from './read-packet.ts'

const value = (text: string): bigint => {
  const parsed = parseAddress(text)
  assert.ok(parsed.ok)
  return parsed.value.value
}
const of = (family: Family, protocol: number, more: Partial<Frame> = {}): Frame => ({
  ...{ family, protocol, id: 1, hopLimit: 64 },
  source: value(family === 'ipv4' ? '192.0.2.1' : '2001:db8::1'),
  destination: value(family === 'ipv4' ? '198.51.100.2' : '2001:db8:1::2'),
  ...{ sourceMac: '52:54:00:00:00:01', destinationMac: '52:54:00:00:00:02' },
  ...more,
})
/** As the kernel hands it over: without its Ethernet header. */
const read = (bytes: Buffer, length = 128): SeenPacket =>
  readPacket({
    etherType: bytes.readUInt16BE(12),
    bytes: bytes.subarray(14, 14 + length),
    header: 14,
    sourceMac: bytes.subarray(6, 12),
  })

const sourceMac = '52:54:00:00:00:01'
const v4 = { etherType: 0x0800, sourceMac, source: '192.0.2.1', destination: '198.51.100.2' }
const v6 = { etherType: 0x86dd, sourceMac, source: '2001:db8::1', destination: '2001:db8:1::2' }
const ports = { sourcePort: 1024, destinationPort: 443 }

const cases: readonly [name: string, bytes: Buffer, want: SeenPacket][] = [
  ...[6, 17, 33, 132, 136].map(
    (protocol) =>
      [
        `protocol ${protocol}`,
        frame(of('ipv4', protocol, ports)),
        { ...v4, length: 68, protocol, ...ports },
      ] as [string, Buffer, SeenPacket],
  ),
  [
    'IPv4 options',
    frame(of('ipv4', 6, { ...ports, extensions: [1] })),
    { ...v4, length: 76, protocol: 6, ...ports },
  ],
  ['a protocol without ports', frame(of('ipv4', 47)), { ...v4, length: 68, protocol: 47 }],
  [
    'ICMP',
    frame(of('ipv4', 1, { icmpType: 3, icmpCode: 13 })),
    { ...v4, length: 68, protocol: 1, icmpType: 3, icmpCode: 13 },
  ],
  ['ICMP in IPv6', frame(of('ipv6', 1, { icmpType: 8 })), { ...v6, length: 88, protocol: 1 }],
  [
    'ICMPv6',
    frame(of('ipv6', 58, { icmpType: 128, icmpCode: 0 })),
    { ...v6, length: 88, protocol: 58, icmpType: 128, icmpCode: 0 },
  ],
  [
    'all extension headers',
    frame(of('ipv6', 17, { ...ports, extensions: [0, 60, 43, 44] })),
    { ...v6, length: 120, protocol: 17, ...ports },
  ],
  [
    'a long packet',
    frame(of('ipv4', 17, { ...ports, length: 1400 })),
    { ...v4, length: 1420, protocol: 17, ...ports },
  ],
  [
    'a first fragment',
    cut(of('ipv4', 17, ports), [80])[0] as Buffer,
    { ...v4, length: 100, protocol: 17, ...ports },
  ],
  ['a later one', cut(of('ipv4', 17, ports), [80])[1] as Buffer, { ...v4, length: 100, protocol: 17 }],
  [
    'a first fragment of IPv6',
    cut(of('ipv6', 6, ports), [80])[0] as Buffer,
    { ...v6, length: 128, protocol: 6, ...ports },
  ],
  ['a later one of IPv6', cut(of('ipv6', 6, ports), [80])[1] as Buffer, { ...v6, length: 128, protocol: 6 }],
  [
    'ARP',
    arp(
      { from: sourceMac, to: broadcast },
      'request',
      ['52:54:00:00:00:09', '10.0.0.9'],
      [broadcast, '10.0.0.1'],
    ),
    { etherType: etherType.arp, length: 42, sourceMac, source: '10.0.0.9' },
  ],
]

for (const [name, bytes, want] of cases) test(name, () => assert.deepEqual(read(bytes), want))

test('a packet with a tag is a frame of its tag', () => {
  const bytes = frame(of('ipv4', 6, ports)).subarray(14)
  assert.deepEqual(readPacket({ etherType: 0x8100, bytes, header: 18, sourceMac: undefined }), {
    etherType: 0x8100,
    length: 18 + bytes.length,
  })
})

test('what is cut off has fewer fields, and none that is another', () => {
  for (const [name, bytes, want] of cases) {
    for (let length = 0; length < Math.min(bytes.length - 14, 128); length++) {
      const { length: _, protocol, ...seen } = read(bytes, length)
      const { length: __, protocol: wanted, ...all } = want
      for (const [key, value] of Object.entries(seen))
        assert.equal(value, all[key as keyof typeof all], `${name}, ${length} bytes: ${key}`)
      // Of extension headers the first one that is missing.
      if (protocol !== undefined) assert.ok([wanted, 0, 43, 44, 60].includes(protocol), name)
    }
  }
})

test('lengths and versions that lie', () => {
  const bytes = frame(of('ipv4', 6, ports))
  const lying = (at: number, byte: number) => {
    const copy = Buffer.from(bytes)
    copy[at] = byte
    return read(copy)
  }
  assert.deepEqual(lying(14, 0x65), { etherType: 0x0800, sourceMac, length: 68 })
  assert.deepEqual(lying(14, 0x44), { ...v4, length: 68, protocol: 6 })
  // A header of 60 bytes: the ports would be behind what is captured of 64.
  const longHeader = Buffer.from(bytes.subarray(0, 14 + 62))
  longHeader[14] = 0x4f
  assert.deepEqual(read(longHeader), { ...v4, length: 68, protocol: 6 })
  // Big TCP: what the kernel has not cut yet says 0.
  const big = Buffer.from(bytes)
  big.writeUInt16BE(0, 16)
  assert.equal(read(big).length, 68)
})

test('packets of every kind are read as what they are', () => {
  fc.assert(
    fc.property(arbitraryPacket, (packet) => {
      const { family, protocol, sourcePort, destinationPort, icmpType, icmpCode } = packet
      const known = [0, 43, 44, 60].includes(protocol) && family === 'ipv6'
      if (known) return
      const seen = read(frame({ ...packet, ...of(family, protocol), ...packet, id: 1, hopLimit: 9 } as Frame))
      assert.equal(seen.protocol, protocol)
      assert.equal(seen.source, formatAddress(family, packet.source))
      assert.equal(seen.destination, formatAddress(family, packet.destination))
      if (hasPorts(protocol)) {
        assert.equal(seen.sourcePort, sourcePort ?? 0)
        assert.equal(seen.destinationPort, destinationPort ?? 0)
      } else if (icmpFamily(protocol) === family) {
        assert.equal(seen.icmpType, icmpType ?? 0)
        assert.equal(seen.icmpCode, icmpCode ?? 0)
      } else assert.equal(seen.sourcePort ?? seen.icmpType, undefined)
    }),
    { numRuns: 500 },
  )
})

test('whatever bytes come, nothing is thrown, and numbers stay in their ranges', () => {
  const begin = fc.constantFrom(
    [],
    [0x45, 0, 0, 60],
    [0x4f, 0, 0, 0],
    [0x60, 0, 0, 0, 0, 99, 0],
    [0x60, 0, 0, 0, 0, 99, 44],
    [0, 1, 8, 0, 6, 4],
  )
  const type = fc.oneof(fc.constantFrom(0x0800, 0x86dd, 0x0806), fc.nat(0xffff))
  const mac = fc.option(fc.uint8Array({ maxLength: 8 }), { nil: undefined })
  fc.assert(
    fc.property(type, begin, fc.uint8Array({ maxLength: 140 }), mac, (etherType, first, rest, sourceMac) => {
      // Not at the beginning of its memory.
      const bytes = new Uint8Array([7, ...first, ...rest]).subarray(1)
      const seen = readPacket({ etherType, bytes, header: 14, sourceMac })
      assert.equal(seen.etherType, etherType)
      for (const [key, value] of Object.entries(seen)) {
        if (typeof value === 'number')
          assert.ok(Number.isInteger(value) && value >= 0 && value <= 65_575, `${key} ${value}`)
        else assert.equal(typeof value, 'string')
      }
    }),
    { numRuns: 5000 },
  )
})
