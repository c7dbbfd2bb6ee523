/** The cases that every dialect runs, in HostUp's words (conformance.ts). */
import type { AccountPart, Call, Driver, Item, Reference, RuleList, Values, Whose } from '../conformance.ts'
import { made } from '../conformance.ts'
import { gaps, missing } from './gaps.ts'
import { vpsId } from './ids.ts'

const vms = {
  own: { id: '00c0f0a0-0002-4000-8000-000000000001', vmid: 51_000 },
  foreign: { id: '00c0f0a0-0002-4000-8000-000000000002', vmid: 52_000 },
} as const

const account = ({ id, vmid }: { id: string; vmid: number }, address: string): AccountPart => ({
  servers: [{ profile: 'hostup', id, vmid, name: id, interfaces: [{ addresses: [address] }] }],
})

const rule = (port: number) => ({ type: 'in', action: 'ACCEPT', proto: 'tcp', dport: String(port) })
const v1Rule = (port: number) => ({ ...rule(port), source: '', comment: '', enable: 1 })

/** Positions are the only names of rules. */
const itemOf = (answered: Item['answered']): Item => ({
  key: String(answered.pos),
  position: Number(answered.pos),
  port: Number(answered.dport),
  answered,
})

const v1 = `/api/vm/${vms.own.vmid}/firewall`
const v2 = `/api/v2/vps/${vpsId(vms.own.id)}/firewall`
const groups = '/api/firewall-groups'

async function emptied(call: Call): Promise<void> {
  for (const _ of (await call('GET', v1)).body.data) await call('DELETE', `${v1}?pos=0`)
}

const chain = {
  createdAt: 'first',
  readOne: missing.oneRule,
  createAt: missing.positions,
  move: missing.positions,
  replaceAll: missing.wholeChain,
  writeBackAll: missing.wholeChain,
  unknownKeys: 'refused',
  holder: missing.chainsOfTheirOwn,
} as const

const v1Chain: RuleList = {
  ...chain,
  name: 'chain of a VM, v1',
  async open(call) {
    await emptied(call)
    return v1
  },
  read: async (call, list) => (await call('GET', list)).body.data.map(itemOf),
  create: (call, list, port, more) => call('POST', list, { ...v1Rule(port), ...more }),
  remove: (call, list, key) => call('DELETE', `${list}?pos=${key}`),
  replaceOne: (call, list, key, port) => call('PUT', `${list}?pos=${key}`, v1Rule(port)),
  patchOne: missing.partOfARule,
  writeBack: (call, list, { key, answered }) =>
    call('PUT', `${list}?pos=${key}`, { comment: '', source: '', ...answered }),
  limit: { rules: 100, status: 400 },
  text: { key: 'comment', characters: 1024, status: 400 },
}

const v2Chain: RuleList = {
  ...chain,
  name: 'chain of a VM, v2',
  async open(call) {
    await emptied(call)
    return v2
  },
  read: async (call, list) => (await call('GET', list)).body.rules.map(itemOf),
  create: (call, list, port, more) => call('POST', list, { ...rule(port), enabled: true, ...more }),
  remove: (call, list, key) => call('DELETE', `${list}/${key}`),
  replaceOne: (call, list, key, port) => call('PUT', `${list}/${key}`, { ...rule(port), enabled: true }),
  patchOne: missing.partOfARule,
  writeBack: (call, list, { key, answered }) => call('PUT', `${list}/${key}`, answered),
  limit: { rules: 100, status: 409 },
  text: { key: 'description', characters: 1024, status: 400 },
}

const groupRule = (port: number) => ({ ...rule(port), enable: true })
const groupOf = async (call: Call, path: string) => (await call('GET', path)).body.data.group

