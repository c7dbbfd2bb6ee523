/** The paths around a server: restarts, addresses, storages, tags, networks and what can be looked up (contract: upcloud-more §3, §4). */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  credentials,
  onBothStores,
  type Reply,
  servers,
  startService,
  type TestService,
} from '../../../test/support/service.ts'

const wanted = { title: 'x', hostname: 'x.example.com', zone: 'fi-hel1' }
const web = `/1.3/server/${servers.web}`
const drop = { firewall_rule: { direction: 'in', action: 'drop' } }

/** Status and code of a refusal, or the status alone. */
const said = async (answer: Promise<Reply>) => {
  const { status, body } = await answer
  return [status, body?.error?.error_code].filter((each) => each !== undefined).join(' ')
}

onBothStores('UpCloud, around a server', (start) => {
  let service: TestService
  before(async () => {
    service = await start()
  })
  after(() => service.close())

  const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    service.call(method, path, body, headers)
  const get = (path: string) => call('GET', path)
  const create = (more: object = {}, path = '/1.3/server') =>
    call('POST', path, { server: { ...wanted, ...more } })
  const made = async (more: object = {}) => {
    const answer = await create(more)
    assert.equal(answer.status, 202, answer.text)
    return answer.body.server
  }

  test('34. the private firewall is no attribute of a new server, and nothing is switched in silence', async () => {
    for (const [key, value] of [
      ['firewall_private', 'off'],
      ['firewall_private', 'on'],
      ['firewall_private_default_incoming_action', 'accept'],
      ['firewall_private_default_outgoing_action', 'drop'],
      ['firewall_public_default_incoming_action', 'accept'],
      ['firewall_public_default_outgoing_action', 'drop'],
    ] as const) {
      assert.equal(await said(create({ [key]: value })), '400 UNKNOWN_ATTRIBUTE', key)
      const change = await said(call('PUT', web, { server: { [key]: value } }))
      assert.equal(change, `400 ${key.toUpperCase()}_INVALID`)
    }
  })

  const family = (...families: string[]) => ({
    ip_addresses: { ip_address: families.map((each) => ({ access: 'public', family: each })) },
  })
  const kinds = (server: {
    networking: { interfaces: { interface: { index: number; type: string; ip_addresses: unknown }[] } }
  }) =>
    server.networking.interfaces.interface.map(({ index, type, ip_addresses }) => {
      const { ip_address: addresses } = ip_addresses as { ip_address: { family: string }[] }
      return `${index} ${type} ${addresses.map((each) => each.family).join()}`
    })

  test('36. a server that cannot have all its addresses leaves those there are to others', async () => {
    const service = await start({
      addresses: 'pools: [ { kind: public-ipv4, prefixes: [198.51.100.0/30] } ]',
    })
    const order = (...families: string[]) =>
      service.call('POST', '/1.3/server', { server: { ...wanted, ...family(...families) } })
    try {
      const refused = await order('IPv4', 'IPv4', 'IPv4')
      assert.equal(refused.status, 409, refused.text)
      assert.match(refused.body.error.error_message, /has 2 free addresses/)
      assert.equal(await said(order('IPv6', 'IPv4', 'IPv4')), '202')
      assert.equal(await said(order('IPv4')), '409 IP_ADDRESS_RESOURCES_UNAVAILABLE')
    } finally {
      await service.close()
    }
  })

  test('38. a disk is attached once, in its zone, and no clone is smaller than its template', async () => {
    const order = (...devices: object[]) => create({ storage_devices: { storage_device: devices } })
    const server = await made({
      ...{ zone: 'de-fra1', storage_devices: { storage_device: [{ action: 'create', size: 10 }] } },
    })
    const { storage } = server.storage_devices.storage_device[0]
    assert.equal(await said(call('POST', `/1.3/server/${server.uuid}/stop`)), '200')
    assert.equal(await said(call('DELETE', `/1.3/server/${server.uuid}`)), '204')
    const attach = { action: 'attach', storage }
    const elsewhere = await order(attach)
    assert.match(elsewhere.body.error.error_message, /another zone/)
    const twice = { storage_device: [attach, { ...attach, storage: storage.toUpperCase() }] }
    const again = await create({ zone: 'de-fra1', storage_devices: twice })
    assert.match(again.body.error.error_message, /more than once/)
    assert.equal(
      await said(create({ zone: 'de-fra1', storage_devices: { storage_device: [attach] } })),
      '202',
    )
    const [template] = (await get('/1.3/storage/template')).body.storages.storage
    const clone = { action: 'clone', storage: template.uuid, size: template.size - 1 }
    assert.equal(await said(order(clone)), '400 SIZE_INVALID')
    assert.equal(await said(order({ ...clone, size: template.size })), '202')
  })

  test('ids and numbers that are objects or lists are refused, not read as texts', async () => {
    for (const id of [{ toString: 1 }, [servers.web], 1, null]) {
      const answer = await said(call('POST', '/1.3/tag', { tag: { name: 'x', servers: { server: [id] } } }))
      assert.equal(answer, '400 SERVERS_INVALID', JSON.stringify(id))
    }
    for (const index of [{ toString: 1 }, [1]]) {
      const interfaces = { interface: [{ index, source_ip_filtering: 'yes' }] }
      const answer = await said(call('PUT', web, { server: { networking: { interfaces } } }))
      assert.equal(answer, '400 SOURCE_IP_FILTERING_INVALID', JSON.stringify(index))
    }
  })

  test('36. UP2: ip_addresses asks for one interface each, in order, and for nothing else', async () => {
    const one = await made(family('IPv6'))
    assert.deepEqual(kinds(one), ['1 public IPv6'])
    assert.equal(one.ip_addresses.ip_address.length, 1)
    const read = (await get(`/1.3/server/${one.uuid}`)).body.server
    assert.deepEqual(read.ip_addresses, one.ip_addresses)
    const mixed = {
      ip_address: [{ access: 'private' }, {}, { family: 'IPv6' }, { access: 'utility', family: 'IPv4' }],
    }
    assert.equal(await said(create({ ip_addresses: mixed })), '409 SERVER_IP_LIMIT_REACHED')
    const three = await made({ ip_addresses: { ip_address: mixed.ip_address.slice(0, 3) } })
    assert.deepEqual(kinds(three), ['1 utility IPv4', '2 public IPv4', '3 public IPv6'])
    assert.equal(
      (await made(family(...new Array(5).fill('IPv4'), ...new Array(5).fill('IPv6')))).state,
      'maintenance',
    )
    assert.equal(await said(create(family(...new Array(6).fill('IPv6')))), '409 SERVER_IP_LIMIT_REACHED')
    const usual = ['1 utility IPv4', '2 public IPv4', '3 public IPv6']
    for (const ip_addresses of [null, '', {}, { ip_address: [] }, { ip_address: null }]) {
      assert.deepEqual(kinds(await made({ ip_addresses })), usual, JSON.stringify(ip_addresses))
    }
    // An address of one's own choice is not to be had; an interface asked for by itself wins.
    assert.notEqual(
      (await made({ ip_addresses: { ip_address: [{ address: '192.0.2.10' }] } })).ip_addresses.ip_address[0]
        .address,
      '192.0.2.10',
    )
    const networking = {
      interfaces: { interface: [{ type: 'public', ip_addresses: { ip_address: [{ family: 'IPv4' }] } }] },
    }
    assert.deepEqual(kinds(await made({ ...family('IPv6'), networking })), ['1 public IPv4'])
    for (const [ip_addresses, code] of [
      [[], 'IP_ADDRESS_INVALID'],
      [true, 'IP_ADDRESS_INVALID'],
      [{ ip_address: {} }, 'IP_ADDRESS_INVALID'],
      [{ ip_address: [1] }, 'IP_ADDRESS_INVALID'],
      [{ ip_address: [{ access: 'secret' }] }, 'IP_ADDRESS_INVALID'],
      [{ ip_address: [{ family: 'ipv6' }] }, 'IP_ADDRESS_INVALID'],
      [{ ip_address: [{ access: 'utility', family: 'IPv6' }] }, 'IP_ADDRESS_INVALID'],
      [{ ip_address: [{ access: ['public'] }] }, 'IP_ADDRESS_INVALID'],
      [{ ip_address: [{ firewall: 'on' }] }, 'UNKNOWN_ATTRIBUTE'],
    ] as const) {
      assert.equal(await said(create({ ip_addresses })), `400 ${code}`, JSON.stringify(ip_addresses))
    }
  })

  test('36. /1.2 calls the utility network private, in every answer about addresses', async () => {
    const { body } = await create({ ip_addresses: { ip_address: [{ access: 'private' }] } }, '/1.2/server')
    const { uuid, ip_addresses } = body.server
    const [{ address, access }] = ip_addresses.ip_address
    assert.equal(access, 'private')
    const accessAt = async (version: string) => {
      const one = await get(`/${version}/ip_address/${address}`)
      const all = await get(`/${version}/ip_address`)
      const server = await get(`/${version}/server/${uuid}`)
      const listed = all.body.ip_addresses.ip_address.find(
        (each: { address: string }) => each.address === address,
      )
      return [one.body.ip_address.access, listed.access, server.body.server.ip_addresses.ip_address[0].access]
    }
    assert.deepEqual(await accessAt('1.2'), ['private', 'private', 'private'])
    assert.deepEqual(await accessAt('1.3'), ['utility', 'utility', 'utility'])
  })

  test('37. UP4, UP5: time zones, sizes and one’s own account', async () => {
    const zones = (await get('/1.3/timezone')).body.timezones.timezone
    assert.equal(zones.at(-1), 'UTC')
    assert.equal(new Set(zones).size, zones.length)
    for (const zone of ['Africa/Abidjan', 'Pacific/Wallis']) assert.ok(zones.includes(zone), zone)
    const sizes = (await get('/1.3/server_size')).body.server_sizes.server_size
    assert.equal(sizes.length, 2560)
    assert.deepEqual(
      [sizes[0], sizes[127], sizes[128], sizes[2559]],
      [
        { core_number: '1', memory_amount: '1024' },
        { core_number: '1', memory_amount: '131072' },
        { core_number: '2', memory_amount: '1024' },
        { core_number: '20', memory_amount: '131072' },
      ],
    )
    const { username } = (await get('/1.3/account')).body.account
    const { account } = (await get(`/1.3/account/details/${username}`)).body
    assert.deepEqual(
      [account.username, account.main_account, account.currency, account.type],
      [username, username, 'EUR', 'main'],
    )
    for (const name of ['other', 'nobody', 'ACME', '%00', 'x'.repeat(1000)]) {
      assert.equal(await said(get(`/1.3/account/details/${name}`)), '404 USER_NOT_FOUND', name)
    }
    const { body } = await call('GET', '/1.3/account/details/acme', undefined, credentials.password)
    assert.equal(body.account.username, 'acme')
    assert.equal(
      await said(call('GET', '/1.3/account/details/acme', undefined, credentials.foreign)),
      '404 USER_NOT_FOUND',
    )
    assert.equal(await said(get('/1.3/price')), '404 NOT_FOUND')
  })

  test('37. UP3: every plan is listed, those without storage have no tier', async () => {
    const { plan: plans } = (await get('/1.3/plan')).body.plans as { plan: Record<string, unknown>[] }
    const families = Map.groupBy(plans, ({ name }) => /^[A-Z]+-/.exec(String(name))?.[0] ?? '')
    const counts = [...families].map(([family, members]) => [family, members.length])
    // 81 of April 2025, and two of 2020.
    assert.deepEqual(Object.fromEntries(counts), {
      '': 17,
      'DEV-': 7,
      'HIMEM-': 9,
      'HICPU-': 8,
      'CLOUDNATIVE-': 42,
    })
    const find = (wanted: string) => plans.find(({ name }) => name === wanted)
    assert.deepEqual(find('CLOUDNATIVE-80xCPU-512GB'), {
      ...{ core_number: 80, memory_amount: 524_288, name: 'CLOUDNATIVE-80xCPU-512GB' },
      ...{ public_traffic_out: 102_400, storage_size: 0, storage_tier: null },
    })
    assert.deepEqual(find('DEV-1xCPU-1GB-10GB'), {
      ...{ core_number: 1, memory_amount: 1024, name: 'DEV-1xCPU-1GB-10GB' },
      ...{ public_traffic_out: 1024, storage_size: 10, storage_tier: 'standard' },
    })
    for (const name of ['20xCPU-128GB', '80xCPU-512GB', 'HIMEM-24xCPU-512GB', 'HICPU-64xCPU-128GB']) {
      assert.equal(find(name)?.storage_tier, 'maxiops', name)
    }
    // The tier of a disk is its plan's when it is made, and stays when the plan changes.
    const tier = (server: { storage_devices: { storage_device: { storage_tier: string }[] } }) =>
      server.storage_devices.storage_device.map(({ storage_tier }) => storage_tier)
    const dev = await made({ plan: 'DEV-1xCPU-1GB', ...disks({ ...disk }, { ...disk, tier: 'hdd' }) })
    assert.deepEqual(tier(dev), ['standard', 'hdd'])
    const changed = await call('PUT', `/1.3/server/${dev.uuid}`, { server: { plan: '1xCPU-1GB' } })
    assert.deepEqual(
      [changed.body.server.plan, tier(changed.body.server)],
      ['1xCPU-1GB', ['standard', 'hdd']],
    )
    assert.deepEqual(tier(await made({ plan: 'CLOUDNATIVE-1xCPU-4GB', ...disks(disk) })), ['maxiops'])
  })

  const disks = (...list: object[]) => ({ storage_devices: { storage_device: list } })
  const disk = { action: 'create', size: 10, title: 'disk' }
  const rule = { interval: 'daily', time: '0430', retention: '30' }

  test('38. UP6: a storage is changed, with numbers in either spelling, and the server tells the same', async () => {
    const server = await made(disks({ ...disk, labels: [{ key: 'a', value: 'b' }] }))
    const [{ storage }] = server.storage_devices.storage_device
    const path = `/1.3/storage/${storage}`
    const put = (change: object, at = path) => call('PUT', at, { storage: change })
    const before = (await get(path)).body.storage
    assert.deepEqual([before.backup_rule, before.labels], [{}, [{ key: 'a', value: 'b' }]])
    const changed = await put({ size: '20', title: 'other', backup_rule: rule, labels: [] })
    assert.equal(changed.status, 202, changed.text)
    assert.deepEqual(changed.body.storage, {
      ...before,
      size: 20,
      title: 'other',
      backup_rule: rule,
      labels: [],
    })
    assert.deepEqual((await get(path)).body, changed.body)
    const { server: shown } = (await get(`/1.3/server/${server.uuid}`)).body
    const [{ storage_size, storage_title }] = shown.storage_devices.storage_device
    assert.deepEqual([storage_size, storage_title], [20, 'other'])
    assert.deepEqual((await put({ backup_rule: {} })).body.storage.backup_rule, {})
    assert.equal((await put({ size: 25 })).body.storage.size, 25)
    // As it was read, and nothing at all: accepted, and nothing changes.
    const now = (await get(path)).text
    for (const same of [JSON.parse(now).storage, {}, { title: null, size: '' }])
      assert.equal((await put(same)).status, 202)
    assert.equal((await get(path)).text, now)
    assert.equal((await put({ title: 'upper' }, `/1.3/storage/${storage.toUpperCase()}`)).status, 202)
    for (const [change, code] of [
      [{ size: 24 }, 'SIZE_INVALID'],
      [{ size: '24.5' }, 'SIZE_INVALID'],
      [{ size: true }, 'SIZE_INVALID'],
      [{ size: [30] }, 'SIZE_INVALID'],
      [{ size: 4097 }, 'SIZE_INVALID'],
      [{ title: 5 }, 'STORAGE_TITLE_INVALID'],
      [{ title: 'x'.repeat(256) }, 'STORAGE_TITLE_INVALID'],
      [{ labels: [{ value: 'x' }] }, 'LABELS_INVALID'],
      [{ backup_rule: [] }, 'BACKUP_RULE_INVALID'],
      [{ backup_rule: { ...rule, interval: 'hourly' } }, 'INTERVAL_INVALID'],
      [{ backup_rule: { ...rule, time: '2460' } }, 'TIME_INVALID'],
      [{ backup_rule: { ...rule, time: 430 } }, 'TIME_INVALID'],
      [{ backup_rule: { ...rule, retention: '0' } }, 'RETENTION_INVALID'],
      [{ backup_rule: { interval: 'daily', time: '0430' } }, 'RETENTION_MISSING'],
      [{ backup_rule: { ...rule, extra: 1 } }, 'UNKNOWN_ATTRIBUTE'],
      [{ tier: 'hdd' }, 'UNKNOWN_ATTRIBUTE'],
      [{ colour: 'red' }, 'UNKNOWN_ATTRIBUTE'],
    ] as const) {
      assert.equal(await said(put(change)), `400 ${code}`, JSON.stringify(change))
    }
    assert.equal(await said(call('PUT', path, {})), '400 REQUEST_INVALID')
    assert.equal((await get(path)).body.storage.title, 'upper')
    assert.equal(await said(call('PUT', path, { storage: {} }, credentials.foreign)), '404 STORAGE_NOT_FOUND')
    assert.equal(await said(put({}, '/1.3/storage/nothing')), '404 STORAGE_NOT_FOUND')
    const [template] = (await get('/1.3/storage/template')).body.storages.storage
    assert.equal(await said(put({ title: 'mine' }, `/1.3/storage/${template.uuid}`)), '403 STORAGE_FORBIDDEN')
  })

  test('a server has backups of its own, or its storages have rules', async () => {
    const simple = { simple_backup: '2200,daily' }
    const ruled = { ...disk, backup_rule: rule }
    assert.equal(await said(create({ ...simple, ...disks(ruled) })), '409 BACKUP_RULE_CONFLICT')
    assert.equal((await made({ simple_backup: 'no', ...disks(ruled) })).simple_backup, 'no')
    const server = await made({ ...simple, ...disks(disk) })
    const path = `/1.3/storage/${server.storage_devices.storage_device[0].storage}`
    const put = (backup_rule: object) => said(call('PUT', path, { storage: { backup_rule } }))
    assert.equal(await put(rule), '409 BACKUP_RULE_CONFLICT')
    assert.equal(await put({}), '202')
    await call('PUT', `/1.3/server/${server.uuid}`, { server: { simple_backup: 'no' } })
    assert.equal(await put(rule), '202')
  })

  test('writers of one storage at the same time: each change is kept, and no one is refused', async () => {
    const server = await made(disks(disk))
    const path = `/1.3/storage/${server.storage_devices.storage_device[0].storage}`
    const changes = [
      { title: 'b' },
      { size: 11 },
      { labels: [{ key: 'k', value: 'v' }] },
      { backup_rule: rule },
    ]
    const answers = await Promise.all(changes.map((storage) => call('PUT', path, { storage })))
    assert.deepEqual(
      answers.map(({ status }) => status),
      [202, 202, 202, 202],
    )
    const { storage } = (await get(path)).body
    assert.deepEqual(
      [storage.title, storage.size, storage.labels, storage.backup_rule],
      ['b', 11, [{ key: 'k', value: 'v' }], rule],
    )
    const listed = await get('/1.3/storage/private?label=k=v')
    assert.deepEqual(
      listed.body.storages.storage.map((each: { uuid: string }) => each.uuid),
      [storage.uuid],
    )
  })

  test('networks are those that servers have interfaces in, by zone and one by one', async () => {
    const [a, b] = [await made({ title: 'one' }), await made({ title: 'two' })]
    const nic = a.networking.interfaces.interface[1]
    assert.equal(nic.type, 'public')
    const listed = (await get('/1.3/network/?zone=fi-hel1')).body.networks.network
    const found = listed.find((each: { uuid: string }) => each.uuid === nic.network)
    assert.deepEqual((await get(`/1.3/network/${nic.network}`)).body, { network: found })
    assert.deepEqual([found.type, found.zone], ['public', 'fi-hel1'])
    for (const [uuid, title] of [
      [a.uuid, 'one'],
      [b.uuid, 'two'],
      [servers.web, 'web'],
    ]) {
      assert.ok(
        found.servers.server.some((each: object) => JSON.stringify(each) === JSON.stringify({ title, uuid })),
        title,
      )
    }
    assert.ok(!JSON.stringify(found).includes(servers.foreign))
    assert.deepEqual(
      found.ip_networks.ip_network.map((each: { family: string; dhcp: string }) => [each.family, each.dhcp]),
      [
        ['IPv4', 'yes'],
        ['IPv6', 'yes'],
      ],
    )
    const elsewhere = await made({ zone: 'de-fra1' })
    const { network } = elsewhere.networking.interfaces.interface[1]
    assert.notEqual(network, nic.network)
    assert.deepEqual((await get('/1.3/network/?zone=uk-lon1')).body, { networks: { network: [] } })
    // The inventory's private interface is in a network of its own.
    const own = (await get('/1.3/network')).body.networks.network.filter(
      (each: { type: string }) => each.type === 'private',
    )
    assert.equal(own.length, 1)
    const seen = await call('GET', `/1.3/network/${own[0].uuid}`, undefined, credentials.foreign)
    assert.equal(seen.body.error.error_code, 'NETWORK_NOT_FOUND')
    assert.equal(await said(get('/1.3/network/nothing')), '404 NETWORK_NOT_FOUND')
    assert.equal(await said(call('POST', '/1.3/network/', { network: {} })), '405 METHOD_NOT_ALLOWED')
  })
})

