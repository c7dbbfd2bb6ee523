/** Applying an inventory beside others who write, and what is exported of it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { providers } from '../../test/support/service.ts'
import { seenOn, sighting } from '../../test/support/sightings.ts'
import { engines } from '../../test/support/stores.ts'
import type { Storage } from '../storage/storage.ts'
import { createPasswordMemory } from './inventory/password-memory.ts'
import { applyInventory, createInventoryReader, type InventoryReader, loadInventory } from './inventory.ts'

const now = 1_700_000_000_000
const file = (name: string) =>
  `accounts: [ { name: ${name}, id: ${name}, credentials: [ { token: ${name} } ] } ]`
const readerOf = (storage: Storage) => createInventoryReader(storage, providers, createPasswordMemory())

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`applying an inventory beside others, on ${engine}`, { skip }, () => {
    async function withStore(use: (storage: Storage, open: () => Promise<Storage>) => Promise<void>) {
      const store = await create()
      const storage = await store.open()
      try {
        await use(storage, () => store.open())
      } finally {
        await storage.close()
        await store.remove()
      }
    }

    for (const [writes, encodes] of [
      [1, 0],
      [2, 0],
      [50, 1],
    ] as const) {
      test(`after ${writes} writes of others between comparison and apply it is applied, once`, async () => {
        await withStore(async (storage) => {
          const reader = readerOf(storage)
          const asked = { prepare: 0, encode: 0 }
          const disturbed: InventoryReader = {
            ...reader,
            async prepare(request) {
              const prepared = await reader.prepare(request)
              if (asked.prepare++ < writes) {
                const other = await loadInventory(storage, file(`other${asked.prepare}`), now, providers)
                assert.ok(other.ok && other.value.changed)
              }
              return prepared
            },
            encode(request) {
              asked.encode++
              return reader.encode(request)
            },
          }
          const request = { text: file('wanted'), now, keep: false }
          const done = await applyInventory(storage, disturbed, request)
          assert.ok(done.ok && done.value.changed)
          assert.deepEqual(asked, { prepare: Math.min(writes, 3) + 1, encode: encodes })
          // What was written in between is the inventory's too, and no longer named.
          const accounts = JSON.parse(new TextDecoder().decode(await reader.export(false))).accounts
          assert.deepEqual(
            accounts.map(({ name }: { name: string }) => name),
            ['wanted'],
          )
          const again = await applyInventory(storage, reader, request)
          assert.ok(again.ok)
          assert.deepEqual([again.value.changed, again.value.total], [false, 0])
        })
      })
    }

    test('where an interface was found is in no export, and applying that leaves it there', async () => {
      await withStore(async (storage) => {
        const mac = '52:54:00:00:00:01'
        const text = `accounts: [ { name: a, credentials: [ { token: t } ], servers: [
          { profile: native, name: n, interfaces: [ { mac: "${mac}" }, { mac: "52:54:00:00:00:02", host: h, device: tap2 } ] } ] } ]`
        const first = await loadInventory(storage, text, now, providers)
        assert.ok(first.ok && first.value.changed)
        await seenOn(storage, 'h', [sighting('tap1', mac)])
        const places = async () =>
          (await storage.bindingPage({ host: 'h' }, { after: null, limit: 10 })).map(
            ({ device, boundBy }) => `${device} ${boundBy}`,
          )
        assert.deepEqual(await places(), ['tap1 mac', 'tap2 inventory'])
        const exported = new TextDecoder().decode(await readerOf(storage).export(false))
        const [account] = JSON.parse(exported).accounts
        const devices = account.servers[0].interfaces.map((nic: { device?: string }) => nic.device ?? null)
        assert.deepEqual(devices, [null, 'tap2'])
        const again = await loadInventory(storage, exported, now, providers)
        assert.ok(again.ok)
        assert.equal(again.value.changed, false)
        assert.deepEqual(await places(), ['tap1 mac', 'tap2 inventory'])
      })
    })

    test('quotas and servers of the native profile are exported, and what is exported changes nothing', async () => {
      await withStore(async (storage) => {
        const text = `accounts: [ { name: a, quotas: { servers: 3, rules: 0 }, credentials: [ { token: t } ], servers: [
          { profile: native, name: n, interfaces: [ { host: h, device: tap1, mac: "52:54:00:00:00:01", addresses: [192.0.2.1] } ] } ] } ]`
        const first = await loadInventory(storage, text, now, providers)
        assert.ok(first.ok && first.value.changed)
        const exported = new TextDecoder().decode(await readerOf(storage).export(false))
        const [account] = JSON.parse(exported).accounts
        assert.deepEqual(account.quotas, { servers: 3, rules: 0 })
        assert.deepEqual(
          account.servers.map(({ profile, name }: { profile: string; name: string }) => [profile, name]),
          [['native', 'n']],
        )
        const same = await loadInventory(storage, exported, now, providers)
        assert.ok(same.ok)
        assert.deepEqual([same.value.changed, same.value.total], [false, 0])
      })
    })
  })
}

describe('two processes with one inventory', { skip: engines.postgresql.skip }, () => {
  test('one of them makes it so, once, and neither changes it again', async () => {
    const store = await engines.postgresql.create()
    const [one, two] = [await store.open(), await store.open()]
    try {
      const load = (storage: Storage) => loadInventory(storage, file('both'), now, providers)
      const before = await one.revision()
      const done = await Promise.all([load(one), load(two)])
      assert.deepEqual(done.map((each) => each.ok && each.value.changed).sort(), [false, true])
      // One event for all of it.
      assert.equal(await two.revision(), before + 1)
      for (const storage of [two, one, two]) {
        const again = await load(storage)
        assert.ok(again.ok && !again.value.changed)
      }
      assert.equal(await one.revision(), before + 1)
    } finally {
      await Promise.all([one.close(), two.close()])
      await store.remove()
    }
  })
})
