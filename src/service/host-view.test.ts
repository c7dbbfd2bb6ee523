/** Whatever was said in whatever order, what is kept of it is what the whole says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fold, whole } from '../../test/support/status.ts'
import { statusChange } from '../../test/support/statuses.ts'
import type { HostStatus, InterfaceStatus } from '../core/model/desired.ts'
import type { StatusChange } from '../core/model/status-change.ts'
import type { Reach } from './desired.ts'
import { createHostView, isPressed, outcomeOf } from './host-view.ts'

const ids = ['a', 'b', 'c', 'd', 'e', 'f']
const byId = (a: InterfaceStatus, b: InterfaceStatus) => a.id.localeCompare(b.id)

/** Counted by looking at all of them. */
function countsOf({ interfaces, ...words }: HostStatus) {
  const states = { applied: 0, applying: 0, failing: 0, closed: 0, observing: 0 }
  for (const { state } of interfaces) states[state]++
  const tracked = interfaces.flatMap(({ connections }) => connections ?? [])
  const sum = (of: (each: (typeof tracked)[number]) => number | undefined) =>
    tracked.reduce((total, each) => total + (of(each) ?? 0), 0)
  return {
    words,
    size: interfaces.length,
    states,
    tracked: {
      interfaces: tracked.length,
      limit: sum(({ limit }) => limit),
      uses: { ingress: sum(({ uses }) => uses?.ingress), egress: sum(({ uses }) => uses?.egress) },
      refusals: {
        ingress: sum(({ refusals }) => refusals.ingress),
        egress: sum(({ refusals }) => refusals.egress),
      },
    },
    noteworthy: interfaces
      .filter(
        ({ state, denials, unanswered, connections }) =>
          state === 'failing' || denials || unanswered || (connections && isPressed(connections)),
      )
      .sort(byId),
  }
}

test('after any sequence of changes the view is that of the whole', () => {
  fc.assert(
    fc.property(fc.array(statusChange(ids), { minLength: 1, maxLength: 12 }), (changes) => {
      const [first, ...rest] = changes as [StatusChange, ...StatusChange[]]
      const view = createHostView(first)
      let status = fold(undefined, first)
      for (const change of [null, ...rest]) {
        if (change) {
          view.hear(change)
          status = fold(status, change)
        }
        const { words, size, states, tracked } = view
        const noteworthy = [...view.noteworthy()].sort(byId)
        assert.deepEqual({ words, size, states, tracked, noteworthy }, countsOf(status))
        assert.deepEqual(ids.flatMap((id) => view.of(id) ?? []).sort(byId), [...status.interfaces].sort(byId))
        // Nothing is more than twice as frequent as what is taken for usual.
        const texts = status.interfaces.map((each) => JSON.stringify(outcomeOf(each)))
        const frequency = (text: string) => texts.filter((each) => each === text).length
        const most = Math.max(0, ...texts.map(frequency))
        assert.ok(most <= 2 * frequency(JSON.stringify(view.usual)), `${texts} ${JSON.stringify(view.usual)}`)
        const afresh = createHostView(whole(status))
        assert.deepEqual(
          [afresh.words, afresh.size, afresh.states, afresh.tracked],
          [words, size, states, tracked],
        )
      }
    }),
    { numRuns: 300 },
  )
})

test('an agent that has applied what it was handed last has applied all that does not concern its host', () => {
  const said = (appliedRevision: number | null, desiredRevision = appliedRevision) =>
    ({ ...first.host, appliedRevision, desiredRevision }) as const
  const first: StatusChange = {
    host: {
      ...{ host: 'local', target: 'fake', observe: false, desiredRevision: null, appliedRevision: null },
      ...{ state: 'applied', error: null, repairs: 0, warnings: [] },
    },
    ...{ whole: true, put: [], remove: [] },
  }
  let reach: Reach | null = null
  const view = createHostView(first, () => reach)
  const shown = () => [view.words.desiredRevision, view.words.appliedRevision]
  const hear = (host: StatusChange['host']) => view.hear({ host, whole: false, put: [], remove: [] })
  reach = { handed: 5, upTo: 9 }
  assert.deepEqual(shown(), [null, null], 'it has applied nothing')
  hear(said(4, 5))
  assert.deepEqual(shown(), [5, 4], 'it is not done with what it was handed')
  hear(said(5))
  assert.deepEqual(shown(), [9, 9])
  reach = { handed: 10, upTo: 12 }
  assert.deepEqual(shown(), [5, 5], 'it was handed more')
  hear(said(10, 13))
  assert.deepEqual(shown(), [13, 12])
  reach = null
  assert.deepEqual(shown(), [13, 10], 'nothing is known')
})
