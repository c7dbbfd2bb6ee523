/** What an agent says of devices to whom, over one connection after the other, and what it holds of what it was answered. */
import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import type { Link } from '../core/model/link.ts'
import type { SightingChange } from '../core/model/sighting.ts'
import { openChannel } from './channel.ts'
import { createEnforcer } from './enforcer.ts'
import { createFake } from './fake.ts'
import { fromAgent, type ToAgent, toAgent } from './messages.ts'
import type { Proof } from './proof.ts'
import { createFakeSource, type FakeSource } from './sources/fake.ts'

const mac = '52:54:00:00:00:01'
const tap = (name: string, index: number): Link => ({
  ...{ name, index, kind: 'tun', master: null, address: `66:00:00:00:00:0${index}` },
})

/** An agent on a host whose devices are as `links` says, looked at in each round as nftables does. */
async function world(source: FakeSource = createFakeSource()) {
  const fake = createFake()
  const listeners = new Set<() => void>()
  let links = new Map<string, Link>()
  const enforcer = createEnforcer({
    ...{ host: 'kvm', target: 'fake', release: 'test', observeHost: false, guard: ['vnet*'] },
    closeFirst: async () => null,
    openSources: async () => ({ sources: [source] }),
    createDataplane: (proof: Proof) => {
      const again = () => {
        for (const listener of listeners) listener()
      }
      proof.onChange(again)
      return {
        ...fake,
        async apply(wanted, differing = null) {
          proof.looking()
          const { desired, delta } = proof.judge(wanted, differing, links, null)
          const report = await fake.apply(desired, delta)
          proof.taken()
          return report
        },
        onChange(listener) {
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
      }
    },
  })
  const { begun } = await enforcer.start()
  /** Connects a service that speaks this version, and answers what it hears of devices. */
  function connect(version: number) {
    const [left, right] = duplexPair()
    const changes: SightingChange[] = []
    const nothing = () => {}
    const channel = openChannel({
      stream: left,
      incoming: fromAgent({
        hello: () => agent.welcome({ version, release: 'test' }),
        want: ({ since }) =>
          since === 1 ||
          void agent.update({ from: null, revision: 1, policies: [], interfaces: { put: [], remove: [] } }),
        sightings: (change) => void changes.push(change),
        ...{ guarded: nothing, failed: nothing, status: nothing, round: nothing, hits: nothing },
        ...{ decisions: nothing, pong: nothing },
      }),
      ended: nothing,
    })
    const agent: ToAgent = toAgent(channel)
    const { over } = enforcer.converse({ stream: right, stop: nothing })
    return {
      ...{ changes, agent },
      async end() {
        left.destroy()
        await over
      },
    }
  }
  return {
    ...{ enforcer, begun, connect, source },
    /** Resolves when a round that begins after the change has been applied. */
    async looked(change: () => void) {
      const rounds = fake.attempts()
      change()
      await eventually('a round', () => fake.attempts() > rounds || undefined)
    },
    see(...now: readonly Link[]) {
      links = new Map(now.map((link) => [link.name, link]))
      for (const listener of listeners) listener()
    },
  }
}
const said = (changes: readonly SightingChange[]) =>
  changes.map(({ whole, put, remove }) => [whole, put.map(({ device, mac }) => `${device} ${mac}`), remove])
const heard = (changes: readonly SightingChange[], count: number) =>
  eventually(`${count} messages`, () => changes.length >= count || undefined)

test('all devices are said once everybody knows, then what differs, and all of them over each connection', async () => {
  const { enforcer, connect, source, see, begun, looked } = await world()
  source.speaks()
  const first = connect(5)
  await begun
  await heard(first.changes, 1)
  see(tap('vnet0', 7), tap('vnet1', 8))
  await heard(first.changes, 2)
  source.says('vnet0', mac)
  await heard(first.changes, 3)
  see(tap('vnet1', 8))
  await heard(first.changes, 4)
  // What was said of the device that is gone is nobody's.
  see(tap('vnet0', 9), tap('vnet1', 8))
  await heard(first.changes, 5)
  assert.deepEqual(said(first.changes), [
    [true, [], []],
    [false, ['vnet0 null', 'vnet1 null'], []],
    [false, [`vnet0 ${mac}`], []],
    [false, [], ['vnet0']],
    [false, ['vnet0 null'], []],
  ])
  await first.end()
  await looked(() => see(tap('vnet0', 9)))
  const second = connect(5)
  await heard(second.changes, 1)
  assert.deepEqual(said(second.changes), [[true, ['vnet0 null'], []]])
  await second.end()
  await enforcer.stop()
})

test('nothing is said until everybody knows whose names last, and then nothing that they expect is gone', async () => {
  const source = createFakeSource({ name: 'proxmox', namesLast: true })
  const { enforcer, connect, see, begun, looked } = await world(source)
  source.fails('no such directory')
  const { changes, end } = connect(5)
  await begun
  await looked(() => see(tap('vnet0', 7)))
  source.says('tap100i0', mac)
  await heard(changes, 1)
  assert.deepEqual(said(changes), [[true, [`tap100i0 ${mac}`, 'vnet0 null'], []]])
  await end()
  await enforcer.stop()
})

test('a service that does not understand it is told nothing', async () => {
  const { enforcer, connect, source, see, begun, looked } = await world()
  source.speaks()
  const old = connect(4)
  await begun
  await looked(() => see(tap('vnet0', 7)))
  await looked(() => see(tap('vnet0', 7), tap('vnet1', 8)))
  await old.end()
  assert.deepEqual(old.changes, [])
  const { changes, end } = connect(5)
  await heard(changes, 1)
  assert.deepEqual(said(changes), [[true, ['vnet0 null', 'vnet1 null'], []]])
  await end()
  await enforcer.stop()
})

test('what the service answers is held, also while it is not heard', async () => {
  const { enforcer, connect, source, begun } = await world()
  const { standing } = enforcer
  source.speaks()
  assert.equal(standing.silentMs(), null)
  const { agent, end } = connect(5)
  await begun
  await eventually('it is connected', () => standing.silentMs() === 0 || undefined)
  agent.claims([{ device: 'vnet0', interface: null, why: 'no interface has its MAC' }])
  await eventually('it is answered', () => standing.claim('vnet0'))
  await end()
  assert.ok((standing.silentMs() ?? 0) > 0)
  assert.equal(standing.claim('vnet0')?.why, 'no interface has its MAC')
  await enforcer.stop()
})
