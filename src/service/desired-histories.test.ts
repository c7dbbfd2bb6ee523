/**
 * However the store came to be what it is, a host should enforce what a fresh start would read, and be told of everything that
 * changed and of little more. Updates go as messages, as between processes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { type Judged, judged } from '../../test/support/desired.ts'
import { actor, chainTarget, engines, group, inventory, rule } from '../../test/support/stores.ts'
import { createDesiredSource } from '../agent/desired-source.ts'
import type { JsonValue } from '../core/json.ts'
import type { Desired, DesiredSource } from '../core/model/desired.ts'
import type { DesiredUpdate } from '../core/model/desired-update.ts'
import { createUpdateReader, encodeUpdate } from '../core/model/update-codec.ts'
import type { ProgramName, Programs, Storage } from '../storage/storage.ts'
import { createDesiredFeed } from './desired.ts'

const groups = ['g', 'h'] as const

/** Everything that a history changes. */
interface World {
  /** Where the inventory has the second server; nowhere: it does not name it. */
  readonly second: 'local' | 'elsewhere' | 'nowhere'
  readonly observed: boolean
  readonly senderCheck: boolean
  readonly device: 'tap-a' | 'tap-x'
  readonly addresses: readonly string[]
  readonly firewall: boolean
  /** Whether there is a third server, made through an API. */
  readonly made: boolean
  /** Whether group `g` asks where packets are from, and is in force. */
  readonly strict: boolean
  readonly enabled: boolean
  /** Comments of the chain's rules, and of each group's, in order. */
  readonly chain: readonly string[]
  readonly g: readonly string[]
  readonly h: readonly string[]
  /** Groups attached to the first server, in order. */
  readonly attached: readonly (typeof groups)[number][]
}

const rules = fc.uniqueArray(fc.constantFrom('ssh', 'web', 'dns', 'first'), { maxLength: 3 })
const worlds = fc.array(
  fc.record<World>({
    second: fc.constantFrom('local', 'elsewhere', 'nowhere'),
    ...{ observed: fc.boolean(), senderCheck: fc.boolean(), firewall: fc.boolean(), made: fc.boolean() },
    ...{ strict: fc.boolean(), enabled: fc.boolean() },
    device: fc.constantFrom('tap-a', 'tap-x'),
    addresses: fc.subarray(['192.0.2.1', '2001:db8::1']),
    ...{ chain: rules, g: rules, h: rules },
    attached: fc.uniqueArray(fc.constantFrom(...groups), { maxLength: 2 }),
  }),
  { minLength: 2, maxLength: 5 },
)

const empty: World = {
  ...{ second: 'local', observed: false, senderCheck: true, device: 'tap-a', addresses: ['192.0.2.1'] },
  ...{ firewall: true, made: false, strict: false, enabled: true },
  ...{ chain: [], g: [], h: [], attached: [] },
}

/** As `rule`; `first` is for the first interface of a server alone. */
const ruleOf = (comment: string) => ({ ...rule(comment), ...(comment === 'first' && { interface: 1 }) })

async function run<P extends ProgramName>(storage: Storage, program: P, args: Programs[P]['args']) {
  const done = await storage.run(program, args, actor)
  assert.ok(done.ok, JSON.stringify(done))
}

function inventoryOf({ second, observed: observe, senderCheck, device, addresses }: World) {
  const named = inventory('a', ...(second === 'nowhere' ? [] : ['b']))
  return {
    ...named,
    servers: named.servers.map((each) => ({
      ...each,
      interfaces: each.interfaces.map((nic) => ({
        ...{ ...nic, observe },
        ...(nic.server === 'a' ? { senderCheck, device, addresses } : { host: second }),
      })),
    })),
  }
}

/** The third server; an interface has a policy of its own. */
function madeServer(): Programs['createServer']['args'] {
  const [entry] = inventory('c').servers
  assert.ok(entry)
  const own = group('own-c', { server: 'c', interface: 'nic-c' })
  return {
    ...{ server: entry.server, interfaces: entry.interfaces, policies: [...(entry.policies ?? []), own] },
    attachments: [...(entry.attachments ?? []), { policy: 'own-c', server: 'c', interface: 'nic-c' }],
    ...{ attach: ['g'], documents: [] },
  }
}

