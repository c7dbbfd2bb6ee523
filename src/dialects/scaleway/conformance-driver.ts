/** The cases that every dialect runs, in Scaleway's words (conformance.ts). */
import type { AccountPart, Driver, Item, RuleList } from '../conformance.ts'
import { gaps, missing } from './gaps.ts'

const accounts = {
  own: {
    project: '00c0f0a0-0003-4000-8000-0000000000a1',
    server: '00c0f0a0-0003-4000-8000-000000000001',
    address: '192.0.2.12',
  },
  foreign: {
    project: '00c0f0a0-0003-4000-8000-0000000000a2',
    server: '00c0f0a0-0003-4000-8000-000000000002',
    address: '192.0.2.22',
  },
} as const

const partOf = ({ project, server, address }: (typeof accounts)['own' | 'foreign']): AccountPart => ({
  projects: [{ id: project, name: 'default' }],
  servers: [
    {
      profile: 'scaleway',
      id: server,
      zone: 'fr-par-1',
      name: server,
      interfaces: [{ addresses: [address] }],
    },
  ],
})

const zone = '/instance/v1/zones/fr-par-1'
const groups = `${zone}/security_groups`

const rule = (port: number) => ({
  ...{ protocol: 'TCP', direction: 'inbound', action: 'accept' },
  ...{ ip_range: '0.0.0.0/0', dest_port_from: port },
})

const itemOf = (answered: Item['answered']): Item => ({
  key: String(answered.id),
  position: Number(answered.position),
  port: Number(answered.dest_port_from),
  answered,
})

const group: RuleList = {
  name: 'security group',
  async open(call) {
    const made = await call('POST', groups, { name: 'made', stateful: true })
    return `${groups}/${made.body.security_group.id}/rules`
  },
  // Rules that come with a group stand first and are nobody's to change.
  read: async (call, list) =>
    (await call('GET', list)).body.rules
      .filter(({ editable }: { editable: boolean }) => editable)
      .map(itemOf),
  create: (call, list, port, more) => call('POST', list, { ...rule(port), ...more }),
  createdAt: 'last',
  remove: (call, list, key) => call('DELETE', `${list}/${key}`),
  readOne: async (call, list, key) => itemOf((await call('GET', `${list}/${key}`)).body.rule),
  createAt: (call, list, port, place) => call('POST', list, { ...rule(port), position: place + 1 }),
  move: (call, list, key, place) => call('PATCH', `${list}/${key}`, { position: place + 1 }),
  replaceOne: async (call, list, key, port) => {
    const { position } = (await call('GET', `${list}/${key}`)).body.rule
    return call('PUT', `${list}/${key}`, { ...rule(port), position })
  },
  patchOne: (call, list, key, port) => call('PATCH', `${list}/${key}`, { dest_port_from: port }),
  replaceAll: (call, list, ports, more) =>
    call('PUT', list, { rules: ports.map((port) => ({ ...rule(port), ...more })) }),
  writeBack: (call, list, { key, answered }) => call('PUT', `${list}/${key}`, answered),
  writeBackAll: async (call, list) => call('PUT', list, (await call('GET', list)).body),
  limit: { rules: 1000, status: 403, whole: 400 },
  text: missing.textOfARule,
  unknownKeys: 'ignored',
  holder: {
    list: async (call) =>
      (await call('GET', `${groups}?per_page=100`)).body.security_groups.map(({ id }: { id: string }) => id),
    idOf: (list) => list.split('/').at(-2) ?? '',
    async read(call, id) {
      const reply = await call('GET', `${groups}/${id}`)
      return { ...reply, named: reply.body?.security_group?.name }
    },
    rename: (call, id, name) => call('PATCH', `${groups}/${id}`, { name }),
    writeBack: async (call, id) =>
      call('PUT', `${groups}/${id}`, (await call('GET', `${groups}/${id}`)).body.security_group),
    remove: (call, id) => call('DELETE', `${groups}/${id}`),
  },
}

export const driver: Driver = {
  title: 'Scaleway',
  ...{ gaps, missing },
  inventory: { own: partOf(accounts.own), foreign: partOf(accounts.foreign) },
  lists: [group],
}
