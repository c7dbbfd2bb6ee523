/**
 * Every field of a rule, in each dialect's words, against real packets: one table, in which a dialect says its rules for
 * each field or why it has no such field. Every probe is also put to /v1/trace, which must say what the kernel did. What
 * belongs to one dialect alone is in its own suite beside this one: groups, anti-spoofing, states, the source's MAC address.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Served } from '../../src/dialects/dialects.ts'
import type { ProbeOptions } from '../../src/lab/probe.ts'
import { noLab, openLab, type TestLab } from '../support/lab.ts'
import { datacenter } from '../support/lab-topology.ts'

type Dialect = Exclude<Served, 'native'>
type Rule = Readonly<Record<string, unknown>>
/** Rules that allow, and nothing else passes; or why the dialect has no such field. */
type Said = readonly Rule[] | string

/** The VM that each dialect filters. */
const vms: Record<Dialect, { readonly name: string; readonly ipv4: string }> = {
  upcloud: { name: 'web1', ipv4: '192.0.2.10' },
  hostup: { name: 'vps1', ipv4: '192.0.2.13' },
  ionos: { name: 'cube1', ipv4: '192.0.2.17' },
  scaleway: { name: 'scw1', ipv4: '192.0.2.15' },
}

/** A packet and the machine at the other end: `outside`, or a VM that nobody filters. */
type Packet = readonly [packet: string, peer?: 'outside' | 'web2', options?: ProbeOptions]
interface Row {
  readonly field: string
  /** Absent: inward. */
  readonly outward?: true
  readonly rules: Readonly<Record<Dialect, Said>>
  readonly passes: readonly Packet[]
  readonly stops: readonly Packet[]
}

const six = { family: 6 } as const
const v4 = { family: 'IPv4' } as const
const upcloud = (first: number, last = first, side = 'destination') => ({
  ...{ ...v4, protocol: 'tcp' },
  [`${side}_port_start`]: String(first),
  [`${side}_port_end`]: String(last),
})
const upcloudRange = (side: string, start: string, end = start) => ({
  [`${side}_address_start`]: start,
  [`${side}_address_end`]: end,
})
const hostup = (dport: string) => ({ proto: 'tcp', dport })
const ionos = (first: number, last = first) => ({
  protocol: 'TCP',
  portRangeStart: first,
  portRangeEnd: last,
})
const scaleway = (first: number, last?: number) => ({ dest_port_from: first, dest_port_to: last ?? null })
const noFamily = 'a rule is for the family of its address'