const group: RuleList = {
  name: 'firewall group',
  async open(call) {
    const made = await call('POST', groups, { name: 'made', description: null, rules: [] })
    return `${groups}/${made.body.data.group.id}`
  },
  read: async (call, list) =>
    (await groupOf(call, list)).rules.map((answered: Item['answered']) => ({
      ...itemOf(answered),
      key: String(answered.id),
    })),
  create: missing.ruleOfAGroup,
  createdAt: 'last',
  remove: missing.ruleOfAGroup,
  readOne: missing.oneRule,
  createAt: missing.ruleOfAGroup,
  move: missing.ruleOfAGroup,
  replaceOne: missing.ruleOfAGroup,
  patchOne: missing.ruleOfAGroup,
  replaceAll: (call, list, ports, more) =>
    call('PUT', list, { name: 'made', rules: ports.map((port) => ({ ...groupRule(port), ...more })) }),
  writeBack: missing.ruleOfAGroup,
  writeBackAll: async (call, list) => call('PUT', list, await groupOf(call, list)),
  limit: { rules: 100, status: 400 },
  text: { key: 'comment', characters: 1024, status: 400 },
  unknownKeys: 'refused',
  holder: {
    list: async (call) => (await call('GET', groups)).body.data.groups.map(({ id }: { id: string }) => id),
    idOf: (list) => list.split('/').at(-1) ?? '',
    async read(call, id) {
      const reply = await call('GET', `${groups}/${id}`)
      return { ...reply, named: reply.body?.data?.group.name }
    },
    rename: async (call, id, name) =>
      call('PUT', `${groups}/${id}`, { ...(await groupOf(call, `${groups}/${id}`)), name }),
    writeBack: async (call, id) => call('PUT', `${groups}/${id}`, await groupOf(call, `${groups}/${id}`)),
    remove: (call, id) => call('DELETE', `${groups}/${id}`),
  },
}

async function fill(call: Call, whose: Whose): Promise<Values> {
  const { id, vmid } = vms[whose]
  await made(call('POST', `/api/vm/${vmid}/firewall`, v1Rule(22)))
  const body = { name: whose, description: null, rules: [groupRule(22)] }
  const { group } = (await made(call('POST', groups, body))).data
  const [held] = (await groupOf(call, `${groups}/${group.id}`)).rules
  return { vmid: String(vmid), id: vpsId(id), pos: '0', 'firewall-groups/id': group.id, rule: held.id }
}

const bodies = {
  createVmRule: v1Rule(22),
  updateVmRule: v1Rule(22),
  updateVmOptions: { enable: 1, policy_in: 'ACCEPT' },
  putVmGroup: { group_id: null },
  postVmGroup: { group_id: null },
  updateGroup: { name: 'taken', description: null, rules: [] },
  createVpsRule: { type: 'in', action: 'ACCEPT' },
  replaceVpsRule: { type: 'in', action: 'ACCEPT' },
  updateVpsOptions: { inboundPolicy: 'ACCEPT' },
}

const references = (own: Values): readonly Reference[] => [
  ...['PUT', 'POST'].map(
    (method): Reference => ({
      ...{ name: `${method} of the assignment: group_id`, value: 'firewall-groups/id' },
      send: (call, group_id) => call(method, `${v1}/group`, { group_id }),
    }),
  ),
  {
    ...{ name: 'updateGroup: id of a rule', value: 'rule', ignored: true },
    send: (call, id) =>
      call('PUT', `${groups}/${own['firewall-groups/id']}`, {
        ...{ name: 'own', rules: [{ ...groupRule(22), id }] },
      }),
  },
  {
    ...{ name: 'createVmRule: row of a group', value: 'firewall-groups/id', ignored: true },
    send: (call, id) =>
      call('POST', v1, {
        ...v1Rule(22),
        ...{ type: 'group', action: `g${id.replaceAll('-', '').slice(0, 12)}` },
      }),
  },
]

export const driver: Driver = {
  title: 'HostUp',
  ...{ gaps, missing },
  inventory: { own: account(vms.own, '192.0.2.11'), foreign: account(vms.foreign, '192.0.2.21') },
  lists: [v1Chain, v2Chain, group],
  ...{ fill, bodies, references },
}
