/** Backups in memory, and all rows of a store, for tests. */

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { dialects } from '../../src/dialects/dialects.ts'
import { check } from '../../src/storage/check/check.ts'
import type { Fault } from '../../src/storage/check/fault.ts'
import { backup } from '../../src/storage/whole/backup.ts'
import { type Restored, type RestoreOptions, restore } from '../../src/storage/whole/restore.ts'
import { readTables } from '../../src/storage/whole/tables.ts'
import { type Place, wholeStores } from '../../src/storage/whole/whole-store.ts'

/** As `serve` finds it. */
export async function backupOf(place: Place, at = Date.now()): Promise<Buffer> {
  const text: string[] = []
  const stores = await wholeStores(place)
  await stores.read(async (store) => {
    for await (const each of backup(store, at)) text.push(each)
  })
  return Buffer.from(text.join(''))
}

/** In pieces of another length than lines have. */
export async function* inPieces(bytes: Buffer, length = 1000): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.length; from += length) yield bytes.subarray(from, from + length)
}

export async function restoreTo(
  place: Place,
  bytes: Buffer,
  options: Partial<RestoreOptions> = {},
): Promise<Restored> {
  const stores = await wholeStores(place)
  return stores.replace((store) =>
    restore(store, inPieces(bytes), { replace: false, at: Date.now(), ...options }),
  )
}

/** By table, as JSON in an order that no engine chooses; rejects when there is no store. */
export async function rowsOf(place: Place): Promise<Record<string, readonly string[]>> {
  const stores = await wholeStores(place)
  return stores.read(async (store) => {
    const found: Record<string, readonly string[]> = {}
    for (const [table, columns] of await store.drive(readTables(store.engine))) {
      const rows: string[] = []
      for await (const lot of store.scan(`SELECT ${columns.join(', ')} FROM ${table}`)) {
        rows.push(...lot.map((row) => JSON.stringify(row)))
      }
      found[table] = rows.sort()
    }
    return found
  })
}

/** While its service runs, or without one. */
export async function assertSound(place: Place): Promise<void> {
  const faults: Fault[] = []
  const stores = await wholeStores(place)
  await stores.read((store) => check(store, dialects, (fault) => void faults.push(fault)))
  assert.deepEqual(faults, [])
}
