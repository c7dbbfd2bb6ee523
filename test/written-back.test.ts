/**
 * Read, then written back unchanged: accepted, and nothing changes. Not one byte of any answer, no id, no revision. A row per
 * resource that can be read and written; IONOS Cloud's, which nest in each other, have a test of their own beside the dialect.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { vpsId } from '../src/dialects/hostup/ids.ts'
import { onBothStores, servers, type TestService } from './support/service.ts'

interface Row {
  readonly resource: string
  /** Makes what is read, and answers its path. */
  readonly path: string | ((service: TestService) => Promise<string>)
  /** What of the answer is sent; the whole body when absent. */
  // biome-ignore lint/suspicious/noExplicitAny: a test picks from whatever came
  readonly body?: (read: any) => unknown
  /** Where it is written, when not where it was read. */
  readonly to?: string
  readonly method?: 'PUT' | 'PATCH'
  readonly headers?: Readonly<Record<string, string>>
}

const vm = '/api/vm/10000/firewall'
const vps = `/api/v2/vps/${vpsId(servers.vm)}/firewall`
const server = `/1.3/server/${servers.web}`

/** Rules of HostUp, each with something that a careless PUT would lose or refuse. */
const hostupRules: Readonly<Record<string, object>> = {
  'of everything': { type: 'in', action: 'DROP' },
  'of a port': {
    type: 'in',
    action: 'ACCEPT',
    proto: 'tcp',
    dport: 'ssh,8000:8080',
    source: '2001:db8::1/32',
  },
  'with blanks around the comment': { type: 'in', action: 'ACCEPT', comment: '  a # b ' },
  'with a blank comment': { type: 'in', action: 'REJECT', comment: '   ' },
  'of a macro': { type: 'in', action: 'ACCEPT', macro: 'ping', log: 'info' },
  'of one interface': { type: 'in', action: 'ACCEPT', iface: 'net1', proto: 'udp', sport: '53' },
  'of an ICMP type': { type: 'in', action: 'ACCEPT', proto: 'icmp', 'icmp-type': 'echo-request' },
  'that is off': { type: 'in', action: 'ACCEPT', enable: 0 },
}
const outward = { type: 'out', action: 'REJECT', proto: 'icmpv6', dport: '128', dest: '2001:db8::/32' }
const whole = { proto: '', dport: '', source: '', comment: '', enable: 1 }

