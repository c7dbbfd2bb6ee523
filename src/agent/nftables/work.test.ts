/** What an edit touches, counted: the same on hosts of any size. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { imaginedHost, imaginedKernel } from '../../../test/support/imagined.ts'
import { group } from '../../../test/support/stores.ts'
import { walked } from '../../../test/support/walked.ts'
import { createLowering, type Surroundings } from '../../compile/nftables/lower.ts'
import { guardTables } from '../../compile/nftables/names.ts'
import type { DesiredUpdate, Placement } from '../../core/model/desired-update.ts'
import type { Link } from '../../core/model/link.ts'
import type { Policy } from '../../core/model/policy.ts'
import { TCP } from '../../core/net/protocol.ts'
import { createDesiredState } from '../desired-state.ts'
import { createStatuses } from '../statuses.ts'
import type { Change, Kernel } from './kernel.ts'
import { createNftables } from './nftables.ts'

const { revision: _, ...settings } = { ...group('any'), revision: 0 }
let revision = 0
const policy = (id: string, rules: number): Policy => ({
  ...{ ...settings, id, revision: ++revision, enabled: true },
  rules: Array.from({ length: rules }, (_, n) => ({
    ...{ id: `r${n}`, position: n + 1, direction: 'ingress', action: 'allow', enabled: true },
    matches: [{ family: 'ipv4', protocol: TCP, destinationPorts: [{ first: 2 * n + 1, last: 2 * n + 1 }] }],
  })),
})
const placement = (n: number, policies: readonly string[], more: Partial<Placement> = {}): Placement => ({
  ...{ id: `nic${n}`, device: `tap${n}`, index: 1, type: 'public', policies },
  mac: `52:54:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`,
  ...{ addresses: [`10.0.${n >> 8}.${n & 255}`], allowedAddresses: [], senderCheck: true, observe: false },
  ...{ vlanTrunk: false, allowedFrames: [], maxConnections: 1000 },
  ...more,
})

type Part = Partial<{ readonly policies: readonly Policy[]; readonly put: readonly Placement[] }>
const update = ({ policies = [], put = [] }: Part, from: number | null): DesiredUpdate => ({
  ...{ from, revision: (from ?? 0) + 1, policies },
  interfaces: { put, remove: [] },
})
const links = (count: number) =>
  Array.from({ length: count }, (_, n): Link => {
    const master = n % 2 === 0 ? null : { name: 'br0', kind: 'bridge' }
    return { index: n + 2, name: `tap${n}`, kind: 'tun', master }
  })

/** Every interface has a policy of its own, or all have one; all but the first, that is, which is `nic0` of `alone`. */
function first(count: number, shared: boolean): DesiredUpdate {
  const policiesOf = (n: number) => [n === 0 ? 'alone' : shared ? 'group' : `p${n}`]
  const put = Array.from({ length: count }, (_, n) => placement(n, policiesOf(n)))
  const named = new Set(['group', ...put.flatMap(({ policies }) => policies)])
  return update({ policies: [...named].map((id) => policy(id, 20)), put }, null)
}

/** There and back, so that nothing is made for the first time. */
const edits: Readonly<Record<string, { shared: boolean; most: number; parts: readonly Part[] }>> = {
  'a rule of a policy of its own': {
    ...{ shared: false, most: 0 },
    parts: [{ policies: [policy('p7', 21)] }, { policies: [policy('p7', 20)] }],
  },
  'a rule of a group': {
    ...{ shared: true, most: 0 },
    parts: [{ policies: [policy('group', 21)] }, { policies: [policy('group', 20)] }],
  },
  'a member of a group': {
    ...{ shared: true, most: 1 },
    parts: [{ put: [placement(0, ['group'])] }, { put: [placement(0, ['alone'])] }],
  },
  'an address': {
    ...{ shared: false, most: 1 },
    parts: [{ put: [placement(7, ['p7'], { addresses: ['10.9.9.9'] })] }, { put: [placement(7, ['p7'])] }],
  },
}

