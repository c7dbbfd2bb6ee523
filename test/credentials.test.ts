/** Every route × every credential, made from the route tables: a new route is tested because it is there. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Dialect, Route } from '../src/dialects/dialect.ts'
import { vpsId } from '../src/dialects/hostup/ids.ts'
import { catalogue as ionosCatalogue } from '../src/dialects/ionos/catalogue.ts'
import { catalogue } from '../src/dialects/scaleway/catalogue.ts'
import {
  accessKey,
  credentials,
  datacenters,
  dialects,
  nics,
  onBothStores,
  projects,
  type Reply,
  secretKeys,
  servers,
  type TestService,
} from './support/service.ts'

type Of = 'acme' | 'other'
type Values = Record<string, string>

const ofCatalogue = {
  imageId: [...ionosCatalogue.value.images.keys()][0] ?? '',
  templateId: [...ionosCatalogue.value.templates.keys()][0] ?? '',
  ...{ region: 'de', location: 'fra', number: '2' },
}

/** What parameters of paths are filled with, by profile: things that exist, of each account. Before the slash: what it is of. */
const values: Record<Of, Record<string, Values>> = {
  acme: {
    upcloud: { uuid: servers.web, index: '1', address: '192.0.2.10', username: 'acme' },
    hostup: { vmid: '10000', id: vpsId(servers.vm), pos: '0' },
    scaleway: {
      zone: 'fr-par-1',
      'servers/id': servers.instance,
      'user_data/key': 'cloud-init',
      'api-keys/key': accessKey,
    },
    ionos: { datacenterId: datacenters.own, 'labels/key': 'env', ...ofCatalogue },
    native: { id: servers.web },
  },
  other: {
    upcloud: { uuid: servers.foreign, index: '1', address: '192.0.2.99', username: 'other' },
    hostup: { vmid: '20000', id: vpsId(servers.foreignVm), pos: '0' },
    scaleway: {
      zone: 'fr-par-1',
      'servers/id': servers.foreignInstance,
      'user_data/key': 'cloud-init',
      'api-keys/key': 'SCWOTHER000000000000',
    },
    ionos: { datacenterId: datacenters.foreign, 'labels/key': 'env', ...ofCatalogue },
    native: { id: servers.foreign },
  },
}

/** Words that only one account may ever read; more are added as things are made. */
const secrets: Record<Of, string[]> = {
  acme: [
    ...[servers.web, servers.db, servers.vm, vpsId(servers.vm), '192.0.2.20', '192.0.2.10', '192.0.2.11'],
    ...[servers.instance, '192.0.2.40', projects.first, datacenters.own, servers.cube, nics.cube],
  ],
  other: [
    ...[servers.foreign, servers.foreignVm, vpsId(servers.foreignVm), '192.0.2.98', '192.0.2.99'],
    ...[servers.foreignInstance, '192.0.2.96', projects.foreign],
    ...[datacenters.foreign, servers.foreignCube, nics.foreign, '192.0.2.97'],
  ],
}

/** Below a zone there is something for everybody; what a catalogue lists is everybody's. */
const namesSomething = (path: string): boolean =>
  /:(?!zone\b)\w+/.test(path) &&
  !/\/(images|local-images)\/:id$|\/:(imageId|templateId|location|region|number)$/.test(path)

const tcp = { protocol: 'TCP', portRangeStart: 22, portRangeEnd: 22 }
const ingress = { protocol: 'TCP', direction: 'inbound', action: 'accept', ip_range: '::/0' }
const accept = { type: 'in', action: 'ACCEPT', proto: '', dport: '', source: '', comment: '', enable: 1 }
const drop = { firewall_rule: { direction: 'in', action: 'drop' } }
const flowLog = { name: 'f', action: 'ALL', direction: 'INGRESS', bucket: 'b' }
const ionosServer = { properties: { name: 'n', cores: 1, ram: 1024 } }

