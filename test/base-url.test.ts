/** Where a dialect is told that its client reaches the service: what links in its answers begin with. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { pino } from 'pino'
import type { Dialect } from '../src/dialects/dialect.ts'
import { manifest } from '../src/dialects/native/manifest.ts'
import { createServer } from '../src/server/server.ts'
import type { Authenticator } from '../src/service/authenticate.ts'
import type { Services } from '../src/service/services.ts'
import { metricsOf } from './support/metrics.ts'

const dialect: Dialect = {
  ...manifest,
  prefixes: ['/x'],
  contentType: 'application/json',
  routes: [
    {
      method: 'GET',
      path: '/base-url',
      operation: 'baseUrl',
      scope: 'none',
      success: [200],
      summary: 'Tells the base URL',
      handler: async ({ baseUrl }) => ({ status: 200, body: { baseUrl } }),
    },
  ],
  error: () => ({ status: 500 }),
}

/** The one route asks for no credential. */
const authenticator: Authenticator = {
  authenticate: async () => ({ ok: false, error: { kind: 'unauthenticated' } }),
  renew: async () => undefined,
  onChange: () => () => {},
  endOf: () => 0,
  async close() {},
}

async function baseUrlAt(host: string, publicUrl?: string): Promise<{ baseUrl: string; url: string }> {
  const server = createServer({
    services: { of: () => ({}) } as unknown as Services,
    authenticator,
    dialects: [dialect],
    metrics: metricsOf(),
    logger: pino({ level: 'silent' }),
    ready: async () => ({ ready: true, reasons: [] }),
    ...(publicUrl !== undefined && { publicUrl }),
  })
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  try {
    const text = await new Promise<string>((resolve, reject) => {
      request(`${url}/x/base-url`, { headers: { host }, agent: false }, (answer) => {
        let came = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk) => {
          came += chunk
        })
        answer.on('end', () => resolve(came))
      })
        .on('error', reject)
        .end()
    })
    return { baseUrl: (JSON.parse(text) as { baseUrl: string }).baseUrl, url }
  } finally {
    await server.close()
  }
}

test('what the client called', async () => {
  for (const host of ['api.example.com', 'api.example.com:8080', '192.0.2.1:80', '[2001:db8::1]:8080']) {
    assert.equal((await baseUrlAt(host)).baseUrl, `http://${host}`)
  }
})

test('the configured public URL wins', async () => {
  const { baseUrl } = await baseUrlAt('inside:8080', 'https://api.example.com')
  assert.equal(baseUrl, 'https://api.example.com')
})

test('nothing that is no host is repeated', async () => {
  for (const host of ['x/../y', 'a b', 'x"y', 'user@host', 'host:port', '<script>', '']) {
    const { baseUrl, url } = await baseUrlAt(host)
    assert.equal(baseUrl, url, host)
  }
})
