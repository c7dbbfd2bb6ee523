/**
 * Lengths are checked before values are parsed: a body of 2 MB, whatever is in it, costs about as much as reading it. Measured
 * against a body of that size that is refused at once, in the same run, so that a slow machine changes nothing.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { vpsId } from '../src/dialects/hostup/ids.ts'
import {
  credentials,
  datacenters,
  nics,
  secretKeys,
  servers,
  startService,
  type TestService,
} from './support/service.ts'

const bytes = 1_900_000
const vm = '/api/vm/10000/firewall'
const vps = `/api/v2/vps/${vpsId(servers.vm)}/firewall`
const datacenter = `/cloudapi/v6/datacenters/${datacenters.own}`
const nic = `${datacenter}/servers/${servers.cube}/nics/${nics.cube}`
const zone = '/instance/v1/zones/fr-par-1'
const chain = `/1.3/server/${servers.web}/firewall_rule`

/** What is expensive to split, match, count, sort or repeat in an error. */
const texts: Readonly<Record<string, string>> = {
  commas: '1,',
  ranges: '1:2,',
  'names of services': 'ssh,',
  colons: '0:',
  digits: '9',
  hyphens: 'a-',
  blanks: ' ',
  emoji: '😀',
}
const long = (part: string) => part.repeat(Math.ceil(bytes / Buffer.byteLength(part))).slice(0, bytes)

interface Place {
  readonly where: string
  readonly method: 'POST' | 'PUT' | 'PATCH'
  readonly path: string
  readonly body: (text: string) => unknown
  readonly key?: Readonly<Record<string, string>>
}

const rule = { type: 'in', action: 'ACCEPT', proto: 'tcp', dport: '', source: '', comment: '', enable: 1 }
const upcloud = { direction: 'in', action: 'accept', family: 'IPv4', protocol: 'tcp' }
const packet = { protocol: 'tcp', source: '192.0.2.1', destination: '192.0.2.10' }

const of = (
  where: string,
  method: Place['method'],
  path: string,
  fields: readonly string[],
  wrap: (field: string, text: string) => unknown,
): Place[] =>
  fields.map((field) => ({ where: `${where} ${field}`, method, path, body: (text) => wrap(field, text) }))

