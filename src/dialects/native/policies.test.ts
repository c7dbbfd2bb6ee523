/** Native policies over HTTP: what they mean once attached, and what is refused by name. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { credentials, onBothStores, servers, type TestService } from '../../../test/support/service.ts'

const server = '00d1a100-0002-4000-8000-000000000001'
const foreign = '00d1a100-0002-4000-8000-000000000002'
const [front, back] = ['00d1a100-0002-4000-8000-0000000000a1', '00d1a100-0002-4000-8000-0000000000a2']
const account = (name: string, token: string, servers: readonly object[]) => ({
  ...{ name, credentials: [{ token }], servers },
})
const inventory = JSON.stringify({
  accounts: [
    account('acme', 'acme-token', [
      {
        ...{ profile: 'native', id: server, name: 'web', state: 'stopped' },
        interfaces: [
          { id: front, mac: '52:54:00:00:00:51', addresses: ['192.0.2.51', '2001:db8::51'] },
          { id: back, mac: '52:54:00:00:00:52', addresses: ['10.0.0.51'], type: 'private' },
        ],
      },
      { profile: 'upcloud', id: servers.web, name: 'other', zone: 'fi-hel1', interfaces: [] },
    ]),
    account('other', 'other-token', [{ profile: 'native', id: foreign, name: 'theirs' }]),
  ],
})

const rule = { action: 'allow', direction: 'ingress', protocol: 'tcp', destinationPorts: [22] }

onBothStores('native policies', (start) => {
  let service: TestService
  before(async () => {
    service = await start({ inventory })
  })
  after(() => service.close())

  const call = (...args: Parameters<TestService['call']>) => service.call(...args)
  async function ok(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
    const answer = await call(method, `/v1${path}`, body, headers && { ...credentials.right, ...headers })
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`)
    return answer
  }
  const policy = async (body: object) =>
    (await ok('POST', '/policies', { name: 'p', ...body })).body.id as string
  const put = (policies: readonly string[], nic?: string) =>
    ok('PUT', `/servers/${server}${nic === undefined ? '' : `/interfaces/${nic}`}/policies`, { policies })
  async function traced(direction: 'ingress' | 'egress', port: number, more: object = {}) {
    const [source, destination] =
      direction === 'ingress' ? ['198.51.100.1', '192.0.2.51'] : ['192.0.2.51', '198.51.100.1']
    const packet = { protocol: 'tcp', source, destination, destinationPort: port, ...more }
    const { body } = await ok('POST', '/trace', { server, direction, packet })
    return [body.action, body.decidedBy.kind, body.note]
  }
  const unattended = 'no policy is attached to the interface: nothing comes in but answers'

  test('an interface without a policy is closed, says so, and is so again when the last is taken off', async () => {
    const closed = async () => {
      assert.deepEqual(await traced('ingress', 22), ['deny', 'default', unattended])
      assert.deepEqual(await traced('egress', 22), ['allow', 'default', unattended])
      assert.deepEqual(await traced('ingress', 22, { state: 'established' }), ['allow', 'state', unattended])
      const { interfaces } = (await ok('GET', `/servers/${server}`)).body
      for (const { attached, policy } of interfaces) {
        assert.deepEqual(attached, [])
        assert.deepEqual(policy.ingress, { filtered: true, default: 'deny', lists: [] })
        assert.deepEqual(policy.egress, { filtered: true, default: 'allow', lists: [] })
        assert.equal(policy.stateful, true)
      }
    }
    await closed()
    const id = await policy({ rules: [rule] })
    const attached = await ok('POST', `/policies/${id}/attachments`, { server, interface: front })
    assert.equal(attached.headers.get('location'), `/v1/policies/${id}/attachments/${server}/${front}`)
    assert.deepEqual((await traced('ingress', 22)).slice(0, 2), ['allow', 'rule'])
    assert.deepEqual((await traced('ingress', 23)).slice(0, 2), ['deny', 'default'])
    // Switched off, or filtering nothing, it is as if it were not attached.
    await ok('PATCH', `/policies/${id}`, { enabled: false })
    assert.deepEqual((await traced('ingress', 22)).slice(0, 2), ['deny', 'default'])
    await ok('PATCH', `/policies/${id}`, {
      enabled: true,
      filters: ['egress'],
      defaults: { ingress: 'allow' },
    })
    assert.deepEqual((await traced('ingress', 22)).slice(0, 2), ['deny', 'default'])
    await ok('PATCH', `/policies/${id}`, { filters: ['egress', 'ingress'] })
    assert.deepEqual((await traced('ingress', 23)).slice(0, 2), ['allow', 'default'])
    assert.equal((await call('DELETE', `/v1/policies/${id}`)).status, 409)
    await ok('DELETE', `/policies/${id}/attachments/${server}/${front}`)
    await closed()
    await ok('DELETE', `/policies/${id}`)
    assert.equal((await call('GET', `/v1/policies/${id}`)).status, 404)
  })

  test('order is settable: the first match decides, and the strict default', async () => {
    const open = await policy({ name: 'open', defaults: { ingress: 'allow' }, rules: [rule] })
    const shut = await policy({
      name: 'shut',
      defaults: { ingress: 'reject' },
      rules: [{ ...rule, action: 'deny' }],
    })
    await put([open, shut])
    assert.deepEqual((await traced('ingress', 22)).slice(0, 2), ['allow', 'rule'])
    assert.deepEqual((await traced('ingress', 80)).slice(0, 2), ['reject', 'default'])
    await put([shut, open])
    assert.deepEqual((await traced('ingress', 22)).slice(0, 2), ['deny', 'rule'])
    // Those of a server come before those of an interface; one that is attached to both applies once.
    await put([open])
    await put([shut, open], front)
    const { interfaces } = (await ok('GET', `/servers/${server}`)).body
    assert.deepEqual(
      interfaces.map(({ attached }: { attached: string[] }) => attached),
      [[open, shut], [open]],
    )
    const places = (await ok('GET', `/policies/${open}/attachments`)).body.attachments
    assert.deepEqual(
      places.map((each: { interface: string | null }) => each.interface),
      [null, front],
    )
    await put([])
    await put([], front)
  })

  test('every field is the model’s; what is written is answered, and what it means', async () => {
    const id = await policy({})
    const given = {
      ...{ action: 'reject', direction: 'egress', enabled: false, family: 'ipv6', protocol: 'ICMP' },
      ...{ sources: ['2001:DB8::1', '2001:db8::2-2001:db8::5'], destinations: ['2001:db8:1::/48'] },
      ...{ icmpType: 128, icmpCode: 0, sourceMac: '52-54-00-00-00-51', comment: 'x "y" 😀', log: 'warning' },
    }
    const { body } = await ok('POST', `/policies/${id}/rules`, given)
    assert.deepEqual({ ...body, ...given }, body)
    assert.deepEqual(body.matches, [
      {
        ...{ family: 'ipv6', protocol: 58, icmpType: 128, icmpCode: 0, sourceMac: '52:54:00:00:00:51' },
        source: [['2001:db8::1', '2001:db8::5']],
        destination: [['2001:db8:1::', '2001:db8:1:ffff:ffff:ffff:ffff:ffff']],
      },
    ])
    assert.equal(body.position, 1)
    const ports = {
      ...rule,
      protocol: 6,
      sourcePorts: ['1024-65535'],
      destinationPorts: [443, '80', '79-81'],
    }
    const { body: second } = await ok('POST', `/policies/${id}/rules`, { ...ports, before: body.id })
    assert.deepEqual(second.matches, [
      {
        protocol: 6,
        destinationPorts: [
          [79, 81],
          [443, 443],
        ],
        sourcePorts: [[1024, 65_535]],
      },
    ])
    assert.deepEqual([second.position, second.destinationPorts], [1, [443, '80', '79-81']])
    // Null takes back.
    const { body: any } = await ok('PATCH', `/policies/${id}/rules/${second.id}`, {
      ...{ protocol: null, sourcePorts: null, destinationPorts: null },
    })
    assert.deepEqual([any.matches, any.text], [[{}], 'allow any'])
    await ok('PATCH', `/policies/${id}/rules/${second.id}`, { after: body.id })
    const { rules } = (await ok('GET', `/policies/${id}/rules`)).body
    assert.deepEqual(
      rules.map((each: { id: string; position: number }) => [each.id, each.position]),
      [
        [body.id, 1],
        [second.id, 2],
      ],
    )
    await ok('DELETE', `/policies/${id}`)
  })

  test('what is wrong is refused by the name of its field, and nothing is done', async () => {
    const id = await policy({ rules: [rule] })
    const revision = await service.storage.revision()
    const many = Array.from({ length: 257 }, (_, n) => n)
    for (const [more, field, reason] of [
      [{ destinationPorts: [22, '80-79'] }, 'destinationPorts[1]', /above its last/],
      [{ destinationPorts: [65_536] }, 'destinationPorts[0]', /./],
      [{ destinationPorts: ['70000'] }, 'destinationPorts[0]', /65535/],
      [{ destinationPorts: ['ssh'] }, 'destinationPorts[0]', /first-last/],
      [{ destinationPorts: [] }, 'destinationPorts', /./],
      [{ destinationPorts: many }, 'destinationPorts', /./],
      [{ protocol: null }, 'destinationPorts', /needs a protocol/],
      [{ protocol: 'icmp' }, 'destinationPorts', /needs a protocol/],
      [{ protocol: 'nonsense' }, 'protocol', /./],
      [{ protocol: 256 }, 'protocol', /./],
      [{ protocol: 'icmpv6', family: 'ipv4', destinationPorts: null }, 'protocol', /family/],
      [{ protocol: 44, family: 'ipv6', destinationPorts: null }, 'protocol', /header/],
      [{ icmpType: 8 }, 'icmpType', /needs the protocol icmp/],
      [{ protocol: 1, family: 'ipv6', destinationPorts: null, icmpCode: 0 }, 'icmpCode', /own family/],
      [{ sources: ['10.0.0.1/8'] }, 'sources[0]', /bits beyond/],
      [{ sources: ['10.0.0.0/8', '10.0.0.2-10.0.0.1'] }, 'sources[1]', /above its last/],
      [{ sources: ['10.0.0.1-2001:db8::1'] }, 'sources[0]', /two families/],
      [{ sources: ['::ffff:10.0.0.1'] }, 'sources[0]', /as IPv4/],
      [{ sources: ['10.0.0.1\u0001'] }, 'sources[0]', /./],
      [{ sources: ['2001:db8::/32'], family: 'ipv4' }, 'sources[0]', /family/],
      [{ sources: ['2001:db8::/32'], destinations: ['10.0.0.1'] }, 'destinations', /families/],
      [{ sourceMac: '52:54' }, 'sourceMac', /MAC/],
      [{ comment: 'two\nlines' }, 'comment', /one line/],
      [{ comment: '\u0001' }, 'comment', /one line/],
      [{ comment: 'x'.repeat(1001) }, 'comment', /./],
      [{ action: 'drop' }, 'action', /expected one of/],
      [{ direction: 'in' }, 'direction', /expected one of/],
      [{ log: 'loud' }, 'log', /expected one of/],
      [{ colour: 'red' }, 'colour', /additional/],
      [{ text: 'allow all' }, 'text', /follows from/],
      [{ matches: [] }, 'matches', /follows from/],
    ] as const) {
      for (const [method, path, body, at] of [
        ['POST', `/v1/policies/${id}/rules`, { ...rule, ...more }, ''],
        ['PUT', `/v1/policies/${id}/rules`, { rules: [rule, { ...rule, ...more }] }, 'rules[1].'],
        ['POST', '/v1/policies', { name: 'x', rules: [{ ...rule, ...more }] }, 'rules[0].'],
      ] as const) {
        const answer = await call(method, path, body)
        assert.deepEqual([answer.status, answer.body.field], [400, at + field], answer.text)
        assert.match(answer.body.detail, reason)
      }
    }
    for (const [method, path, body, status, field] of [
      ['POST', `/policies/${id}/rules`, { ...rule, position: 1, after: 'x' }, 400, 'position'],
      ['POST', `/policies/${id}/rules`, { ...rule, after: 'x' }, 400, 'after'],
      ['PUT', `/policies/${id}/rules`, { rules: [{ ...rule, id: 'x' }] }, 400, 'rules[0].id'],
      ['PUT', `/policies/${id}/rules`, { rules: [{ ...rule, position: 2 }] }, 400, 'rules[0].position'],
      ['PUT', `/policies/${id}/rules`, { rules: Array(1001).fill(rule) }, 400, 'rules'],
      ['PATCH', `/policies/${id}`, { labels: { '': 'x' } }, 400, 'labels'],
      ['PATCH', `/policies/${id}`, { labels: { a: 'x\u0001' } }, 400, 'labels.a'],
      ['PATCH', `/policies/${id}`, { name: '' }, 400, 'name'],
      ['PATCH', `/policies/${id}`, { name: 'x\u0001' }, 400, 'name'],
      ['PATCH', `/policies/${id}`, { profile: 'upcloud' }, 400, 'profile'],
      ['PATCH', `/policies/${id}`, { defaults: { ingress: 'drop' } }, 400, 'defaults.ingress'],
      ['POST', `/policies/${id}/attachments`, { server: 'x\u0001' }, 400, 'server'],
      ['POST', `/policies/${id}/attachments`, { server: foreign }, 400, 'server'],
      ['POST', `/policies/${id}/attachments`, { server: servers.web }, 400, 'server'],
      ['POST', `/policies/${id}/attachments`, { server, interface: 'x' }, 400, 'interface'],
      ['PUT', `/servers/${server}/policies`, { policies: [id, 'x'] }, 400, 'policies[1]'],
      ['PUT', `/servers/${server}/policies`, { policies: Array(33).fill(id) }, 400, 'policies'],
      ['PUT', `/servers/${server}/interfaces/x/policies`, { policies: [] }, 404, undefined],
    ] as const) {
      const answer = await call(method, `/v1${path}`, body)
      assert.deepEqual([answer.status, answer.body.field], [status, field], answer.text)
    }
    assert.equal(await service.storage.revision(), revision)
    await ok('DELETE', `/policies/${id}`)
  })

  test('rules and places of other profiles are read, and written by their own API only', async () => {
    const { policies } = (await ok('GET', `/policies?profile=upcloud&server=${servers.web}`)).body
    assert.equal(policies.length, 1)
    const [{ id }] = policies
    assert.deepEqual((await ok('GET', `/policies/${id}/rules`)).body, { rules: [] })
    assert.deepEqual((await ok('GET', `/policies/${id}/attachments`)).body.attachments[0].server, servers.web)
    const revision = await service.storage.revision()
    for (const [method, path, body] of [
      ['POST', `/policies/${id}/rules`, rule],
      ['PUT', `/policies/${id}/rules`, { rules: [] }],
      ['PUT', `/policies/${id}/attachments`, { attachments: [] }],
      ['DELETE', `/policies/${id}/attachments/${servers.web}`, undefined],
      ['PUT', `/servers/${servers.web}/policies`, { policies: [] }],
      ['DELETE', `/policies/${id}`, undefined],
    ] as const) {
      assert.equal((await call(method, `/v1${path}`, body)).status, 409, `${method} ${path}`)
    }
    const answer = await call('PATCH', `/v1/policies/${id}`, {
      defaults: { ingress: 'allow', egress: 'deny' },
    })
    assert.deepEqual([answer.status, answer.body.field], [400, 'defaults'])
    assert.equal(await service.storage.revision(), revision)
  })

  test('writes insist on a revision, and creations are done once', async () => {
    const key = { 'idempotency-key': 'k1' }
    const first = await ok('POST', '/policies', { name: 'once', rules: [rule] }, key)
    const again = await ok('POST', '/policies', { name: 'once', rules: [rule] }, key)
    assert.deepEqual([again.body, again.headers.get('idempotent-replayed')], [first.body, 'true'])
    const { id } = first.body
    const path = `/policies/${id}`
    const tag = async (of: string) => String((await ok('GET', of)).headers.get('etag'))
    for (const [method, to, body, of] of [
      ['PATCH', path, { name: 'n' }, path],
      ['PUT', `${path}/rules`, { rules: [rule, rule] }, `${path}/rules`],
      ['POST', `${path}/rules`, { ...rule, position: 1 }, `${path}/rules`],
      ['PUT', `${path}/attachments`, { attachments: [{ server }] }, `${path}/attachments`],
      ['PUT', `/servers/${server}/policies`, { policies: [] }, `/servers/${server}/policies`],
    ] as const) {
      const before = await tag(of)
      const stale = await call(method, `/v1${to}`, body, { ...credentials.right, 'if-match': '"1"' })
      assert.equal(stale.status, 412, `${method} ${to} ${stale.text}`)
      await ok(method, to, body, { 'if-match': before })
      assert.notEqual(await tag(of), before, `${method} ${to}`)
      assert.equal(
        (await call(method, `/v1${to}`, body, { ...credentials.right, 'if-match': before })).status,
        412,
      )
    }
    const [one] = (await ok('GET', `${path}/rules`)).body.rules
    for (const [method, body] of [
      ['PATCH', { enabled: false }],
      ['PUT', rule],
      ['DELETE', undefined],
    ] as const) {
      const to = `/v1${path}/rules/${one.id}`
      assert.equal((await call(method, to, body, { ...credentials.right, 'if-match': '"1"' })).status, 412)
      await ok(method, to.slice(3), body, { 'if-match': await tag(path) })
    }
    assert.equal(
      (await call('DELETE', `/v1${path}`, undefined, { ...credentials.right, 'if-match': '"1"' })).status,
      412,
    )
    await ok('DELETE', path, undefined, { 'if-match': await tag(path) })
  })

  test('parts of one rule that are changed at once are all in it', async () => {
    const id = await policy({ rules: [rule] })
    const [{ id: first }] = (await ok('GET', `/policies/${id}/rules`)).body.rules
    const parts = [
      { comment: 'c' },
      { log: 'info' },
      { sources: ['10.0.0.1'] },
      { action: 'deny' },
      { sourcePorts: [1] },
    ]
    await Promise.all(parts.map((part) => ok('PATCH', `/policies/${id}/rules/${first}`, part)))
    const { body } = await ok('GET', `/policies/${id}/rules/${first}`)
    assert.deepEqual({ ...body, ...Object.assign({}, ...parts) }, body)
    await ok('DELETE', `/policies/${id}`)
  })

  test('pages of all policies are each once, and filters choose', async () => {
    const ids = await Promise.all(['a', 'b', 'b'].map((name) => policy({ name })))
    const seen: string[] = []
    for (let cursor = ''; ; ) {
      const { policies, next } = (await ok('GET', `/policies?limit=2${cursor}`)).body
      seen.push(...policies.map((each: { id: string }) => each.id))
      if (next === null) break
      cursor = `&cursor=${next}`
    }
    assert.deepEqual(seen, [...new Set(seen)])
    assert.ok(ids.every((id) => seen.includes(id)))
    const named = (await ok('GET', '/policies?name=b')).body.policies
    assert.deepEqual(named.map((each: { id: string }) => each.id).toSorted(), ids.slice(1).toSorted())
    for (const id of ids) await ok('DELETE', `/policies/${id}`)
  })
})