const rows: readonly Row[] = [
  {
    field: 'protocol and port',
    rules: {
      upcloud: [upcloud(22)],
      hostup: [hostup('22')],
      ionos: [ionos(22)],
      scaleway: [scaleway(22)],
    },
    passes: [['tcp/22'], ['tcp/22', 'web2']],
    stops: [['tcp/23'], ['udp/22'], ['icmp']],
  },
  {
    field: 'range of ports, both ends included',
    rules: {
      upcloud: [upcloud(8000, 8080)],
      hostup: [hostup('8000:8080')],
      ionos: [ionos(8000, 8080)],
      scaleway: [scaleway(8000, 8080)],
    },
    passes: [['tcp/8000'], ['tcp/8080']],
    stops: [['tcp/7999'], ['tcp/8081']],
  },
  {
    field: 'protocol UDP',
    rules: {
      upcloud: [{ ...upcloud(53), protocol: 'udp' }],
      hostup: [{ ...hostup('53'), proto: 'udp' }],
      ionos: [{ ...ionos(53), protocol: 'UDP' }],
      scaleway: [{ ...scaleway(53), protocol: 'UDP' }],
    },
    passes: [['udp/53']],
    stops: [['udp/54'], ['tcp/53']],
  },
  {
    field: 'any protocol',
    rules: {
      upcloud: [v4],
      hostup: [{}],
      ionos: [{ protocol: 'ANY' }],
      scaleway: [{ protocol: 'ANY' }],
    },
    passes: [['tcp/22'], ['udp/53'], ['icmp']],
    stops: [],
  },
  {
    field: 'protocol ICMP',
    rules: {
      upcloud: [{ ...v4, protocol: 'icmp' }],
      hostup: [{ proto: 'icmp' }],
      ionos: [{ protocol: 'ICMP' }],
      scaleway: [{ protocol: 'ICMP' }],
    },
    passes: [['icmp']],
    stops: [['tcp/22'], ['icmp', 'outside', six]],
  },
  {
    field: 'ICMP type',
    rules: {
      upcloud: [{ ...v4, protocol: 'icmp', icmp_type: '8' }],
      hostup: [{ proto: 'icmp', dport: 'echo-request' }],
      ionos: [{ protocol: 'ICMP', icmpType: 8 }],
      scaleway: 'a rule is for all types',
    },
    passes: [['icmp']],
    stops: [['icmp/13']],
  },
  {
    field: 'ICMP code',
    rules: {
      upcloud: 'a rule is for all codes of a type',
      hostup: 'a code comes with the name of a type alone',
      ionos: [{ protocol: 'ICMP', icmpType: 8, icmpCode: 0 }],
      scaleway: 'a rule is for all types',
    },
    passes: [['icmp']],
    stops: [['icmp/8/1']],
  },
  {
    field: 'source prefix',
    rules: {
      upcloud: [{ ...upcloud(22), ...upcloudRange('source', '198.51.100.0', '198.51.100.255') }],
      hostup: [{ ...hostup('22'), source: '198.51.100.0/24' }],
      ionos: [{ ...ionos(22), sourceIp: '198.51.100.0/24' }],
      scaleway: [{ ...scaleway(22), ip_range: '198.51.100.0/24' }],
    },
    passes: [['tcp/22']],
    stops: [
      ['tcp/22', 'web2'],
      ['tcp/22', 'outside', six],
    ],
  },
  {
    field: 'one source address',
    rules: {
      upcloud: [{ ...upcloud(22), ...upcloudRange('source', '192.0.2.11') }],
      hostup: [{ ...hostup('22'), source: '192.0.2.11' }],
      ionos: [{ ...ionos(22), sourceIp: '192.0.2.11' }],
      scaleway: [{ ...scaleway(22), ip_range: '192.0.2.11' }],
    },
    passes: [['tcp/22', 'web2']],
    stops: [['tcp/22']],
  },
  {
    field: 'range of source addresses that is no prefix',
    rules: {
      upcloud: [{ ...upcloud(22), ...upcloudRange('source', '198.51.100.3', '198.51.100.10') }],
      hostup: [{ ...hostup('22'), source: '198.51.100.3-198.51.100.10' }],
      ionos: 'an address or a prefix',
      scaleway: 'an address or a prefix',
    },
    passes: [['tcp/22']],
    stops: [['tcp/22', 'web2']],
  },
  {
    field: 'IPv6 source prefix',
    rules: {
      upcloud: [
        {
          ...{ ...upcloud(22), family: 'IPv6' },
          ...upcloudRange('source', '2001:db8:ffff::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'),
        },
      ],
      hostup: [{ ...hostup('22'), source: '2001:db8:ffff::/48' }],
      ionos: [{ ...ionos(22), sourceIp: '2001:db8:ffff::/48' }],
      scaleway: [{ ...scaleway(22), ip_range: '2001:db8:ffff::/48' }],
    },
    passes: [['tcp/22', 'outside', six]],
    stops: [
      ['tcp/22', 'web2', six],
      ['tcp/22', 'outside'],
    ],
  },
  {
    field: 'family without an address',
    rules: {
      upcloud: [{ ...upcloud(22), family: 'IPv6' }],
      hostup: noFamily,
      ionos: [{ ...ionos(22), ipVersion: 'IPv6' }],
      scaleway: noFamily,
    },
    passes: [['tcp/22', 'outside', six]],
    stops: [['tcp/22']],
  },
  {
    field: 'source port',
    rules: {
      upcloud: [upcloud(4000, 4001, 'source')],
      hostup: [{ proto: 'tcp', sport: '4000:4001' }],
      ionos: 'a rule is for all source ports',
      scaleway: 'a rule is for all source ports',
    },
    passes: [
      ['tcp/22', 'outside', { sourcePort: 4000 }],
      ['tcp/22', 'outside', { sourcePort: 4001 }],
    ],
    stops: [['tcp/22', 'outside', { sourcePort: 4002 }]],
  },
  {
    field: 'destination: the VM’s own address',
    rules: {
      upcloud: [{ ...upcloud(22), ...upcloudRange('destination', vms.upcloud.ipv4) }],
      hostup: [{ ...hostup('22'), dest: vms.hostup.ipv4 }],
      ionos: [{ ...ionos(22), targetIp: vms.ionos.ipv4 }],
      scaleway: 'a rule names the other end alone',
    },
    passes: [['tcp/22']],
    stops: [],
  },
  {
    field: 'destination: another address',
    rules: {
      upcloud: [{ ...upcloud(22), ...upcloudRange('destination', '192.0.2.200') }],
      hostup: [{ ...hostup('22'), dest: '192.0.2.200' }],
      ionos: [{ ...ionos(22), targetIp: '192.0.2.200' }],
      scaleway: 'a rule names the other end alone',
    },
    passes: [],
    stops: [['tcp/22']],
  },
  {
    field: 'direction: a rule for the other one allows nothing',
    rules: {
      upcloud: [{ ...upcloud(22), direction: 'out' }],
      hostup: [{ ...hostup('22'), type: 'out' }],
      ionos: [{ ...ionos(22), type: 'EGRESS' }],
      scaleway: [{ ...scaleway(22), direction: 'outbound' }],
    },
    passes: [],
    stops: [['tcp/22']],
  },
  {
    field: 'direction outward, protocol and port',
    outward: true,
    rules: {
      upcloud: [upcloud(443)],
      hostup: [hostup('443')],
      ionos: [ionos(443)],
      scaleway: [scaleway(443)],
    },
    passes: [['tcp/443']],
    stops: [['tcp/444'], ['udp/443']],
  },
  {
    field: 'destination, outward',
    outward: true,
    rules: {
      upcloud: [{ ...upcloud(443), ...upcloudRange('destination', '198.51.100.0', '198.51.100.255') }],
      hostup: [{ ...hostup('443'), dest: '198.51.100.0/24' }],
      ionos: [{ ...ionos(443), targetIp: '198.51.100.0/24' }],
      scaleway: [{ ...scaleway(443), ip_range: '198.51.100.0/24' }],
    },
    passes: [['tcp/443']],
    stops: [['tcp/443', 'web2']],
  },
  {
    field: 'action and order: the first match decides',
    rules: {
      upcloud: [{ ...upcloud(80), action: 'drop' }, upcloud(1, 65_535)],
      hostup: [{ ...hostup('80'), action: 'DROP' }, hostup('1:65535')],
      ionos: 'rules allow, and have no order',
      scaleway: [{ ...scaleway(80), action: 'drop' }, scaleway(1, 65_535)],
    },
    passes: [['tcp/81']],
    stops: [['tcp/80']],
  },
  {
    field: 'a rule that is switched off',
    rules: {
      upcloud: 'rules are not switched off one by one',
      hostup: [{ ...hostup('22'), enable: 0 }, hostup('23')],
      ionos: 'rules are not switched off one by one',
      scaleway: 'rules are not switched off one by one',
    },
    passes: [['tcp/23']],
    stops: [['tcp/22']],
  },
  {
    field: 'macro',
    rules: {
      upcloud: 'no macros',
      hostup: [{ macro: 'SSH' }],
      ionos: 'no macros',
      scaleway: 'no macros',
    },
    passes: [['tcp/22']],
    stops: [['tcp/23']],
  },
  {
    field: 'interface: its own',
    rules: {
      upcloud: 'a chain is for all public interfaces',
      hostup: [
        { ...hostup('22'), iface: 'net0' },
        { ...hostup('23'), iface: 'net1' },
      ],
      ionos: 'rules are those of one NIC',
      scaleway: 'a group is for the public interface',
    },
    passes: [['tcp/22']],
    stops: [['tcp/23']],
  },
]

