/** An agent and a service that speak over a channel: who says what when, and that neither waits for the other's work. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Decision } from '../core/model/decision.ts'
import type { DesiredUpdate, Placement } from '../core/model/desired-update.ts'
import type { HitsReport, InterfaceHits } from '../core/model/hits.ts'
import type { StatusChange } from '../core/model/status-change.ts'
import { openChannel } from './channel.ts'
import { createFake, type FakeDataplane } from './fake.ts'
import { fromAgent, type ToAgent, toAgent } from './messages.ts'
import { runAgentProcess } from './process.ts'

interface World {
  readonly dataplane: FakeDataplane
  readonly agent: ToAgent
  /** What the agent has said, in order. */
  readonly said: readonly Said[]
  /** Resolves when something that is said is as wanted, also if it has been said already. */
  until(wanted: (said: Said) => boolean): Promise<Said>
  /** The service's event loop: turns since the beginning. */
  turns(): number
  /** Resolves with the status that it ends with. */
  readonly exited: Promise<number>
  /** The service hears nothing until what this answers is called. */
  deafen(): () => void
  /** The service is no more. */
  vanish(): void
}
type Said =
  | { readonly type: 'hello' | 'pong' | 'round' }
  | { readonly type: 'guarded'; readonly unwritten: string | null }
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'want'; readonly since: number | null }
  | ({ readonly type: 'status' } & StatusChange)
  | ({ readonly type: 'hits' } & HitsReport)
  | { readonly type: 'decisions'; readonly list: readonly Decision[] }

function world(closeFirst: () => Promise<string | null> = async () => null): World {
  const [left, right] = duplexPair()
  const dataplane = createFake()
  const said: Said[] = []
  const news = new EventEmitter()
  function hear(next: Said): void {
    said.push(next)
    news.emit('said')
  }
  const { promise: exited, resolve: exit } = Promise.withResolvers<number>()
  const channel = openChannel({
    stream: left,
    incoming: fromAgent({
      hello(_, version) {
        agent.welcome({ version, release: 'test' })
        hear({ type: 'hello' })
      },
      guarded: (rest) => hear({ type: 'guarded', ...rest }),
      failed: (rest) => hear({ type: 'failed', ...rest }),
      want: (rest) => hear({ type: 'want', ...rest }),
      status: (rest) => hear({ type: 'status', ...rest }),
      round: () => hear({ type: 'round' }),
      hits: (report) => hear({ type: 'hits', ...report }),
      decisions: (list) => hear({ type: 'decisions', list }),
      sightings() {},
      pong: () => hear({ type: 'pong' }),
    }),
    ended: () => {},
  })
  const agent = toAgent(channel)
  let [turns, over] = [0, false]
  void (async () => {
    while (!over) {
      await turn()
      turns++
    }
  })()
  void exited.then(() => {
    over = true
  })
  void runAgentProcess({
    stream: right,
    ...{ host: 'kvm', target: 'fake', release: 'test', observeHost: false, exit },
    closeFirst,
    createDataplane: () => dataplane,
  })
  return {
    dataplane,
    agent,
    said,
    async until(wanted) {
      for (;;) {
        const found = said.find(wanted)
        if (found) return found
        await once(news, 'said')
      }
    },
    turns: () => turns,
    exited,
    deafen() {
      left.pause()
      return () => void left.resume()
    },
    vanish: () => left.destroy(),
  }
}

const placement = (n: number): Placement => ({
  ...{ id: `nic-${n}`, device: `tap${n}`, index: 1, type: 'public', mac: '02:00:00:00:00:01' },
  ...{ addresses: [], allowedAddresses: [], senderCheck: false, observe: false, vlanTrunk: false },
  ...{ allowedFrames: [], maxConnections: null, policies: [] },
})
const update = (from: number | null, revision: number, ...put: Placement[]): DesiredUpdate => ({
  ...{ from, revision, policies: [] },
  interfaces: { put, remove: [] },
})
const wants = (since: number | null) => (each: Said) => each.type === 'want' && each.since === since
const applied = (revision: number) => (each: Said) =>
  each.type === 'status' && each.host.appliedRevision === revision

