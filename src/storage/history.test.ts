/** Events are found by what they are about: all that fit, page by page, and nobody else's. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { actor, engines, type TestStore } from '../../test/support/stores.ts'
import { findEvents } from './history.ts'
import type { Row } from './statement.ts'
import type { HistoryFilter, HistoryPage, RevisionRecord, Storage } from './storage.ts'

const filtered = ['server', 'policy', 'actor', 'operation', 'dialect'] as const
const moment = (n: number) => actor.at + 1000 * n

/** Events so many times, with what of each column; every so often the clock is behind. */
async function fill(storage: Storage): Promise<readonly RevisionRecord[]> {
  const made: RevisionRecord[] = []
  for (let n = 0; n < 500; n++) {
    const pick = (name: string, of: number) =>
      `${name}-${Math.floor(((n * 2_654_435_761) % 997) / (of + 1)) % of}`
    const by = {
      ...{ account: n % 5 === 4 ? 'other' : 'acme', actor: pick('actor', 4), requestId: `request-${n}` },
      ...{ dialect: pick('dialect', 3), at: moment(n - (n % 17 === 16 ? 40 : 0)) },
    }
    const event = {
      ...({ operation: pick('operation', 5), resource: 'rule', id: `rule-${n}` } as const),
      server: n % 3 === 0 ? null : pick('server', 6),
      policy: n % 4 === 0 ? null : pick('policy', 7),
    }
    const done = await storage.run('recordEvent', { event: { ...event, before: null, after: { n } } }, by)
    assert.ok(done.ok)
    made.push({ ...by, ...event, revision: done.value.revision })
  }
  return made
}

/** What `findEvents` is to find, the newest first, by looking at each. */
function expected(all: readonly RevisionRecord[], page: Omit<HistoryPage, 'limit'>): readonly number[] {
  const { since, until, before = Number.MAX_SAFE_INTEGER, scope } = page
  const first = (at: number) => all.find((event) => event.at >= at)?.revision ?? Number.MAX_SAFE_INTEGER
  const from = since === undefined ? 0 : first(since)
  const to = Math.min(before, until === undefined ? before : first(until))
  return all
    .filter(
      (event) =>
        (page.account === undefined || event.account === page.account) &&
        event.revision >= from &&
        event.revision < to,
    )
    .filter((event) => filtered.every((name) => page[name] === undefined || page[name] === event[name]))
    .filter(({ server }) => !scope?.servers || (server !== null && scope.servers.includes(server)))
    .filter(({ dialect }) => !scope?.profiles || scope.profiles.includes(dialect))
    .map(({ revision }) => revision)
    .reverse()
}

/** All pages, one after the other; how many were needed is bounded. */
async function walk(
  read: (page: HistoryPage) => ReturnType<Storage['revisions']>,
  page: HistoryPage,
): Promise<readonly number[][]> {
  const pages: number[][] = []
  for (let before = page.before; ; ) {
    const { items, next } = await read(before === undefined ? page : { ...page, before })
    assert.ok(items.length <= page.limit)
    pages.push(items.map(({ revision }) => revision))
    if (next === null) return pages
    assert.ok(next < (before ?? Number.MAX_SAFE_INTEGER) && pages.length < 1000, 'it ends')
    before = next
  }
}

