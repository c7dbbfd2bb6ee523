/** The cases that every dialect runs, in Scaleway's words (conformance.ts). */
import type { AccountPart, Call, Driver, Item, Reference, RuleList, Values, Whose } from '../conformance.ts'
import { made } from '../conformance.ts'
import { gaps, missing } from './gaps.ts'

const accounts = {
  own: {
    project: '00c0f0a0-0003-4000-8000-0000000000a1',
    server: '00c0f0a0-0003-4000-8000-000000000001',
    address: '192.0.2.12',
    accessKey: 'SCW0WN00000000000000',
  },
  foreign: {
    project: '00c0f0a0-0003-4000-8000-0000000000a2',
    server: '00c0f0a0-0003-4000-8000-000000000002',
    address: '192.0.2.22',
    accessKey: 'SCWF0RE1GN0000000000',
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

async function fill(call: Call, whose: Whose): Promise<Values> {
  const { server, accessKey } = accounts[whose]
  const { security_group } = await made(call('POST', groups, { name: 'g' }))
  const held = await made(call('POST', `${groups}/${security_group.id}/rules`, rule(22)))
  const volumes = { 0: { volume_type: 'l_ssd' }, 1: { volume_type: 'sbs_volume' } }
  const vm = (await made(call('POST', `${zone}/servers`, { name: 'x', commercial_type: 'DEV1-S', volumes })))
    .server
  await made(call('PATCH', `${zone}/servers/${server}/user_data/cloud-init`, {}))
  const { images } = await made(call('GET', `${zone}/images`))
  return {
    ...{ zone: 'fr-par-1', 'servers/id': server, 'api-keys/key': accessKey, 'user_data/key': 'cloud-init' },
    ...{ 'security_groups/id': security_group.id, 'rules/rule': held.rule.id },
    // Everybody's.
    ...{ 'images/id': images[0].id, 'local-images/id': images[0].id },
    ...{ 'instance volumes/id': vm.volumes[0].id, 'block volumes/id': vm.volumes[1].id },
    'ips/id': (await made(call('POST', `${zone}/ips`, {}))).ip.id,
    'projects/id': (await made(call('POST', '/account/v3/projects', { name: 'p' }))).id,
  }
}

const bodies = {
  replaceGroup: { name: 'taken' },
  updateGroup: { name: 'taken', inbound_default_policy: 'accept' },
  createRule: rule(22),
  replaceRules: { rules: [] },
  replaceRule: rule(22),
  updateRule: { action: 'drop' },
  updateServer: { name: 'taken' },
  actOnServer: { action: 'terminate' },
  attachVolume: { volume_id: accounts.own.server },
  detachVolume: { volume_id: accounts.own.server },
  updateIp: { tags: ['taken'] },
  updateLocalVolume: { name: 'taken' },
  updateBlockVolume: { name: 'taken' },
  updateBlockAlphaVolume: { name: 'taken' },
  updateProject: { name: 'taken' },
}

const references = (own: Values): readonly Reference[] => {
  const server = `${zone}/servers/${own['servers/id']}`
  const vm = { name: 'x', commercial_type: 'DEV1-S' }
  const create = (name: string, value: string, path: string, body: (id: string) => object): Reference => ({
    ...{ name, value },
    send: (call, id) => call('POST', path, body(id)),
  })
  const change = (name: string, value: string, path: string, body: (id: string) => object): Reference => ({
    ...{ name, value },
    send: (call, id) => call('PATCH', path, body(id)),
  })
  const owned = [
    ['createServer', `${zone}/servers`, vm],
    ['createGroup', groups, { name: 'x' }],
    ['createIp', `${zone}/ips`, {}],
    ['createLocalVolume', `${zone}/volumes`, { name: 'x', volume_type: 'l_ssd', size: 10_000_000_000 }],
  ] as const
  return [
    ...owned.flatMap(([name, path, body]) =>
      ['project', 'organization'].map((key) =>
        create(`${name}: ${key}`, 'projects/id', path, (id) => ({ ...body, [key]: id })),
      ),
    ),
    ...['v1', 'v1alpha1'].map((version) =>
      create(
        `block ${version}: project_id`,
        'projects/id',
        `/block/${version}/zones/fr-par-1/volumes`,
        (id) => ({
          ...{ name: 'x', project_id: id, from_empty: { size: 10_000_000_000 }, perf_iops: 5000 },
        }),
      ),
    ),
    create('createServer: security_group', 'security_groups/id', `${zone}/servers`, (id) => ({
      ...vm,
      security_group: id,
    })),
    create('createServer: public_ips', 'ips/id', `${zone}/servers`, (id) => ({ ...vm, public_ips: [id] })),
    create('createServer: public_ip', 'ips/id', `${zone}/servers`, (id) => ({ ...vm, public_ip: id })),
    ...['instance', 'block'].flatMap((product) => [
      create(`createServer: ${product} volume`, `${product} volumes/id`, `${zone}/servers`, (id) => ({
        ...vm,
        volumes: { 0: { id } },
      })),
      change(`updateServer: ${product} volume`, `${product} volumes/id`, server, (id) => ({
        volumes: { 0: { id } },
      })),
      create(`attachVolume: ${product} volume`, `${product} volumes/id`, `${server}/attach-volume`, (id) => ({
        volume_id: id,
      })),
      create(`detachVolume: ${product} volume`, `${product} volumes/id`, `${server}/detach-volume`, (id) => ({
        volume_id: id,
      })),
    ]),
    change('updateServer: security_group', 'security_groups/id', server, (id) => ({
      security_group: { id },
    })),
    change('updateServer: public_ips', 'ips/id', server, (id) => ({ public_ips: [id] })),
    create('createIp: server', 'servers/id', `${zone}/ips`, (id) => ({ server: id })),
    change('updateIp: server', 'servers/id', `${zone}/ips/${own['ips/id']}`, (id) => ({ server: id })),
    {
      ...{ name: 'replaceRules: id', value: 'rules/rule' },
      send: (call, id) =>
        call('PUT', `${groups}/${own['security_groups/id']}/rules`, { rules: [{ ...rule(80), id }] }),
    },
    {
      ...{ name: 'replaceGroup: servers', value: 'servers/id', ignored: true },
      send: (call, id) =>
        call('PUT', `${groups}/${own['security_groups/id']}`, { name: 'g', servers: [{ id, name: 'x' }] }),
    },
  ]
}

export const driver: Driver = {
  title: 'Scaleway',
  ...{ gaps, missing },
  inventory: { own: partOf(accounts.own), foreign: partOf(accounts.foreign) },
  lists: [group],
  ...{ fill, bodies, references },
}
