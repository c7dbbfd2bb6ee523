import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packetOf } from './trace.ts'

test('packets as they are written on the command line', () => {
  assert.deepEqual(packetOf('tcp', '1.2.3.4:555', '192.0.2.10:22'), {
    ok: true,
    value: {
      protocol: 'tcp',
      source: '1.2.3.4',
      destination: '192.0.2.10',
      sourcePort: 555,
      destinationPort: 22,
    },
  })
  assert.deepEqual(packetOf('UDP', '[2001:db8::1]:53', '2001:db8::2'), {
    ok: true,
    value: { protocol: 'udp', source: '2001:db8::1', destination: '2001:db8::2', sourcePort: 53 },
  })
  assert.deepEqual(packetOf('icmp/8', '1.2.3.4', '192.0.2.10'), {
    ok: true,
    value: { protocol: 'icmp', source: '1.2.3.4', destination: '192.0.2.10', icmpType: 8 },
  })
  for (const [protocol, source, destination] of [
    ['tcp', 'somewhere', '1.2.3.4'],
    ['tcp', '1.2.3.4', '1.2.3.4:'],
    ['icmp/x', '1.2.3.4', '1.2.3.4'],
    ['icmp/1/2/3', '1.2.3.4', '1.2.3.4'],
  ] as const) {
    assert.equal(packetOf(protocol, source, destination).ok, false, `${protocol} ${source} ${destination}`)
  }
})
