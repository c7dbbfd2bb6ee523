/** What an agent says arrives as it was said, or not at all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { misreadings } from '../../../test/support/misreadings.ts'
import { statusChange } from '../../../test/support/statuses.ts'
import type { JsonValue } from '../json.ts'
import { decodeStatusChange } from './status-change.ts'

const sent = (value: unknown): JsonValue => JSON.parse(JSON.stringify(value))

test('what is said is heard as the same', () => {
  fc.assert(
    fc.property(statusChange(['a', 'b']), (change) => {
      assert.deepEqual(decodeStatusChange(sent(change)), change)
    }),
    { numRuns: 300 },
  )
})

test('whatever differs in one place is refused', () => {
  const counts = { ingress: 1, egress: 2 }
  const change = {
    host: {
      ...{ host: 'h', target: 'fake', observe: false, desiredRevision: 2, appliedRevision: null },
      ...{ state: 'applying', error: 'why', repairs: 0, warnings: ['w'] },
    },
    whole: true,
    put: [
      {
        ...{ id: 'a', device: 'tap', appliedRevision: 1, state: 'failing', mode: 'routed', error: 'e' },
        ...{ notes: ['n'], denials: counts, unanswered: counts },
        connections: { limit: 9, uses: counts, refusals: counts },
      },
    ],
    remove: ['b'],
  }
  assert.deepEqual(decodeStatusChange(sent(change)), change)
  const wrong = [...misreadings(sent(change), ['mode', 'denials', 'connections', 'unanswered'])]
  assert.ok(wrong.length > 60, `${wrong.length}`)
  for (const each of [
    ...wrong,
    { ...change, remove: [''] },
    { ...change, host: { ...change.host, state: 'closed' } },
    { ...change, host: { ...change.host, repairs: -1 } },
    { ...change, host: { ...change.host, appliedRevision: 1.5 } },
    { ...change, put: [{ ...change.put[0], state: 'open' }] },
  ]) {
    assert.throws(() => decodeStatusChange(sent(each)), /^Error: corrupt/, JSON.stringify(each))
  }
})
