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

const base = '/cloudapi/v6'
const dc = `${base}/datacenters/${datacenters.own}`
const cube = `${dc}/servers/${servers.cube}`
const unknown = '00000000-0000-4000-8000-00000000dead'

onBothStores('IONOS Cloud, around firewalls', (start) => {
  let service: TestService
  before(async () => {
    service = await start()
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
})
