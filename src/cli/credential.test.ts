/** Credentials from the command line, from making one to what it may no longer do. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { bare } from '../../test/support/environment.ts'
import { makeOperator, operator } from '../../test/support/operator.ts'
import { startService } from '../../test/support/service.ts'

const program = new URL('./main.ts', import.meta.url).pathname

test('made, listed, changed, rotated and revoked, by an operator in an account and by the account', async () => {
  const service = await startService()
  try {
    await makeOperator(service.storage)
    const run = (token: string, ...args: string[]) =>
      promisify(execFile)(process.execPath, [program, ...args, '--url', service.url], {
        env: { ...bare, PORTCULLIS_TOKEN: token },
        timeout: 60_000,
      }).then(
        ({ stdout, stderr }) => ({ status: 0, stdout: stdout.trim(), stderr }),
        ({ code, stdout, stderr }) => ({
          status: Number(code),
          stdout: String(stdout),
          stderr: String(stderr),
        }),
      )
    const status = async (token: string, path = '/v1/servers') =>
      (await service.call('GET', path, undefined, { authorization: `Bearer ${token}` })).status
    const own = operator.authorization.slice('Bearer '.length)

    const made = await run(
      own,
      'credential',
      'create',
      '--on-behalf-of',
      'acme',
      '--scopes',
      'read,write',
      '--json',
    )
    assert.equal(made.status, 0, made.stderr)
    assert.match(made.stderr, /never again/)
    const { id, token, revision } = JSON.parse(made.stdout)
    assert.equal(await status(token), 200)

    const listed = await run(token, 'credential', 'list', '--kind', 'token')
    assert.match(listed.stdout, new RegExp(id))
    assert.equal(listed.stdout.includes(token), false)
    const changed = await run(
      token,
      'credential',
      'update',
      id,
      '--label',
      'ci',
      '--if-revision',
      String(revision),
    )
    assert.equal(changed.status, 0, changed.stderr)
    const stale = await run(
      token,
      'credential',
      'update',
      id,
      '--label',
      'x',
      '--if-revision',
      String(revision),
    )
    assert.equal(stale.status, 1)
    assert.match((await run(token, 'credential', 'show', id)).stdout, /^label +ci$/m)

    const rotated = await run(token, 'credential', 'rotate', id, '--overlap', '0s')
    assert.deepEqual([await status(token), await status(rotated.stdout)], [401, 200])
    const password = await run(
      own,
      'credential',
      'create',
      '--on-behalf-of',
      'acme',
      '--kind',
      'password',
      '--user',
      'jo',
    )
    assert.match(password.stdout, /^jo [\w-]{43}$/)

    const host = await run(own, 'host-credential', 'create', 'kvm7')
    assert.deepEqual([await status(host.stdout), await status(host.stdout, '/v1/whoami')], [403, 200])
    assert.equal((await run(rotated.stdout, 'host-credential', 'create', 'kvm7')).status, 1)
    assert.match((await run(own, 'host-credential', 'list', 'kvm7')).stdout, / kvm7 /)
    const adopting = async (...flags: string[]) => {
      const done = await run(own, 'host-credential', 'create', 'kvm7', '--json', ...flags)
      return done.status === 0 ? JSON.parse(done.stdout).adopts : done.status
    }
    const { body: account } = await service.call('GET', '/v1/account')
    assert.deepEqual(await adopting('--adopts', account.account), [account.account])
    assert.deepEqual(await adopting('--adopts', 'nobody'), 1)
    assert.deepEqual(await adopting('--adopts', 'x', '--adopts-any'), 2)
    assert.equal(await adopting('--adopts-any'), null)
    assert.match((await run(own, 'host-credential', 'list', 'kvm7')).stdout, / any +never/)

    assert.equal((await run(own, 'credential', 'revoke', id)).status, 0)
    assert.equal(await status(rotated.stdout), 401)
    assert.equal((await run(own, 'credential', 'revoke', id)).status, 1)
    assert.equal((await run(own, 'credential', 'create', '--expires', 'soon')).status, 2)
  } finally {
    await service.close()
  }
})
