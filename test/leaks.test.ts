/**
 * Everything that a tenant can read, and what it is refused with: no word of hosts, their devices and agents, of operators,
 * or of another account is in any of it. Those words are unmistakable here, and an operator does read them.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { nobodys, type Reply } from '../src/dialects/conformance.ts'
import type { Dialect } from '../src/dialects/dialect.ts'
import { createOperatorService } from '../src/service/operators.ts'
import { tokenOf } from '../src/service/secrets.ts'
import {
  bodyOf,
  clientOf,
  type Filled,
  fillBoth,
  parametersOf,
  pathWith,
  placedInventory,
} from './support/conformance.ts'
import { dialects, startService, type TestService } from './support/service.ts'
import { seenOn, sighting } from './support/sightings.ts'
import { whole } from './support/status.ts'

const operator = { authorization: `Bearer pcl_${'leaks'.padEnd(43, '0')}` }
const operatorsName = 'zz-ops-ada'
const [host, broken, lone] = ['zz-host-kvm7', 'zz-host-kvm8', 'zz-host-kvm9'] as const

/** What agents and operators say that is for operators, with which of their routes tells it. */
const secret = {
  hosts: [host, broken, 'zz-tap', 'zz-error', 'zz-note', 'zz-table', 'zz-warning', 'zz-fatal', 'zz-stacked'],
  bindings: [host, lone, 'zz-tap', 'zz-moved'],
  inventory: [host, 'zz-tap', 'zz-applied'],
  unclaimed: ['zz-strange', 'zz-guest'],
} as const
const words = [...new Set(Object.values(secret).flat()), operatorsName]

const foreignName = 'zz-theirs'
const bystander = { token: 'bystander-token', key: '00e10000-0000-4000-8000-0000000000ba' } as const
const foreignMac = '52:54:00:fe:ed:01'

/** Names and texts of the other account, unmistakable; what the drivers make beside them are ids. */
function filledInventory(): string {
  const { accounts } = JSON.parse(placedInventory(host, 'zz-tap'))
  const [, foreign] = accounts
  foreign.credentials.push({ token: `${foreignName}-token` })
  for (const [at, server] of foreign.servers.entries()) {
    server.name = `${foreignName}-server${at}`
    server.labels = { [`${foreignName}-label`]: `${foreignName}-value` }
  }
  foreign.servers[0].interfaces[0].mac = foreignMac
  // What it is told, everybody is.
  accounts.push({
    name: 'bystander',
    credentials: [
      { token: bystander.token },
      { accessKey: 'SCWBYSTANDER00000000', secretKey: bystander.key },
    ],
    servers: [
      { profile: 'upcloud', name: 'x', zone: 'fi-hel1', interfaces: [{ addresses: ['192.0.2.250'] }] },
      { profile: 'scaleway', name: 'x', zone: 'fr-par-1', interfaces: [{ addresses: ['192.0.2.251'] }] },
    ],
  })
  return JSON.stringify({ accounts })
}

/** Every text of an answer, keys too. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (value === null || typeof value !== 'object') return []
  return Array.isArray(value)
    ? value.flatMap(textsOf)
    : Object.entries(value).flatMap(([key, of]) => [key, ...textsOf(of)])
}

/** An address is not a part of a longer one, nor where the service itself is reached. */
function says(text: string, word: string): boolean {
  if (!text.includes(word)) return false
  if (!/^[\da-f.:]+$/.test(word)) return true
  const whole = `(?<![\\w.:])${word.replaceAll('.', '\\.')}(?!\\w|[.:]\\w)`
  return new RegExp(whole).test(text.replaceAll(/(\.\d+):\d{1,5}\b/g, '$1'))
}

const said = ({ text, headers }: Reply & { readonly headers?: Headers }) =>
  `${text}\n${[...(headers ?? [])].map((pair) => pair.join(': ')).join('\n')}`

