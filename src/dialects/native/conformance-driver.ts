/** The cases that every dialect runs, in the words of the native API (conformance.ts). */
import type { AccountPart, Call, Driver, Item, Reference, RuleList, Values, Whose } from '../conformance.ts'
import { made } from '../conformance.ts'
import { gaps } from './gaps.ts'
import { limits } from './limits.ts'

const accounts = {
  own: {
    server: '00d1a100-0001-4000-8000-000000000001',
    interface: '00d1a100-0001-4000-8000-0000000000a1',
    address: '192.0.2.13',
  },
  foreign: {
    server: '00d1a100-0001-4000-8000-000000000002',
    interface: '00d1a100-0001-4000-8000-0000000000a2',
    address: '192.0.2.23',
  },
} as const

const partOf = ({ server, interface: id, address }: (typeof accounts)[Whose]): AccountPart => ({
  servers: [{ profile: 'native', id: server, name: server, interfaces: [{ id, addresses: [address] }] }],
})

const policies = '/v1/policies'
const rule = (port: number) => ({
  ...{ action: 'allow', direction: 'ingress', protocol: 'tcp', destinationPorts: [port] },
})

const itemOf = (answered: Item['answered']): Item => ({
  ...{ key: String(answered.id), position: Number(answered.position) },
  ...{ port: Number((answered.destinationPorts as readonly number[])[0]), answered },
})

const list: RuleList = {
  name: 'rules of a policy',
  open: async (call) => `${policies}/${(await made(call('POST', policies, { name: 'made' }))).id}/rules`,
  read: async (call, path) => (await made(call('GET', path))).rules.map(itemOf),
  create: (call, path, port, more) => call('POST', path, { ...rule(port), ...more }),
  createdAt: 'last',
  remove: (call, path, key) => call('DELETE', `${path}/${key}`),
  readOne: async (call, path, key) => itemOf((await call('GET', `${path}/${key}`)).body),
  createAt: (call, path, port, place) => call('POST', path, { ...rule(port), position: place + 1 }),
  move: (call, path, key, place) => call('PATCH', `${path}/${key}`, { position: place + 1 }),
  replaceOne: (call, path, key, port) => call('PUT', `${path}/${key}`, rule(port)),
  patchOne: (call, path, key, port) => call('PATCH', `${path}/${key}`, { destinationPorts: [port] }),
  replaceAll: (call, path, ports, more) =>
    call('PUT', path, { rules: ports.map((port) => ({ ...rule(port), ...more })) }),
  writeBack: (call, path, { key, answered }) => call('PUT', `${path}/${key}`, answered),
  writeBackAll: async (call, path) => call('PUT', path, await made(call('GET', path))),
  limit: { rules: limits.rulesPerPolicy, status: 409, whole: 400 },
  text: { key: 'comment', characters: 1000, status: 400 },
  unknownKeys: 'refused',
  holder: {
    list: async (call) =>
      (await made(call('GET', `${policies}?limit=1000`))).policies.map(({ id }: { id: string }) => id),
    idOf: (path) => path.split('/').at(-2) ?? '',
    async read(call, id) {
      const reply = await call('GET', `${policies}/${id}`)
      return { ...reply, named: reply.body?.name }
    },
    rename: (call, id, name) => call('PATCH', `${policies}/${id}`, { name }),
    writeBack: async (call, id) =>
      call('PATCH', `${policies}/${id}`, await made(call('GET', `${policies}/${id}`))),
    remove: (call, id) => call('DELETE', `${policies}/${id}`),
  },
}

async function fill(call: Call, whose: Whose): Promise<Values> {
  const { server, interface: nic } = accounts[whose]
  const { id } = await made(call('POST', policies, { name: whose, rules: [rule(22)] }))
  const { rules } = await made(call('GET', `${policies}/${id}/rules`))
  await made(call('POST', `${policies}/${id}/attachments`, { server }))
  await made(call('POST', `${policies}/${id}/attachments`, { server, interface: nic }))
  const listed = async (resource: string, profile: string) =>
    (await made(call('POST', `/v1/${resource}`, { profile, name: `native-${whose}` }))).id
  const { revisions } = await made(call('GET', '/v1/revisions?limit=1000'))
  return {
    'credentials/id': (await made(call('POST', '/v1/credentials', credentials.createCredential))).id,
    'hosts/host': `${whose}-host`,
    ...{ 'policies/id': id, 'rules/rule': rules[0].id, 'attachments/server': server },
    ...{ 'servers/id': server, interface: nic, revision: String(revisions[0].revision) },
    ...{ 'interfaces/id': nic, 'accounts/id': (await made(call('GET', '/v1/account'))).account },
    ...{ 'projects/id': await listed('projects', 'scaleway'), 'zones/id': await listed('zones', 'ionos') },
  }
}

