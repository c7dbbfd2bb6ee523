/**
 * The command line against a service in a process of its own, as an operator meets it: each command says as JSON what the API says,
 * in words what somebody can read, and what went wrong with what to do next, and ends with a status that programs can tell.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ended, launch, listening, main, type Started } from './support/program.ts'

interface Said {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Where nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

describe('the command line over HTTP', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-walk-'))
  let service: Started
  let token: string
  before(async () => {
    const data = join(folder, 'data')
    const args = ['serve', '--inventory', 'none', '--data', data, '--quotas', 'policies=2']
    service = await listening(launch([process.execPath, main, ...args], { cwd: folder }))
    token = readFileSync(join(data, 'operator.token'), 'utf8').trim()
  })
  after(async () => {
    service?.child.kill('SIGTERM')
    if (service) await ended(service)
    rmSync(folder, { recursive: true, force: true })
  })

  async function portcullis(args: readonly string[], env: Record<string, string> = {}): Promise<Said> {
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('PORTCULLIS_'))
    const child = spawn(process.execPath, [main, ...args], {
      env: { ...Object.fromEntries(own), PORTCULLIS_URL: service.url, PORTCULLIS_TOKEN: token, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text
    })
    await once(child, 'close')
    return { status: child.exitCode, stdout, stderr }
  }
  /** What it answers a person. */
  async function says(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await portcullis(args)
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`)
    return stdout
  }
  // biome-ignore lint/suspicious/noExplicitAny: answers are compared, not typed
  async function json(...args: string[]): Promise<any> {
    return JSON.parse(await says(...args, '--json'))
  }
  /** What it complains of, in one line and on stderr alone. */
  async function refused(
    status: number,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<string> {
    const said = await portcullis(args, env)
    assert.deepEqual([said.status, said.stdout], [status, ''], `${args.join(' ')}: ${said.stderr}`)
    assert.match(said.stderr, /^(portcullis|error): [^\n]*\n$/, args.join(' '))
    return said.stderr
  }
  // biome-ignore lint/suspicious/noExplicitAny: as above
  async function api(path: string, method = 'GET', of = 'acme'): Promise<any> {
    const headers = { authorization: `Bearer ${token}`, ...(of !== '' && { 'on-behalf-of': of }) }
    const answer = await fetch(`${service.url}/v1/${path}`, { method, headers })
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
    return await answer.json()
  }
  const within = ['--on-behalf-of', 'acme'] as const

  test('from an account to packets’ rules, and back to nothing', async () => {
    const same = async (args: readonly string[], path: string, of?: string) =>
      assert.deepEqual(await json(...args), await api(path, 'GET', of), args.join(' '))

    const account = await json('account', 'create', '{"id": "acme", "name": "acme"}')
    assert.equal(account.id, 'acme')
    await same(['account', 'show', 'acme'], 'accounts/acme', '')
    assert.match(await says('account', 'list'), /^ID +NAME +CLOSED +REVISION\nacme +acme +false +\d+\n$/)

    const project = await json('project', 'create', '{"profile": "scaleway", "name": "p"}', ...within)
    await same(['project', 'show', project.id, ...within], `projects/${project.id}`)
    const zone = await json('zone', 'create', '{"profile": "ionos", "name": "z"}', ...within)
    await same(['zone', 'show', zone.id, ...within], `zones/${zone.id}`)

    await says('server', 'create', '{"id": "web1", "profile": "native", "name": "web1"}', ...within)
    await same(['server', 'show', 'web1', ...within], 'servers/web1')
    assert.match(await says('server', 'list', '--name', 'web1', ...within), /\nweb1 +native +web1 /)
    const nic = '{"id": "nic1", "mac": "52:54:00:00:00:0c", "addresses": ["192.0.2.10"]}'
    await says('interface', 'create', 'web1', nic, ...within)
    await same(['interface', 'show', 'nic1', ...within], 'interfaces/nic1')
    await same(['interface', 'list', 'web1', ...within], 'servers/web1/interfaces')

    const made = await portcullis(['credential', 'create', '--scopes', 'read', '--label', 'look', ...within])
    assert.match(made.stderr, /told now and never again/)
    const look = made.stdout.trim()
    const who = JSON.parse((await portcullis(['whoami', '--json'], { PORTCULLIS_TOKEN: look })).stdout)
    assert.deepEqual([who.account, who.scopes], ['acme', ['read']])
    assert.match(await says('whoami'), /^credential: .*\nholder: operator\n/m)
    await same(['credential', 'show', who.credential, ...within], `credentials/${who.credential}`)

    const { id: policy } = await json('policy', 'create', 'web', '--ingress', 'deny', ...within)
    await same(['policy', 'show', policy, ...within], `policies/${policy}`)
    const add = ['rule', 'add', policy, '--direction', 'ingress', '--action', 'allow', '--protocol', 'tcp']
    const rule = await json(...add, '--ports', '22', ...within)
    await same(['rule', 'list', policy, ...within], `policies/${policy}/rules`)
    await says('policy', 'attach', policy, 'web1', '--interface', 'nic1', ...within)
    assert.deepEqual((await api(`policies/${policy}/attachments`)).attachments, [
      { server: 'web1', serverName: 'web1', interface: 'nic1' },
    ])
    assert.equal(
      (await portcullis(['policy', 'attach', policy, 'web1', '--interface', 'nic1', ...within])).status,
      0,
    )

    await says('binding', 'claim', 'nic1', 'kvm7', 'tap12i0')
    await says('binding', 'claim', 'nic1', 'kvm7', 'tap12i0', '--from', 'nobody')
    await same(['binding', 'show', 'nic1'], 'bindings/nic1', '')
    assert.match(await says('binding', 'list', '--host', 'kvm7'), /^HOST .*\nkvm7 +tap12i0 +nic1 +web1 +api /)

    const { revision: before } = await api(`policies/${policy}`)
    await says('rule', 'set', policy, rule.id, '--ports', '22,443', ...within)
    const history = await json('history', '--policy', policy, '--limit', '1', ...within)
    assert.deepEqual(history.revisions, (await api(`revisions?policy=${policy}&limit=1`)).revisions)
    const { revision } = history.revisions[0]
    await same(['history', 'show', String(revision), ...within], `revisions/${revision}/diff`)
    assert.match(
      await says('history', 'show', String(revision), ...within),
      /\n {2}~ #1 .*22[^,]*\n {4}#1 .*22.*443/,
    )
    const back = ['revert', policy, '--to', String(before), ...within]
    assert.match(await says(...back, '--dry-run'), /^would change:\n/)
    assert.equal((await json(...back)).changed, true)
    assert.match(await says(...back), /^nothing differs/)
    assert.deepEqual((await api(`policies/${policy}/rules`)).rules[0].destinationPorts, rule.destinationPorts)

    const { id: second } = await json('policy', 'create', 'second', ...within)
    assert.match(
      await refused(1, ['policy', 'create', 'third', ...within]),
      /quota.*policy, 2 at most.*operator/,
    )

    // What is in use says by what; and everything goes.
    assert.match(await refused(1, ['account', 'delete', 'acme']), /server/)
    assert.match(await refused(1, ['policy', 'delete', policy, ...within]), /attached/)
    await says('binding', 'release', 'nic1')
    await says('policy', 'detach', policy, 'web1', '--interface', 'nic1', ...within)
    await says('rule', 'delete', policy, rule.id, ...within)
    for (const each of [policy, second])
      assert.match(await says('policy', 'delete', each, ...within), /^deleted /)
    await says('credential', 'revoke', who.credential, ...within)
    assert.match(await refused(1, ['whoami'], { PORTCULLIS_TOKEN: look }), /--token or PORTCULLIS_TOKEN/)
    await says('interface', 'delete', 'nic1', ...within)
    await says('server', 'delete', 'web1', ...within)
    await says('project', 'delete', project.id, ...within)
    await says('zone', 'delete', zone.id, ...within)
    assert.deepEqual(await json('account', 'delete', 'acme'), { id: 'acme' })
    assert.deepEqual((await json('account', 'list')).accounts, [])
  })

  test('what goes wrong, what to do about it, and the status', async () => {
    await says('account', 'create', '{"id": "acme", "name": "acme"}')
    await says('server', 'create', '{"id": "web1", "profile": "native", "name": "web1"}', ...within)
    const { revision } = await api('servers/web1')
    const scopes = (which: string) => portcullis(['credential', 'create', '--scopes', which, ...within])
    const reader = (await scopes('read')).stdout.trim()

    for (const [at, [status, says, args, env]] of (
      [
        [1, /There is no server nix\./, ['server', 'show', 'nix', ...within]],
        [1, /There is no interface nix\./, ['binding', 'claim', 'nix', 'kvm7', 'tap1']],
        [1, /no account|account/, ['server', 'list', '--on-behalf-of', 'nobody']],
        [1, /profile/, ['server', 'create', '{"profile": "nativ", "name": "x"}', ...within]],
        [
          1,
          /read it again\. \(--if-revision/,
          ['server', 'update', 'web1', '{"name": "x"}', '--if-revision', String(revision - 1), ...within],
        ],
        [1, /portcullis whoami/, ['server', 'delete', 'web1'], { PORTCULLIS_TOKEN: reader }],
        [1, /--on-behalf-of/, ['account', 'list'], { PORTCULLIS_TOKEN: reader }],
        [1, /--token or PORTCULLIS_TOKEN/, ['server', 'list'], { PORTCULLIS_TOKEN: 'pcl_wrong' }],
        [2, /a credential is needed: --token/, ['server', 'list'], { PORTCULLIS_TOKEN: '' }],
        [
          2,
          /nothing listens there; is the service running at 127\.0\.0\.1:\d+\? --url or PORTCULLIS_URL/,
          ['server', 'list'],
          { PORTCULLIS_URL: `http://127.0.0.1:${await closedPort()}` },
        ],
        [2, /--url nonsense: expected a URL/, ['server', 'list'], { PORTCULLIS_URL: 'nonsense' }],
        [2, /Expected a JSON object/, ['server', 'create', '{', ...within]],
        [2, /unknown command/, ['server', 'frob']],
      ] as const
    ).entries()) {
      // A complaint is the same line for a program.
      assert.match(await refused(status, at % 2 === 0 ? args : [...args, '--json'], env), says)
    }
    await says('server', 'update', 'web1', '{"name": "x"}', '--if-revision', String(revision), ...within)
  })
})
