/** What is easy to get wrong of UpCloud's API, one test each (contract: upcloud §6). */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import {
  credentials,
  inventory,
  onBothStores,
  servers,
  type TestService,
} from '../../../test/support/service.ts'

const chain = `/1.3/server/${servers.web}/firewall_rule`
const drop = { direction: 'in', action: 'drop' }
const tcp = { direction: 'in', action: 'accept', family: 'IPv4', protocol: 'tcp' }
const emptyRule = {
  action: '',
  comment: '',
  destination_address_end: '',
  destination_address_start: '',
  destination_port_end: '',
  destination_port_start: '',
  direction: '',
  family: '',
  icmp_type: '',
  position: '',
  protocol: '',
  source_address_end: '',
  source_address_start: '',
  source_port_end: '',
  source_port_start: '',
}

onBothStores('UpCloud', (start) => {
  let service: TestService
  before(async () => {
    service = await start()
  })
  after(() => service.close())
  beforeEach(async () => {
    const { status } = await put([])
    assert.equal(status, 204)
  })

  const post = (rule: object, path = chain) => service.call('POST', path, { firewall_rule: rule })
  const put = (rules: unknown) => service.call('PUT', chain, { firewall_rules: { firewall_rule: rules } })
  const get = (path = chain) => service.call('GET', path)
  const remove = (position: number | string) => service.call('DELETE', `${chain}/${position}`)
  const rules = async () => (await get()).body.firewall_rules.firewall_rule as Record<string, string>[]
  const comments = async () => (await rules()).map((rule) => rule.comment)
  const error = async (answer: Promise<{ status: number; body: { error: { error_code: string } } }>) => {
    const { status, body } = await answer
    return `${status} ${body?.error?.error_code}`
  }
  const refused = (rule: object) => error(post(rule))

  test('1. statuses: POST 201 with a body, PUT and DELETE 204 without; server PUT 202, start and stop 200', async () => {
    const created = await post(drop)
    assert.equal(created.status, 201)
    assert.equal(created.headers.get('content-type'), 'application/json; charset=UTF-8')
    const replaced = await put([drop])
    assert.deepEqual([replaced.status, replaced.text, replaced.headers.get('content-type')], [204, '', null])
    const removed = await remove(1)
    assert.deepEqual([removed.status, removed.text, removed.headers.get('content-type')], [204, '', null])
    const server = `/1.3/server/${servers.db}`
    assert.equal((await service.call('PUT', server, { server: { title: 'db' } })).status, 202)
    const stopped = await service.call('POST', `${server}/stop`, {
      stop_server: { stop_type: 'soft', timeout: '1' },
    })
    assert.deepEqual([stopped.status, stopped.body.server.state], [200, 'started'])
    assert.equal((await get(server)).body.server.state, 'stopped')
    const started = await service.call('POST', `${server}/start`)
    assert.deepEqual([started.status, started.body.server.state], [200, 'started'])
  })

  test('2. all 15 keys on every rule, all strings, "" for what is not set', async () => {
    await post(drop)
    await post({ ...tcp, destination_port_start: 22, destination_port_end: 22 })
    assert.deepEqual(await rules(), [
      { ...emptyRule, ...drop, position: '1' },
      { ...emptyRule, ...tcp, destination_port_start: '22', destination_port_end: '22', position: '2' },
    ])
    assert.deepEqual((await get(`${chain}/1`)).body, {
      firewall_rule: { ...emptyRule, ...drop, position: '1' },
    })
  })

  test('3. an empty chain is [] inside both wrappers', async () => {
    assert.equal((await get()).text, '{"firewall_rules":{"firewall_rule":[]}}')
  })

  test('4. a PUT of nothing, however it is said, empties the chain', async () => {
    for (const body of [
      { firewall_rules: { firewall_rule: null } },
      { firewall_rules: { firewall_rule: '' } },
      { firewall_rules: { firewall_rule: [] } },
      { firewall_rules: '' },
    ]) {
      await post(drop)
      assert.equal((await service.call('PUT', chain, body)).status, 204, JSON.stringify(body))
      assert.deepEqual(await rules(), [])
    }
    for (const body of [
      {},
      { firewall_rules: null },
      { firewall_rules: {} },
      { firewall_rules: [] },
      [],
      null,
    ]) {
      assert.equal(await error(service.call('PUT', chain, body)), '400 REQUEST_INVALID', JSON.stringify(body))
    }
    assert.equal(await error(put(drop)), '400 REQUEST_INVALID', 'one object is not a list')
  })

  test('5. integers in, strings out; ICMP type 0 is a value, port 0 is none', async () => {
    const icmp = { ...tcp, protocol: 'icmp' }
    for (const value of [0, '0']) {
      assert.equal((await post({ ...icmp, icmp_type: value })).body.firewall_rule.icmp_type, '0')
    }
    assert.equal((await post({ ...icmp, icmp_type: '' })).body.firewall_rule.icmp_type, '')
    const port = (value: unknown) => ({ ...tcp, destination_port_start: value, destination_port_end: value })
    assert.equal((await post(port(443))).body.firewall_rule.destination_port_end, '443')
    for (const value of [
      0,
      '0',
      65_536,
      -1,
      1.5,
      '022',
      '+22',
      ' 22',
      '22 ',
      '0x16',
      '1e3',
      true,
      [22],
      {},
    ]) {
      assert.equal(await refused(port(value)), '400 DESTINATION_PORT_START_INVALID', JSON.stringify(value))
    }
    assert.equal(await refused({ ...icmp, icmp_type: 256 }), '400 ICMP_TYPE_INVALID')
  })

  test('6. DELETE with a JSON type and no body; start with neither type nor body', async () => {
    await post(drop)
    const headers = { ...credentials.right, 'content-type': 'application/json' }
    const removed = await fetch(`${service.url}${chain}/1`, { method: 'DELETE', headers })
    assert.equal(removed.status, 204)
    assert.equal((await service.call('GET', chain, undefined, headers)).status, 200)
    const path = `/1.3/server/${servers.db}`
    await service.call('POST', `${path}/stop`)
    const started = await service.call('POST', `${path}/start`, undefined, {
      ...credentials.right,
      'content-length': '0',
    })
    assert.equal(started.status, 200)
  })

  test('7. rules are written while the firewall is off, and kept when it is switched; lists do not tell', async () => {
    const server = `/1.3/server/${servers.web}`
    const toggle = (firewall: unknown) => service.call('PUT', server, { server: { firewall } })
    assert.equal((await toggle('off')).body.server.firewall, 'off')
    assert.equal((await post(drop)).status, 201)
    assert.equal((await toggle('on')).body.server.firewall, 'on')
    assert.equal((await rules()).length, 1)
    assert.equal(await error(toggle('ON')), '400 FIREWALL_INVALID')
    assert.equal(await error(toggle(true)), '400 FIREWALL_INVALID')
    const listed = (await get('/1.3/server')).body.servers.server
    assert.deepEqual(
      listed.map((each: { title: string }) => each.title),
      ['web', 'db'],
    )
    assert.equal('firewall' in listed[0], false)
  })

  test('8. insertion moves others down, deletion up; 0 is no position; positions in PUT are ignored', async () => {
    await put(['a', 'b', 'c'].map((comment) => ({ ...drop, comment })))
    assert.equal((await post({ ...drop, comment: 'd', position: 2 })).body.firewall_rule.position, '2')
    assert.equal((await post({ ...drop, comment: 'e', position: '900' })).body.firewall_rule.position, '5')
    assert.equal((await post({ ...drop, comment: 'f' })).body.firewall_rule.position, '6')
    assert.deepEqual(await comments(), ['a', 'd', 'b', 'c', 'e', 'f'])
    await remove(1)
    assert.deepEqual(await comments(), ['d', 'b', 'c', 'e', 'f'])
    assert.deepEqual(
      (await rules()).map((rule) => rule.position),
      ['1', '2', '3', '4', '5'],
    )
    for (const position of [0, '0', 1001, -1, 1.5, 'x', '01', true]) {
      assert.equal(await refused({ ...drop, position }), '400 POSITION_INVALID', JSON.stringify(position))
    }
    await put([
      { ...drop, comment: 'x', position: '7' },
      { ...drop, comment: 'y', position: 1 },
    ])
    assert.deepEqual(await comments(), ['x', 'y'])
    assert.equal(await error(put([{ ...drop, position: 'x' }])), '400 POSITION_INVALID')
  })

  test('9. exactly 1,000 rules fit, whichever way they come', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({ ...drop, comment: String(i) }))
    assert.equal(await error(put([...many, drop])), '409 FIREWALL_RULE_LIMIT_REACHED')
    assert.deepEqual(await rules(), [])
    assert.equal((await put(many)).status, 204)
    assert.equal(await refused(drop), '409 FIREWALL_RULE_LIMIT_REACHED')
    assert.equal(await refused({ ...drop, position: 1 }), '409 FIREWALL_RULE_LIMIT_REACHED')
    assert.deepEqual(
      await comments(),
      many.map((rule) => rule.comment),
    )
    assert.equal((await remove(1000)).status, 204)
    assert.equal((await post({ ...drop, position: '1' })).status, 201)
  })

  test('10. default rules: with a comment, anywhere, two or none, and identical ones', async () => {
    const list = [{ ...drop, comment: 'why' }, tcp, { ...drop, direction: 'out' }, drop, drop]
    assert.equal((await put(list)).status, 204)
    assert.deepEqual(
      (await rules()).map(({ direction, comment }) => [direction, comment]),
      [
        ['in', 'why'],
        ['in', ''],
        ['out', ''],
        ['in', ''],
        ['in', ''],
      ],
    )
  })

  test('11. what depends on what', async () => {
    const v4 = { direction: 'in', action: 'accept', family: 'IPv4' }
    const source = (start: unknown, end: unknown) => ({
      source_address_start: start,
      source_address_end: end,
    })
    const table: [object, string][] = [
      [{ ...v4, destination_port_start: '22', destination_port_end: '22' }, 'PORT_PROTOCOL_MISMATCH'],
      [{ ...v4, protocol: 'icmp', source_port_start: 1, source_port_end: 2 }, 'PORT_PROTOCOL_MISMATCH'],
      [{ ...v4, icmp_type: 8 }, 'ICMP_TYPE_PROTOCOL_MISMATCH'],
      [{ ...tcp, icmp_type: '0' }, 'ICMP_TYPE_PROTOCOL_MISMATCH'],
      [{ ...tcp, destination_port_start: '22' }, 'DESTINATION_PORT_END_INVALID'],
      [{ ...tcp, destination_port_end: '22' }, 'DESTINATION_PORT_START_INVALID'],
      [{ ...tcp, source_port_start: '23', source_port_end: '22' }, 'SOURCE_PORT_ORDER_ILLEGAL'],
      [{ ...v4, ...source('10.0.0.1', null) }, 'SOURCE_ADDRESS_END_INVALID'],
      [{ ...v4, ...source('', '10.0.0.1') }, 'SOURCE_ADDRESS_START_INVALID'],
      [{ ...v4, ...source('10.0.0.0', '9.0.0.0') }, 'SOURCE_ADDRESS_ORDER_ILLEGAL'],
      [{ ...v4, ...source('2001:db8::1', '2001:db8::2') }, 'SOURCE_ADDRESS_START_INVALID'],
      [{ ...v4, ...source('10.0.0.1', '2001:db8::2') }, 'SOURCE_ADDRESS_END_INVALID'],
      [{ ...drop, ...source('10.0.0.1', '2001:db8::2') }, 'SOURCE_ADDRESS_END_INVALID'],
      [{ ...v4, ...source('10.0.0.0/8', '10.0.0.1') }, 'SOURCE_ADDRESS_START_INVALID'],
      [{ ...drop, ...source('fe80::1%eth0', 'fe80::2') }, 'SOURCE_ADDRESS_START_INVALID'],
      [{ ...drop, ...source('::ffff:10.0.0.1', '::ffff:10.0.0.2') }, 'SOURCE_ADDRESS_START_INVALID'],
      [{ ...drop, ...source('::ffff:a00:1', '::ffff:a00:2') }, 'SOURCE_ADDRESS_START_INVALID'],
      [{ ...drop, ...source(1, 2) }, 'SOURCE_ADDRESS_START_INVALID'],
      [{ ...drop, protocol: 'tcp' }, 'FAMILY_INVALID'],
      [{ action: 'drop' }, 'DIRECTION_MISSING'],
      [{ ...drop, direction: null }, 'DIRECTION_MISSING'],
      [{ ...drop, direction: '' }, 'DIRECTION_INVALID'],
      [{ direction: 'in' }, 'ACTION_MISSING'],
      [{ ...drop, comment: 'x'.repeat(251) }, 'COMMENT_INVALID'],
      [{ ...drop, comment: 5 }, 'COMMENT_INVALID'],
      [{ ...drop, protocoll: 'tcp' }, 'UNKNOWN_ATTRIBUTE'],
    ]
    for (const [rule, code] of table) assert.equal(await refused(rule), `400 ${code}`, JSON.stringify(rule))
    assert.deepEqual(await rules(), [])
    for (const rule of [
      { ...v4, ...source('9.0.0.0', '10.0.0.0') },
      { ...drop, ...source('10.0.0.1', '10.0.0.1') },
      { ...tcp },
      { ...v4 },
      { ...drop, comment: '😀'.repeat(250) },
      { ...tcp, destination_port_start: 1, destination_port_end: 65_535, protocol: 'udp' },
    ]) {
      assert.equal((await post(rule)).status, 201, JSON.stringify(rule))
    }
  })

  test('a refusal names the rule in the list and the reason; the code stays', async () => {
    const good = { direction: 'in', action: 'accept', family: 'IPv4', protocol: 'tcp' }
    const cases: [object, string, string][] = [
      [
        { ...good, destination_port_start: '80', destination_port_end: '22' },
        'DESTINATION_PORT_ORDER_ILLEGAL',
        'destination_port_end must not be below destination_port_start',
      ],
      [
        { ...good, destination_port_start: '80' },
        'DESTINATION_PORT_END_INVALID',
        'destination_port_end must be given with destination_port_start',
      ],
      [
        { ...good, source_address_end: '10.0.0.1' },
        'SOURCE_ADDRESS_START_INVALID',
        'source_address_start must be given with source_address_end',
      ],
      [
        { ...good, source_address_start: '10.0.0.9', source_address_end: '9.0.0.1' },
        'SOURCE_ADDRESS_ORDER_ILLEGAL',
        'source_address_end must not be below source_address_start',
      ],
      [{ ...good, family: '' }, 'FAMILY_INVALID', 'family must be given with protocol, IPv4 or IPv6'],
      [{ ...good, action: 'reject' }, 'ACTION_INVALID', 'action must be accept or drop'],
      [
        { ...good, comment: 'x'.repeat(251) },
        'COMMENT_INVALID',
        'comment must be text of at most 250 characters',
      ],
      [{ ...good, icmp_type: '8' }, 'ICMP_TYPE_PROTOCOL_MISMATCH', 'icmp_type needs protocol icmp'],
      [
        { ...good, direction: undefined },
        'DIRECTION_MISSING',
        'The required attribute direction is missing.',
      ],
      [{ ...good, src: '1' }, 'UNKNOWN_ATTRIBUTE', 'The attribute src is not known.'],
    ]
    for (const [bad, code, reason] of cases) {
      const list = [...new Array(321).fill(good), bad, ...new Array(178).fill(good)]
      for (const [number, { status, body }] of [
        [322, await put(list)],
        [1, await put([bad])],
        [1, await post(bad)],
      ] as const) {
        assert.deepEqual(
          [status, body.error],
          [400, { error_code: code, error_message: `rule ${number}: ${reason}` }],
        )
      }
    }
  })

  test('a list as long as it may be is taken: 1,000 rules with 250 emoji each, escaped', async () => {
    const comment = '\\ud83d\\ude00'.repeat(250)
    const one = `{"direction":"in","action":"drop","comment":"${comment}"}`
    const body = `{"firewall_rules":{"firewall_rule":[${new Array(1000).fill(one).join(',')}]}}`
    assert.ok(body.length > 3_000_000)
    const json = { ...credentials.right, 'content-type': 'application/json' }
    assert.equal((await service.raw('PUT', chain, body, json)).status, 204)
    const listed = await rules()
    assert.deepEqual([listed.length, listed[999]?.comment], [1000, '😀'.repeat(250)])
  })

  test('what concerns filtering is done or refused by name', async () => {
    const path = `/1.3/server/${servers.web}`
    const read = async () => (await service.call('GET', path)).text
    const before = await read()
    const actions = ['firewall_private_default_incoming_action', 'firewall_private_default_outgoing_action']
    const values: [string, unknown[], string][] = [
      ['firewall_private', ['on', 'off', 'nonsense', 1, ''], 'FIREWALL_PRIVATE_INVALID'],
      ...[...actions, ...actions.map((key) => key.replace('private', 'public'))].map(
        (key): [string, unknown[], string] => [
          key,
          ['accept', 'drop', 'reject', true, null],
          `${key.toUpperCase()}_INVALID`,
        ],
      ),
      ['firewall_made_up', ['on'], 'UNKNOWN_ATTRIBUTE'],
      ['firewall', ['ON', '', true, 1, 'nonsense'], 'FIREWALL_INVALID'],
      ...[
        'Firewall',
        'source_ip_filtering',
        'ip_filters',
        'security_groups',
        'default_action',
        'stateful',
      ].map((key): [string, unknown[], string] => [key, ['on', null], 'UNKNOWN_ATTRIBUTE']),
    ]
    for (const [key, given, code] of values) {
      for (const value of given) {
        const answer = await service.call('PUT', path, { server: { title: 'x', [key]: value } })
        assert.equal(answer.status, 400, `${key} ${value}: ${answer.text}`)
        assert.equal(answer.body.error.error_code, code)
        assert.match(answer.body.error.error_message, new RegExp(key))
        const server = { hostname: 'x', title: 'x', zone: 'fi-hel1', [key]: value }
        const made = await service.call('POST', '/1.3/server', { server })
        assert.equal(made.status, 400, `POST ${key} ${value}`)
      }
    }
    const { server } = JSON.parse(before)
    const nic = server.networking.interfaces.interface[0]
    assert.equal(nic.source_ip_filtering, 'yes')
    const networking = { interfaces: { interface: [{ ...nic, source_ip_filtering: 'no' }] } }
    const off = await service.call('PUT', path, { server: { networking } })
    assert.equal(off.body.error.error_code, 'SOURCE_IP_FILTERING_INVALID')
    for (const [interfaces, code] of [
      [{ interface: [{ index: '1', source_ip_filtering: 'no' }] }, 'SOURCE_IP_FILTERING_INVALID'],
      [{ interface: [{ source_ip_filtering: 'yes' }] }, 'SOURCE_IP_FILTERING_INVALID'],
      [{ interface: [{ index: 9, source_ip_filtering: 'yes' }] }, 'SOURCE_IP_FILTERING_INVALID'],
      [{ interface: [{ ...nic, firewall: 'on' }] }, 'UNKNOWN_ATTRIBUTE'],
      [{ interface: { ...nic, source_ip_filtering: 'no' } }, 'NETWORKING_INVALID'],
      [[{ ...nic, source_ip_filtering: 'no' }], 'NETWORKING_INVALID'],
    ] as const) {
      const answer = await service.call('PUT', path, { server: { networking: { interfaces } } })
      assert.equal(answer.body.error?.error_code, code, JSON.stringify(interfaces))
    }
    const same = { interface: [{ index: '1', source_ip_filtering: 'yes' }] }
    assert.equal(
      (await service.call('PUT', path, { server: { networking: { interfaces: same } } })).status,
      202,
    )
    const made = await service.call('POST', '/1.3/server', {
      server: { hostname: 'x', title: 'x', zone: 'fi-hel1', networking },
    })
    assert.equal(made.body.error.error_code, 'SOURCE_IP_FILTERING_INVALID')
    const disk = { action: 'create', size: 10, title: 'd', encrypted: 'yes' }
    const disks = { storage_devices: { storage_device: [disk] } }
    const encrypted = await service.call('POST', '/1.3/server', {
      server: { hostname: 'x', title: 'x', zone: 'fi-hel1', ...disks },
    })
    assert.equal(encrypted.body.error.error_code, 'ENCRYPTED_INVALID')
    assert.equal(await read(), before)
  })

  test('12. text is echoed as it was given, and matched by its value', async () => {
    const start = '2001:DB8:0:0::1'
    const rule = {
      ...drop,
      family: 'IPv6',
      source_address_start: start,
      source_address_end: '2001:db8::FFFF',
    }
    assert.equal((await post(rule)).body.firewall_rule.source_address_start, start)
    assert.equal((await get(`${chain}/1`)).body.firewall_rule.source_address_end, '2001:db8::FFFF')
    await service.call('PUT', `/1.3/server/${servers.web}`, { server: { firewall: 'on' } })
    const trace = async (source: string) => {
      const packet = { protocol: 'tcp', source, destination: '2001:db8::10', destinationPort: 22 }
      return (await service.call('POST', '/v1/trace', { server: servers.web, direction: 'ingress', packet }))
        .body
    }
    assert.equal((await trace('2001:db8::2')).action, 'deny')
    const passed = await trace('2001:db8::1:0')
    assert.deepEqual([passed.action, passed.decidedBy], ['allow', { kind: 'default' }])
    assert.deepEqual(
      passed.path.map((step: { mismatch: string }) => step.mismatch),
      ['source'],
    )
  })

  test('13. reject is refused, and so is any other case of letters', async () => {
    assert.equal(await refused({ ...drop, action: 'reject' }), '400 ACTION_INVALID')
    assert.equal(await refused({ ...drop, direction: 'IN' }), '400 DIRECTION_INVALID')
    assert.equal(await refused({ ...tcp, protocol: 'TCP' }), '400 PROTOCOL_INVALID')
    assert.equal(await refused({ ...tcp, family: 'ipv4' }), '400 FAMILY_INVALID')
    assert.equal(await refused({ ...tcp, family: 'constructor' }), '400 FAMILY_INVALID')
  })

  test('14. a malformed UUID is 400, an unknown one 404, another’s 403, on every path', async () => {
    const unknown = '00000000-0000-4000-8000-000000000000'
    const calls: [string, string, unknown?][] = [
      ['GET', ''],
      ['GET', '/firewall_rule'],
      ['GET', '/firewall_rule/1'],
      ['POST', '/firewall_rule', { firewall_rule: drop }],
      ['PUT', '/firewall_rule', { firewall_rules: '' }],
      ['DELETE', '/firewall_rule/1'],
      ['PUT', '', { server: {} }],
      ['POST', '/start'],
      ['POST', '/stop'],
      ['POST', '/restart'],
      ['DELETE', ''],
      ['GET', '/networking'],
    ]
    for (const [method, path, body] of calls) {
      const at = (uuid: string) => error(service.call(method, `/1.3/server/${uuid}${path}`, body))
      const what = `${method} ${path}`
      for (const malformed of ['invalid', '1', `${servers.web}0`, '%00', 'x'.repeat(500)]) {
        assert.equal(await at(malformed), '400 SERVER_INVALID', `${what} ${malformed}`)
      }
      assert.equal(await at(unknown), '404 SERVER_NOT_FOUND', what)
      assert.equal(await at(servers.foreign), '403 SERVER_FORBIDDEN', what)
    }
    const { body } = await get('/1.3/server/invalid/firewall_rule')
    assert.deepEqual(body, {
      error: { error_code: 'SERVER_INVALID', error_message: 'The server UUID is invalid.' },
    })
    assert.equal((await get(`/1.3/server/${servers.web.toUpperCase()}/firewall_rule`)).status, 200)
  })

  test('15. whatever the framework refuses comes in the envelope, and is no problem document', async () => {
    const json = { ...credentials.right, 'content-type': 'application/json' }
    const table: [Promise<{ status: number; headers: Headers; body: never }>, string][] = [
      [get('/1.3/nothing') as never, '404 NOT_FOUND'],
      [service.call('PATCH', chain, {}) as never, '405 METHOD_NOT_ALLOWED'],
      [service.call('PUT', `${chain}/1`, {}) as never, '405 METHOD_NOT_ALLOWED'],
      [service.raw('POST', chain, '{"firewall_rule":', json) as never, '400 REQUEST_INVALID'],
      [service.raw('POST', chain, `{"a":"${'x'.repeat(3_000_000)}"}`, json) as never, '413 REQUEST_INVALID'],
      [
        service.raw('POST', chain, '<rule/>', { ...credentials.right, 'content-type': 'text/xml' }) as never,
        '415 REQUEST_INVALID',
      ],
      [get('/1.4/server') as never, '400 API_VERSION_INVALID'],
      [get('/1.3/server/%zz') as never, '404 NOT_FOUND'],
    ]
    for (const [answer, code] of table) {
      const { headers } = await answer
      assert.equal(await error(answer as never), code)
      assert.equal(headers.get('content-type'), 'application/json; charset=UTF-8', code)
    }
  })

  test('16. one 401 for every bad credential, before routing', async () => {
    for (const path of [
      '/1.3/account',
      '/1.3/nothing',
      '/1.4/server',
      '/1.3/server/invalid',
      '/1.2/account',
    ]) {
      for (const headers of [
        credentials.none,
        credentials.wrong,
        credentials.wrongPassword,
        credentials.unknownUser,
        { authorization: 'Basic !!!' },
        { authorization: 'Basic' },
        { authorization: 'Digest x' },
        { 'x-auth-token': 'acme-token' },
        { 'x-api-key': 'acme-token' },
      ]) {
        const answer = await service.call('GET', path, undefined, headers as Record<string, string>)
        assert.equal(answer.status, 401, `${path} ${JSON.stringify(headers)}`)
        assert.equal(answer.body.error.error_code, 'AUTHENTICATION_FAILED')
        assert.equal(answer.headers.get('www-authenticate'), 'Basic realm="UpCloud API"')
      }
    }
    for (const headers of [credentials.right, credentials.password]) {
      const answer = await service.call('GET', '/1.3/account', undefined, headers)
      assert.equal(answer.status, 200)
      assert.equal(answer.body.account.username, 'acme')
      assert.equal(typeof answer.body.account.credits, 'number')
    }
  })

  test('17. a slash at the end makes no difference', async () => {
    const listed = await get('/1.3/server/?label=env=dev')
    assert.equal(listed.body.servers.server.length, 2)
    assert.equal((await get('/1.3/server/?label=env=dev&label=tier')).body.servers.server.length, 1)
    assert.equal((await get('/1.3/server?label=nothing')).body.servers.server.length, 0)
    assert.equal((await get(`/1.3/server/${servers.web}/`)).status, 200)
    assert.equal((await get(`${chain}/`)).status, 200)
  })

  test('18. stateless, first match per direction', async () => {
    await put([
      { ...drop, direction: 'out' },
      { ...tcp, destination_port_start: 22, destination_port_end: 22 },
      drop,
    ])
    await service.call('PUT', `/1.3/server/${servers.web}`, { server: { firewall: 'on' } })
    const trace = async (direction: string, packet: object) => {
      const ends = { source: '198.51.100.1', destination: '192.0.2.10' }
      const body = { server: servers.web, direction, packet: { protocol: 'tcp', ...ends, ...packet } }
      const { body: answer } = await service.call('POST', '/v1/trace', body)
      return `${answer.action} ${answer.decidedBy.position ?? answer.decidedBy.kind}`
    }
    assert.equal(await trace('ingress', { destinationPort: 22 }), 'allow 2')
    assert.equal(await trace('ingress', { destinationPort: 23 }), 'deny 3')
    assert.equal(await trace('ingress', { destinationPort: 23, state: 'established' }), 'deny 3')
    const back = { source: '192.0.2.10', destination: '198.51.100.1', sourcePort: 22, state: 'established' }
    assert.equal(await trace('egress', back), 'deny 1')
  })

  test('source_ip_filtering says what is done', async () => {
    const changed = inventory.replace(
      'addresses: [10.0.0.10], type: private }',
      `addresses: [10.0.0.10], type: private, senderCheck: false }
          - { type: utility }
          - { type: utility, allowedAddresses: [10.8.0.0/16] }`,
    )
    const own = await start({ inventory: changed })
    try {
      const { body } = await own.call('GET', `/1.3/server/${servers.web}/networking`)
      assert.deepEqual(
        body.networking.interfaces.interface.map(
          (nic: { source_ip_filtering: string }) => nic.source_ip_filtering,
        ),
        // Checked; switched off; by MAC alone; by prefixes.
        ['yes', 'no', 'no', 'yes'],
      )
    } finally {
      await own.close()
    }
  })

  test('19. after a server is deleted its chain is not found', async () => {
    const { body } = await service.call('POST', '/1.3/server', {
      server: { title: 'gone', hostname: 'gone.example.com', zone: 'fi-hel1' },
    })
    const path = `/1.3/server/${body.server.uuid}`
    await post(drop, `${path}/firewall_rule`)
    assert.equal(await error(service.call('DELETE', path)), '409 SERVER_STATE_ILLEGAL')
    await service.call('POST', `${path}/stop`)
    assert.equal((await service.call('DELETE', `${path}/?storages=1`)).status, 204)
    assert.equal(await error(get(`${path}/firewall_rule`)), '404 SERVER_NOT_FOUND')
    assert.equal(await error(post(drop, `${path}/firewall_rule`)), '404 SERVER_NOT_FOUND')
  })

  test('21. a PUT that fails leaves everything as it was; writers at once leave no gap', async () => {
    await put(['a', 'b'].map((comment) => ({ ...drop, comment })))
    assert.equal(await error(put([drop, tcp, { ...drop, action: 'reject' }])), '400 ACTION_INVALID')
    assert.deepEqual(await comments(), ['a', 'b'])
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, i) => post({ ...drop, comment: `w${i}`, position: 1 + (i % 3) })),
    )
    assert.ok(answers.every(({ status }) => status === 201))
    assert.deepEqual(
      (await rules()).map((rule) => rule.position),
      Array.from({ length: 66 }, (_, i) => String(i + 1)),
    )
    assert.equal(new Set(await comments()).size, 66)
  })

  test('/1.2 is the same service', async () => {
    const created = await service.call('POST', `/1.2/server/${servers.web}/firewall_rule`, {
      firewall_rule: { ...tcp, position: 1, destination_port_start: 80, destination_port_end: 80 },
    })
    assert.equal(created.status, 201)
    assert.equal((await rules()).length, 1)
  })

  test('a rule that is not there, and an index that is none', async () => {
    assert.equal(await error(get(`${chain}/1`)), '404 FIREWALL_RULE_NOT_FOUND')
    assert.equal(await error(remove(1000)), '404 FIREWALL_RULE_NOT_FOUND')
    for (const index of ['0', '1001', '-1', '01', 'x', '1.0', '%20']) {
      assert.equal(await error(get(`${chain}/${index}`)), '400 POSITION_INVALID', index)
      assert.equal(await error(remove(index)), '400 POSITION_INVALID', index)
    }
  })

  test('zones, plans, storages and addresses, as clients look them up', async () => {
    const zones = (await get('/1.3/zone')).body.zones.zone.map((zone: { id: string }) => zone.id)
    for (const id of ['fi-hel1', 'fi-hel2', 'de-fra1', 'uk-lon1', 'pl-waw1'])
      assert.ok(zones.includes(id), id)
    const plans = (await get('/1.3/plan')).body.plans.plan
    for (const name of ['1xCPU-1GB', '1xCPU-2GB', '2xCPU-4GB']) {
      const plan = plans.find((each: { name: string }) => each.name === name)
      assert.equal(typeof plan?.memory_amount, 'number', name)
    }
    for (const kind of ['', '/template', '/public', '/private']) {
      assert.equal((await get(`/1.3/storage${kind}`)).status, 200)
    }
    const [template] = (await get('/1.3/storage/template')).body.storages.storage
    assert.equal((await get(`/1.3/storage/${template.uuid}`)).body.storage.title, template.title)
    assert.equal(
      await error(service.call('DELETE', `/1.3/storage/${template.uuid}`)),
      '403 STORAGE_FORBIDDEN',
    )
    assert.equal(await error(get('/1.3/storage/nothing')), '404 STORAGE_NOT_FOUND')
    const addresses = (await get('/1.3/ip_address')).body.ip_addresses.ip_address
    assert.deepEqual(
      addresses.map((each: { address: string }) => each.address),
      ['192.0.2.10', '2001:db8::10', '192.0.2.11'],
    )
    assert.equal((await get('/1.3/ip_address/2001:DB8:0::10')).body.ip_address.server, servers.web)
    assert.equal(await error(get('/1.3/ip_address/192.0.2.99')), '404 IP_ADDRESS_NOT_FOUND')
    assert.equal(await error(get('/1.3/ip_address/x')), '404 IP_ADDRESS_NOT_FOUND')
  })

  test('22. a server as it is created, shown, changed and listed', async () => {
    const { status, body } = await service.call('POST', '/1.3/server', {
      server: {
        title: 'new',
        hostname: 'new.example.com',
        zone: 'de-fra1',
        core_number: 2,
        memory_amount: 2048,
        firewall: 'on',
        networking: null,
        labels: { label: [{ key: 'a', value: 'b' }] },
        storage_devices: {
          storage_device: [
            { action: 'clone', storage: '01000000-0000-4000-8000-000020070100', title: 'root', size: 20 },
          ],
        },
      },
    })
    assert.equal(status, 202, JSON.stringify(body))
    assert.deepEqual([body.server.state, body.server.progress], ['maintenance', '0'])
    const path = `/1.3/server/${body.server.uuid}`
    const { server } = (await get(path)).body
    assert.deepEqual(
      [server.core_number, server.memory_amount, server.plan, server.firewall, server.simple_backup],
      ['2', '2048', 'custom', 'on', 'no'],
    )
    assert.equal('progress' in server, false)
    assert.deepEqual(
      server.networking.interfaces.interface.map((nic: { type: string; index: number }) => [
        nic.type,
        nic.index,
      ]),
      [
        ['utility', 1],
        ['public', 2],
        ['public', 3],
      ],
    )
    const [disk] = server.storage_devices.storage_device
    assert.deepEqual([disk.storage_title, disk.storage_size, disk.storage_tier], ['root', 20, 'maxiops'])
    const changed = await service.call('PUT', path, {
      server: { core_number: '4', memory_amount: '8192', title: 'newer', unknown_to_us: 1 },
    })
    assert.deepEqual([changed.body.server.core_number, changed.body.server.title], ['4', 'newer'])
    const planned = await service.call('PUT', path, { server: { plan: '1xCPU-2GB' } })
    assert.deepEqual([planned.body.server.plan, planned.body.server.memory_amount], ['1xCPU-2GB', '2048'])
    const storage = (await get(`/1.3/storage/${disk.storage}`)).body.storage
    assert.deepEqual(storage.servers.server, [body.server.uuid])
    assert.equal(
      await error(service.call('DELETE', `/1.3/storage/${disk.storage}`)),
      '409 STORAGE_STATE_ILLEGAL',
    )
    await service.call('POST', `${path}/stop`)
    assert.equal(await error(service.call('POST', `${path}/stop`)), '409 SERVER_STATE_ILLEGAL')
    await service.call('DELETE', path)
    assert.equal((await service.call('DELETE', `/1.3/storage/${disk.storage}`)).status, 204)
    assert.equal(await error(get(`/1.3/storage/${disk.storage}`)), '404 STORAGE_NOT_FOUND')
  })

  test('one storage and one address are answered without reading the servers of the account', async () => {
    const wanted = { hostname: 'x', title: 'x', zone: 'fi-hel1' }
    const create = { storage_devices: { storage_device: [{ action: 'create', size: 10, title: 'd' }] } }
    const make = (more: object) => service.call('POST', '/1.3/server', { server: { ...wanted, ...more } })
    const { server } = (await make(create)).body
    const [{ storage }] = server.storage_devices.storage_device
    const path = `/1.3/storage/${storage}`
    const { list } = service.services.servers
    service.services.servers.list = () => assert.fail('a list of the account was read')
    try {
      const users = async () => (await service.call('GET', path)).body.storage.servers.server
      assert.deepEqual(await users(), [server.uuid])
      assert.equal(await error(service.call('DELETE', path)), '409 STORAGE_STATE_ILLEGAL')
      // What is attached to one server is not attached to another too.
      const attach = { storage_devices: { storage_device: [{ action: 'attach', storage }] } }
      assert.equal(await error(make(attach)), '409 STORAGE_STATE_ILLEGAL')
      await service.call('POST', `/1.3/server/${server.uuid}/stop`, { stop_server: { stop_type: 'hard' } })
      assert.equal((await service.call('DELETE', `/1.3/server/${server.uuid}`)).status, 204)
      assert.deepEqual(await users(), [])
      const twice = {
        storage_device: [attach, attach].flatMap((each) => each.storage_devices.storage_device),
      }
      assert.equal((await make({ storage_devices: twice })).status, 409)
      const both = await Promise.all([make(attach), make(attach)])
      assert.deepEqual(both.map((each) => each.status).sort(), [202, 409])
      const again = both.find((each) => each.status === 202)?.body.server
      assert.deepEqual(await users(), [again.uuid])
      assert.equal(await error(service.call('DELETE', path)), '409 STORAGE_STATE_ILLEGAL')
      await service.call('POST', `/1.3/server/${again.uuid}/stop`, { stop_server: { stop_type: 'hard' } })
      assert.equal((await service.call('DELETE', `/1.3/server/${again.uuid}?storages=1`)).status, 204)
      for (const [address, status] of [
        ['192.0.2.10', 200],
        ['2001:0DB8:0::10', 200],
        ['192.0.2.1', 404],
        ['192.0.2.99', 404],
        ['10.0.0.10', 404],
        ['%25', 404],
      ] as const) {
        assert.equal((await service.call('GET', `/1.3/ip_address/${address}`)).status, status, address)
      }
    } finally {
      service.services.servers.list = list
    }
  })

  test('a server that cannot be created says why', async () => {
    const good = { title: 'x', hostname: 'x.example.com', zone: 'fi-hel1' }
    const create = (change: object) =>
      error(service.call('POST', '/1.3/server', { server: { ...good, ...change } }))
    const table: [object, string][] = [
      [{ zone: null }, 'ZONE_MISSING'],
      [{ hostname: '' }, 'HOSTNAME_MISSING'],
      [{ title: undefined }, 'TITLE_MISSING'],
      [{ zone: 'moon' }, 'ZONE_INVALID'],
      [{ hostname: 'a b' }, 'HOSTNAME_INVALID'],
      [{ plan: 'huge' }, 'PLAN_INVALID'],
      [{ core_number: 'many' }, 'CORE_NUMBER_INVALID'],
      [{ firewall: 'yes' }, 'FIREWALL_INVALID'],
      [{ labels: { label: [{ value: 'x' }] } }, 'LABELS_INVALID'],
      [{ networking: { interfaces: { interface: [{ type: 'secret' }] } } }, 'INTERFACE_TYPE_INVALID'],
      [{ networking: [] }, 'NETWORKING_INVALID'],
      [{ storage_devices: { storage_device: [{ action: 'eat' }] } }, 'ACTION_INVALID'],
      [{ simple_backup: '0100' }, 'SIMPLE_BACKUP_INVALID'],
      [{ colour: 'red' }, 'UNKNOWN_ATTRIBUTE'],
    ]
    for (const [change, code] of table)
      assert.equal(await create(change), `400 ${code}`, JSON.stringify(change))
    const attach = { storage_devices: { storage_device: [{ action: 'attach', storage: servers.web }] } }
    assert.equal(await create(attach), '404 STORAGE_NOT_FOUND')
    assert.equal((await get('/1.3/server')).body.servers.server.length, 2)
  })
})

