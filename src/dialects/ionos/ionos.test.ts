/** IONOS Cloud's wire behaviour: every endpoint of the vendor's pages with their own examples, and what is easy to get wrong. */
import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import {
  credentials,
  datacenters,
  inventory,
  nics,
  onBothStores,
  type Reply,
  servers,
  type TestService,
} from '../../../test/support/service.ts'
import { whole } from '../../../test/support/status.ts'

const base = '/cloudapi/v6'
const dc = `${base}/datacenters/${datacenters.own}`
const nic = `${dc}/servers/${servers.cube}/nics/${nics.cube}`
const second = `${dc}/servers/${servers.cube}/nics/${nics.second}`
const rulesOfNic = `${nic}/firewallrules`
const groups = `${dc}/securitygroups`

/** The body of every example of a rule in the vendor's pages. */
const example = {
  name: 'My resource',
  protocol: 'TCP',
  sourceMac: '00:0a:95:9d:68:16',
  ipVersion: 'IPv4',
  sourceIp: '22.231.113.64',
  targetIp: '22.231.113.64',
  icmpCode: 0,
  icmpType: 8,
  portRangeStart: 8,
  portRangeEnd: 8,
  type: 'INGRESS',
}
const exampleGroup = {
  properties: { name: 'My security group', description: 'My security group description' },
  entities: { rules: { type: 'collection', offset: 0, limit: 1000, _links: {} } },
}
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

