/** The embedded store at its ends: closed and copied, full, and without its writer. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { actor, chainTarget, inventory, rule } from '../../test/support/stores.ts'
import { openSqlite } from './sqlite.ts'
import { Unavailable } from './unavailable.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'portcullis-sqlite-'))
const insert = { ...chainTarget('a'), rule: rule('x'), id: 'x', maxRules: 10 }

describe('the embedded store', () => {
  test('is whole in its one file after it was closed', async () => {
    const [directory, copy] = [folder(), folder()]
    try {
      const storage = await openSqlite({ directory })
      await storage.run('applyInventory', { inventory: inventory('a') }, actor)
      await storage.run('insertRule', insert, actor)
      await storage.close()
      copyFileSync(join(directory, 'portcullis.db'), join(copy, 'portcullis.db'))
      const copied = await openSqlite({ directory: copy })
      assert.equal((await copied.rules('chain-a')).length, 1)
      await copied.close()
    } finally {
      for (const each of [directory, copy]) rmSync(each, { recursive: true })
    }
  })

  test('says so when the thread that writes dies, and refuses everything after', async () => {
    const directory = folder()
    try {
      await (await openSqlite({ directory })).close()
      const writer = new URL('../../test/support/dying-writer.ts', import.meta.url)
      const deaths: Error[] = []
      const storage = await openSqlite({ directory, writer, died: (error) => deaths.push(error) })
      await assert.rejects(storage.run('insertRule', insert, actor), Unavailable)
      await assert.rejects(storage.check(), Unavailable)
      assert.match(String(deaths[0]), /on purpose/)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('ends while much is asked: each is answered or refused', async () => {
    const directory = folder()
    const deaths: Error[] = []
    try {
      for (let round = 0; round < 10; round++) {
        const storage = await openSqlite({ directory, died: (error) => deaths.push(error) })
        const many = () => Array.from({ length: 20 }, () => storage.run('insertRule', insert, actor))
        const before = many()
        const end = storage.close()
        const asked = await Promise.allSettled([...before, ...many()])
        await end
        for (const each of asked)
          if (each.status === 'rejected') assert.ok(each.reason instanceof Unavailable, String(each.reason))
      }
      assert.deepEqual(deaths, [])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

const noNamespaces =
  process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0
    ? false
    : 'needs root and mount namespaces'

describe('a full disk', { skip: noNamespaces }, () => {
  test('is 503 and not ready; reads go on, and writes when there is room again', async () => {
    const directory = folder()
    const data = join(directory, 'data')
    mkdirSync(data)
    const main = new URL('../cli/main.ts', import.meta.url).pathname
    // A disk of its own, seen by this process alone.
    const script = `mount -t tmpfs -o size=6m none ${data} && exec "$@"`
    const serve = [process.execPath, main, 'serve', '--listen', '127.0.0.1:0', '--data', data]
    const child = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', ...serve], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    try {
      const url = await new Promise<string>((resolve, reject) => {
        let said = ''
        child.stdout.setEncoding('utf8').on('data', (text) => {
          said += text
          const [, found] = /listening on (\S+)\n/.exec(said) ?? []
          if (found !== undefined) resolve(found)
        })
        child.stderr.resume()
        child.on('exit', (code) => reject(new Error(`ended with ${code}: ${said}`)))
      })
      const headers = { authorization: 'Bearer demo-token', 'content-type': 'application/json' }
      const call = async (method: string, path: string, body?: object) => {
        const answer = await fetch(url + path, {
          ...{ method, headers },
          ...(body && { body: JSON.stringify(body) }),
        })
        return { status: answer.status, text: await answer.text() }
      }
      const { servers } = JSON.parse((await call('GET', '/v1/servers?profile=upcloud')).text)
      const rules = `/1.3/server/${servers[0].id}/firewall_rule`
      const one = { direction: 'in', action: 'drop' }
      const many = {
        firewall_rule: Array.from({ length: 900 }, () => ({ ...one, comment: 'x'.repeat(200) })),
      }
      const write = () => call('PUT', rules, { firewall_rules: many })
      assert.equal((await call('POST', rules, { firewall_rule: one })).status, 201)
      assert.equal((await call('GET', '/readyz')).status, 200)

      const filler = join(`/proc/${child.pid}/root`, data, 'filler')
      for (let size = 6 * 1024 * 1024; size >= 4096; size = Math.floor(size / 2)) {
        try {
          writeFileSync(filler, Buffer.alloc(size), { flag: 'a' })
        } catch {
          // As much as there is room for.
        }
      }
      const refused = await write()
      assert.equal(refused.status, 503, refused.text)
      assert.match(refused.text, /"error_code":"SERVICE_UNAVAILABLE"/)
      assert.equal((await call('GET', '/readyz')).status, 503)
      assert.equal((await call('GET', rules)).status, 200)
      assert.match((await call('GET', rules)).text, /"action":"drop"/)

      rmSync(filler)
      const started = performance.now()
      while ((await call('GET', '/readyz')).status !== 200) {
        assert.ok(performance.now() - started < 10_000, 'not ready for 10 s')
        await delay(50)
      }
      assert.ok((await write()).status < 300)
      assert.equal(JSON.parse((await call('GET', rules)).text).firewall_rules.firewall_rule.length, 900)
    } finally {
      child.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
