import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect as connectPlainly, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { connect } from 'node:tls'
import { certificatesIn, noOpenssl } from '../../test/support/certificates.ts'
import { createTlsListener, type TlsOptions } from './tls.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-listener-'))
after(() => rmSync(folder, { recursive: true, force: true }))

describe('handshakes', { skip: noOpenssl }, () => {
  const { cert, key } = certificatesIn(folder).make('own', { names: 'DNS:localhost' })
  const pair = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }

  async function listening(
    more: Partial<TlsOptions>,
    use: (at: { begin(): Promise<Socket>; ask(): Promise<string>; failures: string[] }) => Promise<void>,
  ): Promise<void> {
    const failures: string[] = []
    const listener = createTlsListener({ pair, failed: (reason) => failures.push(reason), ...more })
    const server = listener.create((_request, response) => response.end('served'), {})
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    try {
      await use({
        failures,
        /** Says nothing. */
        async begin() {
          const socket = connectPlainly(port, '127.0.0.1')
          socket.on('error', () => {}).resume()
          await once(socket, 'connect')
          return socket
        },
        async ask() {
          const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: pair.cert })
          socket.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
          const answer = await socket.setEncoding('utf8').toArray()
          return answer.join('')
        },
      })
    } finally {
      // Or it would wait for those who have not asked anything.
      listener.endHandshakes()
      const closed = once(server, 'close')
      server.close()
      await closed
    }
  }

  test('that take too long are ended, and others answered meanwhile', async () => {
    await listening({ handshakeMs: 300 }, async ({ begin, ask, failures }) => {
      const slow = await begin()
      assert.match(await ask(), /served$/)
      if (!slow.closed) await once(slow, 'close')
      assert.deepEqual(failures, ['ERR_TLS_HANDSHAKE_TIMEOUT'])
    })
  })

  test('beyond so many at once the oldest is ended', async () => {
    await listening({ maxHandshakes: 3 }, async ({ begin, ask }) => {
      const opened: Socket[] = []
      for (let n = 0; n < 5; n++) opened.push(await begin())
      for (const socket of opened.slice(0, 2)) if (!socket.closed) await once(socket, 'close')
      // Who comes last is served, at the cost of the oldest that is left.
      assert.match(await ask(), /served$/)
      const oldest = opened[2]
      assert.ok(oldest)
      if (!oldest.closed) await once(oldest, 'close')
      assert.deepEqual(
        opened.map(({ closed }) => closed),
        [true, true, true, false, false],
      )
    })
  })

  test('that have ended well are not counted, and a pair that is none changes nothing', async () => {
    await listening({ maxHandshakes: 1 }, async ({ ask }) => {
      for (let n = 0; n < 3; n++) assert.match(await ask(), /served$/)
    })
    const listener = createTlsListener({ pair, failed: () => {} })
    listener.create(() => {}, {})
    assert.throws(() => listener.present({ ...pair, key: 'none' }))
  })
})
