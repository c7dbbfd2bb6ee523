/**
 * After a restore nobody takes what they know of the store before for what is restored: not an agent that ran meanwhile, not
 * what it said, and no client.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { createDesiredSource } from '../src/agent/desired-source.ts'
import type { DesiredFeed } from '../src/core/model/desired-update.ts'
import type { StatusChange } from '../src/core/model/status-change.ts'
import { createDesiredFeed } from '../src/service/desired.ts'
import { createEnforcement } from '../src/service/enforcement.ts'
import type { Storage } from '../src/storage/storage.ts'
import { contextOf } from './support/context.ts'
import { actor, chainTarget, engines, inventory, rule } from './support/stores.ts'
import { backupOf, restoreTo } from './support/whole.ts'

const nic = 'nic-a'
const said = (revision: number): StatusChange => ({
  host: {
    ...{
      host: 'local',
      target: 'fake',
      observe: false,
      desiredRevision: revision,
      appliedRevision: revision,
    },
    ...{ state: 'applied', error: null, repairs: 0, warnings: [] },
  },
  whole: true,
  put: [{ id: nic, device: 'tap-a', appliedRevision: revision, state: 'applied', error: null, notes: [] }],
  remove: [],
})

const setRules = (storage: Storage, ...comments: readonly string[]) =>
  storage.run(
    'replaceRules',
    {
      ...chainTarget('a'),
      rules: comments.map((each, n) => ({
        ...rule(each),
        matches: [{ protocol: 6, destinationPorts: [{ first: 22 + n, last: 22 + n }] }],
      })),
      ids: comments,
      maxRules: 1000,
    },
    actor,
  )

/** What is in force of the interface, as its account is told. */
async function standing(storage: Storage, enforcement: ReturnType<typeof createEnforcement>, now: number) {
  const placed = await storage.placedInterfaces('a')
  const inForce = (await enforcement.inForce(contextOf('acme', now), placed, { server: 'a' })).get(nic)
  const [pending] = await enforcement.pending(contextOf('acme', now))
  return {
    state: inForce?.state,
    appliedRevision: inForce?.appliedRevision,
    generation: placed[0]?.generation,
    progress: pending?.progress,
  }
}

for (const [engine, { skip, create }] of Object.entries(engines)) {
  // As many changes after the backup as make its revisions look old, or none after it but those that it undoes.
  for (const later of [1, 30]) {
    describe(`a restore on ${engine}, ${later} changes after the backup`, { skip }, () => {
      test('is what agents enforce, and nothing is said to be applied before they do', async () => {
        const [first, second] = [await create(), await create()]
        let storage = await first.open()
        try {
          await storage.run('applyInventory', { inventory: inventory('a') }, actor)
          await setRules(storage, 'kept', 'too')

          // An agent, which lives on.
          let feed: DesiredFeed = createDesiredFeed(storage, 'local')
          const agent = createDesiredSource({ poll: (since) => feed.poll(since), onChange: () => () => {} })
          const rulesOf = async () => {
            const { desired, delta } = await agent.read()
            const policy = desired.policies.get(desired.interfaces.get(nic)?.policy ?? '')
            const judged = inspect(policy, { depth: null }).replaceAll(/revision: \d+/g, '')
            return { revision: desired.revision, judged, delta }
          }
          const before = await rulesOf()
          let enforcement = createEnforcement(storage)
          enforcement.report(said(before.revision))
          await enforcement.close()

          const bytes = await backupOf(first.place)
          for (let n = 0; n < later; n++) await setRules(storage, `later ${n}`)
          const lost = await rulesOf()
          assert.notEqual(lost.judged, before.judged)
          enforcement = createEnforcement(storage)
          enforcement.report(said(lost.revision))
          await enforcement.close()
          const etag = (await storage.chain('a'))?.revision ?? 0
          feed.close()
          await storage.close()

          const { revision } = await restoreTo(second.place, bytes)
          storage = await second.open()
          const now = Date.now()
          const policy = await storage.chain('a')
          assert.ok((policy?.revision ?? 0) > lost.revision)
          const write = { ...chainTarget('a'), rule: rule('x'), id: 'x', maxRules: 9, ifRevision: etag }
          const done = await storage.run('insertRule', write, actor)
          assert.ok(!done.ok && done.error.kind === 'conflict', 'a client that read what was lost is refused')

          // Before the agent speaks, and when it has been silent for long.
          enforcement = createEnforcement(storage)
          for (const at of [now, now + 3_600_000]) {
            const unheard = await standing(storage, enforcement, at)
            assert.equal(unheard.state, 'applying')
            assert.equal(unheard.appliedRevision, null)
            assert.match(String(unheard.progress), /^(waiting|failing)$/)
          }
          // It says what it said: of revisions that this store never had.
          enforcement.report(said(lost.revision))
          const heard = await standing(storage, enforcement, now)
          assert.equal(heard.state, 'applying')
          assert.equal(heard.progress, 'applying')
          assert.equal(heard.generation, revision)

          // It asks for what is newer than what it knows.
          assert.equal((await storage.desired('local', lost.revision)).from, null)
          assert.equal((await storage.desired('local', before.revision)).from, null)
          feed = createDesiredFeed(storage, 'local')
          const restored = await rulesOf()
          assert.equal(restored.judged, before.judged)
          assert.ok(restored.delta && restored.delta.policies.size > 0, 'what it has in force is another')
          assert.equal(restored.revision, revision)
          enforcement.report(said(restored.revision))
          const after = await standing(storage, enforcement, now)
          assert.deepEqual(after, {
            ...{ state: 'applied', appliedRevision: revision, generation: revision, progress: undefined },
          })
          await enforcement.close()
          feed.close()

          // And goes on with changes alone.
          await setRules(storage, 'next')
          assert.equal((await storage.desired('local', revision)).from, revision)
        } finally {
          await storage.close()
          await first.remove()
          await second.remove()
        }
      })
    })
  }
}
