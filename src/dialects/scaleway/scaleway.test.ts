/** What is easy to get wrong of Scaleway's API, one test each (contract: scaleway §6), and more of its answers. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import {
  accessKey,
  onBothStores,
  projects,
  type Reply,
  secretKeys,
  servers,
  type TestService,
} from '../../../test/support/service.ts'
import { whole } from '../../../test/support/status.ts'
import { catalogue } from './catalogue.ts'

const zone = '/instance/v1/zones/fr-par-1'
const groups = `${zone}/security_groups`
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const nobody = '00000000-0000-4000-8000-00000000dead'
const smtp = (number: number) => `11111111-2222-4333-8444-00000000000${number}`
const tcp = {
  protocol: 'TCP',
  direction: 'inbound',
  action: 'accept',
  ip_range: '0.0.0.0/0',
  dest_port_from: 80,
}

interface Wire {
  readonly id: string
  readonly position: number
  readonly editable: boolean
  readonly ip_range: string
  readonly dest_port_from: number | null
  readonly dest_port_to: number | null
}

onBothStores('Scaleway', (start) => {
  let service: TestService
  beforeEach(async () => {
    service = await start()
  })
  afterEach(() => service.close())

  const call = (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Reply> => service.call(method, path, body, headers ?? secretKeys.right)
  async function group(fields: object = {}, at = groups) {
    const answer = await call('POST', at, { name: 'web', ...fields })
    assert.equal(answer.status, 201, answer.text)
    return answer.body.security_group
  }
  const read = async (id: string) => (await call('GET', `${groups}/${id}`)).body.security_group
  const rulesOf = async (id: string): Promise<Wire[]> =>
    (await call('GET', `${groups}/${id}/rules`)).body.rules
  const own = async (id: string) => (await rulesOf(id)).filter((rule) => rule.editable)
  const ports = async (id: string) => (await own(id)).map((rule) => `${rule.position}:${rule.dest_port_from}`)
  const put = (id: string, rules: unknown) => call('PUT', `${groups}/${id}/rules`, { rules })
  const post = (id: string, fields: object = {}) =>
    call('POST', `${groups}/${id}/rules`, { ...tcp, ...fields })
  const create = async (fields: object = {}, at = zone) => {
    const answer = await call('POST', `${at}/servers`, { name: 'vm', commercial_type: 'DEV1-S', ...fields })
    assert.equal(answer.status, 201, answer.text)
    return answer.body.server
  }
  const listed = async (query = '') => (await call('GET', `${groups}${query}`)).body.security_groups
  const details = (answer: Reply) => {
    assert.equal(answer.status, 400, answer.text)
    assert.deepEqual([answer.body.type, answer.body.message], ['invalid_arguments', 'invalid argument(s)'])
    return answer.body.details.map((each: Record<string, string>) => `${each.argument_name} ${each.reason}`)
  }
  const verdict = async (server: string, direction: string, packet: object, more: object = {}) => {
    const { body } = await service.call('POST', '/v1/trace', { server, direction, packet, ...more })
    return `${body.action} ${body.decidedBy.kind} ${body.decidedBy.position ?? ''}`.trim()
  }
  const packet = (destinationPort: number, source = '198.51.100.1', destination = '192.0.2.40') => ({
    ...{ protocol: 'tcp', source, destination, sourcePort: 40_000, destinationPort },
  })
  const outward = (port: number) => packet(port, '192.0.2.40', '198.51.100.1')
  const outward6 = (port: number) => packet(port, '2001:db8::40', '2001:db8:ffff::1')
  const move = (server: string, id: string) =>
    call('PATCH', `${zone}/servers/${server}`, { security_group: { id } })

  test('1. the media type has no charset, errors and lists included', async () => {
    const { id } = await group()
    for (const path of [
      groups,
      `${groups}/${id}`,
      `${groups}/${id}/rules`,
      `${groups}/${nobody}`,
      '/instance/v1/x',
    ]) {
      assert.equal((await call('GET', path)).headers.get('content-type'), 'application/json', path)
    }
    const denied = await call('GET', groups, undefined, {})
    assert.equal(denied.headers.get('content-type'), 'application/json')
  })

  test('2. bodies of DELETE are not looked at; GET has none that matters', async () => {
    for (const [body, headers] of [
      ['{}', {}],
      ['null', { 'content-type': 'application/json' }],
      ['{broken', { 'content-type': 'application/json' }],
      ['text', { 'content-type': 'text/plain' }],
    ] as const) {
      const { id } = await group()
      const answer = await service.raw('DELETE', `${groups}/${id}`, body, { ...secretKeys.right, ...headers })
      assert.deepEqual([answer.status, answer.text], [204, ''])
    }
    const { hostname, port } = new URL(service.url)
    const { request } = await import('node:http')
    for (const headers of [{}, { 'content-type': 'application/json' }]) {
      const status = await new Promise((resolve, reject) => {
        const options = { hostname, port, path: groups, method: 'GET' }
        const sent = request(
          { ...options, headers: { ...secretKeys.right, ...headers, 'content-length': 4 } },
          (came) => {
            came.resume()
            resolve(came.statusCode)
          },
        )
        sent.on('error', reject)
        sent.end('null')
      })
      assert.equal(status, 200)
    }
  })

  test('3. stateful that is not said is false; the other defaults', async () => {
    const made = await group()
    assert.equal(made.stateful, false)
    assert.deepEqual(
      [made.inbound_default_policy, made.outbound_default_policy, made.enable_default_security, made.tags],
      ['accept', 'accept', true, []],
    )
    assert.equal((await group({ stateful: true })).stateful, true)
    assert.equal((await group({ stateful: null })).stateful, false)
  })

  test('4. a description is null or text, and neither becomes the other', async () => {
    assert.equal((await group()).description, null)
    const { id, description } = await group({ description: '' })
    assert.equal(description, '')
    await call('PATCH', `${groups}/${id}`, { name: 'other' })
    assert.equal((await read(id)).description, '')
    await call('PATCH', `${groups}/${id}`, { description: null })
    assert.equal((await read(id)).description, null)
  })

  test('5. created: available, one date; changed: syncing, a new one; not changed: nothing', async () => {
    const made = await group({ tags: ['a'] })
    assert.deepEqual([made.state, made.modification_date], ['available', made.creation_date])
    service.advance(1000)
    const same = { name: 'web', tags: ['a'], stateful: false, inbound_default_policy: 'accept' }
    const unchanged = (await call('PATCH', `${groups}/${made.id}`, { ...same, project_default: false })).body
    assert.deepEqual(unchanged.security_group, made)
    for (const change of [{ tags: ['a', 'b'] }, { stateful: true }, { enable_default_security: false }]) {
      service.advance(1000)
      const before = await read(made.id)
      const { security_group: after } = (await call('PATCH', `${groups}/${made.id}`, change)).body
      assert.equal(after.state, 'syncing')
      assert.ok(after.modification_date > before.modification_date)
      assert.equal((await read(made.id)).state, 'available')
      assert.deepEqual({ ...after, state: 'available' }, await read(made.id))
    }
    // So with rules: an empty list on an empty list is no change.
    const { modification_date: before } = await read(made.id)
    service.advance(1000)
    await put(made.id, [])
    assert.equal((await read(made.id)).modification_date, before)
    await post(made.id)
    assert.notEqual((await read(made.id)).modification_date, before)
  })

  test('6. all positions 0: the order of the list, one count for both directions, new ids for null', async () => {
    const { id } = await group()
    const entries = [
      { ...tcp, dest_port_from: 1, position: 0, id: null },
      { ...tcp, dest_port_from: 2, position: 0, id: null, direction: 'outbound' },
      { ...tcp, dest_port_from: 3, position: 0, id: null },
    ]
    await put(id, entries)
    assert.deepEqual(await ports(id), ['1:1', '2:2', '3:3'])
    const before = await own(id)
    await put(id, entries)
    const after = await own(id)
    assert.deepEqual(await ports(id), ['1:1', '2:2', '3:3'])
    assert.equal(after.filter((rule) => before.some((old) => old.id === rule.id)).length, 0)
    // A rule that is named is kept, and changed.
    const [first, second] = after
    await put(id, [{ ...second, dest_port_from: 20 }, { ...tcp, dest_port_from: 30 }, first])
    const kept = await own(id)
    assert.deepEqual(
      [kept[0]?.id, kept[0]?.dest_port_from],
      [first?.id, 1],
      'positions that are given order the list',
    )
    await put(id, [
      { ...tcp, id: second?.id, dest_port_from: 21 },
      { ...tcp, id: first?.id, dest_port_from: 11 },
    ])
    assert.deepEqual(
      (await own(id)).map((rule) => rule.id),
      [second?.id, first?.id],
    )
    await put(id, [
      { ...tcp, dest_port_from: 7, position: 7 },
      { ...tcp, dest_port_from: 9 },
      { ...tcp, dest_port_from: 3, position: 3 },
      { ...tcp, dest_port_from: 4, position: 3 },
    ])
    assert.deepEqual(await ports(id), ['1:3', '2:4', '3:7', '4:9'])
  })

  test('7. the six rules that come with a group are first, and stay when the list is emptied', async () => {
    const { id } = await group()
    const { body } = await put(id, [tcp])
    assert.deepEqual(
      body.rules.map((rule: Wire) => [rule.id.slice(-1), rule.position, rule.editable]).slice(0, 6),
      [1, 2, 3, 4, 5, 6].map((n) => [String(n), n, false]),
    )
    assert.deepEqual(body.rules, await rulesOf(id))
    assert.equal(body.rules.length, 7)
    assert.deepEqual((await put(id, [])).body.rules, body.rules.slice(0, 6))
    assert.deepEqual(body.rules[3], {
      ...{ id: smtp(4), protocol: 'TCP', direction: 'outbound', ip_range: '::/0', dest_ip_range: null },
      ...{
        dest_port_from: 25,
        dest_port_to: null,
        position: 4,
        editable: false,
        action: 'drop',
        zone: 'fr-par-1',
      },
    })
  })

  test('8. they cannot be taken, moved, changed or deleted', async () => {
    const { id } = await group()
    await put(id, [tcp])
    const before = await rulesOf(id)
    assert.deepEqual((await put(id, before)).body.rules, before, 'what is read can be written')
    await put(id, [{ ...before[0], editable: null, action: 'accept' }, before[6]])
    assert.deepEqual(await rulesOf(id), before)
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const answer = await call(
        method,
        `${groups}/${id}/rules/${smtp(1)}`,
        method === 'DELETE' ? undefined : tcp,
      )
      assert.deepEqual(details(answer), ['editable constraint'])
    }
    assert.deepEqual((await call('GET', `${groups}/${id}/rules/${smtp(1)}`)).body.rule, before[0])
    assert.deepEqual(await rulesOf(id), before)
  })

  test('9. switching default security shows at once and leaves positions alone', async () => {
    const { id } = await group()
    await put(id, [tcp, { ...tcp, dest_port_from: 81 }])
    const before = await own(id)
    await call('PATCH', `${groups}/${id}`, { enable_default_security: false })
    assert.deepEqual(await rulesOf(id), before)
    assert.equal((await call('GET', `${groups}/${id}/rules/${smtp(1)}`)).status, 404)
    assert.equal((await call('DELETE', `${groups}/${id}/rules/${smtp(1)}`)).status, 404)
    await call('PATCH', `${groups}/${id}`, { enable_default_security: true })
    assert.deepEqual((await rulesOf(id)).slice(6), before)
    assert.equal((await rulesOf((await group({ enable_default_security: false })).id)).length, 0)
  })

  test('10. a range that is one address is answered bare, others masked and canonical', async () => {
    const { id } = await group()
    for (const [given, want] of [
      ['8.8.8.8/32', '8.8.8.8'],
      ['8.8.8.8', '8.8.8.8'],
      ['2001:DB8::1/128', '2001:db8::1'],
      ['2001:0db8:0:0::1', '2001:db8::1'],
      ['1.2.0.0/16', '1.2.0.0/16'],
      ['10.0.0.5/24', '10.0.0.0/24'],
      ['0.0.0.0/0', '0.0.0.0/0'],
      ['::/0', '::/0'],
      ['2001:db8::5/64', '2001:db8::/64'],
    ]) {
      assert.equal((await post(id, { ip_range: given })).body.rule.ip_range, want)
    }
  })

  test('11. ports: one is one, ICMP and ANY have none, 0 takes one away', async () => {
    const { id } = await group()
    const one = await post(id, { dest_port_from: 22, dest_port_to: 22 })
    assert.equal(one.body.rule.dest_port_to, null)
    for (const protocol of ['ICMP', 'ANY']) {
      const { rule } = (await post(id, { protocol, dest_port_from: 1, dest_port_to: 0 })).body
      assert.deepEqual([rule.dest_port_from, rule.dest_port_to], [null, null])
    }
    const at = `${groups}/${id}/rules/${one.body.rule.id}`
    const patch = async (body: object) => {
      const { rule } = (await call('PATCH', at, body)).body
      return [rule.protocol, rule.dest_port_from, rule.dest_port_to]
    }
    assert.deepEqual(await patch({ dest_port_to: 2048 }), ['TCP', 22, 2048])
    assert.deepEqual(await patch({ dest_port_to: 0 }), ['TCP', 22, null])
    assert.deepEqual(await patch({ dest_port_from: 1, dest_port_to: 5 }), ['TCP', 1, 5])
    assert.deepEqual(details(await call('PATCH', at, { dest_port_from: 0 })), ['dest_port_to constraint'])
    assert.deepEqual(await patch({ dest_port_from: 0, dest_port_to: 0 }), ['TCP', null, null])
    assert.deepEqual(await patch({ dest_port_from: 9, dest_port_to: 9 }), ['TCP', 9, null])
    assert.deepEqual(await patch({ protocol: 'ICMP' }), ['ICMP', null, null])
    for (const fields of [{ dest_port_from: 0 }, { dest_port_from: 65_536 }, { dest_port_from: -1 }]) {
      assert.deepEqual(details(await post(id, fields)), ['dest_port_from constraint'])
      assert.deepEqual(details(await call('PUT', at, { ...tcp, ...fields })), ['dest_port_from constraint'])
    }
    assert.deepEqual(details(await post(id, { dest_port_to: 79 })), ['dest_port_to constraint'])
    assert.deepEqual(details(await post(id, { dest_port_from: null, dest_port_to: 79 })), [
      'dest_port_to constraint',
    ])
    assert.equal((await post(id, { dest_port_from: 65_535 })).status, 201)
  })

  test('12. the list is replaced whole or not at all, and every wrong entry is named', async () => {
    const { id } = await group()
    await put(id, [tcp])
    const before = await rulesOf(id)
    const wrong = await put(id, [
      { ...tcp, editable: false },
      tcp,
      { ...tcp, dest_port_to: 0 },
      { ...tcp, ip_range: '' },
    ])
    assert.deepEqual(details(wrong), ['rules.2.dest_port_to constraint', 'rules.3.ip_range required'])
    assert.equal(wrong.body.details[0].help_message, 'value must be at least 1')
    const unknown = await put(id, [tcp, { ...tcp, id: nobody }])
    assert.deepEqual(
      [unknown.status, unknown.body.resource, unknown.body.resource_id],
      [404, 'instance_security_group_rule', nobody],
    )
    const other = await group()
    const foreign = (await post(other.id)).body.rule
    assert.equal((await put(id, [{ ...tcp, id: foreign.id }])).status, 404)
    const [kept] = await own(id)
    assert.deepEqual(details(await put(id, [kept, kept])), ['rules.1.id constraint'])
    assert.deepEqual(details(await put(id, undefined)), ['rules required'])
    assert.deepEqual(details(await put(id, [null, 5])), ['rules.0 format', 'rules.1 format'])
    assert.deepEqual(await rulesOf(id), before)
  })

  test('13. positions stay dense; a new rule comes after those of both directions', async () => {
    const { id } = await group()
    for (const [from, direction] of [
      [1, 'inbound'],
      [2, 'outbound'],
      [3, 'inbound'],
    ] as const) {
      assert.equal(
        (await post(id, { dest_port_from: from, direction, position: 0 })).body.rule.position,
        from,
      )
    }
    assert.equal((await post(id, { dest_port_from: 4, position: 2 })).body.rule.position, 2)
    assert.deepEqual(await ports(id), ['1:1', '2:4', '3:2', '4:3'])
    const [first, , third] = await own(id)
    assert.equal((await call('DELETE', `${groups}/${id}/rules/${first?.id}`)).status, 204)
    assert.deepEqual(await ports(id), ['1:4', '2:2', '3:3'])
    const moved = await call('PATCH', `${groups}/${id}/rules/${third?.id}`, { position: 99 })
    assert.equal(moved.body.rule.position, 3)
    assert.deepEqual(await ports(id), ['1:4', '2:3', '3:2'])
    await call('PUT', `${groups}/${id}/rules/${third?.id}`, { ...tcp, dest_port_from: 5, position: 1 })
    assert.deepEqual(await ports(id), ['1:5', '2:4', '3:3'])
    assert.deepEqual(details(await post(id, { position: -1 })), ['position constraint'])
  })

  test('protocols are upper case whatever the client wrote: the Python SDK writes lower case', async () => {
    const { id } = await group()
    for (const protocol of ['tcp', 'Udp', 'icmp', 'any']) {
      assert.equal((await post(id, { protocol })).body.rule.protocol, protocol.toUpperCase())
    }
  })

  test('14. page 1 of rules is all of them, without a total; page 2 is empty', async () => {
    const { id } = await group()
    await put(
      id,
      Array.from({ length: 60 }, (_, index) => ({ ...tcp, dest_port_from: index + 1 })),
    )
    const first = await call('GET', `${groups}/${id}/rules?page=1`)
    assert.equal(first.body.rules.length, 66)
    assert.deepEqual([first.headers.get('x-total-count'), first.headers.get('link')], [null, null])
    assert.deepEqual((await call('GET', `${groups}/${id}/rules?page=2`)).body, { rules: [] })
    const some = await call('GET', `${groups}/${id}/rules?page=7&per_page=10`)
    assert.equal(some.body.rules.length, 6)
    assert.equal((await call('GET', `${groups}/${id}/rules?page=8&per_page=10`)).body.rules.length, 0)
    assert.deepEqual(details(await call('GET', `${groups}/${id}/rules?page=0`)), ['page constraint'])
  })

  test('15. lists of groups: total, links, and no total in the body', async () => {
    const empty = await call('GET', '/instance/v1/zones/pl-waw-3/security_groups')
    assert.deepEqual(empty.body, { security_groups: [] })
    assert.deepEqual(
      [empty.headers.get('x-total-count'), empty.headers.get('link')],
      ['0', '</security_groups?page=0&per_page=50&>; rel="last"'],
    )
    for (let n = 0; n < 5; n++) await group({ name: `page ${n}` })
    assert.equal(
      (await call('POST', `${groups}/`, { name: 'slash' })).headers.get('location')?.includes('//', 8),
      false,
    )
    assert.equal((await listed(`?project=${projects.first.toUpperCase()}&name=page`)).length, 5)
    const links = async (query: string) => (await call('GET', `${groups}?${query}`)).headers.get('link')
    const link = (page: number, rel: string, rest = 'name=page') =>
      `</security_groups?page=${page}&per_page=2&${rest}>; rel="${rel}"`
    assert.equal(await links('name=page&per_page=2'), [link(2, 'next'), link(3, 'last')].join())
    assert.equal(
      await links('page=2&name=page&per_page=2'),
      [link(1, 'first'), link(1, 'previous'), link(3, 'next'), link(3, 'last')].join(),
    )
    assert.equal(
      await links('page=3&name=page&per_page=2'),
      [link(1, 'first'), link(2, 'previous'), link(3, 'last')].join(),
    )
    assert.deepEqual(await listed('?page=9&name=page&per_page=2'), [])
    assert.equal((await listed('?name=page&per_page=1000')).length, 5)
    assert.match((await links('name=x%0d%0aSet-Cookie:%20a&per_page=2')) ?? '', /name=x%0D%0ASet-Cookie/)
    assert.deepEqual(
      (await listed('?name=page')).map((each: { name: string }) => each.name),
      [...['page 0', 'page 1', 'page 2', 'page 3', 'page 4']],
    )
  })

  test('16. name is a part of the name; 17. tags are all of them, exactly', async () => {
    await group({ name: 'web', tags: ['a', 'b'] })
    await group({ name: 'web-2', tags: ['a'] })
    const names = async (query: string) => (await listed(query)).map((each: { name: string }) => each.name)
    assert.deepEqual(await names('?name=web'), ['web', 'web-2'])
    assert.deepEqual(await names('?tags=a'), ['web', 'web-2'])
    assert.deepEqual(await names('?tags=b,a'), ['web'])
    assert.deepEqual(await names('?tags=a,c'), [])
    assert.deepEqual(await names('?project_default=True'), ['Default security group'])
    assert.deepEqual(await names('?project_default=&name=web'), ['web', 'web-2'])
    assert.deepEqual(await names('?project_default=false'), ['web', 'web-2'])
  })

  test('18. a server is made with a group’s id, changed with an object, and tells id and name', async () => {
    const { id } = await group()
    const server = await create({ security_group: id })
    assert.deepEqual(server.security_group, { id, name: 'web' })
    const other = await group({ name: 'other' })
    const moved = await call('PATCH', `${zone}/servers/${server.id}`, {
      security_group: { id: other.id, name: 'x' },
    })
    assert.deepEqual(moved.body.server.security_group, { id: other.id, name: 'other' })
    for (const wrong of [null, id, {}, { id: null }]) {
      const answer = await call('PATCH', `${zone}/servers/${server.id}`, { security_group: wrong })
      assert.deepEqual(details(answer), ['security_group format'])
    }
    for (const missing of [nobody, 'x']) {
      for (const answer of [
        await move(server.id, missing),
        await call('POST', `${zone}/servers`, {
          name: 'vm',
          commercial_type: 'DEV1-S',
          security_group: missing,
        }),
      ]) {
        assert.deepEqual(
          [answer.status, answer.body.resource, answer.body.resource_id],
          [404, 'instance_security_group', missing],
        )
      }
    }
    const elsewhere = [
      await group({}, '/instance/v1/zones/nl-ams-1/security_groups'),
      await group({ project: projects.second }),
    ]
    for (const { id: far } of elsewhere) assert.equal((await move(server.id, far)).status, 404)
    assert.deepEqual(
      (await call('GET', `${zone}/servers/${server.id}`)).body.server.security_group.id,
      other.id,
    )
  })

  test('19. the default group comes with the first server that names none, where it is made', async () => {
    const waw = '/instance/v1/zones/pl-waw-1'
    const inWaw = async (query = '') =>
      (await call('GET', `${waw}/security_groups${query}`)).body.security_groups
    assert.deepEqual(await inWaw(), [])
    const both = await Promise.all([create({}, waw), create({}, waw)])
    const [made, ...others] = await inWaw()
    assert.equal(others.length, 0)
    assert.deepEqual(
      both.map((each) => each.security_group.id),
      [made.id, made.id],
    )
    assert.deepEqual(
      [
        made.name,
        made.description,
        made.stateful,
        made.project_default,
        made.organization_default,
        made.tags,
      ],
      ['Default security group', 'Auto generated security group.', true, true, true, []],
    )
    assert.deepEqual(
      [made.enable_default_security, made.inbound_default_policy, made.outbound_default_policy],
      [true, 'accept', 'accept'],
    )
    await create({ project: projects.second }, waw)
    assert.deepEqual(
      (await inWaw()).map((each: { project: string }) => each.project),
      [projects.first, projects.second],
    )
    assert.equal((await inWaw(`?project=${projects.second}`)).length, 1)
    for (const { id } of both) await call('DELETE', `${waw}/servers/${id}`)
    assert.equal((await call('DELETE', `${waw}/security_groups/${made.id}`)).status, 204)
    assert.equal((await inWaw()).length, 1)
    const again = await create({}, waw)
    assert.notEqual(again.security_group.id, made.id)
    assert.equal(again.security_group.name, 'Default security group')
  })

  test('20. the default group is deleted when nobody uses it, and no group is while somebody does', async () => {
    const { id } = await group()
    const server = await create({ security_group: id })
    const refused = await call('DELETE', `${groups}/${id}`)
    assert.deepEqual(
      [refused.status, refused.body],
      [
        400,
        {
          type: 'precondition_failed',
          message: 'precondition is not respected',
          precondition: 'resource_still_in_use',
          help_message: 'group is in use. you cannot delete it.',
        },
      ],
    )
    assert.equal((await call('DELETE', `${zone}/servers/${server.id}`)).status, 204)
    assert.equal((await call('DELETE', `${groups}/${id}`)).status, 204)
    assert.equal((await call('GET', `${groups}/${id}`)).status, 404)
    assert.equal((await call('DELETE', `${groups}/${id}`)).status, 404)
    // Another may become the default; the one that was is then like any other.
    const [old] = await listed('?project_default=true')
    const next = await group({ project_default: true })
    assert.deepEqual([next.project_default, next.organization_default], [true, true])
    assert.deepEqual(
      [(await read(old.id)).project_default, (await read(old.id)).organization_default],
      [false, false],
    )
    assert.equal((await create()).security_group.id, next.id)
    await call('PATCH', `${groups}/${old.id}`, { organization_default: true })
    assert.equal((await read(next.id)).project_default, false)
    await call('PATCH', `${groups}/${old.id}`, { project_default: false })
    assert.deepEqual(await listed('?project_default=true'), [])
  })

  test('21. below a group that is not there, it is the group that is missing', async () => {
    const at = `${groups}/${nobody}/rules`
    const { id } = await group()
    const rule = (await post(id)).body.rule
    for (const [method, path, body] of [
      ['GET', at],
      ['POST', at, tcp],
      ['PUT', at, { rules: [] }],
      ['GET', `${at}/${rule.id}`],
      ['PATCH', `${at}/${rule.id}`, {}],
      ['PUT', `${at}/${rule.id}`, tcp],
      ['DELETE', `${at}/${rule.id}`],
    ] as const) {
      const answer = await call(method, path, body)
      assert.deepEqual(
        [answer.status, answer.body],
        [
          404,
          {
            type: 'not_found',
            message: 'resource is not found',
            resource: 'instance_security_group',
            resource_id: nobody,
          },
        ],
      )
    }
    const missing = await call('GET', `${groups}/${id}/rules/${nobody}`)
    assert.deepEqual(
      [missing.body.resource, missing.body.resource_id],
      ['instance_security_group_rule', nobody],
    )
  })

  test('22. default is a word, not an id', async () => {
    const { rules } = (await call('GET', `${groups}/default/rules`)).body
    assert.equal(rules.length, 6)
    assert.equal(
      (await call('GET', '/instance/v1/zones/it-mil-1/security_groups/default/rules')).body.rules[0].zone,
      'it-mil-1',
    )
    const answer = await call('GET', `${groups}/default`)
    assert.deepEqual([answer.status, answer.body.resource_id], [404, 'default'])
    for (const id of ['x', '..%2f', '%00', "' OR 1=1"]) {
      const { status, body } = await call('GET', `${groups}/${encodeURIComponent(id)}`)
      assert.deepEqual([status, body.type], [404, 'not_found'], id)
    }
  })

  test('23. what is in one zone is in no other; every zone answers, and only those there are', async () => {
    const { id } = await group()
    const other = `/instance/v1/zones/fr-par-2/security_groups/${id}`
    for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
      assert.equal(
        (await call(method, other, method === 'PATCH' || method === 'PUT' ? { name: 'x' } : undefined))
          .status,
        404,
      )
    }
    assert.equal((await call('GET', `/instance/v1/zones/fr-par-2/servers/${servers.instance}`)).status, 404)
    for (const each of catalogue.value.zones)
      assert.equal((await call('GET', `/instance/v1/zones/${each}/security_groups`)).status, 200)
    const unknown = await call('GET', '/instance/v1/zones/xx-yyy-1/security_groups')
    assert.deepEqual(
      [unknown.status, unknown.body.resource, unknown.body.resource_id],
      [404, 'zone', 'xx-yyy-1'],
    )
    const nothing = '/instance/v1/zones/fr-par-1/nothing'
    const route = await call('GET', nothing)
    assert.deepEqual(
      [route.status, route.body],
      [404, { message: `This path is not served: GET ${nothing}` }],
    )
  })

  test('24. the organization is the owner’s, whatever the project; keys reach their account’s projects alone', async () => {
    const made = await group({ project: projects.second })
    assert.deepEqual([made.organization, made.project], [projects.first, projects.second])
    assert.equal((await group({ organization: projects.first })).project, projects.first)
    assert.equal((await group({ project: '' })).project, projects.first)
    for (const foreign of [
      { project: projects.foreign },
      { organization: projects.foreign },
      { project: nobody },
    ]) {
      const answer = await call('POST', groups, { name: 'x', ...foreign })
      assert.deepEqual(
        [answer.status, answer.body],
        [
          403,
          {
            message: 'insufficient permissions',
            type: 'permissions_denied',
            details: [{ resource: 'project', action: 'read' }],
          },
        ],
      )
    }
    assert.equal((await call('GET', `${groups}?project=${projects.foreign}`)).status, 403)
    assert.deepEqual(details(await call('GET', `${groups}?project=x`)), ['project format'])
    assert.deepEqual(details(await call('POST', groups, { name: 'x', project: 'x' })), ['project format'])
    assert.equal((await call('GET', `${groups}/${made.id}`, undefined, secretKeys.foreign)).status, 404)
    assert.equal((await call('DELETE', `${groups}/${made.id}`, undefined, secretKeys.foreign)).status, 404)
    assert.deepEqual(
      (await call('GET', groups, undefined, secretKeys.foreign)).body.security_groups.length,
      1,
    )
    const put = await call('PUT', `${groups}/${made.id}`, { name: 'x', project: projects.first })
    assert.deepEqual(details(put), ['project constraint'])
  })

  test('25. what is wrong is said in the current shape, all of it at once', async () => {
    assert.deepEqual(details(await call('POST', groups, {})), ['name required'])
    assert.deepEqual(details(await call('POST', groups, { name: '', tags: 'x', stateful: 'yes' })), [
      ...['tags constraint', 'stateful format', 'name required'],
    ])
    assert.deepEqual(
      details(
        await call('POST', groups, {
          name: 'x',
          inbound_default_policy: 'unknown_policy',
          project_default: 1,
        }),
      ),
      ['project_default format', 'inbound_default_policy constraint'],
    )
    const { id } = await group()
    assert.deepEqual(details(await call('POST', `${groups}/${id}/rules`, {})), [
      ...['protocol required', 'direction required', 'action required', 'ip_range required'],
    ])
    for (const range of [
      '',
      '1.2.3',
      '1.2.3.4/33',
      '::ffff:1.2.3.4',
      'fe80::1%eth0',
      '1.2.3.4-1.2.3.5',
      '01.2.3.4',
    ]) {
      const [only, ...others] = details(await post(id, { ip_range: range }))
      assert.deepEqual([only, others], [`ip_range ${range === '' ? 'required' : 'format'}`, []])
    }
    for (const protocol of ['SCTP', 6, ['TCP'], {}]) {
      assert.deepEqual(details(await post(id, { protocol })), ['protocol constraint'])
    }
    assert.deepEqual(details(await post(id, { protocol: '' })), ['protocol required'])
    assert.deepEqual(details(await post(id, { direction: 'unknown_direction', action: 'unknown_action' })), [
      ...['direction constraint', 'action constraint'],
    ])
    assert.deepEqual(details(await call('PUT', `${groups}/${id}`, { tags: null })), ['tags constraint'])
    assert.equal(
      (await call('PUT', `${groups}/${id}`, { tags: null })).body.details[0].help_message,
      'expected a list',
    )
    assert.deepEqual(details(await call('POST', groups, [])), ['body format', 'name required'])
    assert.deepEqual(
      details(
        await service.raw('POST', groups, '{', { ...secretKeys.right, 'content-type': 'application/json' }),
      ),
      ['body format'],
    )
    assert.deepEqual(await own(id), [])
  })

  test('26. whoever does not show a key that is known', async () => {
    for (const [headers, reason] of [
      [{}, 'invalid_argument'],
      [{ 'x-auth-token': 'x' }, 'invalid_argument'],
      [{ 'x-auth-token': nobody }, 'not_found'],
      [{ authorization: 'Bearer acme-token' }, 'invalid_argument'],
    ] as const) {
      const answer = await call('GET', groups, undefined, headers)
      assert.deepEqual(
        [answer.status, answer.text],
        [
          401,
          `{"message":"authentication is denied","method":"api_key","reason":"${reason}","type":"denied_authentication"}`,
        ],
      )
    }
    const readOnly = await call('POST', groups, { name: 'x' }, secretKeys.readOnly)
    assert.deepEqual([readOnly.status, readOnly.body.type], [403, 'permissions_denied'])
  })

  test('27. statuses, places and ids of answers', async () => {
    const created = await call('POST', groups, { name: 'x' })
    assert.equal(created.headers.get('location'), `${service.url}${groups}/${created.body.security_group.id}`)
    assert.match(created.headers.get('x-request-id') ?? '', uuid)
    const rule = await post(created.body.security_group.id)
    assert.deepEqual(
      [rule.status, rule.headers.get('location')],
      [201, `${service.url}${groups}/${created.body.security_group.id}/rules/${rule.body.rule.id}`],
    )
    const gone = await call('DELETE', `${groups}/${created.body.security_group.id}`)
    assert.deepEqual([gone.status, gone.text, gone.headers.get('content-length')], [204, '', null])
    const server = await create()
    const started = await call('POST', `${zone}/servers/${server.id}/action`, { action: 'poweron' })
    assert.deepEqual([started.status, started.body.task.href_result], [202, `/servers/${server.id}`])
    const project = await call('POST', '/account/v3/projects', { name: 'p', organization_id: projects.first })
    assert.deepEqual([project.status, project.body.organization_id], [200, projects.first])
    assert.equal((await call('DELETE', `/account/v3/projects/${project.body.id}`)).status, 204)
  })

  test('28. null is as good as absent in every optional field of a rule', async () => {
    const { id } = await group()
    const nulls = {
      id: null,
      dest_port_from: null,
      dest_port_to: null,
      position: null,
      editable: null,
      zone: null,
    }
    const { status, body } = await put(id, [{ ...tcp, ...nulls, dest_ip_range: null, unknown: 1 }])
    assert.equal(status, 200)
    assert.deepEqual([body.rules[6].dest_port_from, body.rules[6].position], [null, 1])
    assert.equal((await post(id, { ...nulls })).status, 201)
    const { rule } = (await call('PATCH', `${groups}/${id}/rules/${body.rules[6].id}`, nulls)).body
    assert.deepEqual(rule, body.rules[6])
  })

  test('29. dates: six digits and an offset here, a Z there', async () => {
    const made = await group()
    assert.match(made.creation_date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/)
    const key = await call('GET', `/iam/v1alpha1/api-keys/${accessKey}`)
    assert.match(key.body.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    assert.deepEqual([key.body.secret_key, key.body.default_project_id], [null, projects.first])
    assert.equal((await call('GET', '/iam/v1alpha1/api-keys/SCWOTHER000000000000')).status, 404)
    const { projects: all, total_count: total } = (await call('GET', '/account/v3/projects')).body
    assert.deepEqual(
      [total, all.map((each: { id: string }) => each.id)],
      [2, [projects.first, projects.second]],
    )
    assert.match(all[0].created_at, /\.\d{6}Z$/)
  })

  test('29a. a key of the native API is in the project that it names, else in the first; nobody names another account’s', async () => {
    const token = { authorization: 'Bearer acme-token' }
    const make = (more: object) =>
      service.call(
        'POST',
        '/v1/credentials',
        { kind: 'secret-key', scopes: ['read', 'write'], ...more },
        token,
      )
    for (const [named, project] of [
      [{ project: projects.second }, projects.second],
      [{}, projects.first],
    ] as const) {
      const made = await make(named)
      assert.deepEqual(
        [made.status, made.body.project],
        [201, 'project' in named ? project : null],
        made.text,
      )
      const own = { 'x-auth-token': made.body.secretKey }
      const shown = await service.call('GET', `/iam/v1alpha1/api-keys/${made.body.accessKey}`, undefined, own)
      assert.deepEqual([shown.status, shown.body.default_project_id], [200, project])
      const body = { name: 'of a key' }
      const created = await service.call('POST', groups, body, own)
      assert.deepEqual([created.status, created.body.security_group?.project], [201, project], created.text)
      const rotated = await service.call('POST', `/v1/credentials/${made.body.id}/rotate`, {}, token)
      assert.deepEqual([rotated.status, rotated.body.project], [201, made.body.project], rotated.text)
    }
    for (const wrong of [
      { project: projects.foreign },
      { project: '00f10000-0000-4000-8000-00000000dead' },
      { project: 'a\nb' },
      { project: projects.first, kind: 'token' },
    ]) {
      const { status, body } = await make(wrong)
      assert.deepEqual([status, body.field], [400, 'project'])
    }
  })

  test('30. a move shows in both groups; a server that is gone frees its group', async () => {
    const [a, b] = [await group({ name: 'a' }), await group({ name: 'b' })]
    const server = await create({ security_group: a.id })
    assert.deepEqual((await read(a.id)).servers, [{ id: server.id, name: 'vm' }])
    await move(server.id, b.id)
    assert.deepEqual(
      [(await read(a.id)).servers, (await read(b.id)).servers],
      [[], [{ id: server.id, name: 'vm' }]],
    )
    await call('PATCH', `${zone}/servers/${server.id}`, { name: 'renamed' })
    assert.deepEqual((await read(b.id)).servers, [{ id: server.id, name: 'renamed' }])
    assert.deepEqual((await listed('?name=b'))[0].servers, [{ id: server.id, name: 'renamed' }])
    await call('POST', `${zone}/servers/${server.id}/action`, { action: 'poweron' })
    assert.equal(
      (await call('DELETE', `${zone}/servers/${server.id}`)).body.precondition,
      'resource_not_usable',
    )
    await call('POST', `${zone}/servers/${server.id}/action`, { action: 'terminate' })
    assert.equal((await call('GET', `${zone}/servers/${server.id}`)).status, 404)
    assert.deepEqual((await read(b.id)).servers, [])
    assert.equal((await call('DELETE', `${groups}/${b.id}`)).status, 204)
  })

  test('syncing is what the hosts say that carry the group, and over at once where none has an agent', async () => {
    const placed = await start({
      inventory: `
accounts:
  - name: acme
    credentials: [ { accessKey: ${accessKey}, secretKey: ${secretKeys.right['x-auth-token']} } ]
    servers:
      - { profile: scaleway, id: ${servers.instance}, zone: fr-par-1, name: a, interfaces: [ { host: one, device: tap1 } ] }
      - { profile: scaleway, id: ${servers.vm}, zone: fr-par-1, name: b, interfaces: [ { host: two, device: tap1 } ] }
`,
    })
    try {
      const there = async () => {
        const { body } = await placed.call('GET', groups, undefined, secretKeys.right)
        const [{ id, state }] = body.security_groups
        const single = await placed.call('GET', `${groups}/${id}`, undefined, secretKeys.right)
        assert.equal(single.body.security_group.state, state)
        return { id, state }
      }
      const revision = await placed.storage.revision()
      const report = (host: string, applied: number, state: 'applied' | 'failing') =>
        placed.services.enforcement.report(
          whole({
            ...{ host, target: 'fake', desiredRevision: revision, appliedRevision: applied },
            ...{ observe: false, interfaces: [], warnings: [], state, error: null, repairs: 0 },
          }),
        )
      assert.equal((await there()).state, 'available', 'no agent')
      report('one', revision, 'applied')
      assert.equal((await there()).state, 'available')
      report('two', revision - 1, 'applied')
      assert.equal((await there()).state, 'syncing')
      report('two', revision, 'applied')
      const { id, state } = await there()
      assert.equal(state, 'available')
      await placed.call('POST', `${groups}/${id}/rules`, tcp, secretKeys.right)
      assert.equal((await there()).state, 'syncing')
      report('one', revision + 1, 'applied')
      assert.equal((await there()).state, 'syncing')
      report('two', revision, 'failing')
      assert.equal((await there()).state, 'syncing_error')
      report('two', revision + 1, 'applied')
      assert.equal((await there()).state, 'available')
    } finally {
      await placed.close()
    }
  })

  test('what packets meet: built-in rules, then position, then the default of the direction', async () => {
    const { id } = await group({ stateful: true, inbound_default_policy: 'drop' })
    await move(servers.instance, id)
    await put(id, [
      { ...tcp, dest_port_from: 22, ip_range: '198.51.100.1', action: 'drop' },
      { ...tcp, direction: 'outbound', dest_port_from: 25 },
      { ...tcp, dest_port_from: 20, dest_port_to: 30 },
      { ...tcp, protocol: 'ICMP', ip_range: '::/0' },
    ])
    const ask = (direction: string, what: object, more?: object) =>
      verdict(servers.instance, direction, what, more)
    assert.equal(await ask('ingress', packet(22)), 'deny rule 1')
    assert.equal(await ask('ingress', packet(22, '198.51.100.2')), 'allow rule 3')
    assert.equal(await ask('ingress', packet(31)), 'deny default')
    assert.equal(await ask('ingress', packet(25, '2001:db8:ffff::1', '2001:db8::40')), 'deny default')
    const echo = { protocol: 'icmp', icmpType: 8, source: '198.51.100.1', destination: '192.0.2.40' }
    assert.equal(await ask('ingress', echo), 'deny default')
    const echo6 = {
      protocol: 'icmpv6',
      icmpType: 128,
      source: '2001:db8:ffff::1',
      destination: '2001:db8::40',
    }
    assert.equal(await ask('ingress', echo6), 'allow rule 4')
    assert.equal(await ask('egress', outward(25)), 'deny rule 1', 'before the rule that lets it')
    assert.equal(await ask('egress', outward6(587)), 'deny rule 6')
    assert.equal(await ask('egress', outward(443)), 'allow default')
    const answer = { ...packet(443), sourcePort: 443, destinationPort: 40_000, state: 'established' }
    assert.equal(await ask('ingress', answer), 'allow state')
    await call('PATCH', `${groups}/${id}`, {
      enable_default_security: false,
      stateful: false,
      outbound_default_policy: 'drop',
    })
    assert.equal(await ask('egress', outward(25)), 'allow rule 2')
    assert.equal(await ask('egress', outward6(25)), 'deny default')
    assert.equal(await ask('ingress', answer), 'deny default', 'a packet like any other')
    // Private networks are not filtered.
    const { body } = await service.call('GET', `/v1/servers/${servers.instance}`)
    const inner = body.interfaces.find((nic: { type: string }) => nic.type === 'private').id
    assert.equal(await ask('ingress', packet(22, '10.0.0.1', '10.0.0.40'), { interface: inner }), 'allow off')
  })

  test('servers: what can be ordered, what is there, and what was made', async () => {
    const { local_images: images, total_count: total } = (
      await call(
        'GET',
        '/marketplace/v2/local-images?image_label=ubuntu_jammy&order_by=type_asc&type=instance_sbs&zone=fr-par-1',
      )
    ).body
    assert.equal(total, 1)
    const [image] = images
    assert.deepEqual((await call('GET', `/marketplace/v2/local-images/${image.id}`)).body, image)
    assert.equal(
      (await call('GET', `${zone}/images/${image.id}`)).body.image.root_volume.volume_type,
      'sbs_snapshot',
    )
    const { servers: types } = (await call('GET', `${zone}/products/servers?page=1`)).body
    for (const type of ['DEV1-S', 'DEV1-M', 'PRO2-XXS', 'PRO2-XS', 'GP1-XS']) assert.ok(types[type], type)
    assert.deepEqual((await call('GET', `${zone}/products/servers?page=2`)).body, { servers: {} })

    const unknown = await call('POST', `${zone}/servers`, {
      name: 'x',
      commercial_type: 'HUGE',
      image: image.id,
    })
    assert.deepEqual(details(unknown), ['commercial_type constraint'])
    const noImage = await call('POST', `${zone}/servers`, {
      name: 'x',
      commercial_type: 'DEV1-S',
      image: nobody,
    })
    assert.deepEqual(
      [noImage.status, noImage.body.resource, noImage.body.resource_id],
      [404, 'instance_image', nobody],
    )
    const far = await call('POST', '/instance/v1/zones/fr-par-2/servers', {
      name: 'x',
      commercial_type: 'DEV1-S',
      image: image.id,
    })
    assert.equal(far.status, 404)

    const server = await create({
      image: image.id,
      tags: ['t'],
      dynamic_ip_required: true,
      enable_ipv6: true,
    })
    assert.deepEqual([server.state, server.image.id, server.tags], ['stopped', image.id, ['t']])
    assert.deepEqual(
      server.public_ips.map((ip: { family: string }) => ip.family),
      ['inet6'],
    )
    const volume = server.volumes['0'].id
    assert.equal(server.volumes['0'].volume_type, 'sbs_volume')
    assert.equal((await call('GET', `${zone}/volumes/${volume}`)).body.resource, 'instance_volume')
    const block = `/block/v1/zones/fr-par-1/volumes/${volume}`
    assert.deepEqual(
      [(await call('GET', block)).body.status, (await call('DELETE', block)).status],
      ['in_use', 400],
    )
    assert.equal((await call('GET', block.replace('v1/', 'v1alpha1/'))).body.size, 10_000_000_000)
    assert.deepEqual((await call('GET', `${zone}/servers/${server.id}/user_data`)).body, { user_data: [] })
    await call('DELETE', `${zone}/servers/${server.id}`)
    assert.deepEqual(
      [(await call('GET', block)).body.status, (await call('DELETE', block)).status],
      ['available', 204],
    )
    assert.equal((await call('GET', block)).status, 404)

    const local = await create({
      volumes: { 0: { volume_type: 'l_ssd', size: 20_000_000_000, name: 'root' } },
    })
    const { volume: disk } = (await call('GET', `${zone}/volumes/${local.volumes['0'].id}`)).body
    assert.deepEqual(
      [disk.name, disk.size, disk.server],
      ['root', 20_000_000_000, { id: local.id, name: 'vm' }],
    )
    assert.deepEqual(
      details(
        await call('POST', `${zone}/servers`, {
          name: 'x',
          commercial_type: 'DEV1-S',
          volumes: { 0: { size: -1 }, a: 5 },
        }),
      ),
      [...['volumes.0.size constraint', 'volumes format']],
    )

    const list = await call('GET', `${zone}/servers?name=v&per_page=1&order=creation_date_asc`)
    assert.deepEqual([list.headers.get('x-total-count'), list.body.servers[0].id], ['1', local.id])
    assert.match(
      list.headers.get('link') ?? '',
      /^<\/servers\?page=1&per_page=1&name=v&order=creation_date_asc>; rel="last"$/,
    )
    assert.deepEqual((await call('GET', `${zone}/servers?page=9`)).body, { servers: [] })
    assert.equal((await call('GET', `${zone}/servers?state=running`)).body.servers[0].id, servers.instance)
    for (const order of ['x', '__proto__', 'constructor']) {
      assert.deepEqual(details(await call('GET', `${zone}/servers?order=${order}`)), ['order constraint'])
    }
  })

  test('servers go from state to state, and not just anywhere', async () => {
    const slow = await start({ transitionMs: 1000 })
    try {
      const slowly = (method: string, path: string, body?: unknown) =>
        slow.call(method, path, body, secretKeys.right)
      const { server } = (await slowly('POST', `${zone}/servers`, { name: 'x', commercial_type: 'DEV1-S' }))
        .body
      const at = `${zone}/servers/${server.id}`
      const act = async (action: string) => (await slowly('POST', `${at}/action`, { action })).status
      const state = async () => (await slowly('GET', at)).body.server.state
      for (const [action, status, now, then] of [
        ['poweroff', 400, 'stopped', 'stopped'],
        ['poweron', 202, 'starting', 'running'],
        ['stop_in_place', 202, 'stopping', 'stopped in place'],
        ['reboot', 202, 'starting', 'running'],
        ['backup', 400, 'running', 'running'],
        ['stop_in_place', 202, 'stopping', 'stopped in place'],
        ['poweron', 202, 'starting', 'running'],
        ['poweroff', 202, 'stopping', 'stopped'],
      ] as const) {
        assert.deepEqual([await act(action), await state()], [status, now], action)
        slow.advance(1000)
        assert.equal(await state(), then)
      }
      assert.deepEqual([await act('explode'), await act('')], [400, 400])
      await slowly('PATCH', at, { protected: true })
      assert.equal((await slowly('DELETE', at)).body.precondition, 'protected_resource')
      await slowly('PATCH', at, { protected: false })
      assert.equal((await slowly('DELETE', at)).status, 204)
    } finally {
      await slow.close()
    }
  })

  test('projects: made, changed, and deleted when they are empty', async () => {
    const { id } = (await call('POST', '/account/v3/projects', { name: 'p', description: 'd' })).body
    const at = `/account/v3/projects/${id}`
    assert.deepEqual(
      [(await call('PATCH', at, { name: 'q' })).body.name, (await call('GET', at)).body.description],
      ['q', 'd'],
    )
    const made = await group({ project: id })
    assert.equal((await call('DELETE', at)).body.precondition, 'resource_still_in_use')
    await call('DELETE', `${groups}/${made.id}`)
    assert.equal((await call('DELETE', at)).status, 204)
    assert.equal((await call('POST', groups, { name: 'x', project: id })).status, 403)
    assert.equal((await call('DELETE', `/account/v3/projects/${projects.first}`)).status, 400)
    assert.equal((await call('GET', `/account/v3/projects/${projects.foreign}`)).status, 404)
    assert.equal(
      (await call('POST', '/account/v3/projects', { organization_id: projects.foreign })).status,
      403,
    )
  })

  test('a project that is deleted while something is made in it: one of the two is refused', async () => {
    for (let round = 0; round < 8; round++) {
      const { id } = (await call('POST', '/account/v3/projects', { name: 'p' })).body
      const [made, gone] = await Promise.all([
        call('POST', groups, { name: 'x', project: id }),
        call('DELETE', `/account/v3/projects/${id}`),
      ])
      assert.deepEqual(
        [made.status, gone.status].sort(),
        made.status === 201 ? [201, 400] : [204, 403],
        `${made.text} ${gone.text}`,
      )
    }
  })

  test('what a client sends too much of is refused before it costs', async () => {
    const { id } = await group()
    const many = await put(
      id,
      Array.from({ length: 40_000 }, () => ({})),
    )
    assert.deepEqual(details(many), ['rules constraint'])
    const huge = await put(
      id,
      Array.from({ length: 200_000 }, () => 0),
    )
    assert.deepEqual(details(huge), ['body format'])
    const wrong = await put(
      id,
      Array.from({ length: 900 }, () => ({})),
    )
    assert.equal(details(wrong).length, 100)
    for (const path of [
      `${groups}/%00`,
      `${groups}/${id}/rules/%00`,
      `${zone}/servers/a%00`,
      '/account/v3/projects/%00',
    ]) {
      assert.equal((await call('GET', path)).status, 404, path)
    }
  })

  test('another default takes nothing from those that have the old one, and nobody waits for it', async () => {
    const placed = await start({
      inventory: `
accounts:
  - name: acme
    credentials: [ { accessKey: ${accessKey}, secretKey: ${secretKeys.right['x-auth-token']} } ]
    servers: [ { profile: scaleway, id: ${servers.instance}, zone: fr-par-1, name: a, interfaces: [ { host: one, device: tap1 } ] } ]
`,
    })
    try {
      const heard: number[] = []
      placed.storage.onCommit(({ topics, revision }) => topics.includes('rules') && heard.push(revision))
      const body = { name: 'new', project_default: true }
      assert.equal((await placed.call('POST', groups, body, secretKeys.right)).status, 201)
      assert.deepEqual(heard, [await placed.storage.revision()])
    } finally {
      await placed.close()
    }
  })

  test('many writers on one group: every acknowledged rule is there, once, at a place of its own', async () => {
    const { id } = await group()
    const numbers = Array.from({ length: 40 }, (_, index) => index + 1)
    const made = await Promise.all(numbers.map((n) => post(id, { dest_port_from: n, position: 1 })))
    assert.ok(made.every((answer) => answer.status === 201))
    const rules = await own(id)
    assert.deepEqual(
      rules.map((rule) => rule.position),
      numbers,
    )
    assert.deepEqual(
      rules.map((rule) => rule.dest_port_from ?? 0).toSorted((a, b) => a - b),
      numbers,
    )
    const changes = await Promise.all([
      ...rules
        .slice(0, 10)
        .map((rule) => call('PATCH', `${groups}/${id}/rules/${rule.id}`, { protocol: 'UDP' })),
      ...rules.slice(10, 20).map((rule) => call('DELETE', `${groups}/${id}/rules/${rule.id}`)),
      ...rules.slice(20, 25).map((_, index) => call('PATCH', `${groups}/${id}`, { tags: [`t${index}`] })),
    ])
    assert.ok(
      changes.every((answer) => answer.status < 300),
      changes.map((each) => each.text).join(),
    )
    assert.deepEqual(
      (await own(id)).map((rule) => rule.position),
      numbers.slice(0, 30),
    )
  })
})
