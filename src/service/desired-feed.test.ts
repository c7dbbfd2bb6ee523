/** What agents are sent: waiting for it, not missing any of it, whoever writes, and what history has forgotten. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, test } from 'node:test'
import { judged } from '../../test/support/desired.ts'
import { actor, chainTarget, engines, group, inventory, rule } from '../../test/support/stores.ts'
import { createDesiredSource } from '../agent/desired-source.ts'
import { createDesiredState } from '../agent/desired-state.ts'
import type { Desired } from '../core/model/desired.ts'
import type { DesiredUpdate } from '../core/model/desired-update.ts'
import type { ProgramName, Programs, Storage } from '../storage/storage.ts'
import { createDesiredFeed, createDesiredFeeds } from './desired.ts'
import { prune } from './retention.ts'

async function run<P extends ProgramName>(storage: Storage, program: P, args: Programs[P]['args']) {
  const done = await storage.run(program, args, actor)
  assert.ok(done.ok, JSON.stringify(done))
}
const names = (storage: Storage, ...servers: string[]) =>
  run(storage, 'applyInventory', { inventory: inventory(...servers) })
const insert = (storage: Storage, id: string, server = 'a') =>
  run(storage, 'insertRule', { ...chainTarget(server), rule: rule(id), id, maxRules: 1000 })

const contentOf = (desired: Desired) => judged(desired).toSorted((a, b) => (a.id < b.id ? -1 : 1))
const fresh = async (storage: Storage) => {
  const feed = createDesiredFeed(storage, 'local')
  const { desired } = await createDesiredSource(feed).read()
  feed.close()
  return contentOf(desired)
}

describe('waiting for what is newer', () => {
  const setUp = async () => {
    const store = await engines.sqlite.create()
    const storage = await store.open()
    await names(storage, 'a', 'b')
    const feed = createDesiredFeed(storage, 'local')
    const { revision } = await feed.next(null)
    const cleanUp = async () => {
      feed.close()
      await storage.close()
      await store.remove()
    }
    return { storage, feed, revision, cleanUp }
  }

  test('it is answered when something has been written, with all of what came meanwhile', async () => {
    const { storage, feed, revision, cleanUp } = await setUp()
    try {
      const answers: DesiredUpdate[] = []
      const asked = feed.next(revision).then((update) => answers.push(update))
      // Nothing that concerns what is desired: it goes on waiting.
      await run(storage, 'recordEvent', {
        event: { operation: 'login.failed', resource: 'credential', id: 'jane', before: null, after: {} },
      })
      await new Promise(setImmediate)
      assert.equal(answers.length, 0)
      await insert(storage, 'one')
      await asked
      const [first] = answers
      assert.ok(first)
      assert.equal(first.from, revision)
      await Promise.all([insert(storage, 'two'), insert(storage, 'three', 'b')])
      const next = await feed.next(first.revision)
      assert.deepEqual(next.policies.map(({ id, rules }) => [id, rules.length]).toSorted(), [
        ['chain-a', 2],
        ['chain-b', 1],
      ])
    } finally {
      await cleanUp()
    }
  })

  test('an agent that has another revision than it was sent is sent everything, at once', async () => {
    const { feed, revision, cleanUp } = await setUp()
    try {
      for (const since of [null, revision - 1, revision + 1]) {
        const update = await feed.next(since)
        assert.deepEqual([update.from, update.interfaces.put.length], [null, 2])
      }
    } finally {
      await cleanUp()
    }
  })

  test('an agent that resumes is answered at once: with what it lacks, or that it lacks nothing', async () => {
    const { storage, feed, revision, cleanUp } = await setUp()
    try {
      await insert(storage, 'one')
      const one = await feed.next(revision)
      await insert(storage, 'two', 'b')
      const feeds = createDesiredFeeds(storage)
      const again = feeds.of('local', { resumes: true })
      const two = await again.next(one.revision)
      assert.deepEqual([two.from, two.policies.map(({ id }) => id)], [one.revision, ['chain-b']])
      again.close()
      const last = feeds.of('local', { resumes: true })
      const { from, policies, interfaces } = await last.next(two.revision)
      assert.deepEqual([from, policies, interfaces], [two.revision, [], { put: [], remove: [] }])
      assert.equal(await last.poll(two.revision), null)
      const beyond = await last.next(two.revision + 1)
      assert.deepEqual([beyond.from, beyond.interfaces.put.length], [null, 2], 'of another history')
      feeds.close()
    } finally {
      await cleanUp()
    }
  })

  test('who waits no longer loses nothing, and leaves nothing behind', async () => {
    const { storage, feed, revision, cleanUp } = await setUp()
    try {
      const ending = new AbortController()
      const asked = feed.next(revision, ending.signal)
      const reason = new Error('the agent is gone')
      ending.abort(reason)
      await assert.rejects(asked, reason)
      await assert.rejects(feed.next(revision, ending.signal), reason, 'aborted before it asks')
      await insert(storage, 'meanwhile')
      const lasting = new AbortController()
      let since = revision
      for (let n = 0; n < 20; n++) {
        const update = await feed.next(since, lasting.signal)
        assert.equal(update.from, since)
        since = update.revision
        await insert(storage, `more-${n}`)
      }
      assert.equal(getEventListeners(lasting.signal, 'abort').length, 0)
    } finally {
      await cleanUp()
    }
  })

  test('two questions at once are refused, and the first is answered', async () => {
    const { storage, feed, revision, cleanUp } = await setUp()
    try {
      await insert(storage, 'one')
      const first = feed.next(revision)
      await assert.rejects(feed.next(revision), /one update at a time/)
      assert.equal((await first).from, revision)
    } finally {
      await cleanUp()
    }
  })
})

test('while the store is away who waits hears so, and nothing is missed although history has forgotten it by then', async () => {
  const store = await engines.sqlite.create()
  const storage = await store.open()
  let away = false
  const failing: Storage = {
    ...storage,
    concern: (...args) => (away ? Promise.reject(new Error('the store is away')) : storage.concern(...args)),
  }
  try {
    await names(storage, 'a', 'b')
    const feeds = createDesiredFeeds(failing)
    const [local, ...others] = ['local', 'h1', 'h2'].map((host) => feeds.of(host))
    assert.ok(local)
    const { revision } = await local.next(null)
    for (const other of others) await other.next(null)
    const unheard = Promise.all(
      others.map((other) =>
        assert.rejects(other.next(other.reach()?.handed ?? null), /the store is away/, 'who waits is woken'),
      ),
    )
    away = true
    await names(storage, 'a')
    await unheard
    await assert.rejects(local.poll(revision), /the store is away/)
    await insert(storage, 'one')
    assert.ok((await prune(storage, { days: 90, bytes: 1 }, actor.at)) > 0)
    away = false
    const { from, interfaces } = await local.next(revision)
    assert.deepEqual([from, interfaces.put.map(({ id }) => id)], [null, ['nic-a']])
    feeds.close()
  } finally {
    await storage.close()
    await store.remove()
  }
})

for (const [engine, { skip, create }] of Object.entries(engines)) {
  test(`whatever history has forgotten, no departure is missed, on ${engine}`, { skip }, async () => {
    const store = await create()
    const storage = await store.open()
    try {
      // Agents that stopped asking, one at each revision.
      const agents: { updates: DesiredUpdate[]; read(): Promise<{ desired: Desired }> }[] = []
      const begin = async () => {
        const feed = createDesiredFeed(storage, 'local')
        const updates: DesiredUpdate[] = []
        const source = createDesiredSource({
          ...feed,
          async poll(since) {
            const update = await feed.poll(since)
            if (update) updates.push(update)
            return update
          },
        })
        await source.read()
        agents.push({ updates, read: () => source.read() })
      }
      const writes: (() => Promise<void>)[] = [
        () => names(storage, 'a', 'b', 'c'),
        () => names(storage, 'a', 'c'),
        () => insert(storage, 'one'),
        () => names(storage, 'a'),
        () => insert(storage, 'two'),
        () => names(storage, 'a', 'b'),
        () => insert(storage, 'three'),
      ]
      for (const [n, write] of writes.entries()) {
        await write()
        await begin()
        // What is forgotten ends between departures, too.
        if (n === 3) assert.ok((await prune(storage, { days: 90, bytes: 1 }, actor.at)) > 0)
      }
      const wanted = await fresh(storage)
      for (const [n, agent] of agents.entries()) {
        assert.deepEqual(contentOf((await agent.read()).desired), wanted, `agent ${n}`)
      }
      const kinds = agents.map(({ updates }) => updates.slice(1).map(({ from }) => from === null))
      // Those from before the last event that is gone are sent everything, the others what they lack.
      assert.deepEqual(kinds, [[true], [true], [false], [false], [false], [false], []])
    } finally {
      await storage.close()
      await store.remove()
    }
  })
}

test('two services write to one database, and an agent of each misses nothing', {
  skip: engines.postgresql.skip,
}, async () => {
  const store = await engines.postgresql.create()
  const both = await Promise.all([store.open(), store.open()])
  const [one, two] = both
  try {
    await names(one, 'a', 'b', 'c')
    for (const id of ['g', 'h']) await run(one, 'createPolicy', { policy: group(id), rules: [], ids: [] })
    const writers = [
      async () => {
        for (let n = 0; n < 30; n++) await insert(one, `one-${n}`)
      },
      async () => {
        for (let n = 0; n < 30; n++) await insert(two, `two-${n}`, 'b')
      },
      async () => {
        for (let n = 0; n < 10; n++) {
          const attach = n % 2 === 0 ? ['g', 'h'] : ['h']
          await run(two, 'updateServer', { ...chainTarget('a'), attach })
          await names(one, 'a', 'b', ...(n % 2 === 0 ? [] : ['c']))
        }
      },
    ]
    const stop = new AbortController()
    const agents = both.map((storage) => {
      const feed = createDesiredFeed(storage, 'local')
      const state = createDesiredState()
      const follow = async () => {
        for (let since: number | null = null; ; ) {
          const update = await feed.next(since, stop.signal)
          assert.equal(update.from, since, 'it never has to begin anew')
          assert.ok(update.revision >= (since ?? 0))
          state.apply(update)
          since = update.revision
        }
      }
      const following = follow().catch((error: unknown) => {
        feed.close()
        if (!stop.signal.aborted) throw error
      })
      return { state, following }
    })
    await Promise.all(writers.map((write) => write()))
    await insert(two, 'last', 'b')
    const { revision } = await one.desired('local', null)
    const wanted = await fresh(one)
    const deadline = Date.now() + 20_000
    while (agents.some(({ state }) => state.desired.revision < revision)) {
      assert.ok(Date.now() < deadline, 'a notice was lost')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    stop.abort()
    await Promise.all(agents.map(({ following }) => following))
    for (const { state } of agents) assert.deepEqual(contentOf(state.desired), wanted)
    assert.equal(wanted.length, 3)
  } finally {
    await Promise.all(both.map((each) => each.close()))
    await store.remove()
  }
})
