/**
 * Histories: whatever came, went or changed before, a lowering ends where a fresh one does on what is true now, and what it
 * says of a change leads from the whole old tables to the whole new ones in the stages that these would go in.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { applied, copyOf } from '../../../test/support/applied.ts'
import { countings, surroundedBy, tellingOf } from '../../../test/support/counted.ts'
import { arbitraryProfilePolicy } from '../../../test/support/profile-policies.ts'
import type { Desired, DesiredDelta, DesiredInterface } from '../../core/model/desired.ts'
import type { CommonPolicy, DirectionPolicy, RuleList } from '../../core/model/effective-policy.ts'
import type { Link } from '../../core/model/link.ts'
import { addressSet } from '../../core/sets/address-set.ts'
import { createLowering, type LoweredInterface, type Lowering, type Surroundings } from './lower.ts'
import { bridgeTable } from './names.ts'
import { stages } from './stages.ts'
import { deltaCommands, type RenderedTables } from './table.ts'
import type { Trackers } from './untracked.ts'

type Host = Pick<Surroundings, 'observe' | 'kernel' | 'maxConnections' | 'trackers' | 'counts' | 'samples'>
/** What is true at a moment. */
interface State extends Host {
  readonly policies: Map<string, CommonPolicy>
  readonly interfaces: Map<string, DesiredInterface>
  readonly links: Map<string, Link>
  readonly refused: Map<string, string>
}

const keys = ['a', 'b', 'c', 'd']
const ids = ['n1', 'n2', 'n3', 'n4', 'n5']
const taps = ['tap0', 'tap1', 'tap2', 'tap3']
const others = ['br0', 'br1', 'br0.5', 'lan0', '17']
const names = [...taps, ...others]

/** Policies have the ids of few, so that chains of two may be called alike. */
const renamed = ({ policy, ...list }: RuleList, to: (policy: string) => string): RuleList => ({
  ...list,
  policy: to(policy),
})
const withNames = (policy: CommonPolicy, to: (policy: string) => string): CommonPolicy => {
  const part = (each: DirectionPolicy): DirectionPolicy =>
    each.filtered ? { ...each, lists: each.lists.map((list) => renamed(list, to)) } : each
  return { ...policy, ingress: part(policy.ingress), egress: part(policy.egress) }
}
const policy: fc.Arbitrary<CommonPolicy> = arbitraryProfilePolicy({ most: 12 }).map(
  ({ origin: _, ...common }) => tellingOf(common),
)
const origin = fc.constantFrom(
  undefined,
  undefined,
  { mac: '52:54:00:00:00:01' },
  { mac: '52:54:00:00:00:01', addresses: addressSet([{ family: 'ipv4', first: 1n, last: 3n }]) },
  {
    addresses: addressSet(
      Array.from({ length: 12 }, (_, n) => ({
        family: 'ipv6' as const,
        first: BigInt(4 * n),
        last: BigInt(4 * n + 1),
      })),
    ),
  },
)
const nic = fc.record({
  device: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...taps) },
    { weight: 1, arbitrary: fc.constantFrom('not/a/device', 'br0') },
  ),
  policy: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...keys) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  mac: fc.constantFrom(undefined, '52:54:00:00:00:01', '52:54:00:00:00:02'),
  origin,
  observe: fc.constantFrom(false, false, false, true),
  maxConnections: fc.constantFrom(undefined, undefined, 0, 500, 2000),
  frames: fc.constantFrom(undefined, [0x88cc], [0x8100, 0x88a8]),
})
const bridge = (name: string) => ({ name, kind: 'bridge' })
const link = fc.record({
  index: fc.nat({ max: 3 }),
  kind: fc.constantFrom('tun', 'tun', 'tun', 'macvtap'),
  master: fc.constantFrom(
    ...[null, null, null, null, bridge('br0'), bridge('br0'), bridge('br1')],
    ...[
      { name: 'red', kind: 'vrf' },
      { name: 'up7', kind: 'bond' },
    ],
  ),
  parent: fc.constantFrom(undefined, undefined, 'tap0', 'br0', 'tap1'),
})
const trackers = fc.constantFrom<(Trackers | undefined)[]>(
  undefined,
  { others: null, routes: null },
  { others: null, routes: null },
  { others: null, routes: 'routes' },
  { others: 'others', routes: null },
)

