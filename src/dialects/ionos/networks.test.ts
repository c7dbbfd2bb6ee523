/** What clients need around firewalls: flow logs, cross connects, answers to creates, filters (contract: ionos-more §3, §4, §7, §8). */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  credentials,
  datacenters,
  nics,
  onBothStores,
  type Reply,
  servers,
  type TestService,
} from '../../../test/support/service.ts'
import { manifest } from './manifest.ts'

const base = '/cloudapi/v6'
const dc = `${base}/datacenters/${datacenters.own}`
const cube = `${dc}/servers/${servers.cube}`
const unknown = '00000000-0000-4000-8000-00000000dead'

onBothStores('IONOS Cloud, around firewalls', (start) => {
  let service: TestService
  before(async () => {
    service = await start()
    // The very first block has no bits of its own: in the text of those that follow another number is easily put in.
    await ok('DELETE', await datacenter())
  })
  after(() => service.close())

  const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    service.call(method, path, body, headers)
  async function ok(method: string, path: string, body?: unknown): Promise<Reply> {
    const answer = await call(method, path, body)
    assert.equal(answer.status, method === 'GET' ? 200 : 202, `${method} ${path}: ${answer.text}`)
    return answer
  }
  async function refused(answer: Promise<Reply>, status: number, code: string, message?: RegExp) {
    const { status: came, body, text } = await answer
    assert.deepEqual([came, body.messages?.[0]?.errorCode], [status, code], text)
    if (message) assert.match(body.messages[0].message, message)
  }
  const request = async ({ headers }: Reply) =>
    ok('GET', (headers.get('location') ?? '').slice(service.url.length))
  const datacenter = async (location = 'de/txl'): Promise<string> =>
    `${base}/datacenters/${(await ok('POST', `${base}/datacenters`, { properties: { name: 'net', location } })).body.id}`
  const server = (nic: object = {}, entities: object = {}) => ({
    properties: { name: 'web', cores: 1, ram: 1024 },
    entities: { nics: { items: [{ properties: { lan: 1, ...nic }, entities }] } },
  })

  test('IO5, 19: a flow log given with a NIC, or with the NIC of a server, is kept', async () => {
    const properties = { name: 'test', action: 'ALL', direction: 'INGRESS', bucket: 'bucket' }
    const entities = { flowlogs: { items: [{ properties }] } }
    const nic = await ok('POST', `${cube}/nics?depth=2`, { properties: { lan: 1 }, entities })
    assert.deepEqual(nic.body.entities.flowlogs.items[0].properties, properties)
    const path = `${cube}/nics/${nic.body.id}`
    const { flowlogs } = (await ok('GET', `${path}?depth=2`)).body.entities
    const [flowLog] = flowlogs.items
    assert.deepEqual([flowlogs.id, flowlogs.type], [`${nic.body.id}/flowlogs`, 'collection'])
    assert.deepEqual([flowLog.type, flowLog.properties], ['flow-log', properties])
    assert.equal(flowLog.href, `${service.url}${path}/flowlogs/${flowLog.id}`)
    assert.deepEqual((await ok('GET', `${path}/flowlogs/${flowLog.id}`)).body, flowLog)

    const zone = await datacenter()
    const made = await ok('POST', `${zone}/servers?depth=4`, server({}, entities))
    const [nested] = made.body.entities.nics.items
    assert.deepEqual(nested.entities.flowlogs.items[0].properties, properties)
    const read = await ok('GET', `${zone}/servers/${made.body.id}/nics/${nested.id}?depth=2`)
    assert.deepEqual(read.body.entities.flowlogs.items[0].properties, properties)
    await ok('DELETE', zone)
    await ok('DELETE', path)
    await refused(call('GET', `${path}/flowlogs/${flowLog.id}`), 404, '309')
  })

  test('flow logs by themselves: made, renamed, deleted; the rest stays as it was made', async () => {
    const all = `${cube}/nics/${nics.cube}/flowlogs`
    const properties = { name: 'a', action: 'REJECTED', direction: 'BIDIRECTIONAL', bucket: 'b' }
    const made = await ok('POST', all, { properties })
    assert.deepEqual((await request(made)).body.metadata.targets, [
      { target: { id: made.body.id, type: 'flow-log', href: made.body.href }, status: 'DONE' },
    ])
    const one = `${all}/${made.body.id}`
    await ok('PATCH', one, { name: 'b' })
    await ok('PUT', one, { properties: { ...properties, name: 'c' } })
    assert.deepEqual((await ok('GET', one)).body.properties, { ...properties, name: 'c' })
    assert.deepEqual(
      (await ok('GET', `${all}?depth=1`)).body.items.map((each: { id: string }) => each.id),
      [made.body.id],
    )
    for (const change of [{ action: 'ALL' }, { direction: 'EGRESS' }, { bucket: 'c' }])
      await refused(call('PATCH', one, change), 422, '100', /not allowed in update requests/)
    for (const name of Object.keys(properties)) {
      await refused(call('POST', all, { properties: { ...properties, [name]: undefined } }), 422, '100')
      await refused(call('PATCH', one, { [name]: 17 }), 422, '100')
    }
    await refused(call('PATCH', one, { name: null }), 422, '100')
    await refused(call('POST', all, { properties: { ...properties, action: 'all' } }), 422, '100')
    await refused(call('GET', `${all}/${unknown}`), 404, '309')
    await refused(call('PATCH', `${all}/${unknown}`, { name: 'x' }), 404, '309')
    await refused(call('GET', one, undefined, credentials.foreign), 404, '309')
    await refused(call('DELETE', one, undefined, credentials.foreign), 404, '309')
    // Read and written back nothing changes; a NIC's PUT makes none.
    const whole = (await ok('GET', `${cube}/nics/${nics.cube}?depth=3`)).body
    await ok('PUT', `${cube}/nics/${nics.cube}`, whole)
    assert.deepEqual((await ok('GET', `${cube}/nics/${nics.cube}?depth=3`)).body, whole)
    const entities = { flowlogs: { items: [{ properties }] } }
    await refused(call('PUT', `${cube}/nics/${nics.cube}`, { properties: {}, entities }), 422, '100')
    for (let count = 1; count < 10; count++) await ok('POST', all, { properties })
    await refused(call('POST', all, { properties }), 422, '200', /limit of 10/)
    for (const { id } of (await ok('GET', all)).body.items) await ok('DELETE', `${all}/${id}`)
    await refused(call('DELETE', one), 404, '309')
    const many = { flowlogs: { items: Array.from({ length: 11 }, () => ({ properties })) } }
    await refused(call('POST', `${cube}/nics`, { properties: { lan: 1 }, entities: many }), 422, '200')
  })

  test('20: a cross connect lists the LANs that name it, and is not deleted while there are any', async () => {
    const made = await ok('POST', `${base}/pccs`, { properties: { name: 'cc', description: 'two LANs' } })
    const { id } = made.body
    assert.deepEqual(made.body.properties, {
      ...{ name: 'cc', description: 'two LANs' },
      ...{ peers: [], connectableDatacenters: [] },
    })
    assert.equal('createdByUserId' in made.body.metadata, false)
    assert.equal('lastModifiedByUserId' in made.body.metadata, false)
    const one = `${base}/pccs/${id}`
    const targets = (await request(made)).body.metadata.targets
    assert.deepEqual(targets, [{ target: { id, type: 'pcc', href: service.url + one }, status: 'DONE' }])
    const zone = await datacenter('de/fra')
    const { body: lan } = await ok('POST', `${zone}/lans`, { properties: { name: 'joined', pcc: id } })
    assert.deepEqual([lan.properties.pcc, 'entities' in lan], [id, false])
    const { properties } = (await ok('GET', one)).body
    const [, datacenterId] = zone.split('datacenters/')
    assert.deepEqual(properties.peers, [
      { id: lan.id, name: 'joined', datacenterId, datacenterName: 'net', location: 'de/fra' },
    ])
    assert.deepEqual(properties.connectableDatacenters, [
      { id: datacenters.own, name: 'vdc', location: 'de/txl' },
      { id: datacenterId, name: 'net', location: 'de/fra' },
    ])
    assert.deepEqual(
      (await ok('GET', `${base}/pccs?depth=1`)).body.items.map((each: { id: string }) => each.id),
      [id],
    )
    await refused(call('DELETE', one), 422, '200')
    await ok('PATCH', one, { name: 'renamed' })
    assert.equal((await ok('GET', one)).body.properties.description, 'two LANs')
    await refused(call('PATCH', one, { name: null }), 422, '100')
    await refused(call('POST', `${base}/pccs`, { properties: {} }), 422, '100', /'name' is required/)
    for (const pcc of [unknown, 'x', 'x/../y'])
      await refused(call('PATCH', `${zone}/lans/${lan.id}`, { pcc }), 422, '200', /does not exist/)
    assert.equal((await ok('GET', `${zone}/lans/${lan.id}`)).body.properties.pcc, id)

    for (const [method, body] of [['GET'], ['PATCH', { name: 'x' }], ['DELETE']] as const)
      await refused(call(method, one, body, credentials.foreign), 404, '309')
    assert.deepEqual((await call('GET', `${base}/pccs`, undefined, credentials.foreign)).body.items, [])
    const foreign = `${base}/datacenters/${datacenters.foreign}/lans`
    await refused(call('POST', foreign, { properties: { pcc: id } }, credentials.foreign), 422, '200')

    await ok('PATCH', `${zone}/lans/${lan.id}`, { pcc: null })
    assert.deepEqual((await ok('GET', one)).body.properties.peers, [])
    const gone = await ok('DELETE', one)
    assert.equal(gone.text, '')
    await refused(call('GET', one), 404, '309')
    await ok('DELETE', zone)
  })

  test('a cross connect that is deleted while LANs join it: one of them wins', async () => {
    for (let round = 0; round < 5; round++) {
      const { id } = (await ok('POST', `${base}/pccs`, { properties: { name: 'race' } })).body
      const [joined, deleted] = await Promise.all([
        call('POST', `${dc}/lans`, { properties: { pcc: id } }),
        call('DELETE', `${base}/pccs/${id}`),
      ])
      assert.deepEqual([joined.status, deleted.status].toSorted(), [202, 422])
      assert.equal((await call('GET', `${base}/pccs/${id}`)).status, joined.status === 202 ? 200 : 404)
      if (joined.status === 202) {
        await ok('DELETE', `${dc}/lans/${joined.body.id}`)
        await ok('DELETE', `${base}/pccs/${id}`)
      }
    }
  })

  test('IO9, 21: backup units are an empty collection; none can be made', async () => {
    const { body } = await ok('GET', `${base}/backupunits?depth=1`)
    assert.deepEqual([body.id, body.type, body.items], ['backupunits', 'collection', []])
    await refused(call('POST', `${base}/backupunits`, { properties: { name: 'x' } }), 405, '405')
    await refused(call('GET', `${base}/backupunits/${unknown}`), 404, '309')
    // Every collection that a datacenter refers to can be read.
    const { entities } = (await ok('GET', dc)).body
    for (const { href } of Object.values(entities) as { href: string }[])
      assert.ok(Array.isArray((await ok('GET', href.slice(service.url.length))).body.items), href)
  })

  test('22: targets of a composite create; servers by name, cores and a CPU family that nobody has', async () => {
    const zone = await datacenter()
    const rule = { properties: { protocol: 'TCP' } }
    const wanted = server({}, { firewallrules: { items: [rule, rule] } })
    const volume = { properties: { name: 'disk', type: 'HDD', size: 10, licenceType: 'LINUX' } }
    const entities = { ...wanted.entities, volumes: { items: [volume] } }
    const made = await ok('POST', `${zone}/servers`, { ...wanted, entities })
    const types = (status: Reply) =>
      status.body.metadata.targets.map(({ target }: { target: { type: string } }) => target.type)
    const all = ['server', 'volume', 'nic', 'firewall-rule', 'firewall-rule']
    assert.deepEqual(types(await request(made)), all)
    const nic = await ok('POST', `${zone}/servers/${made.body.id}/nics`, {
      properties: { lan: 1 },
      entities: { firewallrules: { items: [rule] } },
    })
    assert.deepEqual(types(await request(nic)), ['nic', 'firewall-rule'])
    assert.deepEqual(types(await request(await ok('DELETE', `${zone}/servers/${made.body.id}`))), ['server'])

    for (const [name, cores] of [
      ['web one', 1],
      ['web two', 2],
      ['db', 1],
    ])
      await ok('POST', `${zone}/servers`, { properties: { name, cores, ram: 1024 } })
    const named = async (query: string) =>
      (await ok('GET', `${zone}/servers?depth=5&${query}`)).body.items.map(
        (each: { properties: { name: string } }) => each.properties.name,
      )
    assert.deepEqual(await named('filter.name=WEB&filter.cores=1'), ['web one'])
    assert.deepEqual(await named('filter.cores=1'), ['web one', 'db'])
    assert.deepEqual(await named('filter.cores=10'), [])
    assert.deepEqual(await named('filter.cpuFamily=doesNotExist'), [])
    assert.deepEqual(await named('filter.cpuFamily=intel&filter.name=db'), ['db'])
    assert.deepEqual(await named('filter.hostname=x'), [])
    assert.deepEqual(await named('filter.unheardOf=x&filter.=y'), ['web one', 'web two', 'db'])
    const { resourceLimits } = (await ok('GET', `${base}/contracts`)).body.items[0].properties
    // The inventory's server is one more.
    assert.deepEqual([resourceLimits.coresProvisioned, resourceLimits.ramProvisioned], [5, 4096])
    await ok('DELETE', zone)
  })

  test('IO8, 23: an unknown path says so, and an unknown id does not', async () => {
    const nowhere = /^This path is not served here$/
    const missing = /^Resource does not exist$/
    for (const path of ['/nothing', `/datacenters/${datacenters.own}/nothing`, '/um/users', '/k8s'])
      for (const method of ['GET', 'POST', 'DELETE'])
        await refused(call(method, base + path), 404, '309', nowhere)
    for (const path of [`/datacenters/${unknown}`, `/pccs/${unknown}`, '/pccs/x', `/requests/${unknown}`])
      await refused(call('GET', base + path), 404, '309', missing)
  })

  test('IO10: what a create answers is not settled; statuses and empty answers have one ETag each', async () => {
    const made = await ok('POST', `${base}/datacenters`, { properties: { name: 'x', location: 'de/txl' } })
    const { version, features, secAuthProtection, cpuArchitecture } = made.body.properties
    assert.deepEqual([version, features, secAuthProtection, cpuArchitecture], [null, [], null, []])
    const zone = `${base}/datacenters/${made.body.id}`
    const lan = await ok('POST', `${zone}/lans`, { properties: { name: 'l' } })
    assert.deepEqual([lan.body.properties.ipFailover, 'entities' in lan.body], [null, false])
    const web = await ok('POST', `${zone}/servers`, server())
    const { vmState, bootVolume, bootCdrom } = web.body.properties
    assert.deepEqual([vmState, bootVolume, bootCdrom], [null, null, null])
    const path = `${zone}/servers/${web.body.id}`
    assert.equal('items' in web.body.entities.nics, false)
    const nic = await ok('POST', `${path}/nics`, { properties: { lan: 1 } })
    const { mac, ips, firewallType, deviceNumber, pciSlot } = nic.body.properties
    assert.deepEqual([mac, ips, firewallType, deviceNumber, pciSlot], [null, [], null, null, null])
    const settled = (await ok('GET', `${path}/nics/${nic.body.id}`)).body.properties
    assert.match(settled.mac, /^02:/)
    assert.deepEqual([settled.ips.length, settled.firewallType], [1, 'INGRESS'])

    const statuses = await Promise.all([made, lan, web, nic].map(request))
    for (const { headers, body } of statuses) {
      assert.equal(headers.get('etag'), body.metadata.etag)
      assert.equal(body.metadata.etag, statuses[0]?.body.metadata.etag)
    }
    const empty = [
      await ok('DELETE', `${path}/nics/${nic.body.id}`),
      await ok('DELETE', path),
      await ok('DELETE', zone),
    ]
    for (const { headers, text } of empty) {
      assert.match(headers.get('etag') ?? '', /^[0-9a-f]{32}$/)
      assert.equal(headers.get('etag'), empty[0]?.headers.get('etag'))
      assert.deepEqual([text, headers.get('content-length'), headers.get('content-type')], ['', '0', null])
    }
    assert.equal((await ok('GET', `${base}/datacenters?depth=1`)).headers.get('etag'), null)
  })
  test('IO1, 4: a block of addresses: given at once, in one order for ever, consumed by NICs, kept while they have it', async () => {
    const made = await ok('POST', `${base}/ipblocks`, { properties: { location: 'de/txl', size: 2 } })
    const { ips } = made.body.properties
    assert.equal(new Set(ips).size, 2)
    assert.deepEqual(made.body.properties, {
      ...{ ips, location: 'de/txl', size: 2, name: null, ipConsumers: [] },
    })
    assert.deepEqual(Object.keys(made.body.properties), ['ips', 'location', 'size', 'name', 'ipConsumers'])
    const { id } = made.body
    const one = `${base}/ipblocks/${id}`
    assert.deepEqual((await request(made)).body.metadata.targets, [
      { target: { id, type: 'ipblock', href: service.url + one }, status: 'DONE' },
    ])
    const limits = async () => (await ok('GET', `${base}/contracts`)).body.items[0].properties.resourceLimits
    const counted = async () => {
      const { reservedIpsOnContract, reservedIpsInUse } = await limits()
      return [reservedIpsOnContract, reservedIpsInUse]
    }
    assert.deepEqual(await counted(), [2, 0])

    const zone = await datacenter()
    await ok('POST', `${zone}/lans`, { properties: { name: 'public', public: true } })
    const web = await ok('POST', `${zone}/servers?depth=3`, server({ ips: [ips[1]] }))
    const [nic] = web.body.entities.nics.items
    const path = `${zone}/servers/${web.body.id}/nics/${nic.id}`
    const { mac } = (await ok('GET', path)).body.properties
    const [, datacenterId] = zone.split('datacenters/')
    const consumer = {
      ...{ ip: ips[1], mac, nicId: nic.id, serverId: web.body.id, serverName: 'web' },
      ...{ datacenterId, datacenterName: 'net', k8sNodePoolUuid: null, k8sClusterUuid: null },
    }
    assert.deepEqual((await ok('GET', one)).body.properties.ipConsumers, [consumer])
    const listed = (await ok('GET', `${base}/ipblocks?depth=1`)).body
    assert.deepEqual([listed.id, listed.items.length], ['ipblocks', 1])
    assert.deepEqual(listed.items[0].properties.ipConsumers, [consumer])
    assert.deepEqual(await counted(), [2, 1])
    await refused(call('DELETE', one), 422, '200', /NICs have 1 of/)

    await ok('PATCH', one, { name: 'renamed' })
    await ok('PUT', one, { properties: { name: 'twice', size: 2, location: 'de/txl' } })
    const now = (await ok('GET', one)).body
    assert.deepEqual([now.properties.name, now.properties.ips], ['twice', ips])
    await ok('PUT', one, now)
    assert.equal((await ok('GET', one)).body.metadata.etag, now.metadata.etag)
    for (const change of [{ size: 3 }, { location: 'de/fra' }])
      await refused(call('PATCH', one, change), 422, '100', /not allowed in update requests/)

    // Another contract can neither see them nor have them.
    for (const [method, body] of [['GET'], ['PATCH', { name: 'x' }], ['DELETE']] as const)
      await refused(call(method, one, body, credentials.foreign), 404, '309')
    const theirs = `${base}/datacenters/${datacenters.foreign}/servers/${servers.foreignCube}/nics`
    await refused(call('POST', theirs, { properties: { lan: 1, ips } }, credentials.foreign), 422, '200')
    assert.deepEqual((await call('GET', `${base}/ipblocks`, undefined, credentials.foreign)).body.items, [])

    await ok('PATCH', path, { ips: [ips[0]] })
    assert.deepEqual((await ok('GET', path)).body.properties.ips, [ips[0]])
    await ok('DELETE', path)
    assert.deepEqual((await ok('GET', one)).body.properties.ipConsumers, [])
    assert.equal((await ok('DELETE', one)).text, '')
    await refused(call('GET', one), 404, '309')
    await ok('DELETE', zone)
  })

  test('what a block must have', async () => {
    const wrong = async (properties: object, code: string, message?: RegExp) =>
      refused(call('POST', `${base}/ipblocks`, { properties }), 422, code, message)
    await wrong({ size: 1 }, '100', /'location' is required/)
    await wrong({ location: 'de/txl' }, '100', /'size' is required/)
    for (const size of [0, -1, 1.5, 'x', null]) await wrong({ location: 'de/txl', size }, '100')
    await wrong({ location: 'de/txl', size: 1025 }, '200', /more than 1024/)
    await refused(call('GET', `${base}/ipblocks/${unknown}`), 404, '309')
    await refused(call('DELETE', `${base}/ipblocks/x`), 404, '309')
  })

  test('a block that is deleted while a NIC takes its address: nobody else gets that', async () => {
    for (let round = 0; round < 5; round++) {
      const wanted = { properties: { location: 'de/txl', size: 1 } }
      const { id, properties } = (await ok('POST', `${base}/ipblocks`, wanted)).body
      const { ips } = properties
      const [taken, deleted] = await Promise.all([
        ok('POST', `${cube}/nics`, { properties: { lan: 1, ips } }),
        call('DELETE', `${base}/ipblocks/${id}`),
      ])
      // Deleted first, the address is still kept for the contract for a while.
      assert.ok([202, 422].includes(deleted.status), deleted.text)
      const theirs = `${base}/datacenters/${datacenters.foreign}/servers/${servers.foreignCube}/nics`
      const stolen = call('POST', theirs, { properties: { lan: 1, ips } }, credentials.foreign)
      await refused(stolen, 422, '200')
      await ok('DELETE', `${cube}/nics/${taken.body.id}`)
      if (deleted.status === 422) await ok('DELETE', `${base}/ipblocks/${id}`)
    }
  })

  const block = async (path: string): Promise<string> => (await ok('GET', path)).body.properties.ipv6CidrBlock
  const ipv6 = async (path: string) => {
    const { ipv6CidrBlock, ipv6Ips, dhcpv6 } = (await ok('GET', path)).body.properties
    return { ipv6CidrBlock, ipv6Ips, dhcpv6 }
  }
  const none = { ipv6CidrBlock: null, ipv6Ips: [], dhcpv6: null }

  test('IO2, 6, 7: a datacenter has a /56 for ever, whose text the vendor’s playbook can edit', async () => {
    const [one, two] = [await datacenter(), await datacenter()]
    const own = await block(one)
    assert.match(own, /^[0-9a-f:]+::\/56$/)
    assert.notEqual(own, await block(two))
    const edited = [own.replace('/56', '/64'), own.replace('/56', '/80')]
    const addresses = [own.replace('/56', '1'), own.replace('/56', '3')]
    const lan = await ok('POST', `${one}/lans`, { properties: { name: 'six', ipv6CidrBlock: edited[0] } })
    assert.equal(lan.body.properties.ipv6CidrBlock, edited[0])
    const wanted = { lan: Number(lan.body.id), ipv6CidrBlock: edited[1], ipv6Ips: addresses, dhcpv6: false }
    const web = await ok('POST', `${one}/servers?depth=3`, server(wanted))
    const path = `${one}/servers/${web.body.id}/nics/${web.body.entities.nics.items[0].id}`
    assert.deepEqual(await ipv6(path), { ipv6CidrBlock: edited[1], ipv6Ips: addresses, dhcpv6: false })

    await ok('PATCH', one, { ipv6CidrBlock: own, name: 'renamed' })
    assert.equal(await block(one), own)
    for (const ipv6CidrBlock of ['2001:db8::/56', 'AUTO', await block(two)]) {
      await refused(call('PATCH', one, { ipv6CidrBlock }), 422, '100', /not allowed/)
      const properties = { location: 'de/txl', ipv6CidrBlock }
      await refused(call('POST', `${base}/datacenters`, { properties }), 422, '100', /not allowed/)
    }
    // The default group lets the whole datacenter in.
    const group = (await ok('PATCH', one, { createDefaultSecurityGroup: true })).body.properties
    const rules = (await ok('GET', `${one}/securitygroups/${group.defaultSecurityGroupId}?depth=2`)).body
    const [, , , fourth] = rules.entities.rules.items
    assert.deepEqual(
      [fourth.properties.type, fourth.properties.ipVersion, fourth.properties.sourceIp],
      ['INGRESS', 'IPv6', own],
    )
    for (const zone of [one, two]) await ok('DELETE', zone)
  })

  test('6: the /64 of LANs: automatic, given, outside, taken, off', async () => {
    const zone = await datacenter()
    const own = await block(zone)
    const lan = (properties: object) => ok('POST', `${zone}/lans`, { properties })
    const [a, b] = [await lan({ ipv6CidrBlock: 'AUTO' }), await lan({ ipv6CidrBlock: 'AUTO' })]
    const [first, second] = [
      await block(`${zone}/lans/${a.body.id}`),
      await block(`${zone}/lans/${b.body.id}`),
    ]
    assert.deepEqual([first, second], [own.replace('/56', '/64'), own.replace('00::/56', '01::/64')])
    const high = own.replace('00::/56', 'ff::/64')
    const c = await lan({ name: 'given', ipv6CidrBlock: high.toUpperCase() })
    const path = `${zone}/lans/${c.body.id}`
    assert.equal(await block(path), high)
    // AUTO again keeps what it has.
    await ok('PATCH', path, { ipv6CidrBlock: 'AUTO' })
    assert.equal(await block(path), high)
    for (const [ipv6CidrBlock, code] of [
      [first, '200'],
      ['2001:db8::/64', '200'],
      [own, '100'],
      [high.replace('::/64', '::1/64'), '100'],
      ['10.0.0.0/24', '100'],
      ['auto', '100'],
      [17, '100'],
    ] as const)
      await refused(call('PATCH', path, { ipv6CidrBlock }), 422, code, /ipv6CidrBlock|\/64/)
    assert.equal(await block(path), high)
    await ok('PATCH', path, { ipv6CidrBlock: '' })
    assert.equal(await block(path), null)
    assert.equal((await lan({ ipv6CidrBlock: null })).body.properties.ipv6CidrBlock, null)
    await ok('DELETE', zone)
  })

  test('6: the /80 and the addresses of NICs', async () => {
    const zone = await datacenter()
    const lan = await ok('POST', `${zone}/lans`, { properties: { ipv6CidrBlock: 'AUTO' } })
    const [plain, other] = [
      await ok('POST', `${zone}/lans`, { properties: {} }),
      await ok('POST', `${zone}/lans`, { properties: { ipv6CidrBlock: 'AUTO' } }),
    ]
    const [own, next] = [
      await block(`${zone}/lans/${lan.body.id}`),
      await block(`${zone}/lans/${other.body.id}`),
    ]
    const six = Number(lan.body.id)
    const web = (await ok('POST', `${zone}/servers`, { ...server(), entities: {} })).body.id
    const all = `${zone}/servers/${web}/nics`
    const nic = async (properties: object) =>
      `${all}/${(await ok('POST', all, { properties: { lan: six, ...properties } })).body.id}`
    const sub = (index: number) => own.replace('::/64', index === 0 ? '::/80' : `:${index}::/80`)
    const host = (of: string, last: string) => of.replace('/80', last)
    // Null is what Terraform writes for what its user leaves out, and wants to read again.
    const [a, b] = [await nic({}), await nic({ ipv6CidrBlock: 'AUTO', ipv6Ips: null, dhcpv6: null })]
    assert.deepEqual(await ipv6(a), { ipv6CidrBlock: sub(0), ipv6Ips: [host(sub(0), '1')], dhcpv6: true })
    assert.deepEqual(await ipv6(b), { ipv6CidrBlock: sub(1), ipv6Ips: [host(sub(1), '1')], dhcpv6: null })
    // Canonical, in the order that is given.
    const given = [host(sub(7), 'F'), host(sub(7), '0A')]
    const c = await nic({ ipv6CidrBlock: sub(7), ipv6Ips: given, dhcpv6: false })
    assert.deepEqual(await ipv6(c), {
      ...{ ipv6CidrBlock: sub(7), ipv6Ips: [host(sub(7), 'f'), host(sub(7), 'a')], dhcpv6: false },
    })
    await ok('PATCH', c, { ipv6Ips: null, dhcpv6: null, name: 'c' })
    assert.equal((await ipv6(c)).ipv6Ips.length, 2)
    await ok('PATCH', c, { ipv6CidrBlock: sub(8) })
    assert.deepEqual((await ipv6(c)).ipv6Ips, [host(sub(8), '1'), host(sub(8), '2')])
    const whole = (await ok('GET', c)).body
    await ok('PUT', c, whole)
    assert.equal((await ok('GET', c)).body.metadata.etag, whole.metadata.etag)
    await ok('PATCH', c, { ipv6Ips: [] })
    assert.deepEqual((await ipv6(c)).ipv6Ips, [])
    await ok('PATCH', c, { ipv6Ips: given.map((ip) => ip.replace(':7::', ':8::')) })

    for (const [properties, code] of [
      [{ ipv6CidrBlock: sub(1) }, '200'],
      [{ ipv6CidrBlock: next.replace('/64', '/80') }, '200'],
      [{ ipv6CidrBlock: own }, '100'],
      [{ ipv6CidrBlock: 'x' }, '100'],
      [{ ipv6Ips: [host(sub(1), '1')] }, '200'],
      [{ ipv6Ips: ['x'] }, '100'],
      [{ ipv6Ips: Array.from({ length: 51 }, (_, index) => host(sub(8), (index + 1).toString(16))) }, '100'],
      [{ dhcpv6: 'maybe' }, '100'],
      [{ lan: Number(plain.body.id), ipv6CidrBlock: sub(9) }, '200'],
      [{ lan: Number(plain.body.id), dhcpv6: true }, '100'],
    ] as const)
      await refused(call('PATCH', c, properties), 422, code)
    assert.equal((await ipv6(c)).ipv6CidrBlock, sub(8))

    // To another LAN: as many new ones; to one without IPv6: none.
    await ok('PATCH', c, { lan: Number(other.body.id) })
    const there = next.replace('/64', '/80')
    assert.deepEqual(
      [(await ipv6(c)).ipv6CidrBlock, (await ipv6(c)).ipv6Ips],
      [there, [host(there, '1'), host(there, '2')]],
    )
    await ok('PATCH', c, { lan: Number(plain.body.id), dhcpv6: null })
    assert.deepEqual(await ipv6(c), none)

    // A trace knows them.
    const judged = async (source: string) => {
      const packet = {
        protocol: 'tcp',
        destination: host(sub(0), '1'),
        source,
        sourcePort: 1,
        destinationPort: 22,
      }
      return (await call('POST', '/v1/trace', { server: web, direction: 'ingress', packet })).body
    }
    await ok('PATCH', a, { firewallActive: true })
    await ok('POST', `${a}/firewallrules`, { properties: { protocol: 'TCP', sourceIp: own } })
    const inside = await judged(host(sub(1), '1'))
    assert.deepEqual([inside.action, inside.interface], ['allow', a.split('/').at(-1)])
    assert.equal((await judged(host(there, '1'))).action, 'deny')

    // Off for the LAN is off for its NICs, and on again gives each a block and an address.
    await ok('PATCH', `${zone}/lans/${lan.body.id}`, { ipv6CidrBlock: null })
    for (const path of [a, b]) assert.deepEqual(await ipv6(path), none)
    assert.equal((await ok('GET', a)).body.properties.ips.length, 1)
    await ok('PATCH', `${zone}/lans/${lan.body.id}`, { ipv6CidrBlock: 'AUTO' })
    const shared = await Promise.all([a, b].map(ipv6))
    assert.deepEqual(
      shared.map(({ ipv6Ips, dhcpv6 }) => [ipv6Ips.length, dhcpv6]),
      [
        [1, null],
        [1, null],
      ],
    )
    assert.notEqual(shared[0]?.ipv6CidrBlock, shared[1]?.ipv6CidrBlock)
    await ok('DELETE', zone)
  })

  test('a datacenter has no more than 256 LANs with IPv6; one that an inventory names gets its /56 with the first', async () => {
    assert.equal(await block(dc), null)
    const lan = await ok('POST', `${dc}/lans`, { properties: { ipv6CidrBlock: 'AUTO' } })
    const own = await block(dc)
    assert.match(own, /::\/56$/)
    assert.equal(await block(`${dc}/lans/${lan.body.id}`), own.replace('/56', '/64'))
    await ok('DELETE', `${dc}/lans/${lan.body.id}`)
    assert.equal(await block(dc), own)
    // The second of 10 NICs of one server, and the NICs of two servers that are made at once, share no block.
    const zone = await datacenter()
    const { id } = (await ok('POST', `${zone}/lans`, { properties: { ipv6CidrBlock: 'AUTO' } })).body
    const many = { nics: { items: Array.from({ length: 4 }, () => ({ properties: { lan: Number(id) } })) } }
    const two = await Promise.all(
      [1, 2].map(() => ok('POST', `${zone}/servers?depth=3`, { ...server(), entities: many })),
    )
    assert.ok(two.every(({ body }) => body.entities.nics.items.length === 4))
    const listed = (await ok('GET', `${zone}/lans/${id}/nics?depth=1`)).body.items
    const blocks = listed.map(
      (each: { properties: { ipv6CidrBlock: string } }) => each.properties.ipv6CidrBlock,
    )
    const ips = listed.flatMap((each: { properties: { ips: string[] } }) => each.properties.ips)
    assert.deepEqual([new Set(blocks).size, new Set(ips).size], [8, 8])
    await ok('DELETE', zone)
  })

  test('a LAN that only NICs name, written back with them: the answer shows the IPv6 that they gain', async () => {
    const path = `${dc}/lans/2?depth=3`
    const { properties, entities } = (await ok('GET', path)).body
    const shown = ({ body }: Reply) =>
      body.entities.nics.items.map((nic: Reply['body']) => [nic.id, nic.properties.ipv6CidrBlock])
    assert.deepEqual(shown({ body: { entities } } as Reply), [[nics.second, null]])
    const put = { properties: { ...properties, ipv6CidrBlock: 'AUTO' }, entities }
    const changed = await ok('PUT', path, put)
    assert.deepEqual(shown(changed), shown(await ok('GET', path)))
    assert.match(shown(changed)[0][1], /\/80$/)
    await ok('PATCH', path, { ipv6CidrBlock: null })
  })

  test('what older versions kept as blocks is nobody’s: it is not shown, and gives nobody an address', async () => {
    const document = await service.storage.document('ionos', 'datacenter', datacenters.own)
    assert.ok(document)
    const { account, revision: ifRevision } = document
    const meta = { createdAt: 1, createdBy: 'x', modifiedAt: 1, modifiedBy: 'x' }
    const body = { name: 'old', ipv6CidrBlock: 'AUTO', ipv4CidrBlock: '192.0.2.0/24', meta }
    const lan = { account, profile: 'ionos', kind: 'lan', id: `${datacenters.own}/77`, body } as const
    const done = await service.storage.run(
      'changeZone',
      {
        ...{ account, profile: 'ionos', zone: datacenters.own, zoneKind: manifest.zoneKind, ifRevision },
        documents: { put: [lan] },
        event: { operation: 'seed', resource: 'document', id: lan.id, before: null, after: null },
      },
      { account, actor: 'test', dialect: 'ionos', requestId: '', at: 1 },
    )
    assert.ok(done.ok, JSON.stringify(done))
    const path = `${dc}/lans/77`
    const { ipv4CidrBlock, ipv6CidrBlock } = (await ok('GET', path)).body.properties
    assert.deepEqual([ipv4CidrBlock, ipv6CidrBlock], [null, null])
    const nic = `${cube}/nics/${(await ok('POST', `${cube}/nics`, { properties: { lan: 77 } })).body.id}`
    const { properties } = (await ok('GET', nic)).body
    assert.deepEqual([properties.ipv6CidrBlock, properties.ips[0].startsWith('192.0.2.')], [null, false])
    await ok('PATCH', path, { ipv6CidrBlock: 'AUTO' })
    assert.equal((await ipv6(nic)).ipv6Ips.length, 1)
    await ok('DELETE', nic)
    await ok('DELETE', path)
  })

  test('8: a private LAN has a network, from which its NICs have their addresses; a public one has none', async () => {
    const zone = await datacenter()
    const lan = async (properties: object) => {
      const { id } = (await ok('POST', `${zone}/lans`, { properties })).body
      return (await ok('GET', `${zone}/lans/${id}`)).body
    }
    const [inner, other, outer] = [await lan({}), await lan({ public: false }), await lan({ public: true })]
    const network = inner.properties.ipv4CidrBlock
    assert.match(network, /^\d+\.\d+\.\d+\.0\/24$/)
    assert.notEqual(network, other.properties.ipv4CidrBlock)
    assert.equal(outer.properties.ipv4CidrBlock, null)
    const start = network.replace(/0\/24$/, '')
    const web = await ok('POST', `${zone}/servers?depth=3`, server({ lan: Number(inner.id) }))
    const [nic] = web.body.entities.nics.items
    const path = `${zone}/servers/${web.body.id}/nics/${nic.id}`
    const ips = async (): Promise<string[]> => (await ok('GET', path)).body.properties.ips
    assert.ok((await ips())[0]?.startsWith(start), String(await ips()))
    await ok('PATCH', path, { lan: Number(other.id) })
    assert.ok((await ips())[0]?.startsWith(other.properties.ipv4CidrBlock.replace(/0\/24$/, '')))
    assert.equal((await ips()).length, 1)
    // Those that the client chooses are taken as they are, and a LAN that a NIC makes has a network, too.
    await ok('PATCH', path, { lan: 9, ips: ['172.16.0.5'] })
    assert.deepEqual(await ips(), ['172.16.0.5'])
    assert.match((await ok('GET', `${zone}/lans/9`)).body.properties.ipv4CidrBlock, /\/24$/)
    const own = `${zone}/lans/${inner.id}`
    await ok('PATCH', own, { name: 'renamed', ipv4CidrBlock: network })
    for (const ipv4CidrBlock of ['10.0.0.0/24', 'AUTO', other.properties.ipv4CidrBlock]) {
      await refused(call('PATCH', own, { ipv4CidrBlock }), 422, '100', /not allowed in update requests/)
      await refused(
        call('POST', `${zone}/lans`, { properties: { ipv4CidrBlock } }),
        422,
        '100',
        /not allowed/,
      )
    }
    await ok('PATCH', own, { public: true })
    assert.equal((await ok('GET', own)).body.properties.ipv4CidrBlock, null)
    await ok('PATCH', own, { public: false })
    assert.equal((await ok('GET', own)).body.properties.ipv4CidrBlock, network)
    await ok('DELETE', zone)
  })
})