const places: readonly Place[] = [
  ...of(
    'HostUp v1',
    'POST',
    vm,
    [
      'dport',
      'sport',
      'source',
      'dest',
      'proto',
      'comment',
      'macro',
      'iface',
      'log',
      'action',
      'type',
      'digest',
    ],
    (field, text) => ({ ...rule, [field]: text }),
  ),
  ...of('HostUp v1 ICMP', 'POST', vm, ['dport', 'icmp-type'], (field, text) => ({
    ...{ ...rule, proto: 'icmp' },
    [field]: text,
  })),
  ...of('HostUp v1 macro', 'POST', vm, ['dport', 'proto'], (field, text) => ({
    ...{ ...rule, macro: 'SSH' },
    [field]: text,
  })),
  ...of('HostUp v1 key', 'POST', vm, ['a key'], (_, text) => ({ ...rule, [text]: 1 })),
  ...of('HostUp v2', 'POST', vps, ['dport', 'source', 'description'], (field, text) => ({
    ...{ type: 'in', action: 'DROP', proto: 'tcp' },
    [field]: text,
  })),
  ...of('HostUp v2 key', 'POST', vps, ['a key'], (_, text) => ({ type: 'in', action: 'DROP', [text]: 1 })),
  ...of('HostUp options', 'PUT', `${vm}/options`, ['policy_in', 'log_level_in'], (field, text) => ({
    ...{ enable: 1, policy_in: 'DROP' },
    [field]: text,
  })),
  ...of('HostUp v2 options', 'PUT', `${vps}/options`, ['inboundPolicy'], (field, text) => ({
    [field]: text,
  })),
  ...of('HostUp assignment', 'PUT', `${vm}/group`, ['group_id'], (field, text) => ({ [field]: text })),
  ...of('HostUp group', 'POST', '/api/firewall-groups', ['name', 'description'], (field, text) => ({
    ...{ name: 'x', description: null, rules: [] },
    [field]: text,
  })),
  ...of(
    'HostUp group rule',
    'POST',
    '/api/firewall-groups',
    ['dport', 'source', 'comment'],
    (field, text) => ({
      ...{ name: 'x', description: null },
      rules: [{ ...rule, [field]: text }],
    }),
  ),
  ...of(
    'UpCloud',
    'POST',
    chain,
    [
      ...['direction', 'action', 'family', 'protocol', 'position', 'icmp_type', 'comment'],
      ...['source_address_start', 'source_address_end', 'destination_port_start', 'destination_port_end'],
    ],
    (field, text) => ({
      firewall_rule: {
        ...upcloud,
        source_address_start: '10.0.0.1',
        destination_port_start: '1',
        [field]: text,
      },
    }),
  ),
  ...of('UpCloud key', 'POST', chain, ['a key'], (_, text) => ({ firewall_rule: { ...upcloud, [text]: 1 } })),
  ...of(
    'UpCloud server',
    'PUT',
    `/1.3/server/${servers.web}`,
    [
      ...['firewall', 'title', 'hostname', 'plan', 'core_number', 'timezone', 'simple_backup', 'zone'],
      ...['firewall_private', 'boot_order', 'memory_amount'],
    ],
    (field, text) => ({ server: { [field]: text } }),
  ),
  ...of('UpCloud tag', 'POST', '/1.3/tag', ['name', 'description', 'servers'], (field, text) => ({
    tag: { name: 'x', [field]: field === 'servers' ? { server: [text] } : text },
  })),
  ...of('UpCloud new server', 'POST', '/1.3/server', ['access', 'family'], (field, text) => ({
    server: {
      ...{ hostname: 'x', title: 'x', zone: 'fi-hel1' },
      ip_addresses: { ip_address: [{ [field]: text }] },
    },
  })),
  ...of('UpCloud disk', 'POST', '/1.3/server', ['size', 'interval', 'time', 'retention'], (field, text) => {
    const rule = { interval: 'daily', time: '0430', retention: '30', [field]: text }
    const disk = { action: 'create', size: field === 'size' ? text : 10, title: 'x', backup_rule: rule }
    return {
      server: {
        ...{ hostname: 'x', title: 'x', zone: 'fi-hel1' },
        storage_devices: { storage_device: [disk] },
      },
    }
  }),
  ...of('UpCloud label', 'PUT', `/1.3/server/${servers.web}`, ['key', 'value'], (field, text) => ({
    server: { labels: { label: [{ key: 'k', value: 'v', [field]: text }] } },
  })),
  ...of('trace', 'POST', '/v1/trace', ['server', 'interface', 'direction'], (field, text) => ({
    ...{ server: servers.web, direction: 'ingress', packet },
    [field]: text,
  })),
  ...of('trace packet', 'POST', '/v1/trace', ['protocol', 'source', 'sourceMac', 'state'], (field, text) => ({
    ...{ server: servers.web, direction: 'ingress' },
    packet: { ...packet, [field]: text },
  })),
  ...of(
    'IONOS rule',
    'POST',
    `${nic}/firewallrules`,
    ['name', 'protocol', 'sourceIp', 'targetIp', 'sourceMac', 'ipVersion', 'portRangeStart', 'type'],
    (field, text) => ({ properties: { protocol: 'TCP', [field]: text } }),
  ),
  ...of(
    'IONOS NIC',
    'PATCH',
    nic,
    ['name', 'mac', 'ipv6CidrBlock', 'firewallActive', 'firewallType', 'lan'],
    (field, text) => ({ [field]: text }),
  ),
  ...of('IONOS NIC, list of', 'PATCH', nic, ['ips', 'ipv6Ips'], (field, text) => ({ [field]: [text] })),
  ...of('IONOS NIC', 'PATCH', nic, ['a key'], (_, text) => ({ [`firewall${text}`]: 1 })),
  ...of('IONOS', 'PUT', `${nic}/securitygroups`, ['ids'], (field, text) => ({ [field]: [text] })),
  ...of('IONOS group', 'POST', `${datacenter}/securitygroups`, ['name', 'description'], (field, text) => ({
    properties: { name: 'x', [field]: text },
  })),
  ...of(
    'IONOS flow log',
    'POST',
    `${nic}/flowlogs`,
    ['name', 'action', 'direction', 'bucket'],
    (field, text) => ({
      properties: { name: 'f', action: 'ALL', direction: 'INGRESS', bucket: 'b', [field]: text },
    }),
  ),
  ...of('IONOS cross connect', 'POST', '/cloudapi/v6/pccs', ['name', 'description'], (field, text) => ({
    properties: { name: 'x', [field]: text },
  })),
  ...of('IONOS IP block', 'POST', '/cloudapi/v6/ipblocks', ['name', 'location', 'size'], (field, text) => ({
    properties: { location: 'de/txl', size: 1, [field]: text },
  })),
  ...of(
    'IONOS volume',
    'POST',
    `${datacenter}/volumes`,
    [
      ...[
        'name',
        'type',
        'size',
        'availabilityZone',
        'image',
        'imageAlias',
        'bus',
        'licenceType',
        'bootOrder',
      ],
      ...['exposeSerial', 'backupunitId', 'imagePassword', 'userData'],
    ],
    (field, text) => ({ properties: { name: 'v', size: 1, licenceType: 'OTHER', [field]: text } }),
  ),
  ...of('IONOS volume, list of', 'POST', `${datacenter}/volumes`, ['sshKeys'], (field, text) => ({
    properties: { name: 'v', size: 1, licenceType: 'OTHER', [field]: [text] },
  })),
  ...of(
    'IONOS server',
    'POST',
    `${datacenter}/servers`,
    ['name', 'hostname', 'type', 'cores', 'ram', 'availabilityZone', 'cpuFamily', 'templateUuid'],
    (field, text) => ({ properties: { cores: 1, ram: 1024, [field]: text } }),
  ),
  ...of('IONOS label', 'POST', `${datacenter}/labels`, ['key', 'value'], (field, text) => ({
    properties: { key: 'k', value: 'v', [field]: text },
  })),
  ...of('IONOS LAN', 'POST', `${datacenter}/lans`, ['name', 'pcc', 'ipv6CidrBlock'], (field, text) => ({
    properties: { [field]: text },
  })),
  ...of('IONOS', 'PATCH', datacenter, ['defaultSecurityGroupId', 'name'], (field, text) => ({
    [field]: text,
  })),
  ...of('native policy', 'POST', '/v1/policies', ['name', 'description', 'cutFlows'], (field, text) => ({
    ...{ name: 'x', description: '' },
    [field]: text,
  })),
  ...of('native policy, label of', 'POST', '/v1/policies', ['labels'], (field, text) => ({
    ...{ name: 'x' },
    [field]: { [text]: text },
  })),
  ...of(
    'native rule',
    'POST',
    '/v1/policies',
    ['comment', 'protocol', 'sourceMac', 'family', 'id', 'text', 'action'],
    (field, text) => ({
      name: 'x',
      rules: [{ action: 'allow', direction: 'ingress', [field]: text }],
    }),
  ),
  ...of(
    'native rule, list of',
    'POST',
    '/v1/policies',
    ['sources', 'destinations', 'sourcePorts', 'destinationPorts'],
    (field, text) => ({
      name: 'x',
      rules: [{ action: 'allow', direction: 'ingress', protocol: 'tcp', [field]: [text] }],
    }),
  ),
  ...of('native policies of', 'PUT', `/v1/servers/${servers.web}/policies`, ['policies'], (field, text) => ({
    [field]: [text],
  })),
  ...[
    ...of(
      'Scaleway group',
      'POST',
      `${zone}/security_groups`,
      ['name', 'description', 'project'],
      (field, text) => ({
        ...{ name: 'x', description: '' },
        [field]: text,
      }),
    ),
    ...of('Scaleway group', 'POST', `${zone}/security_groups`, ['inbound_default_policy'], (field, text) => ({
      ...{ name: 'x' },
      [field]: text,
    })),
    ...of('Scaleway group', 'POST', `${zone}/security_groups`, ['tags'], (field, text) => ({
      ...{ name: 'x' },
      [field]: [text],
    })),
    ...of(
      'Scaleway server',
      'POST',
      `${zone}/servers`,
      ['commercial_type', 'security_group', 'image'],
      (field, text) => ({
        ...{ name: 'x', commercial_type: 'DEV1-S' },
        [field]: text,
      }),
    ),
    ...of('Scaleway server, slot of', 'POST', `${zone}/servers`, ['volumes'], (field, text) => ({
      ...{ name: 'x', commercial_type: 'DEV1-S' },
      [field]: { [text]: {} },
    })),
  ].map((place) => ({ ...place, key: secretKeys.right })),
]

