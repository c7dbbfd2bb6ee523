/** The native API: traces that explain, servers with what is in force, the history, and a document that describes it all. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { makeOperator, operator } from '../../../test/support/operator.ts'
import { onBothStores, servers, type TestService } from '../../../test/support/service.ts'
import { whole } from '../../../test/support/status.ts'
import type { InterfaceStatus } from '../../core/model/desired.ts'
import { neutral } from '../../service/tenant-words.ts'
import { routes } from './routes.ts'

const inventory = `
accounts:
  - name: acme
    credentials:
      - { token: acme-token }
      - { accessKey: SCWX, secretKey: secret-key }
    servers:
      - profile: upcloud
        id: ${servers.web}
        name: web
        zone: fi-hel1
        firewall: true
        interfaces:
          - { id: private-nic, addresses: [10.0.0.10], allowedAddresses: [10.8.0.0/16], type: private }
          - { id: public-nic, addresses: [192.0.2.10, "2001:db8::10"], host: kvm1, device: tap1 }
      - { profile: hostup, vmid: 10000, name: other, interfaces: [ { id: hostup-nic } ] }
  - name: other
    credentials: [ { token: other-token } ]
`

onBothStores('the native API', (start) => {
  let service: TestService
  before(async () => {
    service = await start({ inventory })
    const rules = [
      {
        direction: 'in',
        action: 'accept',
        family: 'IPv4',
        protocol: 'tcp',
        destination_port_start: 22,
        destination_port_end: 22,
      },
      { direction: 'in', action: 'accept', family: 'IPv6', protocol: 'icmp', icmp_type: 128 },
      { direction: 'in', action: 'drop' },
    ]
    const path = `/1.3/server/${servers.web}/firewall_rule`
    const { status } = await service.call('PUT', path, { firewall_rules: { firewall_rule: rules } })
    assert.equal(status, 204)
  })
  after(() => service.close())

  const tcp = { protocol: 'tcp', source: '198.51.100.1', destination: '192.0.2.10', sourcePort: 40_000 }
  const ask = (packet: object, more: object = {}) =>
    service.call('POST', '/v1/trace', { server: servers.web, direction: 'ingress', packet, ...more })
  const verdict = async (packet: object, more: object = {}) => {
    const { body } = await ask(packet, more)
    return `${body.action} ${body.decidedBy?.position ?? body.decidedBy?.name ?? body.decidedBy?.check ?? body.decidedBy?.kind}`
  }

  test('a trace names the rule, its policy and the way there', async () => {
    const { status, body } = await ask({ ...tcp, destinationPort: 23 })
    assert.equal(status, 200)
    assert.equal(body.action, 'deny')
    assert.deepEqual(Object.keys(body.decidedBy), ['kind', 'rule', 'position', 'policy'])
    assert.equal(body.interface, 'public-nic')
    assert.deepEqual(
      body.path.map((step: Record<string, unknown>) => [step.position, step.matched, step.mismatch]),
      [
        [1, false, 'destinationPorts'],
        [2, false, 'family'],
        [3, true, undefined],
      ],
    )
    assert.equal(body.path.at(-1).rule, body.decidedBy.rule)
  })

  test('ICMP between IPv6 addresses is ICMPv6, however it is called', async () => {
    const ping = { source: '2001:db8::1', destination: '2001:db8::10', icmpType: 128, icmpCode: 0 }
    for (const protocol of ['icmp', 'icmpv6', 'ipv6-icmp', '58', 'ICMP']) {
      assert.equal(await verdict({ ...ping, protocol }), 'allow 2', protocol)
    }
  })

  test('essential traffic needs its hop limit and the link', async () => {
    const one = {
      source: 'fe80::1',
      destination: '2001:db8::10',
      protocol: 'icmp',
      icmpType: 135,
      icmpCode: 0,
    }
    assert.equal(await verdict({ ...one, hopLimit: 255, link: true }), 'allow neighbour-discovery')
    assert.equal(await verdict({ ...one, hopLimit: 64, link: true }), 'deny 3')
    assert.equal(await verdict({ ...one, hopLimit: 255 }), 'deny 3')
    assert.equal(await verdict(one), 'deny 3')
  })

  test('a sender that is not the interface is refused, filtered or not', async () => {
    const out = { ...tcp, source: '192.0.2.10', destination: '198.51.100.1', destinationPort: 22 }
    const from = (source: string, more: object = {}) =>
      verdict({ ...out, source }, { direction: 'egress', ...more })
    assert.equal(await from('192.0.2.10'), 'allow default')
    assert.equal(await from('192.0.2.11'), 'deny address')
    assert.equal(await from('10.8.1.1', { interface: 'private-nic' }), 'allow off')
    assert.equal(await from('192.0.2.10', { interface: 'private-nic' }), 'deny address')
    assert.equal(
      await verdict({ ...out, sourceMac: '52:54:00:99:99:99' }, { direction: 'egress' }),
      'deny mac',
    )
    const { interfaces } = (await service.call('GET', `/v1/servers/${servers.web}`)).body
    assert.deepEqual(
      interfaces.map(
        (nic: { senderCheck: boolean; allowedAddresses: string[]; policy: { origin: unknown } }) => [
          nic.senderCheck,
          nic.allowedAddresses,
          (nic.policy.origin as { addresses: string[][] }).addresses[0],
        ],
      ),
      [
        [true, ['10.8.0.0/16'], ['10.0.0.10', '10.0.0.10']],
        [true, [], ['192.0.2.10', '192.0.2.10']],
      ],
    )
  })

  test('a number means that number, in either family', async () => {
    const six = { source: '2001:db8::1', destination: '2001:db8::10' }
    const four = { source: '198.51.100.1', destination: '192.0.2.10' }
    assert.equal(await verdict({ ...six, protocol: '1' }), 'deny 3')
    assert.equal(await verdict({ ...four, protocol: '58' }), 'deny 3')
    for (const protocol of ['0', '58', '255']) assert.equal((await ask({ ...four, protocol })).status, 200)
    const refused = await ask({ ...six, protocol: '1', icmpType: 128 })
    assert.deepEqual([refused.status, refused.body.field], [400, 'packet.icmpType'])
  })

  test('the interface that has the address, else the first public one, unless one is named', async () => {
    const asked = async (destination: string, more: object = {}) =>
      (await ask({ ...tcp, destination, destinationPort: 23 }, more)).body.interface
    assert.equal(await asked('192.0.2.10'), 'public-nic')
    assert.equal(await asked('10.0.0.10'), 'private-nic')
    assert.equal(await asked('10.8.3.4'), 'private-nic')
    assert.equal(await asked('203.0.113.1'), 'public-nic')
    assert.equal(await asked('10.0.0.10', { interface: 'public-nic' }), 'public-nic')
    assert.equal(await verdict({ ...tcp, destinationPort: 23 }, { interface: 'private-nic' }), 'allow off')
    assert.equal((await ask({ ...tcp, destinationPort: 23 }, { interface: 'hostup-nic' })).status, 404)
    assert.equal((await ask(tcp, { server: '10000' })).body.interface, 'hostup-nic')
  })

  test('a trace says when no interface has the address, and judges the first public one', async () => {
    const { body } = await ask({ ...tcp, destination: '203.0.113.1', destinationPort: 23 })
    assert.equal(body.interface, 'public-nic')
    assert.equal(body.note, 'no interface of the server has 203.0.113.1; interface 2 is judged')
    assert.equal((await ask({ ...tcp, destinationPort: 23 })).body.note, undefined)
    const out = { ...tcp, source: '10.0.0.10', destination: '198.51.100.1', destinationPort: 23 }
    const sent = await ask(out, { direction: 'egress' })
    assert.deepEqual([sent.body.interface, sent.body.note], ['private-nic', undefined])
  })

  test('names stand for ids, and say which there are when several are called so', async () => {
    const named = await start({
      inventory: `
accounts:
  - name: acme
    credentials: [ { token: acme-token } ]
    datacenters: [ { id: 0dc00000-0000-4000-8000-000000000001, name: vdc } ]
    servers:
      - { profile: upcloud, id: ${servers.web}, name: my web, zone: fi-hel1, interfaces: [ { addresses: [192.0.2.10] } ] }
      - { profile: upcloud, id: ${servers.db}, name: twin, zone: fi-hel1, interfaces: [ { addresses: [192.0.2.11] } ] }
      - { profile: hostup, vmid: 77, name: twin, interfaces: [ { addresses: [192.0.2.12] } ] }
      - { profile: ionos, id: ${servers.cube}, name: "77", datacenter: 0dc00000-0000-4000-8000-000000000001,
          interfaces: [ { addresses: [192.0.2.13] }, { addresses: [192.0.2.14] } ] }
  - name: other
    credentials: [ { token: other-token } ]
    servers:
      - { profile: upcloud, id: ${servers.foreign}, name: my web, zone: fi-hel1, interfaces: [ { addresses: [192.0.2.99] } ] }
`,
    })
    try {
      const get = (name: string) => named.call('GET', `/v1/servers/${encodeURIComponent(name)}`)
      const trace = (server: string, more: object = {}) =>
        named.call('POST', '/v1/trace', {
          ...{ server, direction: 'ingress', packet: { ...tcp, destinationPort: 22 } },
          ...more,
        })
      assert.equal((await get('my web')).body.id, servers.web)
      assert.equal((await trace('my web')).status, 200)
      // A number is a vmid before it is a name.
      assert.equal((await get('77')).body.profile, 'hostup')
      for (const { status, body } of [await get('twin'), await trace('twin')]) {
        assert.deepEqual([status, body.field], [400, 'server'])
        assert.match(body.detail, /^server: 2 servers are called twin; say which by id: /)
        assert.match(body.detail, new RegExp(`upcloud ${servers.db}`))
        assert.match(body.detail, /hostup \S+ \(77\)/)
      }
      assert.equal((await get('twin2')).status, 404)
      assert.equal((await get(servers.foreign)).status, 404)
      const at = `/cloudapi/v6/datacenters/0dc00000-0000-4000-8000-000000000001/servers/${servers.cube}/nics`
      const { items } = (await named.call('GET', `${at}?depth=1`)).body
      const ids = items.map(({ id }: { id: string }) => id)
      const rename = (id: string) => named.call('PATCH', `${at}/${id}`, { name: 'nic' })
      await rename(ids[0])
      const one = await trace(servers.cube, { interface: 'nic' })
      assert.deepEqual([one.status, one.body.interface], [200, ids[0]])
      await rename(ids[1])
      const { status, body } = await trace(servers.cube, { interface: 'nic' })
      assert.deepEqual([status, body.field], [400, 'interface'])
      for (const id of ids) assert.match(body.detail, new RegExp(id))
    } finally {
      await named.close()
    }
  })

  test('questions that make no sense are answered with what is wrong', async () => {
    for (const [packet, more, field] of [
      [{ ...tcp, source: 'x' }, {}, 'packet.source'],
      [{ ...tcp, destination: '::1' }, {}, 'packet.destination'],
      [{ ...tcp, protocol: 'tcpp' }, {}, 'packet.protocol'],
      [{ ...tcp, protocol: 'icmpv6', sourcePort: undefined }, {}, 'packet.protocol'],
      [{ ...tcp, protocol: 'gre' }, {}, 'packet.destinationPort'],
      [{ ...tcp, icmpType: 8 }, {}, 'packet.icmpType'],
      [{ ...tcp, sourceMac: 'x' }, {}, 'packet.sourceMac'],
      [{ ...tcp, destinationPort: 65_536 }, {}, 'packet.destinationPort'],
      [{ ...tcp, destinationPort: '22' }, {}, 'packet.destinationPort'],
      [{ ...tcp, state: 'old' }, {}, 'packet.state'],
      [{ ...tcp, hopLimit: 256 }, {}, 'packet.hopLimit'],
      [{ ...tcp, link: 'yes' }, {}, 'packet.link'],
      [{ ...tcp, target: '2001:db8::1' }, {}, 'packet.target'],
      [{ ...tcp, colour: 'red' }, {}, 'packet.colour'],
      [tcp, { direction: 'in' }, 'direction'],
    ] as const) {
      const { status, body, headers } = await ask(packet, more)
      assert.equal(status, 400, JSON.stringify([packet, more]))
      assert.equal(headers.get('content-type'), 'application/problem+json')
      assert.equal(body.field, field, JSON.stringify(body))
      assert.deepEqual([body.status, typeof body.detail, typeof body.requestId], [400, 'string', 'string'])
    }
    assert.equal((await ask(tcp, { server: 'nowhere' })).status, 404)
    assert.equal((await service.call('POST', '/v1/trace', undefined)).status, 400)
  })

  test('servers of every profile, with generations that are told by the host’s agent', async () => {
    const list = async (query = '') => (await service.call('GET', `/v1/servers${query}`)).body.servers
    assert.deepEqual(
      (await list()).map((each: { profile: string; name: string }) => [each.profile, each.name]),
      [
        ['upcloud', 'web'],
        ['hostup', 'other'],
      ],
    )
    const nic = async () => (await list('?profile=upcloud'))[0].interfaces[1]
    assert.deepEqual([(await nic()).desiredGeneration, (await nic()).appliedGeneration], [2, null])
    const [web, other] = [(await nic()).id, 'somebody-elses']
    const status = {
      host: 'kvm1',
      target: 'fake',
      observe: false,
      interfaces: [web, other].map(
        (id): InterfaceStatus => ({
          ...{ id, device: 'tap0', appliedRevision: 9, state: 'failing', mode: 'bridged' },
          ...{ error: 'why', notes: ['note'] },
        }),
      ),
      state: 'applied',
      error: "the operator's",
      repairs: 0,
      desiredRevision: 9,
      warnings: [],
    } as const
    const before = status.interfaces.map((each) => ({ ...each, appliedRevision: 1 }))
    service.services.enforcement.report(whole({ ...status, appliedRevision: 1, interfaces: before }))
    assert.equal((await nic()).appliedGeneration, 1)
    service.services.enforcement.report(whole({ ...status, appliedRevision: 9 }))
    assert.equal((await nic()).appliedGeneration, 2, 'never above what is desired')
    assert.deepEqual(
      [(await nic()).state, (await nic()).mode, (await nic()).error, (await nic()).notes],
      ['failing', 'bridged', neutral.failing, [neutral.note]],
    )
    const traced = await service.call('POST', '/v1/trace', {
      ...{ server: servers.web, interface: web, direction: 'ingress' },
      packet: { protocol: 'tcp', source: '198.51.100.1', destination: '192.0.2.1' },
    })
    assert.equal(traced.body.mode, 'bridged')
    assert.equal((await service.call('GET', '/v1/hosts')).status, 403)
    await makeOperator(service.storage)
    const asOperator = async (path: string) => (await service.call('GET', path, undefined, operator)).body
    const { server: owner, account } = (await service.storage.owners([web]))[0] ?? {}
    const host = {
      ...{ host: 'kvm1', target: 'fake', observe: false, state: 'applied', error: "the operator's" },
      ...{ desiredRevision: 9, appliedRevision: 9, repairs: 0, warnings: [], agent: null },
      interfaces: [
        {
          ...{ id: web, account, server: owner, device: 'tap1', state: 'failing', mode: 'bridged' },
          ...{ error: 'why', notes: ['note'] },
        },
      ],
    }
    assert.deepEqual(await asOperator('/v1/hosts'), { hosts: [host], next: null })
    assert.deepEqual(await asOperator(`/v1/hosts?account=${account}&state=failing`), {
      hosts: [host],
      next: null,
    })
    for (const filter of ['state=applied', 'account=nobody', 'host=kvm2']) {
      assert.deepEqual(await asOperator(`/v1/hosts?${filter}`), { hosts: [], next: null }, filter)
    }
    const seen = (await asOperator(`/v1/servers/${servers.web}`)).interfaces[1]
    assert.deepEqual(
      [seen.binding.host, seen.binding.device, seen.error, seen.notes],
      ['kvm1', 'tap1', 'why', ['note']],
    )
    assert.equal((await nic()).binding, undefined)
    const { body } = await service.call('GET', `/v1/servers/${servers.web}`)
    const { ingress, egress, stateful } = body.interfaces[1].policy
    assert.deepEqual(
      [stateful, ingress.default, ingress.lists[0].rules.length, egress.filtered],
      [false, 'allow', 3, true],
    )
    assert.equal(body.interfaces[0].policy.ingress.filtered, false)
    assert.equal((await service.call('GET', '/v1/servers/10000')).body.name, 'other')
  })

  test('the history: who, when, through what, before and after, page by page', async () => {
    const { body } = await service.call('GET', '/v1/audit?limit=1')
    const [event] = body.events
    assert.deepEqual(
      [event.operation, event.dialect, event.before.rules, event.after.rules.length, typeof event.requestId],
      ['rule.replace', 'upcloud', [], 3, 'string'],
    )
    assert.deepEqual([event.server, typeof event.policy], [servers.web, 'string'])
    assert.match(event.actor, /^token [0-9a-f]{8}$/)
    const next = await service.call('GET', `/v1/revisions?before=${event.revision}`)
    assert.deepEqual(next.body.revisions, [])
    const one = await service.call('GET', `/v1/revisions/${event.revision}`)
    assert.deepEqual(one.body, event)
    assert.equal((await service.call('GET', '/v1/revisions/999')).status, 404)
  })

  test('a long history is answered in bounded pieces, each of which says where the next begins', async () => {
    const rules = (text: string) => ({
      firewall_rules: {
        firewall_rule: Array.from({ length: 900 }, (_, i) => ({
          ...{ direction: 'in', action: 'drop', comment: `${i} ${text.repeat(200)}` },
        })),
      },
    })
    const path = `/1.3/server/${servers.web}/firewall_rule`
    for (const text of 'abcdef') assert.ok((await service.call('PUT', path, rules(text))).status < 300)
    const revisions: number[] = []
    let pages = 0
    for (let before = '1000000'; before !== 'null'; pages++) {
      const { body, text } = await service.call('GET', `/v1/audit?limit=1000&before=${before}`)
      assert.ok(text.length < 1.5e6, `${text.length} bytes`)
      for (const { revision } of body.events) revisions.push(revision)
      before = String(body.next)
    }
    const { body, text } = await service.call('GET', '/v1/revisions?limit=1000')
    assert.deepEqual(
      revisions,
      body.revisions.map(({ revision }: { revision: number }) => revision),
    )
    assert.ok(pages > 1 && text.length < 10_000)
    assert.equal(body.next, null)
  })

  test('the document describes every route, and asks for no credential', async () => {
    const { status, body } = await service.call('GET', '/v1/openapi.json', undefined, {})
    assert.equal(status, 200)
    assert.equal(body.openapi, '3.1.0')
    for (const { method, path, operation } of routes) {
      const found = body.paths[`/v1${path.replace(/:(\w+)/g, '{$1}')}`]?.[method.toLowerCase()]
      assert.equal(found?.operationId, operation)
    }
    const { schema } = body.paths['/v1/trace'].post.requestBody.content['application/json']
    assert.deepEqual(schema.required, ['server', 'direction', 'packet'])
    assert.equal(schema.properties.packet.properties.destinationPort.maximum, 65_535)
  })

  test('owners choose what becomes of connections and what is told, for all policies and for one', async () => {
    const account = (body?: unknown) => service.call(body ? 'PATCH' : 'GET', '/v1/account', body)
    assert.equal((await account()).body.cutFlows, 'never')
    assert.equal((await account({ cutFlows: 'revoked' })).body.cutFlows, 'revoked')
    assert.equal((await account({})).body.cutFlows, 'revoked')
    assert.equal((await account({ cutFlows: null })).body.cutFlows, 'never')
    const [{ policy: id }] = (await service.call('GET', '/v1/revisions?limit=1000')).body.revisions.filter(
      (each: { policy: string | null }) => each.policy !== null,
    )
    const policy = async (body?: unknown) =>
      (await service.call(body ? 'PATCH' : 'GET', `/v1/policies/${id}`, body)).body
    const own = await policy()
    const none = { cutFlows: null, logAllowed: null, log: { ingress: null, egress: null } }
    assert.deepEqual({ ...own, ...none }, own)
    const chosen = await policy({ cutFlows: 'revoked', log: { egress: 'warning' } })
    assert.ok(chosen.revision > own.revision)
    const { revision, modified } = chosen
    assert.deepEqual(chosen, {
      ...{ ...own, cutFlows: 'revoked', log: { ingress: null, egress: 'warning' } },
      ...{ revision, modified },
    })
    assert.deepEqual(await policy(), chosen)
    const back = await policy(none)
    assert.deepEqual({ ...back, revision: 0, modified }, { ...own, revision: 0, modified })
    const [event] = (await service.call('GET', '/v1/audit?limit=1')).body.events
    assert.deepEqual([event.policy, event.dialect], [id, 'native'])
  })

  test('what cannot be chosen is refused, by name', async () => {
    const { revisions } = (await service.call('GET', '/v1/revisions?limit=1000')).body
    const { policy } = revisions.find((each: { policy: string | null }) => each.policy !== null)
    for (const [path, body, field, reason] of [
      ['/v1/account', { cutFlows: 'always' }, 'cutFlows', 'expected one of never, revoked, null'],
      ['/v1/account', { colour: 'red' }, 'colour', 'must NOT have additional properties'],
      [`/v1/policies/${policy}`, { log: { ingress: 'loud' } }, 'log.ingress', 'expected one of emerg'],
      [`/v1/policies/${policy}`, { log: { sideways: 'info' } }, 'log.sideways', 'must NOT have'],
      [`/v1/policies/${policy}`, { rules: [] }, 'rules', 'must NOT have'],
      [`/v1/policies/${policy}`, { log: 'info' }, 'log', 'must be object'],
      [`/v1/policies/${policy}`, [], 'body', 'must be object'],
    ] as const) {
      const answer = await service.call('PATCH', path, body)
      assert.deepEqual([answer.status, answer.body.field], [400, field], answer.text)
      assert.ok(answer.body.detail.startsWith(`${field}: ${reason}`), answer.body.detail)
      assert.equal(answer.headers.get('content-type'), 'application/problem+json')
    }
    for (const path of ['/v1/account', `/v1/policies/${policy}`]) {
      const { status, body } = await service.call('PATCH', path)
      assert.deepEqual([status, body.field], [400, 'body'])
    }
    for (const id of ['nowhere', 'x'.repeat(300), '%00', servers.db]) {
      assert.equal((await service.call('GET', `/v1/policies/${id}`)).status, 404, id)
      assert.equal((await service.call('PATCH', `/v1/policies/${id}`, {})).status, 404, id)
    }
  })

  test('any kind of credential may ask', async () => {
    const { status } = await service.call('GET', '/v1/servers', undefined, { 'x-auth-token': 'secret-key' })
    assert.equal(status, 200)
    assert.equal(
      (await service.call('GET', '/v1/servers', undefined, { 'x-api-key': 'acme-token' })).status,
      200,
    )
  })
})
