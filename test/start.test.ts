/** How `portcullis serve` refuses to start, in one plain line each, and how it ends, whatever it was started by. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { noTls, startTlsServer, type TlsServer } from './support/postgresql-tls.ts'
import { ended, launch, listening, main } from './support/program.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-start-'))
const at = (name: string) => join(folder, name)
const serve = (args: readonly string[], env: Record<string, string> = {}) =>
  launch([process.execPath, main, 'serve', ...args], { cwd: folder, env })
const inventory = 'accounts: [ { name: a, credentials: [ { token: a-token } ] } ]'

after(() => rmSync(folder, { recursive: true, force: true }))

/** What of standard error is not the log. */
const complaints = (stderr: string) =>
  stderr
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('{'))

async function refused(
  args: readonly string[],
  env: Record<string, string>,
  [status, complaint]: readonly [number, RegExp],
): Promise<void> {
  const [code, stderr] = await ended(serve(args, env))
  const lines = complaints(stderr)
  assert.equal(lines.length, 1, stderr)
  assert.match(lines[0] ?? '', complaint)
  // Neither codes of the system's nor a stack, and no secret.
  assert.doesNotMatch(stderr, /\bE[A-Z]{4,}\b|\bat .*:\d+:\d+|tell-nobody/)
  assert.equal(code, status, stderr)
}

