/** The cases that every dialect runs, in UpCloud's words (conformance.ts). */
import type { AccountPart, Call, Driver, Item, RuleList } from '../conformance.ts'
import { gaps, missing } from './gaps.ts'

const servers = {
  own: '00c0f0a0-0001-4000-8000-000000000001',
  foreign: '00c0f0a0-0001-4000-8000-000000000002',
} as const

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

export const driver: Driver = {
  title: 'UpCloud',
  ...{ gaps, missing },
  inventory: { own: account(servers.own, '192.0.2.10'), foreign: account(servers.foreign, '192.0.2.20') },
  lists: [chain],
}
