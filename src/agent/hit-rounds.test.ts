/** When counts are read and said: every so often, at once for who asks, seldom where it takes long, and a last time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Count, HitsReport, InterfaceHits } from '../core/model/hits.ts'
import { createHitRounds } from './hit-rounds.ts'

const count = (n: number): Count => ({ by: `rule p r${n}`, packets: n, bytes: n })
const nic = (id: string, ingress = 1, egress = 0): InterfaceHits => ({
  ...{ id, epoch: 'e', suppressed: { ingress: 0, egress: 0 } },
  ingress: Array.from({ length: ingress }, (_, n) => count(n)),
  egress: Array.from({ length: egress }, (_, n) => count(n)),
})

/** Time passes only in readings and pauses. */
function start({ takes = 0 }: { takes?: number } = {}) {
  let now = 0
  const said: HitsReport[] = []
  const pauses: number[] = []
  const errors: unknown[] = []
  let waiting: { ends: number; resolve(): void } | undefined
  let found: readonly InterfaceHits[] = []
  let reading: Promise<void> | undefined
  let failure: Error | undefined
  let reads = 0
  const rounds = createHitRounds({
    host: 'kvm',
    async read() {
      reads++
      now += takes
      await reading
      if (failure) throw failure
      const answer = found
      found = []
      return answer
    },
    say: (report) => void said.push(report),
    failed: (error) => void errors.push(error),
    now: () => now,
    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve()
        pauses.push(milliseconds)
        waiting = {
          ends: now + milliseconds,
          resolve,
        }
        signal.addEventListener('abort', () => resolve())
      }),
  })
  return {
    ...{ rounds, said, pauses, errors },
    reads: () => reads,
    count(...some: InterfaceHits[]) {
      found = [...found, ...some]
    },
    hold(until: Promise<void>) {
      reading = until
    },
    fail(error: Error | undefined) {
      failure = error
    },
    /** The pause that it is in ends. */
    async pass() {
      await turn()
      now = waiting?.ends ?? now
      waiting?.resolve()
      await turn()
    },
    settle: () => turn(),
  }
}

test('what has counted is said, and where nothing has nothing', async () => {
  const { rounds, said, pauses, count, pass, reads } = start()
  count(nic('a'))
  rounds.begin()
  await pass()
  await pass()
  count(nic('b'))
  await pass()
  assert.deepEqual(
    said.map(({ asked, interfaces }) => [asked, interfaces.map(({ id }) => id)]),
    [
      [false, ['a']],
      [false, ['b']],
    ],
  )
  assert.deepEqual(pauses.slice(0, 3), [10_000, 10_000, 10_000])
  assert.equal(reads(), 4)
  await rounds.stop()
})

test('who asks is answered at once, and where nothing has counted too', async () => {
  const { rounds, said, pass } = start()
  rounds.begin()
  await pass()
  rounds.ask()
  await pass()
  assert.deepEqual(
    said.map(({ asked, interfaces }) => [asked, interfaces]),
    [[true, []]],
  )
  await rounds.stop()
})

test('who asks before anything is in force is answered when it is', async () => {
  const { rounds, said, settle } = start()
  rounds.ask()
  await settle()
  assert.deepEqual(said, [])
  rounds.begin()
  await settle()
  assert.deepEqual(
    said.map(({ asked }) => asked),
    [true],
  )
  await rounds.stop()
})

test('a question during a reading is answered by the next one, at most one each 200 ms', async () => {
  const { rounds, said, pauses, hold, pass, settle, reads } = start()
  rounds.begin()
  await pass()
  const { promise, resolve } = Promise.withResolvers<void>()
  hold(promise)
  rounds.ask()
  await pass()
  assert.equal(reads(), 3)
  for (let n = 0; n < 5; n++) rounds.ask()
  await settle()
  assert.equal(reads(), 3)
  resolve()
  await settle()
  assert.deepEqual(
    said.map(({ asked }) => asked),
    [true],
  )
  assert.equal(pauses.at(-1), 200)
  await pass()
  assert.deepEqual(
    said.map(({ asked }) => asked),
    [true, true],
  )
  await rounds.stop()
})

test('readings that take long are few: 5 % of the time', async () => {
  const { rounds, pauses, settle } = start({ takes: 2000 })
  rounds.begin()
  await settle()
  assert.deepEqual(pauses, [38_000])
  await rounds.stop()
})

test('a reading that fails is told of, and the next one is tried', async () => {
  const { rounds, said, errors, fail, count, pass } = start()
  fail(new Error('no such luck'))
  rounds.begin()
  await pass()
  fail(undefined)
  count(nic('a'))
  await pass()
  assert.equal(errors.length, 2)
  assert.equal(said.length, 1)
  await rounds.stop()
})

test('when it stops it says what was counted until then', async () => {
  const { rounds, said, count, settle } = start()
  rounds.begin()
  await settle()
  count(nic('a'))
  await rounds.stop()
  assert.deepEqual(
    said.map(({ interfaces }) => interfaces.map(({ id }) => id)),
    [['a']],
  )
})

test('one that never began has nothing to say', async () => {
  const { rounds, said } = start()
  await rounds.stop()
  assert.deepEqual(said, [])
})

test('much is said in parts, in order and nothing twice, and the last one answers', async () => {
  const { rounds, said, count, pass } = start()
  const all = [nic('a', 1300, 700), nic('b', 1, 1), nic('c', 0, 1200), nic('d', 0, 0)]
  count(...all)
  rounds.ask()
  rounds.begin()
  for (let n = 0; n < 20; n++) await pass()
  assert.ok(said.length > 5)
  const sizes = said.map(({ interfaces }) =>
    interfaces.reduce((sum, { ingress, egress }) => sum + ingress.length + egress.length, 0),
  )
  assert.ok(Math.max(...sizes) <= 500, `${sizes}`)
  assert.deepEqual(
    said.map(({ asked }) => asked),
    said.map((_, n) => n === said.length - 1),
  )
  for (const whole of all) {
    const parts = said.flatMap(({ interfaces }) => interfaces.filter(({ id }) => id === whole.id))
    assert.ok(parts.length > 0)
    assert.deepEqual(
      parts.flatMap(({ ingress }) => ingress),
      whole.ingress,
    )
    assert.deepEqual(
      parts.flatMap(({ egress }) => egress),
      whole.egress,
    )
  }
  await rounds.stop()
})