describe('a start that cannot work is refused in one line', () => {
  let taken: Server
  before(async () => {
    taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    writeFileSync(at('good.yaml'), inventory)
    writeFileSync(at('broken.yaml'), 'accounts: [ { nam: x } ]')
    writeFileSync(at('latin1.yaml'), Buffer.from([0x61, 0xe9]))
    mkdirSync(at('folder'))
    symlinkSync('loop', at('loop'))
    writeFileSync(at('empty'), '')
  })
  after(() => taken.close())

  const cases: Record<
    string,
    readonly [args: readonly string[], status: number, complaint: RegExp, env?: Record<string, string>]
  > = {
    'a port that is taken': [
      ['--listen', 'TAKEN'],
      1,
      /^portcullis: --listen 127\.0\.0\.1:\d+: another program listens there$/,
    ],
    'an address of another machine': [
      ['--listen', '203.0.113.1:0', '--insecure', '--inventory', at('good.yaml')],
      1,
      /^portcullis: --listen 203\.0\.113\.1:0: this machine has no such address$/,
    ],
    'a name that nobody has': [
      ['--listen', 'nowhere.invalid:0', '--insecure', '--inventory', at('good.yaml')],
      1,
      /^portcullis: --listen nowhere\.invalid:0: (no such host is known|the host’s name cannot be looked up now)$/,
    ],
    'no port': [['--listen', 'nowhere'], 2, /Expected an address and a port/],
    'the demonstration for everybody': [
      ['--listen', '0.0.0.0:0'],
      2,
      /^portcullis: without --inventory .* 0\.0\.0\.0 is not loopback/,
    ],
    'the demonstration for everybody, IPv6': [['--listen', '[::]:0'], 2, /:: is not loopback/],
    'no such inventory': [
      ['--inventory', '/nowhere.yaml'],
      1,
      /^portcullis: --inventory \/nowhere\.yaml: there is no such file$/,
    ],
    'an inventory that is a directory': [
      ['--inventory', at('folder')],
      1,
      /it is a directory, and a file is expected$/,
    ],
    'an inventory below a file': [
      ['--inventory', at('good.yaml/x')],
      1,
      /a part of the path is not a directory$/,
    ],
    'an inventory that is a loop': [['--inventory', at('loop')], 1, /a link that leads nowhere$/],
    'an inventory that is not text': [['--inventory', at('latin1.yaml')], 1, /it is not UTF-8 text$/],
    'an inventory that is wrong': [
      ['--inventory', at('broken.yaml')],
      1,
      /^portcullis: .*broken\.yaml: accounts\[0\]: nam is not known here/,
    ],
    'an empty inventory': [
      ['--inventory', at('empty')],
      1,
      /the file: expected keys and values, and it is empty$/,
    ],
    'no such catalogue': [
      ['--catalogue', '/nowhere.yaml'],
      2,
      /^portcullis: --catalogue \/nowhere\.yaml: there is no such file$/,
    ],
    'a catalogue that is wrong': [
      ['--catalogue', at('good.yaml')],
      2,
      /good\.yaml: the file: accounts is not known here; known are upcloud, ionos, scaleway$/,
    ],
    'a data directory that is a file': [
      ['--data', at('good.yaml')],
      1,
      /^portcullis: the store in .* cannot be opened: it is a file, and a directory is expected$/,
    ],
    'a data directory below a file': [
      ['--data', at('good.yaml/x')],
      1,
      /a part of the path is not a directory$/,
    ],
    'a data directory that cannot be': [
      ['--data', '/proc/portcullis'],
      1,
      /the store in \/proc\/portcullis cannot be opened: there is no such file$/,
    ],
    'no such target': [['--enforce', 'magic'], 2, /Allowed choices/],
    'judging without enforcing': [['--observe'], 2, /--observe says how packets are judged/],
    'judging without enforcing, by environment': [[], 2, /--observe says how/, { PORTCULLIS_OBSERVE: '1' }],
    'a switch that is none': [
      [],
      2,
      /PORTCULLIS_OBSERVE: expected 1 or 0/,
      { PORTCULLIS_OBSERVE: 'perhaps' },
    ],
    'a target that is to come': [['--enforce', 'ovn'], 2, /not available yet/],
    'another database': [['--database', 'mysql://u:tell-nobody@x'], 2, /--database: expected postgres:/],
    'another database, by environment': [
      [],
      2,
      /--database: expected postgres:/,
      { PORTCULLIS_DATABASE: 'mysql://u:tell-nobody@x' },
    ],
    'no data directory': [['--data', ''], 2, /--data: expected a directory$/],
    'no database there': [
      ['--database', 'postgres://127.0.0.1:1/x'],
      1,
      /^portcullis: the database cannot be opened: nothing listens there$/,
    ],
    'no socket there': [
      ['--database', `postgres:///x?host=${folder}`],
      1,
      /^portcullis: the database cannot be opened: nothing listens there$/,
    ],
    'no such password file': [
      ['--database', 'postgres://127.0.0.1:1/x', '--database-password-file', '/nowhere'],
      1,
      /^portcullis: --database-password-file \/nowhere: there is no such file$/,
    ],
    'an empty password file': [
      ['--database', 'postgres://127.0.0.1:1/x', '--database-password-file', at('empty')],
      1,
      /its first line is empty$/,
    ],
    'two passwords': [
      ['--database', 'postgres://u:tell-nobody@127.0.0.1:1/x'],
      1,
      /^portcullis: the database’s password is given twice: in its URL and beside it$/,
      { PORTCULLIS_DATABASE_PASSWORD: 'p' },
    ],
    'a URL with a path': [
      ['--public-url', 'https://api.example.com/cloud'],
      2,
      /Expected a URL without a path/,
    ],
    'a time that is none': [[], 2, /whole number of milliseconds/, { PORTCULLIS_TRANSITION_MS: 'soon' }],
  }
  for (const [name, [args, status, complaint, env = {}]] of Object.entries(cases)) {
    test(name, async () => {
      const { port } = taken.address() as { port: number }
      const given = args.map((arg) => (arg === 'TAKEN' ? `127.0.0.1:${port}` : arg))
      // A store of its own: one that holds something starts in spite of a wrong file.
      const data = args.includes('--data') ? [] : ['--data', mkdtempSync(at('refused-'))]
      await refused([...given, ...data], env, [status, complaint])
    })
  }

  test('a store that another inventory filled is not ended by the demonstration, nor by none', async () => {
    const first = await listening(serve(['--data', at('kept'), '--inventory', at('good.yaml')]))
    first.child.kill('SIGTERM')
    assert.equal((await ended(first))[0], 0)
    await refused(['--data', at('kept')], {}, [
      1,
      /^portcullis: the store is in use, .* --inventory none where the API alone manages it$/,
    ])
    const alone = await listening(serve(['--data', at('kept'), '--inventory', 'none']))
    const kept = await fetch(`${alone.url}/v1/servers`, { headers: { authorization: 'Bearer a-token' } })
    assert.equal(kept.status, 200)
    alone.child.kill('SIGTERM')
    assert.equal((await ended(alone))[0], 0)
    const again = await listening(serve(['--data', at('kept'), '--inventory', at('good.yaml')]))
    const answer = await fetch(`${again.url}/v1/servers`, { headers: { authorization: 'Bearer a-token' } })
    assert.equal(answer.status, 200)
    again.child.kill('SIGTERM')
    assert.equal((await ended(again))[0], 0)
  })

  test('a token that is no longer in the file is refused, its account too', async () => {
    const file = at('leaving.yaml')
    const token = async (name: string, url: string) =>
      (await fetch(`${url}/v1/servers`, { headers: { authorization: `Bearer ${name}` } })).status
    const answers: number[][] = []
    for (const accounts of [
      '[ { name: a, credentials: [ { token: t1 }, { token: t2 } ] }, { name: b, credentials: [ { token: t3 } ] } ]',
      '[ { name: a, credentials: [ { token: t1 } ] } ]',
    ]) {
      writeFileSync(file, `accounts: ${accounts}`)
      const running = await listening(serve(['--data', at('leaving'), '--inventory', file]))
      answers.push(await Promise.all(['t1', 't2', 't3'].map((each) => token(each, running.url))))
      running.child.kill('SIGTERM')
      await ended(running)
    }
    assert.deepEqual(answers, [
      [200, 200, 200],
      [200, 401, 401],
    ])
  })
})

