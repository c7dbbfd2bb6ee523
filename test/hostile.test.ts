/** Input made to hurt: every answer is a 4xx in the envelope of the dialect, and nothing is half done. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import {
  credentials,
  dialects,
  onBothStores,
  secretKeys,
  servers,
  type TestService,
} from './support/service.ts'
import { assertSound } from './support/whole.ts'

const chain = `/1.3/server/${servers.web}/firewall_rule`
const json = { ...credentials.right, 'content-type': 'application/json' }
const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

const bodies: Record<string, Buffer | string> = {
  'no JSON': 'direction=in',
  'half of it': '{"firewall_rule":{"direction":"in"',
  'two of it': '{"firewall_rule":{}}{}',
  'a comment': '{"firewall_rule":{}} // x',
  'single quotes': "{'firewall_rule':{}}",
  'a lonely value': '5',
  null: 'null',
  text: '"firewall_rule"',
  'a list': '[{"firewall_rule":{}}]',
  'blanks only': '   ',
  'a byte order mark only': Buffer.from([0xef, 0xbb, 0xbf]),
  'invalid UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  'an overlong encoding': Buffer.from([0x22, 0xc0, 0xaf, 0x22]),
  'a NUL byte': Buffer.from('{"firewall_rule":{"direction":"in\0"}}'),
  'a NUL escape': '{"firewall_rule":{"direction":"in","action":"drop","comment":"\\u0000"}}',
  'deep lists': deep(100_000),
  'deep objects': `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`,
  'deep where a rule is due': `{"firewall_rule":{"direction":${deep(40)}}}`,
  'huge numbers': '{"firewall_rule":{"direction":"in","action":"drop","position":1e999}}',
  'many digits': `{"firewall_rule":{"direction":"in","action":"drop","position":${'9'.repeat(100_000)}}}`,
  'a prototype': '{"__proto__":{"firewall_rule":{"direction":"in","action":"drop"}}}',
  'a rule with a prototype': '{"firewall_rule":{"__proto__":{"direction":"in"},"action":"drop"}}',
  'a constructor': '{"firewall_rule":{"direction":"constructor","action":"toString"}}',
  'many keys': `{"firewall_rule":{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":1`).join(',')}}}`,
  'too large': `{"firewall_rule":"${'x'.repeat(2_200_000)}"}`,
}

onBothStores('hostile input', (start) => {
  let service: TestService
  before(async () => {
    service = await start()
  })
  after(async () => {
    await assertSound(service.place).finally(() => service.close())
  })

  const intact = async () => {
    const { status, text } = await service.call('GET', chain)
    assert.deepEqual([status, text], [200, '{"firewall_rules":{"firewall_rule":[]}}'])
  }

  for (const [name, body] of Object.entries(bodies)) {
    test(`a body of ${name}`, async () => {
      for (const [method, path] of [
        ['POST', chain],
        ['PUT', chain],
        ['POST', '/1.3/server'],
        ['PUT', `/1.3/server/${servers.web}`],
        ['POST', '/1.3/tag'],
        ['PUT', '/1.3/tag/x'],
      ] as const) {
        const answer = await service.raw(method, path, body, json)
        assert.ok(
          answer.status >= 400 && answer.status < 500,
          `${method} ${path}: ${answer.status} ${answer.text}`,
        )
        assert.equal(typeof answer.body?.error?.error_code, 'string', answer.text)
        assert.deepEqual(Object.keys(answer.body), ['error'])
      }
      const traced = await service.raw('POST', '/v1/trace', body, json)
      assert.ok(traced.status >= 400 && traced.status < 500, `trace: ${traced.status} ${traced.text}`)
      assert.equal(traced.headers.get('content-type'), 'application/problem+json')
      assert.equal(traced.body.status, traced.status)
      await intact()
    })
  }

  test('headers that lie', async () => {
    const rule = '{"firewall_rule":{"direction":"in","action":"drop"}}'
    for (const type of [
      'text/plain',
      'application/xml',
      'multipart/form-data',
      'application/x-www-form-urlencoded',
      'json',
    ]) {
      const answer = await service.raw('POST', chain, rule, { ...credentials.right, 'content-type': type })
      assert.equal(answer.status, 415, type)
      assert.equal(answer.body.error.error_code, 'REQUEST_INVALID')
    }
    await intact()
    const id = `x${'\u0009'}y`
    const answer = await service.raw('GET', chain, undefined as never, { ...json, 'x-request-id': id })
    assert.notEqual(answer.headers.get('x-request-id'), id)
    const own = await service.raw('GET', chain, undefined as never, { ...json, 'x-request-id': 'mine-1' })
    assert.equal(own.headers.get('x-request-id'), 'mine-1')
  })

  test('requests that are hardly HTTP', async () => {
    const { hostname, port } = new URL(service.url)
    const send = (text: string) =>
      new Promise<string>((resolve, reject) => {
        let came = ''
        const socket = connect(Number(port), hostname, () => socket.write(text))
        socket.on('data', (data) => {
          came += data
          socket.end()
        })
        socket.on('close', () => resolve(came))
        socket.on('error', reject)
      })
    const head = `Host: x\r\nAuthorization: Bearer acme-token\r\nContent-Type: application/json\r\n`
    for (const request of [
      `POST ${chain} HTTP/1.1\r\n${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{"a":1}`,
      `POST ${chain} HTTP/1.1\r\n${head}Content-Length: -1\r\n\r\n{}`,
      `POST ${chain} HTTP/1.1\r\n${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `POST ${chain} HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
      `GET ${chain} HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
      `GET ${chain}\r\n\r\n`,
      `\0\0\0\0\r\n\r\n`,
    ]) {
      assert.match(await send(request), /^HTTP\/1\.1 4\d\d /, request.slice(0, 200))
    }
    await intact()
  })

  /** What comes back for bytes as they are, parsed. */
  function exchange(...parts: readonly string[]): Promise<{ status: number; type: string; body: string }> {
    const { hostname, port } = new URL(service.url)
    return new Promise((resolve, reject) => {
      let came = ''
      const socket = connect(Number(port), hostname, () => {
        const [first = '', ...rest] = parts
        socket.write(first)
        // A packet of its own each, so that the head is taken before what follows.
        for (const part of rest) setImmediate(() => setTimeout(() => socket.write(part), 50))
      })
      socket.setTimeout(5000, () => socket.destroy(new Error('no answer')))
      socket.on('data', (data) => {
        came += data
      })
      socket.on('close', () => {
        const [head = '', body = ''] = came.split('\r\n\r\n')
        const type = /^content-type: (.*)$/im.exec(head)?.[1] ?? ''
        resolve({ status: Number(head.split(' ')[1]), type, body })
      })
      socket.on('error', reject)
    })
  }

  test('what is no request is refused in the words of the dialect that is called', async () => {
    const nowhere = '/nowhere'
    const paths = {
      upcloud: [chain, (body) => typeof body.error.error_code === 'string'],
      hostup: ['/api/vm/10000/firewall', (body) => typeof body.code === 'string' && 'timestamp' in body],
      'hostup v2': ['/api/v2/vps', (body) => typeof body.code === 'string' && 'instance' in body],
      ionos: ['/cloudapi/v6/datacenters', (body) => typeof body.messages[0].errorCode === 'string'],
      scaleway: ['/instance/v1/zones/fr-par-1/security_groups', (body) => body.type === 'invalid_arguments'],
      native: ['/v1/trace', (body) => body.type === 'urn:portcullis:problem:protocol'],
      nobody: [nowhere, (body) => body.type === 'urn:portcullis:problem:protocol'],
      // biome-ignore lint/suspicious/noExplicitAny: whatever came
    } as Record<string, [string, (body: any) => boolean]>
    for (const [name, [path, spelled]] of Object.entries(paths)) {
      const key = name === 'scaleway' ? secretKeys.right : credentials.right
      const [header = '', value = ''] = Object.entries(key)[0] ?? []
      const head = `Host: x\r\n${header}: ${value}\r\nContent-Type: application/json\r\nConnection: close\r\n`
      for (const [what, want, ...parts] of [
        [
          'two lengths',
          400,
          `POST ${path} HTTP/1.1\r\n${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{"a":1}`,
        ],
        ['a negative length', 400, `POST ${path} HTTP/1.1\r\n${head}Content-Length: -1\r\n\r\n{}`],
        [
          'a length and chunks',
          400,
          `POST ${path} HTTP/1.1\r\n${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        ],
        ['a header without a colon', 400, `GET ${path} HTTP/1.1\r\n${head}nothing\r\n\r\n`],
        ['large headers', 431, `GET ${path} HTTP/1.1\r\n${head}X: ${'y'.repeat(20_000)}\r\n\r\n`],
        ['a large query', 431, `GET ${path}?${'y'.repeat(20_000)} HTTP/1.1\r\n${head}\r\n`],
        ['no Host', 400, `GET ${path} HTTP/1.1\r\nConnection: close\r\n\r\n`],
        [
          'an expectation',
          417,
          `POST ${path} HTTP/1.1\r\n${head}Expect: the-best\r\nContent-Length: 2\r\n\r\n{}`,
        ],
        ['another protocol', 400, `GET ${path} HTTQ/1.1\r\n${head}\r\n`],
      ] as const) {
        const { status, type, body } = await exchange(...parts)
        assert.equal(status, want, `${name}, ${what}: ${body}`)
        assert.match(type, /^application\/(problem\+)?json/, `${name}, ${what}`)
        assert.ok(spelled(JSON.parse(body)), `${name}, ${what}: ${body}`)
        assert.ok(body.length < 2000)
      }
      // After the head: the path is known though what is wrong comes alone.
      const chunks = `POST ${path} HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n`
      const broken = await exchange(chunks, 'zz\r\n')
      const want = { nobody: 404, 'hostup v2': 405 }[name] ?? 400
      assert.equal(broken.status, want, `${name}: ${broken.body}`)
      if (path !== nowhere) assert.ok(spelled(JSON.parse(broken.body)), broken.body)
    }
    // Nothing that names a path.
    for (const bytes of ['\0\0\0\0\r\n\r\n', '{"a":1}\r\n\r\n', 'GET\r\n\r\n']) {
      const { status, body } = await exchange(bytes)
      assert.deepEqual([status, JSON.parse(body).type], [400, 'urn:portcullis:problem:protocol'])
    }
    const old = await exchange(`GET ${chain} HTTP/1.0\r\nAuthorization: Bearer acme-token\r\n\r\n`)
    assert.equal(old.status, 200, 'HTTP/1.0 has no Host')
    assert.ok(service.log.some((line) => line.includes('no request')))
    await intact()
  })

  test('what is wrong first is told: the path, the method, the type, the body', async () => {
    for (const [method, path, type, body, want] of [
      ['PATCH', '/instance/v1/zones/fr-par-1/nothing', 'text/plain', 'x', 404],
      ['PATCH', '/instance/v1/zones/fr-par-1/security_groups', 'text/plain', 'x', 405],
      ['POST', '/instance/v1/zones/fr-par-1/security_groups', 'text/plain', 'x', 415],
      ['POST', '/instance/v1/zones/fr-par-1/security_groups', 'application/json', '{', 400],
      ['POST', '/cloudapi/v6/nothing', 'text/plain', 'x', 404],
      ['POST', '/cloudapi/v6/contracts', 'text/plain', 'x', 405],
      ['POST', '/cloudapi/v6/datacenters', 'text/plain', 'x', 415],
      ['POST', '/cloudapi/v6/datacenters', 'application/json', '{', 400],
      ...(['/1.3', '/1.2'] as const).flatMap(
        (prefix) =>
          [
            ['POST', `${prefix}/nothing`, 'text/plain', 'x', 404],
            ['PATCH', `${prefix}/tag`, 'text/plain', 'x', 405],
            ['POST', `${prefix}/tag`, 'text/plain', 'x', 415],
            ['POST', `${prefix}/tag`, 'application/json', '{', 400],
          ] as const,
      ),
      ['POST', '/api/vm/10000/nothing', 'text/plain', 'x', 404],
      ['PATCH', '/api/firewall-groups', 'text/plain', 'x', 405],
      ['POST', '/api/firewall-groups', 'text/plain', 'x', 415],
      ['POST', '/api/firewall-groups', 'application/json', '{', 400],
      ['POST', '/api/v2/nothing', 'text/plain', 'x', 404],
      ['POST', '/v1/nothing', 'text/plain', 'x', 404],
      ['PUT', '/v1/servers', 'text/plain', 'x', 405],
      ['POST', '/v1/servers', 'text/plain', 'x', 415],
      ['POST', '/v1/trace', 'text/plain', 'x', 415],
      ['POST', '/v1/trace', 'application/json', '{', 400],
    ] as const) {
      const key = path.startsWith('/instance') ? secretKeys.right : credentials.right
      const {
        status,
        body: told,
        text,
      } = await service.raw(method, path, body, { ...key, 'content-type': type })
      assert.equal(status, want, `${method} ${path}: ${text}`)
      if (path.endsWith('zones/fr-par-1/nothing'))
        assert.deepEqual(told, { message: `This path is not served: ${method} ${path}` })
      if (path === '/cloudapi/v6/nothing')
        assert.equal(told.messages[0].message, 'This path is not served here')
      if (/^\/1\..\/nothing/.test(path)) assert.equal(told.error.error_code, 'NOT_FOUND')
      if (path === '/api/vm/10000/nothing') assert.equal(told.code, 'NOT_FOUND')
      if (path === '/api/v2/nothing') assert.equal(told.code, 'not_found')
      if (path === '/v1/nothing') assert.equal(told.type, 'urn:portcullis:problem:not-found')
    }
  })

  test('paths of every kind', async () => {
    for (const path of [
      ...[
        '/1.3/%2e%2e/v1/servers',
        '/1.3/server/%00/firewall_rule',
        '/1.3/server/%ff',
        '/1.3//server',
        '/1.3/server//',
      ],
      ...[
        '/1.3/server/../account',
        '/1.3/account/x',
        '/1.3',
        '/1.3/',
        `/1.3/${'x/'.repeat(2000)}`,
        '/1.99999999999/x',
      ],
      ...[
        '/1.3/server/%E0%A4%A',
        '/v1/servers/%00',
        '/v1/revisions/1e9',
        '/v1/revisions/-1',
        '/v1/audit?limit=0',
      ],
      ...['/v1/audit?limit=99999999', '/v1/audit?before=x', '/v1/servers?profile=constructor', '/nowhere'],
    ]) {
      const answer = await service.call('GET', path)
      assert.ok(answer.status < 500 && answer.status !== 500, `${path}: ${answer.status} ${answer.text}`)
      assert.ok(answer.body !== undefined, `${path}: no JSON: ${answer.text}`)
    }
  })

  test('any JSON at all', async () => {
    const attribute = fc.constantFrom(
      ...[
        'direction',
        'action',
        'family',
        'protocol',
        'position',
        'icmp_type',
        'comment',
        'source_address_start',
      ],
      ...['source_address_end', 'destination_port_start', 'destination_port_end'],
    )
    const plausible = fc.constantFrom(
      'in',
      'out',
      'drop',
      'accept',
      'IPv4',
      'IPv6',
      'tcp',
      'icmp',
      '1',
      0,
      '::',
      '10.0.0.1',
    )
    const rule = fc.dictionary(attribute, fc.oneof(plausible, fc.jsonValue({ maxDepth: 3 })))
    await fc.assert(
      fc.asyncProperty(fc.oneof(rule, fc.jsonValue()), async (value) => {
        for (const [method, body] of [
          ['POST', { firewall_rule: value }],
          ['PUT', { firewall_rules: { firewall_rule: [value] } }],
          ['PUT', value],
        ] as const) {
          const answer = await service.call(method, chain, body)
          assert.ok(answer.status < 500, `${answer.status} ${answer.text}`)
          if (answer.status >= 400) assert.equal(typeof answer.body.error.error_code, 'string')
        }
        const server = await service.call('PUT', `/1.3/server/${servers.web}`, { server: value })
        assert.ok(server.status < 500, `${server.status} ${server.text}`)
        const traced = await service.call('POST', '/v1/trace', value)
        assert.ok(traced.status < 500, `${traced.status} ${traced.text}`)
      }),
      { numRuns: 300 },
    )
  })

  test('any JSON at all, to Scaleway’s calls', async () => {
    const key = secretKeys.right
    const zone = '/instance/v1/zones/fr-par-1'
    const made = await service.call('POST', `${zone}/security_groups`, { name: 'x' }, key)
    const group = `${zone}/security_groups/${made.body.security_group.id}`
    const { body } = await service.call(
      'POST',
      `${group}/rules`,
      { protocol: 'TCP', direction: 'inbound', action: 'accept', ip_range: '::/0' },
      key,
    )
    const rule = `${group}/rules/${body.rule.id}`
    const attribute = fc.constantFrom(
      ...['name', 'description', 'tags', 'stateful', 'inbound_default_policy', 'enable_default_security'],
      ...['project', 'organization', 'project_default', 'protocol', 'direction', 'action', 'ip_range'],
      ...[
        'dest_port_from',
        'dest_port_to',
        'position',
        'editable',
        'id',
        'rules',
        'commercial_type',
        'image',
      ],
      ...['volumes', 'security_group', 'public_ips', 'boot_type', '__proto__', 'constructor'],
    )
    const plausible = fc.constantFrom<unknown>(
      ...['accept', 'drop', 'TCP', 'inbound', '0.0.0.0/0', '::1', 'DEV1-S', 'local', '', null, true, false],
      ...[0, 1, 65_536, -1, 1e308, [], {}, ['a'], [{}], { id: 'x' }, { 0: {} }, { 0: { size: 1 } }],
    )
    const given = fc.dictionary(attribute, fc.oneof(plausible, fc.jsonValue({ maxDepth: 3 })))
    await fc.assert(
      fc.asyncProperty(fc.oneof(given, fc.jsonValue()), async (value) => {
        for (const [method, path, sent] of [
          ['POST', `${zone}/security_groups`, value],
          ['PATCH', group, value],
          ['PUT', group, value],
          ['POST', `${group}/rules`, value],
          ['PUT', `${group}/rules`, { rules: value }],
          ['PUT', `${group}/rules`, { rules: [value, value] }],
          ['PATCH', rule, value],
          ['PUT', rule, value],
          ['POST', `${zone}/servers`, value],
          ['PATCH', `${zone}/servers/${servers.instance}`, value],
          ['POST', `${zone}/servers/${servers.instance}/action`, value],
          ['POST', '/account/v3/projects', value],
        ] as const) {
          const answer = await service.call(method, path, sent, key)
          assert.ok(answer.status < 500, `${method} ${path}: ${answer.status} ${answer.text}`)
          if (answer.status >= 400) assert.equal(typeof answer.body.type, 'string', answer.text)
        }
        const rules = await service.call('GET', `${group}/rules`, undefined, key)
        assert.equal(rules.status, 200, rules.text)
      }),
      { numRuns: 150 },
    )
  })

  test('every kind of error is spelled by every dialect', () => {
    for (const dialect of dialects) {
      for (const error of [
        { kind: 'unauthenticated' },
        { kind: 'too-many-requests', retryAfter: 1 },
        { kind: 'protocol', status: 400, reason: 'x' },
        { kind: 'forbidden' },
        { kind: 'not-found', resource: 'route', id: 'x' },
        { kind: 'method-not-allowed', allowed: ['GET'] },
        { kind: 'malformed', reason: 'x' },
        { kind: 'unsupported-media-type', mediaType: 'x' },
        { kind: 'too-large', limit: 1 },
        { kind: 'invalid', field: 'x', reason: 'y' },
        { kind: 'conflict', resource: 'server', reason: 'x' },
        { kind: 'limit-reached', resource: 'rule', limit: 1 },
        { kind: 'unavailable', cause: 'secret' },
        { kind: 'internal', cause: 'secret' },
      ] as const) {
        const answer = dialect.error(error, { path: '/x', requestId: 'r', headers: {} })
        assert.ok(answer.status >= 400 && answer.body !== undefined, `${dialect.profile} ${error.kind}`)
        assert.equal(JSON.stringify(answer.body).includes('secret'), false)
      }
    }
  })
})
