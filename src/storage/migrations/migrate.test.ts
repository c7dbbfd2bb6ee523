/** Stores that earlier versions wrote: what was in them is there after the migrations, the same on both engines. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { actor, engines, rule } from '../../../test/support/stores.ts'
import { configureAddresses } from '../../service/addresses.ts'
import { readAddresses } from '../../service/addresses-file.ts'
import { query } from '../statement.ts'
import type { Storage } from '../storage.ts'
import { wholeStores } from '../whole/whole-store.ts'
import type { Engine } from './engine.ts'
import { checksumOf, type Migration, migrations } from './migrate.ts'

/** Ids in the fixture. */
const web = '00798b85-efdc-41ca-8021-f6ef457b8531'
const vm = '00aaaa00-32db-4b09-9f5f-30d9e9afb565'
const cube = '00cccc00-32db-4b09-9f5f-30d9e9afb565'
const nic = '0a1c0000-0000-4000-8000-000000000001'
const instance = '00eeee00-32db-4b09-9f5f-30d9e9afb565'

const accountOf = async (storage: Storage) => {
  const account = (await storage.accounts()).find(({ name }) => name === 'acme')
  assert.ok(account)
  return account.id
}

/** Everything of the account `acme`, as the services read it. */
async function everything(storage: Storage) {
  const account = await accountOf(storage)
  const servers = await storage.servers({ account })
  const policies = new Set(
    (await storage.placedOf(account)).flatMap((each) => each.policies.map(({ id }) => id)),
  )
  return {
    revision: await storage.revision(),
    accounts: await storage.accounts(),
    credentials: await storage.credentials(account),
    servers,
    interfaces: await storage.interfacesOf(account),
    placed: await storage.placedOf(account),
    rules: await Promise.all([...policies].map((id) => storage.rules(id))),
    documents: await storage.documents({ account, profile: 'ionos', kind: 'datacenter' }),
    audit: (await storage.audit({ account, limit: 1000 })).items,
    requests: await storage.loggedRequests(account, 'ionos', 1000),
  }
}

const seen: Partial<Record<Storage['engine'], unknown>> = {}

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`a store of schema version 1 on ${engine}`, { skip }, () => {
    const sql = readFileSync(new URL(`../testdata/schema-1-${engine}.sql`, import.meta.url), 'utf8')

    test('is read as it was written, and can be written', async () => {
      const store = await create(sql)
      let storage = await store.open()
      try {
        const all = await everything(storage)
        assert.equal(all.revision, 24)
        assert.equal(all.audit.length, 23)
        assert.equal(all.credentials.length, 5)
        const comments = async (server: string) => {
          const chain = await storage.chain(server)
          return (await storage.rules(chain?.id ?? '')).map(({ spec }) => spec.comment ?? '')
        }
        assert.deepEqual(await comments(web), ['port 22', ''])
        assert.deepEqual(await comments(vm), ['', '', 'ssh'])
        const [row] = await storage.rules((await storage.chain(vm))?.id ?? '')
        assert.deepEqual([row?.spec.type, row?.spec.assigned], ['group', true])
        const [placed] = await storage.placedInterfaces(cube)
        const names = await Promise.all(
          (placed?.policies ?? []).map(async ({ id }) => (await storage.policy(id))?.name),
        )
        // What the server has comes first, then the interface's own rules, then groups in order of attachment.
        assert.deepEqual(names, ['a', '', 'c', 'b'])
        assert.equal(placed?.policies[1]?.id, nic)
        assert.deepEqual([placed?.senderCheck, placed?.allowedAddresses], [true, []])
        const [group] = await storage.members({
          account: await accountOf(storage),
          profile: 'scaleway',
          server: instance,
        })
        assert.equal((await storage.policy(group?.policy ?? ''))?.name, 'closed')
        seen[engine as Storage['engine']] = all

        const pools = readAddresses('pools: [ { kind: public-ipv4, prefixes: [192.0.2.0/24] } ]', [])
        assert.ok(pools.ok)
        await configureAddresses(storage, pools.value, actor.at)
        const account = await accountOf(storage)
        const given = (await storage.interfacesOf(account)).flatMap(({ id, addresses }) =>
          addresses.filter((address) => address.startsWith('192.0.2.')).map((address) => `${id} ${address}`),
        )
        assert.ok(given.length > 2)
        const held: string[] = []
        for (const profile of ['upcloud', 'hostup', 'ionos', 'scaleway'] as const) {
          const leases = await storage.leases({ account, profile, kind: 'interface' })
          held.push(...leases.map(({ id, address }) => `${id} ${address}`))
        }
        assert.deepEqual(held.sort(), given.sort())

        const done = await storage.run(
          'insertRule',
          {
            ...{ account: await accountOf(storage), profile: 'upcloud', server: web, refuseStates: [] },
            ...{ rule: rule('new'), id: 'new', position: 1, maxRules: 1000 },
          },
          { ...actor, account: await accountOf(storage) },
        )
        assert.ok(done.ok)
        await storage.close()
        storage = await store.open()
        assert.deepEqual(await comments(web), ['new', 'port 22', ''])
      } finally {
        await storage.close()
        await store.remove()
      }
    })
  })
}