type Step = (state: State) => void
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...keys),
        fc.option(policy, { freq: 8 }),
        fc.constantFrom('own', 'own', 'a', 'a', 'odd'),
      )
      .map(
        ([key, made, as]): Step =>
          (state) => {
            if (!made) state.policies.delete(key)
            else {
              const to = (id: string) => (as === 'odd' ? `${id}/` : `${as === 'own' ? key : as}.${id}`)
              state.policies.set(key, withNames(made, to))
            }
          },
      ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom(...keys), fc.nat()).map(
      ([key, at]): Step =>
        ({ policies }) => {
          const old = policies.get(key)
          if (!old?.ingress.filtered) return
          const lists = old.ingress.lists.map((list) => ({
            ...list,
            rules: list.rules.map((rule, n) =>
              n === at % list.rules.length ? { ...rule, enabled: !rule.enabled } : rule,
            ),
          }))
          policies.set(key, { ...old, ingress: { ...old.ingress, lists } })
        },
    ),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(fc.constantFrom(...ids), fc.option(nic, { freq: 5 })).map(
      ([id, made]): Step =>
        ({ interfaces }) => {
          if (!made) interfaces.delete(id)
          else {
            const said = Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined))
            interfaces.set(id, { id, ...said } as DesiredInterface)
          }
        },
    ),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(fc.constantFrom(...taps, ...names), fc.option(link, { freq: 6 })).map(
      ([name, made]): Step =>
        ({ links }) => {
          if (!made) links.delete(name)
          else {
            const { parent, ...rest } = made
            const index = 10 + made.index * names.length + names.indexOf(name)
            // Two devices have not the same index.
            for (const other of [...links.values()]) if (other.index === index) links.delete(other.name)
            links.set(name, {
              ...rest,
              ...{ name, index },
              ...(parent !== undefined && parent !== name && { parent }),
            })
          }
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(...([0, 1].map(() => fc.constantFrom(...names)) as [fc.Arbitrary<string>, fc.Arbitrary<string>]))
      .map(
        ([from, to]): Step =>
          ({ links }) => {
            // A device is renamed, or two change their names.
            const [one, other] = [links.get(from), links.get(to)]
            if (!one || from === to) return
            links.delete(from)
            links.set(to, { ...one, name: to })
            if (other) links.set(from, { ...other, name: from })
          },
      ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(...ids), fc.constantFrom('why', 'else', null)).map(
      ([id, why]): Step =>
        ({ refused }) => {
          if (why === null) refused.delete(id)
          else refused.set(id, why)
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .oneof(
        fc.record({ observe: fc.constantFrom(false, false, true) }),
        fc.record({ kernel: fc.record({ tracks: fc.boolean(), rejects: fc.boolean() }) }),
        fc.record({ maxConnections: fc.constantFrom(0, 500, 8192) }),
        fc.record({ trackers }),
        fc.constantFrom(...countings).map(surroundedBy),
      )
      .map(
        (change): Step =>
          (state) =>
            void Object.assign(state, change),
      ),
  },
)

const start = fc
  .record({
    policies: fc.tuple(...keys.map(() => policy)),
    nics: fc.tuple(...ids.map(() => nic)),
    trackers,
  })
  .map(
    ({ policies, nics, trackers }) =>
      (): State => ({
        policies: new Map(
          keys.map((key, n) => [key, withNames(policies[n] as CommonPolicy, (id) => `${key}.${id}`)]),
        ),
        interfaces: new Map(
          ids.slice(0, taps.length).map((id, n) => {
            const said = Object.entries(nics[n] ?? {}).filter(([, value]) => value !== undefined)
            return [id, { ...Object.fromEntries(said), id, device: taps[n] as string } as DesiredInterface]
          }),
        ),
        links: new Map(
          taps.map((name, n): [string, Link] => [
            name,
            { name, index: 10 + n, kind: 'tun', master: n === 0 ? bridge('br0') : null },
          ]),
        ),
        refused: new Map(),
        observe: false,
        kernel: { tracks: true, rejects: true },
        maxConnections: 0,
        ...surroundedBy(countings[0]),
        ...(trackers && { trackers }),
      }),
  )
const history = fc.record({
  start,
  /** What changes at once; `how`: what is said of it. */
  rounds: fc.array(
    fc.record({
      steps: fc.array(step, { minLength: 1, maxLength: 4 }),
      how: fc.constantFrom('exactly', 'exactly', 'exactly', 'too much', 'nothing'),
    }),
    { minLength: 1, maxLength: 10 },
  ),
})

const changed = <T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>) =>
  new Set([...a.keys(), ...b.keys()].filter((key) => a.get(key) !== b.get(key)))

const desiredOf = ({ policies, interfaces }: State): Desired => ({ revision: 1, policies, interfaces })
const around = (state: State, changedLinks: ReadonlySet<string> | null): Surroundings => {
  const { links, refused, observe, kernel, counts, samples = 0, maxConnections = 0, trackers } = state
  return {
    ...{ links, changedLinks, refused, observe, kernel, counts, samples, maxConnections },
    ...(trackers && { trackers }),
  }
}
const copy = (state: State): State => ({
  ...state,
  policies: new Map(state.policies),
  interfaces: new Map(state.interfaces),
  links: new Map(state.links),
})

/** All that a lowering says is true. */
const said = ({ tables, rulesets, tracked }: Lowering, outcomes: ReadonlyMap<string, LoweredInterface>) => ({
  ...{ tables: copyOf(tables), rulesets, tracked, outcomes },
})

/** Chains by which devices move are numbered in any order: here they are what they say. */
function canonical(tables: RenderedTables): unknown {
  return [...tables]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { chains, sets, objects }]) => {
      const plain = (text: string) =>
        text.replace(/\bnext\d*\.\d+$/, (chain) => `next(${chains.get(chain) ?? '?'})`)
      return {
        name,
        chains: new Map([...chains].filter(([chain]) => !/^next\d*\.\d+$/.test(chain))),
        bridges: [...chains].flatMap(([chain, text]) => (/^next\d*\.\d+$/.test(chain) ? [text] : [])).sort(),
        sets: new Map(
          [...sets].map(([set, { kind, type, elements }]) => [
            set,
            { kind, type, elements: new Map([...elements].map(([key, to]) => [key, plain(to)])) },
          ]),
        ),
        objects: new Map(objects),
      }
    })
}

