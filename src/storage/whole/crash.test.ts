/** A restore that is killed in the middle: the store that it was to replace is as it was. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { actor, chainTarget, engines, inventory, rule } from '../../../test/support/stores.ts'
import { backupOf, rowsOf } from '../../../test/support/whole.ts'

const program = new URL('../../../test/support/restore-child.ts', import.meta.url).pathname

for (const [engine, { skip, create }] of Object.entries(engines)) {
  test(`kill -9 in the middle of a restore on ${engine}`, { skip, timeout: 120_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-restore-'))
    const [from, to] = [await create(), await create()]
    try {
      const storage = await from.open()
      const servers = Array.from({ length: 5 }, (_, n) => `s${n}`)
      await storage.run('applyInventory', { inventory: inventory(...servers) }, actor)
      const rules = Array.from({ length: 1000 }, (_, n) => rule(`${n}`))
      for (const server of servers) {
        const ids = rules.map((_, n) => `${server}-${n}`)
        await storage.run('replaceRules', { ...chainTarget(server), rules, ids, maxRules: 1000 }, actor)
      }
      await storage.close()
      const bytes = await backupOf(from.place)
      const file = join(folder, 'backup')
      writeFileSync(file, bytes)
      const old = await to.open()
      await old.run('applyInventory', { inventory: inventory('old') }, actor)
      await old.close()
      const before = await rowsOf(to.place)

      for (const length of [0, 0.1, 0.5, 0.9, 1].map((part) => Math.floor(part * bytes.length))) {
        const child = fork(program, [JSON.stringify(to.place), file, String(length)])
        const exit = once(child, 'exit')
        // All of that has been written, and none of it is kept.
        const [said] = await Promise.race([once(child, 'message'), exit])
        assert.equal(said, 'stopped')
        child.kill('SIGKILL')
        await exit
        assert.deepEqual(await rowsOf(to.place), before, `${length} bytes`)
      }
      const again = await to.open()
      assert.equal((await again.servers({ account: 'acme' }))[0]?.name, 'old')
      await again.close()
    } finally {
      rmSync(folder, { recursive: true, force: true })
      await from.remove()
      await to.remove()
    }
  })
}
