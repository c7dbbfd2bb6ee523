/** Streams over real HTTP: they arrive as they are sent, and end with whatever ends them. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import {
  credentials,
  dialects,
  inventory,
  providers,
  startService,
  type TestService,
} from '../../test/support/service.ts'
import type { Dialects, Route } from '../dialects/dialect.ts'
import { loadInventory } from '../service/inventory.ts'
import { maxStreams } from './streams.ts'

const limit = { timeout: 20_000 }

/** What the test gives to those who read, and what became of them. */
let give: ((text: string) => void)[] = []
let ended = 0
let asked = Promise.withResolvers<void>()
let gone = Promise.withResolvers<void>()

async function* source(signal: AbortSignal): AsyncGenerator<string> {
  const pieces: string[] = ['begin\n']
  let more = Promise.withResolvers<void>()
  give.push((text) => {
    pieces.push(text)
    more.resolve()
  })
  signal.addEventListener('abort', () => more.resolve())
  asked.resolve()
  try {
    while (!signal.aborted) {
      const piece = pieces.shift()
      if (piece === 'fail') throw new Error('a bug')
      if (piece === 'end') return
      if (piece !== undefined) yield piece
      else {
        more = Promise.withResolvers()
        await more.promise
      }
    }
  } finally {
    ended++
    gone.resolve()
  }
}

const route: Route = {
  ...{ method: 'GET', path: '/stream', operation: 'stream', scope: 'read', success: [200], summary: '' },
  handler: async () => ({ status: 200, headers: { 'content-type': 'text/plain' }, stream: source }),
}
const served = dialects.map((dialect) =>
  dialect.profile === 'native' ? { ...dialect, routes: [...dialect.routes, route] } : dialect,
) as unknown as Dialects