/** Bodies that would be taken from the owner, so that it is not their form that is refused. Absent: an empty one. */
const bodies: Record<string, object> = {
  'upcloud createRule': drop,
  'upcloud replaceRules': { firewall_rules: { firewall_rule: [] } },
  'upcloud modifyServer': { server: { title: 'taken' } },
  'upcloud modifyTag': { tag: { description: 'taken' } },
  'hostup createVmRule': accept,
  'hostup updateVmRule': accept,
  'hostup updateVmOptions': { enable: 1, policy_in: 'ACCEPT' },
  'hostup putVmGroup': { group_id: null },
  'hostup postVmGroup': { group_id: null },
  'hostup updateGroup': { name: 'taken', description: null, rules: [] },
  'hostup createVpsRule': { type: 'in', action: 'ACCEPT' },
  'hostup replaceVpsRule': { type: 'in', action: 'ACCEPT' },
  'hostup updateVpsOptions': { inboundPolicy: 'ACCEPT' },
  'ionos createNicRule': { properties: tcp },
  'ionos putNicRule': { properties: { name: 'taken' } },
  'ionos patchNicRule': { name: 'taken' },
  'ionos createGroupRule': { properties: tcp },
  'ionos putGroupRule': { properties: { name: 'taken' } },
  'ionos patchGroupRule': { name: 'taken' },
  'ionos createGroup': { properties: { name: 'taken' } },
  'ionos putGroup': { properties: { name: 'taken' }, entities: { rules: { items: [] } } },
  'ionos patchGroup': { name: 'taken' },
  'ionos attachToServer': { ids: [] },
  'ionos attachToNic': { ids: [] },
  'ionos putDatacenter': { properties: { name: 'taken' } },
  'ionos patchDatacenter': { name: 'taken' },
  'ionos createLan': { properties: { name: 'taken' } },
  'ionos putLan': { properties: { name: 'taken' } },
  'ionos patchLan': { name: 'taken' },
  'ionos createServer': ionosServer,
  'ionos putServer': { properties: { name: 'taken' } },
  'ionos patchServer': { name: 'taken' },
  'ionos createNic': { properties: { lan: 1 } },
  'ionos putNic': { properties: { firewallActive: false } },
  'ionos patchNic': { firewallActive: false },
  'ionos createFlowLog': { properties: flowLog },
  'ionos putFlowLog': { properties: { name: 'taken' } },
  'ionos patchFlowLog': { name: 'taken' },
  'ionos patchPcc': { name: 'taken' },
  'ionos createVolume': { properties: { size: 1, licenceType: 'OTHER' } },
  'ionos attachVolume': { properties: { size: 1, licenceType: 'OTHER' } },
  ...Object.fromEntries(
    ['Datacenter', 'Server', 'Volume', 'Ipblock'].flatMap((name) => [
      [`ionos create${name}Label`, { properties: { key: 'taken', value: 'x' } }],
      [`ionos put${name}Label`, { properties: { value: 'taken' } }],
    ]),
  ),
  'ionos putIpblock': { properties: { name: 'taken' } },
  'ionos patchIpblock': { name: 'taken' },
  'ionos putVolume': { properties: { name: 'taken' } },
  'ionos patchVolume': { name: 'taken' },
  'scaleway replaceGroup': { name: 'taken' },
  'scaleway updateGroup': { name: 'taken', inbound_default_policy: 'accept' },
  'scaleway createRule': ingress,
  'scaleway replaceRules': { rules: [] },
  'scaleway replaceRule': ingress,
  'scaleway updateRule': { action: 'drop' },
  'scaleway updateServer': { name: 'taken' },
  'scaleway actOnServer': { action: 'terminate' },
  'scaleway attachVolume': { volume_id: servers.web },
  'scaleway detachVolume': { volume_id: servers.web },
  'scaleway updateProject': { name: 'taken' },
}

