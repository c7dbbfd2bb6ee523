/** Operators made on the machine: beside a service that has the store open, and without one. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { bare } from '../../../test/support/environment.ts'
import { createAuthenticator } from '../../service/authenticate.ts'
import { openSqlite } from '../../storage/sqlite.ts'
import type { Storage } from '../../storage/storage.ts'
import { makeFirstOperator } from '../serve/first-operator.ts'

const program = new URL('../main.ts', import.meta.url).pathname

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'portcullis-operator-'))
  try {
    await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const run = (directory: string, ...args: string[]) =>
  promisify(execFile)(process.execPath, [program, 'operator', ...args, '--data', directory], {
    env: bare,
    timeout: 60_000,
  }).then(
    ({ stdout, stderr }) => ({ status: 0, stdout: stdout.trim(), stderr }),
    ({ code, stdout, stderr }) => ({ status: Number(code), stdout: String(stdout), stderr: String(stderr) }),
  )

const presented = (token: string) => ({ authorization: `Bearer ${token}` })
const asks = async (storage: Storage, token: string) => {
  const found = await createAuthenticator(storage).authenticate(presented(token), ['bearer'], '192.0.2.1')
  return found.ok ? found.value.credential.holder : found.error.kind
}

test('beside a process that has the store open: made, rotated and revoked, and noticed there', async () => {
  await inDirectory(async (directory) => {
    const storage = await openSqlite({ directory })
    try {
      const authenticator = createAuthenticator(storage)
      const noticed = () => new Promise<void>((resolve) => void authenticator.onChange(resolve))
      const ask = async (token: string) =>
        (await authenticator.authenticate(presented(token), ['bearer'], '192.0.2.1')).ok
      let change = noticed()
      const made = await run(directory, 'create', 'ada', '--expires', '1h')
      assert.equal(made.status, 0, made.stderr)
      assert.match(made.stdout, /^pcl_[\w-]{43}$/)
      assert.match(made.stderr, /never again/)
      await change
      assert.equal(await ask(made.stdout), true)
      const twice = await run(directory, 'create', 'ada')
      assert.deepEqual([twice.status, twice.stdout], [1, ''])
      assert.match(twice.stderr, /there is an operator ada already/)

      change = noticed()
      const rotated = await run(directory, 'rotate', 'ada', '--overlap', '1h', '--json')
      await change
      const { token, previousUntil } = JSON.parse(rotated.stdout)
      assert.ok(Date.parse(previousUntil) > Date.now())
      assert.deepEqual([await ask(made.stdout), await ask(token)], [true, true])

      change = noticed()
      assert.equal((await run(directory, 'revoke', 'ada')).status, 0)
      await change
      // Remembered a moment ago.
      assert.deepEqual([await ask(made.stdout), await ask(token)], [false, false])
      assert.equal((await run(directory, 'revoke', 'ada')).status, 1)
      const { items: audit } = await storage.audit({ account: '', limit: 10, bytes: 100_000 })
      assert.deepEqual(
        audit.map(({ operation }) => operation),
        ['credential.revoke', 'credential.rotate', 'credential.create'],
      )
      assert.equal(JSON.stringify(audit).includes(made.stdout), false)

      // What both write at once is whole.
      const by = { account: '', actor: 'test', dialect: 'system', requestId: '', at: 1 } as const
      const event = { operation: 'x', resource: 'inventory', id: '', before: null, after: null } as const
      const writes = Array.from({ length: 200 }, () => storage.run('recordEvent', { event }, by))
      const [other, ...done] = await Promise.all([run(directory, 'create', 'eve'), ...writes])
      assert.equal(other.status, 0, other.stderr)
      assert.ok(done.every(({ ok }) => ok))
      const { stdout } = await run(directory, 'list', '--json')
      assert.deepEqual(
        JSON.parse(stdout).map(({ name }: { name: string }) => name),
        ['eve'],
      )
    } finally {
      await storage.close()
    }
  })
})

test('without a process it makes the store; what cannot be tried is status 2', async () => {
  await inDirectory(async (directory) => {
    const { stdout, status } = await run(directory, 'create', 'ada')
    assert.equal(status, 0)
    const storage = await openSqlite({ directory })
    try {
      assert.equal(await asks(storage, stdout), 'operator')
    } finally {
      await storage.close()
    }
    assert.equal((await run(directory, 'create', 'bob', '--expires', 'soon')).status, 2)
    assert.equal((await run(directory, 'rotate', 'ada', '--overlap', '31d')).status, 2)
  })
})

test('the first operator: a file that only its owner reads, written once and never overwritten', async () => {
  await inDirectory(async (data) => {
    const file = join(data, 'operator.token')
    const log: string[] = []
    const logger = pino({}, { write: (line: string) => void log.push(line) })
    const storage = await openSqlite({ directory: data })
    const operators = async () =>
      (await storage.credentialPage({ holder: 'operator', now: 0 }, { after: null, limit: 10 })).length
    try {
      await writeFile(file, 'something else\n', { mode: 0o600 })
      await makeFirstOperator({ data }, storage, logger)
      assert.deepEqual([await operators(), await readFile(file, 'utf8')], [0, 'something else\n'])
      assert.match(log.join(''), /there is no operator/)

      await rm(file)
      await makeFirstOperator({ data }, storage, logger)
      const token = (await readFile(file, 'utf8')).trim()
      assert.equal((await stat(file)).mode & 0o777, 0o600)
      assert.equal(await asks(storage, token), 'operator')
      assert.equal(log.join('').includes(token), false)

      await makeFirstOperator({ data, operatorTokenFile: join(data, 'another') }, storage, logger)
      assert.equal(await operators(), 1)
      await assert.rejects(stat(join(data, 'another')))

      // What was revoked does not come back with the next start.
      assert.equal((await run(data, 'revoke', 'first')).status, 0)
      await makeFirstOperator({ data }, storage, logger)
      assert.equal(await asks(storage, token), 'unauthenticated')
      // A second service is refused as before.
      await assert.rejects(openSqlite({ directory: data }), /another process uses/)
    } finally {
      await storage.close()
    }
  })
})