test('plans that an operator adds are listed as they are, with their GPUs', async () => {
  const plan =
    '{ name: GPU-8xCPU-64GB-1xL40S, core_number: 8, memory_amount: 65536, storage_size: 0, public_traffic_out: 0'
  const service = await startService({
    catalogue: `upcloud: { plans: [ ${plan}, gpu_amount: 1, gpu_model: L40S } ] }`,
  })
  try {
    const { plan: plans } = (await service.call('GET', '/1.3/plan')).body.plans
    assert.deepEqual(plans, [
      {
        ...{ core_number: 8, gpu_amount: 1, gpu_model: 'L40S', memory_amount: 65_536 },
        ...{ name: 'GPU-8xCPU-64GB-1xL40S', public_traffic_out: 0, storage_size: 0, storage_tier: null },
      },
    ])
  } finally {
    await service.close()
  }
})

onBothStores('UpCloud, tags', (start) => {
  let service: TestService
  before(async () => {
    service = await start()
  })
  after(() => service.close())
  const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    service.call(method, path, body, headers)
  const tag = (wanted: object) => call('POST', '/1.3/tag', { tag: wanted })
  const tags = async (headers?: Record<string, string>) =>
    (await call('GET', '/1.3/tag', undefined, headers)).body.tags.tag
  const names = async (uuid: string) => (await call('GET', `/1.3/server/${uuid}`)).body.server.tags.tag
  const by = async (list: string) =>
    (await call('GET', `/1.3/server/tag/${list}`)).body.servers.server.map(
      (each: { title: string }) => each.title,
    )

  test('38. tags: created with 200, given several at once, renamed with their servers, taken off, deleted', async () => {
    const first = await tag({ name: 'Web', servers: { server: [] } })
    assert.equal(first.status, 200)
    assert.deepEqual(first.body, { tag: { description: '', name: 'Web', servers: { server: [] } } })
    const second = await tag({
      name: 'dev',
      description: 'ours',
      servers: { server: [servers.db.toUpperCase()] },
    })
    assert.deepEqual(second.body.tag.servers, { server: [servers.db] })
    const both = await call('POST', `${web}/tag/web,DEV`)
    assert.deepEqual([both.status, both.body.server.tags], [200, { tag: ['Web', 'dev'] }])
    assert.deepEqual(await names(servers.web), ['Web', 'dev'])
    const listed = (await call('GET', '/1.3/server')).body.servers.server
    assert.deepEqual(
      listed.map((each: { tags: { tag: string[] } }) => each.tags.tag),
      [['Web', 'dev'], ['dev']],
    )
    assert.deepEqual(
      [await by('web,dev'), await by('web:dev'), await by('Dev')],
      [['web', 'db'], ['web'], ['web', 'db']],
    )
    const renamed = await call('PUT', '/1.3/tag/WEB', { tag: { name: 'front' } })
    assert.equal(renamed.status, 200)
    assert.deepEqual(renamed.body, {
      tag: { description: '', name: 'front', servers: { server: [servers.web] } },
    })
    assert.deepEqual(await names(servers.web), ['front', 'dev'])
    assert.equal((await call('PUT', '/1.3/tag/front', { tag: { name: 'Front' } })).body.tag.name, 'Front')
    // As it was read: accepted, and nothing changes.
    const read = (await call('GET', '/1.3/tag/dev')).body
    assert.deepEqual((await call('PUT', '/1.3/tag/dev', read)).body, read)
    assert.deepEqual(
      (await call('PUT', '/1.3/tag/dev', { tag: { description: '', servers: { server: [] } } })).body.tag,
      {
        ...{ description: '', name: 'dev', servers: { server: [] } },
      },
    )
    assert.deepEqual((await call('POST', `${web}/untag/front,dev`)).body.server.tags.tag, [])
    const gone = await call('DELETE', '/1.3/tag/FRONT')
    assert.deepEqual([gone.status, gone.text], [204, ''])
    assert.deepEqual(
      (await tags()).map((each: { name: string }) => each.name),
      ['dev'],
    )
    assert.equal(await said(call('GET', '/1.3/tag/front')), '404 TAG_NOT_FOUND')
  })

  test('a tag that cannot be, or is not there, is refused and nothing is done', async () => {
    await tag({ name: 'there' })
    const unknown = '00000000-0000-4000-8000-000000000000'
    for (const [method, path, body, code] of [
      ['POST', '/1.3/tag', { tag: { name: 'THERE' } }, '409 TAG_EXISTS'],
      ['POST', '/1.3/tag', { tag: {} }, '400 TAG_INVALID'],
      ['POST', '/1.3/tag', { tag: { name: '' } }, '400 TAG_INVALID'],
      ['POST', '/1.3/tag', { tag: { name: null } }, '400 TAG_INVALID'],
      ['POST', '/1.3/tag', { tag: { name: 'a b' } }, '400 TAG_INVALID'],
      ['POST', '/1.3/tag', { tag: { name: 'a,b' } }, '400 TAG_INVALID'],
      ['POST', '/1.3/tag', { tag: { name: 'x'.repeat(33) } }, '400 TAG_INVALID'],
      ['POST', '/1.3/tag', { tag: { name: 'x', description: 'y'.repeat(256) } }, '400 DESCRIPTION_INVALID'],
      ['POST', '/1.3/tag', { tag: { name: 'x', colour: 'red' } }, '400 UNKNOWN_ATTRIBUTE'],
      ['POST', '/1.3/tag', { tag: { name: 'x', servers: [] } }, '400 SERVERS_INVALID'],
      ['POST', '/1.3/tag', { tag: { name: 'x', servers: { server: ['y'] } } }, '400 SERVER_INVALID'],
      ['POST', '/1.3/tag', { tag: { name: 'x', servers: { server: [unknown] } } }, '404 SERVER_NOT_FOUND'],
      [
        'POST',
        '/1.3/tag',
        { tag: { name: 'x', servers: { server: [servers.foreign] } } },
        '403 SERVER_FORBIDDEN',
      ],
      ['POST', '/1.3/tag', undefined, '400 REQUEST_INVALID'],
      ['PUT', '/1.3/tag/nowhere', { tag: { name: '' } }, '404 TAG_NOT_FOUND'],
      ['PUT', '/1.3/tag/there', { tag: { name: 'a-b' } }, '400 TAG_INVALID'],
      ['PUT', '/1.3/tag/there', { tag: { name: 'dev' } }, '409 TAG_EXISTS'],
      ['DELETE', '/1.3/tag/nowhere', undefined, '404 TAG_NOT_FOUND'],
      ['POST', `${web}/tag/there,nowhere`, undefined, '404 TAG_NOT_FOUND'],
      ['POST', `${web}/untag/nowhere`, undefined, '404 TAG_NOT_FOUND'],
      ['POST', `/1.3/server/${servers.foreign}/tag/there`, undefined, '403 SERVER_FORBIDDEN'],
      ['POST', `/1.3/server/${unknown}/tag/there`, undefined, '404 SERVER_NOT_FOUND'],
      ['POST', '/1.3/server/tag/tag/there', undefined, '400 SERVER_INVALID'],
      ['GET', '/1.3/server/tag/there,nowhere', undefined, '404 TAG_NOT_FOUND'],
    ] as const) {
      assert.equal(await said(call(method, path, body)), code, `${method} ${path} ${JSON.stringify(body)}`)
    }
    assert.equal(await said(call('GET', `/1.3/server/tag/${new Array(2000).fill('there').join(':')}`)), '200')
    assert.deepEqual(await names(servers.web), [])
    const { body } = await call('GET', '/1.3/tag/nowhere')
    assert.equal(body.error.error_message, 'The tag nowhere does not exist.')
  })

  test('tags are an account’s own, and go with its servers', async () => {
    await tag({ name: 'mine', servers: { server: [servers.web] } })
    assert.deepEqual(await tags(credentials.foreign), [])
    const theirs = { tag: { name: 'mine', servers: { server: [servers.foreign] } } }
    assert.equal((await call('POST', '/1.3/tag', theirs, credentials.foreign)).status, 200)
    assert.equal((await call('DELETE', '/1.3/tag/mine', undefined, credentials.foreign)).status, 204)
    assert.deepEqual((await call('GET', '/1.3/tag/mine')).body.tag.servers.server, [servers.web])
    assert.equal(
      await said(call('POST', '/1.3/tag', { tag: { name: 'x' } }, credentials.readOnly)),
      '403 FORBIDDEN',
    )
    const { uuid } = (await call('POST', '/1.3/server', { server: wanted })).body.server
    await call('POST', `/1.3/server/${uuid}/tag/mine`)
    await call('POST', `/1.3/server/${uuid}/stop`)
    await call('DELETE', `/1.3/server/${uuid}`)
    assert.deepEqual((await call('GET', '/1.3/tag/mine')).body.tag.servers.server, [servers.web])
    assert.deepEqual(await by('mine'), ['web'])
    const { account = '' } = (await service.storage.server('upcloud', servers.web)) ?? {}
    const kept = await service.storage.document('upcloud', 'tags', account)
    assert.ok(kept && !JSON.stringify(kept.body).includes(uuid))
    // What is written back has lost it too.
    const read = (await call('GET', '/1.3/tag/mine')).body
    assert.equal((await call('PUT', '/1.3/tag/mine', read)).status, 200)
  })

  test('many who tag and rename at once lose nothing', async () => {
    await Promise.all(Array.from({ length: 12 }, (_, i) => tag({ name: `t${i}` })))
    const answers = await Promise.all([
      ...Array.from({ length: 12 }, (_, i) => call('POST', `${web}/tag/t${i}`)),
      ...Array.from({ length: 12 }, (_, i) => call('POST', `/1.3/server/${servers.db}/tag/t${i}`)),
      ...Array.from({ length: 12 }, (_, i) =>
        call('PUT', `/1.3/tag/t${i}`, { tag: { description: String(i) } }),
      ),
    ])
    assert.ok(answers.every(({ status }) => status === 200))
    const ours = (await tags()).filter((each: { name: string }) => /^t\d+$/.test(each.name))
    assert.equal(ours.length, 12)
    for (const { name, description, servers: filed } of ours) {
      assert.equal(`t${description}`, name)
      assert.deepEqual(new Set(filed.server), new Set([servers.web, servers.db]))
    }
  })
})

