/** Agents of hosts that connect to the service: who may, what they are told and say, and how it ends; with real connections and a fake dataplane. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openChannel } from '../src/agent/channel.ts'
import { ConnectError, type Connection, connect } from '../src/agent/connect.ts'
import { createEnforcer } from '../src/agent/enforcer.ts'
import { createFake, type FakeDataplane } from '../src/agent/fake.ts'
import { fromService, toService, type Welcome } from '../src/agent/messages.ts'
import { speakTo } from '../src/agent/speak-to.ts'
import { findsDevices, spoken } from '../src/agent/versions.ts'
import type { DesiredUpdate } from '../src/core/model/desired-update.ts'
import type { Claimed } from '../src/core/model/sighting.ts'
import { eventually } from './support/eventually.ts'
import { makeOperator, operator } from './support/operator.ts'
import { credentials, onBothStores, servers, type TestService } from './support/service.ts'

const log = { info() {}, warn() {}, error() {} }

interface Agent {
  readonly dataplane: FakeDataplane
  /** It ends, and what it enforces stays. */
  stop(): Promise<void>
}

/** Real code of an agent with a fake dataplane. */
async function startAgent(url: string, host: string, token: string, patienceMs = 8000): Promise<Agent> {
  const dataplane = createFake()
  const enforcer = createEnforcer({
    ...{ host, target: 'fake', release: 'test', observeHost: false },
    ...{ closeFirst: async () => null, createDataplane: () => dataplane },
  })
  const ending = new AbortController()
  const { begun } = await enforcer.start()
  const address = { server: new URL(url), host, tls: {} }
  const over = speakTo({ enforcer, address, token: async () => token, log, patienceMs }, ending.signal)
  return {
    dataplane,
    async stop() {
      await enforcer.stop()
      ending.abort()
      await over
      await begun
    },
  }
}

/** Makes a credential of the host. */
async function tokenFor(service: TestService, host: string, more: object = {}) {
  const made = await service.call('POST', `/v1/hosts/${host}/credentials`, more, operator)
  assert.equal(made.status, 201, made.text)
  return made.body as { readonly id: string; readonly token: string }
}

const hostNow = async (service: TestService, host: string) => {
  const { body } = await service.call('GET', `/v1/hosts?host=${host}`, undefined, operator)
  return body.hosts[0]
}