onBothStores('every route with every credential', (start) => {
  let service: TestService
  before(async () => {
    // A wrong password with every route is more than may fail.
    service = await start({ logins: { perSource: 10_000, inAll: 10_000 } })
    await fill('acme', credentials.right, secretKeys.right)
    await fill('other', credentials.foreign, secretKeys.foreign)
  })
  after(() => service.close())

  /** Makes one of everything that a path can name. */
  async function fill(of: Of, token: Record<string, string>, key: Record<string, string>): Promise<void> {
    const { upcloud, hostup, ionos, scaleway, native } = values[of] as Record<string, Values> &
      Record<'upcloud' | 'hostup' | 'ionos' | 'scaleway' | 'native', Values>
    let location = ''
    const made = async (path: string, body: object, headers = token, method = 'POST') => {
      const answer = await service.call(method, path, body, headers)
      assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`)
      location = answer.headers.get('location') ?? ''
      return answer.body
    }
    await made(`/1.3/server/${upcloud.uuid}/firewall_rule`, drop)
    const disk = { action: 'create', size: 10, title: 'd' }
    const wanted = {
      ...{ hostname: 'x', title: 'x', zone: 'fi-hel1', storage_devices: { storage_device: [disk] } },
      networking: { interfaces: { interface: [{ type: 'private' }] } },
    }
    const { server } = await made('/1.3/server', { server: wanted })
    await made('/1.3/tag', { tag: { name: of } })
    Object.assign(upcloud, {
      'storage/uuid': server.storage_devices.storage_device[0].storage,
      // A public one is everybody's in its zone.
      'network/uuid': server.networking.interfaces.interface[0].network,
      ...{ 'tag/name': of, 'tag/names': of, 'untag/names': of },
    })

    await made(`/api/vm/${hostup.vmid}/firewall`, accept)
    const group = { name: 'g', description: null, rules: [accept] }
    const held = String((await made('/api/firewall-groups', group)).data.group.id)
    hostup['firewall-groups/id'] = held

    const dc = `/cloudapi/v6/datacenters/${ionos.datacenterId}`
    const rules = { items: [{ properties: tcp }] }
    const nested = {
      nics: {
        items: [
          {
            properties: { lan: 5 },
            entities: { firewallrules: rules, flowlogs: { items: [{ properties: flowLog }] } },
          },
        ],
      },
      volumes: { items: [{ properties: { name: 'd', size: 10, licenceType: 'LINUX' } }] },
    }
    const cube = await made(`${dc}/servers?depth=5`, { ...ionosServer, entities: nested })
    ionos.requestId = location.split('/').at(-2) ?? ''
    const [nic] = cube.entities.nics.items
    const owned = await made(`${dc}/securitygroups?depth=2`, {
      properties: { name: 'g' },
      entities: { rules },
    })
    Object.assign(ionos, {
      ...{ serverId: cube.id, nicId: nic.id, lanId: '5', volumeId: cube.entities.volumes.items[0].id },
      firewallruleId: nic.entities.firewallrules.items[0].id,
      flowlogId: nic.entities.flowlogs.items[0].id,
      pccId: (await made('/cloudapi/v6/pccs', { properties: { name: 'p' } })).id,
      ipblockId: (await made('/cloudapi/v6/ipblocks', { properties: { location: 'de/txl', size: 1 } })).id,
      ...{ securityGroupId: owned.id, ruleId: owned.entities.rules.items[0].id },
    })
    for (const path of [
      dc,
      `${dc}/servers/${cube.id}`,
      `${dc}/volumes/${ionos.volumeId}`,
      `/cloudapi/v6/ipblocks/${ionos.ipblockId}`,
    ])
      await made(`${path}/labels`, { properties: { key: 'env', value: of } })
    await made(`${dc}/servers/${cube.id}/securitygroups`, { ids: [owned.id] }, token, 'PUT')

    const zone = '/instance/v1/zones/fr-par-1'
    const { security_group: own } = await made(`${zone}/security_groups`, { name: 'g' }, key)
    const { rule } = await made(`${zone}/security_groups/${own.id}/rules`, ingress, key)
    const volumes = { 0: { volume_type: 'l_ssd' }, 1: { volume_type: 'sbs_volume' } }
    const { server: vm } = await made(
      `${zone}/servers`,
      { name: 'x', commercial_type: 'DEV1-S', volumes },
      key,
    )
    await made(`${zone}/servers/${scaleway['servers/id']}/user_data/cloud-init`, {}, key, 'PATCH')
    const image = [...catalogue.value.images.values()].find((each) => each.zone === 'fr-par-1')?.id ?? ''
    Object.assign(scaleway, {
      ...{
        'security_groups/id': own.id,
        'rules/rule': rule.id,
        'images/id': image,
        'local-images/id': image,
      },
      ...{ 'instance volumes/id': vm.volumes[0].id, 'block volumes/id': vm.volumes[1].id },
      'ips/id': (await made(`${zone}/ips`, {}, key)).ip.id,
      'projects/id': (await made('/account/v3/projects', { name: 'p' }, key)).id,
    })
    const { body } = await service.call('GET', '/v1/revisions?limit=1', undefined, token)
    native.revision = String(body.revisions[0].revision)
    const everybodys = [image, ...Object.values(ofCatalogue)]
    const ids = [held, ...Object.values(ionos), ...Object.values(scaleway)]
    secrets[of].push(...ids.filter((id) => /^[0-9a-f-]{36}$/.test(id) && !everybodys.includes(id)))
  }

  /** `of`: whose the parameter with this number is. */
  function url(dialect: Dialect, route: Route, prefix: string, of: (index: number) => Of): string {
    const product = route.path.split('/', 2)[1]
    let index = 0
    return (
      prefix +
      route.path.replace(/(\w[\w-]*|)\/:(\w+)/g, (_, before: string, name: string) => {
        const known = values[of(index++)][dialect.profile]
        const short = `${before}/${name}`
        const value = known?.[`${product} ${short}`] ?? known?.[short] ?? known?.[name]
        assert.ok(value, `no value for :${name} of ${dialect.profile}: add one to this test`)
        return `${before}/${value}`
      })
    )
  }

  const all = dialects.flatMap((dialect) => {
    const given = (dialect.schemes as readonly string[]).includes('bearer') ? credentials : secretKeys
    return dialect.routes.flatMap((route) =>
      dialect.prefixes.map((prefix) => {
        const call = (of: (index: number) => Of, headers: Record<string, string>): Promise<Reply> => {
          const empty = route.method === 'GET' || route.method === 'DELETE'
          const body = bodies[`${dialect.profile} ${route.operation}`] ?? {}
          return service.call(
            route.method,
            url(dialect, route, prefix, of),
            empty ? undefined : body,
            headers,
          )
        }
        return { dialect, route, prefix, given, call }
      }),
    )
  })
  const acmes = (): Of => 'acme'

  // All of these before anything is changed by those who may: everything that is named exists.
  for (const { dialect, route, prefix, given, call } of all) {
    test(`${route.method} ${prefix}${route.path}, by who may not`, async () => {
      const open = route.scope === 'none'
      for (const name of ['none', 'wrong', 'wrongPassword'] as const) {
        const { status } = await call(acmes, given[name])
        assert.equal(status === 401, !open, `${name}: ${status}`)
      }
      const readOnly = await call(acmes, given.readOnly)
      assert.equal(readOnly.status === 403, route.scope === 'write', `read only: ${readOnly.status}`)
      // What the path names is there.
      if (route.method === 'GET') assert.equal((await call(acmes, given.right)).status, 200)

      // HostUp, IONOS and Scaleway say of another account’s what they say of what does not exist.
      const refused = dialect.profile === 'upcloud' ? [403, 404] : [404]
      if (namesSomething(route.path) && !open) {
        const before = await service.storage.revision()
        const foreign = await call(acmes, given.foreign)
        assert.ok(refused.includes(foreign.status), `foreign: ${foreign.status} ${foreign.text}`)
        // Below something of one's own; numbers and keys are everybody's.
        const params = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name)
        const numbered = ['index', 'pos', 'lanId', 'key'].includes(params.at(-1) ?? '')
        if (params.filter((name) => name !== 'zone').length > 1 && !numbered) {
          const mixed = await call((index) => (index === params.length - 1 ? 'acme' : 'other'), given.foreign)
          assert.ok(refused.includes(mixed.status), `mixed: ${mixed.status} ${mixed.text}`)
        }
        assert.equal(await service.storage.revision(), before, 'something is changed')
      } else if (route.method === 'GET') {
        const foreign = await call(acmes, given.foreign)
        const leaked = secrets.acme.filter((word) => foreign.text.includes(word))
        assert.deepEqual(leaked, [], 'another account’s')
      }
    })
  }

  for (const { route, prefix, given, call } of all) {
    test(`${route.method} ${prefix}${route.path}, by who may`, async () => {
      const right = await call(acmes, given.right)
      assert.ok(![401, 403].includes(right.status) && right.status < 500, `right: ${right.status}`)
      const leaked = secrets.other.filter((word) => right.text.includes(word))
      assert.deepEqual(leaked, [])
    })
  }

  test('what is written with one account’s credential never reaches the other’s', async () => {
    const rule = { firewall_rule: { direction: 'in', action: 'drop' } }
    const path = `/1.3/server/${servers.foreign}/firewall_rule`
    assert.equal((await service.call('POST', path, rule)).status, 403)
    const { body } = await service.call('GET', path, undefined, credentials.foreign)
    assert.equal(body.firewall_rules.firewall_rule.length, 1, 'its own')
    const audit = await service.call('GET', '/v1/audit', undefined, credentials.foreign)
    assert.ok(audit.body.events.length > 5)
    const leaked = secrets.acme.filter((word) => audit.text.includes(word))
    assert.deepEqual(leaked, [])
  })

  test('no secret is in the log', async () => {
    await service.call('GET', '/1.3/account?token=acme-token', undefined, credentials.password)
    const log = service.log.join('')
    assert.ok(service.log.length > 100)
    for (const secret of [
      'acme-token',
      'acme-read',
      'other-token',
      'acme:password',
      'guess',
      'Bearer',
      'Basic ',
      ...Object.values(secretKeys).flatMap((each) => ('x-auth-token' in each ? [each['x-auth-token']] : [])),
    ]) {
      assert.equal(log.includes(secret), false, secret)
    }
  })
})
