/**
 * Agents of many hosts on one reader, and on two services with one database: whatever is written and whenever each asks or
 * resumes, it holds what a fresh start would, and hosts that a write does not concern are sent nothing.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Judged, judged } from '../../test/support/desired.ts'
import { actor, chainTarget, engines, group, inventory, rule } from '../../test/support/stores.ts'
import { createDesiredSource } from '../agent/desired-source.ts'
import type { JsonValue } from '../core/json.ts'
import type { Desired } from '../core/model/desired.ts'
import type { DesiredUpdate } from '../core/model/desired-update.ts'
import { createUpdateReader, updateTexts } from '../core/model/update-codec.ts'
import type { ProgramName, Programs, Storage } from '../storage/storage.ts'
import { createDesiredFeeds, type DesiredFeeds, type WaitingFeed } from './desired.ts'
import { prune } from './retention.ts'

const hosts = ['h0', 'h1', 'h2', 'h3', 'h4'] as const
const servers = ['a', 'b', 'c', 'd', 'e', 'f'] as const
const groups = ['g', 'h', 'i'] as const

const contentOf = (desired: Desired): readonly Judged[] =>
  judged(desired).toSorted((a, b) => (a.id < b.id ? -1 : 1))

async function run<P extends ProgramName>(storage: Storage, program: P, args: Programs[P]['args']) {
  const done = await storage.run(program, args, actor)
  assert.ok(done.ok, JSON.stringify(done))
}

/** `places`: by server, the host that it is on; null: on none. */
const place = (storage: Storage, places: readonly ((typeof hosts)[number] | null)[]) => {
  const named = inventory(...servers)
  const placed = named.servers.map((each, n) => ({
    ...each,
    interfaces: each.interfaces.map((nic) => ({
      ...nic,
      host: places[n] ?? null,
      device: places[n] ? `tap-${nic.server}` : null,
    })),
  }))
  return run(storage, 'applyInventory', { inventory: { ...named, servers: placed } })
}

/** What happens: a write through one of the services, or something that agents do. */
type Event =
  | { readonly kind: 'place'; readonly places: readonly ((typeof hosts)[number] | null)[] }
  | { readonly kind: 'attach'; readonly server: string; readonly groups: readonly string[] }
  | { readonly kind: 'group'; readonly group: string; readonly comments: readonly string[] }
  | { readonly kind: 'chain'; readonly server: string; readonly comments: readonly string[] }
  | { readonly kind: 'forget' }
  | { readonly kind: 'ask'; readonly agents: readonly number[]; readonly together: boolean }
  | { readonly kind: 'resume'; readonly agents: readonly number[] }

const comments = fc.uniqueArray(fc.constantFrom('ssh', 'web', 'dns'), { maxLength: 3 })
const agents = fc.uniqueArray(fc.nat({ max: hosts.length - 1 }), { maxLength: hosts.length })
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constant('place' as const),
    places: fc.array(fc.constantFrom(...hosts, null), {
      minLength: servers.length,
      maxLength: servers.length,
    }),
  }),
  fc.record({
    kind: fc.constant('attach' as const),
    server: fc.constantFrom(...servers),
    groups: fc.uniqueArray(fc.constantFrom(...groups), { maxLength: 3 }),
  }),
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('group' as const),
      group: fc.constantFrom(...groups),
      comments,
    }),
  },
  fc.record({ kind: fc.constant('chain' as const), server: fc.constantFrom(...servers), comments }),
  fc.record({ kind: fc.constant('forget' as const) }),
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('ask' as const), agents, together: fc.boolean() }) },
  fc.record({ kind: fc.constant('resume' as const), agents }),
)
/** With the service that writes, of those there are. */
const histories = fc.array(fc.tuple(event, fc.nat({ max: 1 })), { minLength: 4, maxLength: 14 })

/** A service and the newest revision that it has heard of. */
interface Service {
  readonly storage: Storage
  readonly feeds: DesiredFeeds
  hears(revision: number): Promise<void>
}

function serve(storage: Storage): Service {
  let newest = 0
  let heard = Promise.withResolvers<void>()
  storage.onCommit(({ revision }) => {
    newest = Math.max(newest, revision)
    heard.resolve()
    heard = Promise.withResolvers()
  })
  return {
    storage,
    feeds: createDesiredFeeds(storage),
    async hears(revision) {
      while (newest < revision) await heard.promise
    },
  }
}