const ok = async (service: TestService, method: string, path: string, body?: unknown) => {
  const answer = await service.call(method, path, body)
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`)
  return answer.body
}
const withRule = (rule: object, path: string) => async (service: TestService) => {
  await ok(service, 'POST', vm, { ...whole, ...rule })
  return path
}
const group = async (service: TestService, name: string) => {
  const rules = [...Object.values(hostupRules), outward]
    .filter((rule) => !('iface' in rule))
    .map((rule) => ({ ...whole, ...rule }))
  const made = await ok(service, 'POST', '/api/firewall-groups', { name, description: 'x', rules })
  return String(made.data.group.id)
}

const rows: readonly Row[] = [
  ...Object.entries({ ...hostupRules, outward }).map(
    ([name, rule]): Row => ({
      resource: `HostUp v1 rule ${name}`,
      path: withRule(rule, vm),
      body: ({ data }) => data[0],
      to: `${vm}?pos=0`,
    }),
  ),
  {
    resource: 'HostUp v1 row of the assigned group',
    path: async (service) => {
      await ok(service, 'PUT', `${vm}/group`, { group_id: await group(service, 'web') })
      return vm
    },
    body: ({ data }) => data[0],
    to: `${vm}?pos=0`,
  },
  {
    resource: 'HostUp v1 row of a group that was renamed',
    path: async (service) => {
      const id = await group(service, 'web')
      await ok(service, 'POST', vm, { ...whole, type: 'group', action: 'web' })
      await ok(service, 'PUT', `/api/firewall-groups/${id}`, { name: 'other', rules: [] })
      await group(service, 'web')
      return vm
    },
    body: ({ data }) => data[0],
    to: `${vm}?pos=0`,
  },
  { resource: 'HostUp v1 options', path: `${vm}/options`, body: ({ data }) => data },
  {
    resource: 'HostUp v1 options, all of them changed',
    path: async (service) => {
      const switches = { dhcp: 0, ndp: 0, radv: 1, macfilter: 0, ipfilter: 1, log_level_in: 'info' }
      await ok(service, 'PUT', `${vm}/options`, {
        ...{ enable: 1, policy_in: 'REJECT', policy_out: 'DROP' },
        ...switches,
      })
      return `${vm}/options`
    },
    body: ({ data }) => data,
  },
  {
    resource: 'HostUp v1 assignment',
    path: async (service) => {
      await ok(service, 'PUT', `${vm}/group`, { group_id: await group(service, 'web') })
      await ok(service, 'POST', vm, { ...whole, ...outward })
      return `${vm}/group`
    },
    body: ({ data }) => data,
  },
  { resource: 'HostUp v1 assignment of nothing', path: `${vm}/group`, body: ({ data }) => data },
  {
    resource: 'HostUp group',
    path: async (service) => `/api/firewall-groups/${await group(service, 'web')}`,
    body: ({ data }) => data.group,
  },
  ...Object.entries(hostupRules).map(
    ([name, rule]): Row => ({
      resource: `HostUp v2 rule ${name}`,
      path: withRule(rule, vps),
      body: ({ rules }) => rules[0],
      to: `${vps}/0`,
    }),
  ),
  { resource: 'HostUp v2 options', path: `${vps}/options` },
  {
    resource: 'native policy',
    path: async (service) =>
      `/v1/policies/${(await ok(service, 'POST', '/v1/policies', { name: 'p', labels: { a: '' }, log: { egress: 'info' } })).id}`,
    method: 'PATCH',
  },
  {
    resource: 'native rules',
    path: async (service) => {
      const rule = { action: 'allow', direction: 'ingress' }
      const rules = [
        { ...rule, protocol: 'TCP', destinationPorts: [22, '080-90'], comment: ' "x" 😀', log: 'info' },
        { ...rule, protocol: 1, icmpType: 0, enabled: false },
        {
          ...rule,
          sources: ['2001:DB8::0', '10.0.0.1-10.0.0.3', '10.0.0.0/8'],
          sourceMac: '52-54-00-00-00-AA',
        },
        { direction: 'egress', action: 'reject' },
        { direction: 'egress', action: 'reject' },
      ]
      return `/v1/policies/${(await ok(service, 'POST', '/v1/policies', { name: 'p', rules })).id}/rules`
    },
  },
  { resource: 'UpCloud server', path: server },
  {
    resource: 'UpCloud server of a plan, with labels',
    path: async (service) => {
      await ok(service, 'PUT', server, {
        server: {
          ...{ plan: '2xCPU-4GB', title: 'renamed', hostname: 'web.example.com', firewall: 'off' },
          ...{ labels: { label: [{ key: 'a', value: '' }] }, timezone: 'Europe/Helsinki' },
        },
      })
      return server
    },
  },
  {
    resource: 'UpCloud server of a size of its own',
    path: async (service) => {
      await ok(service, 'PUT', server, { server: { core_number: '3', memory_amount: 3072 } })
      return server
    },
  },
  {
    resource: 'UpCloud storage',
    path: async (service) => {
      const disk = { action: 'create', size: 10, title: 'disk', labels: [{ key: 'a', value: '' }] }
      const rule = { interval: 'sun', time: '0000', retention: '7' }
      const { server: made } = await ok(service, 'POST', '/1.3/server', {
        server: {
          ...{ title: 'x', hostname: 'x', zone: 'fi-hel1' },
          storage_devices: { storage_device: [{ ...disk, backup_rule: rule }] },
        },
      })
      return `/1.3/storage/${made.storage_devices.storage_device[0].storage}`
    },
  },
  {
    resource: 'UpCloud tag',
    path: async (service) => {
      await ok(service, 'POST', '/1.3/tag', { tag: { name: 'Web_1', servers: { server: [servers.web] } } })
      return '/1.3/tag/web_1'
    },
  },
  {
    resource: 'UpCloud rules',
    path: async (service) => {
      const rule = { direction: 'in', action: 'accept' }
      const range = { destination_port_start: '22', destination_port_end: '22' }
      await ok(service, 'PUT', `${server}/firewall_rule`, {
        firewall_rules: {
          firewall_rule: [
            { ...rule, family: 'IPv4', protocol: 'tcp', ...range, comment: ' "x" 😀' },
            { ...rule, family: 'IPv6', protocol: 'icmp', icmp_type: 0 },
            { ...rule, source_address_start: '2001:DB8::0', source_address_end: '2001:db8::ffff' },
            { direction: 'out', action: 'drop' },
          ],
        },
      })
      return `${server}/firewall_rule`
    },
  },
]

/** Answers of everything that could show a change, without what differs with every request. */
async function everything(service: TestService): Promise<Record<string, unknown>> {
  const paths = [
    ...[vm, `${vm}/options`, `${vm}/group`, '/api/firewall-groups', vps, `${vps}/options`],
    ...[server, `${server}/firewall_rule`, '/v1/servers', '/v1/audit'],
    ...[servers.vm, servers.web].map((id) => `/v1/servers/${id}`),
  ]
  const groups = (await service.call('GET', '/api/firewall-groups')).body.data.groups
  const answers: Record<string, unknown> = {}
  for (const path of [...paths, ...groups.map(({ id }: { id: string }) => `/api/firewall-groups/${id}`)]) {
    const { timestamp: _, requestId: __, ...body } = (await service.call('GET', path)).body
    answers[path] = body
  }
  return answers
}

/** As HostUp's VM was: no rules, no groups, options by default. */
async function emptied(service: TestService): Promise<void> {
  for (const { pos } of (await ok(service, 'GET', vm)).data.toReversed()) {
    await ok(service, 'DELETE', `${vm}?pos=${pos}`)
  }
  for (const { id } of (await ok(service, 'GET', '/api/firewall-groups')).data.groups) {
    await ok(service, 'DELETE', `/api/firewall-groups/${id}`)
  }
  const switches = { dhcp: 1, ndp: 1, radv: 0, macfilter: 1, ipfilter: 0 }
  await ok(service, 'PUT', `${vm}/options`, {
    ...{ enable: 0, policy_in: 'DROP', policy_out: 'ACCEPT', log_level_in: 'nolog' },
    ...switches,
  })
}

onBothStores('read, then written back', (start) => {
  let service: TestService
  before(async () => {
    service = await start()
  })
  after(() => service.close())
  beforeEach(() => emptied(service))

  for (const { resource, path, body = (read: unknown) => read, to, method = 'PUT', headers } of rows) {
    test(resource, async () => {
      const from = typeof path === 'string' ? path : await path(service)
      // Times would differ if they were written again.
      service.advance(60_000)
      const read = await service.call('GET', from, undefined, headers)
      assert.equal(read.status, 200, read.text)
      const [revision, before] = [await service.storage.revision(), await everything(service)]
      const written = await service.call(method, to ?? from, body(read.body), headers)
      assert.ok(written.status < 300, `${written.status} ${written.text}`)
      assert.deepEqual(await everything(service), before)
      assert.equal(await service.storage.revision(), revision)
    })
  }
})
