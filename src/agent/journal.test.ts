/** The log tells a problem once, again at growing intervals, and its end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { whole } from '../../test/support/status.ts'
import type { HostStatus, InterfaceState } from '../core/model/desired.ts'
import { createJournal } from './journal.ts'
import { type Round, roundError } from './round.ts'

function world() {
  let now = 0
  const lines: string[] = []
  const write = (level: string) => (fields: object, text: string) =>
    void lines.push([level, text, ...('device' in fields ? [fields.device] : [])].join(' '))
  const log = { info: write('info'), warn: write('warn'), error: write('error') }
  const journal = createJournal(log, () => now)
  const say = (
    round: Round,
    states: readonly [string, InterfaceState, string?][] = [],
    warnings: string[] = [],
  ) => {
    lines.length = 0
    const interfaces = states.map(([device, state, error = 'why']) => ({
      ...{ id: device, device, appliedRevision: 1, state, notes: [] },
      error: state === 'failing' ? error : null,
    }))
    journal.status(whole({ interfaces, warnings } as unknown as HostStatus))
    journal.round(round)
    return [...lines]
  }
  return { say, wait: (milliseconds: number) => (now += milliseconds) }
}

const failed: Round = { kind: 'failed', error: roundError(new Error('x')) }
const applied = (repaired = false): Round => ({
  ...{ kind: 'applied', seconds: 0, changed: true, repaired, guarded: '', details: [] },
})

test('a host that fails: at once, then after 1, 2, 4, … minutes, at most an hour apart', () => {
  const { say, wait } = world()
  const told: number[] = []
  for (let minute = 0; minute <= 300; minute++) {
    for (let attempt = 0; attempt < 6; attempt++) {
      if (say(failed).length > 0) told.push(minute)
      wait(10_000)
    }
  }
  assert.deepEqual(told, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243])
  assert.deepEqual(say(applied()), ['info rules are applied again'])
  assert.deepEqual(say(applied()), [])
  assert.equal(say(failed).length, 1, 'another problem begins anew')
})

test('an interface that fails: once for each reason, again at growing intervals, and its end', () => {
  const { say, wait } = world()
  assert.deepEqual(
    say(applied(), [
      ['a', 'applied'],
      ['b', 'failing'],
    ]),
    ['error interface fails b'],
  )
  assert.deepEqual(
    say(applied(), [
      ['a', 'applied'],
      ['b', 'failing'],
    ]),
    [],
  )
  assert.deepEqual(
    say(applied(), [
      ['a', 'failing'],
      ['b', 'failing', 'another'],
    ]),
    ['error interface fails a', 'error interface fails b'],
  )
  wait(60_000)
  assert.deepEqual(
    say(applied(), [
      ['a', 'failing'],
      ['b', 'failing', 'another'],
    ]),
    ['error interfaces still fail'],
  )
  assert.deepEqual(
    say(applied(), [
      ['a', 'applied'],
      ['b', 'closed'],
    ]),
    ['info interface fails no more a', 'info interface fails no more b'],
  )
})

test('an interface that is closed: why, and that it no longer is', () => {
  const lines: string[] = []
  const write = (level: string) => (fields: object, text: string) =>
    void lines.push(`${level} ${text} ${(fields as { reason?: string }).reason ?? ''}`.trim())
  const journal = createJournal({ info: write('info'), warn: write('warn'), error: write('error') })
  const { host } = whole({ warnings: [] } as unknown as HostStatus)
  const say = (...states: readonly [InterfaceState, string | null][]) => {
    lines.length = 0
    const put = states.map(([state, error], n) => ({
      ...{ id: String(n), device: `tap${n}`, appliedRevision: null, state, error, notes: [] },
    }))
    journal.status({ host, whole: false, put, remove: [] })
    journal.round(applied())
    return [...lines]
  }
  assert.deepEqual(say(['closed', 'no device'], ['closed', null]), ['info interface is closed no device'])
  assert.deepEqual(say(['closed', 'no device']), [])
  assert.deepEqual(say(['failing', 'x']), ['error interface fails x'])
  assert.deepEqual(say(['closed', 'no device']), ['info interface is closed no device'])
  assert.deepEqual(say(['applied', null]), ['info interface is closed no more'])
  assert.deepEqual(say(['applied', null]), [])
  const many = (state: InterfaceState, error: string | null) =>
    say(...Array.from({ length: 5000 }, (): [InterfaceState, string | null] => [state, error]))
  const told = many('failing', 'x')
  assert.deepEqual([told.length, told.at(-1)], [101, 'warn more interfaces fail, are closed, or no longer'])
  assert.deepEqual(many('failing', 'x'), [])
  assert.equal(many('applied', null).length, 101)
})

test('a warning when it begins, a repair whenever it happens', () => {
  const { say } = world()
  assert.deepEqual(say(applied(true), [], ['w']), [
    'warn somebody changed our tables; they are repaired',
    'warn w',
  ])
  assert.deepEqual(say(applied(), [], ['w', 'v']), ['warn v'])
  assert.deepEqual(say(applied(), [], []), [])
  assert.deepEqual(say(applied(), [], ['w']), ['warn w'])
})

test('an agent that begins anew: what still fails is not told again, and what ended is', () => {
  const { say } = world()
  const failing: [string, InterfaceState][] = [
    ['a', 'failing'],
    ['b', 'failing'],
    ['c', 'failing'],
  ]
  assert.equal(say(applied(), failing).length, 3)
  assert.deepEqual(say(failed), ['error rules could not be applied; those before stay in force'])
  assert.deepEqual(
    say(applied(), [
      ['a', 'failing'],
      ['b', 'applied'],
    ]),
    ['info rules are applied again', 'info interface fails no more b'],
  )
  assert.deepEqual(say(applied(), failing), ['error interface fails b', 'error interface fails c'])
})

test('what came and went between two rounds that succeed is not told', () => {
  const lines: object[] = []
  const write = (fields: object) => void lines.push(fields)
  const journal = createJournal({ info: write, warn: write, error: write })
  const put = (state: InterfaceState, error: string | null) => ({
    ...{ id: 'a', device: 'tap', appliedRevision: null, state, error, notes: [] },
  })
  const { host } = whole({ warnings: [] } as unknown as HostStatus)
  journal.status({ host, whole: true, put: [put('failing', 'e')], remove: [] })
  journal.status({ host, whole: false, put: [put('applied', null)], remove: [] })
  journal.round(applied())
  journal.status({ host, whole: false, put: [put('failing', 'e')], remove: [] })
  journal.status({ host, whole: false, put: [], remove: ['a'] })
  journal.round(applied())
  assert.deepEqual(lines, [])
  journal.status({ host, whole: false, put: [put('failing', 'e')], remove: [] })
  const details = [{ interface: 'a', detail: 'line 3' }]
  journal.round({ ...{ kind: 'applied', seconds: 0, changed: true, repaired: false, guarded: '' }, details })
  assert.deepEqual(lines, [{ interface: 'a', device: 'tap', reason: 'e', detail: 'line 3' }])
})