onBothStores('IONOS Cloud', (start) => {
  let service: TestService
  const doneTags = new Set<string>()
  before(async () => {
    service = await start()
  })
  after(() => service.close())

  const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    service.call(method, path, body, headers)
  /** Asserts the status, and that a mutation can be waited for. */
  async function ok(method: string, path: string, body?: unknown, status = method === 'GET' ? 200 : 202) {
    const answer = await call(method, path, body)
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`)
    if (method !== 'GET') await done(answer)
    return answer
  }
  async function done(answer: Reply) {
    const location = answer.headers.get('location') ?? ''
    assert.ok(location.startsWith(`${service.url}${base}/requests/`), `Location: ${location}`)
    assert.match(location.split('/').at(-2) ?? '', uuid)
    const { body, headers } = await call('GET', location.slice(service.url.length))
    assert.equal(body.metadata.status, 'DONE')
    // One for all that are done, as recorded.
    assert.equal(headers.get('etag'), body.metadata.etag)
    doneTags.add(body.metadata.etag)
    assert.equal(doneTags.size, 1)
    return body
  }
  async function refused(
    answer: Promise<Reply>,
    status: number,
    code: string,
    ...messages: (string | RegExp)[]
  ) {
    const { status: came, body, text, headers } = await answer
    assert.equal(came, status, text)
    assert.equal(headers.get('content-type'), 'application/json')
    assert.equal(body.httpStatus, status)
    for (const message of body.messages) assert.equal(message.errorCode, code)
    for (const [index, message] of messages.entries()) {
      const told = body.messages[index]?.message
      if (typeof message === 'string') assert.equal(told, message)
      else assert.match(told, message)
    }
    if (messages.length > 0) assert.equal(body.messages.length, messages.length, text)
  }
  const group = async (properties: object = { name: 'g' }, entities?: object): Promise<string> =>
    (await ok('POST', groups, { properties, ...(entities && { entities }) })).body.id
  /** Takes the groups off the server and its NICs. */
  const free = async () => {
    for (const target of [`${dc}/servers/${servers.cube}`, nic, second])
      await ok('PUT', `${target}/securitygroups`, { ids: [] }, 200)
  }
  const rule = async (properties: object, path = rulesOfNic): Promise<string> =>
    (
      await ok(
        'POST',
        path,
        { properties: { protocol: 'TCP', ...properties } },
        path === rulesOfNic ? 202 : 200,
      )
    ).body.id
  const bad = (properties: object, ...messages: (string | RegExp)[]) =>
    refused(
      call('POST', rulesOfNic, { properties: { protocol: 'TCP', ...properties } }),
      422,
      '100',
      ...messages,
    )

  test('every endpoint of the two pages with the pages’ own request', async () => {
    const wrapped = { type: 'firewall-rule', metadata: {}, properties: example }
    for (const [collection, created] of [
      [rulesOfNic, 202],
      [`${groups}/${(await ok('POST', groups, exampleGroup)).body.id}/rules`, 200],
    ] as const) {
      const made = await ok('POST', collection, wrapped, created)
      assert.deepEqual(made.body.properties, example)
      assert.equal(made.body.type, 'firewall-rule')
      const one = `${collection}/${made.body.id}`
      assert.deepEqual((await ok('GET', one)).body.properties, example)
      assert.deepEqual((await ok('PUT', one, wrapped)).body.properties, example)
      assert.deepEqual((await ok('PATCH', one, example)).body.properties, example)
      const listed = await ok('GET', `${collection}?depth=1`)
      assert.deepEqual(listed.body.items.at(-1).properties, example)
      const gone = await ok('DELETE', one)
      assert.deepEqual([gone.text, gone.headers.get('content-type')], ['', null])
      await refused(call('DELETE', one), 404, '309', 'Resource does not exist')
    }
    const { body } = await ok('POST', groups, exampleGroup)
    const one = `${groups}/${body.id}`
    assert.deepEqual(body.properties, exampleGroup.properties)
    await ok('GET', groups)
    assert.deepEqual((await ok('GET', one)).body.properties, exampleGroup.properties)
    await ok('PUT', one, exampleGroup)
    await ok('PATCH', one, exampleGroup.properties)
    for (const target of [`${dc}/servers/${servers.cube}`, nic]) {
      const attached = await ok('PUT', `${target}/securitygroups`, { ids: [body.id] }, 200)
      assert.deepEqual(attached.body.items, [
        { id: body.id, type: 'security-group', href: service.url + one },
      ])
    }
    const inUse = /the security group is attached to 1 server and 1 NIC$/
    await refused(call('DELETE', one), 422, '200', inUse)
    await free()
    await ok('DELETE', one)
    await refused(call('GET', one), 404, '309')
  })

  test('depth: lists, single resources, stubs and refs', async () => {
    const id = await rule({ portRangeStart: 22, portRangeEnd: 22 })
    const ref = { id, type: 'firewall-rule', href: `${service.url}${rulesOfNic}/${id}` }
    assert.deepEqual((await ok('GET', rulesOfNic)).body.items, [ref])
    const [full] = (await ok('GET', `${rulesOfNic}?depth=1`)).body.items
    assert.deepEqual(Object.keys(full), ['id', 'type', 'href', 'metadata', 'properties'])
    const listed = (await ok('GET', `${dc}/servers/${servers.cube}/nics?depth=1`)).body.items[0].entities
      .firewallrules
    assert.equal('items' in listed, false)
    assert.equal('items' in (await ok('GET', nic)).body.entities.firewallrules, false)
    assert.deepEqual((await ok('GET', `${nic}?depth=1`)).body.entities.firewallrules.items, [ref])
    assert.deepEqual((await ok('GET', `${nic}?depth=1`)).body.entities.securitygroups.items, [])
    assert.equal(
      (await ok('GET', `${nic}?depth=2`)).body.entities.firewallrules.items[0].properties.portRangeStart,
      22,
    )
    const deep = (await ok('GET', `${dc}/servers?depth=5`)).body.items[0].entities.nics.items[0]
    assert.equal(deep.entities.firewallrules.items[0].properties.portRangeStart, 22)
    for (const wrong of ['11', '-1', 'x', '1.5', '']) {
      await refused(call('GET', `${nic}?depth=${wrong}`), 422, '100', /^\[depth\]/)
    }
    assert.equal((await call('GET', `${nic}?depth=10&unknown=1&pretty=false`)).text.includes('\n'), false)
    await ok('DELETE', `${rulesOfNic}/${id}`)
  })

  test('pages, their links, and filter.name', async () => {
    const made = [
      await group({ name: 'Alpha' }),
      await group({ name: 'beta' }),
      await group({ name: 'alphabet' }),
    ]
    const { body } = await ok('GET', `${groups}?offset=1&limit=1`)
    assert.deepEqual([body.offset, body.limit, body.items.length], [1, 1, 1])
    const href = service.url + groups
    assert.deepEqual(body._links, {
      prev: `${href}?depth=0&offset=0&limit=1`,
      self: `${href}?depth=0&offset=1&limit=1`,
      next: `${href}?depth=0&offset=2&limit=1`,
    })
    assert.deepEqual((await ok('GET', `${groups}?offset=9999`)).body.items, [])
    const found = (await ok('GET', `${groups}?filter.name=ALPHA`)).body.items
    assert.deepEqual(
      found.map((each: { id: string }) => each.id),
      [made[0], made[2]],
    )
    for (const query of ['offset=-1', 'limit=0', 'limit=10001', 'limit=x']) {
      await refused(call('GET', `${groups}?${query}`), 422, '100')
    }
    for (const id of made) await ok('DELETE', `${groups}/${id}`)
  })

  test('PUT merges, PATCH is bare, protocol stays', async () => {
    const id = await rule({ name: 'a', portRangeStart: 1, portRangeEnd: 2 })
    const one = `${rulesOfNic}/${id}`
    await ok('PUT', one, { properties: { sourceIp: '10.0.0.1' } })
    await ok('PATCH', one, { name: null, protocol: 'TCP' })
    await ok('PUT', one, { properties: { protocol: '' } })
    const { properties } = (await ok('GET', one)).body
    assert.deepEqual(
      [properties.name, properties.sourceIp, properties.portRangeEnd, properties.protocol],
      [null, '10.0.0.1', 2, 'TCP'],
    )
    await refused(
      call('PATCH', one, { protocol: 'UDP' }),
      422,
      '100',
      '[(root).protocol] Attribute is not allowed in update requests',
    )
    await refused(
      call('PUT', one, { properties: { protocol: 'UDP' } }),
      422,
      '100',
      /^\[\(root\)\.properties\.protocol\]/,
    )
    await refused(call('PATCH', one, { properties: { name: 'x' } }), 422, '100')
    await refused(
      call('PUT', one, { name: 'x' }),
      422,
      '100',
      "[(root)] Resource-definition requires 'properties' attribute",
    )
    await refused(call('PATCH', one, { portRangeStart: null }), 422, '100')
    await refused(call('PATCH', one, { portRangeStart: 3 }), 422, '100')
    await ok('PATCH', one, { portRangeStart: null, portRangeEnd: null })
    await ok('DELETE', one)
  })

  test('all violations at once, in the vendor’s words', async () => {
    await refused(
      call('POST', rulesOfNic, { properties: { protocol: 'tcp', sourceIp: 'x', portRangeStart: 0 } }),
      422,
      '100',
      "[(root).properties.protocol] Attribute value 'tcp' not allowed. Expected one of [TCP, UDP, ICMP, ICMPv6, GRE, VRRP, ESP, AH, ANY]",
      /sourceIp/,
      /portRangeStart/,
    )
    await refused(
      call('POST', rulesOfNic, { properties: {} }),
      422,
      '100',
      "[(root).properties.protocol] Attribute 'protocol' is required",
    )
    await refused(
      call('POST', groups, {
        properties: { name: 'x' },
        entities: { rules: { items: [{ properties: {} }] } },
      }),
      422,
      '100',
      "[(root).entities.rules.items.[0].properties.protocol] Attribute 'protocol' is required",
    )
  })

  test('ports and ICMP numbers', async () => {
    for (const [first, last] of [
      [0, 1],
      [1, 65536],
      [2, 1],
      [1, null],
      [null, 1],
      [22.5, 23],
      ['22 ', 23],
    ]) {
      await bad({ portRangeStart: first, portRangeEnd: last })
    }
    for (const protocol of ['ICMP', 'ANY', 'GRE']) await bad({ protocol, portRangeStart: 1, portRangeEnd: 1 })
    for (const protocol of ['ANY', 'GRE', 'VRRP', 'ESP', 'AH']) await bad({ protocol, icmpType: 0 })
    for (const icmpType of [-1, 255, 'x']) await bad({ protocol: 'ICMP', icmpType })
    for (const properties of [
      { portRangeStart: 65535, portRangeEnd: '65535' },
      { protocol: 'ICMP', icmpType: 0, icmpCode: 0 },
      { protocol: 'ICMP', icmpType: 254, icmpCode: 254 },
      { protocol: 'ICMPv6', icmpCode: 0 },
      { protocol: 'UDP', icmpType: 8, portRangeStart: 1, portRangeEnd: 1 },
    ]) {
      const id = await rule(properties)
      const { properties: stored } = (await ok('GET', `${rulesOfNic}/${id}`)).body
      for (const [name, value] of Object.entries(properties)) {
        assert.equal(stored[name], name.startsWith('port') ? Number(value) : value)
      }
      await ok('DELETE', `${rulesOfNic}/${id}`)
    }
  })

  test('the family: given, deduced, followed, contradicted', async () => {
    const version = async (id: string) => (await ok('GET', `${rulesOfNic}/${id}`)).body.properties.ipVersion
    for (const [properties, want] of [
      [{}, 'IPv4'],
      [{ protocol: 'ANY' }, 'IPv4'],
      [{ protocol: 'ICMPv6' }, 'IPv6'],
      [{ ipVersion: 'IPv6' }, 'IPv6'],
      [{ targetIp: '2001:db8::/32' }, 'IPv6'],
      [{ sourceIp: '0.0.0.0' }, 'IPv4'],
    ] as const) {
      const made = await ok('POST', rulesOfNic, { properties: { protocol: 'TCP', ...properties } })
      // Not known until the request is done.
      assert.equal(made.body.properties.ipVersion, 'ipVersion' in properties ? properties.ipVersion : null)
      assert.equal(made.body.properties.type, null)
      assert.equal(made.body.metadata.state, 'BUSY')
      assert.equal(await version(made.body.id), want)
      await ok('DELETE', `${rulesOfNic}/${made.body.id}`)
    }
    const follows = await rule({ sourceIp: '10.0.0.1' })
    await ok('PATCH', `${rulesOfNic}/${follows}`, { sourceIp: '2001:db8::1' })
    assert.equal(await version(follows), 'IPv6')
    await refused(call('PATCH', `${rulesOfNic}/${follows}`, { targetIp: '10.0.0.1' }), 422, '100')
    const given = await rule({ sourceIp: '10.0.0.1', ipVersion: 'IPv4' })
    await refused(
      call('PATCH', `${rulesOfNic}/${given}`, { sourceIp: '2001:db8::1' }),
      422,
      '100',
      /ipVersion/,
    )
    await refused(call('PATCH', `${rulesOfNic}/${given}`, { ipVersion: 'IPv6' }), 422, '100', /ipVersion/)
    await ok('PATCH', `${rulesOfNic}/${given}`, { ipVersion: null, sourceIp: '2001:db8::1' })
    assert.equal(await version(given), 'IPv6')
    for (const id of [follows, given]) await ok('DELETE', `${rulesOfNic}/${id}`)
  })

  test('text comes back byte for byte; what is no address is refused', async () => {
    const text = {
      sourceMac: '00:0A:95:9d:68:1F',
      sourceIp: '2001:DB8:0::5/64',
      targetIp: '2001:db8:0:0:0:0:0:1',
    }
    const id = await rule({ ...text, name: ' SSH ✓ ' })
    const { properties } = (await ok('GET', `${rulesOfNic}/${id}`)).body
    assert.deepEqual(
      [properties.sourceMac, properties.sourceIp, properties.targetIp, properties.name],
      [...Object.values(text), ' SSH ✓ '],
    )
    await ok('DELETE', `${rulesOfNic}/${id}`)
    for (const sourceIp of [
      '',
      ' ',
      '10.0.0.1 ',
      '10.0.0.1-10.0.0.2',
      '::ffff:10.0.0.1',
      'fe80::1%eth0',
      '010.0.0.1',
      '10.0.0.0/33',
      '10.0.0.0/',
      'x',
      5,
    ]) {
      await bad({ sourceIp }, /sourceIp/)
    }
    for (const sourceMac of [
      '00-0a-95-9d-68-16',
      '000a.959d.6816',
      '00:0a:95:9d:68',
      '00:0a:95:9d:68:1g',
      '',
    ]) {
      await bad({ sourceMac }, /sourceMac/)
    }
  })

  test('groups: rules replaced, kept, none; names of 60 characters', async () => {
    const items = (...ports: number[]) => ({
      rules: {
        items: ports.map((port) => ({
          properties: { protocol: 'TCP', portRangeStart: port, portRangeEnd: port },
        })),
      },
    })
    const id = await group({ name: 'x' }, items(1, 2))
    const one = `${groups}/${id}`
    const count = async () => (await ok('GET', `${one}?depth=1`)).body.entities.rules.items.length
    await ok('PUT', one, { properties: { name: 'y' } })
    await ok('PUT', one, { properties: {}, entities: { rules: {} } })
    await ok('PUT', one, { properties: {}, entities: {} })
    assert.equal(await count(), 2)
    await ok('PUT', one, { properties: {}, entities: items(3) })
    assert.equal(await count(), 1)
    await ok('PUT', one, { properties: {}, entities: { rules: { items: [] } } })
    assert.equal(await count(), 0)
    await ok('PATCH', one, { description: 'd' })
    assert.deepEqual((await ok('PATCH', one, { description: null })).body.properties, {
      name: 'y',
      description: null,
    })
    await ok('PATCH', one, {})
    await ok('PATCH', one, { name: '😀'.repeat(60) })
    for (const properties of [
      { name: 'x'.repeat(61) },
      { name: '' },
      { name: null },
      { description: 'x'.repeat(301) },
    ]) {
      await refused(call('PATCH', one, properties), 422, '100')
    }
    await refused(
      call('POST', groups, { properties: { description: 'x' } }),
      422,
      '100',
      /'name' is required/,
    )
    await refused(
      call('POST', groups, { properties: { name: 'x' }, entities: items(1, 0) }),
      422,
      '100',
      /items\.\[1\].*Start/,
      /End/,
    )
    // A rule of a group is not a rule of a NIC, nor of another group.
    const ruleId = await rule({}, `${one}/rules`)
    const other = await group()
    await refused(call('GET', `${rulesOfNic}/${ruleId}`), 404, '309')
    await refused(call('GET', `${groups}/${other}/rules/${ruleId}`), 404, '309')
    for (const each of [id, other]) await ok('DELETE', `${groups}/${each}`)
  })

  test('what clients send without meaning it, twins, and the types and dates that they can read', async () => {
    // Python and Node send the media type without a body; every client has query parameters of its own.
    const json = { ...credentials.right, 'content-type': 'application/json' }
    assert.equal(
      (await call('GET', `${nic}?depth=1&limit=50&offset=0&colour=red`, undefined, json)).status,
      200,
    )
    const twins = [await rule({ name: 'twin' }), await rule({ name: 'twin' })]
    assert.equal(new Set(twins).size, 2)
    for (const id of twins) {
      const path = `${rulesOfNic}/${id}`
      const gone = await call('DELETE', `${path}?depth=1&limit=50`, undefined, json)
      assert.equal(gone.status, 202)
      await done(gone)
      await refused(call('DELETE', path, undefined, json), 404, '309')
    }
    const groupTwins = [await group({ name: 'twin' }), await group({ name: 'twin' })]
    for (const id of groupTwins) await ok('DELETE', `${groups}/${id}`)

    const { properties, metadata } = (await ok('GET', nic)).body
    assert.deepEqual([typeof properties.lan, typeof properties.firewallActive], ['number', 'boolean'])
    for (const date of [metadata.createdDate, metadata.lastModifiedDate]) {
      assert.match(date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    }
    assert.match(metadata.etag, /^[0-9a-f]{32}$/)
    const [lan] = (await ok('GET', `${dc}/lans?depth=1`)).body.items
    assert.equal(typeof lan.id, 'string')

    // At most 100 violations are told; of far too many items, only that.
    for (const [length, messages] of [
      [400, 100],
      [40_000, 1],
    ] as const) {
      const rules = { items: Array.from({ length }, () => ({})) }
      const told = await call('POST', groups, { properties: { name: 'x' }, entities: { rules } })
      assert.deepEqual([told.status, told.body.messages.length], [422, messages])
    }
    const large = JSON.stringify({ properties: { name: 'x'.repeat(2_200_000), protocol: 'TCP' } })
    await refused(service.raw('POST', rulesOfNic, large, json), 413, '413')
  })

  test('limits: the 101st rule, the 11th group, the 201st group', async () => {
    const many = (count: number) => ({
      rules: { items: Array.from({ length: count }, () => ({ properties: { protocol: 'ANY' } })) },
    })
    await refused(call('POST', groups, { properties: { name: 'x' }, entities: many(101) }), 422, '200')
    const full = await group({ name: 'full' }, many(100))
    await refused(
      call('POST', `${groups}/${full}/rules`, { properties: { protocol: 'ANY' } }),
      422,
      '200',
      /limit of 100/,
    )
    await refused(call('PUT', `${groups}/${full}`, { properties: {}, entities: many(101) }), 422, '200')
    const listed = async () => (await ok('GET', groups)).body.items.map((each: { id: string }) => each.id)
    while ((await listed()).length < 12) await group()
    const ids = await listed()
    await refused(call('PUT', `${nic}/securitygroups`, { ids: ids.slice(0, 11) }), 422, '200')
    await ok('PUT', `${nic}/securitygroups`, { ids: ids.slice(0, 10) }, 200)
    await Promise.all(
      Array.from({ length: 200 - ids.length }, () => call('POST', groups, { properties: { name: 'n' } })),
    )
    assert.equal((await listed()).length, 200)
    await refused(call('POST', groups, { properties: { name: 'x' } }), 422, '200', /limit of 200/)
    await free()
    for (const id of await listed()) assert.equal((await call('DELETE', `${groups}/${id}`)).status, 202)
    assert.deepEqual((await ok('GET', `${nic}?depth=1`)).body.entities.securitygroups.items, [])
  })

  test('attach lists replace, keep their order, and change nothing when an id is wrong', async () => {
    const [a, b] = [await group({ name: 'a' }), await group({ name: 'b' })]
    const server = `${dc}/servers/${servers.cube}`
    const at = async (path: string) =>
      (await ok('GET', `${path}?depth=1`)).body.entities.securitygroups.items.map(
        (each: { id: string }) => each.id,
      )
    const { body } = await ok('PUT', `${nic}/securitygroups`, { ids: [b, a, b] }, 200)
    assert.equal(body.id, `${nics.cube}/securitygroups`)
    assert.deepEqual(
      body.items.map((each: { id: string }) => each.id),
      [b, a],
    )
    assert.deepEqual([await at(nic), await at(server)], [[b, a], []])
    await ok('PUT', `${server}/securitygroups`, { ids: [a] }, 200)
    assert.deepEqual([await at(nic), await at(server), await at(second)], [[b, a], [a], []])
    const { entities } = (await ok('GET', `${groups}/${a}?depth=1`)).body
    assert.deepEqual([entities.servers.items.length, entities.nics.items.length], [1, 1])
    const unknown = '00000000-0000-4000-8000-000000000000'
    await refused(
      call('PUT', `${nic}/securitygroups`, { ids: [a, unknown] }),
      422,
      '200',
      new RegExp(unknown),
    )
    await refused(call('PUT', `${nic}/securitygroups`, { ids: ['x'] }), 422, '100')
    for (const ids of [{}, { ids: null }, { ids: 'x' }, []]) {
      await refused(
        call('PUT', `${nic}/securitygroups`, ids),
        422,
        '100',
        "[(root).ids] Attribute 'ids' is required",
      )
    }
    assert.deepEqual(await at(nic), [b, a])
    await ok('PUT', `${nic}/securitygroups`, { ids: [] }, 200)
    await refused(call('GET', `${nic}/securitygroups`), 405, '405')
    // What protects the server is not deleted with the group: it says 1 server, 0 NICs, and stays.
    await refused(call('DELETE', `${groups}/${a}`), 422, '200', /attached to 1 server and 0 NICs$/)
    assert.deepEqual([await at(nic), await at(server)], [[], [a]])
    await free()
    await ok('DELETE', `${groups}/${a}`)
    await ok('DELETE', `${groups}/${b}`)
  })

  test('the default group: made, chosen, cleared; of new servers only', async () => {
    const { body } = await ok('POST', `${base}/datacenters`, {
      properties: { name: 'second', location: 'de/fra', createDefaultSecurityGroup: 'true' },
    })
    const own = `${base}/datacenters/${body.id}`
    const first = body.properties.defaultSecurityGroupId
    assert.match(first, uuid)
    const made = (await ok('GET', `${own}/securitygroups/${first}?depth=2`)).body
    assert.equal(made.properties.name, 'Default second')
    assert.deepEqual(
      made.entities.rules.items.map(({ properties: r }: { properties: Record<string, unknown> }) => [
        r.type,
        r.ipVersion,
        r.sourceIp,
      ]),
      [
        ['EGRESS', 'IPv4', null],
        ['EGRESS', 'IPv6', null],
        ['INGRESS', 'IPv4', '10.0.0.0/24'],
        ['INGRESS', 'IPv6', (await ok('GET', own)).body.properties.ipv6CidrBlock],
      ],
    )
    const server = async () =>
      (
        await ok('POST', `${own}/servers?depth=1`, {
          properties: { name: 's', cores: 1, ram: 1024 },
          entities: {
            nics: {
              items: [
                {
                  properties: { lan: '7' },
                  entities: { firewallrules: { items: [{ properties: { protocol: 'ANY' } }] } },
                },
              ],
            },
          },
        })
      ).body
    const one = await server()
    assert.deepEqual(
      one.entities.securitygroups.items.map((g: { id: string }) => g.id),
      [first],
    )
    assert.equal(one.entities.nics.items.length, 1)
    assert.equal((await ok('GET', `${own}/lans/7/nics`)).body.items.length, 1)
    await refused(call('DELETE', `${own}/lans/7`), 422, '200')
    await refused(call('PATCH', own, { createDefaultSecurityGroup: true }), 422, '200')
    await refused(
      call('PATCH', own, { createDefaultSecurityGroup: true, defaultSecurityGroupId: first }),
      422,
      '100',
    )
    await refused(call('PATCH', own, { defaultSecurityGroupId: datacenters.own }), 422, '200')
    await refused(call('PATCH', own, { location: 'us/las' }), 422, '100')
    // Nothing that is not done is said to be.
    await refused(call('PATCH', own, { secAuthProtection: true }), 422, '100', /second factor/)
    await ok('PATCH', own, { secAuthProtection: false })
    const before = (await ok('GET', own)).body.properties.version
    const next = (await ok('POST', `${own}/securitygroups`, { properties: { name: 'n' } })).body.id
    assert.ok((await ok('GET', own)).body.properties.version > before)
    assert.equal(
      (await ok('PATCH', own, { defaultSecurityGroupId: next })).body.properties.defaultSecurityGroupId,
      next,
    )
    assert.deepEqual(
      (await server()).entities.securitygroups.items.map((g: { id: string }) => g.id),
      [next],
    )
    assert.deepEqual(
      (await ok('GET', `${own}/servers/${one.id}?depth=1`)).body.entities.securitygroups.items.map(
        (g: { id: string }) => g.id,
      ),
      [first],
    )
    assert.equal(
      (await ok('PATCH', own, { defaultSecurityGroupId: '' })).body.properties.defaultSecurityGroupId,
      null,
    )
    assert.deepEqual((await server()).entities.securitygroups.items, [])
    await ok('PATCH', own, { defaultSecurityGroupId: next })
    // The default of a datacenter is deleted as any other: not while a server has it.
    await refused(call('DELETE', `${own}/securitygroups/${next}`), 422, '200', /attached to 1 server/)
    assert.equal((await ok('GET', own)).body.properties.defaultSecurityGroupId, next)
    const has = (await ok('GET', `${own}/securitygroups/${next}?depth=1`)).body.entities.servers.items
    for (const { id } of has) await ok('PUT', `${own}/servers/${id}/securitygroups`, { ids: [] }, 200)
    await ok('DELETE', `${own}/securitygroups/${next}`)
    assert.equal((await ok('GET', own)).body.properties.defaultSecurityGroupId, null)
    await ok('DELETE', own)
    await refused(call('GET', `${own}/servers/${one.id}`), 404, '309')
  })

  test('NICs: addresses, switches, text as it was written; deletion takes rules along', async () => {
    const path = `${dc}/servers/${servers.cube}/nics`
    const made = await ok('POST', path, {
      properties: { lan: 3, mac: '02:01:AA:00:00:01', ipv6Ips: ['2001:DB8::7'] },
      entities: { firewallrules: { items: [{ properties: { protocol: 'ANY' } }] } },
    })
    const { firewallType, ips, pciSlot, deviceNumber } = made.body.properties
    assert.deepEqual([firewallType, ips, pciSlot, deviceNumber], [null, [], null, null])
    const one = `${path}/${made.body.id}`
    const read = (await ok('GET', one)).body.properties
    assert.deepEqual(
      [read.lan, read.mac, read.ipv6Ips, read.firewallActive, read.firewallType],
      [3, '02:01:AA:00:00:01', ['2001:DB8::7'], false, 'INGRESS'],
    )
    assert.equal(read.ips.length, 1)
    assert.equal((await ok('GET', `${dc}/lans/3`)).body.id, '3')
    await ok('PATCH', one, { dhcpv6: null, firewallActive: 'true', firewallType: 'BIDIRECTIONAL' })
    await ok('PUT', one, { properties: { name: 'n' } })
    const after = (await ok('GET', one)).body.properties
    assert.deepEqual(
      [after.name, after.firewallActive, after.firewallType, after.mac],
      ['n', true, 'BIDIRECTIONAL', '02:01:AA:00:00:01'],
    )
    await refused(
      call('POST', path, { properties: {} }),
      422,
      '100',
      "[(root).properties.lan] Attribute 'lan' is required",
    )
    await refused(call('PATCH', one, { firewallType: 'BOTH' }), 422, '100')
    await ok('DELETE', one)
    await refused(call('GET', `${one}/firewallrules`), 404, '309')
    const servers422 = call('POST', `${dc}/servers`, { properties: { ram: 100, type: 'ENTERPRISE' } })
    await refused(servers422, 422, '100', /between 256/, /'cores' is required/)
  })

  test('a NIC with a device keeps the MAC and the addresses of the inventory: they say who it may send as', async () => {
    const own = await start({
      inventory: inventory.replace(`{ id: ${nics.cube}, `, `{ id: ${nics.cube}, host: kvm1, device: tap1, `),
    })
    try {
      const path = `${dc}/servers/${servers.cube}/nics/${nics.cube}`
      const patch = (body: object) => own.call('PATCH', path, body)
      for (const [body, field] of [
        [{ mac: '52:54:00:00:00:01' }, 'mac'],
        [{ ips: ['192.0.2.10'] }, 'ips'],
        [{ ips: ['192.0.2.30', '192.0.2.10'] }, 'ips'],
        [{ ipv6Ips: ['2001:db8::10'] }, 'ipv6Ips'],
      ] as const) {
        const { status, text } = await patch(body)
        assert.equal(status, 422, JSON.stringify(body))
        assert.match(text, new RegExp(`\\(root\\)\\.${field}\\]`))
      }
      const put = { properties: { lan: 1, mac: '52:54:00:00:00:10', name: 'n' } }
      assert.equal((await own.call('PUT', path, put)).status, 422)
      // As it is, in any spelling.
      const same = { mac: '52:54:00:00:00:21', ips: ['192.0.2.30'], ipv6Ips: ['2001:DB8::30'], name: 'n' }
      assert.equal((await patch(same)).status, 202)
      const [nic] = (await own.call('GET', `/v1/servers/${servers.cube}`)).body.interfaces
      assert.deepEqual([nic.mac, nic.addresses], ['52:54:00:00:00:21', ['192.0.2.30', '2001:db8::30']])
    } finally {
      await own.close()
    }
  })

  test('LAN numbers are given out once, however many ask at once', async () => {
    const made = await Promise.all(
      Array.from({ length: 12 }, () =>
        call('POST', `${dc}/lans`, { properties: { name: '', public: true, ipv6CidrBlock: '' } }),
      ),
    )
    const ids = made.map(({ body }) => body.id)
    assert.equal(new Set(ids).size, 12)
    for (const id of ids) {
      assert.equal(typeof id, 'string')
      await ok('DELETE', `${dc}/lans/${id}`)
      await refused(call('GET', `${dc}/lans/${id}`), 404, '309')
    }
  })

  test('two writers on one rule: both changes are kept', async () => {
    const id = await rule({})
    await Promise.all([
      ...Array.from({ length: 6 }, (_, i) => call('PATCH', `${rulesOfNic}/${id}`, { name: `n${i}` })),
      call('PATCH', `${rulesOfNic}/${id}`, { sourceIp: '10.0.0.9' }),
      call('PATCH', `${rulesOfNic}/${id}`, { portRangeStart: 5, portRangeEnd: 6 }),
    ])
    const { properties } = (await ok('GET', `${rulesOfNic}/${id}`)).body
    assert.match(properties.name, /^n\d$/)
    assert.deepEqual([properties.sourceIp, properties.portRangeStart], ['10.0.0.9', 5])
    await ok('DELETE', `${rulesOfNic}/${id}`)
  })

  test('what is not there, not yours, or no id at all', async () => {
    const nobody = '00000000-0000-4000-8000-000000000000'
    for (const id of [nobody, 'x', '1', '%00', '..%2f', 'x'.repeat(300), datacenters.foreign]) {
      for (const path of [
        `${base}/datacenters/${id}`,
        `${dc}/servers/${id}`,
        `${dc}/securitygroups/${id}`,
        `${dc}/lans/${id}x`,
        `${rulesOfNic}/${id}`,
        `${dc}/servers/${servers.cube}/nics/${id}/firewallrules`,
        `${base}/requests/${id}/status`,
      ]) {
        await refused(call('GET', path), 404, '309', 'Resource does not exist')
      }
    }
    await refused(call('GET', `${dc}/servers/${servers.foreignCube}`), 404, '309')
    await refused(
      call('GET', `${base}/datacenters/${datacenters.foreign}/servers/${servers.cube}`),
      404,
      '309',
    )
    await refused(call('GET', `${base}/nowhere`), 404, '309')
    await refused(call('GET', `${base}/nowhere`, undefined, credentials.none), 401, '315', 'Unauthorized')
    await refused(call('DELETE', rulesOfNic), 405, '405')
    await refused(
      service.raw('POST', rulesOfNic, '{', { ...credentials.right, 'content-type': 'application/json' }),
      400,
      '100',
    )
    await refused(
      service.raw('POST', rulesOfNic, '{}', { ...credentials.right, 'content-type': 'text/plain' }),
      415,
      '415',
    )
    await refused(call('GET', nic, undefined, { ...credentials.right, 'x-contract-number': '1' }), 403, '452')
    await refused(call('GET', nic, undefined, { ...credentials.right, 'x-contract-number': 'x' }), 422, '100')
    const right = {
      ...credentials.right,
      'x-contract-number': '31415926',
      'content-type': 'application/json',
    }
    assert.equal((await call('GET', nic, undefined, right)).status, 200)
  })

  test('requests: logged without credentials, told to nobody else', async () => {
    const made = await call('POST', groups, { properties: { name: 'log' } }, credentials.password)
    const status = await done(made)
    assert.deepEqual(status.metadata.targets, [
      {
        target: { id: made.body.id, type: 'security-group', href: `${service.url}${groups}/${made.body.id}` },
        status: 'DONE',
      },
    ])
    const path = (made.headers.get('location') ?? '').slice(service.url.length)
    await refused(call('GET', path, undefined, credentials.foreign), 404, '309')
    const { body, text } = await ok('GET', path.replace('/status', ''))
    assert.deepEqual([body.properties.method, body.properties.url], ['POST', service.url + groups])
    assert.deepEqual(JSON.parse(body.properties.body), { properties: { name: 'log' } })
    assert.equal(text.includes('Basic'), false)
    assert.equal((await ok('GET', `${base}/requests?depth=1&limit=2`)).body.items[0].id, body.id)
    assert.deepEqual((await ok('GET', `${base}/requests?filter.method=TRACE`)).body.items, [])
    assert.deepEqual((await call('GET', `${base}/requests`, undefined, credentials.foreign)).body.items, [])
    await ok('DELETE', `${groups}/${made.body.id}`)
  })

  test('hrefs and Location begin with what the client called', async () => {
    const { hostname, port } = new URL(service.url)
    const text = await new Promise<string>((resolve, reject) => {
      const options = {
        hostname,
        port,
        path: nic,
        headers: { ...credentials.right, host: 'cloud.example:81' },
      }
      httpRequest(options, (answer) => {
        let came = ''
        answer.on('data', (chunk) => {
          came += chunk
        })
        answer.on('end', () => resolve(came))
      })
        .on('error', reject)
        .end()
    })
    assert.equal(JSON.parse(text).href, `http://cloud.example:81${nic}`)
  })

  test('info, contracts, and what is always empty', async () => {
    assert.deepEqual((await ok('GET', base)).body, {
      href: service.url + base,
      name: 'Cloud API',
      version: '6.0',
    })
    const [contract] = (await ok('GET', `${base}/contracts`)).body.items
    assert.equal(contract.properties.contractNumber, 31415926)
    assert.equal(contract.properties.resourceLimits.rulesPerSecurityGroup, 100)
    for (const path of [
      '/ipblocks',
      '/snapshots',
      '/pccs',
      `/datacenters/${datacenters.own}/volumes`,
      `/datacenters/${datacenters.own}/servers/${servers.cube}/labels?depth=1`,
    ]) {
      assert.deepEqual((await ok('GET', base + path)).body.items, [], path)
    }
    const { metadata, properties } = (await ok('GET', nic)).body
    assert.match(metadata.etag, /^[0-9a-f]{32}$/)
    for (const date of [metadata.createdDate, metadata.lastModifiedDate])
      assert.match(date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.equal(properties.lan, 1)
  })

  test('what a rule means: the formula, case by case', async () => {
    const trace = async (direction: string, packet: object) =>
      (await call('POST', '/v1/trace', { server: servers.cube, interface: nics.cube, direction, packet }))
        .body
    const tcp = (port: number) => ({
      protocol: 'tcp',
      source: '198.51.100.1',
      sourcePort: 1,
      destination: '192.0.2.30',
      destinationPort: port,
    })
    const six = {
      protocol: 'tcp',
      source: '2001:db8::1',
      sourcePort: 1,
      destination: '2001:db8::30',
      destinationPort: 22,
    }
    const out = {
      protocol: 'tcp',
      source: '192.0.2.30',
      sourcePort: 1,
      destination: '198.51.100.1',
      destinationPort: 25,
    }
    const says = async (want: string, direction: string, packet: object) =>
      assert.equal((await trace(direction, packet)).action, want)
    // Active without rules: nothing in, and out is not filtered.
    await says('deny', 'ingress', tcp(22))
    await says('allow', 'egress', out)
    const any = await rule({ protocol: 'ANY' })
    await says('allow', 'ingress', tcp(22))
    await says('deny', 'ingress', six)
    await ok('DELETE', `${rulesOfNic}/${any}`)
    const egress = await rule({ protocol: 'ANY', type: 'EGRESS' })
    const empty = await group()
    await ok('PUT', `${dc}/servers/${servers.cube}/securitygroups`, { ids: [empty] }, 200)
    await says('deny', 'egress', out)
    await ok('PATCH', nic, { firewallType: 'BIDIRECTIONAL' })
    await says('allow', 'egress', out)
    await ok('PATCH', nic, { firewallActive: false })
    await says('deny', 'egress', out)
    await says('deny', 'ingress', tcp(22))
    await says('allow', 'egress', { ...out, state: 'established' })
    const web = await rule(
      { sourceMac: '00:0A:95:9D:68:16', portRangeStart: 80, portRangeEnd: 81 },
      `${groups}/${empty}/rules`,
    )
    await says('deny', 'ingress', tcp(80))
    await says('allow', 'ingress', { ...tcp(81), sourceMac: '00:0a:95:9d:68:16' })
    await says('deny', 'ingress', { ...tcp(82), sourceMac: '00:0a:95:9d:68:16' })
    await ok('PUT', `${nic}/securitygroups`, { ids: [empty] }, 200)
    await says('allow', 'ingress', { ...tcp(81), sourceMac: '00:0a:95:9d:68:16' })
    await ok('DELETE', `${groups}/${empty}/rules/${web}`)
    await free()
    await ok('DELETE', `${groups}/${empty}`)
    await says('allow', 'egress', out)
    await ok('PATCH', nic, { firewallActive: true, firewallType: 'INGRESS' })
    await ok('DELETE', `${rulesOfNic}/${egress}`)
  })

  test('any JSON at all, anywhere', async () => {
    const id = await rule({})
    const one = await group()
    const name = fc.constantFrom(
      ...Object.keys(example),
      'properties',
      'entities',
      'rules',
      'items',
      'ids',
      'lan',
      'ips',
      'description',
      'createDefaultSecurityGroup',
      'defaultSecurityGroupId',
      '__proto__',
      'constructor',
    )
    const plausible = fc.constantFrom(
      'TCP',
      'ICMP',
      'ANY',
      '10.0.0.1',
      '::1',
      '1',
      1,
      0,
      true,
      'INGRESS',
      one,
      '',
    )
    const tree = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        plausible,
        fc.jsonValue({ maxDepth: 2 }),
        fc.dictionary(name, tie('value')),
        fc.array(tie('value'), { maxLength: 3 }),
      ),
    })).value
    await fc.assert(
      fc.asyncProperty(tree, async (value) => {
        for (const [method, path, body] of [
          ['POST', rulesOfNic, { properties: value }],
          ['PATCH', `${rulesOfNic}/${id}`, value],
          ['PUT', `${groups}/${one}`, { properties: value, entities: value }],
          ['PUT', `${nic}/securitygroups`, value],
          ['PATCH', second, value],
          ['POST', `${dc}/lans`, value],
        ] as const) {
          const answer = await call(method, path, body)
          assert.ok(
            answer.status < 500,
            `${method} ${path} ${JSON.stringify(body)}: ${answer.status} ${answer.text}`,
          )
          if (answer.status >= 400) assert.equal(typeof answer.body.messages[0].errorCode, 'string')
        }
      }),
      { numRuns: 60 },
    )
  })
})

