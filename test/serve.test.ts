/** The program as an operator meets it: what it prints, what it refuses, and how it ends. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { ended, launch, listening, main } from './support/program.ts'
import { engines } from './support/stores.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-serve-'))
const run = (args: readonly string[]) => launch([process.execPath, main, 'serve', ...args], { cwd: folder })
const start = (args: readonly string[]) => listening(run(args))

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  child.kill(signal)
  await once(child, 'close')
  return child.exitCode
}

describe('portcullis serve', () => {
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('starts on nothing with a demonstration, says how to call it, and ends when asked', async () => {
    const { child, url, stdout } = await start([])
    assert.match(stdout(), /^listening on /)
    const call = /curl -u (\S+) -H '([^']+)' (\S+) -d '([^']+)'/.exec(stdout())
    assert.ok(call, stdout())
    const [, user = '', header = '', address = '', body = ''] = call
    const [name = '', value = ''] = header.split(': ')
    const answer = await fetch(address, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(user)}`, [name]: value },
      body,
    })
    assert.equal(answer.status, 201, await answer.text())
    for (const path of ['/healthz', '/readyz']) assert.equal((await fetch(url + path)).status, 200)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    assert.match(
      metrics,
      /portcullis_http_request_duration_seconds_count\{dialect="upcloud",operation="createRule",status="201"\} 1/,
    )
    const [code, complaint] = await ended(run([]))
    assert.equal(code, 1)
    assert.match(complaint, /another process uses/)
    assert.equal(await stop(child), 0)
    const again = await start([])
    const listed = await fetch(address.replace(url, again.url), {
      headers: { authorization: `Basic ${btoa(user)}` },
    })
    const { firewall_rules } = (await listed.json()) as { firewall_rules: { firewall_rule: unknown[] } }
    assert.equal(firewall_rules.firewall_rule.length, 1, 'what was answered is there after a restart')
    assert.equal(await stop(again.child, 'SIGINT'), 0)
  })

  test('a request under way is answered before it ends', async () => {
    const { child, url } = await start(['--data', join(folder, 'graceful')])
    const body = JSON.stringify({ firewall_rule: { direction: 'in', action: 'drop' } })
    const sending = request(`${url}/1.3/server/00798b85-efdc-41ca-8021-f6ef457b8531/firewall_rule`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${btoa('demo:demo-password')}`,
        'content-type': 'application/json',
        'content-length': body.length,
      },
    })
    sending.write(body.slice(0, 10))
    // The first half has arrived when a later request on another connection is answered.
    await fetch(`${url}/healthz`)
    const stopped = stop(child)
    await once(child.stderr as NonNullable<typeof child.stderr>, 'data')
    sending.end(body.slice(10))
    const [answer] = (await once(sending, 'response')) as [{ statusCode: number; resume(): void }]
    answer.resume()
    assert.deepEqual([answer.statusCode, await stopped], [201, 0])
  })

  test('a file that is wrong changes nothing: it starts with what the store holds, and says that it is degraded', async () => {
    const data = join(folder, 'kept')
    const file = join(folder, 'kept.yaml')
    const server = (device: string) =>
      `{ profile: upcloud, id: ${'00798b85-efdc-41ca-8021-f6ef457b8531'}, name: web1, interfaces: [ { host: kvm7, device: ${device} } ] }`
    const inventory = (device: string) =>
      `accounts: [ { name: a, credentials: [ { token: secret } ], servers: [ ${server(device)} ] } ]`
    const flags = ['--data', data, '--inventory', file]
    writeFileSync(file, inventory('tap0'))
    const first = await start(flags)
    assert.deepEqual(await (await fetch(`${first.url}/readyz`)).json(), { status: 'ready', reasons: [] })
    await stop(first.child)
    for (const wrong of [inventory('"tap 0"'), 'accounts: [ { nam: x } ]', undefined]) {
      if (wrong === undefined) rmSync(file)
      else writeFileSync(file, wrong)
      const { child, url, stderr } = await start(flags)
      const ready = await fetch(`${url}/readyz`)
      assert.deepEqual(
        [ready.status, await ready.json()],
        [
          200,
          {
            status: 'degraded',
            reasons: ['the inventory file is wrong, and what the store holds is in force'],
          },
        ],
      )
      const operator = readFileSync(join(data, 'operator.token'), 'utf8').trim()
      const listed = await fetch(`${url}/v1/servers`, { headers: { authorization: `Bearer ${operator}` } })
      assert.match(await listed.text(), /"device":"tap0"/)
      assert.match(stderr(), /kept\.yaml: .*starts with what the store holds/)
      assert.match(stderr(), /--enforce none: 1 interfaces of the inventory have a device/)
      await stop(child)
    }
    writeFileSync(file, inventory('tap1'))
    const right = await start(flags)
    assert.deepEqual(await (await fetch(`${right.url}/readyz`)).json(), { status: 'ready', reasons: [] })
    await stop(right.child)
  })

  test('on PostgreSQL', { skip: engines.postgresql.skip }, async () => {
    const store = await engines.postgresql.create()
    const [one, two] = await Promise.all([start(store.flags), start(store.flags)])
    const headers = {
      authorization: `Basic ${btoa('demo:demo-password')}`,
      'content-type': 'application/json',
    }
    const chain = '/1.3/server/00798b85-efdc-41ca-8021-f6ef457b8531/firewall_rule'
    const body = JSON.stringify({ firewall_rule: { direction: 'in', action: 'drop' } })
    const made = await fetch(one.url + chain, { method: 'POST', headers, body })
    assert.equal(made.status, 201)
    const seen = await (await fetch(two.url + chain, { headers })).text()
    assert.match(seen, /"position":"1"/)
    assert.deepEqual([await stop(one.child), await stop(two.child)], [0, 0])
    await store.remove()
  })
})