const managed = {
  createServer: { profile: 'upcloud', name: 'made', zone: 'fi-hel1' },
  updateServer: { name: 'renamed' },
  createInterface: { type: 'private' },
  updateInterface: { type: 'private' },
  createProject: { profile: 'scaleway', name: 'made' },
  updateProject: { name: 'renamed' },
  createZone: { profile: 'ionos', name: 'made' },
  updateZone: { name: 'renamed' },
}

const credentials = {
  createCredential: { kind: 'token', scopes: ['read'] },
  updateCredential: { label: 'renamed' },
}

const packet = { protocol: 'tcp', source: '192.0.2.1', destination: '192.0.2.2', destinationPort: 22 }
const traced = (server: string | undefined, more: object = {}) => ({
  ...{ server, direction: 'ingress', packet },
  ...more,
})

const references = (own: Values): readonly Reference[] => {
  const attachments = `${policies}/${own['policies/id']}/attachments`
  const server = own['servers/id']
  const nic = `/v1/servers/${server}/interfaces/${own.interface}`
  const of = (
    name: string,
    value: string,
    method: string,
    path: string,
    body: (id: string) => object,
  ): Reference => ({ ...{ name, value }, send: (call, id) => call(method, path, body(id)) })
  return [
    of('trace: server', 'servers/id', 'POST', '/v1/trace', (id) => traced(id)),
    of('trace: interface', 'interface', 'POST', '/v1/trace', (id) => traced(server, { interface: id })),
    of('createServer: project', 'projects/id', 'POST', '/v1/servers', (id) => ({
      ...{ profile: 'scaleway', name: 'n', zone: 'fr-par-1', project: id },
    })),
    of('createServer: datacenter', 'zones/id', 'POST', '/v1/servers', (id) => ({
      ...{ profile: 'ionos', name: 'n', datacenter: id },
    })),
    of('createAttachment: server', 'servers/id', 'POST', attachments, (id) => ({ server: id })),
    of('createAttachment: interface', 'interface', 'POST', attachments, (id) => ({ server, interface: id })),
    of('replaceAttachments: server', 'servers/id', 'PUT', attachments, (id) => ({
      attachments: [{ server }, { server: id }],
    })),
    of('replaceAttachments: interface', 'interface', 'PUT', attachments, (id) => ({
      attachments: [{ server, interface: id }],
    })),
    of('replaceServerPolicies: policies', 'policies/id', 'PUT', `/v1/servers/${server}/policies`, (id) => ({
      policies: [own['policies/id'], id],
    })),
    of('replaceInterfacePolicies: policies', 'policies/id', 'PUT', `${nic}/policies`, (id) => ({
      policies: [id],
    })),
    of('replacePolicyRules: id', 'rules/rule', 'PUT', `${policies}/${own['policies/id']}/rules`, (id) => ({
      rules: [{ ...rule(80), id }],
    })),
    of('createPolicyRule: before', 'rules/rule', 'POST', `${policies}/${own['policies/id']}/rules`, (id) => ({
      ...rule(80),
      before: id,
    })),
  ]
}

export const driver: Driver = {
  title: 'the native API',
  ...{ gaps, missing: {} },
  inventory: { own: partOf(accounts.own), foreign: partOf(accounts.foreign) },
  lists: [list],
  bodies: {
    ...credentials,
    ...managed,
    ...{ createPolicy: { name: 'taken' }, updatePolicy: { cutFlows: 'revoked' }, revertPolicy: { to: 1 } },
    ...{ replacePolicyRules: { rules: [] }, createPolicyRule: rule(80), replacePolicyRule: rule(80) },
    ...{ updatePolicyRule: { enabled: false }, replaceAttachments: { attachments: [] } },
    createAttachment: { server: accounts.own.server },
    ...{ replaceServerPolicies: { policies: [] }, replaceInterfacePolicies: { policies: [] } },
  },
  ...{ fill, references },
}
