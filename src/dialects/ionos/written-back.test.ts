/** Read, then written back unchanged: every resource, at every depth, is accepted, keeps every id, and gets no new revision. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { datacenters, nics, onBothStores, servers, type TestService } from '../../../test/support/service.ts'

const dc = `/cloudapi/v6/datacenters/${datacenters.own}`
const server = `${dc}/servers/${servers.cube}`
const nic = `${server}/nics/${nics.cube}`

onBothStores('IONOS Cloud, read and written back', (start) => {
  let service: TestService
  /** Paths of one of each resource. */
  const paths: Record<string, string> = {}
  before(async () => {
    service = await start()
    const tcp = { protocol: 'TCP', portRangeStart: 22, portRangeEnd: 22 }
    const rules = [
      { ...tcp, name: 'first', sourceMac: '00:0A:95:9D:68:16' },
      { protocol: 'ANY', ipVersion: 'IPv6' },
      { protocol: 'ICMP', icmpType: 8, icmpCode: 0, sourceIp: '10.0.0.5/24', type: 'EGRESS' },
    ].map((properties) => ({ properties }))
    const group = await make(`${dc}/securitygroups`, {
      properties: { name: 'web', description: 'x' },
      entities: { rules: { items: rules } },
    })
    paths.group = `${dc}/securitygroups/${group.id}`
    const [own] = (await read(`${paths.group}?depth=1`)).entities.rules.items
    paths['rule of a group'] = `${paths.group}/rules/${own.id}`
    const ofNic = await make(`${nic}/firewallrules`, { properties: { ...tcp, sourceIp: '2001:DB8::1' } })
    paths['rule of a NIC'] = `${nic}/firewallrules/${ofNic.id}`
    const made = await make(`${dc}/servers?depth=4`, {
      properties: { name: 'made', cores: 1, ram: 1024, bootCdrom: { id: nics.cube } },
      entities: {
        nics: {
          items: [
            {
              properties: { lan: 7, ips: ['10.0.0.7'], ipv6Ips: ['2001:DB8::7'] },
              entities: {
                flowlogs: {
                  items: [{ properties: { name: 'f', action: 'ALL', direction: 'EGRESS', bucket: 'b' } }],
                },
              },
            },
          ],
        },
        volumes: { items: [{ properties: { name: 'disk', size: 10, licenceType: 'other' } }] },
      },
    })
    const at = `${dc}/servers/${made.id}`
    const [flowLog] = made.entities.nics.items[0].entities.flowlogs.items
    const six = await make(`${dc}/lans`, { properties: { name: 'six', ipv6CidrBlock: 'AUTO' } })
    const nicOfSix = await make(`${at}/nics`, { properties: { lan: Number(six.id), dhcpv6: false } })
    const reserved = await make('/cloudapi/v6/ipblocks', { properties: { location: 'de/txl', size: 2 } })
    Object.assign(paths, {
      datacenter: dc,
      server,
      NIC: nic,
      'server that was made': at,
      'NIC that was made': `${at}/nics/${made.entities.nics.items[0].id}`,
      volume: `${dc}/volumes/${made.entities.volumes.items[0].id}`,
      LAN: `${dc}/lans/7`,
      'LAN with IPv6': `${dc}/lans/${six.id}`,
      'NIC with IPv6': `${at}/nics/${nicOfSix.id}`,
      'IP block': `/cloudapi/v6/ipblocks/${reserved.id}`,
      'flow log': `${at}/nics/${made.entities.nics.items[0].id}/flowlogs/${flowLog.id}`,
      'LAN of an inventory': `${dc}/lans/1`,
    })
    for (const each of [server, nic, at]) await write('PUT', `${each}/securitygroups`, { ids: [group.id] })
    await write('PATCH', dc, { defaultSecurityGroupId: group.id })
  })
  after(() => service.close())

  const read = async (path: string) => (await service.call('GET', path)).body
  const make = (path: string, body: object) => write('POST', path, body)
  async function write(method: string, path: string, body: object) {
    const answer = await service.call(method, path, body)
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`)
    const location = answer.headers.get('location') ?? ''
    assert.equal((await read(location.slice(service.url.length))).metadata.status, 'DONE')
    return answer.body
  }
  /** Everything there is, with every etag and version. */
  const all = async () => (await service.call('GET', `${dc}?depth=10`)).text

  for (const resource of [
    ...['datacenter', 'server', 'NIC', 'LAN', 'group', 'rule of a group', 'rule of a NIC', 'volume'],
    ...['server that was made', 'NIC that was made', 'LAN of an inventory'],
    ...['LAN with IPv6', 'NIC with IPv6', 'IP block', 'flow log'],
  ]) {
    test(resource, async () => {
      const path = paths[resource] ?? ''
      const before = await all()
      for (const depth of [0, 1, 2, 3, 4, 5, 10]) {
        const body = await read(`${path}?depth=${depth}`)
        const answered = await write('PUT', path, body)
        assert.deepEqual(answered.properties, body.properties)
        assert.equal(answered.metadata.etag, body.metadata.etag)
        await write('PATCH', path, body.properties)
        assert.equal(await all(), before, `at depth ${depth}`)
      }
    })
  }

  test('lists of attached groups', async () => {
    const before = await all()
    for (const each of [server, nic]) {
      const { items } = (await read(`${each}?depth=1`)).entities.securitygroups
      await write('PUT', `${each}/securitygroups`, { ids: items.map(({ id }: { id: string }) => id) })
    }
    assert.equal(await all(), before)
  })

  test('a group that is written back with one rule changed keeps the ids and stamps of the others', async () => {
    const path = paths.group ?? ''
    const old = await read(`${path}?depth=2`)
    const [first, second, third] = old.entities.rules.items
    const edited = { ...first, properties: { ...first.properties, name: 'other' } }
    const fresh = { properties: { protocol: 'UDP' } }
    const items = [edited, second, fresh, third]
    await write('PUT', path, { ...old, entities: { ...old.entities, rules: { items } } })
    const [a, b, c, d] = (await read(`${path}?depth=2`)).entities.rules.items
    assert.deepEqual([a.id, b, d], [first.id, second, third])
    assert.equal(a.properties.name, 'other')
    assert.notEqual(a.metadata.etag, first.metadata.etag)
    assert.ok(![first.id, second.id, third.id].includes(c.id))
    // A rule of another place is none of this group's: it is made anew.
    const [, nicRule] = (paths['rule of a NIC'] ?? '').split('/firewallrules/')
    const stolen = { id: nicRule, properties: { protocol: 'TCP' } }
    await write('PUT', path, { properties: {}, entities: { rules: { items: [stolen] } } })
    const [only, ...rest] = (await read(`${path}?depth=2`)).entities.rules.items
    assert.deepEqual([only.id === nicRule, rest], [false, []])
    paths['rule of a group'] = `${path}/rules/${only.id}`
    const twice = { entities: { rules: { items: [only, only] } }, properties: {} }
    assert.equal((await service.call('PUT', path, twice)).status, 422)
    assert.equal((await read(paths['rule of a NIC'] ?? '')).id, nicRule)
  })

  test('what a call does not write is refused by name, and not silently left out', async () => {
    const before = await all()
    const group = { id: (paths.group ?? '').split('/').at(-1) }
    const rule = { properties: { protocol: 'TCP' } }
    const nested = (name: string, item: object) => ({ entities: { [name]: { items: [item] } } })
    const name = { name: 'n', cores: 1, ram: 1024, lan: 1, location: 'de/txl' }
    for (const [method, path, body, field] of [
      ['PUT', nic, nested('firewallrules', rule), 'entities.firewallrules.items.[0]'],
      [
        'PUT',
        server,
        nested('nics', { id: nics.cube, ...nested('firewallrules', rule) }),
        'entities.nics.items.[0].entities.firewallrules.items.[0]',
      ],
      [
        'PUT',
        server,
        nested('nics', { id: nics.cube, properties: { firewallActive: false } }),
        'entities.nics.items.[0]',
      ],
      ['PUT', server, nested('securitygroups', { id: nics.cube }), 'entities.securitygroups.items.[0]'],
      ['PUT', paths.group ?? '', nested('nics', { id: nics.second }), 'entities.nics.items.[0]'],
      ['POST', `${dc}/securitygroups`, nested('servers', { id: servers.cube }), 'entities.servers.items.[0]'],
      ['POST', `${dc}/servers`, nested('securitygroups', group), 'entities.securitygroups.items.[0]'],
      [
        'POST',
        `${dc}/servers`,
        nested('nics', { properties: { lan: 1 }, ...nested('securitygroups', group) }),
        'entities.nics.items.[0].entities.securitygroups.items.[0]',
      ],
      ['POST', `${server}/nics`, nested('securitygroups', group), 'entities.securitygroups.items.[0]'],
      [
        'POST',
        '/cloudapi/v6/datacenters',
        nested('securitygroups', { properties: name }),
        'entities.securitygroups.items.[0]',
      ],
      ['PUT', nic, { firewallActive: true }, 'firewallActive'],
      [
        'POST',
        `${server}/nics`,
        { entities: { firewallRules: { items: [rule] } } },
        'entities.firewallRules',
      ],
      ['POST', `${nic}/firewallrules`, { ...rule, sourceIp: '192.0.2.1' }, 'sourceIp'],
      ['POST', `${nic}/firewallrules`, { ...rule, Properties: {}, enabled: false }, 'enabled'],
      [
        'PUT',
        paths.group ?? '',
        nested('rules', { ...rule, type: 'x', targetIp: '::' }),
        'entities.rules.items.[0].targetIp',
      ],
    ] as const) {
      const { status, text } = await service.call(method, path, {
        properties: method === 'POST' ? name : {},
        ...body,
      })
      assert.equal(status, 422, `${method} ${path} ${field}: ${text}`)
      assert.ok(text.includes(`[(root).${field}]`), text)
    }
    for (const [path, key] of [
      [nic, 'firewallRules'],
      [nic, 'securityGroupIds'],
      [server, 'firewallActive'],
      [dc, 'firewallActive'],
      [paths['rule of a NIC'], 'sourcePort'],
      [paths['rule of a group'], 'action'],
      [paths['rule of a group'], 'destinationIp'],
      ...['enabled', 'disabled', 'active', 'Type', 'remote', 'subnet'].map(
        (key) => [paths['rule of a NIC'], key] as const,
      ),
      ...['stateful', 'defaultAction', 'enabled', 'rules', 'servers', 'nics'].map(
        (key) => [paths.group, key] as const,
      ),
      [nic, 'security'],
      [nic, 'entities'],
    ] as const) {
      const { status, text } = await service.call('PATCH', path ?? '', { [key]: 'x' })
      assert.equal(status, 422, `${path} ${key}: ${text}`)
      assert.ok(text.includes(`[(root).${key}]`), text)
    }
    const { status, text } = await service.call('PATCH', dc, { secAuthProtection: true })
    assert.equal(status, 422, text)
    assert.equal(await all(), before)
  })
})
