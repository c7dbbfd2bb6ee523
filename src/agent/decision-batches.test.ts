/** Decisions are told at once or soon, together, in order, and never more than are taken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Decision } from '../core/model/decision.ts'
import { createDecisionBatches } from './decision-batches.ts'

const decision = (at: number, nic = 'nic', direction: Decision['direction'] = 'ingress') =>
  ({
    ...{ at, interface: nic, direction, outcome: 'denied', observed: false, by: 'default', position: null },
    ...{ level: 'info', revision: 1, packet: { etherType: 0x0800, length: 60 } },
  }) satisfies Omit<Decision, 'host'>
const several = (count: number, from = 0, nic = 'nic') =>
  Array.from({ length: count }, (_, n) => decision(from + n, nic))

function start() {
  const told: Decision[][] = []
  let taken: Promise<void> | undefined
  let pass = () => {}
  const pauses: number[] = []
  const batches = createDecisionBatches({
    host: 'kvm',
    epoch: 'agent.1',
    tell(decisions) {
      told.push([...decisions])
      return taken
    },
    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve()
        pauses.push(milliseconds)
        pass = resolve
        signal.addEventListener('abort', () => resolve())
      }),
  })
  return {
    ...{ batches, told, pauses },
    async pass() {
      pass()
      await turn()
    },
    /** Nothing more is taken before this resolves. */
    hold(until: Promise<void>) {
      taken = until
    },
    /** When each was decided. */
    times: () => told.flat().map(({ at }) => at),
  }
}

test('one after a while of quiet is told at once, those that follow it together', async () => {
  const { batches, told, pauses, pass, times } = start()
  batches.add([decision(1)])
  await turn()
  assert.deepEqual(told, [[{ ...decision(1), host: 'kvm' }]])
  assert.deepEqual(pauses, [50])
  batches.add([decision(2)])
  batches.add([decision(3)])
  await turn()
  assert.equal(told.length, 1)
  await pass()
  assert.equal(told.length, 2)
  assert.deepEqual(times(), [1, 2, 3])
  await pass()
  batches.add([decision(4)])
  await turn()
  assert.equal(told.length, 3)
  await batches.stop()
})

test('nothing is told while the last is not taken; what is too much is dropped and counted', async () => {
  const { batches, told, pass, hold, times } = start()
  const { promise, resolve } = Promise.withResolvers<void>()
  hold(promise)
  batches.add([decision(0)])
  await turn()
  batches.add(several(1000, 1))
  batches.add([decision(5000, 'nic'), decision(5001, 'nic', 'egress'), decision(5002, 'other')])
  await pass()
  assert.equal(told.length, 1)
  const lost = (id: string, ingress: number, egress: number) => ({
    ...{ id, epoch: 'agent.1', ingress: [], egress: [], suppressed: { ingress, egress } },
  })
  assert.deepEqual(batches.dropped(), [lost('nic', 1, 1), lost('other', 1, 0)])
  assert.deepEqual(batches.dropped(), [])
  batches.add([decision(5003, 'other')])
  assert.deepEqual(batches.dropped(), [lost('other', 2, 0)])
  resolve()
  await turn()
  for (let n = 0; n < 5; n++) await pass()
  assert.deepEqual(
    told.map(({ length }) => length),
    [1, 250, 250, 250, 250],
  )
  assert.deepEqual(
    times(),
    several(1001).map(({ at }) => at),
  )
  await batches.stop()
})

test('when it stops it tells what waits, and hears nothing more', async () => {
  const { batches, told, times } = start()
  batches.add([decision(1)])
  await turn()
  batches.add(several(300, 2))
  await batches.stop()
  assert.deepEqual(times().length, 301)
  batches.add([decision(999)])
  await turn()
  assert.equal(told.flat().length, 301)
})
