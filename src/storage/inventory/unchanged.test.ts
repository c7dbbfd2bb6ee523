/** What somebody changes behind the file's back is found, whichever column it is in. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { actor, engines, inventory, type TestStore } from '../../../test/support/stores.ts'
import { interfaceColumns, serverColumns } from '../rows.ts'
import type { InventoryRecords, Storage } from '../storage.ts'

/** Another value of a column, as SQL; null: no inventory says what is there. */
const servers: Readonly<Record<string, string | null>> = {
  ...{ id: null, account: "'other'", profile: "'hostup'", name: "'else'", number: '7', zone: "'de-fra1'" },
  ...{ state: null, next_state: null, next_state_at: null, created_at: null, revision: null },
  attributes: '\'{"plan":"else"}\'',
}
const interfaces: Readonly<Record<string, string | null>> = {
  ...{ id: "'nic-else'", server: null, number: '2', mac: "'52:54:00:00:00:02'" },
  ...{ addresses: '\'["192.0.2.2"]\'', allowed_addresses: "'[]'", sender_check: '0', observe: '1' },
  ...{ max_connections: '0', vlan_trunk: '1', allowed_frames: "'[2054]'", type: "'private'" },
  ...{ host: 'NULL', device: "'tap-else'", attributes: '\'{"lan":2}\'' },
}

/** With a value in each column that may have none. */
function named(): InventoryRecords {
  const records = inventory('a', 'b')
  return {
    ...records,
    servers: records.servers.map((entry) => ({
      ...entry,
      server: { ...entry.server, attributes: { plan: 'small' } },
      interfaces: entry.interfaces.map((nic) => ({ ...nic, attributes: { lan: 1 } })),
    })),
  }
}

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`what an inventory compares: ${engine}`, { skip }, () => {
    let store: TestStore
    let storage: Storage
    beforeEach(async () => {
      store = await create()
      storage = await store.open()
      assert.ok((await storage.run('applyInventory', { inventory: named() }, actor)).ok)
    })
    afterEach(async () => {
      await storage.close()
      await store.remove()
    })

    /** Ids of servers that differ, or why they cannot be compared. */
    async function differing(): Promise<unknown> {
      const found = await storage.inventoryDifference(named(), { now: 1 })
      return found.ok ? found.value.changes.map(({ id }) => id) : found.error
    }
    const columns = [
      ...serverColumns.split(', ').map((column) => ['servers', 'id', column, servers[column]] as const),
      ...interfaceColumns
        .split(', ')
        .map((column) => ['interfaces', 'server', column, interfaces[column]] as const),
    ]

    test('nothing differs from what was applied, and every column that a file speaks of is looked at', async () => {
      assert.deepEqual(await differing(), [])
      for (const [table, key, column, other] of columns) {
        assert.notEqual(other, undefined, `${table}.${column} is new: say what it may hold`)
        if (other === null) continue
        await store.run(`CREATE TABLE kept AS SELECT ${column} AS value FROM ${table} WHERE ${key} = 'a'`)
        await store.run(`UPDATE ${table} SET ${column} = ${other} WHERE ${key} = 'a'`)
        const told = await differing()
        if (Array.isArray(told)) assert.deepEqual(told, ['a'], `${table}.${column}`)
        else assert.equal((told as { field: string }).field, 'a', `${table}.${column}`)
        await store.run(
          `UPDATE ${table} SET ${column} = (SELECT value FROM kept) WHERE ${key} = 'a'; DROP TABLE kept`,
        )
        assert.deepEqual(await differing(), [], `${table}.${column} again`)
      }
    })

    test('switches of chains, and servers that have left or that nobody names', async () => {
      const records = named()
      const on = { ...records, servers: records.servers.map((entry) => ({ ...entry, enabled: true })) }
      const changes = async () => {
        const found = await storage.inventoryDifference(on, { now: 1 })
        assert.ok(found.ok)
        return found.value.changes.map(({ change, id }) => `${change} ${id}`)
      }
      assert.deepEqual(await changes(), [])
      await store.run("UPDATE policies SET enabled = 0 WHERE server = 'b'")
      assert.deepEqual(await changes(), ['changed b'])
      await store.run("UPDATE servers SET origin = 'left' WHERE id = 'a'")
      assert.deepEqual(await changes(), ['added a', 'changed b'])
      const only = await storage.inventoryDifference({ ...records, servers: [] }, { now: 1 })
      assert.deepEqual(only.ok && only.value.servers.leave, ['b'])
    })
  })
}