/** Visited: interfaces; made: chains as values; commands for the kernel. */
function lower(count: number, shared: boolean, parts: readonly Part[]) {
  const state = createDesiredState()
  const lowering = createLowering()
  const surroundings = (changedLinks: Surroundings['changedLinks']): Surroundings => ({
    links: new Map(links(count).map((link) => [link.name, link])),
    ...{ changedLinks, observe: false, refused: new Map() },
    kernel: { tracks: true, rejects: true },
    ...({ counts: 'rules', samples: 10 } as const),
  })
  state.apply(first(count, shared))
  lowering.update(state.desired, null, surroundings(null))
  return parts.map((part) => {
    const chains = () =>
      new Set(Object.values(lowering.rulesets).flatMap((each) => [...(each?.chains.values() ?? [])]))
    const before = chains()
    const { delta } = state.apply(update(part, state.desired.revision))
    const { from, to, interfaces } = lowering.update(state.desired, delta, surroundings(new Set()))
    const sides = [from, to].flatMap((tables) => [...tables.values()])
    return {
      ...{ visited: interfaces.length, made: [...chains()].filter((each) => !before.has(each)).length },
      handed: sides.reduce((sum, { chains, sets }) => sum + chains.size + elementsIn(sets), 0),
    }
  })
}
const elementsIn = (sets: ReadonlyMap<string, { readonly elements: ReadonlyMap<string, string> }>) =>
  [...sets.values()].reduce((sum, { elements }) => sum + elements.size, 0)

/** A round of the agent: what it walks over, commits and reports. */
async function run(count: number, shared: boolean, parts: readonly Part[]) {
  let commands = 0
  const kernel = imaginedKernel((each) => {
    commands += each.length
  })
  const dataplane = createNftables({ kernel, host: imaginedHost(links(count)), guard: ['tap*'] })
  const state = createDesiredState()
  const statuses = createStatuses()
  state.apply(first(count, shared))
  statuses.arrive(state.desired, null)
  statuses.settle(state.desired, null, await dataplane.apply(state.desired, null), null)
  const counts: object[] = []
  for (const part of parts) {
    commands = 0
    let said = 0
    const walks = await walked(async () => {
      const { delta } = state.apply(update(part, state.desired.revision))
      said += statuses.arrive(state.desired, delta).put.length
      const report = await dataplane.apply(state.desired, delta)
      said += statuses.settle(state.desired, delta, report, 1).put.length
    })
    assert.ok(commands > 0, 'nothing was committed')
    counts.push({ walks, commands, said })
  }
  await dataplane.close()
  return counts
}

describe('an edit touches as much at 1,000 interfaces as at 50', () => {
  for (const [what, { shared, most, parts }] of Object.entries(edits)) {
    test(`${what}: lowered`, () => {
      const [few, many] = [50, 1000].map((count) => lower(count, shared, parts))
      assert.deepEqual(many, few)
      for (const { visited, made, handed } of many ?? []) {
        assert.equal(visited, most)
        assert.ok(made <= 8, `${made} chains are made`)
        assert.ok(handed <= 100, `${handed} chains and elements are handed to the stages`)
      }
    })
    test(`${what}: in a round`, async () => {
      const few = await run(50, shared, parts)
      assert.deepEqual(await run(1000, shared, parts), few)
    })
  }
})

test('however often others change our tables while they are read, they are read once more', async () => {
  let told: (what: Change) => void = () => {}
  let reads = 0
  let mayRead = Promise.resolve()
  const kernel: Kernel = {
    ...imaginedKernel(() => {}),
    async read() {
      reads++
      await mayRead
      return undefined
    },
    onChange(listener) {
      told = listener
      return () => {}
    },
  }
  const dataplane = createNftables({ kernel, host: imaginedHost(links(1)), guard: ['tap*'] })
  const state = createDesiredState()
  state.apply(first(1, false))
  await dataplane.apply(state.desired, null)
  const { promise, resolve } = Promise.withResolvers<void>()
  mayRead = promise
  reads = 0
  const change = () => told({ ours: true, others: false })
  change()
  await setImmediate()
  assert.equal(reads, guardTables.length)
  for (let n = 0; n < 100; n++) change()
  resolve()
  await dataplane.close()
  assert.equal(reads, 2 * guardTables.length)
})

test('walks are counted', async () => {
  const some = new Map(Array.from({ length: 10 }, (_, n) => [n, n]))
  const keys = new Set(some.keys())
  assert.equal(await walked(() => [some.get(1), keys.has(1), some.size]), 0)
  for (const walk of [() => [...some], () => new Map(some), () => [...keys], () => new Set(keys.values())])
    assert.ok((await walked(walk)) >= 10)
})
