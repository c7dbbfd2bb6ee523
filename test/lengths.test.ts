/**
 * Lengths are checked before values are parsed: a body of 2 MB, whatever is in it, costs about as much as reading it. Measured
 * against a body of that size that is refused at once, in the same run, so that a slow machine changes nothing.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { vpsId } from '../src/dialects/hostup/ids.ts'
import { credentials, servers, startService, type TestService } from './support/service.ts'

const bytes = 1_900_000
const vm = '/api/vm/10000/firewall'
const vps = `/api/v2/vps/${vpsId(servers.vm)}/firewall`
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
  readonly method: 'POST' | 'PUT'
  readonly path: string
  readonly body: (text: string) => unknown
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
  async function measured({ method, path, body }: Place, text: string) {
    const sent = Buffer.from(JSON.stringify(body(text)))
    const start = performance.now()
    const answer = await service.raw(method, path, sent, json)
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
})