describe('streams', () => {
  let service: TestService
  beforeEach(async () => {
    give = []
    ended = 0
    asked = Promise.withResolvers()
    gone = Promise.withResolvers()
    service = await startService({ dialects: served })
  })
  afterEach(() => service.close())

  async function open(options: RequestOptions = {}): Promise<IncomingMessage> {
    const asking = request(`${service.url}/v1/stream`, { headers: credentials.right, ...options })
    asking.end()
    const [response] = (await once(asking, 'response')) as [IncomingMessage]
    return response.setEncoding('utf8')
  }

  const next = async (response: IncomingMessage): Promise<string> => {
    const [text] = await once(response, 'data')
    return text as string
  }
  const rest = async (response: IncomingMessage): Promise<string> => (await response.toArray()).join('')

  async function metric(): Promise<string | undefined> {
    const { text } = await service.call('GET', '/metrics')
    return /portcullis_http_streams\{.*\} (\d+)/.exec(text)?.[1]
  }
  const lines = (msg: string) =>
    service.log
      .map((line) => JSON.parse(line))
      .filter((line) => line.operation === 'stream' && line.msg === msg)

  test('pieces arrive as they are sent, and a reader that goes ends the source', limit, async () => {
    const response = await open()
    assert.equal(response.statusCode, 200)
    assert.equal(response.headers['content-type'], 'text/plain')
    assert.match(String(response.headers['x-request-id']), /./)
    assert.equal(await next(response), 'begin\n')
    for (const text of ['one\n', 'two\n']) {
      give[0]?.(text)
      assert.equal(await next(response), text)
    }
    assert.equal(await metric(), '1')
    assert.equal(lines('stream').length, 1)
    assert.equal(lines('stream ended').length, 0)
    response.destroy()
    await gone.promise
    while ((await metric()) !== '0');
    assert.equal(lines('stream ended').length, 1)
    const { text } = await service.call('GET', '/metrics')
    assert.match(text, /duration_seconds_count\{dialect="native",operation="stream",status="200"\} 1\n/)
  })

  test('a stream that ends leaves its connection to the next request', limit, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      const response = await open({ agent })
      assert.equal(await next(response), 'begin\n')
      const { localPort } = response.socket
      give[0]?.('last\n')
      give[0]?.('end')
      assert.equal(await rest(response), 'last\n')
      const again = await open({ agent })
      assert.equal(again.socket.localPort, localPort)
      assert.equal(await next(again), 'begin\n')
      again.destroy()
    } finally {
      agent.destroy()
    }
  })

  test('the service ends at once with streams open, read or not', limit, async () => {
    const response = await open()
    assert.equal(await next(response), 'begin\n')
    const { hostname, port } = new URL(service.url)
    const deaf = connect(Number(port), hostname)
    deaf.pause()
    try {
      const { authorization } = credentials.right
      asked = Promise.withResolvers()
      deaf.write(`GET /v1/stream HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n\r\n`)
      await asked.promise
      // More than the kernel takes for a reader that does not read.
      for (let i = 0; i < 64; i++) give[1]?.('x'.repeat(1024 * 1024))
      const reading = rest(response)
      await service.close()
      assert.equal(await reading, '')
      assert.equal(ended, 2)
    } finally {
      deaf.destroy()
      service = await startService()
    }
  })

  test('a stream ends when its credential is withdrawn, and others do not', limit, async () => {
    const withdrawn = await open({ headers: credentials.readOnly })
    const standing = await open()
    const byPassword = await open({ headers: credentials.password })
    for (const each of [withdrawn, standing, byPassword]) assert.equal(await next(each), 'begin\n')
    const without = inventory.replace('- { token: acme-read, scopes: [read] }\n', '\n')
    assert.notEqual(without, inventory)
    const loaded = await loadInventory(service.storage, without, Date.now(), providers)
    assert.ok(loaded.ok)
    assert.equal(await rest(withdrawn), '')
    give[1]?.('still\n')
    assert.equal(await next(standing), 'still\n')
    give[2]?.('still\n')
    assert.equal(await next(byPassword), 'still\n')
    standing.destroy()
    const changed = without.replace('password: "acme:password"', 'password: "acme:another"')
    assert.notEqual(changed, without)
    assert.ok((await loadInventory(service.storage, changed, Date.now(), providers)).ok)
    assert.equal(await rest(byPassword), '')
  })

  test('an account has so many streams, whatever others have', limit, async () => {
    const streams: IncomingMessage[] = []
    try {
      for (let i = 0; i < maxStreams; i++) streams.push(await open())
      const refused = await service.call('GET', '/v1/stream', undefined, credentials.password)
      assert.equal(refused.status, 429, refused.text)
      assert.equal(refused.headers.get('content-type'), 'application/problem+json')
      assert.equal(refused.headers.get('retry-after'), '10')
      assert.match(refused.body.detail, /^More than 10 streams/)
      const other = await open({ headers: credentials.foreign })
      assert.equal(other.statusCode, 200)
      other.destroy()
      streams.pop()?.destroy()
      await gone.promise
      let status = 429
      while (status === 429) {
        const again = await open()
        streams.push(again)
        status = again.statusCode ?? 0
      }
      assert.equal(status, 200)
    } finally {
      for (const stream of streams) stream.destroy()
    }
  })

  test('a source that fails breaks the answer off: nobody takes it for whole', limit, async () => {
    const response = await open()
    assert.equal(await next(response), 'begin\n')
    give[0]?.('fail')
    await assert.rejects(rest(response), { code: 'ECONNRESET' })
  })

  test(
    'a HEAD request is answered without a stream, HTTP/1.0 with one that ends with the connection',
    limit,
    async () => {
      const head = await open({ method: 'HEAD' })
      assert.equal(head.headers['content-type'], 'text/plain')
      assert.equal(await rest(head), '')
      assert.equal(give.length, 0)
      const { hostname, port } = new URL(service.url)
      const old = connect(Number(port), hostname).setEncoding('utf8')
      old.write(`GET /v1/stream HTTP/1.0\r\nauthorization: ${credentials.right.authorization}\r\n\r\n`)
      await asked.promise
      give[0]?.('end')
      const text = (await old.toArray()).join('')
      assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
      assert.doesNotMatch(text, /transfer-encoding/)
      assert.match(text, /\r\n\r\nbegin\n$/)
    },
  )
})