onBothStores('UpCloud, a server that takes its time', (start) => {
  test('20. rules of a server in maintenance are read and not written', async () => {
    const service = await start({ transitionMs: 60_000 })
    try {
      const { body } = await service.call('POST', '/1.3/server', {
        server: { title: 'slow', hostname: 'slow.example.com', zone: 'fi-hel1' },
      })
      const server = `/1.3/server/${body.server.uuid}`
      const path = `${server}/firewall_rule`
      const code = async (method: string, at: string, sent?: object) => {
        const answer = await service.call(method, at, sent)
        return `${answer.status} ${answer.body?.error?.error_code ?? ''}`.trim()
      }
      // The state is told before anything in the body is looked at.
      assert.equal(await code('POST', path, { firewall_rule: {} }), '409 SERVER_STATE_ILLEGAL')
      assert.equal(await code('PUT', path, { firewall_rules: '' }), '409 SERVER_STATE_ILLEGAL')
      assert.equal(await code('DELETE', `${path}/0`), '409 SERVER_STATE_ILLEGAL')
      assert.equal(await code('PUT', server, { server: { firewall: 'on' } }), '409 SERVER_STATE_ILLEGAL')
      assert.equal(await code('GET', path), '200')
      assert.equal((await service.call('GET', server)).body.server.state, 'maintenance')
      service.advance(60_000)
      assert.equal((await service.call('GET', server)).body.server.state, 'started')
      assert.equal(await code('POST', path, { firewall_rule: { direction: 'in', action: 'drop' } }), '201')
      // A stop takes its time too, and the rules can be written meanwhile.
      assert.equal(await code('POST', `${server}/stop`), '200')
      assert.equal((await service.call('GET', server)).body.server.state, 'started')
      assert.equal(await code('DELETE', `${path}/1`), '204')
      service.advance(60_000)
      assert.equal((await service.call('GET', server)).body.server.state, 'stopped')
    } finally {
      await service.close()
    }
  })
})
