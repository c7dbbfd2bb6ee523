/** Rate limits as an operator sets them, on a service in a process of its own, in each dialect's words. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { mustRun, run } from '../src/lab/run.ts'
import { noLab } from './support/lab.ts'
import { ended, launch, listening, main, type Started } from './support/program.ts'

const project = '00000000-0000-4000-8000-000000000001'
const key = '00000000-0000-4000-8000-0000000000aa'

/** A path of each dialect that needs no more than a credential, and what its contract says of 429 beside `Retry-After`. */
const dialects = [
  {
    ...{ name: 'native', path: '/v1/servers', type: 'application/problem+json' },
    shape: { type: 'urn:portcullis:problem:too-many-requests', title: 'Too many requests', status: 429 },
  },
  {
    ...{ name: 'upcloud', path: '/1.3/server', type: 'application/json' },
    shape: { error: { error_code: 'TOO_MANY_REQUESTS' } },
  },
  {
    ...{ name: 'hostup', path: '/api/vm/1/firewall/options', type: 'application/json' },
    shape: { error: 'Too Many Requests', message: 'Rate limit exceeded. Please try again later.' },
  },
  {
    ...{ name: 'hostup2', path: '/api/v2/vps/1/firewall', type: 'application/problem+json' },
    shape: { title: 'Rate limit exceeded', status: 429, code: 'rate_limited' },
  },
  {
    ...{ name: 'ionos', path: '/cloudapi/v6/datacenters', type: 'application/json' },
    shape: { httpStatus: 429, messages: [{ errorCode: '429' }] },
  },
  {
    ...{ name: 'scaleway', path: `/instance/v1/zones/fr-par-1/servers`, type: 'application/json' },
    shape: { type: 'too_many_requests' },
  },
] as const