onBothStores('agents of hosts', (start) => {
  let service: TestService
  before(async () => {
    service = await start({ agents: { patienceMs: 2000, beatMs: 100 } })
    await makeOperator(service.storage)
  })
  after(() => service.close())

  const opened = (token: string, host: string): Promise<Connection> =>
    connect({ server: new URL(service.url), host, tls: {} }, token, AbortSignal.timeout(20_000))
  const refused = async (token: string, host: string): Promise<string> => {
    try {
      const { stream } = await opened(token, host)
      stream.destroy()
      return 'let in'
    } catch (error) {
      assert.ok(error instanceof ConnectError && error.answer === 'refused', String(error))
      return error.message
    }
  }

  test('one is sent what its host should enforce, and every change of it; the API answers what it says', async () => {
    const { token } = await tokenFor(service, 'local')
    const agent = await startAgent(service.url, 'local', token)
    try {
      await eventually('nothing is enforced', () => agent.dataplane.enforced())
      const host = await eventually('the host is not known', async () => {
        const now = await hostNow(service, 'local')
        return now?.state === 'applied' ? now : undefined
      })
      assert.equal(host.target, 'fake')
      assert.ok(host.interfaces.length > 1)
      const path = `/1.3/server/${servers.web}/firewall_rule`
      const rule = { firewall_rule: { direction: 'in', action: 'drop', family: 'IPv4' } }
      const made = await service.call('POST', path, rule)
      assert.equal(made.status, 201, made.text)
      const revision = await service.storage.revision()
      await eventually('the change is not reported', async () =>
        (await hostNow(service, 'local')).appliedRevision >= revision ? true : undefined,
      )
    } finally {
      await agent.stop()
    }
  })

  test('an interface is found where an agent sees it, and let go when one connects there that says nothing of devices', async () => {
    const { token } = await tokenFor(service, 'seeing')
    const mac = '52:54:00:5e:e1:01'
    const server = { id: 'seen', profile: 'native', name: 'seen', interfaces: [{ id: 'seen-nic', mac }] }
    const account = (await service.call('GET', '/v1/account')).body.account
    const acting = { ...operator, 'on-behalf-of': account }
    const made = await service.call('POST', '/v1/servers', server, acting)
    assert.equal(made.status, 201, made.text)
    /** Speaks one version of the protocol, and says what it sees where it can. */
    async function connected(version: number) {
      const { stream } = await opened(token, 'seeing')
      const welcomed = Promise.withResolvers<Welcome>()
      const claimed = Promise.withResolvers<readonly Claimed[]>()
      const incoming = fromService({
        ...{ welcome: welcomed.resolve, claims: claimed.resolve },
        ...{ update() {}, ping() {}, count() {}, stop() {} },
      })
      const agent = toService(openChannel({ stream, incoming, ended: () => {} }))
      agent.hello({
        versions: { least: version, most: version },
        release: 'test',
        instance: `v${version}`,
        pid: 1,
      })
      await welcomed.promise
      return { agent, claimed: claimed.promise, stream }
    }
    const bindings = async () =>
      (await service.call('GET', '/v1/bindings?host=seeing', undefined, operator)).body.bindings
    const seeing = await connected(findsDevices)
    try {
      const sight = {
        device: 'tap0',
        present: true,
        mac,
        address: null,
        source: 'links',
        guarded: true,
      } as const
      seeing.agent.sightings({ whole: true, put: [sight], remove: [] })
      assert.deepEqual(await seeing.claimed, [{ device: 'tap0', interface: 'seen-nic', why: null }])
      assert.deepEqual(
        (await bindings()).map((each: { boundBy: string }) => each.boundBy),
        ['mac'],
      )
    } finally {
      seeing.stream.destroy()
    }
    const blind = await connected(findsDevices - 1)
    try {
      await eventually('it is let go', async () => ((await bindings()).length === 0 ? true : undefined))
    } finally {
      blind.stream.destroy()
    }
  })

  test('one that connects again is sent what it lacks, unless it holds what is of another store', async () => {
    const { token } = await tokenFor(service, 'local')
    /** What one that says so is welcomed with and answered. */
    async function answered(history: string | undefined, since: number | null) {
      const { stream } = await opened(token, 'local')
      const welcomed = Promise.withResolvers<Welcome>()
      const updated = Promise.withResolvers<DesiredUpdate>()
      const ended = (error: Error | null) => updated.reject(error ?? new Error('it has ended'))
      const incoming = fromService({
        ...{ welcome: welcomed.resolve, update: updated.resolve },
        ...{ ping() {}, count() {}, claims() {}, stop() {} },
      })
      const agent = toService(openChannel({ stream, incoming, ended }))
      const hello = { versions: spoken, release: 'test', instance: 'again', pid: 1 }
      agent.hello({ ...hello, ...(history !== undefined && { history }) })
      try {
        const welcome = await welcomed.promise
        agent.want({ since })
        return { welcome, update: await updated.promise }
      } finally {
        updated.promise.catch(() => {})
        stream.destroy()
      }
    }
    const first = await answered(undefined, null)
    const { history } = first.welcome
    assert.ok(history !== undefined)
    const { revision } = first.update
    const path = `/1.3/server/${servers.web}/firewall_rule`
    const made = await service.call('POST', path, {
      firewall_rule: { direction: 'in', action: 'drop', family: 'IPv6' },
    })
    assert.equal(made.status, 201, made.text)
    const lacking = (await answered(history, revision)).update
    assert.deepEqual([lacking.from, lacking.policies.length, lacking.interfaces.put], [revision, 1, []])
    const nothing = (await answered(history, lacking.revision)).update
    assert.deepEqual(
      [nothing.from, nothing.policies],
      [lacking.revision, []],
      'it is told that it lacks nothing',
    )
    for (const other of [undefined, 'another']) {
      const { update } = await answered(other, revision)
      assert.equal(update.from, null)
      assert.ok(update.interfaces.put.length > 1)
    }
  })

  test('nobody is let in but who has the credential of that host', async () => {
    const mine = await tokenFor(service, 'kvm1')
    const other = await tokenFor(service, 'kvm2')
    assert.equal(await refused(mine.token, 'kvm1'), 'let in')
    assert.match(await refused(other.token, 'kvm1'), /answered 403/)
    assert.match(await refused(mine.token, 'KVM1'), /answered 403/)
    assert.match(await refused(`${mine.token}x`, 'kvm1'), /answered 401/)
    const bearer = (headers: Record<string, string>) => headers.authorization?.replace('Bearer ', '') ?? ''
    assert.match(await refused(bearer(operator), 'kvm1'), /answered 403/)
    assert.match(await refused(bearer(credentials.right), 'kvm1'), /answered 403/)
    await service.call('DELETE', `/v1/credentials/${mine.id}`, undefined, operator)
    assert.match(await refused(mine.token, 'kvm1'), /answered 401/)
  })

  const upgrade = {
    ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  test('no browser is let in, nor a page in it', async () => {
    const { token } = await tokenFor(service, 'kvm3')
    const { statusLine } = await handshake(service.url, '/v1/hosts/kvm3/agent', {
      ...upgrade,
      authorization: `Bearer ${token}`,
      origin: 'https://example.com',
    })
    assert.match(statusLine, / 403 /)
  })
  test('what is asked for an upgrade elsewhere, or in a way that is none, is answered as ever', async () => {
    const { token } = await tokenFor(service, 'kvm4')
    const authorization = `Bearer ${token}`
    const asked = async (path: string, headers: Record<string, string>) =>
      (await handshake(service.url, path, headers)).statusLine
    assert.match(await asked('/v1/whoami', { ...upgrade, ...credentials.right }), / 200 |404/)
    assert.match(await asked('/v1/hosts/kvm4/agent', { authorization }), / 404 /)
    assert.match(await asked('/v1/hosts/%ff/agent', { ...upgrade, authorization }), / 40[04] /)
    const { 'sec-websocket-key': _, ...noKey } = upgrade
    assert.match(await asked('/v1/hosts/kvm4/agent', { ...noKey, authorization }), / 400 /)
  })

  test('the token of a host opens nothing else', async () => {
    const { token } = await tokenFor(service, 'kvm5')
    const headers = { authorization: `Bearer ${token}` }
    for (const path of [
      '/v1/hosts',
      '/v1/servers',
      '/v1/hosts/kvm5/credentials',
      '/1.3/server',
      '/v1/accounts',
    ]) {
      const { status } = await service.call('GET', path, undefined, headers)
      assert.ok(status === 401 || status === 403, `${path}: ${status}`)
    }
  })

  test('a connection ends with its credential, and the agent is let in no more', async () => {
    const { token, id } = await tokenFor(service, 'kvm6')
    const { stream, closed } = await opened(token, 'kvm6')
    stream.on('data', () => {}).on('error', () => {})
    const gone = await service.call('DELETE', `/v1/credentials/${id}`, undefined, operator)
    assert.ok(gone.status < 300, gone.text)
    assert.deepEqual(await closed, { code: 4003, reason: 'its credential has ended' })
  })

  describe('a connection ends', () => {
    const hello = { type: 'hello', versions: spoken, release: '9', instance: 'i', pid: 1 }
    const word = {
      ...{ target: 'fake', observe: false, desiredRevision: 1, appliedRevision: 1, state: 'applied' },
      ...{ error: null, repairs: 0, warnings: [] },
    }
    const status = (host: string) => ({
      ...{ type: 'status', host: { ...word, host }, whole: true, put: [], remove: [] },
    })
    const decision = {
      ...{ at: 1, host: 'other', interface: 'nic', direction: 'ingress', outcome: 'denied', observed: false },
      ...{ by: 'default', position: null, level: 'info', revision: 1, packet: { etherType: 1, length: 60 } },
    }
    const adopted = (id: string) => ({
      ...{ device: 'tap0', present: true, mac: '52:54:00:aa:bb:cc', address: null, source: 'libvirt' },
      guarded: true,
      adoption: {
        ...{
          account: 'a',
          profile: 'native',
          server: { id, name: 'vm' },
          index: 1,
          addresses: [],
          policies: [],
        },
      },
    })
    const seen = (id: string) => ({ type: 'sightings', whole: true, put: [adopted(id)], remove: [] })
    const cases: Record<string, readonly [says: readonly (object | string)[], code: number, reason: RegExp]> =
      {
        'that speaks of the status of another host': [
          [hello, status('other')],
          4002,
          /speaks for host "other"/,
        ],
        'that counts for another host': [
          [hello, { type: 'hits', host: 'other', at: 1, asked: false, interfaces: [] }],
          4002,
          /speaks for host "other"/,
        ],
        'that tells decisions of another host': [
          [hello, { type: 'decisions', list: [decision] }],
          4002,
          /speaks for host "other"/,
        ],
        'that names what no store keeps': [[hello, seen('a\0b')], 4002, /corrupt id/],
        'that names half a character': [[hello, seen('\ud800')], 4002, /corrupt id/],
        'that does not greet': [[status('kvm7')], 4002, /does not begin with a greeting/],
        'that says nothing': [[], 4005, /said nothing/],
        'that greets and says nothing more': [[hello], 4005, /said nothing for 2 s/],
        'that speaks another version': [
          [{ ...hello, versions: { least: 900, most: 901 } }],
          4004,
          /900 to 901/,
        ],
        'that speaks no JSON': [['GET / HTTP/1.1'], 4002, /no JSON object/],
        'with a line that never ends': [['x'.repeat(5 * 1024 * 1024)], 4002, /more than \d+ bytes/],
      }
    for (const [name, [says, code, reason]] of Object.entries(cases)) {
      test(name, async () => {
        const { token, id } = await tokenFor(service, 'kvm7')
        const { stream, closed } = await opened(token, 'kvm7')
        const welcomed = new Promise((resolve) => stream.once('data', resolve).once('close', resolve))
        stream.on('data', () => {}).on('error', () => {})
        for (const [n, each] of says.entries()) {
          if (n > 0) await welcomed

          const text = typeof each === 'string' ? each : JSON.stringify(each)
          for (let at = 0; at < text.length; at += 65_536) stream.write(text.slice(at, at + 65_536))
          stream.write('\n')
        }
        const farewell = await closed
        assert.equal(farewell.code, code, farewell.reason)
        assert.match(farewell.reason, reason)
        await service.call('DELETE', `/v1/credentials/${id}`, undefined, operator)
      })
    }
  })

  test('the newer of two agents of one host takes the place of the other, which does not come back', async () => {
    const { token } = await tokenFor(service, 'kvm8')
    const first = await startAgent(service.url, 'kvm8', token)
    try {
      await eventually('nothing is enforced', () => first.dataplane.enforced())
      const second = await startAgent(service.url, 'kvm8', token)
      try {
        await eventually('nothing is enforced by the second', () => second.dataplane.enforced())
        const replaced = () => service.log.filter((line) => /another agent of this host/.test(line)).length
        await eventually('the first is still there', () => (replaced() === 1 ? true : undefined))
      } finally {
        await second.stop()
      }
    } finally {
      await first.stop()
    }
  })
})

/** Sends the head of a request as it is; answers the head of the response. */
async function handshake(
  url: string,
  path: string,
  headers: Record<string, string>,
): Promise<{ readonly statusLine: string }> {
  const { connect: connectTcp } = await import('node:net')
  const { hostname, port, host } = new URL(url)
  const socket = connectTcp(Number(port), hostname)
  const head = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET ${path} HTTP/1.1\r\n${head.join('')}\r\n`)
  try {
    for await (const chunk of socket) return { statusLine: String(chunk).split('\r\n')[0] ?? '' }
    return { statusLine: '' }
  } finally {
    socket.destroy()
  }
}
