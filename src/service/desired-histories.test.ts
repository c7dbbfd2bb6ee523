/** However the store came to be what it is, a host should enforce what a fresh start would read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Judged, judged } from '../../test/support/desired.ts'
import { actor, chainTarget, engines, group, inventory, rule } from '../../test/support/stores.ts'
import { createResolver } from '../compile/resolve.ts'
import type { DesiredSource } from '../core/model/desired.ts'
import type { ProgramName, Programs, Storage } from '../storage/storage.ts'
import { createDesiredSource } from './desired.ts'

const groups = ['g', 'h'] as const

/** Everything that a history changes. */
interface World {
  /** Whether the inventory names the second server. */
  readonly second: boolean
  readonly observed: boolean
  readonly firewall: boolean
  /** Comments of the chain's rules, and of each group's, in order. */
  readonly chain: readonly string[]
  readonly g: readonly string[]
  readonly h: readonly string[]
  /** Groups attached to the first server, in order. */
  readonly attached: readonly (typeof groups)[number][]
}

const rules = fc.uniqueArray(fc.constantFrom('ssh', 'web', 'dns', 'all'), { maxLength: 3 })
const worlds = fc.array(
  fc.record<World>({
    second: fc.boolean(),
    observed: fc.boolean(),
    firewall: fc.boolean(),
    ...{ chain: rules, g: rules, h: rules },
    attached: fc.uniqueArray(fc.constantFrom(...groups), { maxLength: 2 }),
  }),
  { minLength: 2, maxLength: 5 },
)

const empty: World = {
  ...{ second: true, observed: false, firewall: true },
  ...{ chain: [], g: [], h: [], attached: [] },
}

async function run<P extends ProgramName>(storage: Storage, program: P, args: Programs[P]['args']) {
  const done = await storage.run(program, args, actor)
  assert.ok(done.ok, JSON.stringify(done))
}

/** The writes from one world to the next: as few as there are differences. */
function steps(storage: Storage, from: World, to: World): (() => Promise<void>)[] {
  const differs = (...keys: (keyof World)[]) =>
    keys.some((key) => JSON.stringify(from[key]) !== JSON.stringify(to[key]))
  const replaced = (of: string, comments: readonly string[]) => ({
    rules: comments.map(rule),
    ids: comments.map((comment) => `${of}-${comment}`),
  })
  const named = inventory('a', ...(to.second ? ['b'] : []))
  const observed = {
    ...named,
    servers: named.servers.map((each) => ({
      ...each,
      interfaces: each.interfaces.map((nic) => ({ ...nic, observe: to.observed })),
    })),
  }
  return [
    ...(differs('second', 'observed') ? [() => run(storage, 'applyInventory', { inventory: observed })] : []),
    ...(differs('firewall')
      ? [() => run(storage, 'updateServer', { ...chainTarget('a'), policy: { enabled: to.firewall } })]
      : []),
    ...(differs('chain')
      ? [
          () =>
            run(storage, 'replaceRules', {
              ...chainTarget('a'),
              ...replaced('chain', to.chain),
              maxRules: 10,
            }),
        ]
      : []),
    ...groups.flatMap((id) =>
      differs(id)
        ? [
            () =>
              run(storage, 'updatePolicy', {
                ...{ account: 'acme', profile: 'upcloud', policy: id },
                rules: replaced(id, to[id]),
              }),
          ]
        : [],
    ),
    ...(differs('attached')
      ? [() => run(storage, 'updateServer', { ...chainTarget('a'), attach: to.attached })]
      : []),
  ]
}

/** Each is what one reader lives through: the worlds it passes, and whether it reads after every write, every world or at the end. */
const histories = (all: readonly World[]) => [
  { name: 'as it came', passes: all, reads: 'world' },
  { name: 'split', passes: all, reads: 'write' },
  { name: 'squashed', passes: all, reads: 'end' },
  { name: 'double', passes: all.flatMap((each) => [each, each]), reads: 'world' },
  { name: 'reverse', passes: all.toReversed(), reads: 'world' },
  { name: 'there and back', passes: [...all, ...all.toReversed()], reads: 'write' },
]