describe('serve with rate limits', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-rates-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const inventory = join(folder, 'inventory.json')
  const credentials = [
    ...dialects.flatMap(({ name }) => (name === 'scaleway' ? [] : [{ token: `token-${name}` }])),
    ...[{ token: 'another' }, { token: 'slow' }, { accessKey: 'SCW0000000000000000A', secretKey: key }],
  ]
  writeFileSync(
    inventory,
    JSON.stringify({ accounts: [{ name: 'acme', projects: [{ id: project, name: 'p' }], credentials }] }),
  )

  async function serving(
    flags: readonly string[],
    work: (service: Started) => Promise<void>,
    within: readonly string[] = [],
  ): Promise<void> {
    const args = ['serve', '--inventory', inventory, '--data', mkdtempSync(join(folder, 'data-')), ...flags]
    const service = await listening(launch([...within, process.execPath, main, ...args], { cwd: folder }))
    try {
      await work(service)
    } finally {
      service.child.kill('SIGTERM')
      await ended(service)
    }
  }
  const headersOf = (name: string): Record<string, string> =>
    name === 'scaleway' ? { 'x-auth-token': key } : { authorization: `Bearer token-${name}` }
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const waitOf = (answer: Response): number => {
    const text = answer.headers.get('retry-after') ?? ''
    assert.match(text, /^[1-9]\d*$/)
    return Number(text)
  }

  test('--rate-limit: a burst, then 429 as each contract has it; nobody else is slowed down', () =>
    serving(['--rate-limit', '1/m:3'], async ({ url }) => {
      const get = (path: string, headers = {}) => fetch(url + path, { headers })
      for (const { name, path, type, shape } of dialects) {
        for (let n = 0; n < 3; n++) {
          const { status } = await get(path, headersOf(name))
          assert.ok(status === 200 || status === 404, `${name}: ${status}`)
        }
        const refused = await get(path, headersOf(name))
        assert.equal(refused.status, 429, name)
        assert.match(refused.headers.get('content-type') ?? '', new RegExp(`^${type.replace('+', '\\+')}\\b`))
        const wait = waitOf(refused)
        assert.ok(wait <= 60, `${name}: ${wait}`)
        const body = (await refused.json()) as Record<string, unknown>
        assert.partialDeepStrictEqual(body, shape, name)
        if (name === 'hostup') {
          assert.deepEqual(Object.keys(body), ['error', 'message', 'retryAfter', 'requestId'])
          assert.equal(body.retryAfter, String(wait))
        }
      }
      assert.equal((await get('/v1/servers', bearer('another'))).status, 200)
      // Whom nobody knows is counted by where they ask from, which slows nobody down who is known.
      const unknown = []
      for (let n = 0; n < 5; n++) unknown.push((await get('/v1/servers', bearer(`guess-${n}`))).status)
      assert.deepEqual(unknown, [401, 401, 401, 429, 429])
      assert.equal((await get('/v1/servers')).status, 429)
      assert.equal((await get('/v1/servers', bearer('another'))).status, 200)
      for (const path of ['/healthz', '/readyz', '/metrics'])
        for (let n = 0; n < 10; n++) assert.equal((await get(path)).status, 200, path)
      const metrics = await (await get('/metrics')).text()
      const refusals = (by: string) => [
        ...metrics.matchAll(new RegExp(`rate_limited_total\\{[^}]*by="${by}"\\} (\\d+)`, 'g')),
      ]
      assert.equal(
        refusals('source').reduce((sum, [, count]) => sum + Number(count), 0),
        3,
      )
      assert.equal(
        refusals('credential').reduce((sum, [, count]) => sum + Number(count), 0),
        dialects.length,
      )
    }))

  test('who waits as long as it is told is answered', () =>
    serving(['--rate-limit', '1/s:1'], async ({ url }) => {
      const get = () => fetch(`${url}/v1/servers`, { headers: bearer('slow') })
      let refused = await get()
      for (let n = 0; refused.status !== 429; n++) {
        assert.ok(n < 100, 'it is not limited')
        refused = await get()
      }
      await delay(waitOf(refused) * 1000)
      assert.equal((await get()).status, 200)
    }))

  test('--rate-limit-source: by IPv4 address and IPv6 /64, whatever is presented', {
    skip: noLab,
  }, async () => {
    const ns = `pcl-rate-${process.pid}`
    await mustRun('ip', ['netns', 'add', ns])
    try {
      await mustRun('ip', ['-n', ns, 'link', 'set', 'lo', 'up'])
      const [one, near, far] = ['2001:db8:1::1', '2001:db8:1::ffff', '2001:db8:1:1::1']
      for (const address of ['2001:db8:9::1', one, near, far])
        await mustRun('ip', ['-n', ns, 'addr', 'add', `${address}/128`, 'dev', 'lo', 'nodad'])
      const within = ['ip', 'netns', 'exec', ns]
      const flags = ['--listen', '[::]:8080', '--insecure', '--rate-limit-source', '1/m:3']
      await serving(
        flags,
        async () => {
          const ask = async (from: string, to: string, path: string, token = 'another') => {
            const args = ['-s', '-g', '-o', '/dev/null', '-w', '%{http_code}', '--interface', from]
            const auth = token === '' ? [] : ['-H', `authorization: Bearer ${token}`]
            const [program = '', ...rest] = [...within, 'curl', ...args, ...auth, `http://${to}:8080${path}`]
            return (await promisify(execFile)(program, rest)).stdout
          }
          const v6 = '[2001:db8:9::1]'
          const of = async (...asked: (readonly [from: string, to: string, token?: string])[]) => {
            const statuses: string[] = []
            for (const [from, to, token] of asked) statuses.push(await ask(from, to, '/v1/servers', token))
            return statuses
          }
          assert.deepEqual(
            await of([one, v6], [near, v6, 'guess'], [one, v6, ''], [near, v6], [one, v6], [far, v6]),
            ['200', '401', '401', '429', '429', '200'],
          )
          // The same listener; an address of IPv4 is one source, not a part of all of them.
          const [v4, other] = ['127.0.0.1', '127.0.0.2']
          assert.deepEqual(await of([v4, v4], [v4, v4], [v4, v4], [v4, v4], [other, v4]), [
            ...['200', '200', '200', '429', '200'],
          ])
          for (const path of ['/healthz', '/metrics']) assert.equal(await ask(one, v6, path), '200', path)
        },
        within,
      )
    } finally {
      await run('ip', ['netns', 'del', ns])
    }
  })
})