describe('PostgreSQL over TLS, with its password from elsewhere', { skip: noTls }, () => {
  let server: TlsServer
  before(async () => {
    server = await startTlsServer()
    writeFileSync(at('password'), `${server.password}\nnothing else counts\n`)
    chmodSync(at('password'), 0o600)
  })
  after(() => server.remove())

  const url = (host: string, more: string) => [
    '--database',
    `postgres://portcullis@${host}:${server.port}/postgres?${more}`,
  ]
  const verified = (host = 'localhost', ca = server.ca) => url(host, `sslmode=verify-full&sslrootcert=${ca}`)

  for (const [name, args, env] of [
    ['a file', () => ['--database-password-file', at('password')], () => ({})],
    ['the environment', () => [], () => ({ PORTCULLIS_DATABASE_PASSWORD: server.password })],
    ['PostgreSQL’s own variable', () => [], () => ({ PGPASSWORD: server.password })],
  ] as const) {
    test(`the password comes from ${name}`, async () => {
      const running = await listening(serve([...verified(), ...args()], env()))
      assert.equal((await fetch(`${running.url}/readyz`)).status, 200)
      running.child.kill('SIGTERM')
      const [status, stderr] = await ended(running)
      assert.equal(status, 0, stderr)
      assert.equal(stderr.includes(server.password), false)
      assert.deepEqual(complaints(stderr), [])
    })
  }

  test('what does not fit is refused in one line, without the password', async () => {
    for (const [args, password, complaint] of [
      [
        verified(),
        'wrong-word',
        /^portcullis: the database cannot be opened: the database refused the password or the user$/,
      ],
      [verified(), '', /^portcullis: the database cannot be opened: the database asks for a password/],
      [verified('127.0.0.1'), server.password, /the server’s certificate is for another host$/],
      [
        verified('localhost', server.otherCa),
        server.password,
        /the server’s certificate is from a CA that is not trusted/,
      ],
      [verified('localhost', at('nowhere.pem')), server.password, /nowhere\.pem: there is no such file$/],
      [
        url('localhost', 'sslmode=disable'),
        server.password,
        /the database does not let this user in from here$/,
      ],
    ] as const) {
      const env = password === '' ? {} : { PORTCULLIS_DATABASE_PASSWORD: password }
      await refused(args, { PGPASSFILE: '/nowhere', ...env }, [1, complaint])
    }
  })
})

