import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultVms } from '../../test/support/lab-topology.ts'
import { parseKind, planProbe } from './probe.ts'

test('packets', () => {
  assert.deepEqual(parseKind('tcp/22', 4), { ok: true, value: { protocol: 'tcp', port: 22 } })
  assert.deepEqual(parseKind('icmp', 4), { ok: true, value: { protocol: 'icmp', type: 8, code: 0 } })
  assert.deepEqual(parseKind('icmp', 6), { ok: true, value: { protocol: 'icmp', type: 128, code: 0 } })
  assert.deepEqual(parseKind('icmp/3/1', 4), { ok: true, value: { protocol: 'icmp', type: 3, code: 1 } })
  for (const text of [
    'tcp',
    'tcp/0',
    'tcp/65536',
    'tcp/22/1',
    'icmp/256',
    'icmp/0/256',
    'sctp/1',
    'udp/-1',
    '',
    'TCP/22',
  ]) {
    assert.equal(parseKind(text, 4).ok, false, text)
  }
})

test('ends: names, addresses, families and networks', () => {
  const cases: [string, string, string | undefined, string | undefined, 4 | 6 | undefined][] = [
    ['outside', 'web1', '198.51.100.10', '192.0.2.10', undefined],
    ['outside', 'web1', '2001:db8:ffff::10', '2001:db8::10', 6],
    ['web1', 'outside', '192.0.2.10', '198.51.100.10', undefined],
    ['web1', '2001:db8::11', '2001:db8::10', '2001:db8::11', undefined],
    ['web2', '10.0.0.12', '10.0.0.11', '10.0.0.12', undefined],
    ['10.0.0.12', 'web2', '10.0.0.12', '10.0.0.11', undefined],
    // There is no such network between them.
    ['outside', '10.0.0.12', undefined, undefined, undefined],
    ['web2', '10.0.0.12', undefined, undefined, 6],
    ['web1', 'web1', undefined, undefined, undefined],
    ['web1', '192.0.2.10', undefined, undefined, undefined],
    ['web9', 'web1', undefined, undefined, undefined],
  ]
  for (const [from, to, source, destination, family] of cases) {
    const plan = planProbe(defaultVms, from, to, 'tcp/22', family === undefined ? {} : { family })
    assert.equal(plan.ok ? plan.value.source : undefined, source, `${from} ${to}`)
    assert.equal(plan.ok ? plan.value.destination : undefined, destination, `${from} ${to}`)
  }
})
