/** A store that is damaged in one way after the other: each fault is found, with its place, and a sound store has none. */
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { engines, type TestStore } from '../../../test/support/stores.ts'
import { dialects } from '../../dialects/dialects.ts'
import type { Engine } from '../migrations/engine.ts'
import { query } from '../statement.ts'
import { wholeStores } from '../whole/whole-store.ts'
import { check } from './check.ts'
import { type Fault, type FaultKind, faultKinds } from './fault.ts'

const fixture = (engine: string, version = 13) =>
  readFileSync(new URL(`../testdata/schema-${version}-${engine}.sql`, import.meta.url), 'utf8')

async function faultsOf({
  place,
}: TestStore): Promise<{ faults: Fault[]; more: readonly { kind: string }[] }> {
  const faults: Fault[] = []
  const stores = await wholeStores(place)
  const { more } = await stores.read((store) => check(store, dialects, (fault) => void faults.push(fault)))
  return { faults, more }
}

const undone = new Error('undone')

/** With this damage, done behind the back of all that keeps it sound, and undone afterwards. */
async function faultsWith({ place }: TestStore, sql: string) {
  const unguarded =
    'directory' in place ? 'PRAGMA defer_foreign_keys = ON' : 'SET LOCAL session_replication_role = replica'
  const faults: Fault[] = []
  let more: readonly { kind: string; table: string }[] = []
  const stores = await wholeStores(place)
  const done = stores.replace(async (store) => {
    for (const each of [unguarded, ...sql.split(';')]) if (each.trim()) await store.drive(query(each))
    more = (await check(store, dialects, (fault) => void faults.push(fault))).more
    throw undone
  })
  await assert.rejects(done, (error) => {
    if (error !== undone) throw error
    return true
  })
  return { faults, more }
}

/** A page of an index that is none any more. */
function spoil({ place }: TestStore, index: string): void {
  assert.ok('directory' in place)
  const path = join(place.directory, 'portcullis.db')
  const database = new DatabaseSync(path)
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  const page = Number(
    database.prepare('SELECT rootpage FROM sqlite_master WHERE name = ?').get(index)?.rootpage,
  )
  const size = Number(database.prepare('PRAGMA page_size').get()?.page_size)
  database.close()
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(64), 0, 64, (page - 1) * size)
  closeSync(file)
}

const one = (table: string, where = '1 = 1', column = 'id') =>
  `(SELECT MIN(${column}) FROM ${table} WHERE ${where})`
const chain = one('policies', 'server IS NOT NULL AND interface IS NULL')
const alone = one('policies', 'server IS NULL')
const ruled = one('rules', '1 = 1', 'policy')
const change = (table: string, set: string, id = one(table)) => `UPDATE ${table} SET ${set} WHERE id = ${id};`

/** A request that is remembered, with values in place of sound ones. */
function once(
  problem: RegExp,
  values: Readonly<Record<string, string | number>>,
): readonly [FaultKind, string, RegExp, string] {
  const row = { key: '0'.repeat(64), request: 'f'.repeat(64), id: 'a', sealed: null, until: 5, ...values }
  const written = Object.values(row).map((value) => (typeof value === 'string' ? `'${value}'` : `${value}`))
  const sql = `INSERT INTO idempotency (${Object.keys(row).join(', ')}) VALUES (${written.join(', ')});`
  return ['repeat', 'idempotency', problem, sql]
}