describe('2 MB in every field', () => {
  let service: TestService
  before(async () => {
    service = await startService()
  })
  after(() => service.close())

  /** Milliseconds of a body of each kind that is read and no more. */
  const baselines = new Map<string, number>()
  test('a body that is read and no more', async () => {
    for (const [name, part] of Object.entries(texts)) {
      await measured(plain, long(part))
      const answer = await measured(plain, long(part))
      assert.equal(answer.status, 400)
      baselines.set(name, answer.took)
    }
  })

  const json = { ...credentials.right, 'content-type': 'application/json' }
  async function measured({ method, path, body, key }: Place, text: string) {
    const sent = Buffer.from(JSON.stringify(body(text)))
    const start = performance.now()
    const answer = await service.raw(method, path, sent, { ...json, ...key })
    return { took: performance.now() - start, ...answer }
  }
  /** A body that is read and refused without a look at what is in it. */
  const plain: Place = { where: '', method: 'POST', path: vm, body: (text) => [text] }

  for (const place of places) {
    test(place.where, async () => {
      for (const [name, part] of Object.entries(texts)) {
        const text = long(part)
        // One that is as fast as it should be proves enough, and anything may hold a single one up.
        let [took, baseline] = [0, 0]
        for (let tries = 0; tries < 10; tries++) {
          const answer = await measured(place, text)
          assert.ok(
            answer.status >= 400 && answer.status < 500,
            `${name}: ${answer.status} ${answer.text.slice(0, 200)}`,
          )
          assert.ok(answer.text.length < 4_000, `${name}: an error of ${answer.text.length} characters`)
          took = answer.took
          baseline = baselines.get(name) ?? 0
          if (took < 3 * baseline) break
          // Slower than before, or is everything?
          baselines.set(name, Math.max(baseline, (await measured(plain, text)).took))
        }
        assert.ok(took < 3 * baseline, `${name}: ${took} ms, where reading it costs ${baseline} ms`)
      }
    })
  }

  test('lists and objects without end', async () => {
    const many = <T>(count: number, each: (index: number) => T): T[] =>
      Array.from({ length: count }, (_, index) => each(index))
    const keys = (count: number) => Object.fromEntries(many(count, (index) => [`firewall${index}`, 1]))
    const items = many(12_000, () => ({ properties: { protocol: 'TCP', sourceIp: '2001:db8::1/64' } }))
    const nested = { nics: { items: many(20_000, () => ({ properties: { lan: 1 } })) } }
    for (const [method, path, body] of [
      ['PATCH', nic, { ips: many(90_000, () => '10.0.0.1') }],
      [
        'POST',
        '/1.3/tag',
        { tag: { name: 'x', servers: { server: [...many(45_000, () => servers.web), ''] } } },
      ],
      [
        ...(['POST', '/1.3/server'] as const),
        {
          server: {
            ...{ hostname: 'x', title: 'x', zone: 'fi-hel1' },
            ip_addresses: { ip_address: many(90_000, () => ({ family: 'IPv6' })) },
          },
        },
      ],
      ['PATCH', nic, { ipv6Ips: many(90_000, () => '::1') }],
      ['PATCH', nic, keys(45_000)],
      ['PATCH', nic, keys(1900)],
      ['PUT', `${nic}/securitygroups`, { ids: many(45_000, () => nics.cube) }],
      ['POST', `${datacenter}/securitygroups`, { properties: { name: 'n' }, entities: { rules: { items } } }],
      ['POST', `${datacenter}/servers`, { properties: { cores: 1, ram: 1024 }, entities: nested }],
      ['POST', `${zone}/security_groups`, { name: 'x', tags: many(90_000, () => 'a') }],
      [
        'POST',
        '/v1/policies',
        { name: 'x', rules: many(40_000, () => ({ action: 'allow', direction: 'ingress' })) },
      ],
      ['POST', '/v1/policies', { name: 'x', labels: keys(90_000) }],
      [
        ...(['POST', '/v1/policies'] as const),
        {
          name: 'x',
          rules: [{ action: 'allow', direction: 'ingress', sources: many(90_000, () => '10.0.0.1') }],
        },
      ],
    ] as const) {
      const sent = Buffer.from(JSON.stringify(body))
      const key = path.startsWith(zone) ? secretKeys.right : {}
      // The processor's time of this thread, the client's included: whatever else runs here does not count, and what is
      // cleared away of earlier tests falls on one of three.
      let least = Number.POSITIVE_INFINITY
      let what = ''
      for (let attempt = 0; attempt < 3 && least >= 200_000; attempt++) {
        const used = process.threadCpuUsage()
        const answer = await service.raw(method, path, sent, { ...json, ...key })
        const { user, system } = process.threadCpuUsage(used)
        least = Math.min(least, user + system)
        what = `${method} ${path} ${sent.toString('utf8', 0, 60)}`
        assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status}`)
        assert.ok(answer.text.length < 20_000, `${what}: an error of ${answer.text.length} characters`)
      }
      assert.ok(least < 200_000, `${what}: ${least / 1000} ms`)
    }
  })
})