/** Mostly nothing: much that is given together fits little. */
const seldom = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: of })
const some = (name: string, most: number) => seldom(fc.nat(most).map((n) => `${name}-${n}`))
const when = seldom(fc.integer({ min: -5, max: 505 }).map(moment))
const scopes = fc.record({
  servers: fc.option(
    fc.uniqueArray(
      fc.nat(6).map((n) => `server-${n}`),
      { maxLength: 3 },
    ),
    { freq: 2 },
  ),
  profiles: fc.option(
    fc.uniqueArray(
      fc.nat(3).map((n) => `dialect-${n}`),
      { maxLength: 2 },
    ),
    { freq: 2 },
  ),
})
const pages = fc
  .record({
    account: fc.constantFrom('acme', 'acme', 'acme', undefined, 'other', 'nobody'),
    limit: fc.integer({ min: 1, max: 40 }),
    ...{ server: some('server', 6), policy: some('policy', 7), actor: some('actor', 4) },
    ...{ operation: some('operation', 5), dialect: some('dialect', 3), since: when, until: when },
    ...{ scope: seldom(scopes), before: seldom(fc.integer({ min: 1, max: 520 })) },
  })
  .map(
    (page) =>
      Object.fromEntries(Object.entries(page).filter(([, of]) => of !== undefined)) as unknown as HistoryPage,
  )