/** The fault, and what does it. */
const damages: readonly (readonly [FaultKind, string, RegExp, string])[] = [
  ['schema', 'rules', /column since is missing/, 'ALTER TABLE rules DROP COLUMN since;'],
  ['schema', 'hits', /index hits_decider is missing/, 'DROP INDEX hits_decider;'],
  ['schema', 'outcomes', /table is missing/, 'DROP TABLE outcomes;'],
  ['revision', 'policies', /revision 999999/, change('policies', 'revision = 999999')],
  [
    'revision',
    'audit',
    /revision 999999/,
    'UPDATE audit SET revision = 999999 WHERE revision = (SELECT MAX(revision) FROM audit);',
  ],
  [
    'revision',
    'installation',
    /since revision 999999/,
    `UPDATE installation SET value = '999999' WHERE name = 'departures-since';`,
  ],
  ['revision', 'revision', /noted 0 times/, 'DELETE FROM revision;'],
  [
    'position',
    'rules',
    /have positions from 2 to/,
    `UPDATE rules SET position = position + 100 WHERE policy = ${ruled}; UPDATE rules SET position = position - 99 WHERE policy = ${ruled};`,
  ],
  [
    'position',
    'rules',
    /twice/,
    `INSERT INTO rules (policy, position, id, direction, action, enabled, matches, spec)
     SELECT policy, 1 + (SELECT COUNT(*) FROM rules r WHERE r.policy = rules.policy), id, direction, action, enabled, matches, spec
     FROM rules WHERE policy = ${ruled} AND position = 1;`,
  ],
  ['reference', 'servers', /account is gone/, change('servers', `account = 'gone'`)],
  ['reference', 'credentials', /account is gone/, change('credentials', `account = 'gone'`)],
  [
    'reference',
    'documents',
    /account is gone/,
    `UPDATE documents SET account = 'gone' WHERE id = ${one('documents')};`,
  ],
  ['reference', 'interfaces', /server is gone/, change('interfaces', `server = 'gone'`)],
  [
    'reference',
    'policies',
    /interface is gone/,
    change('policies', `interface = 'gone'`, one('policies', 'interface IS NOT NULL')),
  ],
  ['reference', 'rules', /policy is gone/, `UPDATE rules SET policy = 'gone' WHERE policy = ${ruled};`],
  [
    'reference',
    'rules',
    /include is gone/,
    `UPDATE rules SET include = 'gone' WHERE policy = ${ruled} AND position = 1;`,
  ],
  [
    'reference',
    'attachments',
    /policy is gone/,
    `UPDATE attachments SET policy = 'gone' WHERE policy = ${one('attachments', '1 = 1', 'policy')};`,
  ],
  [
    'reference',
    'attachments',
    /no such interface/,
    `UPDATE attachments SET interface = 'gone' WHERE policy = ${one('attachments', `interface <> ''`, 'policy')};`,
  ],
  [
    'reference',
    'leases',
    /which is not there/,
    `UPDATE leases SET id = 'gone' WHERE address = ${one('leases', `state = 'held'`, 'address')};`,
  ],
  ['reference', 'hits', /no sum/, 'DELETE FROM hit_sums;'],
  [
    'owner',
    'attachments',
    /another account/,
    `UPDATE policies SET account = ${one('accounts', `id <> (SELECT account FROM policies WHERE id = ${chain})`)} WHERE id = ${chain};`,
  ],
  ['owner', 'policies', /another’s/, change('policies', `profile = 'other'`, chain)],
  [
    'owner',
    'rules',
    /includes a policy of another/,
    `UPDATE rules SET include = ${chain} WHERE position = 1 AND policy = ${ruled};`,
  ],
  ['attachment', 'policies', /not in force/, `DELETE FROM attachments WHERE policy = ${chain};`],
  [
    'attachment',
    'rules',
    /not in force/,
    `UPDATE rules SET include = (SELECT MIN(g.id) FROM policies g JOIN policies p ON p.id = rules.policy
       WHERE g.server IS NULL AND g.profile = p.profile AND g.account = p.account) WHERE position = 1;
     DELETE FROM attachments WHERE policy IN (SELECT include FROM rules WHERE include IS NOT NULL);`,
  ],
  [
    'unique',
    'policies',
    /2 policies of its own/,
    change('policies', `server = (SELECT server FROM policies WHERE id = ${chain}), interface = NULL`, alone),
  ],
  [
    'unique',
    'servers',
    /same profile and number/,
    `DROP INDEX servers_number; UPDATE servers SET number = 7 WHERE number IS NOT NULL;`,
  ],
  ['default', 'policies', /belongs to a server/, change('policies', `default_for = 'x'`, chain)],
  ['audit', 'audit', /its sum is/, 'UPDATE audit SET total = total + 1 WHERE revision = 5;'],
  ['audit', 'audit', /another size/, `UPDATE audit SET after = '"cut"' WHERE revision = 5;`],
  [
    'count',
    'usage',
    /rules are counted, and \d+ are there/,
    `UPDATE usage SET used = used + 1 WHERE name = 'rules';`,
  ],
  ['count', 'usage', /^-3 servers/, `UPDATE usage SET used = -3 WHERE name = 'servers';`],
  [
    'count',
    'usage',
    /rules are counted, and \d+ are there/,
    // The last position says so many, and as many rows are not there.
    `UPDATE rules SET position = position + 100 WHERE policy = ${ruled}; UPDATE rules SET position = position - 99 WHERE policy = ${ruled};
     UPDATE usage SET used = used + 1 WHERE name = 'rules' AND account = (SELECT account FROM policies WHERE id = ${ruled});`,
  ],
  [
    'reference',
    'usage',
    /account is gone/,
    `UPDATE usage SET account = 'gone' WHERE name = 'servers' AND account = ${one('usage', `name = 'servers'`, 'account')};`,
  ],
  [
    'reference',
    'leases',
    /account is gone/,
    `UPDATE leases SET account = 'gone' WHERE address = ${one('leases', '1 = 1', 'address')};`,
  ],
  ...[
    ['volume', 'server'],
    ['ip', 'project'],
    ['volume', 'project'],
  ].map(([kind, key]): (typeof damages)[number] => [
    'reference',
    'documents',
    new RegExp(`its ${key} names the ${key} gone-[0-9a-f-]+, which is gone`),
    `UPDATE documents SET body = replace(body, '"${key}":"', '"${key}":"gone-') WHERE kind = '${kind}';`,
  ]),
  [
    'reference',
    'documents',
    /its id names the server gone-[0-9a-f-]+, which is gone/,
    `DELETE FROM document_names; UPDATE documents SET id = 'gone-' || id WHERE kind = 'user-data';`,
  ],
  [
    'reference',
    'documents',
    /its id names the datacenter [0-9a-f-]+, which is gone/,
    `DELETE FROM document_names; DELETE FROM documents WHERE kind = 'datacenter';`,
  ],
  [
    'owner',
    'documents',
    /which is another account’s or profile’s/,
    `UPDATE documents SET account = ${one('accounts', `id <> (SELECT MIN(account) FROM documents)`)} WHERE kind = 'volume';`,
  ],
  ...['{"servers":-1}', '{"servers":1.5}', '{"servers":"9"}', '{"racks":1}', '[]'].flatMap(
    (quotas): (typeof damages)[number][] => [
      ['quota', 'accounts', /quota/, change('accounts', `quotas = '${quotas}'`)],
      [
        'quota',
        'installation',
        /quota/,
        `DELETE FROM installation WHERE name = 'quotas'; INSERT INTO installation (name, value) VALUES ('quotas', '${quotas}');`,
      ],
    ],
  ),
  once(/its key is no digest/, { key: 'x' }),
  once(/its request is no digest/, { request: 'A'.repeat(64) }),
  once(/what it made/, { id: '' }),
  once(/not sealed, or was cut/, { sealed: 'c2VjcmV0' }),
  once(/remembered until 0/, { until: 0 }),
  once(/longer than any request is/, { until: 1e15 }),
  ['count', 'usage', /^0 servers are counted/, `DELETE FROM usage WHERE name = 'servers';`],
  ['count', 'hit_sums', /not the sum/, 'UPDATE hit_sums SET packets = packets + 1;'],
  [
    'codec',
    'rules',
    /cannot be read/,
    `UPDATE rules SET matches = '[{"nonsense":1}]' WHERE policy = ${ruled};`,
  ],
  ['codec', 'rules', /cannot be read/, `UPDATE rules SET spec = '{' WHERE policy = ${ruled};`],
  ['codec', 'rules', /direction is "up"/, `UPDATE rules SET direction = 'up' WHERE policy = ${ruled};`],
  ['codec', 'rules', /enabled is 2/, `UPDATE rules SET enabled = 2 WHERE policy = ${ruled};`],
  ['codec', 'policies', /rule_order is "any"/, change('policies', `rule_order = 'any'`)],
  ['codec', 'policies', /cannot be read/, change('policies', `guards = 'x'`)],
  ['codec', 'policies', /stateful is written otherwise/, change('policies', 'stateful = 3')],
  ['codec', 'interfaces', /type is "none"/, change('interfaces', `type = 'none'`)],
  ['codec', 'servers', /cannot be read/, change('servers', `attributes = ''`)],
  ['codec', 'accounts', /cannot be read/, change('accounts', `attributes = ''`)],
  ['codec', 'credentials', /cannot be read/, change('credentials', `scopes = 'read'`)],
  ['codec', 'documents', /cannot be read/, `UPDATE documents SET body = '[' WHERE id = ${one('documents')};`],
  ['codec', 'audit', /cannot be read/, `UPDATE audit SET before = repeat_x WHERE revision = 5;`],
  ['codec', 'pools', /cannot be read/, `UPDATE pools SET body = '';`],
  ['codec', 'hosts', /cannot be read/, `UPDATE hosts SET status = 'applied';`],
  ['codec', 'outcomes', /cannot be read/, `UPDATE outcomes SET status = 'applied';`],
  ['codec', 'hits', /nothing decides/, `UPDATE hits SET decider = 'chance';`],
  ['address', 'interfaces', /MAC .* not canonical/, change('interfaces', `mac = '52-54-00-00-00-01'`)],
  [
    'address',
    'interfaces',
    /address 2001:DB8::1 is not canonical/,
    change('interfaces', `addresses = '["2001:DB8::1"]'`),
  ],
  [
    'address',
    'interfaces',
    /prefix 10.0.0.1\/8 is not canonical/,
    change('interfaces', `allowed_addresses = '["10.0.0.1/8"]'`),
  ],
  [
    'lease',
    'leases',
    /keys are of another/,
    `UPDATE leases SET address = '198.51.100.250' WHERE address = ${one('leases', '1 = 1', 'address')};`,
  ],
  ['lease', 'leases', /contradicts/, `UPDATE leases SET until = 5 WHERE state = 'held';`],
]
/** The text of an event that is cut, and as long as it was: only its kind is of interest here. */
const asWritten = (sql: string) => sql.replace('repeat_x', `substr(before, 1, length(before) - 1) || 'x'`)

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`a store on ${engine}`, { skip }, () => {
    const made = async (version = 13) => {
      const store = await create(fixture(engine, version))
      await (await store.open()).close()
      return store
    }

    for (const version of [1, 13]) {
      test(`of schema version ${version} is sound when it is migrated, and could not be looked at before`, async () => {
        const store = await create(fixture(engine, version))
        try {
          await assert.rejects(faultsOf(store), { name: 'Untried' })
          await (await store.open()).close()
          assert.deepEqual(await faultsOf(store), { faults: [], more: [] })
        } finally {
          await store.remove()
        }
      })
    }

    test('is told of each fault that it has', async () => {
      const store = await made()
      try {
        for (const [kind, table, problem, sql] of damages) {
          const { faults } = await faultsWith(store, asWritten(sql))
          const found = faults.filter((fault) => fault.kind === kind && fault.table === table)
          assert.ok(
            found.some((fault) => problem.test(fault.problem)),
            `${sql}: ${JSON.stringify(faults)}`,
          )
        }
        assert.deepEqual(await faultsOf(store), { faults: [], more: [] })
      } finally {
        await store.remove()
      }
    })

    test('is told of many faults of a kind by a few', async () => {
      const store = await made()
      try {
        const sql = "UPDATE audit SET after = '' WHERE revision < 42; UPDATE policies SET guards = ''"
        const { faults, more } = await faultsWith(store, sql)
        const of = (kind: string, table: string) =>
          faults.filter((fault) => fault.kind === kind && fault.table === table).length
        assert.deepEqual([of('codec', 'audit'), of('codec', 'policies')], [20, 18])
        const codecs = more.filter(({ kind }) => kind === 'codec')
        assert.deepEqual(codecs, [{ kind: 'codec', table: 'audit' }])
      } finally {
        await store.remove()
      }
    })

    test('whose engine has a fault', async () => {
      const store = await made()
      try {
        const invalid = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'rules_pkey'::regclass"
        if (engine === 'sqlite') spoil(store, 'policies_account')
        const { faults } = await (engine === 'sqlite' ? faultsOf(store) : faultsWith(store, invalid))
        assert.ok(
          faults.some(({ kind }) => kind === 'engine'),
          JSON.stringify(faults),
        )
      } finally {
        await store.remove()
      }
    })

    test('that is not there, or is newer, could not be looked at', async () => {
      const [none, newer] = [
        await create(),
        await create(`${fixture(engine as Engine)};\nUPDATE schema_version SET version = 999;`),
      ]
      try {
        await assert.rejects(faultsOf(none), { name: 'Untried' })
        await assert.rejects(faultsOf(newer), /newer version/)
      } finally {
        await none.remove()
        await newer.remove()
      }
    })
  })
}

test('each kind of fault is made once at least', () => {
  const made = new Set([...damages.map(([kind]) => kind), 'engine'])
  assert.deepEqual([...made].sort(), [...faultKinds].sort())
})
