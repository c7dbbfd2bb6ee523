/** History: what it costs to remember what a change replaced, and to find changes by what they are about. */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openSqlite } from '../src/storage/sqlite.ts'
import type { HistoryFilter, NewRule, Storage } from '../src/storage/storage.ts'
import { actor, chainTarget, engines, inventory } from '../test/support/stores.ts'
import { median } from './measure.ts'
import { type Group, judged, type Line, round, say } from './report.ts'
import { directory } from './workshop.ts'

const [rounds, rules, together] = [9, 1000, 64]
const [events, pages, pageBudgetMs] = [300_000, 40, 25]

export const history: Group = {
  name: 'history',
  title: 'History: steps back, and filters',
  note: `Changes of a policy of 1,000 rules: ${together} of them sent at once, which are durable together, on SQLite; the median of ${rounds} rounds by turns. The baseline is the same store without the statement that remembers steps. Bytes are of one change; the baseline is its event. Filters: a page of 100 of ${events.toLocaleString('en')} events, the median of ${pages}; the baseline is a page without any filter.`,
  async measure() {
    const lines = await measureSteps()
    for (const engine of ['sqlite', 'postgresql'] as const) lines.push(...(await measureFilters(engine)))
    return lines
  },
}

const target = chainTarget('a')
const ruleOf = (n: number): NewRule => ({
  ...{ direction: 'ingress', action: 'allow', enabled: true },
  matches: [{ protocol: 6, destinationPorts: [{ first: 1 + (n % 60_000), last: 1 + (n % 60_000) }] }],
  spec: { direction: 'in', action: 'accept', family: 'IPv4', protocol: 'tcp', comment: `rule ${n}` },
})

/** Milliseconds of one change of each kind, in one round. */
type Times = Readonly<Record<'insert' | 'remove' | 'replace', number>>

async function fill(path: string, writer?: URL): Promise<Storage> {
  const storage = await openSqlite({ directory: path, ...(writer && { writer }) })
  await storage.run('applyInventory', { inventory: inventory('a') }, actor)
  await replace(storage, 0)
  return storage
}

async function replace(storage: Storage, from: number): Promise<void> {
  const list = Array.from({ length: rules }, (_, n) => ruleOf(from + n))
  const ids = list.map((_, n) => `rule-${from + n}`)
  const done = await storage.run('replaceRules', { ...target, rules: list, ids, maxRules: 2 * rules }, actor)
  if (!done.ok) throw new Error(done.error.kind)
}

async function oneRound(storage: Storage, number: number): Promise<Times> {
  const each = Array.from({ length: together }, (_, n) => n)
  const timed = async (work: (n: number) => Promise<unknown>, list: readonly number[]) => {
    const started = performance.now()
    await Promise.all(list.map(work))
    return (performance.now() - started) / list.length
  }
  const insert = await timed(
    (n) =>
      storage.run(
        'insertRule',
        { ...target, rule: ruleOf(n), id: `new-${number}-${n}`, maxRules: 2 * rules },
        actor,
      ),
    each,
  )
  const remove = await timed(
    (n) => storage.run('deleteRule', { ...target, ruleId: `new-${number}-${n}` }, actor),
    each,
  )
  return { insert, remove, replace: await timed(() => replace(storage, 10_000 + number * rules), [0]) }
}

async function measureSteps(): Promise<Line[]> {
  say('  changes with and without steps back')
  const path = () => mkdtempSync(join(directory, 'history-'))
  const own = path()
  const ours = await fill(own)
  const bare = await fill(path(), new URL('without-steps-writer.ts', import.meta.url))
  const taken: { ours: Times; bare: Times }[] = []
  try {
    for (let n = 0; n < rounds; n++) {
      const first = n % 2 === 0 ? ours : bare
      const one = await oneRound(first, n)
      const other = await oneRound(first === ours ? bare : ours, n)
      taken.push(first === ours ? { ours: one, bare: other } : { ours: other, bare: one })
    }
    const what = { insert: 'a rule more', remove: 'a rule less', replace: 'all 1,000 rules replaced' }
    return (['insert', 'remove', 'replace'] as const).flatMap((kind) => {
      const ratio = median(taken.map((each) => each.ours[kind] / each.bare[kind]))
      const [mine, theirs] = (['ours', 'bare'] as const).map((side) =>
        median(taken.map((each) => each[side][kind])),
      )
      const timed: Line = {
        what: `${what[kind]}, with its step back`,
        ours: `${round(mine ?? 0, 3)} ms`,
        ...{ baseline: `${round(theirs ?? 0, 3)} ms`, ratio: round(ratio), budget: '' },
      }
      return [
        timed,
        bytesOf(own, `rule.${{ insert: 'create', remove: 'delete', replace: 'replace' }[kind]}`, what[kind]),
      ]
    })
  } finally {
    await ours.close()
    await bare.close()
  }
}