describe('the service ends with status 0 and leaves nothing behind', () => {
  const wrapper = new URL('../bin/portcullis.js', import.meta.url).pathname
  const root = new URL('..', import.meta.url).pathname
  // What the wrapper sees on a Node that is too old, with and without a way to become another program.
  const preload = (name: string, more: string) => {
    const path = at(`${name}.mjs`)
    writeFileSync(
      path,
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.11.0' } });${more}`,
    )
    return path
  }
  const old = (name: string, more: string) => [
    process.execPath,
    '--import',
    preload(name, more),
    wrapper,
    'serve',
  ]
  const ways: Record<string, { command: readonly string[]; cwd: string }> = {
    'by itself': { command: [process.execPath, main, 'serve'], cwd: folder },
    'by the wrapper': { command: [process.execPath, wrapper, 'serve'], cwd: folder },
    'by the wrapper on Node 20': { command: old('old', 'delete process.execve'), cwd: folder },
    'by the wrapper on Node 22.15': { command: old('exec', ''), cwd: folder },
    'by npm start': { command: ['npm', 'start', '--'], cwd: root },
  }

  test('the wrapper without the packages, on an older Node, says which it needs', async () => {
    mkdirSync(at('bare/bin'), { recursive: true })
    copyFileSync(wrapper, at('bare/bin/portcullis.mjs'))
    const command = [
      process.execPath,
      '--import',
      preload('bare', ''),
      at('bare/bin/portcullis.mjs'),
      'serve',
    ]
    const [status, stderr] = await ended(launch(command, { cwd: folder }))
    assert.match(stderr, /^portcullis needs Node 26\.10 or newer, this is 20\.11\.0; .*\n$/)
    assert.equal(status, 1)
  })

  /** Members of a process group, zombies aside. */
  async function members(group: number): Promise<string[]> {
    const listed = launch(['ps', '-eo', 'pgid=,stat=,args='], { cwd: folder })
    await ended(listed)
    return listed
      .stdout()
      .split('\n')
      .filter((line) => {
        const [pgid, stat = ''] = line.trim().split(/\s+/)
        return Number(pgid) === group && !stat.startsWith('Z')
      })
  }

  for (const [how, { command, cwd }] of Object.entries(ways)) {
    for (const to of ['process', 'group'] as const) {
      test(`started ${how}, SIGTERM to the ${to}`, async () => {
        const running = await listening(launch([...command, '--data', at('ends')], { cwd }))
        const pid = running.child.pid as number
        process.kill(to === 'group' ? -pid : pid, 'SIGTERM')
        const [status, stderr] = await ended(running)
        assert.equal(status, 0, stderr)
        const deadline = Date.now() + 5000
        while ((await members(pid)).length > 0 && Date.now() < deadline) await delay(20)
        assert.deepEqual(await members(pid), [])
        await assert.rejects(fetch(`${running.url}/healthz`))
      })
    }
  }

  test('SIGHUP is told and does not end it; SIGTERM later does', async () => {
    const running = await listening(serve(['--data', at('hangup')]))
    running.child.kill('SIGHUP')
    while (!/"signal":"SIGHUP","msg":"ignored/.test(running.stderr())) {
      assert.equal(running.child.exitCode ?? running.child.signalCode, null)
      await once(running.child.stderr as NonNullable<typeof running.child.stderr>, 'data')
    }
    assert.equal((await fetch(`${running.url}/healthz`)).status, 200)
    running.child.kill('SIGTERM')
    assert.equal((await ended(running))[0], 0)
  })
})