onBothStores('IONOS Cloud, a pool that is used up', (start) => {
  test('5: a block that is larger than what is left reserves nothing, and says how much is', async () => {
    const pools = [
      { kind: 'public-ipv4', profile: 'ionos', zone: 'de/txl', prefixes: ['203.0.113.0/29'] },
      { kind: 'public-ipv4', profile: 'ionos', prefixes: ['203.0.113.128/29'] },
    ]
    const service = await start({ addresses: JSON.stringify({ quarantine: '0', pools }) })
    try {
      const reserve = (size: number, location = 'de/txl') =>
        service.call('POST', `${base}/ipblocks`, { properties: { location, size } })
      const first = await reserve(5)
      assert.equal(first.status, 202, first.text)
      const refused = await reserve(2)
      assert.deepEqual([refused.status, refused.body.messages[0].errorCode], [422, '200'])
      assert.match(refused.body.messages[0].message, /\b1\b/)
      assert.equal((await service.call('GET', `${base}/ipblocks`)).body.items.length, 1)
      // Nothing was set aside either.
      assert.equal((await reserve(1)).status, 202)
      assert.equal((await reserve(1)).status, 422)
      // Another location has another pool.
      assert.equal((await reserve(6, 'de/fra')).status, 202)
      assert.equal((await service.call('DELETE', `${base}/ipblocks/${first.body.id}`)).status, 202)
      const again = await reserve(5)
      assert.deepEqual([again.status, again.body.properties?.ips], [202, first.body.properties.ips])
    } finally {
      await service.close()
    }
  })
})