describe('what is told to tenants', () => {
  let service: TestService
  let filled: Filled
  /** Ids, addresses and names that the other account has and reads, and nobody else may. */
  let theirs: ReadonlySet<string>
  let account: string

  const readable = ({ routes }: Dialect) =>
    routes.filter(({ method, scope }) => method === 'GET' && scope !== 'operator')
  /** As deep as a dialect answers, and as far back. */
  const further = (path: string) =>
    path.startsWith('/cloudapi')
      ? ['', '?depth=10']
      : /^\/v1\/(revisions|audit)$/.test(path)
        ? ['?limit=1000']
        : ['']

  async function* walk(whose: 'own' | 'foreign') {
    for (const dialect of dialects) {
      const call = clientOf(service, whose, dialect)
      for (const route of readable(dialect)) {
        const values = parametersOf(route).map(({ valueIn }) => valueIn(filled(dialect.profile, whose)))
        for (const prefix of dialect.prefixes) {
          const path = prefix + pathWith(route, values)
          for (const more of further(path))
            yield { path: path + more, answer: await call('GET', path + more) }
        }
      }
    }
  }

  /** Of what is said, what the tenant does not know of itself; what it asked for is no news. */
  function toldIn(text: string, asked = ''): string[] {
    return [...words, ...theirs].filter((word) => says(text, word) && !asked.includes(word))
  }
  const assertSilent = (answer: Reply, asked: string, what = asked) => {
    const text = said(answer)
    const told = toldIn(text, asked)
    const [first = ''] = told
    const at = text.indexOf(first)
    assert.deepEqual(told, [], `${what}: ${answer.status} …${text.slice(Math.max(0, at - 300), at + 100)}…`)
  }

  before(async () => {
    service = await startService({ inventory: filledInventory(), metricsToken: 'scraper' })
    const operators = createOperatorService(service.storage, 'test')
    const secretToken = { secret: tokenOf(operator.authorization.slice('Bearer '.length)) }
    assert.ok((await operators.create({ name: operatorsName, expiresAt: null }, Date.now(), secretToken)).ok)
    filled = await fillBoth(service)
    const named = new Map((await service.storage.accounts()).map(({ name, id }) => [name, id]))
    account = named.get('own') ?? assert.fail()
    const foreign = named.get('foreign') ?? assert.fail()
    await nameTheirs()
    await bindAll()
    await findAll()
    await act(foreign)
    await report(await service.storage.revision())
    theirs = await unknownToOwn(foreign)
  })
  after(() => service.close())

  const call = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = operator,
  ) => {
    const answer = await service.call(method, path, body, headers)
    assert.ok(answer.status < 300, `${method} ${path} ${answer.status} ${answer.text}`)
    return answer
  }

  /** Of what has a name or a text through an API. */
  async function nameTheirs(): Promise<void> {
    const headers = { authorization: 'Bearer other-token' }
    const policy = (await call('POST', '/v1/policies', { name: `${foreignName}-policy` }, headers)).body.id
    const rule = { action: 'allow', direction: 'ingress', protocol: 'tcp', comment: `${foreignName}-comment` }
    await call('POST', `/v1/policies/${policy}/rules`, rule, headers)
    const project = { profile: 'scaleway', name: `${foreignName}-project` }
    await call('POST', '/v1/projects', project, headers)
    await call('POST', '/1.3/tag', { tag: { name: 'zz_theirs_tag' } }, headers)
    await call(
      'POST',
      '/v1/credentials',
      { kind: 'token', scopes: ['read'], label: `${foreignName}-key` },
      headers,
    )
  }

  /** Also what the APIs made: claimed, moved and released. */
  async function bindAll(): Promise<void> {
    const loose: string[] = []
    for (const { id } of await service.storage.accounts()) {
      for (const server of await service.storage.servers({ account: id })) {
        for (const nic of await service.storage.interfaces(server.id))
          if (nic.host === null) loose.push(nic.id)
      }
    }
    assert.ok(loose.length > 4)
    for (const [at, id] of loose.entries()) {
      await call('PUT', `/v1/bindings/${id}`, { host: lone, device: `zz-tapx${at}` })
      await call('PUT', `/v1/bindings/${id}`, { host, device: `zz-moved${at}` })
      if (at % 3 === 0) await call('DELETE', `/v1/bindings/${id}`)
      if (at % 3 === 1) await call('PUT', `/v1/bindings/${id}`, { host: broken, device: `zz-moved${at}` })
      if (at % 3 === 2) await call('PUT', `/v1/bindings/${id}`, { host: lone, device: `zz-moved${at}` })
    }
  }

  /** By their hosts: found, moved, and gone. */
  async function findAll(): Promise<void> {
    const guest = { id: 'zz-guest', name: 'zz-guest' }
    for (const [at, { id }] of (await service.storage.accounts()).entries()) {
      const wanted = {
        profile: 'native',
        name: `${id === account ? 'own' : foreignName}-found`,
        interfaces: [{}],
      }
      const made = await call('POST', '/v1/servers', wanted, { ...operator, 'on-behalf-of': id })
      const { mac } = made.body.interfaces[0]
      await seenOn(service.storage, host, [sighting(`zz-taps${at}`, mac, { guest })])
      await seenOn(service.storage, lone, [sighting(`zz-strange${at}`, mac, { guest })])
      await seenOn(service.storage, host, [sighting(`zz-taps${at}`, '52:54:00:00:ff:ff', { guest })])
    }
    await seenOn(service.storage, lone, [sighting('zz-strange', null, { guest })])
  }

  /** Operators, in the accounts and in none: servers that are placed as they are made, changed and ended; an inventory. */
  async function act(foreign: string): Promise<void> {
    for (const [of, at] of [
      [account, 1],
      [foreign, 2],
    ] as const) {
      const headers = { ...operator, 'on-behalf-of': of }
      const nic = (device: string) => ({ host, device: `zz-tap${device}${at}` })
      const name = at === 1 ? 'acted' : `${foreignName}-acted`
      const wanted = { profile: 'native', name, interfaces: [nic('a')] }
      for (const more of ['kept', 'ended']) {
        const body = { ...wanted, name: `${name}-${more}`, interfaces: [nic(more)] }
        const server = (await call('POST', '/v1/servers', body, headers)).body
        const added = (await call('POST', `/v1/servers/${server.id}/interfaces`, nic(`${more}b`), headers))
          .body
        await call('PATCH', `/v1/interfaces/${added.id}`, { maxConnections: 500 }, headers)
        await call('PATCH', `/v1/servers/${server.id}`, { name: `${name}-${more}-again` }, headers)
        if (more === 'kept') continue
        await call('DELETE', `/v1/interfaces/${added.id}`, undefined, headers)
        await call('DELETE', `/v1/servers/${server.id}`, undefined, headers)
      }
    }
    await call('POST', `/v1/hosts/${host}/credentials`, { label: 'zz-host-key' })
    const applied = (devices: string) => ({
      accounts: [
        { name: 'own', id: account, servers: [server('applied', `${devices}1`)] },
        { name: 'foreign', id: foreign, servers: [server(`${foreignName}-applied`, `${devices}2`)] },
      ],
    })
    const server = (name: string, device: string) => ({
      ...{ profile: 'native', name, interfaces: [{ host, device, addresses: [] }] },
    })
    await call('PUT', '/v1/inventory', applied('zz-before'))
    await call('PUT', '/v1/inventory', applied('zz-applied'))
  }

  /** Three agents: one that takes some, one that can take nothing, and one that has gone. */
  async function report(revision: number): Promise<void> {
    const { enforcement, decisions } = service.services
    const common = { target: 'zz-target', observe: false, repairs: 3, desiredRevision: revision }
    for (const name of [host, broken, lone]) {
      const placed = await service.storage.placedOn(name)
      assert.ok(placed.length > 0, name)
      const interfaces = placed.map(({ id, device }, at) => ({
        ...{ id, device: device ?? '', appliedRevision: revision },
        state: (['failing', 'closed', 'applied'] as const)[at % 3] ?? 'applied',
        error:
          [`zz-error: zz-table on ${device}; it is open`, `zz-error: no device ${device} on ${name}`][
            at % 3
          ] ?? null,
        notes: [
          `zz-note of ${device} in zz-table`,
          `packets of devices that stand on its own are not judged by its policy: zz-stacked, ${device}`,
          `its connections from and to zz-tap1 are not cut when rules change`,
        ],
      }))
      enforcement.report(
        whole({
          ...{ ...common, host: name, interfaces, warnings: ['zz-warning'] },
          ...(name === broken
            ? { state: 'failing', appliedRevision: 1, error: 'zz-fatal' }
            : { state: 'applied', appliedRevision: revision, error: null }),
        }),
      )
      decisions.hear(
        placed.map((nic) => ({
          ...{ at: Date.now(), host: name, interface: nic.id, direction: 'ingress', outcome: 'denied' },
          ...{ observed: false, by: 'default', position: null, level: 'info', revision },
          packet: {
            ...{ etherType: 0x0800, length: 60, protocol: 1 },
            source: nic.account === account ? '198.18.0.1' : '198.18.0.2',
          },
        })),
      )
    }
  }

  /** What is theirs: of all that they read those that are an id, an address or one of the names above. */
  async function unknownToOwn(foreign: string): Promise<ReadonlySet<string>> {
    const found = new Set([foreign, foreignMac])
    for await (const { path, answer } of walk('foreign')) {
      assert.equal(answer.status, 200, `${path} ${answer.text}`)
      for (const text of textsOf(answer.body)) {
        const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
        const isAddress = /^(\d+\.){3}\d+$|^[0-9a-f]{1,4}:[0-9a-f:]+$/.test(text)
        if (isId || isAddress || /^zz[-_]theirs/.test(text)) found.add(text)
      }
    }
    const everybodys = await toldToBystander()
    return new Set([...found].filter((each) => !says(everybodys, each)))
  }

  async function toldToBystander(): Promise<string> {
    const told: string[] = []
    for (const dialect of dialects) {
      const headers: Record<string, string> = dialect.schemes.includes('bearer')
        ? { authorization: `Bearer ${bystander.token}` }
        : { 'x-auth-token': bystander.key }
      for (const { path } of readable(dialect)) {
        if (path.replace('/:zone/', '/').includes(':')) continue
        for (const prefix of dialect.prefixes) {
          const called = prefix + path.replace(':zone', 'fr-par-1')
          told.push(said(await service.call('GET', called, undefined, headers)))
        }
      }
    }
    return told.join('\n')
  }

  test('there is much to tell, and the other account reads of itself', () => {
    const names = [...theirs].filter((each) => /^zz[-_]theirs/.test(each))
    assert.ok(names.length >= 10, names.join(' '))
    assert.ok(theirs.size > 60, String(theirs.size))
  })

  test('operators are told', async () => {
    const [hosts, bindings, inventory, unclaimed] = await Promise.all(
      ['/v1/hosts', '/v1/bindings?limit=1000', '/v1/inventory', `/v1/hosts/${lone}/unclaimed`].map((path) =>
        call('GET', path),
      ),
    )
    for (const [answer, expected] of [
      [unclaimed, secret.unclaimed],
      [hosts, secret.hosts],
      [bindings, secret.bindings],
      [inventory, secret.inventory],
    ] as const) {
      for (const word of expected)
        assert.ok(answer?.text.includes(word), `${word} ${answer?.text.slice(0, 3000)}`)
    }
  })

  test('everything that is read, of every dialect', async () => {
    let answers = 0
    for await (const { path, answer } of walk('own')) {
      assert.equal(answer.status, 200, `${path} ${answer.text}`)
      answers++
      assertSilent(answer, path)
    }
    assert.ok(answers > 150, String(answers))
  })

  test('all of history: every revision, and how it differs', async () => {
    const newest = await service.storage.revision()
    let mine = 0
    for (let revision = 1; revision <= newest; revision++) {
      for (const more of ['', '/diff']) {
        const path = `/v1/revisions/${revision}${more}`
        const answer = await service.call('GET', path)
        if (answer.status === 200) mine++
        else assert.equal(answer.status, 404, answer.text)
        assertSilent(answer, path)
      }
    }
    assert.ok(mine > 40, String(mine))
  })

  test('every server and every interface, whose agents have much to say', async () => {
    const servers = (await service.call('GET', '/v1/servers?limit=1000')).body.servers
    assert.ok(servers.length > 8)
    const states = new Set<string>()
    for (const { id } of servers) {
      for (const more of ['', '/rules', '/interfaces', '/policies']) {
        const path = `/v1/servers/${id}${more}`
        const answer = await service.call('GET', path)
        assert.equal(answer.status, 200, answer.text)
        assertSilent(answer, path)
        if (more === '/interfaces') for (const each of answer.body.interfaces) states.add(each.state)
      }
    }
    for (const state of ['failing', 'closed', 'applied']) assert.ok(states.has(state), [...states].join(' '))
  })

  test('which servers of an account are on one host; not which it is, nor whether others are on it', async () => {
    const numbers = async (token: string) => {
      const { body } = await service.call('GET', '/1.3/server', undefined, {
        authorization: `Bearer ${token}`,
      })
      return (body.servers.server as { uuid: string; host: number }[]).map(({ uuid, host }) => ({
        uuid,
        host,
      }))
    }
    const [own, foreign] = [await numbers('acme-token'), await numbers('other-token')]
    const hostOf = async ({ uuid }: { readonly uuid: string }) =>
      (await service.storage.interfaces(uuid))[0]?.host ?? ''
    const places = new Map<string, Set<number>>()
    for (const each of own) {
      const at = await hostOf(each)
      places.set(at, (places.get(at) ?? new Set()).add(each.host))
      for (const guess of [at, `${account} ${at}`, JSON.stringify([account, at])]) {
        const guessed = createHash('sha256').update(guess).digest().readUIntBE(0, 4) + 2 ** 32
        assert.notEqual(each.host, guessed)
      }
    }
    assert.ok((await Promise.all(foreign.map(hostOf))).includes(host) && places.has(host))
    for (const each of places.values()) assert.equal(each.size, 1)
    assert.equal(new Set([...places.values()].flatMap((each) => [...each])).size, places.size)
    const others = new Set(foreign.map((each) => each.host))
    assert.deepEqual(
      own.filter((each) => others.has(each.host)),
      [],
    )
  })

  test('decisions, as they come', async () => {
    const stop = new AbortController()
    const open = (headers: Record<string, string>) =>
      fetch(`${service.url}/v1/decisions`, {
        headers: { ...headers, accept: 'text/event-stream', 'last-event-id': 'none' },
        signal: AbortSignal.any([stop.signal, AbortSignal.timeout(20_000)]),
      })
    const read = async (headers: Record<string, string>, until: string) => {
      const answer = await open(headers)
      const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
      let text = [...answer.headers].join('\n')
      while (!text.includes(until)) text += (await reader?.read())?.value ?? assert.fail('it ended')
      return text
    }
    try {
      const kept = (await service.call('GET', '/v1/decisions?limit=1000')).body.decisions
      assert.ok(kept.length > 4)
      const text = await read({ authorization: 'Bearer acme-token' }, kept[0].id)
      assert.deepEqual(toldIn(text), [])
      const all = await read(operator, lone)
      assert.ok(all.includes(host) && all.includes(broken) && all.includes(foreignName))
    } finally {
      stop.abort()
    }
  })

  test('refusals: every write of every dialect, with ids of the other account and of nobody', async () => {
    let refused = 0
    for (const dialect of dialects) {
      const { profile, prefixes, routes } = dialect
      const send = clientOf(service, 'own', dialect)
      for (const route of routes) {
        if (route.scope === 'none') continue
        for (const [place, parameter] of parametersOf(route).entries()) {
          const own = parametersOf(route).map(({ valueIn }) => valueIn(filled(profile, 'own')))
          const foreign = parameter.valueIn(filled(profile, 'foreign'))
          for (const value of [foreign, nobodys(foreign)]) {
            if (value === own[place]) continue
            const path = prefixes[0] + pathWith(route, own.with(place, value))
            const body = bodyOf(dialect, route)
            const answer = await send(route.method, path, body)
            if (answer.status >= 400) refused++
            assertSilent(answer as Reply, `${path} ${JSON.stringify(body)}`, `${route.method} ${path}`)
          }
        }
      }
    }
    assert.ok(refused > 300, String(refused))
  })

  test('refusals: what others have, and what is for operators', async () => {
    const values = filled('native', 'foreign')
    const own = filled('native', 'own')
    const address = [...theirs].find((each) => /^192\.0\.2\./.test(each)) ?? assert.fail()
    const attempts: readonly [string, string, unknown?][] = [
      ...['/v1/hosts', '/v1/bindings', '/v1/accounts', '/v1/inventory', `/v1/hosts/${host}/credentials`].map(
        (path): [string, string] => ['GET', path],
      ),
      ['GET', `/v1/hosts/${lone}/unclaimed`],
      ['GET', `/v1/servers?host=${host}`],
      ['GET', `/v1/servers?account=${values['accounts/id']}`],
      ['GET', `/v1/servers/${foreignName}-server0`],
      ['PUT', `/v1/bindings/${own.interface}`, { host, device: 'zz-tap1' }],
      ['PATCH', `/v1/interfaces/${own.interface}`, { host, device: 'zz-tap1' }],
      ['PATCH', `/v1/interfaces/${own.interface}`, { mac: foreignMac }],
      ['PATCH', `/v1/interfaces/${own.interface}`, { addresses: [address] }],
      ['POST', `/v1/servers/${own['servers/id']}/interfaces`, { host, device: 'zz-tap1' }],
      ['POST', `/v1/servers/${own['servers/id']}/interfaces`, { id: values.interface }],
      ['POST', '/v1/servers', { profile: 'native', name: 'n', id: values['servers/id'] }],
      ['POST', '/v1/servers', { profile: 'native', name: 'n', interfaces: [{ host, device: 'zz-tap1' }] }],
      [
        'POST',
        '/v1/servers',
        { profile: 'hostup', name: 'n', vmid: Number(filled('hostup', 'foreign').vmid) },
      ],
      ['POST', '/v1/projects', { profile: 'scaleway', name: 'n', id: values['projects/id'] }],
      ['POST', '/v1/zones', { profile: 'ionos', name: 'n', id: values['zones/id'] }],
      [
        'POST',
        '/v1/trace',
        { server: values['servers/id'], direction: 'ingress', packet: { protocol: 'tcp' } },
      ],
      ['PUT', `/v1/servers/${own['servers/id']}/policies`, { policies: [values['policies/id']] }],
    ]
    for (const [method, path, body] of attempts) {
      const answer = await service.call(method, path, body)
      assert.ok(answer.status < 500, answer.text)
      assertSilent(answer, `${path} ${JSON.stringify(body)}`, `${method} ${path}`)
      const acted = { ...operator, 'on-behalf-of': account }
      await service.call(method, path, body, acted).then(({ status }) => assert.ok(status < 500))
    }
  })

  test('/metrics: not for tenants, and no names, addresses or texts for those who collect it', async () => {
    for (const path of ['/metrics', '/healthz', '/readyz']) {
      const answer = await service.call('GET', path)
      assert.equal(answer.status, path === '/metrics' ? 401 : 200)
      assertSilent(answer, path)
    }
    const { text } = await call('GET', '/metrics', undefined, { authorization: 'Bearer scraper' })
    assert.ok(text.includes(host), 'the operator’s series are by host')
    const names = [...theirs].filter((each) => !/^[0-9a-f-]{36}$/.test(each))
    const told = [...names, ...['zz-error', 'zz-note', 'zz-table', 'zz-fatal', 'zz-warning', operatorsName]]
    assert.deepEqual(
      told.filter((word) => text.includes(word)),
      [],
    )
    for (const { id, name } of await service.storage.accounts()) {
      assert.ok(!text.includes(id) && !text.includes(`"${name}"`), name)
    }
  })
})
