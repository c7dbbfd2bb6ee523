/** The cases that every dialect runs, in IONOS Cloud's words (conformance.ts). */
import type { AccountPart, Call, Driver, Item, RuleList } from '../conformance.ts'
import { gaps, missing } from './gaps.ts'

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

export const driver: Driver = {
  title: 'IONOS Cloud',
  ...{ gaps, missing },
  inventory: { own: partOf(accounts.own), foreign: partOf(accounts.foreign) },
  lists: [nic, group],
}
