/** The log tells a problem once, again at growing intervals, and its end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HostStatus, InterfaceState } from '../core/model/desired.ts'
import type { Round } from './agent.ts'
import { createJournal } from './journal.ts'

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
    journal.round(round, { interfaces, warnings } as unknown as HostStatus)
    return [...lines]
  }
  return { say, wait: (milliseconds: number) => (now += milliseconds) }
}

const failed: Round = { kind: 'failed', error: new Error('x') }
const applied = (repaired = false): Round => ({
  ...{ kind: 'applied', seconds: 0, changed: true, repaired },
  report: { changed: true, repaired, interfaces: [], guarded: '', warnings: [], retryMs: null },
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
