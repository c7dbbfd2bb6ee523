/** The inventory in the store: what it no longer names ends and comes back, devices change hands, and nothing is half done. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { actor, chainTarget, engines, inventory, rule, type TestStore } from '../../test/support/stores.ts'
import { interfaceDefaults } from '../core/model/interface.ts'
import type { InventoryRecords, Storage } from './storage.ts'

type Entry = InventoryRecords['servers'][number]

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`the inventory in the store: ${engine}`, { skip }, () => {
    let store: TestStore
    let storage: Storage
    beforeEach(async () => {
      store = await create()
      storage = await store.open()
    })
    afterEach(async () => {
      await storage.close()
      await store.remove()
    })

    const apply = (records: InventoryRecords) => storage.run('applyInventory', { inventory: records }, actor)
    async function applied(records: InventoryRecords): Promise<boolean> {
      const done = await apply(records)
      assert.ok(done.ok, done.ok ? '' : JSON.stringify(done.error))
      return done.value.changed
    }
    const changed = (records: InventoryRecords, change: (entry: Entry) => Entry): InventoryRecords => ({
      ...records,
      servers: records.servers.map(change),
    })
    const withDevice = (entry: Entry, device: string): Entry => ({
      ...entry,
      interfaces: entry.interfaces.map((nic) => ({ ...nic, device })),
    })
    const devices = async () =>
      Object.fromEntries((await storage.desired('local', null)).placed.map((nic) => [nic.server, nic.device]))
    const insert = (server: string, comment: string) =>
      storage.run(
        'insertRule',
        { ...chainTarget(server), rule: rule(comment), id: comment, maxRules: 10 },
        actor,
      )
    const comments = async (server: string) =>
      (await storage.rules(`chain-${server}`)).map(({ spec }) => spec.comment)

    test('two servers swap their devices; one takes the device of a server that is gone', async () => {
      await applied(inventory('a', 'b'))
      assert.deepEqual(await devices(), { a: 'tap-a', b: 'tap-b' })
      const swap: Record<string, string> = { a: 'tap-b', b: 'tap-a' }
      const swapped = changed(inventory('a', 'b'), (entry) =>
        withDevice(entry, swap[entry.server.id] as string),
      )
      assert.equal(await applied(swapped), true)
      assert.deepEqual(await devices(), { a: 'tap-b', b: 'tap-a' })
      assert.equal(await applied(swapped), false)
      await applied(
        changed(inventory('c', 'b'), (entry) =>
          withDevice(entry, `tap-${entry.server.id === 'c' ? 'b' : 'a'}`),
        ),
      )
      assert.deepEqual(await devices(), { b: 'tap-a', c: 'tap-b' })
    })

    test('a server that leaves answers to nobody, is placed nowhere, and comes back with its rules', async () => {
      const addressed = changed(inventory('a', 'b'), (entry) => ({
        ...entry,
        interfaces: entry.interfaces.map((nic) => ({ ...nic, addresses: ['192.0.2.7'] })),
      }))
      await applied({ ...addressed, servers: addressed.servers.slice(0, 1) })
      assert.ok((await insert('a', 'kept')).ok)
      assert.equal(await applied(inventory('b')), true)
      assert.equal(await applied(inventory('b')), false)
      assert.deepEqual(await devices(), { b: 'tap-b' })
      assert.deepEqual(
        [
          await storage.server('upcloud', 'a'),
          await storage.serverById('a'),
          (await storage.servers({ account: 'acme' })).map(({ id }) => id),
          (await storage.interfacesOf('acme')).map(({ server }) => server),
          (await storage.placedOf('acme')).map(({ server }) => server),
          await storage.placedInterfaces('a'),
          await storage.interfacesWith({ account: 'acme', profile: 'upcloud', address: '192.0.2.7' }),
        ],
        [undefined, undefined, ['b'], ['b'], ['b'], [], []],
      )
      const refused = await insert('a', 'late')
      assert.equal(!refused.ok && refused.error.kind, 'not-found')
      assert.equal(await applied(inventory('a', 'b')), true)
      assert.deepEqual(await devices(), { a: 'tap-a', b: 'tap-b' })
      assert.deepEqual(await comments('a'), ['kept'])
      const [last] = (await storage.audit({ account: 'acme', limit: 1 })).items
      assert.deepEqual(last?.after, ['server a'])
    })

    test('an older store knows what an API made, by its history', async () => {
      const fixture = readFileSync(new URL(`testdata/schema-1-${engine}.sql`, import.meta.url), 'utf8')
      const older = await create(fixture)
      const opened = await older.open()
      try {
        const accounts = (await opened.accounts()).map(({ id, name }) => ({ id, name, attributes: {} }))
        const all = async () =>
          (await Promise.all(accounts.map(({ id }) => opened.servers({ account: id })))).flat()
        assert.equal((await all()).length, 10)
        const records = { accounts, credentials: [], documents: [], servers: [] }
        const done = await opened.run('applyInventory', { inventory: records }, actor)
        assert.ok(done.ok)
        assert.deepEqual(
          (await all()).map(({ id }) => id.slice(0, 8)),
          ['b1f00192'],
        )
        const left = accounts.map(({ id }) =>
          opened.documents({ account: id, profile: 'scaleway', kind: 'project' }),
        )
        assert.deepEqual((await Promise.all(left)).flat(), [])
      } finally {
        await opened.close()
        await older.remove()
      }
    })

    test('numbers are free when their server leaves, and can be swapped', async () => {
      const numbered = (numbers: Record<string, number>) =>
        changed(inventory(...Object.keys(numbers)), (entry) => ({
          ...entry,
          server: { ...entry.server, number: numbers[entry.server.id] as number },
        }))
      await applied(numbered({ a: 1, b: 2 }))
      await applied(numbered({ a: 2, b: 1 }))
      assert.equal((await storage.serverByNumber('upcloud', 2))?.id, 'a')
      await applied(numbered({ c: 2, b: 1 }))
      assert.equal((await storage.serverByNumber('upcloud', 2))?.id, 'c')
      await applied(numbered({ a: 3, b: 1 }))
      assert.equal((await storage.serverByNumber('upcloud', 3))?.id, 'a')
      assert.equal(await storage.serverByNumber('upcloud', 2), undefined)
    })

    test('interfaces are reordered, and one that is no longer named ends unless an API made it', async () => {
      const [entry] = inventory('a').servers as [Entry]
      const [nic] = entry.interfaces as [Entry['interfaces'][number]]
      const nics = (...ids: string[]): InventoryRecords => ({
        ...inventory('a'),
        servers: [
          {
            ...entry,
            interfaces: ids.map((id, index) => ({ ...nic, id, index: index + 1, device: `tap-${id}` })),
          },
        ],
      })
      const listed = async () => (await storage.interfaces('a')).map(({ id, device }) => [id, device])
      await applied(nics('x', 'y'))
      await applied(nics('y', 'x'))
      assert.deepEqual(await listed(), [
        ['y', 'tap-y'],
        ['x', 'tap-x'],
      ])
      const made = { ...nic, id: 'made', index: 3, ...interfaceDefaults }
      const event = { operation: 'x', resource: 'server', id: 'a', before: null, after: null } as const
      const [x] = await storage.interfaces('a')
      assert.ok(x)
      const written = await storage.run(
        'changeZone',
        // An API writes an interface of the inventory as well; it stays the inventory's.
        {
          ...{ account: 'acme', profile: 'upcloud', zone: 'z', zoneKind: 'zone', ifRevision: 0, event },
          interfaces: { put: [made, { ...x, id: 'x', index: 2, device: null, host: null }] },
        },
        actor,
      )
      assert.ok(written.ok)
      await applied(nics('y'))
      assert.deepEqual(await listed(), [
        ['y', 'tap-y'],
        ['made', null],
      ])
      // The inventory says where it is, and that it is nowhere again.
      await applied(nics('made', 'y'))
      assert.deepEqual(await listed(), [
        ['made', 'tap-made'],
        ['y', 'tap-y'],
      ])
      await applied(nics('y'))
      assert.deepEqual(await listed(), [
        ['y', 'tap-y'],
        ['made', null],
      ])
    })

    test('what an API made in an account that leaves is kept, and comes back with the account', async () => {
      const [entry] = inventory('made').servers as [Entry]
      await applied(inventory('a'))
      const { server, policies = [], attachments = [] } = entry
      const interfaces = entry.interfaces.map((nic) => ({ ...nic, ...interfaceDefaults }))
      const made = { server, policies, attachments, interfaces, documents: [] }
      const created = await storage.run('createServer', made, actor)
      assert.ok(created.ok)
      const document = {
        account: 'acme',
        profile: 'ionos',
        kind: 'datacenter',
        id: 'z',
        body: { name: 'vdc' },
      } as const
      const other = inventory().accounts.filter(({ id }) => id === 'other')
      const left = { ...inventory(), accounts: other, credentials: [] }
      await applied({ ...inventory('a'), documents: [document] })
      await applied(left)
      assert.equal(await storage.credential('token', 'aa'), undefined)
      assert.equal(await storage.document('ionos', 'datacenter', 'z'), undefined)
      assert.deepEqual(await storage.documents({ account: 'acme', profile: 'ionos', kind: 'datacenter' }), [])
      assert.deepEqual(await devices(), {})
      assert.deepEqual(await storage.placedOf('acme'), [])
      assert.equal(await applied(left), false)
      await applied({ ...inventory('a'), documents: [document] })
      assert.equal((await storage.credential('token', 'aa'))?.account, 'acme')
      assert.deepEqual((await storage.document('ionos', 'datacenter', 'z'))?.body, { name: 'vdc' })
      const there = (await storage.servers({ account: 'acme' })).map(({ id }) => id)
      assert.deepEqual(there.toSorted(), ['a', 'made'])
      // The inventory places it, and later does not: it is the API's all the while.
      await applied({ ...inventory('a', 'made'), documents: [document] })
      assert.deepEqual(await devices(), { a: 'tap-a', made: 'tap-made' })
      await applied({ ...inventory('a'), documents: [document] })
      assert.deepEqual(await devices(), { a: 'tap-a' })
      assert.equal((await storage.serverById('made'))?.id, 'made')
    })

    test('credentials that come, change and go are events of their account', async () => {
      const records = inventory('a')
      const [credential] = records.credentials
      assert.ok(credential)
      await applied({ ...records, credentials: [] })
      await applied(records)
      await applied({ ...records, credentials: [{ ...credential, scopes: ['read'] }] })
      await applied({ ...records, credentials: [] })
      const { account, kind, label, scopes } = credential
      const { items: events } = await storage.audit({ account, limit: 100 })
      assert.deepEqual(
        events
          .filter(({ resource, id }) => resource === 'credential' && id === label)
          .map(({ operation, before, after }) => [operation, before, after])
          .reverse(),
        [
          ['credential.create', null, { kind, scopes }],
          ['credential.update', { kind, scopes }, { kind, scopes: ['read'] }],
          ['credential.remove', { kind, scopes: ['read'] }, null],
        ],
      )
      assert.equal(await storage.revision(), Math.max(...events.map(({ revision }) => revision)))
    })

    test('a credential that is given to another account opens that one alone, and both can see it', async () => {
      const records = inventory('a')
      const [credential] = records.credentials
      assert.ok(credential)
      await applied(records)
      await applied({ ...records, credentials: [{ ...credential, id: 'moved', account: 'other' }] })
      const { kind, lookup, label } = credential
      assert.equal((await storage.credential(kind, lookup))?.account, 'other')
      assert.deepEqual(await storage.credentials('acme'), [])
      const seen = async (account: string) =>
        (await storage.audit({ account, limit: 100 })).items
          .filter(({ resource, id }) => resource === 'credential' && id === label)
          .map(({ operation }) => operation)
      assert.equal((await seen('acme'))[0], 'credential.remove')
      assert.deepEqual(await seen('other'), ['credential.create'])
    })

    test('accounts swap their names, and one takes the name of another that is gone', async () => {
      const named = (names: Record<string, string>): InventoryRecords => ({
        ...inventory(),
        credentials: [],
        accounts: Object.entries(names).map(([id, name]) => ({ id, name, attributes: {} })),
      })
      const names = async () =>
        Object.fromEntries((await storage.accounts()).map(({ id, name }) => [id, name]))
      await applied(named({ a: 'one', b: 'two' }))
      await applied(named({ a: 'two', b: 'one' }))
      assert.deepEqual(await names(), { a: 'two', b: 'one' })
      await applied(named({ a: 'two', c: 'one' }))
      assert.deepEqual(await names(), { a: 'two', b: 'one (b)', c: 'one' })
      assert.equal(await applied(named({ a: 'two', c: 'one' })), false)
    })

    test('a fault that only the transaction finds undoes all of it', async () => {
      await applied(inventory('a', 'b'))
      const before = await storage.revision()
      for (const [wrong, fault] of [
        [
          changed(inventory('c', 'b'), (entry) => ({
            ...entry,
            server: { ...entry.server, account: 'other' },
          })),
          'b',
        ],
        [
          changed(inventory('c'), (entry) => ({
            ...entry,
            interfaces: entry.interfaces.map((nic) => ({ ...nic, id: 'nic-a' })),
          })),
          'nic-a',
        ],
      ] as const) {
        const done = await apply(wrong)
        assert.ok(!done.ok && done.error.kind === 'invalid')
        assert.equal(done.error.field, fault)
        assert.deepEqual(await devices(), { a: 'tap-a', b: 'tap-b' })
        assert.equal(await storage.revision(), before)
        assert.ok(await storage.credential('token', 'aa'))
      }
    })

    test('a switch that the inventory does not mention stays as an API has left it', async () => {
      await applied(inventory('a'))
      const off = await storage.run(
        'updateServer',
        { ...chainTarget('a'), policy: { enabled: false } },
        actor,
      )
      assert.ok(off.ok)
      assert.equal(await applied(inventory('a')), false)
      assert.equal((await storage.chain('a'))?.enabled, false)
      await applied(changed(inventory('a'), (entry) => ({ ...entry, enabled: true })))
      assert.equal((await storage.chain('a'))?.enabled, true)
    })
  })
}
