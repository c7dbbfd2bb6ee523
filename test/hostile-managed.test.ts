/**
 * Input made to hurt for what the native API manages: every answer is a problem of 4xx, nothing is half done, and of several
 * writers who want the same one has it.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { makeOperator, operator } from './support/operator.ts'
import {
  credentials,
  datacenters,
  nics,
  onBothStores,
  projects,
  type Reply,
  servers,
  type TestService,
} from './support/service.ts'
import { seenOn, sighting } from './support/sightings.ts'
import { assertSound } from './support/whole.ts'

const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
const bodies: Record<string, Buffer | string> = {
  'no JSON': 'name=x',
  'half of it': '{"name":"x"',
  'two of it': '{}{}',
  'a lonely value': '5',
  null: 'null',
  text: '"name"',
  'a list': '[{"name":"x"}]',
  'blanks only': '   ',
  'invalid UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  'a NUL byte': '{"name":"a\0b"}',
  'deep lists': deep(100_000),
  'deep objects': `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`,
  'deep where a name is due': `{"name":${deep(40)}}`,
  'a prototype': '{"__proto__":{"name":"x"}}',
  'many keys': `{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":1`).join(',')}}`,
  'too large': `{"name":"${'x'.repeat(2_200_000)}"}`,
}

/** What no field may be, or must be taken as it is. */
const odd: readonly unknown[] = [
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    2 ** 53,
    2 ** 63,
    '',
    ' ',
    'x'.repeat(70_000),
    '\0',
    'a\0b',
    '\ud800',
    'a\udfffb',
  ],
  ...['__proto__', 'constructor', "'; --", '%', '_', '\\', '"', '\u202e', '\n', '../..', '😀'.repeat(64)],
  ...[
    [],
    {},
    [[]],
    [null],
    [{}],
    { constructor: 1 },
    JSON.parse('{"__proto__":{"a":1}}'),
    ['\ud800'],
    { '\ud800': '\ud800' },
  ],
]

