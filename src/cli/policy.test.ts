/** `portcullis policy` and `portcullis rule` against a service: what they do, say, and end with. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { bare } from '../../test/support/environment.ts'
import { startService, type TestService } from '../../test/support/service.ts'

const program = new URL('./main.ts', import.meta.url).pathname
const server = '00d1a100-0005-4000-8000-000000000001'
const inventory = JSON.stringify({
  accounts: [
    {
      ...{ name: 'acme', credentials: [{ token: 'acme-token' }] },
      servers: [{ profile: 'native', id: server, name: 'web1', interfaces: [{ addresses: ['192.0.2.50'] }] }],
    },
  ],
})

test('policies and their rules are made, ordered, attached and taken away', async (t) => {
  const service: TestService = await startService({ inventory })
  t.after(() => service.close())
  const run = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [program, ...args], {
      env: { ...bare, PORTCULLIS_URL: service.url, PORTCULLIS_TOKEN: 'acme-token' },
      timeout: 60_000,
    }).then(
      ({ stdout, stderr }) => ({ status: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({
        status: Number(code),
        stdout: String(stdout),
        stderr: String(stderr),
      }),
    )
  const ok = async (...args: readonly string[]) => {
    const { status, stdout, stderr } = await run(...args)
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const json = async (...args: readonly string[]) => JSON.parse(await ok(...args, '--json'))

  const { id } = await json('policy', 'create', 'web', '--ingress', 'reject')
  const ssh = ['--direction', 'ingress', '--action', 'allow', '--protocol', 'tcp', '--ports', '22,8000-8080']
  const first = await json('rule', 'add', id, ...ssh, '--sources', '198.51.100.0/24,2001:db8::1')
  assert.equal(first.text, 'allow tcp from 198.51.100.0/24,2001:db8::1 to port 22,8000-8080')
  const second = await json(
    'rule',
    'add',
    id,
    '--direction',
    'egress',
    '--action',
    'deny',
    '--before',
    first.id,
  )
  assert.equal(second.position, 1)
  assert.equal((await json('rule', 'move', id, second.id, '--position', '2')).position, 2)
  const set = await json('rule', 'set', id, first.id, '--sources', 'any', '--log', 'info', '--enabled', 'off')
  assert.deepEqual([set.sources, set.log, set.enabled], [null, 'info', false])
  assert.match(
    await ok('rule', 'list', id),
    /^POSITION .*\n1 .*\(off\) allow tcp to port 22,8000-8080\n2 .* deny any\n$/,
  )

  await ok('policy', 'attach', id, 'web1')
  assert.match(await ok('policy', 'list', '--server', 'web1'), new RegExp(`\\n${id}  web .*reject .*2\\n$`))
  const refused = await run('policy', 'delete', id)
  assert.deepEqual([refused.status, refused.stdout], [1, ''])
  assert.match(refused.stderr, /still attached/)
  assert.match(await ok('policy', 'order', 'web1'), /^nothing is attached to web1\n$/)
  assert.match(await ok('policy', 'order', 'web1', id), new RegExp(`\\n${id}  web\\n$`))
  await ok('policy', 'detach', id, 'web1')

  const { revision } = await json('policy', 'update', id, '--egress', 'deny', '--stateful', 'off')
  const stale = await run('policy', 'update', id, '--name', 'x', '--if-revision', String(revision - 1))
  assert.deepEqual([stale.status, stale.stdout], [1, ''])
  await ok('rule', 'delete', id, second.id)
  assert.match(await ok('policy', 'show', id), /no +reject +deny +1 /)
  assert.deepEqual(await json('policy', 'delete', id), { id })
  assert.equal((await run('policy', 'show', id)).status, 1)
  assert.equal((await run('rule', 'add', id, '--action', 'allow')).status, 2)
})
