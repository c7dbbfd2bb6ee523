/** The inventory as one owner among others: what an API made stays as it is, and what two would have is refused. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { actor, engines, inventory, type TestStore } from '../../test/support/stores.ts'
import { newServers } from './inventory/new-servers.ts'
import type { InventoryRecords, Storage } from './storage.ts'

type Entry = InventoryRecords['servers'][number]

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`what an inventory owns: ${engine}`, { skip }, () => {
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

    const apply = (records: InventoryRecords, keep = false) =>
      storage.run('applyInventory', { inventory: records, keep }, actor)
    async function applied(records: InventoryRecords, keep = false): Promise<boolean> {
      const done = await apply(records, keep)
      assert.ok(done.ok, done.ok ? '' : JSON.stringify(done.error))
      return done.value.changed
    }
    async function refused(records: InventoryRecords): Promise<readonly string[]> {
      const before = await storage.revision()
      const asked = await storage.inventoryDifference(records, { now: 1 })
      const done = await apply(records)
      assert.ok(!done.ok && done.error.kind === 'invalid')
      assert.deepEqual(asked, done)
      assert.equal(await storage.revision(), before)
      return [done.error.field, done.error.reason]
    }
    const placed = async () =>
      Object.fromEntries((await storage.desired('local', null)).placed.map((nic) => [nic.id, nic.device]))
    const withServers = (records: InventoryRecords, change: (entry: Entry) => Entry): InventoryRecords => ({
      ...records,
      servers: records.servers.map(change),
    })
    const on =
      (device: string | null) =>
      (entry: Entry): Entry => ({
        ...entry,
        interfaces: entry.interfaces.map((nic) => ({ ...nic, host: device && 'local', device })),
      })
    /** As an API makes it, on a device. */
    async function made(id: string, device: string | null = `tap-${id}`, number: number | null = null) {
      const [entry] = withServers(inventory(id), on(device)).servers as [Entry]
      const { server, interfaces, policies = [], attachments = [] } = entry
      const args = { server: { ...server, number }, interfaces, policies, attachments, documents: [] }
      const done = await storage.run('createServer', args, actor)
      assert.ok(done.ok)
    }

    test('a server that an API made keeps its devices when no file names it', async () => {
      await applied(inventory('a'))
      await made('api')
      assert.equal(await applied(inventory('a')), false)
      assert.equal(await applied(inventory()), true)
      assert.deepEqual(await placed(), { 'nic-api': 'tap-api' })
      assert.equal(await applied({ ...inventory(), credentials: [] }), true)
      assert.deepEqual(
        (await storage.servers({ account: 'acme' })).map(({ id }) => id),
        ['api'],
      )
    })

    test('a file that does not say where an interface is leaves it where an API put it', async () => {
      await applied(inventory())
      await made('api')
      assert.equal(await applied(withServers(inventory('api'), on(null))), false)
      assert.deepEqual(await placed(), { 'nic-api': 'tap-api' })
      // What a file has said it may take back.
      await applied(withServers(inventory('api'), on('tap-file')))
      assert.deepEqual(await placed(), { 'nic-api': 'tap-file' })
      assert.equal(await applied(inventory(), true), false)
      assert.equal(await applied(inventory()), true)
      assert.deepEqual(await placed(), {})
      assert.equal(await applied(inventory()), false)
      assert.equal((await storage.serverById('api'))?.id, 'api')
    })

    test('a device that an API’s interface holds is refused, unless the same file moves it', async () => {
      await applied(inventory('a'))
      await made('api')
      const taking = withServers(inventory('a'), on('tap-api'))
      assert.deepEqual(await refused(taking), [
        'nic-a',
        'cannot have the device tap-api on local: interface nic-api has it',
      ])
      const [api] = withServers(inventory('api'), on('tap-2')).servers
      assert.ok(api)
      await applied({ ...taking, servers: [...taking.servers, api] })
      assert.deepEqual(await placed(), { 'nic-a': 'tap-api', 'nic-api': 'tap-2' })
      // Of a new server too.
      assert.equal(
        (await refused({ ...taking, servers: withServers(inventory('a', 'new'), on('tap-9')).servers }))[0],
        'nic-new',
      )
    })

    test('a number that an API’s server has is refused, and so is one that a server has which is kept', async () => {
      await applied(inventory())
      await made('api', null, 7)
      const numbered = withServers(inventory('a'), (entry) => ({
        ...entry,
        server: { ...entry.server, number: 7 },
      }))
      assert.deepEqual(await refused(numbered), ['a', 'cannot have the number 7: server api has it'])
    })

    test('what is not named stays when it is kept, and is told to leave when it is not', async () => {
      const document = {
        account: 'acme',
        profile: 'ionos',
        kind: 'datacenter',
        id: 'z',
        body: { name: 'v' },
      } as const
      await applied({ ...inventory('a', 'b'), documents: [document] })
      const less = { ...inventory('a'), accounts: inventory().accounts.slice(0, 1), credentials: [] }
      assert.equal(await applied(less, true), false)
      assert.deepEqual(await placed(), { 'nic-a': 'tap-a', 'nic-b': 'tap-b' })
      const found = await storage.inventoryDifference(less, { now: 1 })
      assert.ok(found.ok)
      assert.deepEqual(
        found.value.changes.map(({ change, resource, name }) => [change, resource, name]),
        [
          ['removed', 'account', 'other'],
          ['removed', 'credential', 'tester'],
          ['removed', 'datacenter', 'v'],
          ['removed', 'server', 'b'],
        ],
      )
      assert.equal(await applied(less), true)
      assert.deepEqual(await placed(), { 'nic-a': 'tap-a' })
      assert.equal(await storage.credential('token', 'aa'), undefined)
    })

    test('an interface that is not named ends, and stays where the rest is kept', async () => {
      const two = withServers(inventory('a'), (entry) => ({
        ...entry,
        interfaces: [1, 2].map((index) => ({
          ...(entry.interfaces[0] as Entry['interfaces'][number]),
          ...{ id: `n${index}`, index, device: `tap${index}` },
        })),
      }))
      const one = withServers(two, (entry) => ({
        ...entry,
        interfaces: entry.interfaces.slice(1).map((nic) => ({ ...nic, index: 1 })),
      }))
      await applied(two)
      assert.equal(await applied(one, true), true)
      assert.deepEqual(await placed(), { n1: 'tap1', n2: 'tap2' })
      assert.deepEqual(
        (await storage.interfaces('a')).map(({ id }) => id),
        ['n2', 'n1'],
      )
      await applied(one)
      assert.deepEqual(await placed(), { n2: 'tap2' })
    })

    test('a credential that an API made is not revoked, is the file’s for what it says, and nobody else’s', async () => {
      const [own] = inventory().credentials
      assert.ok(own)
      const api = { ...own, id: 'api', lookup: 'bb', hash: 'bb', label: 'api', origin: 'api' } as const
      const operator = {
        ...api,
        id: 'op',
        lookup: 'cc',
        hash: 'cc',
        holder: 'operator',
        account: '',
      } as const
      await applied({ ...inventory(), credentials: [own, api, operator] })
      assert.equal(await applied({ ...inventory(), credentials: [] }), true)
      assert.equal(await storage.credential('token', 'aa'), undefined)
      assert.equal((await storage.credential('token', 'bb'))?.label, 'api')
      assert.equal((await storage.credential('token', 'cc'))?.holder, 'operator')
      const named = { ...api, id: 'named', origin: 'inventory', scopes: ['read'] } as const
      await applied({ ...inventory(), credentials: [named] })
      const { id, origin, scopes } = (await storage.credential('token', 'bb')) ?? {}
      assert.deepEqual([id, origin, scopes], ['api', 'api', ['read']])
      assert.equal(await applied({ ...inventory(), credentials: [] }), false)
      const reason = 'has the secret or the name of a credential that is not the account’s'
      assert.deepEqual(await refused({ ...inventory(), credentials: [{ ...named, account: 'other' }] }), [
        'named',
        reason,
      ])
      const foreign = { ...own, id: 'x', lookup: 'cc', hash: 'cc' }
      assert.deepEqual(await refused({ ...inventory(), credentials: [foreign] }), ['x', reason])
    })

    test('the name of an account that does not leave is refused', async () => {
      await applied(inventory())
      const renamed = [{ id: 'new', name: 'acme', attributes: {} }]
      assert.equal(await applied({ ...inventory(), accounts: renamed, credentials: [] }), true)
      const kept = await apply(
        { ...inventory(), accounts: [{ id: 'third', name: 'acme', attributes: {} }], credentials: [] },
        true,
      )
      assert.deepEqual(!kept.ok && kept.error, {
        kind: 'invalid',
        field: 'third',
        reason: 'has the name of account new',
      })
    })

    test('a difference that was found earlier is refused when something was written since', async () => {
      const records = inventory('a')
      const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
      async function prepare() {
        const found = await storage.inventoryDifference(records, { now: 1 })
        assert.ok(found.ok)
        const { make, ...others } = found.value.servers
        const { against, changes } = found.value
        return {
          difference: bytes({ ...found.value, servers: { ...others, make: [] } }),
          make: make.map((entry) => bytes(newServers([entry], against + 1, actor.at))),
          total: changes.length,
        }
      }
      const prepared = await prepare()
      const event = { operation: 'x', resource: 'server', id: 'a', before: null, after: null } as const
      assert.ok((await storage.run('recordEvent', { event }, actor)).ok)
      const stale = await storage.run('applyInventory', prepared, actor)
      assert.equal(!stale.ok && stale.error.kind === 'conflict' && stale.error.stale, true)
      assert.deepEqual(await placed(), {})
      assert.deepEqual(await storage.run('applyInventory', await prepare(), actor), {
        ok: true,
        value: { revision: 2, changed: true },
      })
      assert.deepEqual(await placed(), { 'nic-a': 'tap-a' })
    })
  })
}