/** The writes from one world to the next: as few as there are differences. */
function steps(storage: Storage, from: World, to: World): (() => Promise<void>)[] {
  const differs = (...keys: (keyof World)[]) =>
    keys.some((key) => JSON.stringify(from[key]) !== JSON.stringify(to[key]))
  const replaced = (of: string, comments: readonly string[]) => ({
    rules: comments.map(ruleOf),
    ids: comments.map((comment) => `${of}-${comment}`),
  })
  const applied = differs('second', 'observed', 'senderCheck', 'device', 'addresses')
  // What an API made loses its device when an inventory does not name it.
  const remade = applied || differs('made')
  const when = (changes: boolean, step: () => Promise<void>) => (changes ? [step] : [])
  return [
    ...when(remade && from.made, () => run(storage, 'deleteServer', { ...chainTarget('c'), documents: [] })),
    ...when(applied, () => run(storage, 'applyInventory', { inventory: inventoryOf(to) })),
    ...when(remade && to.made, () => run(storage, 'createServer', madeServer())),
    ...when(differs('firewall'), () =>
      run(storage, 'updateServer', { ...chainTarget('a'), policy: { enabled: to.firewall } }),
    ),
    ...when(differs('chain'), () =>
      run(storage, 'replaceRules', { ...chainTarget('a'), ...replaced('chain', to.chain), maxRules: 10 }),
    ),
    ...groups.flatMap((id) =>
      when(differs(id, ...(id === 'g' ? (['strict', 'enabled'] as const) : [])), () =>
        run(storage, 'updatePolicy', {
          ...{ account: 'acme', profile: 'upcloud', policy: id, rules: replaced(id, to[id]) },
          ...(id === 'g' && {
            settings: {
              enabled: to.enabled,
              guards: { ...group('g').guards, sourceMac: to.strict, sourceAddress: to.strict },
            },
          }),
        }),
      ),
    ),
    ...when(differs('attached'), () =>
      run(storage, 'updateServer', { ...chainTarget('a'), attach: to.attached }),
    ),
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

/** Updates as JSON text. */
function sourceOf(storage: Storage, host = 'local'): DesiredSource {
  const feed = createDesiredFeed(storage, host)
  const reader = createUpdateReader()
  return createDesiredSource({
    async poll(since) {
      const update = await feed.poll(since)
      if (!update) return null
      let read: DesiredUpdate | undefined
      for (const message of encodeUpdate(update)) {
        assert.equal(read, undefined)
        read = reader.take(JSON.parse(JSON.stringify(message)) as JsonValue)
      }
      assert.ok(read)
      return read
    },
    onChange: feed.onChange,
  })
}

const contentOf = (desired: Desired): readonly Judged[] =>
  judged(desired).toSorted((a, b) => (a.id < b.id ? -1 : 1))

const readFrom = async (source: DesiredSource): Promise<readonly Judged[]> =>
  contentOf((await source.read()).desired)

/** Reads, and compares what the delta names with what is not as it was. */
function watched(source: DesiredSource): DesiredSource {
  let before: Pick<Desired, 'policies' | 'interfaces'> = { policies: new Map(), interfaces: new Map() }
  return {
    ...source,
    async read() {
      const { desired, delta } = await source.read()
      const now = { policies: new Map(desired.policies), interfaces: new Map(desired.interfaces) }
      const changed = (what: keyof typeof now, same: (a: unknown, b: unknown) => boolean) =>
        [...new Set([...before[what].keys(), ...now[what].keys()])]
          .filter((key) => !same(before[what].get(key), now[what].get(key)))
          .toSorted()
      if (delta) {
        assert.deepEqual([...delta.interfaces].toSorted(), changed('interfaces', isDeepStrictEqual))
        // A policy that was written anew with the same content is another object.
        assert.deepEqual([...delta.policies].toSorted(), changed('policies', Object.is))
      }
      for (const { policy } of desired.interfaces.values())
        assert.ok(policy !== null && desired.policies.has(policy))
      const named = new Set([...desired.interfaces.values()].map(({ policy }) => policy))
      assert.equal(named.size, desired.policies.size, 'no policy is left that nothing names')
      before = now
      return { desired, delta }
    },
  }
}

for (const [engine, { skip, create }] of Object.entries(engines)) {
  test(`histories end where a fresh start would, on ${engine}`, { skip }, async () => {
    const store = await create()
    const storage = await store.open()
    const fresh = () => readFrom(sourceOf(storage))
    try {
      await run(storage, 'applyInventory', { inventory: inventory('a', 'b') })
      for (const id of groups) await run(storage, 'createPolicy', { policy: group(id), rules: [], ids: [] })
      let now = empty
      await fc.assert(
        fc.asyncProperty(worlds, async (all) => {
          const seen = new Map<World, readonly Judged[]>()
          for (const { name, passes, reads } of histories(all)) {
            const source = watched(sourceOf(storage))
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
    const source = sourceOf(storage)
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
    const source = sourceOf(failing)
    const moves: (() => Promise<void>)[] = [
      () => run(storage, 'applyInventory', { inventory: inventory('a') }),
      () => run(storage, 'applyInventory', { inventory: inventory('a', 'b') }),
      () => run(storage, 'applyInventory', { inventory: inventory('a', 'b', 'c') }),
      () => run(storage, 'insertRule', { ...chainTarget('a'), rule: rule('ssh'), id: 'r', maxRules: 10 }),
    ]
    for (const move of moves) {
      await source.read()
      await move()
      broken = 'desired'
      await assert.rejects(source.read(), /the store is away/)
      await assert.rejects(source.read(), /the store is away/)
      broken = undefined
      const fresh = await readFrom(sourceOf(storage))
      assert.deepEqual(await readFrom(source), fresh)
    }
  } finally {
    await storage.close()
    await store.remove()
  }
})
