/** The loop: it catches up, coalesces, retries, repairs, and says the truth about itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fold } from '../../test/support/status.ts'
import type { DesiredDelta, DesiredInterface, HostStatus } from '../core/model/desired.ts'
import type { CommonPolicy } from '../core/model/effective-policy.ts'
import type { StatusChange } from '../core/model/status-change.ts'
import { type Agent, startAgent } from './agent.ts'
import type { Dataplane } from './dataplane.ts'
import { createFake, type FakeDataplane } from './fake.ts'
import type { Round } from './round.ts'

interface World {
  readonly agent: Agent
  readonly dataplane: FakeDataplane
  /** What was said, and the whole that it came to. */
  readonly changes: StatusChange[]
  readonly statuses: HostStatus[]
  readonly rounds: Round[]
  /** Pauses asked for so far, milliseconds; each ends when `tick` is called or something changes. */
  readonly pauses: number[]
  tick(): void
  change(revision: number): void
  /** From now on these are desired beside `nic`, as they are. */
  place(...interfaces: DesiredInterface[]): void
  breakSource(error: Error | undefined): void
  /** Resolves when a status is as wanted. */
  until(wanted: (status: HostStatus) => boolean): Promise<HostStatus>
}

function world(before: (dataplane: FakeDataplane) => void = () => {}): World {
  const dataplane = createFake()
  before(dataplane)
  let revision = 1
  let broken: Error | undefined
  let placed: readonly DesiredInterface[] = [{ id: 'nic', device: 'tap0', policy: null }]
  let changed = () => {}
  let tick = () => {}
  const changes: StatusChange[] = []
  const statuses: HostStatus[] = []
  const waiting = new Set<() => void>()
  const rounds: Round[] = []
  const pauses: number[] = []
  const agent = startAgent({
    host: 'h',
    target: 'fake',
    dataplane,
    source: {
      async read() {
        if (broken) throw broken
        const interfaces = new Map(placed.map((each) => [each.id, each]))
        return { desired: { revision, policies: new Map(), interfaces }, delta: null }
      },
      onChange(listener) {
        changed = listener
        return () => {
          changed = () => {}
        }
      },
    },
    report(change) {
      changes.push(change)
      statuses.push(fold(statuses.at(-1), change))
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
    changes,
    statuses,
    rounds,
    pauses,
    tick: () => tick(),
    change(next) {
      revision = next
      changed()
    },
    place(...interfaces) {
      placed = [...placed, ...interfaces]
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
    [status.desiredRevision, status.appliedRevision, status.interfaces.length, status.error, status.repairs],
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

test('one interface fails: the others are applied, it is tried again, and it recovers', async () => {
  const { agent, dataplane, place, change, until, tick, pauses } = world()
  await agent.ready
  dataplane.outcome('bad', { state: 'failing', error: 'cannot be' }, 5000)
  place({ id: 'bad', device: 'tap1', policy: null, notes: ['a note'] })
  change(2)
  const failing = await until(({ interfaces }) => interfaces.some(({ state }) => state === 'failing'))
  assert.deepEqual(failing.interfaces, [
    { id: 'nic', device: 'tap0', appliedRevision: 1, state: 'applied', error: null, notes: [] },
    {
      ...{ id: 'bad', device: 'tap1', appliedRevision: null, state: 'failing' },
      ...{ error: 'cannot be', notes: ['a note'] },
    },
  ])
  assert.deepEqual([failing.state, failing.appliedRevision], ['applied', 2])
  while (pauses.length < 1) await new Promise(setImmediate)
  assert.ok((pauses[0] ?? 0) > 4000 && (pauses[0] ?? 0) <= 5000, `${pauses}`)
  dataplane.outcome('bad', undefined)
  change(3)
  await until(({ interfaces }) => interfaces.every(({ state }) => state === 'applied'))
  tick()
  await agent.stop()
})

test('while the host fails, interfaces stay as they are, and one that came is not applied', async () => {
  const { agent, dataplane, place, change, until } = world()
  await agent.ready
  dataplane.fail(new Error('secret of the host'))
  place({ id: 'new', device: 'tap1', policy: null })
  change(2)
  const { interfaces } = await until(({ state }) => state === 'failing')
  assert.deepEqual(
    interfaces.map(({ id, state, appliedRevision, error }) => [id, state, appliedRevision, error]),
    [
      ['nic', 'applied', 1, null],
      ['new', 'applying', null, null],
    ],
  )
  await agent.stop()
})

test('an observed interface reports what would have been dropped', async () => {
  const { agent, dataplane, place, change, until, tick, pauses } = world()
  await agent.ready
  place({ id: 'seen', device: 'tap1', policy: null, observe: true })
  change(2)
  const observing = await until(({ interfaces }) => interfaces[1]?.state === 'observing')
  assert.deepEqual(observing.interfaces[1]?.denials, { ingress: 0, egress: 0 })
  dataplane.count(new Map([['seen', { ingress: 3, egress: 4 }]]))
  while (pauses.length < 1) await new Promise(setImmediate)
  tick()
  const counted = await until(({ interfaces }) => interfaces[1]?.denials?.ingress === 3)
  assert.deepEqual(counted.interfaces[1]?.denials, { ingress: 3, egress: 4 })
  change(3)
  const kept = await until((status) => status.appliedRevision === 3)
  assert.deepEqual(kept.interfaces[1]?.denials, { ingress: 3, egress: 4 })
  await agent.stop()
})

test('tracked connections are counted beside the rounds, again and again', async () => {
  const connections = (egress: number) => ({
    ...{ limit: 500, uses: { ingress: 0, egress }, refusals: { ingress: 0, egress: 0 } },
  })
  const { agent, dataplane, change, until, tick, pauses } = world((fake) =>
    fake.track(new Map([['nic', connections(1)]])),
  )
  const first = await until(({ interfaces }) => interfaces[0]?.connections !== undefined)
  assert.deepEqual(first.interfaces[0]?.connections, connections(1))
  // A change does not wait for the next count, and keeps the last.
  change(2)
  const changed = await until(applied(2))
  assert.deepEqual(changed.interfaces[0]?.connections, connections(1))
  dataplane.track(new Map([['nic', connections(2)]]))
  while (pauses.length < 1) await new Promise(setImmediate)
  tick()
  await until(({ interfaces }) => interfaces[0]?.connections?.uses?.egress === 2)
  await agent.stop()
})

test('rejections that nobody was told of are counted, and what its host cannot do is a note', async () => {
  const { agent, dataplane, until, change } = world((fake) => {
    fake.outcome('nic', { state: 'applied', mode: 'bridged', error: null, notes: ['a note'] })
    fake.leaveUnanswered(new Map([['nic', { ingress: 2, egress: 0 }]]))
  })
  const { interfaces } = await until((status) => status.interfaces[0]?.unanswered !== undefined)
  assert.deepEqual(interfaces[0]?.unanswered, { ingress: 2, egress: 0 })
  assert.deepEqual(interfaces[0]?.notes, ['a note'])
  dataplane.leaveUnanswered(new Map())
  change(2)
  const kept = await until(applied(2))
  assert.deepEqual(kept.interfaces[0]?.unanswered, { ingress: 2, egress: 0 })
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

/** A map that tells how often it was walked. */
class Watched<V> extends Map<string, V> {
  walks = 0
  override [Symbol.iterator]() {
    this.walks++
    return super[Symbol.iterator]()
  }
  override keys() {
    this.walks++
    return super.keys()
  }
  override values() {
    this.walks++
    return super.values()
  }
  override entries() {
    this.walks++
    return super.entries()
  }
  override forEach(each: (value: V, key: string, map: Map<string, V>) => void) {
    this.walks++
    super.forEach(each)
  }
}

/** 1,000 interfaces that share a policy, and a source that says what differs. */
function large(applyLater?: (dataplane: FakeDataplane) => Dataplane) {
  const dataplane = createFake()
  const interfaces = new Watched<DesiredInterface>()
  for (let n = 0; n < 1000; n++) interfaces.set(`nic${n}`, { id: `nic${n}`, device: `tap${n}`, policy: 'p' })
  const policies = new Map([['p', policy('deny')]])
  let revision = 1
  let delta: DesiredDelta | null = null
  let tellSource = () => {}
  const changes: StatusChange[] = []
  const looks = new Set<() => void>()
  const agent = startAgent({
    ...{ host: 'h', target: 'fake', dataplane: applyLater?.(dataplane) ?? dataplane },
    source: {
      async read() {
        const read = { desired: { revision, policies, interfaces }, delta }
        delta = { policies: new Set(), interfaces: new Set() }
        return read
      },
      onChange(listener) {
        tellSource = listener
        return () => {}
      },
    },
    report(change) {
      changes.push(change)
      for (const look of [...looks]) look()
    },
    sleep: () => new Promise((resolve) => setImmediate(() => resolve())),
  })
  /** Resolves when what was said last of the host is as wanted. */
  const until = (state: HostStatus['state'], of: number) =>
    new Promise<void>((resolve) => {
      const look = () => {
        const { host } = changes.at(-1) as StatusChange
        const at = state === 'failing' ? host.desiredRevision : host.appliedRevision
        if (host.state !== state || at !== of) return
        looks.delete(look)
        resolve()
      }
      looks.add(look)
      look()
    })
  return {
    agent,
    dataplane,
    interfaces,
    policies,
    changes,
    until,
    /** The next revision differs in what `change` names; answers it. */
    next(...change: readonly (readonly [keyof DesiredDelta, string])[]) {
      const named = (of: keyof DesiredDelta) => change.filter(([kind]) => kind === of).map(([, key]) => key)
      const { policies = new Set<string>(), interfaces = new Set<string>() } = delta ?? {}
      delta = {
        policies: new Set([...policies, ...named('policies')]),
        interfaces: new Set([...interfaces, ...named('interfaces')]),
      }
      revision++
      tellSource()
      return revision
    },
    /** How many interfaces were said since. */
    said: (from: number) =>
      changes.slice(from).reduce((sum, { put, remove }) => sum + put.length + remove.length, 0),
  }
}

const policy = (action: 'allow' | 'deny'): CommonPolicy => ({
  stateful: false,
  essentials: [],
  ingress: { filtered: true, default: action, lists: [] },
  egress: { filtered: false },
})

test('a round says what it changed: of 1,000 interfaces none for a policy, one for an interface', async () => {
  const { agent, dataplane, interfaces, policies, changes, until, next, said } = large()
  await agent.ready
  assert.equal(said(0), 1000)
  const parts = changes.slice(-2)
  assert.deepEqual(
    parts.map(({ put, host }) => [put.length, host.appliedRevision]),
    [
      [500, null],
      [500, 1],
    ],
  )
  let from = changes.length
  policies.set('p', policy('allow'))
  await until('applied', next(['policies', 'p']))
  assert.equal(said(from), 0)
  from = changes.length
  interfaces.set('nic7', { id: 'nic7', device: 'tap7', policy: null, notes: ['a note'] })
  dataplane.outcome('nic7', { state: 'closed', error: 'why' })
  await until('applied', next(['interfaces', 'nic7']))
  assert.equal(said(from), 1)
  from = changes.length
  interfaces.delete('nic8')
  await until('applied', next(['interfaces', 'nic8']))
  assert.deepEqual(changes.at(-1)?.remove, ['nic8'])
  assert.equal(said(from), 1)
  from = changes.length
  dataplane.flush()
  await until('applied', next())
  assert.equal(said(from), 0, 'a repair changes nothing of them')
  await agent.stop()
})

test('a round walks over no interfaces but the first', async () => {
  const { agent, interfaces, policies, until, next } = large((fake) => ({
    ...fake,
    async apply(desired, delta) {
      const ids = delta?.interfaces ?? new Set(Array.from({ length: 1000 }, (_, n) => `nic${n}`))
      assert.ok(desired.interfaces.size > 0)
      return {
        ...{ changed: true, repaired: false, guarded: '', warnings: [], retryMs: null },
        interfaces: [...ids].map((id) => ({ id, state: 'applied', error: null })),
      }
    },
  }))
  await agent.ready
  const { walks } = interfaces
  assert.ok(walks > 0)
  policies.set('p', policy('allow'))
  await until('applied', next(['policies', 'p']))
  interfaces.set('nic7', { id: 'nic7', device: 'tap7', policy: null })
  await until('applied', next(['interfaces', 'nic7']))
  assert.equal(interfaces.walks, walks)
  await agent.stop()
})

test('what rounds that failed were to change is still owed', async () => {
  const { agent, dataplane, interfaces, policies, until, next } = large()
  await agent.ready
  dataplane.fail(new Error('no such luck'))
  interfaces.set('nic7', { id: 'nic7', device: 'moved', policy: 'p' })
  await until('failing', next(['interfaces', 'nic7']))
  interfaces.delete('nic8')
  policies.set('p', policy('allow'))
  await until('failing', next(['interfaces', 'nic8'], ['policies', 'p']))
  dataplane.fail(undefined)
  // The fake refuses what a delta forgets.
  await until('applied', next())
  assert.equal(dataplane.enforced()?.interfaces.get('nic7')?.device, 'moved')
  assert.equal(dataplane.enforced()?.interfaces.size, 999)
  await agent.stop()
})

test('the fake dataplane refuses a delta that forgets something', async () => {
  const fake = createFake()
  const nic = { id: 'nic', device: 'tap', policy: 'p' }
  const nothing = { policies: new Set<string>(), interfaces: new Set<string>() }
  const desired = (device: string, of: CommonPolicy) => ({
    ...{ revision: 1, policies: new Map([['p', of]]), interfaces: new Map([['nic', { ...nic, device }]]) },
  })
  await assert.rejects(fake.apply(desired('tap', policy('deny')), nothing), /forgets p of the policies/)
  await fake.apply(desired('tap', policy('deny')), null)
  await fake.apply(desired('tap', policy('deny')), nothing)
  await assert.rejects(fake.apply(desired('other', policy('deny')), nothing), /forgets nic of the interfaces/)
  await assert.rejects(fake.apply(desired('tap', policy('allow')), nothing), /forgets p/)
  const named = { policies: new Set(['p']), interfaces: new Set(['nic']) }
  await fake.apply(desired('other', policy('allow')), named)
  await assert.rejects(
    fake.apply({ ...desired('other', policy('allow')), interfaces: new Map() }, nothing),
    /nic/,
  )
})

test('counts are said where they differ', async () => {
  const refusals = { ingress: 0, egress: 0 }
  const tracked = (egress: number) => ({ limit: 9, uses: { ingress: 0, egress }, refusals })
  const { agent, dataplane, place, change, changes, until, tick, pauses } = world((fake) =>
    fake.track(new Map([['nic', tracked(1)]])),
  )
  await until(({ interfaces }) => interfaces[0]?.connections !== undefined)
  place({ id: 'other', device: 'tap1', policy: null })
  change(2)
  await until(applied(2))
  dataplane.track(
    new Map([
      ['nic', tracked(1)],
      ['other', tracked(3)],
      ['unknown', tracked(4)],
    ]),
  )
  while (pauses.length < 1) await new Promise(setImmediate)
  const from = changes.length
  tick()
  await until(({ interfaces }) => interfaces[1]?.connections?.uses?.egress === 3)
  assert.deepEqual(
    changes.slice(from).flatMap(({ put }) => put.map(({ id }) => id)),
    ['other'],
  )
  dataplane.track(new Map([['other', tracked(3)]]))
  while (pauses.length < 2) await new Promise(setImmediate)
  tick()
  const status = await until(({ interfaces }) => interfaces[0]?.connections === undefined)
  assert.deepEqual(status.interfaces[1]?.connections, tracked(3))
  await agent.stop()
})