/** An agent as on its host: its state outlives connections. */
function createAgent(host: string, first: Service) {
  let feed: WaitingFeed = first.feeds.of(host, { resumes: true })
  let on = first
  let resumes = true
  const reader = createUpdateReader()
  const updates: DesiredUpdate[] = []
  const source = createDesiredSource({
    async poll(since) {
      const update = await feed.poll(since)
      if (!update) return null
      if (!resumes) {
        const { policies, interfaces } = update
        assert.ok(
          update.from === null || policies.length + interfaces.put.length + interfaces.remove.length > 0,
          'who is not concerned is sent nothing',
        )
      }
      resumes = false
      updates.push(update)
      let read: DesiredUpdate | undefined
      for (const text of updateTexts(update, {}, { found: true }))
        read = reader.take(JSON.parse(text) as JsonValue)
      assert.ok(read)
      return read
    },
    onChange: () => () => {},
  })
  return {
    host,
    updates,
    service: () => on,
    read: async () => contentOf((await source.read()).desired),
    reach: () => feed.reach(),
    connect(to: Service) {
      feed.close()
      on = to
      resumes = true
      feed = to.feeds.of(host, { resumes: true })
    },
    close: () => feed.close(),
  }
}

const fresh = async ({ storage }: Service, host: string) => {
  const feeds = createDesiredFeeds(storage)
  const feed = feeds.of(host)
  const { desired } = await createDesiredSource(feed).read()
  feed.close()
  feeds.close()
  return contentOf(desired)
}

async function live(services: readonly Service[], events: readonly (readonly [Event, number])[]) {
  const serviceOf = (n: number) => services[n % services.length] as Service
  const all = hosts.map((host, n) => createAgent(host, serviceOf(n)))
  const some = (list: readonly number[]) => list.map((n) => all[n] as (typeof all)[number])
  async function act(event: Event, { storage }: Service): Promise<void> {
    switch (event.kind) {
      case 'place':
        return place(storage, event.places)
      case 'attach':
        return run(storage, 'updateServer', { ...chainTarget(event.server), attach: event.groups })
      case 'group':
        return run(storage, 'updatePolicy', {
          ...{ account: 'acme', profile: 'upcloud', policy: event.group },
          rules: {
            rules: event.comments.map((each) => rule(each)),
            ids: event.comments.map((each) => `${event.group}-${each}`),
          },
        })
      case 'chain':
        return run(storage, 'replaceRules', {
          ...{ ...chainTarget(event.server), maxRules: 10, rules: event.comments.map((each) => rule(each)) },
          ids: event.comments.map((each) => `${event.server}-${each}`),
        })
      case 'forget':
        await prune(storage, { days: 90, bytes: 1 }, actor.at)
        return
      case 'ask':
        if (event.together) await Promise.all(some(event.agents).map((agent) => agent.read()))
        else for (const agent of some(event.agents)) await agent.read()
        return
      case 'resume':
        for (const agent of some(event.agents))
          agent.connect(serviceOf(services.indexOf(agent.service()) + 1))
    }
  }
  try {
    for (const [event, n] of events) await act(event, serviceOf(n))
    const revision = Math.max(
      ...(await Promise.all(services.map(({ storage }) => storage.desired('', null)))).map(
        (each) => each.revision,
      ),
    )
    // Not of every revision there is a notice: this one is heard of by all.
    await run(serviceOf(0).storage, 'updateServer', {
      ...chainTarget('a'),
      attach: [],
      change: { name: `n${revision}` },
    })
    const last = (await serviceOf(0).storage.desired('', null)).revision
    for (const each of services) await each.hears(last)
    for (const agent of all) {
      assert.deepEqual(await agent.read(), await fresh(agent.service(), agent.host), agent.host)
      const reach = agent.reach()
      for (const { generation } of await agent.service().storage.placedOn(agent.host)) {
        assert.ok(
          reach && generation <= reach.upTo,
          'what it holds is as new as what bears on its interfaces',
        )
      }
      assert.ok(reach && reach.upTo >= last, 'who is not concerned does not fall behind')
    }
  } finally {
    for (const agent of all) agent.close()
  }
}

for (const [engine, { skip, create }] of Object.entries(engines)) {
  for (const count of engine === 'postgresql' ? [1, 2] : [1]) {
    test(`agents of many hosts hold what a fresh start would, on ${engine}, ${count} services`, {
      skip,
    }, async () => {
      const store = await create()
      const storages: Storage[] = []
      try {
        for (let n = 0; n < count; n++) storages.push(await store.open())
        const services = storages.map(serve)
        const first = storages[0] as Storage
        await place(first, hosts)
        for (const id of groups) await run(first, 'createPolicy', { policy: group(id), rules: [], ids: [] })
        await fc.assert(
          fc.asyncProperty(histories, (events) => live(services, events)),
          { numRuns: engine === 'sqlite' ? 40 : 12, seed: 20261127 },
        )
      } finally {
        await Promise.all(storages.map((each) => each.close()))
        await store.remove()
      }
    })
  }
}