onBothStores('requests that are held', (start) => {
  test('QUEUED, RUNNING, DONE; BUSY, AVAILABLE', async () => {
    const service = await start({ holdMs: 60_000 })
    try {
      const made = await service.call('POST', rulesOfNic, { properties: { protocol: 'ANY' } })
      const path = (made.headers.get('location') ?? '').slice(service.url.length)
      const state = async () => [
        (await service.call('GET', path)).body.metadata.status,
        (await service.call('GET', `${rulesOfNic}/${made.body.id}`)).body.metadata.state,
      ]
      assert.deepEqual(await state(), ['QUEUED', 'BUSY'])
      service.advance(40_000)
      assert.deepEqual(await state(), ['RUNNING', 'BUSY'])
      service.advance(30_000)
      assert.deepEqual(await state(), ['DONE', 'AVAILABLE'])
    } finally {
      await service.close()
    }
  })

  test('answered from what the host has applied', async () => {
    const service = await start({
      inventory: `
accounts:
  - name: acme
    credentials: [ { token: acme-token } ]
    datacenters: [ { id: ${datacenters.own}, name: vdc } ]
    servers:
      - { profile: ionos, id: ${servers.cube}, datacenter: ${datacenters.own}, name: cube,
          interfaces: [ { id: ${nics.cube}, addresses: [192.0.2.30], host: kvm1, device: tap1 } ] }
`,
    })
    try {
      const report = (
        appliedRevision: number | null,
        state: 'starting' | 'applying' | 'applied' | 'failing',
      ) =>
        service.services.enforcement.report(
          whole({
            ...{ host: 'kvm1', target: 'nftables', desiredRevision: 1, error: null, repairs: 0 },
            ...{ observe: false, interfaces: [], warnings: [] },
            ...{ appliedRevision, state },
          }),
        )
      const made = await service.call('POST', rulesOfNic, { properties: { protocol: 'ANY' } })
      const path = (made.headers.get('location') ?? '').slice(service.url.length)
      const status = async () => (await service.call('GET', path)).body.metadata.status
      const state = async () => (await service.call('GET', nic)).body.metadata.state
      assert.deepEqual([await status(), await state()], ['DONE', 'AVAILABLE'])
      const revision = await service.storage.revision()
      for (const [applied, told, want, resource] of [
        [null, 'starting', 'QUEUED', 'BUSY'],
        [revision - 1, 'applying', 'RUNNING', 'BUSY'],
        [revision - 1, 'failing', 'FAILED', 'BUSY'],
        [revision, 'applied', 'DONE', 'AVAILABLE'],
      ] as const) {
        report(applied, told)
        assert.deepEqual([await status(), await state()], [want, resource])
      }
      // A later change is another request's to wait for.
      await service.call('POST', rulesOfNic, { properties: { protocol: 'ANY' } })
      assert.deepEqual([await status(), await state()], ['DONE', 'BUSY'])
    } finally {
      await service.close()
    }
  })
})
