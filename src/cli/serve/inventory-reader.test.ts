/** A large inventory is read in a thread of its own, and the thread of the service goes on meanwhile. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { dialects } from '../../dialects/dialects.ts'
import { applyInventory } from '../../service/inventory.ts'
import { openSqlite } from '../../storage/sqlite.ts'
import { createThreadedReader } from './inventory-reader.ts'

test('a file that is large is compared and applied by way of a thread, while others are answered', {
  timeout: 120_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-reader-'))
  const storage = await openSqlite({ directory })
  try {
    const reader = createThreadedReader({ storage, where: { directory } }, dialects, undefined)
    const servers = Array.from({ length: 2000 }, (_, index) => ({
      ...{ profile: 'upcloud', name: `s${index}`, zone: 'fi-hel1', firewall: true },
      interfaces: [{ addresses: [`10.0.${index >> 8}.${index & 255}`] }],
    }))
    const text = JSON.stringify({
      accounts: [{ name: 'a', credentials: [{ token: 't' }], servers }],
    })
    const request = { text, now: 1, keep: false }
    /** Turns of this thread while the other one reads: in this thread the read would be one turn, as no password is hashed. */
    async function meanwhile<T>(work: Promise<T>): Promise<[T, number]> {
      let [turns, going] = [0, true]
      const counted = (async () => {
        while (going) {
          await new Promise((resolve) => setImmediate(resolve))
          turns++
        }
      })()
      const value = await work.finally(() => {
        going = false
      })
      await counted
      return [value, turns]
    }
    const [prepared, turns] = await meanwhile(reader.prepare(request))
    assert.ok(prepared.ok)
    // With the account, its credential and the project that every account has.
    assert.equal(prepared.value.total, 2003)
    assert.ok(turns > 100, `${turns} turns`)
    const first = await applyInventory(storage, reader, request)
    assert.ok(first.ok && first.value.changed)
    assert.equal(await storage.serverCount(), 2000)
    const same = await applyInventory(storage, reader, request)
    assert.ok(same.ok)
    assert.deepEqual([same.value.changed, same.value.total], [false, 0])
    const wrong = await applyInventory(storage, reader, { ...request, text: text.replace('"s7"', '"s8"') })
    assert.ok(!wrong.ok)
    assert.match(
      wrong.error,
      /^accounts\[0\]\.servers\[8\]: the server .* is there twice, first at accounts\[0\]\.servers\[7\]$/,
    )
    const exported = JSON.parse(new TextDecoder().decode(await reader.export(false)))
    assert.equal(exported.accounts[0].servers.length, 2000)
  } finally {
    await storage.close()
    rmSync(directory, { recursive: true })
  }
})
