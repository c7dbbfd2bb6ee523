import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricsOf } from '../../test/support/metrics.ts'
import { viewOf } from '../../test/support/status.ts'
import type { Connections, HostStatus } from '../core/model/desired.ts'

test('tracked connections: sums of the host, and the interfaces that are near their limit or refused some', async () => {
  const nic = (id: string, connections?: Connections) => ({
    ...{ id, device: id, appliedRevision: 1, state: 'applied', error: null, notes: [] },
    ...(connections && { connections }),
  })
  const none = { ingress: 0, egress: 0 }
  const host = {
    ...{ host: 'kvm7', target: 'nftables', observe: false, desiredRevision: 1, appliedRevision: 1 },
    ...{ state: 'applied', error: null, repairs: 0, warnings: [] },
    interfaces: [
      nic('quiet', { limit: 100, uses: { ingress: 1, egress: 2 }, refusals: none }),
      nic('busy', { limit: 100, uses: { ingress: 51, egress: 0 }, refusals: none }),
      nic('refusing', { limit: 100, uses: null, refusals: { ingress: 0, egress: 7 } }),
      nic('unlimited'),
    ],
  } as HostStatus
  const text = await metricsOf({ hosts: () => [viewOf(host)] }).text()
  const found = text.split('\n').filter((line) => /^portcullis_(interface_)?connections/.test(line))
  assert.deepEqual(found.sort(), [
    'portcullis_connections_limit{host="kvm7",direction="egress"} 300',
    'portcullis_connections_limit{host="kvm7",direction="ingress"} 300',
    'portcullis_connections_refused_total{host="kvm7",direction="egress"} 7',
    'portcullis_connections_refused_total{host="kvm7",direction="ingress"} 0',
    'portcullis_connections{host="kvm7",direction="egress"} 2',
    'portcullis_connections{host="kvm7",direction="ingress"} 52',
    'portcullis_interface_connections_limit{host="kvm7",interface="busy",device="busy",direction="egress"} 100',
    'portcullis_interface_connections_limit{host="kvm7",interface="busy",device="busy",direction="ingress"} 100',
    'portcullis_interface_connections_limit{host="kvm7",interface="refusing",device="refusing",direction="egress"} 100',
    'portcullis_interface_connections_limit{host="kvm7",interface="refusing",device="refusing",direction="ingress"} 100',
    'portcullis_interface_connections_refused_total{host="kvm7",interface="busy",device="busy",direction="egress"} 0',
    'portcullis_interface_connections_refused_total{host="kvm7",interface="busy",device="busy",direction="ingress"} 0',
    'portcullis_interface_connections_refused_total{host="kvm7",interface="refusing",device="refusing",direction="egress"} 7',
    'portcullis_interface_connections_refused_total{host="kvm7",interface="refusing",device="refusing",direction="ingress"} 0',
    'portcullis_interface_connections{host="kvm7",interface="busy",device="busy",direction="egress"} 0',
    'portcullis_interface_connections{host="kvm7",interface="busy",device="busy",direction="ingress"} 51',
  ])
})
