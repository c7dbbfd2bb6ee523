/** Accounts, projects and zones, servers, interfaces and bindings, managed over HTTP; dialects answer what is made here. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { makeOperator, operator } from '../../../test/support/operator.ts'
import {
  credentials,
  datacenters,
  nics,
  onBothStores,
  projects,
  secretKeys,
  servers,
  type TestService,
} from '../../../test/support/service.ts'

const addresses = `
pools:
  - { kind: public-ipv4, prefixes: [198.51.100.0/28] }
`

onBothStores('what operators and owners manage', (start) => {
  let service: TestService
  before(async () => {
    service = await start({ addresses })
    await makeOperator(service.storage)
  })
  after(() => service.close())

  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = operator) =>
    service.call(method, path, body, headers)
  const owner = (method: string, path: string, body?: unknown) => call(method, path, body, credentials.right)
  async function good(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
    const answer = await call(method, path, body, headers)
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`)
    return answer
  }
  async function refused(
    status: number,
    pattern: RegExp,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) {
    const revision = await service.storage.revision()
    const answer = await call(method, path, body, headers)
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`)
    assert.match(answer.text, pattern)
    assert.equal(await service.storage.revision(), revision, 'something is changed')
    return answer
  }
  const acme = async () => (await owner('GET', '/v1/account')).body.account as string
  /** Ids of what the host has to enforce now, from the beginning or from a revision on. */
  const desired = async (host: string, since: number | null = null) => {
    const { placed, departed } = await service.storage.desired(host, since)
    return {
      placed: placed.map(({ id, device }) => `${id} ${device}`).sort(),
      departed: [...departed].sort(),
    }
  }

  test('accounts: made once, listed by pages, changed on condition, closed, opened and deleted', async () => {
    const headers = { ...operator, 'idempotency-key': 'account-1' }
    const body = { name: 'fresh', contractNumber: 777, quotas: { servers: 2 }, cutFlows: 'revoked' }
    const made = await good('POST', '/v1/accounts', body, headers)
    assert.equal(made.status, 201)
    const { id, revision } = made.body
    assert.deepEqual(
      [made.body.contractNumber, made.body.quotas, made.body.cutFlows, made.body.closed, made.body.origin],
      [777, { servers: 2 }, 'revoked', false, 'api'],
    )
    assert.equal(made.headers.get('location'), `/v1/accounts/${id}`)
    assert.equal(
      (await good('POST', '/v1/accounts', body, headers)).headers.get('idempotent-replayed'),
      'true',
    )
    // Every account has a project where its provider needs one.
    const own = await service.storage.documents({ account: id, profile: 'scaleway', kind: 'project' })
    assert.deepEqual(
      own.map((each) => each.id),
      [id],
    )

    await refused(409, /name/, 'POST', '/v1/accounts', { name: 'acme' })
    await refused(409, /contractNumber/, 'POST', '/v1/accounts', { name: 'x', contractNumber: 31415926 })
    await refused(400, /contractNumber/, 'POST', '/v1/accounts', { name: 'x', contractNumber: 'y' })
    await refused(400, /colour/, 'POST', '/v1/accounts', { name: 'x', colour: 'red' })
    await refused(400, /colour/, 'PATCH', `/v1/accounts/${id}`, { colour: null })
    await refused(400, /quotas/, 'POST', '/v1/accounts', { name: 'x', quotas: { servers: -1 } })
    await refused(403, /./, 'GET', '/v1/accounts', undefined, credentials.right)

    const page = await good('GET', '/v1/accounts?limit=2')
    assert.deepEqual(
      page.body.accounts.map((each: { name: string }) => each.name),
      ['acme', 'fresh'],
    )
    const rest = await good('GET', `/v1/accounts?limit=2&cursor=${page.body.next}`)
    assert.deepEqual(
      rest.body.accounts.map((each: { name: string }) => each.name),
      ['other'],
    )
    assert.equal(rest.body.next, null)
    await refused(400, /cursor/, 'GET', '/v1/accounts?cursor=WyJhIiwiYiJd')

    const stale = { ...operator, 'if-match': '"1"' }
    await refused(412, /read it again/, 'PATCH', `/v1/accounts/${id}`, { name: 'other-name' }, stale)
    const right = { ...operator, 'if-match': `"${revision}"` }
    const changed = await good(
      'PATCH',
      `/v1/accounts/${id}`,
      { name: 'renamed', contractNumber: null, quotas: { rules: 5, servers: null } },
      right,
    )
    assert.deepEqual(
      [changed.body.name, changed.body.contractNumber, changed.body.quotas],
      ['renamed', null, { rules: 5 }],
    )
    const { items: events } = await service.storage.audit({ account: id, limit: 10 })
    assert.deepEqual(
      events.map(({ operation, actor }) => [operation, actor]),
      [
        ['account.update', 'operator'],
        ['account.create', 'operator'],
      ],
    )

    await refused(409, /last/, 'DELETE', `/v1/projects/${id}`)
    await good('DELETE', `/v1/accounts/${id}`)
    await refused(404, /./, 'GET', `/v1/accounts/${id}`)
    await refused(409, /has servers/, 'DELETE', `/v1/accounts/${await acme()}`)
  })

  test('a closed account answers to nobody, keeps everything, and its devices leave their host', async () => {
    const id = (await service.storage.accounts()).find(({ name }) => name === 'other')?.id
    const before = await service.storage.revision()
    assert.ok((await desired('local')).placed.includes(`${nics.foreign} tap97`))
    await good('PATCH', `/v1/accounts/${id}`, { closed: true })
    assert.equal((await call('GET', '/v1/servers', undefined, credentials.foreign)).status, 401)
    assert.deepEqual((await desired('local', before)).departed, [nics.foreign])
    assert.ok(!(await desired('local')).placed.includes(`${nics.foreign} tap97`))
    assert.deepEqual(
      (await good('GET', '/v1/accounts?closed=true')).body.accounts.map(
        (each: { name: string }) => each.name,
      ),
      ['other'],
    )
    const closed = await service.storage.revision()
    await good('PATCH', `/v1/accounts/${id}`, { closed: false })
    assert.deepEqual(await desired('local', closed), { placed: [`${nics.foreign} tap97`], departed: [] })
    assert.equal((await call('GET', '/v1/servers', undefined, credentials.foreign)).status, 200)
  })

  test('projects and zones are the documents that dialects answer', async () => {
    const project = await owner('POST', '/v1/projects', { profile: 'scaleway', name: 'made here' })
    assert.equal(project.status, 201, project.text)
    const { id } = project.body
    const there = await call('GET', `/account/v3/projects/${id}`, undefined, secretKeys.right)
    assert.deepEqual([there.status, there.body.name], [200, 'made here'])
    const zone = await owner('POST', '/v1/zones', { profile: 'ionos', name: 'dc', location: 'de/fra' })
    assert.equal(zone.status, 201, zone.text)
    const vdc = await owner('GET', `/cloudapi/v6/datacenters/${zone.body.id}?depth=1`)
    assert.deepEqual([vdc.body.properties.name, vdc.body.properties.location], ['dc', 'de/fra'])
    await refused(404, /./, 'GET', `/v1/zones/${zone.body.id}`, undefined, credentials.foreign)
    await refused(400, /profile/, 'POST', '/v1/zones', { profile: 'upcloud', name: 'x' }, credentials.right)
    await refused(
      400,
      /location/,
      'POST',
      '/v1/zones',
      { profile: 'ionos', name: 'x', location: true },
      credentials.right,
    )

    // Pages run through what catalogues offer into what the account has.
    const names: string[] = []
    let cursor = ''
    do {
      const page = await owner('GET', `/v1/zones?limit=7${cursor}`)
      assert.equal(page.status, 200, page.text)
      names.push(...page.body.zones.map((each: { id: string }) => each.id))
      cursor = page.body.next === null ? '' : `&cursor=${page.body.next}`
    } while (cursor !== '')
    assert.equal(new Set(names).size, names.length)
    for (const each of ['fi-hel1', 'fr-par-1', datacenters.own, zone.body.id])
      assert.ok(names.includes(each), each)
    assert.ok(!names.includes(datacenters.foreign))
    await refused(409, /catalogue/, 'DELETE', '/v1/zones/fi-hel1', undefined, credentials.right)

    const renamed = await owner('PATCH', `/v1/zones/${zone.body.id}`, { name: 'dc2' })
    assert.deepEqual([renamed.status, renamed.body.name, renamed.body.location], [200, 'dc2', 'de/fra'])
    await refused(409, /is in it/, 'DELETE', `/v1/zones/${datacenters.own}`, undefined, credentials.right)
    await refused(409, /is in it/, 'DELETE', `/v1/projects/${projects.first}`, undefined, credentials.right)
    // What is named by an id that begins with the zone's or the server's, and not in a body.
    const base = `/cloudapi/v6/datacenters/${zone.body.id}`
    const lan = await call('POST', `${base}/lans`, { properties: { name: 'n' } }, credentials.password)
    assert.equal(lan.status, 202, lan.text)
    await refused(
      409,
      /the lan .* is in it/,
      'DELETE',
      `/v1/zones/${zone.body.id}`,
      undefined,
      credentials.right,
    )
    await call('DELETE', `${base}/lans/${lan.body.id}`, undefined, credentials.password)
    const instance = await owner('POST', '/v1/servers', { profile: 'scaleway', name: 'x', zone: 'fr-par-1' })
    assert.equal(instance.status, 201, instance.text)
    const value = `/instance/v1/zones/fr-par-1/servers/${instance.body.id}/user_data/cloud-init`
    const kept = await call('PATCH', value, {}, secretKeys.right)
    assert.equal(kept.status, 204, kept.text)
    const vm = `/v1/servers/${instance.body.id}`
    await refused(409, /the user-data .* belongs to it/, 'DELETE', vm, undefined, credentials.right)
    assert.equal((await call('DELETE', value, undefined, secretKeys.right)).status, 204)
    assert.equal((await owner('DELETE', vm)).status, 204)
    assert.equal((await owner('DELETE', `/v1/zones/${zone.body.id}`)).status, 204)
    assert.equal((await owner('DELETE', `/v1/projects/${id}`)).status, 204)
    assert.equal((await call('GET', `/account/v3/projects/${id}`, undefined, secretKeys.right)).status, 404)
  })

  test('servers made here are answered by their dialects like any other', async () => {
    const account = await acme()
    const make = async (body: object) => (await good('POST', '/v1/servers', { account, ...body })).body
    const web = await make({
      ...{ profile: 'upcloud', name: 'made', zone: 'fi-hel1', firewall: true, labels: { a: 'b' } },
      interfaces: [{ mac: '52:54:00:00:aa:01', addresses: ['203.0.113.1'], host: 'kvm9', device: 'tap1' }],
    })
    assert.deepEqual(
      [web.account, web.labels, web.interfaces[0].binding],
      [account, { a: 'b' }, { host: 'kvm9', device: 'tap1' }],
    )
    const rule = { firewall_rule: { direction: 'in', action: 'drop' } }
    assert.equal((await owner('POST', `/1.3/server/${web.id}/firewall_rule`, rule)).status, 201)
    assert.equal((await owner('GET', `/1.3/server/${web.id}`)).body.server.title, 'made')
    assert.deepEqual((await desired('kvm9')).placed, [`${web.interfaces[0].id} tap1`])

    const vm = await make({ profile: 'hostup', name: 'vm', vmid: 4711, interfaces: [{}] })
    assert.equal(vm.vmid, 4711)
    assert.equal((await owner('GET', '/api/vm/4711/firewall')).status, 200)
    const scw = await make({ profile: 'scaleway', name: 'scw', zone: 'fr-par-1', interfaces: [{}] })
    assert.equal(scw.project, projects.first)
    const instance = await call(
      'GET',
      `/instance/v1/zones/fr-par-1/servers/${scw.id}`,
      undefined,
      secretKeys.right,
    )
    assert.equal(typeof instance.body.server.security_group.id, 'string', instance.text)
    const cube = await make({
      ...{ profile: 'ionos', name: 'cube2', datacenter: datacenters.own },
      interfaces: [{ lan: 1, firewallActive: true }],
    })
    const path = `/cloudapi/v6/datacenters/${datacenters.own}/servers/${cube.id}/nics/${cube.interfaces[0].id}`
    const nic = await owner('GET', path)
    assert.deepEqual([nic.status, nic.body.properties?.firewallActive], [200, true], nic.text)
    const list = { properties: { protocol: 'TCP', portRangeStart: 22, portRangeEnd: 22 } }
    assert.equal((await owner('POST', `${path}/firewallrules`, list)).status, 202)

    for (const [field, body] of [
      ['name', { profile: 'upcloud', zone: 'fi-hel1' }],
      ['zone', { profile: 'upcloud', name: 'x', zone: 'mars' }],
      ['zone', { profile: 'scaleway', name: 'x' }],
      ['vmid', { profile: 'hostup', name: 'x' }],
      ['vmid', { profile: 'upcloud', name: 'x', zone: 'fi-hel1', vmid: 1 }],
      ['datacenter', { profile: 'ionos', name: 'x', datacenter: datacenters.foreign }],
      ['state', { profile: 'upcloud', name: 'x', zone: 'fi-hel1', state: 'flying' }],
      ['labels', { profile: 'upcloud', name: 'x', zone: 'fi-hel1', labels: { [`${'k'.repeat(33)}`]: 'v' } }],
      ['interfaces[0].mac', { profile: 'upcloud', name: 'x', zone: 'fi-hel1', interfaces: [{ mac: 'zz' }] }],
      [
        'interfaces[0].addresses[0]',
        { profile: 'upcloud', name: 'x', zone: 'fi-hel1', interfaces: [{ addresses: ['127.0.0.1'] }] },
      ],
      [
        'interfaces[0].device',
        { profile: 'upcloud', name: 'x', zone: 'fi-hel1', interfaces: [{ host: 'h', device: 'lo' }] },
      ],
      ['interfaces[0].lan', { profile: 'upcloud', name: 'x', zone: 'fi-hel1', interfaces: [{ lan: 1 }] }],
      ['profile', { profile: 'native?', name: 'x' }],
      ['account', { account: 'nobody', profile: 'upcloud', name: 'x', zone: 'fi-hel1' }],
    ] as const) {
      const answer = await refused(400, /./, 'POST', '/v1/servers', { account, ...body })
      assert.equal(answer.body.field, field, answer.text)
    }
    const upcloud = { account, profile: 'upcloud', name: 'x', zone: 'fi-hel1' }
    await refused(409, /held by interface/, 'POST', '/v1/servers', {
      ...upcloud,
      interfaces: [{ host: 'kvm9', device: 'tap1' }],
    })
    await refused(409, /MAC address/, 'POST', '/v1/servers', {
      ...upcloud,
      interfaces: [{ mac: '52-54-00-00-AA-01' }],
    })
    await refused(409, /number/, 'POST', '/v1/servers', { account, profile: 'hostup', name: 'x', vmid: 4711 })
    await refused(409, /id exists/, 'POST', '/v1/servers', { ...upcloud, id: web.id })
    await refused(400, /account/, 'POST', '/v1/servers', { profile: 'upcloud', name: 'x', zone: 'fi-hel1' })

    const changed = await good('PATCH', `/v1/servers/${web.id}`, {
      name: 'renamed',
      state: 'stopped',
      labels: null,
      firewall: false,
    })
    assert.deepEqual([changed.body.name, changed.body.state, changed.body.labels], ['renamed', 'stopped', {}])
    const told = (await owner('GET', `/1.3/server/${web.id}`)).body.server
    assert.deepEqual([told.title, told.state, told.firewall], ['renamed', 'stopped', 'off'])
    await refused(400, /state/, 'PATCH', `/v1/servers/${web.id}`, { state: 'flying' })
    await refused(
      412,
      /./,
      'PATCH',
      `/v1/servers/${web.id}`,
      { name: 'y' },
      { ...operator, 'if-match': '"1"' },
    )
    await refused(412, /./, 'DELETE', `/v1/servers/${web.id}`, undefined, { ...operator, 'if-match': '"1"' })
    await refused(404, /./, 'PATCH', `/v1/servers/${web.id}`, { name: 'y' }, credentials.foreign)

    const before = await service.storage.revision()
    for (const each of [web, vm, scw, cube]) await good('DELETE', `/v1/servers/${each.id}`)
    assert.deepEqual((await desired('kvm9', before)).departed, [web.interfaces[0].id])
    await refused(404, /./, 'GET', `/v1/servers/${web.id}`)
  })

  test('owners say what is theirs, and never read where it is', async () => {
    const made = await owner('POST', '/v1/servers', {
      ...{ profile: 'upcloud', name: 'mine', zone: 'fi-hel1' },
      interfaces: [{ addresses: ['198.51.100.3'] }],
    })
    assert.equal(made.status, 201, made.text)
    const { id, interfaces } = made.body
    const server = { profile: 'upcloud', name: 'x', zone: 'fi-hel1' }
    for (const [field, body] of [
      ['id', { ...server, id: 'x' }],
      ['vmid', { profile: 'hostup', name: 'x', vmid: 5 }],
      ...[
        'mac',
        'host',
        'device',
        'allowedAddresses',
        'senderCheck',
        'observe',
        'vlanTrunk',
        'maxConnections',
      ].map((key) => {
        const values: Record<string, unknown> = {
          mac: '52:54:00:00:aa:09',
          host: 'h',
          device: 'd',
          allowedAddresses: [],
          maxConnections: 1,
        }
        return [`interfaces[0].${key}`, { ...server, interfaces: [{ [key]: values[key] ?? true }] }] as const
      }),
      ['interfaces[0].addresses[0]', { ...server, interfaces: [{ addresses: ['192.0.2.99'] }] }],
      ['account', { ...server, account: 'other' }],
    ] as const) {
      const answer = await refused(400, /./, 'POST', '/v1/servers', body, credentials.right)
      assert.equal(answer.body.field, field, answer.text)
    }
    // Another account has it now.
    await refused(
      400,
      /addresses/,
      'POST',
      '/v1/servers',
      { ...server, interfaces: [{ addresses: ['198.51.100.3'] }] },
      credentials.foreign,
    )
    await good('PUT', `/v1/bindings/${interfaces[0].id}`, { host: 'secret-host', device: 'tap33' })
    for (const path of [
      '/v1/servers',
      `/v1/servers/${id}`,
      `/v1/interfaces/${interfaces[0].id}`,
      `/v1/servers/${id}/interfaces`,
      '/v1/revisions',
      '/v1/audit',
    ]) {
      const { status, text } = await owner('GET', path)
      assert.equal(status, 200)
      assert.doesNotMatch(text, /secret-host|tap33/, path)
    }
    const audit = (await owner('GET', '/v1/audit?limit=1')).body.events[0]
    assert.deepEqual(
      [audit.operation, audit.actor, audit.after],
      ['binding.claim', 'operator', { bound: true }],
    )
    await refused(400, /host/, 'GET', '/v1/servers?host=secret-host', undefined, credentials.right)
    assert.equal((await owner('DELETE', `/v1/servers/${id}`)).status, 204)
  })

  test('lists of servers come in pages, with filters', async () => {
    const all = (await owner('GET', '/v1/servers')).body
    assert.equal(all.next, null)
    const ids = all.servers.map((each: { id: string }) => each.id)
    const paged: string[] = []
    let cursor = ''
    do {
      const { body } = await owner('GET', `/v1/servers?limit=2${cursor}`)
      paged.push(...body.servers.map((each: { id: string }) => each.id))
      cursor = body.next === null ? '' : `&cursor=${body.next}`
    } while (cursor !== '')
    assert.deepEqual(paged, ids)
    const idsOf = async (query: string, headers?: Record<string, string>) =>
      (await good('GET', `/v1/servers?${query}`, undefined, headers)).body.servers.map(
        (each: { id: string }) => each.id,
      )
    assert.deepEqual(await idsOf('name=db', credentials.right), [servers.db])
    assert.deepEqual(await idsOf('zone=fr-par-1', credentials.right), [servers.instance])
    assert.deepEqual(await idsOf('host=local'), [servers.web, servers.foreignCube])
    const over = await idsOf('profile=upcloud')
    assert.deepEqual(over.toSorted(), [servers.web, servers.db, servers.foreign].toSorted())
    assert.deepEqual(await idsOf(`account=${await acme()}&profile=hostup`), [servers.vm])
  })

  test('interfaces: added, changed and taken away', async () => {
    const path = `/v1/servers/${servers.db}/interfaces`
    const before = await service.storage.revision()
    const made = await good('POST', path, {
      type: 'private',
      addresses: ['198.51.100.4'],
      host: 'local',
      device: 'tap50',
    })
    const { id } = made.body
    assert.deepEqual(
      [made.status, made.body.index, made.body.type, made.body.binding?.device],
      [201, 2, 'private', 'tap50'],
    )
    assert.ok((await desired('local', before)).placed.includes(`${id} tap50`))
    const [lease] = await service.storage.leases({ account: await acme(), profile: 'upcloud', id })
    assert.equal(lease?.address, '198.51.100.4')
    const changed = await good(
      'PATCH',
      `/v1/interfaces/${id}`,
      {
        ...{
          addresses: ['198.51.100.5'],
          allowedAddresses: ['203.0.113.0/24'],
          senderCheck: false,
          maxConnections: 9,
        },
        ...{ vlanTrunk: true, allowedFrames: [0x88cc], observe: true, mac: '52:54:00:00:aa:07' },
      },
      { ...operator, 'if-match': String(made.headers.get('etag')) },
    )
    assert.deepEqual(
      [changed.body.addresses, changed.body.allowedAddresses, changed.body.maxConnections, changed.body.mac],
      [['198.51.100.5'], ['203.0.113.0/24'], 9, '52:54:00:00:aa:07'],
    )
    assert.deepEqual(changed.body.binding, { host: 'local', device: 'tap50' })
    assert.deepEqual(
      (await service.storage.leases({ account: await acme(), profile: 'upcloud', id })).map(
        ({ address }) => address,
      ),
      ['198.51.100.5'],
    )
    assert.equal(
      (await good('PATCH', `/v1/interfaces/${id}`, { maxConnections: null })).body.maxConnections,
      null,
    )
    await refused(
      412,
      /./,
      'PATCH',
      `/v1/interfaces/${id}`,
      { type: 'public' },
      { ...operator, 'if-match': '"1"' },
    )
    await refused(400, /host/, 'PATCH', `/v1/interfaces/${id}`, { host: 'x' })
    await refused(400, /colour/, 'PATCH', `/v1/interfaces/${id}`, { colour: null })
    await refused(
      400,
      /only an operator/,
      'PATCH',
      `/v1/interfaces/${id}`,
      { senderCheck: false },
      credentials.right,
    )
    await refused(404, /./, 'PATCH', `/v1/interfaces/${id}`, { type: 'public' }, credentials.foreign)
    await refused(404, /./, 'DELETE', `/v1/interfaces/${nics.foreign}`, undefined, credentials.right)
    const list = await owner('GET', path)
    assert.deepEqual(
      list.body.interfaces.map((each: { index: number }) => each.index),
      [1, 2],
    )
    const there = await service.storage.revision()
    await good('DELETE', `/v1/interfaces/${id}`)
    assert.deepEqual((await desired('local', there)).departed, [id])
    assert.deepEqual(await service.storage.leases({ account: await acme(), profile: 'upcloud', id }), [])
    // The switch of a NIC is its policy's.
    await good('PATCH', `/v1/interfaces/${nics.second}`, { firewallActive: true })
    assert.equal((await service.storage.policy(nics.second))?.enabled, true)
  })

  test('bindings: claimed, handed over, swapped and released, each as one', async () => {
    const of = async (server: string) =>
      (await good('GET', `/v1/servers/${server}/interfaces`)).body.interfaces[0].id as string
    const [a, b] = [await of(servers.web), await of(servers.db)]
    const at = (id: string, host = 'local') =>
      desired(host).then(({ placed }) => placed.filter((each) => each.startsWith(id)))
    const first = await good('GET', `/v1/bindings/${a}`)
    assert.deepEqual([first.body.device, first.body.boundBy], ['tap1', 'inventory'])
    await refused(404, /./, 'GET', `/v1/bindings/${b}`)
    await refused(409, new RegExp(`held by interface ${a}`), 'PUT', `/v1/bindings/${b}`, {
      host: 'local',
      device: 'tap1',
    })
    await refused(409, /not held/, 'PUT', `/v1/bindings/${b}`, {
      host: 'local',
      device: 'tap1',
      from: nics.second,
    })
    await refused(400, /device/, 'PUT', `/v1/bindings/${b}`, { host: 'local', device: 'lo' })
    await refused(404, /./, 'PUT', '/v1/bindings/nobody', { host: 'local', device: 'tap9' })
    await refused(403, /./, 'PUT', `/v1/bindings/${b}`, { host: 'local', device: 'tap9' }, credentials.right)

    const claimed = await good('PUT', `/v1/bindings/${b}`, { host: 'local', device: 'tap2' })
    assert.deepEqual([claimed.status, claimed.body.boundBy], [201, 'api'])
    assert.ok(Date.parse(claimed.body.boundAt) > 0)
    const again = await good('PUT', `/v1/bindings/${b}`, { host: 'local', device: 'tap2' })
    assert.deepEqual([again.status, again.body.revision], [200, claimed.body.revision])
    await refused(
      412,
      /./,
      'PUT',
      `/v1/bindings/${b}`,
      { host: 'local', device: 'tap3' },
      { ...operator, 'if-match': '"1"' },
    )

    const taken = { host: 'local', device: 'tap1', from: a }
    const stale = { ...operator, 'if-match': `"${claimed.body.revision}"` }
    const over = await good('PUT', `/v1/bindings/${b}`, taken, stale)
    const lost = [
      await good('PUT', `/v1/bindings/${b}`, taken, stale),
      await good('PUT', `/v1/bindings/${b}`, { ...taken, from: nics.second }),
      await good('POST', '/v1/bindings', { bindings: [{ interface: b, ...taken }] }),
    ]
    for (const { status, body } of lost)
      assert.deepEqual([status, (body.bindings?.[0] ?? body).revision], [200, over.body.revision])
    await refused(409, /not held/, 'PUT', `/v1/bindings/${a}`, { ...taken, device: 'tap2', from: b })
    await refused(412, /./, 'PUT', `/v1/bindings/${b}`, { host: 'local', device: 'tap2' }, stale)
    await good('PUT', `/v1/bindings/${b}`, { host: 'local', device: 'tap2' })
    await good('PUT', `/v1/bindings/${a}`, { host: 'local', device: 'tap1' })

    const swap = [
      { interface: a, host: 'local', device: 'tap2' },
      { interface: b, host: 'local', device: 'tap1' },
    ]
    let before = await service.storage.revision()
    await good('POST', '/v1/bindings', { bindings: swap })
    assert.deepEqual(await desired('local', before), {
      placed: [`${a} tap2`, `${b} tap1`].sort(),
      departed: [],
    })
    await refused(400, /bindings\[1\].interface/, 'POST', '/v1/bindings', { bindings: [swap[0], swap[0]] })
    await refused(409, /held by interface/, 'POST', '/v1/bindings', {
      bindings: [
        { interface: a, host: 'kvm2', device: 'tap2' },
        { interface: nics.second, host: 'local', device: 'tap1' },
      ],
    })
    assert.deepEqual(await at(a), [`${a} tap2`], 'nothing of it is done')

    // To another host, and the device to another interface, at once.
    before = await service.storage.revision()
    const moved = await good('POST', '/v1/bindings', {
      bindings: [
        { interface: a, host: 'kvm2', device: 'tap2' },
        { interface: nics.second, host: 'local', device: 'tap1', from: b },
      ],
    })
    assert.deepEqual(
      moved.body.bindings.map((each: { interface: string }) => each.interface),
      [a, nics.second],
    )
    assert.deepEqual(await desired('kvm2', before), { placed: [`${a} tap2`], departed: [] })
    assert.deepEqual(await desired('local', before), {
      placed: [`${nics.second} tap1`],
      departed: [a, b].sort(),
    })

    const list = async (query: string) =>
      (await good('GET', `/v1/bindings?${query}`)).body.bindings.map(
        (each: { device: string; host: string }) => `${each.host} ${each.device}`,
      )
    assert.deepEqual(await list('host=local'), ['local tap1', 'local tap97'])
    assert.deepEqual(await list(`server=${servers.web}`), ['kvm2 tap2'])
    assert.deepEqual(await list('mac=52-54-00-00-00-01'), ['kvm2 tap2'])
    const page = (await good('GET', '/v1/bindings?limit=1')).body
    assert.deepEqual(
      (await good('GET', `/v1/bindings?limit=1&cursor=${page.next}`)).body.bindings[0].device,
      'tap1',
    )
    await refused(400, /mac/, 'GET', '/v1/bindings?mac=x')

    before = await service.storage.revision()
    await good('DELETE', `/v1/bindings/${nics.second}`)
    assert.deepEqual(await desired('local', before), { placed: [], departed: [nics.second] })
    await refused(404, /./, 'DELETE', `/v1/bindings/${nics.second}`)
    // What its dialect writes of an interface says nothing of where it is.
    await good('PUT', `/v1/bindings/${nics.second}`, { host: 'kvm2', device: 'tap7' })
    const path = `/cloudapi/v6/datacenters/${datacenters.own}/servers/${servers.cube}/nics/${nics.second}`
    assert.equal((await owner('PATCH', path, { name: 'renamed' })).status, 202)
    const kept = (await good('GET', `/v1/bindings/${nics.second}`)).body
    assert.deepEqual([kept.host, kept.device, kept.boundBy], ['kvm2', 'tap7', 'api'])
    const [event] = (await service.storage.audit({ account: '', limit: 1 })).items
    assert.deepEqual(
      [event?.operation, event?.after],
      ['bindings.update', { [nics.second]: { host: 'kvm2', device: 'tap7' } }],
    )
  })
})