function bytesOf(path: string, operation: string, what: string): Line {
  const database = new DatabaseSync(join(path, 'portcullis.db'), { readOnly: true })
  try {
    const row = database
      .prepare(
        `SELECT AVG(octet_length(before) + octet_length(after)) AS event,
           AVG((SELECT SUM(octet_length(step)) FROM policy_past p WHERE p.revision = a.revision)) AS step
         FROM (SELECT * FROM audit WHERE operation = ? ORDER BY revision DESC LIMIT 200) AS a`,
      )
      .get(operation) as { event: number; step: number }
    const [event, step] = [round(row.event, 0), round(row.step, 0)]
    const text = (bytes: number) => `${bytes.toLocaleString('en')} bytes`
    return {
      what: `${what}: its step`,
      ours: text(step),
      baseline: text(event),
      ratio: round(step / event),
      budget: '',
    }
  } finally {
    database.close()
  }
}

/** Of so many events in an hour, every tenth is another account's. */
const filling = (base: number) => `
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${events})
  INSERT INTO audit (revision, at, account, actor, dialect, request_id, operation, resource, id, server, policy,
    before, after, size, total, reached)
  SELECT ${base} + i, ${actor.at} + 12 * i, CASE WHEN i % 10 = 0 THEN 'other' ELSE 'bench' END, 'actor-' || (i % 21),
    'dialect-' || (i % 5), 'request-' || i, 'operation-' || ((i / 7) % 11), 'rule', 'rule-' || i, 'server-' || (i % 997),
    'policy-' || (i % 1009), 'null', '{"comment":"a rule"}', 24, 24 * i, ${actor.at} + 12 * i FROM n;
  UPDATE revision SET value = ${base} + ${events} WHERE id = 1;
  UPDATE audit SET actor = 'seldom' WHERE revision IN (${base} + 31, ${base} + 101);
  ANALYZE audit;`

const middle = actor.at + 6 * events
const filters: readonly (readonly [what: string, filter: Partial<HistoryFilter>])[] = [
  ['server', { server: 'server-5' }],
  ['policy', { policy: 'policy-5' }],
  ['actor', { actor: 'actor-5' }],
  ['dialect', { dialect: 'dialect-3' }],
  ['operation', { operation: 'operation-5' }],
  ['since and until', { since: middle, until: middle + 60_000 }],
  ['server and operation', { server: 'server-5', operation: 'operation-5' }],
  ['actor and dialect, which are never together', { actor: 'seldom', dialect: 'dialect-4' }],
  ['actor and operation, both with many', { actor: 'actor-5', operation: 'operation-5' }],
  ['nothing, for who sees one server', { scope: { servers: ['server-5'] } }],
  ['nothing, for who sees one profile', { scope: { profiles: ['dialect-3'] } }],
  ['nothing, for who sees three servers', { scope: { servers: ['server-5', 'server-6', 'server-7'] } }],
]

async function measureFilters(engine: Storage['engine']): Promise<Line[]> {
  const { skip, create } = engines[engine]
  if (skip !== false) {
    say(`  ${engine} is left out: ${skip}`)
    return []
  }
  say(`  filters on ${engine}`)
  const store = await create()
  const storage = await store.open()
  try {
    await store.run(filling(await storage.revision()))
    const timed = async (filter: Partial<HistoryFilter>) => {
      const times: number[] = []
      for (let n = 0; n < pages; n++) {
        const started = performance.now()
        await storage.revisions({ account: 'bench', limit: 100, ...filter })
        times.push(performance.now() - started)
      }
      return median(times)
    }
    await timed({})
    const lines: Line[] = []
    for (const [what, filter] of filters) {
      const [ours, bare] = [await timed(filter), await timed({})]
      lines.push({
        what: `${engine}: by ${what}`,
        ours: `${round(ours)} ms`,
        ...{ baseline: `${round(bare)} ms`, ratio: round(ours / bare), budget: `≤ ${pageBudgetMs} ms` },
        verdict: judged(ours <= pageBudgetMs),
      })
    }
    return lines
  } finally {
    await storage.close()
    await store.remove()
  }
}