onBothStores('IONOS Cloud, requests that are refused', (start) => {
  let service: TestService
  const pools = [
    { kind: 'public-ipv4', prefixes: ['203.0.113.0/29'] },
    { kind: 'lan-ipv4', prefixes: ['10.64.0.0/16'] },
    { kind: 'datacenter-ipv6', prefixes: ['fd00:1::/48'] },
  ]
  before(async () => {
    service = await start({ addresses: JSON.stringify({ quarantine: '0', pools }) })
  })
  after(() => service.close())
  const create = async (path: string, properties: object, headers?: Record<string, string>) => {
    const made = await service.call('POST', path, { properties }, headers)
    assert.equal(made.status, 202, made.text)
    return made.body
  }
  const inUse = async () =>
    (await service.services.addresses.use(0)).flatMap(({ name, held }) => (held > 0 ? [[name, held]] : []))

  test('none of their addresses and blocks is set aside', async () => {
    const made = await create(`${base}/datacenters`, { name: 'net', location: 'de/txl' })
    const zone = `${base}/datacenters/${made.id}`
    const lan = Number((await create(`${zone}/lans`, { public: true })).id)
    const theirs = await create(`${base}/ipblocks`, { location: 'de/txl', size: 1 }, credentials.foreign)
    const [reserved] = theirs.properties.ips
    const foreign = await create(`${base}/datacenters`, { location: 'de/txl' }, credentials.foreign)
    const path = `${base}/datacenters/${foreign.id}`
    const { ipv6CidrBlock } = (await service.call('GET', path, undefined, credentials.foreign)).body
      .properties
    const server = { name: 'web', cores: 1, ram: 1024 }
    const refusals: Record<string, readonly object[]> = {
      'a block without one around it': [{ lan }, { lan: 77, ipv6CidrBlock: 'fd00::/80' }],
      'DHCPv6 without IPv6': [{ lan }, { lan: 77 }, { lan: 78, dhcpv6: true }],
      'more than the pool has left': Array.from({ length: 6 }, () => ({ lan })),
      'another contract’s address': [{ lan }, { lan: 77 }, { lan, ips: [reserved] }],
      'another contract’s IPv6': [{ lan }, { lan: 77, ipv6Ips: [ipv6CidrBlock.replace('/56', '1')] }],
    }
    const before = await inUse()
    for (const [what, nics] of Object.entries(refusals)) {
      const entities = { nics: { items: nics.map((properties) => ({ properties })) } }
      const answer = await service.call('POST', `${zone}/servers`, { properties: server, entities })
      assert.equal(answer.status, 422, `${what}: ${answer.text}`)
      assert.deepEqual(await inUse(), before, what)
    }
    const properties = { location: 'de/txl', defaultSecurityGroupId: unknown }
    assert.equal((await service.call('POST', `${base}/datacenters`, { properties })).status, 422)
    assert.deepEqual(await inUse(), before)
    const { body } = await service.call('GET', `${zone}/lans`)
    assert.deepEqual(
      body.items.map(({ id }: { id: string }) => id),
      [String(lan)],
    )
    assert.deepEqual((await service.call('GET', `${zone}/servers`)).body.items, [])
  })

  test('a label has no key that leads elsewhere in a path', async () => {
    const refusedKeys = ['.', '..']
    for (const holder of [dc, cube]) {
      for (const key of [...refusedKeys, '...', '.a']) {
        const answer = await service.call('POST', `${holder}/labels`, { properties: { key, value: '..' } })
        assert.equal(answer.status, refusedKeys.includes(key) ? 422 : 201, `${key}: ${answer.text}`)
        if (answer.status === 201)
          assert.equal((await service.call('DELETE', `${holder}/labels/${key}`)).status, 200)
      }
      assert.deepEqual((await service.call('GET', `${holder}/labels`)).body.items, [])
    }
  })

  test('an id that is no id is not repeated at length', async () => {
    const entities = { volumes: { items: [{ id: 'x'.repeat(100_000) }] } }
    const properties = { cores: 1, ram: 1024 }
    const answer = await service.call('POST', `${dc}/servers`, { properties, entities })
    assert.deepEqual([answer.status, answer.body.messages[0].errorCode], [422, '200'])
    assert.ok(answer.text.length < 1000, `${answer.text.length} characters`)
  })
})
