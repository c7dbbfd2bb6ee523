/** Operators, hosts and accounts at every route; acting in accounts; credentials that end; and what rate limits answer. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { after, before, test } from 'node:test'
import { makeOperator, operator } from './support/operator.ts'
import {
  credentials,
  dialects,
  onBothStores,
  projects,
  type Reply,
  secretKeys,
  servers,
  startService,
  type TestService,
} from './support/service.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const nothingNamed = (path: string) => !path.includes(':')

onBothStores('who asks', (start) => {
  let service: TestService
  let accounts: { readonly acme: string; readonly other: string }
  let host: Record<string, string>
  const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    service.call(method, path, body, headers)
  const create = async (body: object, headers: Record<string, string> = credentials.right) => {
    const made = await call('POST', '/v1/credentials', body, headers)
    assert.equal(made.status, 201, made.text)
    return made.body
  }
  before(async () => {
    service = await start()
    await makeOperator(service.storage)
    const idOf = async (headers: Record<string, string>) =>
      (await call('GET', '/v1/account', undefined, headers)).body.account
    accounts = { acme: await idOf(credentials.right), other: await idOf(credentials.foreign) }
    const made = await call('POST', '/v1/hosts/kvm7/credentials', { label: 'agent' }, operator)
    assert.equal(made.status, 201, made.text)
    host = bearer(made.body.token)
  })
  after(() => service.close())

  for (const dialect of dialects) {
    const { profile, prefixes, routes, schemes } = dialect
    const hasBearer = (schemes as readonly string[]).includes('bearer')
    test(`${profile}: each holder at each route`, async () => {
      for (const route of routes) {
        if (route.scope === 'none') continue
        const path = `${prefixes[0]}${route.path.replace(/:\w+/g, 'x')}`
        const label = `${route.method} ${path}`
        const ask = async (headers: Record<string, string>) =>
          (await call(route.method, path, undefined, headers)).status
        // The token is no secret key: without the header nothing else is looked for.
        const refused = hasBearer ? 403 : 401
        assert.equal(await ask(host), route.scope === 'any' ? 200 : refused, `a host: ${label}`)
        const open = route.scope === 'any' || route.scope === 'operator' || route.operators
        const status = await ask(operator)
        if (open) assert.ok(![401, 403].includes(status) && status < 500, `an operator: ${label}: ${status}`)
        else assert.equal(status, refused, `an operator: ${label}`)
        const own = hasBearer ? credentials.right : secretKeys.right
        const name = { 'on-behalf-of': accounts.acme }
        assert.equal(await ask({ ...own, ...name }), 403, `an account with the header: ${label}`)
        assert.equal(await ask({ ...host, ...name }), refused, `a host with the header: ${label}`)
        assert.equal(await ask(name), 401, `nobody with the header: ${label}`)
        if (nothingNamed(route.path) && route.method === 'GET' && route.operation !== 'whoAmI') {
          for (const present of [
            operator,
            { 'x-api-key': tokenIn(operator) },
            { 'x-auth-token': tokenIn(operator) },
          ]) {
            const asOperator = await call('GET', path, undefined, {
              ...present,
              'on-behalf-of': accounts.other,
            })
            const theirs = await call(
              'GET',
              path,
              undefined,
              hasBearer ? credentials.foreign : secretKeys.foreign,
            )
            if (route.scope !== 'operator') assert.equal(comparable(asOperator), comparable(theirs), label)
          }
        }
      }
    })

    test(`${profile}: an account that is not there, and headers that are meant to confuse`, async () => {
      const route = routes.find(
        (each) => each.method === 'GET' && nothingNamed(each.path) && each.scope === 'read',
      )
      assert.ok(route)
      const path = `${prefixes[0]}${route.path}`
      for (const name of ['nobody', '', 'acme, other', `${'x'.repeat(4000)}`, '%00', "acme' --"]) {
        const { status, text } = await call('GET', path, undefined, { ...operator, 'on-behalf-of': name })
        assert.ok([400, 404].includes(status), `${name}: ${status} ${text}`)
      }
      const basic = credentials.password.authorization
      for (const headers of [
        { authorization: basic, 'x-api-key': tokenIn(operator) },
        { ...operator, 'x-api-key': 'another' },
        { ...operator, 'x-auth-token': 'another' },
        { authorization: `Basic ${Buffer.from(`first:${tokenIn(operator)}`).toString('base64')}` },
      ]) {
        const { status } = await call('GET', path, undefined, { ...headers, 'on-behalf-of': 'other' })
        assert.ok([401, 403].includes(status), `${JSON.stringify(headers)}: ${status}`)
      }
    })
  }

  test('an operator acts in an account by its name, and the account’s audit says so', async () => {
    const path = `/1.3/server/${servers.foreign}/firewall_rule`
    const rule = { firewall_rule: { direction: 'in', action: 'drop' } }
    const made = await call('POST', path, rule, { ...operator, 'on-behalf-of': 'other' })
    assert.equal(made.status, 201, made.text)
    const elsewhere = await call('POST', path, rule, { ...operator, 'on-behalf-of': 'acme' })
    assert.equal(elsewhere.status, 403)
    const { body, text } = await call('GET', '/v1/audit', undefined, credentials.foreign)
    assert.equal(body.events[0].actor, 'operator')
    assert.doesNotMatch(text, /\bada\b/, 'which operator')
    const datacenter = { properties: { name: 'made', location: 'de/txl' } }
    const created = await call('POST', '/cloudapi/v6/datacenters', datacenter, {
      ...{ ...operator, 'on-behalf-of': 'other' },
    })
    assert.equal(created.status, 202, created.text)
    const seen = await call(
      'GET',
      `/cloudapi/v6/datacenters/${created.body.id}`,
      undefined,
      credentials.foreign,
    )
    assert.equal(seen.body.metadata.createdBy, 'operator')
    const which = await service.storage.credentialPage(
      { holder: 'operator', now: 0 },
      { after: null, limit: 1 },
    )
    assert.equal(seen.text.includes(String(which[0]?.id)), false, 'nor its id')
  })

  test('what is made with a credential permits no more and ends no later; no other may make any', async () => {
    const read = await create({ kind: 'token', scopes: ['read'] })
    const narrow = await create({ kind: 'token', scopes: ['read', 'write'], profiles: ['hostup'] })
    const one = await create({ kind: 'token', scopes: ['read', 'write'], servers: [servers.web] })
    for (const { token } of [read, narrow, one]) {
      for (const [method, path, body] of [
        ['GET', '/v1/credentials'],
        ['POST', '/v1/credentials', { kind: 'token', scopes: ['read'] }],
        ['POST', `/v1/credentials/${read.id}/rotate`, {}],
        ['DELETE', `/v1/credentials/${read.id}`],
      ] as const) {
        assert.equal((await call(method, path, body, bearer(token))).status, 403, `${method} ${path}`)
      }
    }
    const upcloud = `/1.3/server/${servers.web}/firewall_rule`
    assert.equal((await call('GET', upcloud, undefined, bearer(narrow.token))).status, 403, 'another dialect')
    assert.equal((await call('GET', '/v1/whoami', undefined, bearer(narrow.token))).status, 200)

    const end = new Date(Date.now() + 86_400_000).toISOString()
    const later = new Date(Date.now() + 2 * 86_400_000).toISOString()
    const short = await create({ kind: 'token', scopes: ['write'], expiresAt: end })
    const as = bearer(short.token)
    for (const [field, body] of [
      ['scopes', { scopes: ['read', 'write'] }],
      ['expiresAt', { scopes: ['write'], expiresAt: later }],
      ['expiresAt', { scopes: ['write'], expiresAt: null }],
    ] as const) {
      const refused = await call('POST', '/v1/credentials', { kind: 'token', ...body }, as)
      assert.deepEqual([refused.status, refused.body.field], [400, field])
    }
    // Its new secret would be a way to more.
    assert.equal((await call('POST', `/v1/credentials/${narrow.id}/rotate`, {}, as)).status, 400)
    const made = await create({ kind: 'token', scopes: ['write'] }, as)
    assert.equal(made.expiresAt, end, 'as long as that it is made with')
    for (const [field, body] of [
      ['scopes', { kind: 'token', scopes: [] }],
      ['label', { kind: 'token', scopes: ['read'], label: 'Operator' }],
      ['username', { kind: 'password', username: 'operator', scopes: ['read'] }],
      ['username', { kind: 'password', scopes: ['read'] }],
      ['account', { kind: 'token', scopes: ['read'], account: accounts.other }],
      ['servers', { kind: 'token', scopes: ['read'], servers: [servers.foreign] }],
      ['profiles', { kind: 'token', scopes: ['read'], profiles: ['nobody'] }],
      ['password', { kind: 'token', scopes: ['read'], password: 'long enough it is' }],
      ['expiresAt', { kind: 'token', scopes: ['read'], expiresAt: '2020-01-01T00:00:00Z' }],
      ['holder', { kind: 'token', scopes: ['read'], holder: 'operator' }],
    ] as const) {
      const refused = await call('POST', '/v1/credentials', body)
      assert.equal(refused.status, 400, JSON.stringify(body))
      assert.match(String(refused.body.field), new RegExp(`^${field}`))
    }
  })

  test('a host’s credential says which accounts its agent may adopt into, and no other does', async () => {
    const hosts = '/v1/hosts/kvm8/credentials'
    const { acme, other } = accounts
    for (const [adopts, status] of [
      [undefined, 201],
      [[], 201],
      [[acme, other], 201],
      [null, 201],
      [['nobody'], 400],
      [[acme, acme], 400],
      ['all', 400],
      [[''], 400],
    ] as const) {
      const made = await call('POST', hosts, { adopts }, operator)
      assert.equal(made.status, status, made.text)
      if (status === 201) assert.deepEqual(made.body.adopts, adopts === undefined ? [] : adopts)
      else assert.match(made.text, /adopts/)
    }
    const listed = await call('GET', hosts, undefined, operator)
    assert.deepEqual(
      listed.body.credentials.map((each: { adopts: unknown }) => JSON.stringify(each.adopts)).sort(),
      [JSON.stringify([acme, other]), '[]', '[]', 'null'].sort(),
    )
    const [{ id }] = listed.body.credentials
    for (const adopts of [[other], null, []] as const) {
      const changed = await call('PATCH', `/v1/credentials/${id}`, { adopts }, operator)
      assert.deepEqual([changed.status, changed.body.adopts], [200, adopts])
      const { body } = await call('GET', '/v1/audit', undefined, operator)
      assert.deepEqual(body.events[0].after.adopts, adopts)
    }
    assert.equal((await call('PATCH', `/v1/credentials/${id}`, { adopts: ['nobody'] }, operator)).status, 400)
    for (const each of listed.body.credentials)
      await call('DELETE', `/v1/credentials/${each.id}`, undefined, operator)
    const tenant = await create({ kind: 'token', scopes: ['read'] })
    assert.deepEqual(tenant.adopts, [])
    const wider = await call('PATCH', `/v1/credentials/${tenant.id}`, { adopts: [acme] }, credentials.right)
    assert.equal(wider.status, 400, wider.text)
    assert.match(wider.text, /only hosts adopt/)
    const making = { kind: 'token', scopes: ['read'], adopts: [acme] }
    assert.equal((await call('POST', '/v1/credentials', making, credentials.right)).status, 400)
  })

  test('an account sees its own, an operator all; and nobody’s is found by another', async () => {
    const all = async (
      query: string,
      headers: Record<string, string>,
    ): Promise<{ holder: string; account: string; id: string }[]> => {
      const found = []
      for (let cursor = ''; ; ) {
        const { body } = await call('GET', `/v1/credentials?limit=2${query}${cursor}`, undefined, headers)
        found.push(...body.credentials)
        if (body.next === null) return found
        cursor = `&cursor=${body.next}`
      }
    }
    const own = await all('', credentials.right)
    assert.ok(
      own.length >= 5 &&
        own.every(({ account, holder }) => account === accounts.acme && holder === 'account'),
    )
    const theirs = await all('', credentials.foreign)
    const seen = new Set((await all('', operator)).map(({ id }) => id))
    assert.ok([...own, ...theirs].every(({ id }) => seen.has(id)))
    assert.deepEqual(
      (await all('&holder=host', operator)).map(({ holder }) => holder),
      ['host'],
    )
    assert.deepEqual(await all('&holder=host', credentials.right), [])
    assert.deepEqual(await all(`&account=${accounts.other}`, credentials.right), [])
    assert.deepEqual(
      (await all('', { ...operator, 'on-behalf-of': 'other' })).map(({ id }) => id),
      theirs.map(({ id }) => id),
    )
    const [foreign] = theirs
    for (const id of [foreign?.id, (await all('&holder=operator', operator))[0]?.id, 'nobodys']) {
      for (const [method, path] of [
        ['GET', ''],
        ['DELETE', ''],
        ['PATCH', ''],
        ['POST', '/rotate'],
      ] as const) {
        const body = method === 'GET' || method === 'DELETE' ? undefined : {}
        assert.equal(
          (await call(method, `/v1/credentials/${id}${path}`, body)).status,
          404,
          `${method} ${id}`,
        )
      }
    }
    // What the file gives would be back at the next start.
    const ofFile = await call('DELETE', `/v1/credentials/${foreign?.id}`, undefined, operator)
    assert.equal(ofFile.status, 409, ofFile.text)
  })

  test('a secret is answered once, and again to the same key; it is in no log, audit or tag', async () => {
    const headers = { ...credentials.right, 'idempotency-key': 'b4b7a1f0' }
    const body = { kind: 'secret-key', scopes: ['read', 'write'], label: 'ci' }
    const [made, again] = [await create(body, headers), await create(body, headers)]
    assert.deepEqual(again, made)
    assert.match(made.accessKey, /^SCW[A-Z0-9]{17}$/)
    assert.match(made.secretKey, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    const other = await call('POST', '/v1/credentials', { ...body, label: 'x' }, headers)
    assert.equal(other.body.field, 'Idempotency-Key')
    const key = { 'x-auth-token': made.secretKey }
    const used = await call('GET', '/instance/v1/zones/fr-par-1/servers', undefined, key)
    assert.equal(used.status, 200, used.text)
    const password = await create({
      kind: 'password',
      username: 'jo',
      password: 'correct horse',
      scopes: ['read'],
    })
    assert.equal(password.password, 'correct horse')
    const read = await call('GET', `/v1/credentials/${made.id}`)
    const audit = await call('GET', '/v1/audit')
    for (const secret of [made.secretKey, 'correct horse', tokenIn(operator)]) {
      for (const [where, text] of [
        ['the resource', `${read.text} ${JSON.stringify([...read.headers])}`],
        ['the audit', audit.text],
        ['the log', service.log.join('')],
      ] as const)
        assert.equal(text.includes(secret), false, where)
    }
    assert.deepEqual(audit.body.events[0].after, {
      ...{ holder: 'account', host: null, kind: 'password', label: 'jo', scopes: ['read'] },
      ...{ profiles: null, servers: null, expiresAt: null, previousUntil: null },
    })
  })

  test('rotated: both secrets until the overlap ends; a second rotation ends the first; revoked: none', async () => {
    const basic = (password: string) => ({
      authorization: `Basic ${Buffer.from(`kim:${password}`).toString('base64')}`,
    })
    const { id } = await create({
      kind: 'password',
      username: 'kim',
      password: 'password one',
      scopes: ['read'],
    })
    const lets = async (...passwords: string[]) =>
      Promise.all(
        passwords.map(
          async (each) => (await call('GET', '/v1/servers', undefined, basic(each))).status === 200,
        ),
      )
    const rotate = (password: string, overlap: number) =>
      call('POST', `/v1/credentials/${id}/rotate`, { password, overlap })
    assert.equal((await rotate('password two', 3600)).status, 201)
    assert.deepEqual(await lets('password one', 'password two', 'password nil'), [true, true, false])
    const { hash, previous } = (await service.storage.credential('password', 'kim')) ?? {}
    assert.equal(hash?.split('$')[4], previous?.hash.split('$')[4], 'one derivation serves for both')
    // Let in by memory, too.
    service.advance(3600_000)
    assert.deepEqual(await lets('password one', 'password two'), [false, true])
    assert.equal((await rotate('password 333', 3600)).status, 201)
    assert.equal((await rotate('password 444', 3600)).status, 201)
    assert.deepEqual(await lets('password two', 'password 333', 'password 444'), [false, true, true])
    assert.equal((await rotate('password 555', 0)).status, 201)
    assert.deepEqual(await lets('password 444', 'password 555'), [false, true])
    assert.equal((await call('DELETE', `/v1/credentials/${id}`)).status, 204)
    assert.deepEqual(await lets('password 555'), [false])
  })

  test('one that has ended is refused from that moment on, also where it is remembered', async () => {
    const soon = new Date(Date.now() + 3600_000 + 60_000).toISOString()
    const { token, id } = await create({ kind: 'token', scopes: ['read'], expiresAt: soon })
    const status = async () => (await call('GET', '/v1/servers', undefined, bearer(token))).status
    assert.equal(await status(), 200)
    service.advance(59_000)
    assert.equal(await status(), 200)
    service.advance(1001)
    assert.equal(await status(), 401)
    const ended = await call('GET', '/v1/credentials?expired=true')
    assert.deepEqual(
      ended.body.credentials.map((each: { id: string }) => each.id),
      [id],
    )
  })

  test('If-Match: what somebody else has changed meanwhile is not changed', async () => {
    const { id } = await create({ kind: 'token', scopes: ['read'] })
    const read = await call('GET', `/v1/credentials/${id}`)
    const tag = read.headers.get('etag') ?? ''
    const change = (headers: Record<string, string>) =>
      call(
        'PATCH',
        `/v1/credentials/${id}`,
        { label: String(Math.random()) },
        { ...credentials.right, ...headers },
      )
    assert.equal((await change({ 'if-match': tag })).status, 200)
    assert.equal((await change({ 'if-match': tag })).status, 412)
    assert.equal((await change({})).status, 200)
    const headers = { ...credentials.right, 'if-match': tag }
    assert.equal((await call('DELETE', `/v1/credentials/${id}`, undefined, headers)).status, 412)
    assert.equal((await call('POST', `/v1/credentials/${id}/rotate`, {}, headers)).status, 412)
  })

  test('a stream ends when its credential is revoked, and when it ends', async () => {
    for (const end of ['revoked', 'over'] as const) {
      const expiresAt = end === 'over' ? { expiresAt: new Date(Date.now() + 3661_500).toISOString() } : {}
      const { token, id } = await create({ kind: 'token', scopes: ['read'], ...expiresAt })
      const stream = await follow(service.url, bearer(token))
      const closed = once(stream, 'close', { signal: AbortSignal.timeout(30_000) })
      stream.resume()
      if (end === 'revoked') assert.equal((await call('DELETE', `/v1/credentials/${id}`)).status, 204)
      await closed
    }
  })

  test('an account has no more of them than its quota; revoking one makes room', async () => {
    const actor = { account: '', actor: 'test', dialect: 'system', requestId: '', at: 1 } as const
    const { body } = await call('GET', '/v1/credentials?limit=1000')
    const quota = async (quotas: object) => service.storage.run('setDefaultQuotas', { quotas }, actor)
    await quota({ credentials: body.credentials.length + 1 })
    const { id } = await create({ kind: 'token', scopes: ['read'] })
    const more = await call('POST', '/v1/credentials', { kind: 'token', scopes: ['read'] })
    assert.equal(more.status, 409, more.text)
    assert.equal((await call('DELETE', `/v1/credentials/${id}`)).status, 204)
    await create({ kind: 'token', scopes: ['read'] })
    await quota({})
  })

  test('when it was last used is kept, and changes nothing else', async () => {
    const { token, id } = await create({ kind: 'token', scopes: ['read'] })
    const { revision } = await call('GET', `/v1/credentials/${id}`).then(({ body }) => body)
    await call('GET', '/v1/servers', undefined, bearer(token))
    const newest = await service.storage.revision()
    const actor = { account: '', actor: 'test', dialect: 'system', requestId: '', at: 1 } as const
    for (const at of [5000, 4000])
      await service.storage.run('touchCredentials', { used: [{ id, at }] }, actor)
    const now = await call('GET', `/v1/credentials/${id}`)
    assert.deepEqual([now.body.lastUsedAt, now.body.revision], ['1970-01-01T00:00:05.000Z', revision])
    assert.equal(await service.storage.revision(), newest)
  })
})

test('a flood of one account is answered 429 in each dialect’s words, and another account notices nothing', async () => {
  const service = await startService({ rateLimits: { credential: { perSecond: 0.001, burst: 30 } } })
  try {
    const paths: Record<string, string> = {
      upcloud: '/1.3/account',
      hostup: '/api/vm/10000/firewall/options',
      scaleway: `/instance/v1/zones/fr-par-1/servers?project=${projects.first}`,
      ionos: '/cloudapi/v6/datacenters',
      native: '/v1/servers',
    }
    for (const { profile, schemes } of dialects) {
      const own = (schemes as readonly string[]).includes('bearer') ? credentials : secretKeys
      const path = paths[profile]
      assert.ok(path, profile)
      const flood = await Promise.all(
        Array.from({ length: 60 }, () => service.call('GET', path, undefined, own.right)),
      )
      const refused = flood.filter(({ status }) => status === 429)
      assert.ok(refused.length >= 30, `${profile}: ${refused.length}`)
      for (const { headers } of refused) assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/)
      assert.doesNotMatch(refused[0]?.text ?? '', /logins fail/)
      const theirs = await service.call('GET', '/v1/whoami', undefined, own.foreign)
      assert.equal(theirs.status, 200, profile)
    }
    assert.equal((await fetch(`${service.url}/healthz`)).status, 200)
    // Who has none is counted by their address.
    const unknown = await Promise.all(
      Array.from({ length: 40 }, () => service.call('GET', '/v1/servers', undefined, credentials.wrong)),
    )
    const count = (status: number) => unknown.filter((each) => each.status === status).length
    assert.deepEqual([count(401), count(429)], [30, 10])
    const text = await service.metrics.text()
    assert.match(text, /portcullis_http_rate_limited_total\{dialect="native",by="source"\} 10/)
  } finally {
    await service.close()
  }
})

test('requests of one address are counted whatever credential they have', async () => {
  const service = await startService({ rateLimits: { source: { perSecond: 0.001, burst: 3 } } })
  try {
    const all = [credentials.right, credentials.foreign, credentials.none, credentials.right]
    const statuses = []
    for (const headers of all)
      statuses.push((await service.call('GET', '/v1/servers', undefined, headers)).status)
    assert.deepEqual(statuses, [200, 200, 401, 429])
    assert.equal((await fetch(`${service.url}/metrics`)).status, 200)
  } finally {
    await service.close()
  }
})

const tokenIn = ({ authorization }: typeof operator): string => authorization.slice('Bearer '.length)

/** Without what differs from one answer to the next. */
test('with both limits each refuses by itself, in each dialect; probes and metrics are never refused', async () => {
  const rateLimits = { credential: { perSecond: 0.001, burst: 2 }, source: { perSecond: 0.001, burst: 3 } }
  const service = await startService({ rateLimits })
  try {
    const ask = (headers: Record<string, string>) => service.call('GET', '/v1/servers', undefined, headers)
    const first = [await ask(credentials.right), await ask(credentials.right), await ask(credentials.right)]
    assert.deepEqual(
      first.map(({ status }) => status),
      [200, 200, 429],
    )
    assert.match(first[2]?.text ?? '', /credential has asked too often/)
    assert.match((await ask(credentials.foreign)).text, /address has asked too often/)
    for (const { profile, prefixes, routes } of dialects) {
      const route = routes.find(({ method, scope }) => method === 'GET' && scope === 'read')
      const path = `${prefixes[0]}${route?.path.replace(/:\w+/g, 'x')}`
      const { status, headers } = await service.call('GET', path, undefined, credentials.foreign)
      assert.equal(status, 429, profile)
      assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/, profile)
    }
    for (const path of ['/healthz', '/readyz', '/metrics'])
      for (let n = 0; n < 5; n++) assert.equal((await fetch(service.url + path)).status, 200, path)
  } finally {
    await service.close()
  }
})

/** Without what differs from answer to answer, and what operators alone are told: whose it is, where, and which credential acted. */
const comparable = ({ status, text }: Reply) =>
  `${status} ${text.replace(/,"account":(?:null|"[^"]*")|"(?:credential|binding)":(?:null|\{[^}]*\}),/g, '').replace(/("(requestId|timestamp|seenAt|countedAt|since|owner|username)": *)"[^"]*"/g, '$1""')}`

async function follow(url: string, headers: Record<string, string>): Promise<IncomingMessage> {
  const asked = httpRequest(`${url}/v1/decisions`, { headers: { ...headers, accept: 'text/event-stream' } })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  assert.equal(response.statusCode, 200)
  return response.on('error', () => {})
}
