/** The cases that every dialect runs, in IONOS Cloud's words (conformance.ts). */
import type { AccountPart, Call, Driver, Item, Reference, RuleList, Values, Whose } from '../conformance.ts'
import { made } from '../conformance.ts'
import { gaps, missing, takenAddresses } from './gaps.ts'

const accounts = {
  own: {
    datacenter: '00c0f0a0-0004-4000-8000-0000000000a1',
    server: '00c0f0a0-0004-4000-8000-000000000001',
    nic: '00c0f0a0-0004-4000-8000-000000000011',
    address: '192.0.2.13',
  },
  foreign: {
    datacenter: '00c0f0a0-0004-4000-8000-0000000000a2',
    server: '00c0f0a0-0004-4000-8000-000000000002',
    nic: '00c0f0a0-0004-4000-8000-000000000012',
    address: '192.0.2.23',
  },
} as const

const partOf = ({ datacenter, server, nic, address }: (typeof accounts)['own' | 'foreign']): AccountPart => ({
  datacenters: [{ id: datacenter, name: datacenter, location: 'de/txl' }],
  servers: [
    {
      ...{ profile: 'ionos', id: server, datacenter, name: server },
      interfaces: [{ id: nic, lan: 1, addresses: [address], firewallActive: true }],
    },
  ],
})

const datacenter = `/cloudapi/v6/datacenters/${accounts.own.datacenter}`
const groups = `${datacenter}/securitygroups`

const properties = (port: number) => ({ protocol: 'TCP', portRangeStart: port, portRangeEnd: port })
const rule = (port: number, more: object = {}) => ({ properties: { ...properties(port), ...more } })

const itemOf = (answered: Item['answered']): Item => ({
  key: String(answered.id),
  position: undefined,
  port: Number((answered.properties as Item['answered']).portRangeStart),
  answered,
})

/** What NICs and groups have in common. */
const rules = {
  read: async (call: Call, list: string) => (await call('GET', `${list}?depth=1`)).body.items.map(itemOf),
  create: (call: Call, list: string, port: number, more?: object) => call('POST', list, rule(port, more)),
  createdAt: 'last',
  remove: (call: Call, list: string, key: string) => call('DELETE', `${list}/${key}`),
  readOne: async (call: Call, list: string, key: string) =>
    itemOf((await call('GET', `${list}/${key}`)).body),
  createAt: missing.order,
  move: missing.order,
  replaceOne: (call: Call, list: string, key: string, port: number) =>
    call('PUT', `${list}/${key}`, rule(port)),
  patchOne: (call: Call, list: string, key: string, port: number) =>
    call('PATCH', `${list}/${key}`, { portRangeStart: port, portRangeEnd: port }),
  writeBack: (call: Call, list: string, { key, answered }: Item) => call('PUT', `${list}/${key}`, answered),
  limit: { rules: 100, status: 422 },
  text: { key: 'name', characters: 255, status: 422 },
  recordsWrites: true,
  unknownKeys: 'ignored',
} as const satisfies Partial<RuleList>

const nic: RuleList = {
  ...rules,
  name: 'rules of a NIC',
  async open(call) {
    const { server, nic } = accounts.own
    const list = `${datacenter}/servers/${server}/nics/${nic}/firewallrules`
    for (const { key } of await rules.read(call, list)) await call('DELETE', `${list}/${key}`)
    return list
  },
  replaceAll: missing.rulesWithTheirNic,
  writeBackAll: missing.rulesWithTheirNic,
  holder: missing.rulesWithTheirNic,
}

const groupAt = async (call: Call, path: string) => (await call('GET', `${path}?depth=2`)).body

const group: RuleList = {
  ...rules,
  name: 'security group',
  async open(call) {
    const made = await call('POST', groups, { properties: { name: 'made' } })
    return `${groups}/${made.body.id}/rules`
  },
  replaceAll: (call, list, ports, more) =>
    call('PUT', list.replace(/\/rules$/, ''), {
      properties: {},
      entities: { rules: { items: ports.map((port) => rule(port, more)) } },
    }),
  writeBackAll: async (call, list) => {
    const path = list.replace(/\/rules$/, '')
    return call('PUT', path, await groupAt(call, path))
  },
  holder: {
    list: async (call) => (await call('GET', groups)).body.items.map(({ id }: { id: string }) => id),
    idOf: (list) => list.split('/').at(-2) ?? '',
    async read(call, id) {
      const reply = await call('GET', `${groups}/${id}`)
      return { ...reply, named: reply.body?.properties?.name }
    },
    rename: (call, id, name) => call('PUT', `${groups}/${id}`, { properties: { name } }),
    writeBack: async (call, id) => call('PUT', `${groups}/${id}`, await groupAt(call, `${groups}/${id}`)),
    remove: (call, id) => call('DELETE', `${groups}/${id}`),
  },
}

