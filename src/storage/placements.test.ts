/** What one edit costs a reader that asks for what is newer: statements and rows are counted, and plans are looked at. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { actor, engines, group, inventory, rule } from '../../test/support/stores.ts'
import { concern, desired } from './placements.ts'
import type { Row, Steps } from './statement.ts'

interface Cost {
  readonly statements: number
  readonly rows: number
  /** Steps of plans that read a whole table, or all that is on a host. */
  readonly whole: readonly string[]
}

function counted<T>(database: DatabaseSync, steps: Steps<T>): Cost & { readonly answer: T } {
  let [statements, rows] = [0, 0]
  const whole = new Set<string>()
  for (let step = steps.next(); ; ) {
    if (step.done) return { answer: step.value, statements, rows, whole: [...whole].toSorted() }
    const { sql, params } = step.value
    for (const { detail } of database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...params)) {
      if (/^SCAN |\bhost=\?/.test(String(detail))) whole.add(String(detail))
    }
    const found = database.prepare(sql).all(...params) as Row[]
    statements++
    rows += found.length
    step = steps.next(found)
  }
}

/** A rule of a group is edited that all interfaces of a host have; then one that one interface has. */
async function costs(servers: number): Promise<Record<'group' | 'one', Cost>> {
  const store = await engines.sqlite.create()
  const storage = await store.open()
  try {
    const named = inventory(...Array.from({ length: servers }, (_, n) => `s${n}`))
    const attachments = named.servers.map(({ server }) => ({
      policy: 'g',
      server: server.id,
      interface: null,
    }))
    const run = async (...call: Parameters<typeof storage.run>) => {
      const done = await storage.run(...call)
      assert.ok(done.ok, JSON.stringify(done))
    }
    await run('applyInventory', { inventory: named }, actor)
    await run('createPolicy', { policy: group('g'), rules: [], ids: [] }, actor)
    for (const { server } of attachments) {
      const target = { account: 'acme', profile: 'upcloud', server, refuseStates: [] }
      await run('updateServer', { ...target, attach: ['g'] }, actor)
    }
    const database = new DatabaseSync(join(store.flags[1] ?? '', 'portcullis.db'), { readOnly: true })
    const since = async () => (await storage.desired('local', null)).revision
    const edit = async (policy: string, write: () => Promise<void>): Promise<Cost> => {
      const before = await since()
      await write()
      const { answer, ...cost } = counted(database, desired('local', before))
      assert.equal(answer.from, before)
      assert.deepEqual(
        answer.policies.map(({ id, rules }) => [id, rules.length]),
        [[policy, 1]],
      )
      assert.deepEqual([answer.placed, answer.departed], [[], []])
      const { answer: concerned, whole } = counted(database, concern(before))
      const { revision, hosts, policies } = concerned
      assert.deepEqual(
        [revision, hosts, policies.map(({ policy: { id, rules }, hosts }) => [id, rules.length, hosts])],
        [answer.revision, [], [[policy, 1, ['local']]]],
      )
      assert.deepEqual(whole, [], 'no table is read whole')
      return cost
    }
    try {
      return {
        group: await edit('g', () =>
          run(
            'updatePolicy',
            { account: 'acme', profile: 'upcloud', policy: 'g', rules: { rules: [rule('ssh')], ids: ['r'] } },
            actor,
          ),
        ),
        one: await edit('chain-s1', () =>
          run(
            'insertRule',
            {
              ...{ account: 'acme', profile: 'upcloud', server: 's1', refuseStates: [] },
              ...{ rule: rule('web'), id: 'w', maxRules: 10 },
            },
            actor,
          ),
        ),
      }
    } finally {
      database.close()
    }
  } finally {
    await storage.close()
    await store.remove()
  }
}

test('an edit reads as much beside ten interfaces as beside a thousand, and neither a table nor a host whole', async () => {
  const [few, many] = [await costs(10), await costs(1000)]
  assert.deepEqual(many, few)
  for (const { statements, rows, whole } of Object.values(many)) {
    assert.ok(statements <= 6 && rows <= 6, `${statements} statements, ${rows} rows`)
    assert.deepEqual(whole, [])
  }
})