test('it closes what is to be closed before it asks for anything, and says nothing of its host before it knows', async () => {
  const { promise: raised, resolve: raise } = Promise.withResolvers<string | null>()
  const { said, until, agent, exited, dataplane } = world(() => raised)
  await until(({ type }) => type === 'hello')
  agent.ping()
  await until(({ type }) => type === 'pong')
  raise('the disk is full')
  await until(wants(null))
  assert.deepEqual(said, [
    { type: 'hello' },
    { type: 'pong' },
    { type: 'guarded', unwritten: 'the disk is full' },
    { type: 'want', since: null },
  ])
  assert.equal(dataplane.attempts(), 0)
  agent.update(update(null, 3, placement(1)))
  await until(({ type }) => type === 'round')
  assert.ok(said.some(wants(3)))
  assert.deepEqual(dataplane.enforced()?.revision, 3)
  agent.stop()
  assert.equal(await exited, 0)
})

test('what cannot be closed ends it, with the reason', async () => {
  const { said, exited } = world(async () => {
    throw new Error('nft is not installed')
  })
  assert.equal(await exited, 1)
  for (let n = 0; n < 10; n++) await turn()
  assert.deepEqual(said, [{ type: 'hello' }, { type: 'failed', reason: 'nft is not installed' }])
})

test('a thousand changes during a round are one round more', async () => {
  const { until, agent, dataplane, exited, said } = world()
  await until(wants(null))
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  dataplane.hold(held)
  agent.update(update(null, 1, placement(1)))
  await until(wants(1))
  // As a service answers: what has changed until it is asked again is one answer.
  agent.update(update(1, 2, placement(2)))
  for (let n = 0; n < 1000; n++) await turn()
  assert.equal(dataplane.attempts(), 1)
  assert.equal(said.filter(({ type }) => type === 'want').length, 2, 'it asks for what it could not apply')
  release()
  await until(wants(2))
  agent.update(update(2, 1002, placement(3)))
  await until(applied(1002))
  assert.equal(dataplane.attempts(), 3)
  assert.deepEqual([...(dataplane.enforced()?.interfaces.keys() ?? [])], ['nic-1', 'nic-2', 'nic-3'])
  agent.stop()
  await exited
})

test('stopping waits for the round that it is in, and its status comes first', async () => {
  const { until, agent, dataplane, exited, said } = world()
  await until(wants(null))
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  dataplane.hold(held)
  agent.update(update(null, 1, placement(1)))
  await until(wants(1))
  agent.update(update(1, 2, placement(2)))
  agent.stop()
  let ended = false
  void exited.then(() => {
    ended = true
  })
  for (let n = 0; n < 100; n++) await turn()
  assert.equal(ended, false)
  release()
  assert.equal(await exited, 0)
  await until(applied(1))
  assert.equal(dataplane.enforced()?.revision, 1)
  assert.ok(!said.some(applied(2)))
})

test('one that waits to be told what to enforce stops at once', async () => {
  const { until, agent, exited } = world()
  await until(wants(null))
  agent.stop()
  assert.equal(await exited, 0)
})

test('it ends with its service, whatever it is doing', async () => {
  const { until, agent, dataplane, exited, vanish } = world()
  await until(wants(null))
  dataplane.hold(new Promise(() => {}))
  agent.update(update(null, 1, placement(1)))
  await until(wants(1))
  vanish()
  assert.equal(await exited, 0)
})

test('an answer that leads nowhere is asked for anew, and what is enforced stays', async () => {
  const { until, agent, dataplane, exited, said } = world()
  await until(wants(null))
  agent.update(update(null, 1, placement(1)))
  await until(applied(1))
  const before = said.length
  agent.update(update(7, 8, placement(2)))
  for (let n = 0; n < 50 && !said.slice(before).some(wants(1)); n++) await turn()
  assert.ok(said.slice(before).some(wants(1)))
  assert.deepEqual([...(dataplane.enforced()?.interfaces.keys() ?? [])], ['nic-1'])
  agent.update(update(1, 8, placement(2)))
  await until(applied(8))
  agent.stop()
  await exited
})