onBothStores('UpCloud, a restart', (start) => {
  const states = async (service: TestService, headers: Record<string, string> = credentials.right) => {
    const one = await service.call('GET', web, undefined, headers)
    const list = await service.call('GET', '/1.3/server', undefined, headers)
    return [one.body.server.state, list.body.servers.server[0].state]
  }
  const maintenance = ['maintenance', 'maintenance']
  const restart = { restart_server: { stop_type: 'hard', timeout: '900', timeout_action: 'ignore' } }

  for (const transitionMs of [0, 7000]) {
    test(`35. UP1: a restart is seen as maintenance past 5 s, by everybody, with a transition of ${transitionMs} ms`, async () => {
      const service = await start({ transitionMs })
      try {
        const answer = await service.call('POST', `${web}/restart`, restart)
        assert.deepEqual([answer.status, answer.body.server.state], [200, 'started'])
        service.advance(5000)
        for (const reader of [credentials.right, credentials.readOnly, credentials.password]) {
          assert.deepEqual(await states(service, reader), maintenance)
        }
        service.advance(3000)
        assert.deepEqual(await states(service), ['started', 'started'])
      } finally {
        await service.close()
      }
    })
  }

  test('35. what may be done to a server that restarts is judged by its transition, not by what is shown', async () => {
    const service = await start({ transitionMs: 30_000, restartMs: 90_000 })
    try {
      const post = (path: string, body?: unknown) => said(service.call('POST', `${web}${path}`, body))
      await service.call('PUT', web, { server: { firewall: 'on' } })
      assert.equal(await post('/firewall_rule', drop), '201')
      assert.equal(await post('/restart', restart), '200')
      assert.equal(await post('/firewall_rule', drop), '409 SERVER_STATE_ILLEGAL')
      service.advance(31_000)
      assert.deepEqual(await states(service), maintenance)
      assert.equal(await post('/firewall_rule', drop), '201')
      const change = await service.call('PUT', web, { server: { title: 'web' } })
      assert.deepEqual([change.status, change.body.server.state], [202, 'maintenance'])
      service.advance(60_000)
      assert.deepEqual(await states(service), ['started', 'started'])
      const { server } = (await service.call('GET', web)).body
      assert.equal(server.firewall, 'on')
      const { firewall_rule: rules } = (await service.call('GET', `${web}/firewall_rule`)).body.firewall_rules
      assert.equal(rules.length, 2)
    } finally {
      await service.close()
    }
  })

  test('35. rules are written while a restart that takes no time is shown', async () => {
    const service = await start()
    try {
      await service.call('POST', `${web}/restart`)
      assert.deepEqual(await states(service), maintenance)
      assert.equal(await said(service.call('POST', `${web}/firewall_rule`, drop)), '201')
    } finally {
      await service.close()
    }
  })

  test('a server that is stopped or started after a restart shows that, and how long it shows can be set', async () => {
    const service = await start({ restartMs: 60_000 })
    try {
      const state = async () => (await service.call('GET', web)).body.server.state
      await service.call('POST', `${web}/restart`)
      service.advance(59_000)
      assert.equal(await state(), 'maintenance')
      assert.equal(await said(service.call('POST', `${web}/stop`)), '200')
      assert.equal(await state(), 'stopped')
      assert.equal(await said(service.call('POST', `${web}/restart`)), '409 SERVER_STATE_ILLEGAL')
      assert.equal(await said(service.call('POST', `${web}/start`)), '200')
      assert.equal(await state(), 'started')
    } finally {
      await service.close()
    }
  })

  test('38. a server in maintenance is tagged', async () => {
    const service = await start({ transitionMs: 60_000 })
    try {
      const { uuid } = (await service.call('POST', '/1.3/server', { server: wanted })).body.server
      await service.call('POST', '/1.3/tag', { tag: { name: 'new' } })
      const tagged = await service.call('POST', `/1.3/server/${uuid}/tag/new`)
      assert.deepEqual([tagged.status, tagged.body.server.state], [200, 'maintenance'])
      assert.deepEqual(tagged.body.server.tags.tag, ['new'])
      assert.equal((await service.call('POST', `/1.3/server/${uuid}/untag/new`)).status, 200)
    } finally {
      await service.close()
    }
  })
})