const readFrom = async (source: DesiredSource): Promise<readonly Judged[]> =>
  judged((await source.read()).desired)

for (const [engine, { skip, create }] of Object.entries(engines)) {
  test(`histories end where a fresh start would, on ${engine}`, { skip }, async () => {
    const store = await create()
    const storage = await store.open()
    const fresh = () => readFrom(createDesiredSource(storage, createResolver(), 'local'))
    try {
      await run(storage, 'applyInventory', { inventory: inventory('a', 'b') })
      for (const id of groups) await run(storage, 'createPolicy', { policy: group(id), rules: [], ids: [] })
      let now = empty
      await fc.assert(
        fc.asyncProperty(worlds, async (all) => {
          const seen = new Map<World, readonly Judged[]>()
          for (const { name, passes, reads } of histories(all)) {
            const source = createDesiredSource(storage, createResolver(), 'local')
            await source.read()
            for (const world of passes) {
              for (const step of steps(storage, now, world)) {
                await step()
                if (reads === 'write') assert.deepEqual(await readFrom(source), await fresh(), name)
              }
              now = world
              if (reads === 'end') continue
              const interfaces = await readFrom(source)
              assert.deepEqual(interfaces, await fresh(), name)
              // The same world is the same, whatever was before.
              assert.deepEqual(interfaces, seen.get(world) ?? interfaces, name)
              seen.set(world, interfaces)
            }
            assert.deepEqual(await readFrom(source), await fresh(), name)
          }
        }),
        { numRuns: 8, seed: 20261126 },
      )
    } finally {
      await storage.close()
      await store.remove()
    }
  })
}

test('what no change concerns stays the same object', async () => {
  const store = await engines.sqlite.create()
  const storage = await store.open()
  try {
    await run(storage, 'applyInventory', { inventory: inventory('a', 'b') })
    const source = createDesiredSource(storage, createResolver(), 'local')
    const before = await readFrom(source)
    await run(storage, 'insertRule', { ...chainTarget('a'), rule: rule('ssh'), id: 'r', maxRules: 10 })
    const after = await readFrom(source)
    assert.notEqual(after[0]?.policy?.ingress, before[0]?.policy?.ingress)
    assert.equal(after[1]?.policy?.ingress, before[1]?.policy?.ingress)
    assert.equal((await readFrom(source))[0]?.policy?.ingress, after[0]?.policy?.ingress)
  } finally {
    await storage.close()
    await store.remove()
  }
})

test('a read that fails loses no change', async () => {
  const store = await engines.sqlite.create()
  const storage = await store.open()
  let broken: keyof Storage | undefined
  const failing = new Proxy(storage, {
    get(target, name, receiver) {
      if (name === broken) return () => Promise.reject(new Error('the store is away'))
      return Reflect.get(target, name, receiver)
    },
  })
  try {
    await run(storage, 'applyInventory', { inventory: inventory('a', 'b') })
    const source = createDesiredSource(failing, createResolver(), 'local')
    const moves: [keyof Storage, () => Promise<void>][] = [
      ['placed', () => run(storage, 'applyInventory', { inventory: inventory('a') })],
      ['placed', () => run(storage, 'applyInventory', { inventory: inventory('a', 'b') })],
      ['policies', () => run(storage, 'applyInventory', { inventory: inventory('a', 'b', 'c') })],
      [
        'changedPolicies',
        () => run(storage, 'insertRule', { ...chainTarget('a'), rule: rule('ssh'), id: 'r', maxRules: 10 }),
      ],
    ]
    for (const [what, move] of moves) {
      await source.read()
      await move()
      broken = what
      await assert.rejects(source.read(), /the store is away/)
      await assert.rejects(source.read(), /the store is away/)
      broken = undefined
      const fresh = await readFrom(createDesiredSource(storage, createResolver(), 'local'))
      assert.deepEqual(await readFrom(source), fresh, what)
    }
  } finally {
    await storage.close()
    await store.remove()
  }
})