onBothStores('hostile input for what is managed', (start) => {
  let service: TestService
  let account: string
  let other: string
  let zone: string
  // biome-ignore lint/suspicious/noExplicitAny: a test picks from whatever came
  let server: any
  before(async () => {
    service = await start()
    await makeOperator(service.storage)
    account = (await service.call('GET', '/v1/account')).body.account
    const of = async (path: string, body: object) =>
      (await service.call('POST', path, { account, ...body }, operator)).body
    other = (await service.call('POST', '/v1/accounts', { name: 'patched' }, operator)).body.id
    server = await of('/v1/servers', {
      profile: 'upcloud',
      name: 'fuzzed',
      zone: 'fi-hel1',
      interfaces: [{}, {}],
    })
    zone = (await of('/v1/zones', { profile: 'ionos', name: 'fuzzed' })).id
    await seenOn(service.storage, 'r', [sighting('tap8', null), sighting('tap9', '52:54:00:aa:bb:cc')])
  })
  after(async () => {
    await assertSound(service.place).finally(() => service.close())
  })

  const within = () => ({ ...operator, 'on-behalf-of': account })
  const fine = ({ status, text, body }: Reply, what: string) => {
    assert.ok(status < 500, `${what}: ${status} ${text.slice(0, 300)}`)
    if (status < 400) return
    assert.equal(body?.status, status, `${what}: ${text.slice(0, 300)}`)
    assert.ok(text.length < 4000, `${what}: ${text.length} characters`)
  }
  /** Everything that is written with a body, and a body of it that is right. */
  const writes = (): readonly (readonly [string, string, Record<string, unknown>])[] => [
    [
      'POST',
      '/v1/accounts',
      { name: 'n', contractNumber: 1, quotas: { servers: 1 }, cutFlows: 'never', id: 'i' },
    ],
    ['PATCH', `/v1/accounts/${other}`, { name: 'q', contractNumber: 2, quotas: {}, closed: false }],
    ['POST', '/v1/projects', { profile: 'scaleway', name: 'n', description: 'd', account, id: 'i' }],
    ['PATCH', `/v1/projects/${projects.second}`, { name: 'n', description: 'd' }],
    ['POST', '/v1/zones', { profile: 'ionos', name: 'n', location: 'de/fra', description: 'd', id: 'i' }],
    ['PATCH', `/v1/zones/${zone}`, { name: 'n', location: 'de/txl', description: 'd' }],
    [
      ...(['POST', '/v1/servers'] as const),
      {
        ...{
          profile: 'upcloud',
          name: 'n',
          zone: 'fi-hel1',
          state: 'started',
          plan: '1xCPU-1GB',
          labels: { a: 'b' },
        },
        ...{
          firewall: true,
          id: 'i',
          vmid: 7,
          project: projects.first,
          datacenter: datacenters.own,
          account,
        },
        interfaces: [{ mac: '52:54:00:00:bb:01' }],
      },
    ],
    [
      'PATCH',
      `/v1/servers/${server.id}`,
      { name: 'n', state: 'started', plan: 'p', labels: {}, firewall: true },
    ],
    [
      ...(['POST', `/v1/servers/${server.id}/interfaces`] as const),
      {
        ...{ id: 'i', mac: '52:54:00:00:bb:02', addresses: ['192.0.2.77'], allowedAddresses: ['10.0.0.0/8'] },
        ...{ senderCheck: true, observe: true, vlanTrunk: true, allowedFrames: [0x88cc], maxConnections: 1 },
        ...{ type: 'public', host: 'h', device: 'tap77', lan: 1, firewallActive: true },
      },
    ],
    [
      ...(['PATCH', `/v1/interfaces/${server.interfaces[1].id}`] as const),
      {
        ...{ mac: '52:54:00:00:bb:03', addresses: ['192.0.2.78'], allowedAddresses: [], senderCheck: true },
        ...{ observe: true, vlanTrunk: true, allowedFrames: [], maxConnections: 1, type: 'public', lan: 1 },
        ...{ firewallActive: true },
      },
    ],
    [
      'PUT',
      `/v1/bindings/${server.interfaces[0].id}`,
      { host: 'h', device: 'tap78', from: server.interfaces[1].id },
    ],
    [
      ...(['POST', '/v1/bindings'] as const),
      {
        bindings: [
          { interface: server.interfaces[1].id, host: 'h', device: 'tap79', from: server.interfaces[0].id },
        ],
      },
    ],
  ]

  test('bodies of every wrong kind', async () => {
    const revision = await service.storage.revision()
    for (const [method, path] of writes()) {
      for (const [name, body] of Object.entries(bodies)) {
        const sent = { ...operator, 'content-type': 'application/json' }
        const answer = await service.raw(method, path, body, sent)
        fine(answer, `${method} ${path} of ${name}`)
        assert.ok(answer.status >= 400, `${method} ${path} of ${name}: ${answer.text}`)
      }
    }
    assert.equal(await service.storage.revision(), revision, 'something is changed')
  })

  test('every field with everything that it is not', async () => {
    for (const [method, path, right] of writes()) {
      for (const field of [...Object.keys(right), '__proto__', 'constructor', 'toString', '\ud800', '']) {
        const send = async (value: unknown) => {
          const text = JSON.stringify({ ...right, [field]: undefined }).replace(/}$/, '')
          const member = `${JSON.stringify(field)}:${JSON.stringify(value)}`
          const sent = `${text}${text === '{' ? '' : ','}${member}}`
          const answer = await service.raw(method, path, sent, {
            ...(path.endsWith('bindings') || path.includes('accounts') ? operator : within()),
            'content-type': 'application/json',
          })
          fine(answer, `${method} ${path} ${sent.slice(0, 300)}`)
        }
        await Promise.all(odd.map(send))
      }
    }
    await assertSound(service.place)
  })

  test('any JSON at all', async () => {
    const all = writes()
    const keys = [...new Set(all.flatMap(([, , body]) => Object.keys(body)))]
    const values = all.flatMap(([, , body]) => Object.values(body))
    const value = fc.oneof(fc.constantFrom(...values, ...odd), fc.jsonValue({ maxDepth: 2 }))
    const given = fc.dictionary(fc.constantFrom(...keys, '__proto__'), value, { maxKeys: 6 })
    await fc.assert(
      fc.asyncProperty(fc.oneof(given, fc.jsonValue()), fc.nat(all.length - 1), async (some, n) => {
        const [method, path, right] = all[n] as (typeof all)[number]
        const whole = some !== null && typeof some === 'object' && !Array.isArray(some)
        for (const body of [
          some,
          whole ? { ...right, ...some } : { ...right, name: some },
          { bindings: [some] },
        ]) {
          fine(await service.call(method, path, body, operator), `${method} ${path} ${JSON.stringify(body)}`)
        }
      }),
      { numRuns: 150 },
    )
    await assertSound(service.place)
  })

  const lists = ['accounts', 'projects', 'zones', 'servers', 'bindings', 'hosts/r/unclaimed'] as const
  const encoded = (key: unknown) => Buffer.from(JSON.stringify(key)).toString('base64url')
  test('cursors that are forged, or of another list, and other queries', async () => {
    const cursors = [
      ...['', 'x', '%00', '=', encoded(null), encoded([]), encoded({}), encoded([1]), encoded([null])],
      ...[
        encoded(['a']),
        encoded(['1', 'a']),
        encoded(['a', 'b']),
        encoded(['a', 'b', 'c']),
        encoded(['1', 'a', 'b']),
      ],
      ...[
        encoded(['2', 'ionos', 'x']),
        encoded(['9'.repeat(15), 'x', 'y']),
        encoded(['a', '9'.repeat(15), 'b']),
      ],
      ...[
        encoded(['a', '9'.repeat(40), 'b']),
        encoded(['\ud800']),
        encoded(['\ud800', '1', '\ud800']),
        encoded(['\0']),
      ],
      ...[encoded(Array(1000).fill('a')), encoded(['a'.repeat(5000)]), encoded(['__proto__', 'constructor'])],
    ]
    for (const list of lists) {
      const page = await service.call('GET', `/v1/${list}?limit=1`, undefined, operator)
      assert.equal(page.status, 200, page.text)
      if (page.body.next) cursors.push(page.body.next)
    }
    const revision = await service.storage.revision()
    for (const list of lists) {
      for (const cursor of cursors) {
        const path = `/v1/${list}?cursor=${cursor}`
        fine(await service.call('GET', path, undefined, operator), path)
      }
      for (const query of [
        ...[
          'limit=0',
          'limit=-1',
          'limit=1e9',
          'limit=99999999999999999999',
          'limit=',
          'limit=1&limit=2',
          'closed=maybe',
        ],
        ...[
          'name=%00',
          'name=%ff',
          'name=%ed%a0%80',
          `name=${'x'.repeat(5000)}`,
          'name=a&name=b',
          'profile=__proto__',
        ],
        ...[
          'profile=',
          'account=nobody',
          'account=%00',
          'host=%00',
          'zone=%00',
          'device=%00',
          'mac=zz',
          'server=%00',
        ],
        ...['colour=red', '__proto__=x', '%00=x'],
      ]) {
        fine(await service.call('GET', `/v1/${list}?${query}`, undefined, operator), `${list}?${query}`)
      }
      for (const id of [
        '%00',
        '%ff',
        '__proto__',
        'x'.repeat(300),
        '%20',
        '%2e%2e',
        '%ed%a0%80',
        '%25',
        "'%20or%201=1",
      ]) {
        for (const method of ['GET', 'DELETE'] as const) {
          const answer = await service.call(method, `/v1/${list}/${id}`, undefined, operator)
          fine(answer, `${method} ${list}/${id}`)
          assert.ok(answer.status >= 400, `${method} ${list}/${id}`)
        }
      }
    }
    assert.equal(await service.storage.revision(), revision)
  })

  test('headers: for whom, on what condition, and once', async () => {
    const wanted = { profile: 'upcloud', name: 'n', zone: 'fi-hel1' }
    for (const [name, value] of [
      ...['', ' ', 'nobody', 'other,acme', '%00', '__proto__', '\u00ff', '"acme"', 'x'.repeat(5000)].map(
        (each) => ['on-behalf-of', each] as const,
      ),
      ...[
        '',
        '7',
        '"7',
        'W/"7"',
        '"7","8"',
        '"x"',
        '"-1"',
        '"99999999999999999999"',
        '"9007199254740993"',
        '**',
      ].map((each) => ['if-match', each] as const),
      ...['', ' ', '\u00ff', 'x'.repeat(256), 'a b'].map((each) => ['idempotency-key', each] as const),
    ]) {
      const headers = { ...operator, [name]: value }
      const revision = await service.storage.revision()
      for (const [method, path, body] of [
        ['GET', '/v1/servers'],
        ['POST', '/v1/servers', wanted],
        ['PATCH', `/v1/servers/${servers.db}`, { name: 'never' }],
        ['DELETE', `/v1/bindings/${nics.cube}`],
        ['PUT', `/v1/bindings/${nics.cube}`, { host: 'lo\u0000', device: 'x' }],
      ] as const) {
        fine(
          await service.call(method, path, body, headers),
          `${method} ${path} ${name}: ${value.slice(0, 30)}`,
        )
      }
      // Without a usable account no operator makes a server; neither changes anything on a condition that is none.
      if (name !== 'idempotency-key' && value.trim() !== '')
        assert.equal(await service.storage.revision(), revision, `${name}: ${value.slice(0, 30)}`)
    }
    // An owner names nobody else.
    for (const whom of ['other', account]) {
      const headers = { ...credentials.foreign, 'on-behalf-of': whom }
      const answer = await service.call('GET', `/v1/servers/${servers.web}`, undefined, headers)
      assert.ok([403, 404].includes(answer.status), answer.text)
    }
  })

  test('an idempotency key for another body, route, account or caller', async () => {
    const key = { 'idempotency-key': 'once-1' }
    const made = await service.call(
      'POST',
      '/v1/projects',
      { profile: 'scaleway', name: 'once' },
      { ...within(), ...key },
    )
    assert.equal(made.status, 201, made.text)
    const count = async () =>
      (await service.call('GET', '/v1/projects?limit=1000', undefined, operator)).body.projects.length
    const before = await count()
    for (const [path, body] of [
      ['/v1/projects', { profile: 'scaleway', name: 'another' }],
      ['/v1/zones', { profile: 'scaleway', name: 'once' }],
      ['/v1/zones', { profile: 'ionos', name: 'once' }],
      ['/v1/servers', { profile: 'upcloud', name: 'once', zone: 'fi-hel1' }],
    ] as const) {
      const answer = await service.call('POST', path, body, { ...within(), ...key })
      assert.equal(answer.status, 400, `${path}: ${answer.text}`)
      assert.equal(
        answer.body.field,
        path === '/v1/zones' && body.profile === 'scaleway' ? answer.body.field : 'Idempotency-Key',
      )
    }
    assert.equal(await count(), before)
    const again = await service.call(
      'POST',
      '/v1/projects',
      { profile: 'scaleway', name: 'once' },
      { ...within(), ...key },
    )
    assert.deepEqual([again.status, again.body.id], [201, made.body.id])
    // Another account's, by the same operator and by its owner, is another request.
    const wanted = { profile: 'scaleway', name: 'once' }
    for (const headers of [
      { ...operator, 'on-behalf-of': 'other' },
      credentials.foreign,
      credentials.right,
    ]) {
      const answer = await service.call('POST', '/v1/projects', wanted, { ...headers, ...key })
      assert.equal(answer.status, 201, answer.text)
      assert.notEqual(answer.body.id, made.body.id)
    }
    // At once: one is made, and everybody is told of it.
    const key2 = { ...within(), 'idempotency-key': 'once-2' }
    const start = await count()
    const all = await Promise.all(
      Array.from({ length: 8 }, () =>
        service.call('POST', '/v1/projects', { ...wanted, name: 'twice' }, key2),
      ),
    )
    for (const each of all) assert.ok([201, 409].includes(each.status), each.text)
    assert.equal((await count()) - start, 1)
    // What it made is gone: it is not made again, and not claimed to be there.
    assert.equal(
      (await service.call('DELETE', `/v1/projects/${made.body.id}`, undefined, operator)).status,
      204,
    )
    const gone = await service.call(
      'POST',
      '/v1/projects',
      { profile: 'scaleway', name: 'once' },
      { ...within(), ...key },
    )
    assert.equal(gone.status, 404, gone.text)
  })

  test('several at once: one has the device, the name, the number, the MAC address, the id', async () => {
    const winners = async (name: string, requests: readonly (() => Promise<Reply>)[]) => {
      const answers = await Promise.all(requests.map((each) => each()))
      assert.equal(
        answers.filter(({ status }) => status < 300).length,
        1,
        `${name}: ${answers.map((a) => a.text)}`,
      )
      for (const each of answers) assert.ok(each.status < 300 || each.status === 409, `${name}: ${each.text}`)
      await assertSound(service.place)
    }
    const post = (path: string, body: object) => () => service.call('POST', path, body, operator)
    const race = { account, profile: 'upcloud', name: 'race', zone: 'fi-hel1' }
    const six = <T>(of: (n: number) => T): T[] => Array.from({ length: 6 }, (_, n) => of(n))
    await winners(
      'name',
      six(() => post('/v1/accounts', { name: 'raced' })),
    )
    await winners(
      'contract',
      six((n) => post('/v1/accounts', { name: `r${n}`, contractNumber: 555 })),
    )
    await winners(
      'id',
      six(() => post('/v1/servers', { ...race, id: 'raced' })),
    )
    await winners(
      'number',
      six(() => post('/v1/servers', { ...race, zone: undefined, profile: 'hostup', vmid: 555 })),
    )
    await winners(
      'MAC',
      six(() => post('/v1/servers', { ...race, interfaces: [{ mac: '52:54:00:00:cc:01' }] })),
    )
    await winners(
      'device',
      six(() => post('/v1/servers', { ...race, interfaces: [{ host: 'r', device: 'tap1' }] })),
    )
    await winners(
      'zone',
      six(() =>
        post('/v1/zones', {
          account,
          profile: 'ionos',
          name: 'z',
          id: '0dc00000-0000-4000-8000-00000000000f',
        }),
      ),
    )
    const made = await Promise.all(
      six(
        async () =>
          (await post('/v1/servers', { ...race, interfaces: [{}] })()).body.interfaces[0].id as string,
      ),
    )
    await winners(
      'claim',
      made.map(
        (id) => () => service.call('PUT', `/v1/bindings/${id}`, { host: 'r', device: 'tap2' }, operator),
      ),
    )
    const [holder] = (await service.call('GET', '/v1/bindings?host=r&device=tap2', undefined, operator)).body
      .bindings
    await winners(
      'hand-over',
      made
        .filter((id) => id !== holder.interface)
        .map(
          (id) => () =>
            service.call(
              'PUT',
              `/v1/bindings/${id}`,
              { host: 'r', device: 'tap2', from: holder.interface },
              operator,
            ),
        ),
    )
    const { revision } = (await service.call('GET', `/v1/servers/${servers.db}`, undefined, operator)).body
    const answers = await Promise.all(
      six((n) =>
        service.call(
          'PATCH',
          `/v1/servers/${servers.db}`,
          { name: `db${n}` },
          { ...operator, 'if-match': `"${revision}"` },
        ),
      ),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412, 412, 412, 412, 412])
  })

  test('an account is deleted while servers, zones and credentials are made in it', async () => {
    for (let round = 0; round < 5; round++) {
      const { id } = (await service.call('POST', '/v1/accounts', { name: `short-${round}` }, operator)).body
      const headers = { ...operator, 'on-behalf-of': id }
      const requests: readonly [string, string, object?][] = [
        ['POST', '/v1/servers', { profile: 'upcloud', name: 'n', zone: 'fi-hel1', interfaces: [{}] }],
        ['POST', '/v1/zones', { profile: 'ionos', name: 'n' }],
        ['DELETE', `/v1/accounts/${id}`],
        [
          'POST',
          '/v1/servers',
          { profile: 'native', name: 'n', interfaces: [{ addresses: ['203.0.113.9'] }] },
        ],
        ['POST', '/v1/projects', { profile: 'scaleway', name: 'n' }],
        ['POST', '/v1/credentials', { kind: 'token', scopes: ['read'] }],
        ['POST', '/v1/policies', { name: 'p' }],
        ['POST', '/v1/servers', { profile: 'hostup', name: 'n', vmid: 900 + round }],
      ]
      const answers = await Promise.all(
        requests.map(([method, path, body]) =>
          service.call(method, path, body, path.includes('accounts') ? operator : headers),
        ),
      )
      for (const [n, each] of answers.entries()) fine(each, requests[n]?.join(' ') ?? '')
      await assertSound(service.place)
      if (answers[2]?.status === 204) {
        const left = await service.call('GET', `/v1/servers?account=${id}`, undefined, operator)
        assert.deepEqual(left.body.servers ?? [], [], 'a server of nobody')
      }
    }
  })
})