for (const [engine, { skip, create }] of Object.entries(engines)) {
  test(`volumes kept with their server become documents of their own on ${engine}`, { skip }, async () => {
    const sql = readFileSync(new URL(`../testdata/schema-1-${engine}.sql`, import.meta.url), 'utf8')
    const [zone, first, second] = ['0dc00000-0000-4000-8000-000000000001', 'a-volume', 'another']
    const meta = { createdAt: 1, createdBy: "o'neill" }
    const attributes = {
      name: 'x',
      bootVolume: { id: 'never shown' },
      bootCdrom: { id: 'a-cdrom', type: 'image' },
      volumes: [
        { id: first, name: 'one "1"', size: 10, meta },
        { id: second, size: 20, imageAlias: 'ubuntu:latest', name: 'half \ud800', meta },
      ],
    }
    const text = JSON.stringify(attributes).replaceAll("'", "''")
    // PostgreSQL knows no half characters.
    const name = engine === 'sqlite' ? 'half \ud800' : 'half \ufffd'
    const store = await create(`${sql};\nUPDATE servers SET attributes = '${text}' WHERE id = '${cube}';`)
    const storage = await store.open()
    try {
      const account = await accountOf(storage)
      const documents = await storage.documents({ account, profile: 'ionos', kind: 'volume' })
      assert.deepEqual(
        documents.map(({ id, body }) => [id, body]),
        [
          [`${zone}/${first}`, { name: 'one "1"', size: 10, meta, server: cube }],
          [`${zone}/${second}`, { size: 20, imageAlias: 'ubuntu:latest', name, meta, server: cube }],
        ],
      )
      assert.deepEqual((await storage.server('ionos', cube))?.attributes, {
        ...{ name: 'x', bootVolume: first, bootCdrom: 'a-cdrom' },
        volumes: [
          { id: first, deviceNumber: 1, pciSlot: 5 },
          { id: second, deviceNumber: 2, pciSlot: 6 },
        ],
      })
      assert.deepEqual((await storage.server('ionos', '00dddd00-32db-4b09-9f5f-30d9e9afb565'))?.attributes, {
        datacenter: '0dc00000-0000-4000-8000-000000000002',
      })
    } finally {
      await storage.close()
      await store.remove()
    }
  })
}

test('the same on both engines', { skip: engines.postgresql.skip }, () => {
  assert.deepEqual(seen.postgresql, seen.sqlite)
})

for (const [engine, { skip, create }] of Object.entries(engines)) {
  test(`log levels kept as text are in force on ${engine}, and are read as they were`, { skip }, async () => {
    const sql = readFileSync(new URL(`../testdata/schema-1-${engine}.sql`, import.meta.url), 'utf8')
    const text = (value: object) => JSON.stringify(value).replaceAll("'", "''")
    const chain = `(SELECT id FROM policies WHERE server = '${vm}' AND interface IS NULL)`
    const spec = (position: number, value: object) =>
      `UPDATE rules SET spec = '${text(value)}' WHERE policy = ${chain} AND position = ${position}`
    // Half a character is text that PostgreSQL takes for no JSON.
    const kept = { hostname: "o'neill", labels: { a: 'b' } }
    const title = '"log_level_in":"info" \ud800 \\ud800'
    const attributes = (id: string, value: object) =>
      `UPDATE servers SET attributes = '${text(value)}' WHERE id = '${id}'`
    const given = [
      attributes(vm, { ...kept, log_level_in: 'info', log_level_out: 'err' }),
      attributes(web, { ...kept, title }),
      spec(2, { type: 'in', action: 'ACCEPT', enable: 1, log: 'nolog', comment: '"log":"info"' }),
      spec(3, { type: 'out', action: 'DROP', enable: 1, log: 'warning', comment: 'half \udc00' }),
    ]
    for (const [levels, wanted] of [
      [
        { log_level_in: 'info', log_level_out: 'err' },
        { ingress: 'info', egress: 'err' },
      ],
      [{ log_level_out: 'debug' }, { egress: 'debug' }],
      [{ log_level_in: 'debug' }, { ingress: 'debug' }],
      [{}, undefined],
    ] as const) {
      const statements = [...given, attributes(vm, { ...kept, ...levels })]
      const store = await create(`${sql};\n${statements.join(';\n')};`)
      const storage = await store.open()
      try {
        const policy = await storage.chain(vm)
        assert.deepEqual(policy?.log, wanted)
        assert.equal((await storage.chain(web))?.log, undefined)
        assert.deepEqual((await storage.serverById(vm))?.attributes, kept)
        assert.deepEqual((await storage.serverById(web))?.attributes, { ...kept, title })
        const rules = await storage.rules(policy?.id ?? '')
        assert.deepEqual(
          rules.map(({ log, spec }) => [spec.type, spec.log, log]),
          [
            ['group', undefined, undefined],
            ['in', 'nolog', undefined],
            ['out', 'warning', 'warning'],
          ],
        )
      } finally {
        await storage.close()
        await store.remove()
      }
    }
  })
}

