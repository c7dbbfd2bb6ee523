/** What is enforced is told in numbers, when they change, and not more often than every ten seconds. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { viewOf } from '../../../test/support/status.ts'
import type { HostStatus, InterfaceState } from '../../core/model/desired.ts'
import { createEnforcedLog } from './enforced-log.ts'

const view = (revision: number, ...states: InterfaceState[]) =>
  viewOf({
    ...{
      host: 'kvm7',
      target: 'nftables',
      observe: false,
      desiredRevision: revision,
      appliedRevision: revision,
    },
    ...{ state: 'applied', error: null, repairs: 0, warnings: [] },
    interfaces: states.map((state, n) => ({
      ...{ id: `nic-${n}`, device: `tap${n}`, appliedRevision: revision, state },
      ...{ error: state === 'failing' ? 'x' : null, notes: [] },
    })),
  } as HostStatus)

function begin({ mock: { timers } }: TestContext) {
  timers.enable({ apis: ['setTimeout'] })
  let now = 0
  const lines: { revision: number; interfaces: Record<string, number> }[] = []
  const log = createEnforcedLog({ info: (fields) => void lines.push(fields as never) }, () => now)
  const pass = (ms: number) => {
    now += ms
    timers.tick(ms)
  }
  return { lines, log, pass, told: () => lines.map(({ revision }) => revision) }
}

test('the first round is told, and later ones that change the numbers', (t) => {
  const { lines, log, pass, told } = begin(t)
  log.round(view(1, 'applied', 'closed'))
  assert.equal(lines[0]?.interfaces.applied, 1)
  assert.equal(lines[0]?.interfaces.closed, 1)
  for (let revision = 2; revision < 1000; revision++) log.round(view(revision, 'applied', 'closed'))
  pass(60_000)
  assert.deepEqual(told(), [1], 'the same numbers are told again')
  log.round(view(1000, 'applied', 'failing'))
  assert.deepEqual(told(), [1, 1000])
  assert.equal(lines[1]?.interfaces.failing, 1)
})

test('numbers that change all the time are told every ten seconds, the last ones too', (t) => {
  const { lines, log, pass, told } = begin(t)
  for (let revision = 1; revision <= 100; revision++) {
    log.round(view(revision, ...new Array<InterfaceState>(revision).fill('applied')))
    pass(1000)
  }
  assert.ok(told().length <= 11, String(told()))
  pass(10_000)
  assert.equal(lines.at(-1)?.interfaces.applied, 100)
  log.round(view(101))
  log.round(view(102, 'applied'))
  log.close()
  pass(60_000)
  assert.equal(told().at(-1), 101, 'told after its end')
})