const tcp = properties(22)
const flowLog = { name: 'f', action: 'ALL', direction: 'INGRESS', bucket: 'b' }
const newServer = { name: 'n', cores: 1, ram: 1024 }
const newVolume = { name: 'd', size: 10, licenceType: 'LINUX' }

async function fill(call: Call, whose: Whose): Promise<Values> {
  const dc = `/cloudapi/v6/datacenters/${accounts[whose].datacenter}`
  // No LAN of one account has the number of one of the other.
  const lan = whose === 'own' ? 5 : 7
  const held = { items: [{ properties: tcp }] }
  const cube = await made(
    call('POST', `${dc}/servers?depth=5`, {
      properties: newServer,
      entities: {
        nics: {
          items: [
            {
              properties: { lan },
              entities: { firewallrules: held, flowlogs: { items: [{ properties: flowLog }] } },
            },
          ],
        },
        volumes: { items: [{ properties: newVolume }] },
      },
    }),
  )
  const [nic] = cube.entities.nics.items
  const [volume] = cube.entities.volumes.items
  const groupBody = { properties: { name: 'g' }, entities: { rules: held } }
  const group = await made(call('POST', `${dc}/securitygroups?depth=2`, groupBody))
  const block = await made(
    call('POST', '/cloudapi/v6/ipblocks', { properties: { location: 'de/txl', size: 1 } }),
  )
  const loose = await made(call('POST', `${dc}/volumes`, { properties: newVolume }))
  for (const path of [
    ...[dc, `${dc}/servers/${cube.id}`, `${dc}/volumes/${volume.id}`],
    `/cloudapi/v6/ipblocks/${block.id}`,
  ]) {
    await made(call('POST', `${path}/labels`, { properties: { key: whose, value: 'x' } }))
  }
  const [image, template, requests] = await Promise.all(
    ['images', 'templates', 'requests'].map(async (name) => made(call('GET', `/cloudapi/v6/${name}`))),
  )
  return {
    ...{ datacenterId: accounts[whose].datacenter, serverId: cube.id, nicId: nic.id, lanId: String(lan) },
    ...{ volumeId: volume.id, loose: loose.id, 'labels/key': whose },
    firewallruleId: nic.entities.firewallrules.items[0].id,
    flowlogId: nic.entities.flowlogs.items[0].id,
    pccId: (await made(call('POST', '/cloudapi/v6/pccs', { properties: { name: 'p' } }))).id,
    ...{ ipblockId: block.id, address: block.properties.ips[0] },
    ...{ securityGroupId: group.id, ruleId: group.entities.rules.items[0].id },
    requestId: requests.items[0].id,
    // Everybody's.
    ...{ imageId: image.items[0].id, templateId: template.items[0].id },
    ...{ region: 'de', location: 'fra', number: '2' },
  }
}

const taken = { name: 'taken' }
const bodies = {
  ...{ createNicRule: { properties: tcp }, putNicRule: { properties: taken }, patchNicRule: taken },
  ...{ createGroupRule: { properties: tcp }, putGroupRule: { properties: taken }, patchGroupRule: taken },
  ...{ createGroup: { properties: taken }, patchGroup: taken },
  putGroup: { properties: taken, entities: { rules: { items: [] } } },
  ...{ attachToServer: { ids: [] }, attachToNic: { ids: [] } },
  ...{ putDatacenter: { properties: taken }, patchDatacenter: taken },
  ...{ createLan: { properties: taken }, putLan: { properties: taken }, patchLan: taken },
  ...{ createServer: { properties: newServer }, putServer: { properties: taken }, patchServer: taken },
  createNic: { properties: { lan: 1 } },
  ...{ putNic: { properties: { firewallActive: false } }, patchNic: { firewallActive: false } },
  ...{ createFlowLog: { properties: flowLog }, putFlowLog: { properties: taken }, patchFlowLog: taken },
  patchPcc: taken,
  ...{ createVolume: { properties: newVolume }, attachVolume: { properties: newVolume } },
  ...{ putVolume: { properties: taken }, patchVolume: taken },
  ...{ putIpblock: { properties: taken }, patchIpblock: taken },
  ...Object.fromEntries(
    ['Datacenter', 'Server', 'Volume', 'Ipblock'].flatMap((name) => [
      [`create${name}Label`, { properties: { key: 'taken', value: 'x' } }],
      [`put${name}Label`, { properties: { value: 'taken' } }],
    ]),
  ),
}