/** How SQLite goes about each statement of a page. */
function plansOf(place: TestStore['place'], page: HistoryPage): readonly string[] {
  assert.ok('directory' in place)
  const database = new DatabaseSync(join(place.directory, 'portcullis.db'), { readOnly: true })
  try {
    const steps = findEvents(page)
    const plans: string[] = []
    for (let step = steps.next(); !step.done; ) {
      const { sql, params } = step.value
      const rows = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...params)
      plans.push(...rows.map(({ detail }) => String(detail)))
      step = steps.next(database.prepare(sql).all(...params) as unknown as Row[])
    }
    return plans
  } finally {
    database.close()
  }
}

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`history by what it is about, on ${engine}`, { skip }, () => {
    let store: TestStore
    let storage: Storage
    let all: readonly RevisionRecord[]
    before(async () => {
      store = await create()
      storage = await store.open()
      all = await fill(storage)
    })
    after(async () => {
      await storage.close()
      await store.remove()
    })

    test('each filter, by itself and with others, finds all that fits and nothing else', async () => {
      const found = { some: 0, combined: 0 }
      await fc.assert(
        fc.asyncProperty(pages, async (page) => {
          const wanted = expected(all, page)
          assert.deepEqual((await walk(storage.revisions, page)).flat(), wanted)
          // With what was before and after, a page ends with its bytes as well.
          const audit = (each: HistoryPage) => storage.audit({ ...each, bytes: 40 })
          assert.deepEqual((await walk(audit, page)).flat(), wanted)
          if (wanted.length > 0) found.some++
          if (wanted.length > 0 && filtered.filter((name) => page[name] !== undefined).length > 1)
            found.combined++
        }),
        { numRuns: engine === 'sqlite' ? 150 : 60 },
      )
      assert.ok(found.some > 10 && found.combined > 2, JSON.stringify(found))
      for (const name of filtered) {
        const page = { account: 'acme', limit: 7, [name]: `${name}-1` }
        const wanted = expected(all, page)
        assert.ok(wanted.length > 7, name)
        assert.deepEqual((await walk(storage.revisions, page)).flat(), wanted, name)
      }
    })

    // Of PostgreSQL's planner nothing is asserted: it goes by its statistics.
    if (engine === 'sqlite')
      test('no statement of a page goes through all events', () => {
        const [servers, profiles] = [['server-1', 'server-2'], ['dialect-1']]
        const filters: Partial<HistoryFilter>[] = [
          ...filtered.map((name) => ({ [name]: `${name}-1` })),
          ...filtered.map((name, n) => ({
            ...{ [name]: `${name}-1`, [filtered[(n + 1) % 5] as string]: `${filtered[(n + 1) % 5]}-1` },
          })),
          ...[
            {},
            { since: moment(5) },
            { until: moment(400) },
            { since: moment(5), until: moment(400), actor: 'x' },
          ],
          ...[
            { scope: { servers } },
            { scope: { profiles } },
            { scope: { servers: ['server-1'], profiles } },
          ],
        ]
        for (const filter of filters) {
          const plans = plansOf(store.place, { account: 'acme', limit: 100, before: 1e6, ...filter })
          assert.ok(plans.some((each) => each.startsWith('SEARCH audit USING')))
          assert.deepEqual(
            plans.filter((each) => /^SCAN (audit|servers|policies|s|p)\b/.test(each)),
            [],
            JSON.stringify(filter),
          )
        }
      })

    test('a moment cuts the list once, though clocks went back', async () => {
      const at = (n: number) => all.find(({ id }) => id === `rule-${n}`)?.revision ?? assert.fail()
      const newest = async (filter: Partial<HistoryFilter>) =>
        (await storage.revisions({ account: 'acme', limit: 1000, ...filter })).items.map(
          ({ revision }) => revision,
        )
      const [until, since] = [await newest({ until: moment(100) }), await newest({ since: moment(100) })]
      assert.equal(until[0], at(98), 'the last one before the moment; that of 99 is another account’s')
      assert.equal(since.at(-1), at(100), 'from the moment on')
      assert.deepEqual([...since, ...until], await newest({}), 'no event is in neither or in both')
      assert.deepEqual(await newest({ since: moment(1e6) }), [])
      assert.deepEqual(await newest({ since: moment(200), until: moment(100) }), [])
    })

    test('events that come between pages neither double nor hide any', async () => {
      const page = { account: 'acme', limit: 5, actor: 'actor-1' }
      const wanted = expected(all, page)
      const { items, next } = await storage.revisions(page)
      const by = { ...actor, actor: 'actor-1' }
      const event = { operation: 'x', resource: 'rule', id: 'new', before: null, after: null } as const
      const done = await storage.run('recordEvent', { event }, by)
      assert.ok(done.ok && next !== null)
      const rest = (await walk(storage.revisions, { ...page, before: next })).flat()
      assert.deepEqual([...items.map(({ revision }) => revision), ...rest], wanted)
      assert.equal((await storage.revisions(page)).items[0]?.revision, done.value.revision)
      all = [...all, { ...by, ...event, server: null, policy: null, revision: done.value.revision }]
    })

    test('of a rare combination a page looks at some thousands of events, and says where to go on', async () => {
      const base = await storage.revision()
      const count = 12_000
      await store.run(`
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
        INSERT INTO audit (revision, at, account, actor, dialect, request_id, operation, resource, id, server, policy,
          before, after, size, total, reached)
        SELECT ${base} + i, ${moment(600)}, 'busy', CASE WHEN i = 1 OR i % 2 = 0 THEN 'x' ELSE 'z' END, 'd', '',
          CASE WHEN i % 2 = 0 THEN 'w' ELSE 'y' END, 'rule', '', CASE WHEN i < 3 THEN 's' ELSE 't' END, NULL,
          'null', 'null', 0, 0, ${moment(600)} FROM n;
        UPDATE revision SET value = ${base + count} WHERE id = 1;`)
      const busy = { account: 'busy', limit: 10 }
      assert.deepEqual(await walk(storage.revisions, { ...busy, actor: 'x', operation: 'y' }), [
        [],
        [base + 1],
      ])
      const none = await walk(storage.revisions, { ...busy, actor: 'z', operation: 'w' })
      assert.deepEqual(none, [[], []])
      // Fewest of one column: they are all looked at, at once.
      const few = { ...busy, server: 's', actor: 'x', operation: 'y', dialect: 'd' }
      assert.deepEqual(await walk(storage.revisions, few), [[base + 1]])
      // Who sees one server alone finds its events at once; who sees several goes through all of them in pages.
      const one = { ...busy, scope: { servers: ['s'] } }
      assert.deepEqual(await walk(storage.revisions, one), [[base + 2, base + 1]])
      const both = { ...busy, scope: { servers: ['s', 'nothing'] } }
      assert.deepEqual(await walk(storage.revisions, both), [[], [], [base + 2, base + 1]])
      const beyond = { ...one, server: 't' }
      assert.deepEqual((await walk(storage.revisions, beyond)).flat(), [])
    })
  })
}