/** Without those in which nothing happens. */
const distinct = (all: readonly unknown[]): readonly unknown[] =>
  all.filter((each, n) => n === 0 || !isDeepStrictEqual(each, all[n - 1]))

describe('histories', () => {
  test('end where a fresh lowering does, by the stages of the whole tables', () => {
    const seen = {
      rounds: 0,
      bridged: 0,
      came: 0,
      went: 0,
      clashes: 0,
      contested: 0,
      untracked: 0,
      staged: 0,
      cut: 0,
      limits: 0,
    }
    fc.assert(
      fc.property(history, ({ start, rounds }) => {
        const lowering = createLowering()
        const outcomes = new Map<string, LoweredInterface>()
        const state = start()
        let before: State | undefined
        let standing: RenderedTables = new Map()
        for (const { steps, how } of [{ steps: [] as Step[], how: 'nothing' }, ...rounds]) {
          for (const each of steps) each(state)
          const exactly: DesiredDelta = {
            policies: changed(before?.policies ?? new Map(), state.policies),
            interfaces: changed(before?.interfaces ?? new Map(), state.interfaces),
          }
          const delta = {
            exactly,
            'too much': { policies: new Set(keys), interfaces: new Set([...ids, 'nobody']) },
            nothing: null,
          }[how] as DesiredDelta | null
          const links = how === 'exactly' && before ? changed(before.links, state.links) : null
          const old = copyOf(lowering.tables)
          const change = lowering.update(desiredOf(state), delta, around(state, links))
          for (const id of change.gone) outcomes.delete(id)
          for (const each of change.interfaces) outcomes.set(each.id, each)

          const fresh = createLowering()
          const { interfaces } = fresh.update(desiredOf(state), null, around(state, null))
          const wanted = said(fresh, new Map(interfaces.map((each) => [each.id, each])))
          assert.deepEqual(said(lowering, outcomes), wanted)
          if (how === 'nothing') assert.equal(change.interfaces.length, state.interfaces.size)

          const whole = stages(old, wanted.tables)
          const way = stages(change.from, change.to)
          let last = change.from
          const reached = way.map((next) => {
            standing = applied(standing, deltaCommands(last, next))
            last = next
            return canonical(standing)
          })
          assert.deepEqual(distinct([canonical(old), ...reached]), distinct([old, ...whole].map(canonical)))
          assert.deepEqual(canonical(standing), canonical(wanted.tables))

          seen.rounds++
          if (standing.has(bridgeTable)) seen.bridged++
          if (old.has(bridgeTable) !== standing.has(bridgeTable))
            standing.has(bridgeTable) ? seen.came++ : seen.went++
          const errors = [...outcomes.values()].map(({ error }) => error ?? '')
          if (errors.some((error) => /would be called/.test(error))) seen.clashes++
          if (errors.some((error) => /another interface/.test(error))) seen.contested++
          if (wanted.rulesets.routed.tracking) seen.untracked++
          if (wanted.rulesets.routed.limits.size > 0) seen.limits++
          if (way.length > 2) seen.staged++
          const size = (tables: RenderedTables) =>
            [...tables.values()].reduce((sum, { chains }) => sum + chains.size, 0)
          if (way.length > 0 && size(change.to) < size(wanted.tables) / 2) seen.cut++
          before = copy(state)
        }
      }),
      { numRuns: Number(process.env.HISTORIES ?? 60), seed: Number(process.env.PORTCULLIS_TEST_SEED ?? 1) },
    )
    // Generators that never meet would prove nothing.
    for (const [what, count] of Object.entries(seen))
      if (what !== 'clashes') assert.ok(count > seen.rounds / 200, `${what} ${JSON.stringify(seen)}`)
  })
})