const references = (own: Values): readonly Reference[] => {
  const server = `${datacenter}/servers/${own.serverId}`
  const nic = `${server}/nics/${own.nicId}`
  const lan = `${datacenter}/lans/${own.lanId}`
  const reference = (
    name: string,
    value: string,
    method: string,
    path: string,
    body: (id: string) => object,
    ignored?: true,
  ): Reference => ({
    ...{ name, value, ...(ignored && { ignored }) },
    send: (call, id) => call(method, path, body(id)),
  })
  const items = (id: string) => ({ items: [{ id }] })
  return [
    ...[server, nic].flatMap((path) => [
      reference(
        `attach to ${path === nic ? 'NIC' : 'server'}: ids`,
        'securityGroupId',
        'PUT',
        `${path}/securitygroups`,
        (id) => ({
          ids: [id],
        }),
      ),
    ]),
    reference('patchDatacenter: defaultSecurityGroupId', 'securityGroupId', 'PATCH', datacenter, (id) => ({
      defaultSecurityGroupId: id,
    })),
    reference('putDatacenter: defaultSecurityGroupId', 'securityGroupId', 'PUT', datacenter, (id) => ({
      properties: { defaultSecurityGroupId: id },
    })),
    reference('createLan: pcc', 'pccId', 'POST', `${datacenter}/lans`, (id) => ({ properties: { pcc: id } })),
    reference('patchLan: pcc', 'pccId', 'PATCH', lan, (id) => ({ pcc: id })),
    reference('putLan: pcc', 'pccId', 'PUT', lan, (id) => ({ properties: { pcc: id } })),
    reference(
      'patchLan: nicUuid of ipFailover',
      'nicId',
      'PATCH',
      lan,
      (id) => ({
        ipFailover: [{ ip: own.address, nicUuid: id }],
      }),
      true,
    ),
    reference(
      'patchLan: ip of ipFailover',
      'address',
      'PATCH',
      lan,
      (ip) => ({
        ipFailover: [{ ip, nicUuid: own.nicId }],
      }),
      true,
    ),
    reference('createNic: ips', 'address', 'POST', `${server}/nics`, (ip) => ({
      properties: { lan: Number(own.lanId), ips: [ip] },
    })),
    reference('patchNic: ips', 'address', 'PATCH', nic, (ip) => ({ ips: [ip] })),
    reference('putNic: ips', 'address', 'PUT', nic, (ip) => ({ properties: { ips: [ip] } })),
    reference('createServer: ips of a NIC', 'address', 'POST', `${datacenter}/servers`, (ip) => ({
      properties: newServer,
      entities: { nics: { items: [{ properties: { lan: Number(own.lanId), ips: [ip] } }] } },
    })),
    reference('attachVolume: id', 'loose', 'POST', `${server}/volumes`, (id) => ({ id })),
    reference('patchServer: bootVolume', 'loose', 'PATCH', server, (id) => ({ bootVolume: { id } })),
    reference('putServer: bootVolume', 'loose', 'PUT', server, (id) => ({
      properties: { bootVolume: { id } },
    })),
    reference('createServer: volumes', 'loose', 'POST', `${datacenter}/servers`, (id) => ({
      properties: newServer,
      entities: { volumes: items(id) },
    })),
    reference('createServer: bootVolume', 'loose', 'POST', `${datacenter}/servers`, (id) => ({
      properties: { ...newServer, bootVolume: { id } },
    })),
    reference('createDatacenter: servers', 'serverId', 'POST', '/cloudapi/v6/datacenters', (id) => ({
      properties: { name: 'x', location: 'de/txl' },
      entities: { servers: items(id) },
    })),
    reference('createLan: nics', 'nicId', 'POST', `${datacenter}/lans`, (id) => ({
      properties: {},
      entities: { nics: items(id) },
    })),
    reference(
      'putGroup: id of a rule',
      'ruleId',
      'PUT',
      `${groups}/${own.securityGroupId}`,
      (id) => ({
        properties: {},
        entities: { rules: { items: [{ id, properties: tcp }] } },
      }),
      true,
    ),
    reference('createServer: groups', 'securityGroupId', 'POST', `${datacenter}/servers`, (id) => ({
      properties: newServer,
      entities: { securitygroups: items(id) },
    })),
    reference('createNic: groups', 'securityGroupId', 'POST', `${server}/nics`, (id) => ({
      properties: { lan: Number(own.lanId) },
      entities: { securitygroups: items(id) },
    })),
  ]
}

export const driver: Driver = {
  title: 'IONOS Cloud',
  ...{ gaps, missing },
  inventory: { own: partOf(accounts.own), foreign: partOf(accounts.foreign) },
  lists: [nic, group],
  ...{ fill, bodies, references },
  told: { address: { status: 422, gap: takenAddresses } },
}
