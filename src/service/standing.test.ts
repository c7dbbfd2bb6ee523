/** What is in force on an interface, and how far its newest change is: a table of what an agent may have said. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InterfaceState } from '../core/model/desired.ts'
import type { HostWords } from '../core/model/status-change.ts'
import { type Known, progressOf, standingOf } from './standing.ts'

const known = (
  applied: number | null,
  hostState: HostWords['state'],
  [state, own, error]: readonly [InterfaceState, number | null, string?],
  gone = false,
): Known => ({
  words: {
    ...{ host: 'h', target: 'fake', observe: false, desiredRevision: applied, appliedRevision: applied },
    ...{ state: hostState, error: null, repairs: 0, warnings: [] },
  },
  gone,
  of: () => ({ appliedRevision: own, state, error: error ?? null, notes: [] }),
})

const hostFails = 'the rules of its host could not be changed; those before stay in force'

test('of an interface whose newest change is of revision 5', () => {
  for (const [what, host, wanted, progress] of [
    ['in force', known(5, 'applied', ['applied', 2]), ['applied', 5, null], null],
    ['the host is newer', known(9, 'applying', ['closed', null]), ['closed', 9, null], null],
    ['the agent has not read it', known(4, 'applied', ['applied', 4]), ['applying', 4, null], 'applying'],
    ['it is under way', known(4, 'applying', ['applied', 2]), ['applying', 4, null], 'applying'],
    ['the host failed', known(4, 'failing', ['applied', 2]), ['failing', 4, hostFails], 'failing'],
    ['it came', known(4, 'applying', ['applying', null]), ['applying', null, null], 'waiting'],
    ['it came and failed', known(4, 'failing', ['applying', null]), ['failing', null, hostFails], 'failing'],
    ['nothing is in force', known(null, 'starting', ['applied', null]), ['applying', null, null], 'waiting'],
    ['it fails', known(5, 'applied', ['failing', 3, 'why']), ['failing', 3, 'why'], 'failing'],
    ['it fails since', known(6, 'applied', ['failing', 5, 'why']), ['failing', 5, 'why'], 'failing'],
    ['it failed before', known(4, 'applying', ['failing', 3, 'why']), ['applying', 3, null], 'applying'],
    ['and its host, too', known(4, 'failing', ['failing', 3, 'why']), ['failing', 3, 'why'], 'failing'],
    ['observed', known(4, 'applying', ['observing', 2]), ['observing', 4, null], 'applying'],
    ['observed, in force', known(5, 'applied', ['observing', 2]), ['observing', 5, null], null],
    ['observed, host fails', known(4, 'failing', ['observing', 2]), ['observing', 4, null], 'failing'],
    ['silent', known(4, 'failing', ['applied', 2], true), ['applied', 4, null], 'failing'],
    ['silent, in force', known(5, 'failing', ['applied', 2], true), ['applied', 5, null], null],
  ] as const) {
    const { state, appliedRevision, error, ...rest } = standingOf('nic', host, 5)
    assert.deepEqual([state, appliedRevision, error], wanted, what)
    assert.equal(progressOf({ state, appliedRevision, error, ...rest }, host, 5), progress, what)
  }
})
