/** The loop: it catches up, coalesces, retries, repairs, and says the truth about itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Desired, HostStatus } from '../core/model/desired.ts'
import { type Agent, type Round, startAgent } from './agent.ts'
import { createFake, type FakeDataplane } from './fake.ts'

interface World {
  readonly agent: Agent
  readonly dataplane: FakeDataplane
  readonly statuses: HostStatus[]
  readonly rounds: Round[]
  /** Pauses asked for so far, milliseconds; each ends when `tick` is called or something changes. */
  readonly pauses: number[]
  tick(): void
  change(revision: number): void
  breakSource(error: Error | undefined): void
  /** Resolves when a status is as wanted. */
  until(wanted: (status: HostStatus) => boolean): Promise<HostStatus>
}

function world(before: (dataplane: FakeDataplane) => void = () => {}): World {
  const dataplane = createFake()
  before(dataplane)
  let revision = 1
  let broken: Error | undefined
  let changed = () => {}
  let tick = () => {}
  const statuses: HostStatus[] = []
  const waiting = new Set<() => void>()
  const rounds: Round[] = []
  const pauses: number[] = []
  const agent = startAgent({
    host: 'h',
    target: 'fake',
    dataplane,
    source: {
      async read(): Promise<Desired> {
        if (broken) throw broken
        return { revision, interfaces: [{ id: 'nic', device: 'tap0', policy: null }] }
      },
      onChange(listener) {
        changed = listener
        return () => {
          changed = () => {}
        }
      },
    },
    report(status) {
      statuses.push(status)
      for (const look of [...waiting]) look()
    },
    observe: (round) => void rounds.push(round),
    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        pauses.push(milliseconds)
        tick = resolve
        signal.addEventListener('abort', () => resolve())
      }),
  })
  return {
    agent,
    dataplane,
    statuses,
    rounds,
    pauses,
    tick: () => tick(),
    change(next) {
      revision = next
      changed()
    },
    breakSource(error) {
      broken = error
    },
    until: (wanted) =>
      new Promise((resolve) => {
        const look = () => {
          const status = statuses.at(-1)
          if (!status || !wanted(status)) return
          waiting.delete(look)
          resolve(status)
        }
        waiting.add(look)
        look()
      }),
  }
}

const applied = (revision: number) => (status: HostStatus) =>
  status.state === 'applied' && status.appliedRevision === revision

test('it applies what is desired, and again when that changes', async () => {
  const { agent, dataplane, change, until } = world()
  await agent.ready
  assert.equal(dataplane.enforced()?.revision, 1)
  change(2)
  const status = await until(applied(2))
  assert.deepEqual(
    [status.desiredRevision, status.appliedRevision, status.interfaces, status.error, status.repairs],
    [2, 2, 1, null, 0],
  )
  await agent.stop()
  assert.equal(dataplane.enforced()?.revision, 2, 'what is enforced stays')
})

test('changes that arrive while it applies share the next round', async () => {
  const { agent, dataplane, change, until } = world()
  await agent.ready
  const { promise, resolve } = Promise.withResolvers<void>()
  dataplane.hold(promise)
  change(2)
  await until((status) => status.state === 'applying' && status.desiredRevision === 2)
  for (let revision = 3; revision <= 50; revision++) change(revision)
  resolve()
  await until(applied(50))
  assert.equal(dataplane.attempts(), 3)
  await agent.stop()
})

test('a failing dataplane: what was enforced stays, the status says why, pauses grow, and it recovers', async () => {
  const { agent, dataplane, change, until, tick, pauses, statuses } = world()
  await agent.ready
  dataplane.fail(new Error('no such luck'))
  change(2)
  for (let attempt = 1; attempt <= 9; attempt++) {
    while (pauses.length < attempt) await new Promise(setImmediate)
    const status = statuses.at(-1)
    assert.deepEqual(
      [status?.state, status?.desiredRevision, status?.appliedRevision, status?.error],
      ['failing', 2, 1, 'no such luck'],
    )
    if (attempt < 9) tick()
  }
  assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
  assert.equal(dataplane.enforced()?.revision, 1)
  dataplane.fail(undefined)
  tick()
  assert.equal((await until(applied(2))).error, null)
  await agent.stop()
})

test('a change ends the pause: nobody waits ten seconds for what would work now', async () => {
  const { agent, dataplane, change, until, pauses } = world()
  await agent.ready
  dataplane.fail(new Error('x'))
  change(2)
  await until((status) => status.state === 'failing')
  while (pauses.length === 0) await new Promise(setImmediate)
  dataplane.fail(undefined)
  change(3)
  await until(applied(3))
  await agent.stop()
})

test('a store that cannot be read opens nothing', async () => {
  const { agent, dataplane, breakSource, change, until, tick, pauses } = world()
  await agent.ready
  breakSource(new Error('database is down'))
  change(2)
  await until((status) => status.state === 'failing')
  assert.equal(dataplane.enforced()?.revision, 1)
  while (pauses.length === 0) await new Promise(setImmediate)
  breakSource(undefined)
  tick()
  await until(applied(2))
  await agent.stop()
})

test('a foreign change is repaired and counted', async () => {
  const { agent, dataplane, until, rounds } = world()
  await agent.ready
  dataplane.flush()
  assert.equal(dataplane.enforced(), undefined)
  const status = await until(({ repairs }) => repairs === 1)
  assert.equal(status.state, 'applied')
  assert.equal(dataplane.enforced()?.revision, 1)
  assert.deepEqual(
    rounds.map((round) => round.kind === 'applied' && round.repaired),
    [false, true],
  )
  await agent.stop()
})

test('a history, doubled and reversed, ends where a fresh start would', async () => {
  const one = world()
  await one.agent.ready
  for (const revision of [2, 3, 3, 2, 4, 4, 1, 7]) {
    one.change(revision)
    await one.until(applied(revision))
  }
  const fresh = world()
  fresh.change(7)
  await fresh.until(applied(7))
  assert.deepEqual(one.dataplane.enforced(), fresh.dataplane.enforced())
  await Promise.all([one.agent.stop(), fresh.agent.stop()])
})

test('stopped before it could begin', async () => {
  const { agent, until } = world((dataplane) => dataplane.fail(new Error('x')))
  await until((status) => status.state === 'failing')
  await agent.stop()
})