describe('every field of a rule and real packets', { skip: noLab }, () => {
  let lab: TestLab
  let group = ''
  before(async () => {
    lab = await openLab()
    const zone = '/instance/v1/zones/fr-par-1'
    const made = await done('POST', `${zone}/security_groups`, { name: 'fields', stateful: true })
    group = `${zone}/security_groups/${made.security_group.id}`
    const attach = { security_group: { id: made.security_group.id } }
    await done('PATCH', `${zone}/servers/${lab.vm('scw1').server}`, attach)
    await lab.firewall('web1', 'on')
    await lab.firewall('web2', 'off')
  })
  after(() => lab?.close())

  async function done(method: string, path: string, body?: unknown) {
    const answer = await lab.api(method, path, body)
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  /** Closes the VM in this direction but for these rules; the other direction is open. */
  const close: Record<Dialect, (rules: readonly Rule[], outward: boolean) => Promise<void>> = {
    async upcloud(rules, outward) {
      const direction = outward ? 'out' : 'in'
      const all = [
        ...rules.map((rule) => ({ direction, action: 'accept', ...rule })),
        { direction, action: 'drop' },
      ]
      await done('PUT', `/1.3/server/${lab.vm('web1').server}/firewall_rule`, {
        firewall_rules: { firewall_rule: all },
      })
    },
    async hostup(rules, outward) {
      const path = '/api/vm/10000/firewall'
      for (const _ of (await done('GET', path)).data) await done('DELETE', `${path}?pos=0`)
      const rule = {
        type: outward ? 'out' : 'in',
        action: 'ACCEPT',
        proto: '',
        dport: '',
        source: '',
        comment: '',
      }
      // Each goes to the top.
      for (const each of rules.toReversed()) await done('POST', path, { ...rule, enable: 1, ...each })
      const policies = outward
        ? { policy_in: 'ACCEPT', policy_out: 'DROP' }
        : { policy_in: 'DROP', policy_out: 'ACCEPT' }
      await done('PUT', `${path}/options`, { enable: 1, ...policies })
    },
    async ionos(rules, outward) {
      const type = outward ? 'EGRESS' : 'INGRESS'
      const { server, nics } = lab.vm('cube1')
      const nic = `/cloudapi/v6/datacenters/${datacenter}/servers/${server}/nics/${nics[0]?.id}`
      for (const { id } of (await done('GET', `${nic}/firewallrules`)).items) {
        await done('DELETE', `${nic}/firewallrules/${id}`)
      }
      for (const rule of rules) await done('POST', `${nic}/firewallrules`, { properties: { type, ...rule } })
      await done('PATCH', nic, { firewallActive: true, firewallType: type })
    },
    async scaleway(rules, outward) {
      const rule = { protocol: 'TCP', direction: outward ? 'outbound' : 'inbound', action: 'accept' }
      await done('PUT', `${group}/rules`, {
        rules: rules.map((each) => ({ ...rule, ip_range: '0.0.0.0/0', ...each })),
      })
      await done('PATCH', group, {
        inbound_default_policy: outward ? 'accept' : 'drop',
        outbound_default_policy: outward ? 'drop' : 'accept',
      })
    },
  }

  for (const { field, outward = false, rules, passes, stops } of rows) {
    for (const [dialect, said] of Object.entries(rules) as [Dialect, Said][]) {
      if (typeof said === 'string') continue
      test(`${field}, ${dialect}`, async () => {
        await close[dialect](said, outward)
        await lab.enforced()
        const { name } = vms[dialect]
        for (const [want, packets] of [
          ['answered', passes],
          ['timed-out', stops],
        ] as const) {
          for (const [packet, peer = 'outside', options] of packets) {
            const [from, to] = outward ? [name, peer] : [peer, name]
            const { outcome } = await lab.probe(from, to, packet, options)
            assert.equal(outcome, want, `${packet} from ${from} to ${to} ${JSON.stringify(options ?? {})}`)
          }
        }
      })
    }
  }
})
