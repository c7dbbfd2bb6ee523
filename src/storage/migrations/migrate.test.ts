/** Stores that earlier versions wrote: what was in them is there after the migrations, the same on both engines. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { actor, engines, rule } from '../../../test/support/stores.ts'
import { configureAddresses } from '../../service/addresses.ts'
import { readAddresses } from '../../service/addresses-file.ts'
import type { Storage } from '../storage.ts'

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
    audit: await storage.audit({ account, limit: 1000 }),
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