for (const [engine, { skip, create }] of Object.entries(engines)) {
  const fixture = readFileSync(new URL(`../testdata/schema-13-${engine}.sql`, import.meta.url), 'utf8')
  const refusal = async (sql: string) => {
    const store = await create(sql)
    try {
      const opened = store.open().then((storage) => storage.close())
      return await opened.then(
        () => 'opened',
        (error: Error) => error.message,
      )
    } finally {
      await store.remove()
    }
  }
  const recorded = (version: number, name: string, checksum: string) =>
    `${fixture};
     CREATE TABLE migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT);
     INSERT INTO migrations VALUES (${version}, '${name}', '${checksum}', 1);`
  const [first] = migrations as readonly [Migration]
  const checksum = checksumOf(first, engine as Engine)

  test(`migrations that the store records are those of the program, on ${engine}`, { skip }, async () => {
    assert.equal(await refusal(recorded(1, first.name, checksum)), 'opened')
    const edited = await refusal(recorded(1, first.name, `0000${checksum.slice(4)}`))
    assert.ok(
      edited.includes(`migration 1 of the store is ${first.name} (0000${checksum.slice(4, 12)})`),
      edited,
    )
    assert.ok(edited.includes(`this program’s is ${first.name} (${checksum.slice(0, 12)})`), edited)
    const other = await refusal(recorded(1, '0001-other', checksum))
    assert.match(other, /migration 1 of the store is 0001-other .*, this program’s is 0001-initial /)
    const newer = await refusal(recorded(migrations.length + 1, '9999-newer', checksum))
    assert.match(newer, new RegExp(`schema version ${migrations.length + 1} \\(9999-newer\\).*newer version`))
    // It says that it was applied, and the schema’s version says that it was not.
    const torn = await refusal(
      `${recorded(13, migrations[12]?.name ?? '', checksumOf(migrations[12] ?? first, engine as Engine))};
       UPDATE schema_version SET version = 12;`,
    )
    assert.match(torn, /migration 13 of the store/)
  })
}

test('a store of before is taken for what its version says, and what follows is recorded with its time', async () => {
  const sql = readFileSync(new URL('../testdata/schema-1-sqlite.sql', import.meta.url), 'utf8')
  const store = await engines.sqlite.create(sql)
  try {
    for (let times = 0; times < 2; times++) await (await store.open()).close()
    const database = new DatabaseSync(join(store.flags[1] ?? '', 'portcullis.db'), { readOnly: true })
    const rows = database
      .prepare('SELECT version, name, checksum, applied_at FROM migrations ORDER BY version')
      .all()
    database.close()
    assert.deepEqual(
      rows.map(({ version, name, checksum }) => ({ version, name, checksum })),
      migrations.map((each, index) => ({
        ...{ version: index + 1, name: each.name, checksum: checksumOf(each, 'sqlite') },
      })),
    )
    assert.equal(rows[0]?.applied_at, null)
    assert.ok(rows.slice(1).every((row) => Number(row.applied_at) > 1_700_000_000_000))
  } finally {
    await store.remove()
  }
})

for (const [engine, { skip, create }] of Object.entries(engines)) {
  test(`documents of before are found by what their ids begin with, on ${engine}`, { skip }, async () => {
    const store = await create(
      readFileSync(new URL(`../testdata/schema-13-${engine}.sql`, import.meta.url), 'utf8'),
    )
    try {
      await (await store.open()).close()
      const stores = await wholeStores(store.place)
      const rows = await stores.read((whole) =>
        whole.drive(
          query(`SELECT d.id, n.name FROM documents d LEFT JOIN document_names n
            ON n.profile = d.profile AND n.kind = d.kind AND n.id = d.id AND d.id LIKE n.name || '/%'
            WHERE d.id LIKE '%/%'`),
        ),
      )
      assert.ok(rows.length >= 6, 'the fixture has some')
      assert.deepEqual(
        rows.map(({ name }) => name),
        rows.map(({ id }) => String(id).split('/')[0]),
      )
    } finally {
      await store.remove()
    }
  })
}
