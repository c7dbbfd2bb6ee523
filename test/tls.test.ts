/** TLS of the service and of our own clients: real processes, real handshakes, certificates made by openssl. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:https'
import { type AddressInfo, connect as connectPlainly, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { connect as connectAgent } from '../src/agent/connect.ts'
import { certificatesIn, noOpenssl, type Pair } from './support/certificates.ts'
import { bare } from './support/environment.ts'
import { ended, launch, listening, main, type Started } from './support/program.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-tls-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const names = 'DNS:localhost,IP:127.0.0.1'
const secretKey = '00e10000-0000-4000-8000-000000000001'
const project = '00f10000-0000-4000-8000-000000000001'

describe('TLS', { skip: noOpenssl }, () => {
  const certificates = certificatesIn(join(folder, 'certificates'))
  const root = certificates.authority('root')
  const stranger = certificates.authority('stranger')
  const between = certificates.authority('between', root)
  const leaf = certificates.make('leaf', { names, by: between })
  const good: Pair = { cert: certificates.joined('chain.pem', leaf.cert, between.cert), key: leaf.key }
  const next = certificates.make('next', { names, by: root })
  const expired = certificates.make('expired', { names, by: root, valid: ['-days', '-1'] })
  const elsewhere = certificates.make('elsewhere', { names: 'DNS:api.example.com', by: root })
  const selfSigned = certificates.make('self-signed', { names })
  const nameless = certificates.make('nameless', { by: root })
  const inventory = certificates.at('inventory.yaml')
  writeFileSync(
    inventory,
    `accounts: [ { name: acme, projects: [ { id: ${project}, name: default } ], credentials: [ { token: acme-token },
      { accessKey: SCWACME0000000000000, secretKey: ${secretKey}, project: ${project} } ] } ]`,
  )

  const serve = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const own = ['--data', mkdtempSync(join(folder, 'data-')), '--inventory', inventory]
    return launch([process.execPath, main, 'serve', ...own, ...args], { cwd: folder, env })
  }
  const tls = ({ cert, key }: Pair) => ['--tls-cert', cert, '--tls-key', key]

  /** Runs with a service that presents the pair; it then ends by itself with status 0. */
  async function presenting(
    pair: Pair,
    use: (service: Started) => Promise<void>,
    more: readonly string[] = [],
  ): Promise<void> {
    const service = await listening(serve([...tls(pair), ...more]))
    try {
      await use(service)
    } finally {
      service.child.kill('SIGTERM')
    }
    const [status, said] = await ended(service)
    assert.equal(status, 0, said)
    assert.doesNotMatch(said, /"level":(50|60).*(Error|TypeError)/)
  }

  const run = (program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    new Promise<{ status: number; stdout: string; stderr: string }>((resolve) => {
      const options = { env: { ...bare, ...env }, cwd: folder, timeout: 60_000 }
      execFile(program, args, options, (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : Number(error.code ?? 99), stdout, stderr }),
      )
    })
  const cli = (url: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    run(process.execPath, [main, 'policy', 'list', '--json', '--url', url, ...args], {
      PORTCULLIS_TOKEN: 'acme-token',
      ...env,
    })

  const portOf = (url: string) => Number(new URL(url).port)

  async function handshake(url: string, more: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connect({
      ...{ port: portOf(url), host: '127.0.0.1', servername: 'localhost' },
      ca: readFileSync(root.cert),
      ...more,
    })
    await once(socket, 'secureConnect')
    return socket
  }

  /** The common name that who connects now is shown. */
  async function presented(url: string): Promise<string> {
    const socket = await handshake(url)
    const { subject } = socket.getPeerCertificate()
    socket.destroy()
    return String(subject.CN)
  }

  /** GET /healthz on a connection that stays. */
  async function health(socket: Socket): Promise<string> {
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const [answer] = await once(socket, 'data')
    return String(answer).split('\r\n', 1)[0] ?? ''
  }

  /** Until it holds; a machine that is loaded takes its time. */
  async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 60_000
    while (!(await holds())) {
      assert.ok(Date.now() < deadline, what)
      await delay(20)
    }
  }

  const get = async (url: string, path: string) =>
    (await run('curl', ['-sS', '--cacert', root.cert, `${url}${path}`])).stdout

  test('clients that know the authority reach it, by a chain', async () => {
    await presenting(good, async ({ url, stderr }) => {
      assert.match(url, /^https:\/\/127\.0\.0\.1:\d+$/)
      assert.equal(await get(url, '/healthz'), '{"status":"ok"}')
      const named = `https://localhost:${portOf(url)}`
      for (const [args, env] of [
        [['--ca', root.cert], {}],
        [[], { PORTCULLIS_CA: root.cert }],
        // The system's own store, as OpenSSL finds it.
        [[], { SSL_CERT_FILE: root.cert }],
        [[], { NODE_EXTRA_CA_CERTS: root.cert }],
      ] as const) {
        const { status, stdout, stderr } = await cli(named, args, env)
        assert.equal(status, 0, stderr)
        assert.ok(Array.isArray(JSON.parse(stdout)), stdout)
      }
      // Links begin with what the client called.
      const depth = ['-sS', '--cacert', root.cert, '-H', 'Authorization: Bearer acme-token']
      const ionos = await run('curl', [...depth, `${named}/cloudapi/v6`])
      assert.equal(JSON.parse(ionos.stdout).href, `${named}/cloudapi/v6`)
      assert.match(stderr(), /"names":"DNS:localhost, IP Address:127\.0\.0\.1"/)
      for (const [name, value] of [
        ['in_force', '1'],
        ['not_after_timestamp_seconds', '\\d{10}'],
      ]) {
        assert.match(
          await get(url, '/metrics'),
          new RegExp(`^portcullis_tls_certificate_${name} ${value}$`, 'm'),
        )
      }
    })
  })

  test('a provider’s SDK reaches it', async () => {
    await presenting(good, async ({ url }) => {
      const script = `
        import { createClient } from '@scaleway/sdk-client'
        import { Instancev1 } from '@scaleway/sdk-instance'
        const client = createClient({ apiURL: ${JSON.stringify(url)}, accessKey: 'SCWACME0000000000000',
          secretKey: '${secretKey}', defaultProjectId: '${project}', defaultZone: 'fr-par-1' })
        const { securityGroups } = await new Instancev1.API(client).listSecurityGroups()
        console.log(securityGroups.length)`
      const program = [new URL('..', import.meta.url).pathname, script]
      const sdk = (env: Readonly<Record<string, string>>) =>
        run('env', ['-C', program[0] ?? '', process.execPath, '--input-type=module', '-e', script], env)
      const { status, stdout, stderr } = await sdk({ NODE_EXTRA_CA_CERTS: root.cert })
      assert.deepEqual([status, stdout], [0, '0\n'], stderr)
      assert.equal((await sdk({})).status, 1)
    })
  })

  test('an agent reaches it, verified, and keeps its connection when the pair is exchanged', async () => {
    const own = { cert: certificates.at('agent-own.pem'), key: certificates.at('agent-own.key') }
    copyFileSync(good.cert, own.cert)
    copyFileSync(good.key, own.key)
    const operatorFile = join(folder, 'operator.token')
    const use = async ({ url }: Started) => {
      const server = new URL(`https://localhost:${portOf(url)}`)
      const operator = readFileSync(operatorFile, 'utf8').trim()
      const credentials = `${url}/v1/hosts/kvm7/credentials`
      const asked = ['-sS', '--cacert', root.cert, '-H', `Authorization: Bearer ${operator}`, '--json', '{}']
      const { token } = JSON.parse((await run('curl', [...asked, credentials])).stdout)
      const open = (ca: Buffer) =>
        connectAgent({ server, host: 'kvm7', tls: { ca } }, token, AbortSignal.timeout(30_000))
      await assert.rejects(open(readFileSync(stranger.cert)), {
        message: 'the server’s certificate is from an authority that is not trusted: name its file with --ca',
      })
      const { stream, closed } = await open(readFileSync(root.cert))
      let over = false
      void closed.then(() => {
        over = true
      })
      stream.on('error', () => {}).resume()
      copyFileSync(next.cert, own.cert)
      copyFileSync(next.key, own.key)
      await until('it presents the next one', async () => (await presented(url)) === 'next')
      assert.equal(over, false)
      stream.destroy()
      await closed
    }
    await presenting(own, use, ['--operator-token-file', operatorFile])
  })

  test('an agent speaks no plain HTTP to another machine', { skip: process.getuid?.() !== 0 }, async () => {
    const options = ['--server', 'http://nowhere.invalid', '--token-file', '/nowhere', '--host', 'kvm7']
    const { status, stderr } = await run(process.execPath, [main, 'agent', ...options])
    assert.match(
      stderr,
      /^portcullis: --server http:\/\/nowhere\.invalid: nowhere\.invalid is another machine, .*\n$/,
    )
    assert.equal(status, 2)
  })

  test('TLS 1.2 and 1.3 are spoken, nothing older, and HTTP/1.1 alone', async () => {
    await presenting(good, async ({ url }) => {
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const socket = await handshake(url, {
          ...{ minVersion: version, maxVersion: version },
          ALPNProtocols: ['h2', 'http/1.1'],
        })
        assert.deepEqual([socket.getProtocol(), socket.alpnProtocol], [version, 'http/1.1'])
        socket.destroy()
      }
      const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
      await assert.rejects(handshake(url, old), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' })
    })
  })

  describe('our clients refuse', () => {
    const cases: Record<string, [Pair, readonly string[], RegExp]> = {
      'an expired certificate': [
        expired,
        ['--ca', root.cert],
        /does not answer: the server’s certificate has expired: it has to be renewed there$/,
      ],
      'an authority that they do not know': [
        good,
        ['--ca', stranger.cert],
        /the server’s certificate is from an authority that is not trusted: name its file with --ca$/,
      ],
      'an authority that the system does not know': [good, [], /from an authority that is not trusted: name/],
      'another name': [
        elsewhere,
        ['--ca', root.cert],
        /the server’s certificate is for another host: it is for DNS:api\.example\.com$/,
      ],
      'no name': [nameless, ['--ca', root.cert], /the server’s certificate is for another host$/],
      'a self-signed one': [
        selfSigned,
        [],
        /certificate is self-signed, and not trusted: name its file with --ca$/,
      ],
    }
    for (const [name, [pair, args, complaint]] of Object.entries(cases)) {
      test(name, async () => {
        const own = { cert: readFileSync(pair.cert), key: readFileSync(pair.key) }
        let asked = 0
        const server = createServer(own, (_request, response) => {
          asked++
          response.end('{}')
        })
        server.listen(0, '127.0.0.1')
        await once(server, 'listening')
        try {
          const { port } = server.address() as AddressInfo
          // Node's own way to verify nothing is none; it warns of it.
          const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_NO_WARNINGS: '1' }
          const { status, stdout, stderr } = await cli(`https://localhost:${port}`, args, env)
          assert.match(stderr.trimEnd(), complaint)
          assert.equal(stderr.split('\n').length, 2, stderr)
          assert.deepEqual([status, stdout, asked], [2, '', 0])
        } finally {
          server.closeAllConnections()
          server.close()
        }
      })
    }

    test('plain HTTP to another machine, unless they are told to', async () => {
      for (const [url, args, env, complaint] of [
        ['http://nowhere.invalid', [], {}, /nowhere\.invalid is another machine, and plain HTTP shows/],
        ['http://[2001:db8::1]:80', [], {}, /\[2001:db8::1\] is another machine/],
        [
          'http://u:hidden@nowhere.invalid',
          [],
          {},
          /--url http:\/\/nowhere\.invalid: nowhere\.invalid is another/,
        ],
        ['http://nowhere.invalid', ['--insecure'], {}, /nowhere\.invalid does not answer: .*nowhere/],
        ['http://nowhere.invalid', [], { PORTCULLIS_INSECURE: '1' }, /does not answer: .*nowhere/],
        [
          'http://nowhere.invalid',
          [],
          { PORTCULLIS_INSECURE: 'yes' },
          /PORTCULLIS_INSECURE: expected 1 or 0/,
        ],
        ['https://nowhere.invalid', ['--ca', '/nowhere'], {}, /--ca \/nowhere: there is no such file$/],
        [
          'https://nowhere.invalid',
          ['--ca', leaf.key],
          {},
          /there is no certificate in it: PEM is expected$/,
        ],
        ['ftp://127.0.0.1', [], {}, /expected a URL that begins with https:\/\/ or http:\/\/$/],
        ['127.0.0.1:8080', [], {}, /--url 127\.0\.0\.1:8080: expected a URL/],
      ] as const) {
        const { status, stderr } = await cli(url, args, env)
        assert.match(stderr.trimEnd(), complaint)
        assert.equal(stderr.split('\n').length, 2, stderr)
        assert.equal(status, 2)
      }
    })

    test('the wrong scheme, and say which is right', async () => {
      await presenting(good, async ({ url }) => {
        const plainly = await cli(url.replace('https:', 'http:'), [])
        assert.match(plainly.stderr, /does not answer: .*; if it speaks TLS, call https:\/\/\n$/)
      })
      const plain = await listening(serve([]))
      const { stderr } = await cli(plain.url.replace('http:', 'https:'), ['--ca', root.cert])
      assert.match(stderr, /does not answer: what listens there does not speak TLS\n$/)
      plain.child.kill('SIGTERM')
      assert.equal((await ended(plain))[0], 0)
    })
  })

  describe('a pair is exchanged', () => {
    /** Files of its own, that begin as the good pair. */
    const files = (name: string): Pair => {
      const own = { cert: certificates.at(`${name}-own.pem`), key: certificates.at(`${name}-own.key`) }
      put(own, good)
      return own
    }
    const put = (own: Pair, { cert, key }: Pair) => {
      copyFileSync(cert, own.cert)
      copyFileSync(key, own.key)
    }

    test('when its files change, and connections that stand stay', async () => {
      const own = files('changed')
      await presenting(own, async ({ url }) => {
        const standing = await handshake(url)
        assert.match(await health(standing), / 200 OK$/)
        put(own, next)
        await until('it presents the next one', async () => (await presented(url)) === 'next')
        // Renamed over, as certbot and cert-manager do.
        for (const each of ['cert', 'key'] as const) {
          copyFileSync(good[each], `${own[each]}.new`)
          renameSync(`${own[each]}.new`, own[each])
        }
        await until('it presents the first one', async () => (await presented(url)) === 'leaf')
        assert.match(await health(standing), / 200 OK$/)
        standing.destroy()
      })
    })

    test('a session from before does not keep the certificate from before', async () => {
      const own = files('session')
      await presenting(own, async ({ url }) => {
        const first = await handshake(url, { maxVersion: 'TLSv1.2' })
        const session = first.getSession()
        first.destroy()
        assert.ok(session)
        const resumed = await handshake(url, { maxVersion: 'TLSv1.2', session })
        assert.equal(resumed.isSessionReused(), true)
        resumed.destroy()
        put(own, next)
        await until('it presents the next one', async () => (await presented(url)) === 'next')
        const again = await handshake(url, { maxVersion: 'TLSv1.2', session })
        assert.equal(again.isSessionReused(), false)
        again.destroy()
      })
    })

    test('not while it is wrong, which log, metric and readiness say; SIGHUP has it read again', async () => {
      const own = files('broken')
      await presenting(own, async ({ url, child, stderr }) => {
        const errors = () => stderr().match(/"level":50.*presented until the files are right/g) ?? []
        assert.equal(await get(url, '/readyz'), '{"status":"ready","reasons":[]}')
        for (const [wrong, complaint] of [
          [{ cert: next.cert, key: leaf.key }, /it is the key of another certificate/],
          [{ cert: leaf.key, key: leaf.key }, /there is no certificate in it/],
          [expired, /it has expired/],
        ] as const) {
          const before = errors().length
          put(own, wrong)
          await until('it is told', () =>
            errors()
              .slice(before)
              .some((line) => complaint.test(line)),
          )
          assert.equal(await presented(url), 'leaf')
        }
        const reason = 'the files of the TLS certificate are wrong, and the one from before is presented'
        assert.equal(await get(url, '/readyz'), JSON.stringify({ status: 'degraded', reasons: [reason] }))
        assert.match(await get(url, '/metrics'), /^portcullis_tls_certificate_in_force 0$/m)
        // Whoever asks is answered; a look that finds what it found before says nothing.
        const before = errors().length
        child.kill('SIGHUP')
        await until('it is told again', () => errors().length > before)
        assert.match(stderr(), /"signal":"SIGHUP","msg":"reading the inventory and the certificate again"/)
        put(own, next)
        await until('it presents the next one', async () => (await presented(url)) === 'next')
        assert.equal(await get(url, '/readyz'), '{"status":"ready","reasons":[]}')
        assert.match(await get(url, '/metrics'), /^portcullis_tls_certificate_in_force 1$/m)
      })
    })

    test('by SIGHUP, where nothing tells that it has changed', async () => {
      const far = mkdtempSync(join(folder, 'far-'))
      put({ cert: join(far, 'cert'), key: join(far, 'key') }, good)
      const own = { cert: certificates.at('linked.pem'), key: certificates.at('linked.key') }
      symlinkSync(join(far, 'cert'), own.cert)
      symlinkSync(join(far, 'key'), own.key)
      await presenting(own, async ({ url, child }) => {
        put({ cert: join(far, 'cert'), key: join(far, 'key') }, next)
        child.kill('SIGHUP')
        await until('it presents the next one', async () => (await presented(url)) === 'next')
      })
    })
  })

  describe('serve is refused', () => {
    const cases: Record<string, [readonly string[], RegExp]> = {
      'a certificate without its key': [
        ['--tls-cert', good.cert],
        /^portcullis: --tls-cert and --tls-key go together$/,
      ],
      'the key of another certificate': [
        tls({ ...good, key: next.key }),
        /^portcullis: --tls-key .*next\.key: it is the key of another certificate than the first one of .*chain\.pem$/,
      ],
      'plain HTTP for everybody': [
        ['--listen', '[::]:0'],
        /^portcullis: --listen \[::\]:0 is not loopback, and plain HTTP shows .* add --tls-cert and --tls-key, or --insecure/,
      ],
      'plain HTTP at a name that nobody knows': [
        ['--listen', 'nowhere.invalid:0'],
        /nowhere\.invalid:0 is not loopback/,
      ],
    }
    for (const [name, [args, complaint]] of Object.entries(cases)) {
      test(name, async () => {
        const [status, said] = await ended(serve(args))
        const lines = said.split('\n').filter((line) => line.startsWith('portcullis: '))
        assert.equal(lines.length, 1, said)
        assert.match(lines[0] ?? '', complaint)
        assert.equal(status, 2)
      })
    }
  })

  test('everybody may be served by TLS, and in plain HTTP where that is said', async () => {
    await presenting(good, async ({ url }) => assert.match(url, /^https:/), ['--listen', '0.0.0.0:0'])
    const plain = await listening(serve(['--listen', '0.0.0.0:0'], { PORTCULLIS_INSECURE: '1' }))
    assert.match(plain.url, /^http:/)
    plain.child.kill('SIGTERM')
    assert.equal((await ended(plain))[0], 0)
  })

  test('one that has expired is served, with a warning', async () => {
    await presenting(expired, async ({ url, stderr }) => {
      assert.match(stderr(), /"level":40.*expired\.pem: it has expired .*, and clients refuse it/)
      const { stdout } = await run('curl', ['-sSk', `${url}/readyz`])
      assert.equal(stdout, '{"status":"degraded","reasons":["the TLS certificate has expired"]}')
    })
  })

  test('what is no handshake is ended, and keeps nobody from being served', async () => {
    await presenting(
      good,
      async ({ url, stderr }) => {
        const opened: Socket[] = []
        const open = async (bytes: string | Buffer) => {
          const socket = connectPlainly(portOf(url), '127.0.0.1')
          socket.on('error', () => {})
          opened.push(socket)
          await once(socket, 'connect')
          socket.write(bytes)
          return socket
        }
        for (const bytes of [
          'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
          'SSH-2.0-x\r\n',
          Buffer.alloc(4096, 0xff),
        ]) {
          const socket = await open(bytes)
          socket.resume()
          await once(socket, 'close')
        }
        await until('the log says why', () =>
          /"reason":"ERR_SSL_HTTP_REQUEST".*"msg":"no request"/.test(stderr()),
        )
        // The beginning of a record that never ends; it stays open beyond the end of the service.
        for (let n = 0; n < 300; n++) await open(Buffer.from([0x16, 3, 1, 2, 0, 1]))
        assert.equal(await get(url, '/healthz'), '{"status":"ok"}')
        assert.equal(opened.filter((socket) => !socket.closed).length, 300)
      },
      ['--log-level', 'debug'],
    )
  })
})
