/** Not ready only when nothing of the host is enforced; otherwise degraded, with reasons that tell nobody's secrets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { viewOf } from '../../test/support/status.ts'
import type { HostStatus, InterfaceState } from '../core/model/desired.ts'
import { readinessOf } from './readiness.ts'

const host = (states: readonly InterfaceState[], more: Partial<HostStatus> = {}): HostStatus => ({
  ...{ host: 'kvm', target: 'nftables', observe: false, desiredRevision: 2, appliedRevision: 1 },
  ...{ state: 'applied', error: null, repairs: 0, warnings: [] },
  interfaces: states.map((state, n) => ({
    ...{ id: `secret${n}`, device: `secret${n}`, appliedRevision: 1, state, error: 'secret', notes: [] },
  })),
  ...more,
})

test('what a load balancer is told', () => {
  for (const [what, status, ready, reasons] of [
    ['before the agent says anything', undefined, false, /nothing has been enforced yet/],
    [
      'before the first apply',
      host(['applying'], { appliedRevision: null }),
      false,
      /nothing has been enforced yet/,
    ],
    ['no interface, before that is in force', host([], { appliedRevision: null }), false, /nothing has been/],
    ['no interface is here', host([]), true, /^no interface is on host kvm$/],
    [
      'no interface is here, and the last change failed',
      host([], { state: 'failing' }),
      true,
      /^no interface is on host kvm; the last change/,
    ],
    ['nothing can be enforced', host(['failing', 'failing']), false, /no interface can be enforced/],
    ['all is well', host(['applied', 'closed']), true, /^$/],
    ['all are off', host(['closed']), true, /^$/],
    ['a change under way', host(['applied', 'applying'], { state: 'applying' }), true, /^$/],
    ['one fails', host(['applied', 'failing']), true, /^1 of 2 interfaces cannot be enforced$/],
    ['one fails and one is off', host(['closed', 'failing']), true, /^1 of 2 interfaces/],
    [
      'the last change failed',
      host(['applied'], { state: 'failing', error: 'secret' }),
      true,
      /^the last change/,
    ],
    ['the host is observed', host(['observing'], { observe: true }), true, /^observing: nothing is dropped$/],
    [
      'an interface is observed',
      host(['observing', 'applied']),
      true,
      /^observing: .* on 1 of 2 interfaces$/,
    ],
    ['warnings', host(['applied'], { warnings: ['secret'] }), true, /^there are warnings in the log$/],
  ] as const) {
    const came = readinessOf(status && viewOf(status))
    assert.equal(came.ready, ready, what)
    assert.match(came.reasons.join('; '), reasons, what)
    assert.doesNotMatch(JSON.stringify(came), /secret/, what)
  }
})
