/** The cases that every dialect runs, in UpCloud's words (conformance.ts). */
import type { AccountPart, Call, Driver, Item, Reference, RuleList, Values, Whose } from '../conformance.ts'
import { made } from '../conformance.ts'
import { foreignServers, gaps, missing } from './gaps.ts'

const servers = {
  own: '00c0f0a0-0001-4000-8000-000000000001',
  foreign: '00c0f0a0-0001-4000-8000-000000000002',
} as const

const addresses = { own: '192.0.2.10', foreign: '192.0.2.20' } as const

const account = (id: string, address: string): AccountPart => ({
  servers: [
    {
      profile: 'upcloud',
      id,
      name: id,
      zone: 'fi-hel1',
      firewall: true,
      interfaces: [{ addresses: [address] }],
    },
  ],
})

const rule = (port: number) => ({
  ...{ direction: 'in', action: 'accept', family: 'IPv4', protocol: 'tcp' },
  ...{ destination_port_start: String(port), destination_port_end: String(port) },
})

const itemOf = (answered: Item['answered']): Item => ({
  key: String(answered.position),
  position: Number(answered.position),
  port: Number(answered.destination_port_start),
  answered,
})

const replaceAll = (call: Call, list: string, ports: readonly number[]) =>
  call('PUT', list, { firewall_rules: { firewall_rule: ports.map(rule) } })

const chain: RuleList = {
  name: 'chain of a server',
  async open(call) {
    const list = `/1.3/server/${servers.own}/firewall_rule`
    await replaceAll(call, list, [])
    return list
  },
  read: async (call, list) => (await call('GET', list)).body.firewall_rules.firewall_rule.map(itemOf),
  create: (call, list, port, more) => call('POST', list, { firewall_rule: { ...rule(port), ...more } }),
  createdAt: 'last',
  remove: (call, list, key) => call('DELETE', `${list}/${key}`),
  readOne: async (call, list, key) => itemOf((await call('GET', `${list}/${key}`)).body.firewall_rule),
  createAt: (call, list, port, place) =>
    call('POST', list, { firewall_rule: { ...rule(port), position: place + 1 } }),
  move: missing.changeOfOneRule,
  replaceOne: missing.changeOfOneRule,
  patchOne: missing.changeOfOneRule,
  replaceAll,
  writeBack: missing.changeOfOneRule,
  writeBackAll: async (call, list) => call('PUT', list, (await call('GET', list)).body),
  limit: { rules: 1000, status: 409 },
  text: { key: 'comment', characters: 250, status: 400 },
  unknownKeys: 'refused',
  holder: missing.chainsOfTheirOwn,
}

async function fill(call: Call, whose: Whose): Promise<Values> {
  const id = servers[whose]
  await made(call('POST', `/1.3/server/${id}/firewall_rule`, { firewall_rule: rule(22) }))
  const disk = { action: 'create', size: 10, title: 'd' }
  const { server } = await made(
    call('POST', '/1.3/server', {
      server: {
        ...{ hostname: 'x', title: 'x', zone: 'fi-hel1', storage_devices: { storage_device: [disk] } },
        // A public network is everybody's in its zone.
        networking: { interfaces: { interface: [{ type: 'private' }] } },
      },
    }),
  )
  await made(call('POST', '/1.3/tag', { tag: { name: whose } }))
  return {
    ...{ 'server/uuid': id, index: '1', username: whose, address: addresses[whose] },
    ...{ 'tag/name': whose, 'tag/names': whose, 'untag/names': whose },
    'storage/uuid': server.storage_devices.storage_device[0].storage,
    'network/uuid': server.networking.interfaces.interface[0].network,
  }
}

const bodies = {
  createRule: { firewall_rule: rule(22) },
  replaceRules: { firewall_rules: { firewall_rule: [] } },
  modifyServer: { server: { title: 'taken' } },
  modifyTag: { tag: { description: 'taken' } },
  modifyStorage: { storage: { title: 'taken' } },
}

const wanted = { hostname: 'x', title: 'x', zone: 'fi-hel1' }
const references = (own: Values): readonly Reference[] => [
  {
    ...{ name: 'createTag: servers', value: 'server/uuid' },
    send: (call, id) => call('POST', '/1.3/tag', { tag: { name: 'new', servers: { server: [id] } } }),
  },
  {
    ...{ name: 'modifyTag: servers', value: 'server/uuid' },
    send: (call, id) => call('PUT', `/1.3/tag/${own['tag/name']}`, { tag: { servers: { server: [id] } } }),
  },
  ...['attach', 'clone'].map(
    (action): Reference => ({
      ...{
        name: `createServer: ${action} storage`,
        value: 'storage/uuid',
        ...(action === 'clone' && { ignored: true as const }),
      },
      send: (call, storage) =>
        call('POST', '/1.3/server', {
          server: { ...wanted, storage_devices: { storage_device: [{ action, storage }] } },
        }),
    }),
  ),
]

export const driver: Driver = {
  title: 'UpCloud',
  ...{ gaps, missing },
  inventory: {
    own: account(servers.own, addresses.own),
    foreign: account(servers.foreign, addresses.foreign),
  },
  lists: [chain],
  ...{ fill, bodies, references },
  told: { 'server/uuid': { status: 403, gap: foreignServers } },
}
