/** Devices as agents see them, for tests. */
import assert from 'node:assert/strict'
import type { Sighting } from '../../src/core/model/sighting.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { actor } from './stores.ts'

export const sighting = (device: string, mac: string | null, more: Partial<Sighting> = {}): Sighting => ({
  ...{ device, present: true, mac, address: null, source: 'libvirt', guarded: true },
  ...more,
})

/** A host sees these, whoever speaks for it. */
export async function seenOn(storage: Storage, host: string, put: readonly Sighting[]): Promise<void> {
  const args = { host, awayBefore: 0, put, remove: [], again: [], settled: false }
  const done = await storage.run('see', args, { ...actor, account: '', dialect: 'system', at: Date.now() })
  assert.ok(done.ok, JSON.stringify(done))
}