test('a change that contradicts itself is refused whole, and everything is asked for', async () => {
  const { until, agent, dataplane, exited } = world()
  await until(wants(null))
  agent.update(update(null, 1, placement(1)))
  await until(applied(1))
  agent.update({ ...update(1, 2, placement(2)), interfaces: { put: [placement(2)], remove: ['nic-2'] } })
  await until((each) => each.type === 'status' && each.host.state === 'failing')
  assert.deepEqual([...(dataplane.enforced()?.interfaces.keys() ?? [])], ['nic-1'])
  agent.update(update(null, 2, placement(2)))
  await until(applied(2))
  assert.deepEqual([...(dataplane.enforced()?.interfaces.keys() ?? [])], ['nic-2'])
  agent.stop()
  await exited
})

test('a whole host is sent and reported in parts, with turns of the event loop between them', async () => {
  const { until, agent, dataplane, exited, turns, said } = world()
  await until(wants(null))
  const count = 20_000
  const before = turns()
  agent.update(update(null, 1, ...Array.from({ length: count }, (_, n) => placement(n))))
  await until(applied(1))
  assert.equal(dataplane.enforced()?.interfaces.size, count)
  // Of 500 interfaces a turn at most.
  assert.ok(turns() - before >= 40, `${turns() - before} turns`)
  const changes = said.filter((each) => each.type === 'status')
  const largest = Math.max(...changes.map(({ put }) => put.length))
  assert.ok(largest <= 500, `${largest} interfaces in one message`)
  const known = new Set(changes.flatMap(({ put }) => put.map(({ id }) => id)))
  assert.equal(known.size, count)
  // The host claims nothing before the last of its interfaces is known.
  const claims = changes.map(({ host }) => host.appliedRevision)
  assert.equal(claims.indexOf(1), claims.length - 1)
  agent.stop()
  await exited
})

test('what has counted is said, at once for who asks, and a last time; nothing before rules are in force', async () => {
  const { until, agent, dataplane, exited, said } = world()
  await until(wants(null))
  const hits = (packets: number): InterfaceHits => ({
    ...{ id: 'nic-1', epoch: 'e', egress: [], suppressed: { ingress: 0, egress: 0 } },
    ingress: [{ by: 'default', packets, bytes: 60 * packets }],
  })
  dataplane.hit(hits(1))
  agent.update(update(null, 1, placement(1)))
  const first = await until(({ type }) => type === 'hits')
  assert.ok(said.findIndex(applied(1)) < said.indexOf(first))
  assert.deepEqual(first.type === 'hits' && [first.host, first.asked, first.interfaces], [
    'kvm',
    false,
    [hits(1)],
  ])
  dataplane.hit(hits(2))
  agent.count()
  const answer = await until((each) => each.type === 'hits' && each.asked)
  assert.deepEqual(answer.type === 'hits' && answer.interfaces, [hits(2)])
  dataplane.hit(hits(3))
  agent.stop()
  await exited
  const last = said.filter(({ type }) => type === 'hits').at(-1)
  assert.deepEqual(last?.type === 'hits' && last.interfaces, [hits(3)])
})

test('decisions are told while the service hears, and dropped while it does not', async () => {
  const { until, agent, dataplane, exited, said, deafen } = world()
  await until(wants(null))
  agent.update(update(null, 1, placement(1)))
  await until(applied(1))
  const decision = (at: number) =>
    ({
      ...{ at, interface: 'nic-1', direction: 'ingress', outcome: 'denied', observed: false, by: 'default' },
      ...{ position: null, level: 'info', revision: 1, packet: { etherType: 0x0800, length: 60 } },
    }) satisfies Omit<Decision, 'host'>
  dataplane.decide(decision(1))
  const told = await until(({ type }) => type === 'decisions')
  assert.deepEqual(told.type === 'decisions' && told.list, [{ ...decision(1), host: 'kvm' }])
  const hear = deafen()
  const many = 50_000
  for (let n = 0; n < many; n++) dataplane.decide(decision(2))
  hear()
  agent.count()
  const answer = await until((each) => each.type === 'hits' && each.asked)
  const dropped = answer.type === 'hits' ? (answer.interfaces[0]?.suppressed.ingress ?? 0) : 0
  assert.equal(dropped, many - 1000, 'a thousand wait')
  agent.stop()
  await exited
  const heard = said.flatMap((each) => (each.type === 'decisions' ? each.list : []))
  assert.equal(heard.length, 1 + 1000)
})
