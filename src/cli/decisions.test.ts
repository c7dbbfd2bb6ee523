/** The commands that show what packets have met, as processes of their own, and a service that the test speaks for. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { servers, startService } from '../../test/support/service.ts'
import { createToldDecisions } from '../../test/support/traffic.ts'

const program = new URL('./main.ts', import.meta.url).pathname
const limit = { timeout: 60_000 }

const env = (url: string) => ({ PATH: process.env.PATH, PORTCULLIS_URL: url, PORTCULLIS_TOKEN: 'acme-read' })

/** Status and what was said. */
const run = (url: string, args: readonly string[]) =>
  promisify(execFile)(process.execPath, [program, ...args], { env: env(url) }).then(
    ({ stdout }) => `0 ${stdout}`,
    ({ code, stderr }) => `${code} ${stderr}`,
  )

const line =
  /^2026-01-31T12:00:00.000Z web1\/1 ingress denied tcp 203.0.113.9:40000 > 192.0.2.10:23, 60 bytes; decided by web #3 \(rule deny-rest\)$/

test('decisions, the newest last, or as JSON', limit, async () => {
  const decisions = createToldDecisions()
  const service = await startService({ services: { decisions } })
  try {
    await decisions.tell(['1'])
    await decisions.tell(['2'], { observed: true, by: 'default', position: null, serverName: 'a\u001b[2Jb' })
    const [, first = '', second = ''] = /^0 (.*)\n(.*)\n$/.exec(await run(service.url, ['decisions'])) ?? []
    assert.match(first, line)
    assert.match(
      second,
      / a\?\[2Jb\/1 ingress passed, would be denied .*; decided by the default: no rule matches$/,
    )
    const json = await run(service.url, [
      'decisions',
      '--json',
      '--limit',
      '1',
      '--outcome',
      'denied',
      '--server',
      'web',
    ])
    assert.equal(JSON.parse(json.slice(2)).decisions[0].id, '2')
    assert.deepEqual(decisions.asked.at(-1), { server: 'web', outcome: 'denied' })
    assert.match(await run(service.url, ['decisions', '--limit', '0']), /^2 .*whole number from 1 to 1000/)
    assert.match(
      await run(service.url, ['decisions', '--since', 'x']),
      /^2 portcullis: since: expected a moment/,
    )
    assert.match(
      await run(service.url, ['decisions', '--follow', '--token', 'x']),
      /^2 portcullis: A valid cred/,
    )
    assert.match(await run(service.url, ['decisions', '--help']), /Example: portcullis decisions --follow/)
    assert.match(
      await run('http://127.0.0.1:1', ['decisions', '--follow']),
      /^2 portcullis: .* does not answer/,
    )
  } finally {
    await service.close()
  }
})

test(
  'what answers and is not the service is said not to be, and what is said acts upon no terminal',
  limit,
  async () => {
    const answers: Record<string, (response: ServerResponse) => void> = {
      '/page/': (response) => response.end('<html>'),
      '/nothing/': (response) => response.end('null'),
      '/object/': (response) => response.end('{}'),
      '/less/': (response) => {
        response.setHeader('content-length', '100')
        response.write('{"decisions":[', () => response.destroy())
      },
      '/refusal/': (response) => {
        response.statusCode = 404
        response.end(JSON.stringify({ detail: 'no \u001b[2J\u009b31m\u202e' }))
      },
    }
    const stranger = createServer((request, response) => {
      const [, answer] = Object.entries(answers).find(([path]) => request.url?.startsWith(path)) ?? []
      answer?.(response)
    })
    await once(stranger.listen(0, '127.0.0.1'), 'listening')
    const at = `127.0.0.1:${(stranger.address() as AddressInfo).port}`
    try {
      for (const args of [
        ['decisions'],
        ['rules', 'web'],
        ['trace', 'web', 'ingress', 'tcp', '::1', '::2'],
      ]) {
        for (const path of ['/page/', '/nothing/', '/object/', '/less/']) {
          const said = await run(`http://${at}${path}`, args)
          assert.match(
            said,
            /^2 portcullis: http:.* does not answer as the service does\n$/,
            `${path} ${args}`,
          )
        }
      }
      assert.match(await run(`http://${at}/page/`, ['decisions', '--follow']), /^2 .* as the service does\n$/)
      assert.equal(await run(`http://${at}/refusal/`, ['rules', 'web']), '2 portcullis: no ?[2J?31m?\n')
      const secret = await run(`http://user:secret@${at}/page/`, ['decisions'])
      assert.match(secret, /^2 portcullis: .* does not answer/)
      assert.doesNotMatch(secret, /secret/)
    } finally {
      stranger.close()
      stranger.closeAllConnections()
    }
  },
)

test('whoever reads may go before the end', limit, async () => {
  const decisions = createToldDecisions()
  const service = await startService({ services: { decisions } })
  let child: ChildProcess | undefined
  try {
    const many = Array.from({ length: 1000 }, (_, n) => String(n))
    await decisions.tell(many, { serverName: 'a\u009b\u202e' })
    const json = await run(service.url, ['decisions', '--json', '--limit', '1'])
    assert.match(json, /"serverName": "a\\u009b\\u202e"/)
    child = spawn(process.execPath, [program, 'decisions', '--limit', '1000'], {
      env: env(service.url),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout?.once('data', () => child?.stdout?.destroy())
    let said = ''
    child.stderr?.on('data', (piece) => {
      said += piece
    })
    const [status] = await once(child, 'close')
    assert.deepEqual([status, said], [0, ''])
  } finally {
    child?.kill('SIGKILL')
    await service.close()
  }
})

test(
  'following goes on after the service was away, and ends well when it is interrupted',
  limit,
  async () => {
    const decisions = createToldDecisions()
    let service = await startService({ services: { decisions } })
    const { port } = new URL(service.url)
    let child: ChildProcess | undefined
    try {
      child = spawn(process.execPath, [program, 'decisions', '--follow'], {
        env: env(service.url),
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      assert.ok(child.stdout)
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      await decisions.followed(1)
      await decisions.tell(['1'])
      assert.match((await lines.next()).value ?? '', line)
      await service.close()
      await decisions.tell(['2'], { position: 4 })
      service = await startService({ services: { decisions }, port: Number(port) })
      assert.match((await lines.next()).value ?? '', /web #4/)
      assert.equal(decisions.asked.at(-1)?.after, '1')
      child.kill('SIGINT')
      const [status] = await once(child, 'exit')
      assert.equal(status, 0)
      await decisions.followed(0)
    } finally {
      child?.kill('SIGKILL')
      await service.close()
    }
  },
)

test('rules of a server, in their order, and those that nothing hits', limit, async () => {
  const service = await startService()
  try {
    const rule = {
      direction: 'in',
      action: 'accept',
      family: 'IPv4',
      protocol: 'tcp',
      destination_port_start: 22,
      destination_port_end: 22,
    }
    const path = `/1.3/server/${servers.web}/firewall_rule`
    assert.equal((await service.call('POST', path, { firewall_rule: rule })).status, 201)
    const text = await run(service.url, ['rules', 'web', '--interface', '1'])
    assert.match(text, /^2 portcullis: There is no interface 1\.\n$/)
    const all = await run(service.url, ['rules', 'web', '--direction', 'ingress'])
    assert.match(all, /^0 interface 1 \(.*\): nobody counts here\n {2}ingress:\n.*packets.*what\n/)
    assert.match(all, / 0 +0 {2}never +\S+ #1 allow ipv4 tcp to port 22 \(rule \S+\)/)
    const unused = JSON.parse((await run(service.url, ['rules', 'web', '--unused', '30', '--json'])).slice(2))
    assert.deepEqual(unused.interfaces[0].ingress, [])
    assert.match(await run(service.url, ['rules', 'nowhere']), /^2 portcullis: There is no server nowhere/)
    assert.match(await run(service.url, ['rules', 'web', '--unused', 'x']), /^2 /)
  } finally {
    await service.close()
  }
})
