import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricsOf } from '../../test/support/metrics.ts'

test('packets by host, direction and what decided, and what became of decisions', async () => {
  let packets = 3
  const metrics = metricsOf({
    traffic: {
      hits: {
        totals: () => [
          { host: 'kvm7', direction: 'ingress', kind: 'rule', packets, bytes: 180 },
          { host: 'kvm7', direction: 'egress', kind: 'default', packets: 1, bytes: 60 },
        ],
        suppressed: () => 40,
      },
      decisions: { counts: () => ({ told: 5, missed: 2 }) },
    },
  })
  const found = async () => (await metrics.text()).split('\n').filter((line) => /^portcullis_deci/.test(line))
  const lines = [
    'portcullis_decided_packets_total{host="kvm7",direction="ingress",decider="rule"} 3',
    'portcullis_decided_packets_total{host="kvm7",direction="egress",decider="default"} 1',
    'portcullis_decided_bytes_total{host="kvm7",direction="ingress",decider="rule"} 180',
    'portcullis_decided_bytes_total{host="kvm7",direction="egress",decider="default"} 60',
    'portcullis_decisions_told_total 5',
    'portcullis_decisions_suppressed_total 40',
    'portcullis_decisions_missed_total 2',
  ]
  assert.deepEqual(await found(), lines)
  packets = 4
  assert.equal((await found())[0], lines[0]?.replace(/3$/, '4'))
})
