/** terraform-provider-ionoscloud: generated groups, rules, servers, NICs and attachments through their whole life. */
import assert from 'node:assert/strict'
import { goProgram, noGo } from './builds.ts'
import type { Bench, Client } from './client.ts'
import { type Effective, effective, never, ruleText, unordered } from './effective.ts'
import { environment } from './programs.ts'
import { prefix, type Random } from './random.ts'
import { type Round, rounds } from './rounds.ts'
import type { Managed, Resources } from './terraform.ts'

const version = 'v6.7.12'

export const terraformIonoscloud: Client = {
  name: 'terraform-provider-ionoscloud',
  version,
  drives:
    'datacenters, LANs, servers with an image, an empty volume or none, NICs with flow logs, rules of NICs inside and outside the server, security groups with rules, groups of servers and NICs: apply, plan, change, apply, plan, import, plan, destroy',
  limits: [
    'a property of a rule is not taken back, and its protocol is not changed: an update leaves out what is empty, and the protocol always',
    '`security_groups_ids` of an `ionoscloud_nic` is not emptied: the update leaves an empty list out',
    'the import of a server takes one rule of its inline ones, and of its inline volumes the one it boots from, whose image’s password it cannot know',
    'a rule has no IP version: it follows from the addresses, and a rule without any is for IPv4',
  ],
  obstacle: noGo,
  build: () =>
    goProgram({ module: 'github.com/ionos-cloud/terraform-provider-ionoscloud/v6', version, package: '.' }),
  run: (bench) =>
    rounds(bench, {
      provider: {
        source: 'ionos-cloud/ionoscloud',
        built: bench.built,
        environment: environment(bench.service),
      },
      generate,
      mutate,
      resources,
      importId,
      isImportable: ({ servers }) =>
        servers.every(({ volume, nic }) => volume === 'none' && (!nic.inline || nic.rules.length <= 1)),
      // The provider's own import tests leave both out as well; the second is never known after an import.
      tolerates: ({ address, attribute }, applied) =>
        address.startsWith('ionoscloud_server.') &&
        ((attribute === 'allow_replace' && !applied) || attribute === 'inline_volume_ids'),
      check,
    }),
}

interface Rule {
  /** Of the resource: the provider cannot take a property back, so another set of properties is another rule. */
  readonly key: string
  readonly name: string
  readonly protocol: 'TCP' | 'UDP' | 'ICMP' | 'ICMPv6' | 'GRE' | 'VRRP' | 'ESP' | 'AH' | 'ANY'
  readonly type: 'INGRESS' | 'EGRESS'
  readonly sourceMac?: string
  readonly sourceIp?: string
  readonly targetIp?: string
  readonly icmpType?: number
  readonly icmpCode?: number
  readonly ports?: readonly [number, number]
}

interface Nic {
  readonly active: boolean
  readonly type: 'INGRESS' | 'EGRESS' | 'BIDIRECTIONAL'
  /** Resources of their own, or, of a server's first NIC, inside the server. */
  readonly rules: readonly Rule[]
  readonly inline: boolean
  readonly groups: readonly number[]
  /** Of one that is a resource of its own. */
  readonly flowlog?: 'ACCEPTED' | 'REJECTED' | 'ALL'
}

interface Server {
  readonly groups: readonly number[]
  /** Of the server itself: none, an empty one, or one with an image that is named by its alias. */
  readonly volume: 'none' | 'empty' | 'image'
  readonly nic: Nic
  /** A second one, as a resource of its own. */
  readonly second: Nic | undefined
}

export interface Configuration {
  readonly location: string
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[]
  readonly servers: readonly Server[]
}

/** A group may have a hundred rules, and so may a NIC. */
const sizes = [0, 1, 50, 100] as const

export function generate(random: Random, index: number, quick: boolean): Configuration {
  const size = sizes[index % (quick ? 3 : sizes.length)] ?? 0
  // The big one is a group, or a NIC.
  const inGroup = random.chance(0.5)
  const rules = (count: number) => Array.from({ length: count }, () => rule(random))
  const groups = Array.from({ length: random.between(1, 3) }, (_, place) => ({
    name: `group ${random.below(1000)}`,
    rules: rules(place === 0 && inGroup ? size : random.between(0, 3)),
  }))
  const choose = () => groups.flatMap((_, place) => (random.chance(0.4) ? [place] : []))
  const nic = (count: number): Nic => ({
    active: random.chance(0.7),
    type: random.pick(['INGRESS', 'EGRESS', 'BIDIRECTIONAL']),
    rules: rules(count),
    inline: random.chance(0.4) && count > 0 && count < 10,
    groups: choose(),
  })
  const second = (): Nic => ({
    ...nic(random.between(0, 3)),
    inline: false,
    ...(random.chance(0.5) && { flowlog: random.pick(['ACCEPTED', 'REJECTED', 'ALL']) }),
  })
  const servers = Array.from({ length: random.between(1, 2) }, (_, place) => ({
    groups: choose(),
    volume: random.pick(['none', 'none', 'none', 'empty', 'image'] as const),
    nic: nic(place === 0 && !inGroup ? size : random.between(0, 3)),
    second: random.chance(0.4) ? second() : undefined,
  }))
  return { location: random.pick(['de/txl', 'de/fra', 'us/las', 'gb/lhr']), groups, servers }
}

function rule(random: Random): Rule {
  const family = random.pick(['ipv4', 'ipv6'] as const)
  const protocol = random.pick(
    family === 'ipv4'
      ? (['TCP', 'UDP', 'ICMP', 'GRE', 'VRRP', 'ESP', 'AH', 'ANY'] as const)
      : (['TCP', 'UDP', 'ICMPv6', 'ESP', 'ANY'] as const),
  )
  const first = random.between(1, 65534)
  const withPorts = (protocol === 'TCP' || protocol === 'UDP') && random.chance(0.8)
  const withIcmp = protocol === 'ICMP' || protocol === 'ICMPv6'
  const bare = protocol === 'ICMPv6' || family === 'ipv4'
  // The family follows from the addresses: without one it is IPv4, or ICMPv6's.
  const source = !bare || random.chance(0.6)
  return {
    key: `r${random.below(2 ** 32)}`,
    name: `rule ${random.below(1000)}`,
    protocol,
    type: random.pick(['INGRESS', 'EGRESS']),
    ...(random.chance(0.2) && { sourceMac: `02:01:0A:${hex(random)}:${hex(random)}:${hex(random)}` }),
    ...(source && { sourceIp: address(random, family) }),
    ...(random.chance(0.3) && { targetIp: address(random, family) }),
    ...(withIcmp && random.chance(0.7) && { icmpType: random.pick([0, 3, 8, 128, 254]) }),
    ...(withIcmp && random.chance(0.4) && { icmpCode: random.pick([0, 1, 254]) }),
    ...(withPorts && { ports: [first, random.chance(0.5) ? first : random.between(first, 65534)] as const }),
  }
}

const hex = (random: Random) => random.below(256).toString(16).toUpperCase().padStart(2, '0')

/** An address or a prefix. A prefix of everything is written as it is, too. */
const address = (random: Random, family: 'ipv4' | 'ipv6') => {
  const text = prefix(random, family)
  return random.chance(0.5) ? text : (text.split('/', 1)[0] ?? '')
}

export function mutate(random: Random, old: Configuration): Configuration {
  const rules = (list: readonly Rule[]) => {
    const kept = list
      .filter(() => random.chance(0.8))
      .map((each) => (random.chance(0.3) ? changed(random, each) : each))
    return kept.length < list.length || list.length === 0 ? [...kept, rule(random)] : kept
  }
  const choose = () => old.groups.flatMap((_, place) => (random.chance(0.4) ? [place] : []))
  const nic = (each: Nic, groups: readonly number[]): Nic => ({
    active: random.chance(0.7),
    type: random.pick(['INGRESS', 'EGRESS', 'BIDIRECTIONAL']),
    // An inline rule that is taken out of the middle is, to the provider, a change of all that follow.
    rules: each.inline ? each.rules.map((rule) => changed(random, rule)) : rules(each.rules),
    inline: each.inline,
    groups,
    ...(each.flowlog && { flowlog: each.flowlog }),
  })
  // A NIC that is a resource of its own is not taken out of its last group.
  const second = (each: Nic) => {
    const groups = choose()
    return nic(each, groups.length > 0 ? groups : each.groups)
  }
  return {
    location: old.location,
    groups: old.groups.map((each) => ({ name: `${each.name}, changed`, rules: rules(each.rules) })),
    servers: old.servers.map((server) => ({
      groups: choose(),
      volume: server.volume,
      nic: nic(server.nic, choose()),
      second: server.second && second(server.second),
    })),
  }
}

/** Other values in the same properties. */
function changed(random: Random, old: Rule): Rule {
  const family = familyOf(old)
  const first = random.between(1, 65534)
  return {
    ...old,
    name: `changed ${random.below(1000)}`,
    ...(old.sourceIp !== undefined && { sourceIp: address(random, family) }),
    ...(old.targetIp !== undefined && { targetIp: address(random, family) }),
    ...(old.icmpType !== undefined && { icmpType: random.below(255) }),
    ...(old.ports && { ports: [first, random.between(first, 65534)] as const }),
  }
}

const familyOf = ({ sourceIp, targetIp, protocol }: Rule) =>
  `${sourceIp ?? ''}${targetIp ?? ''}`.includes(':') ||
  (sourceIp === undefined && targetIp === undefined && protocol === 'ICMPv6')
    ? 'ipv6'
    : 'ipv4'

const properties = (rule: Rule) => ({
  name: rule.name,
  protocol: rule.protocol,
  type: rule.type,
  ...(rule.sourceMac !== undefined && { source_mac: rule.sourceMac }),
  ...(rule.sourceIp !== undefined && { source_ip: rule.sourceIp }),
  ...(rule.targetIp !== undefined && { target_ip: rule.targetIp }),
  ...(rule.icmpType !== undefined && { icmp_type: String(rule.icmpType) }),
  ...(rule.icmpCode !== undefined && { icmp_code: String(rule.icmpCode) }),
  ...(rule.ports && { port_range_start: rule.ports[0], port_range_end: rule.ports[1] }),
})

const volume = { name: 'system', size: 5, disk_type: 'SSD Standard' }
const volumes = {
  none: {},
  empty: { volume: { ...volume, licence_type: 'OTHER' } },
  image: { volume, image_name: 'ubuntu:latest', image_password: 'K3tTj8G14a3EgKyNeeiY' },
} as const

function resources({ location, groups, servers }: Configuration, prefix: string): Resources {
  const datacenter = `\${ionoscloud_datacenter.${prefix}.id}`
  const lan = `\${ionoscloud_lan.${prefix}.id}`
  const nsg = (index: number) => `\${ionoscloud_nsg.${prefix}g${index}.id}`
  const switches = ({ active, type, groups }: Nic) => ({
    lan,
    dhcp: true,
    firewall_active: active,
    firewall_type: type,
    security_groups_ids: groups.map(nsg),
  })
  const [nics, rules, groupRules]: Record<string, object>[] = [{}, {}, {}]
  for (const [index, { rules }] of groups.entries()) {
    for (const rule of rules)
      Object.assign(groupRules as object, {
        [`${prefix}${rule.key}`]: { datacenter_id: datacenter, nsg_id: nsg(index), ...properties(rule) },
      })
  }
  for (const [index, { nic, second }] of servers.entries()) {
    const server = `ionoscloud_server.${prefix}s${index}`
    const place = { datacenter_id: datacenter, server_id: `\${${server}.id}` }
    if (second) {
      const { flowlog: action } = second
      const flowlog = { name: 'log', action, direction: 'BIDIRECTIONAL', bucket: 'flowlogs' }
      Object.assign(nics as object, {
        [`${prefix}s${index}`]: { ...place, ...switches(second), ...(action && { flowlog }) },
      })
    }
    for (const [each, id] of [
      [nic, `\${${server}.nic[0].id}`],
      [second, `\${ionoscloud_nic.${prefix}s${index}.id}`],
    ] as const) {
      if (!each || each.inline) continue
      for (const rule of each.rules)
        Object.assign(rules as object, {
          [`${prefix}${rule.key}`]: { ...place, nic_id: id, ...properties(rule) },
        })
    }
  }
  return {
    ionoscloud_datacenter: { [prefix]: { name: `datacenter ${prefix}`, location } },
    ionoscloud_lan: { [prefix]: { datacenter_id: datacenter, public: true, name: 'lan' } },
    ionoscloud_nsg: Object.fromEntries(
      groups.map(({ name }, index) => [
        `${prefix}g${index}`,
        { datacenter_id: datacenter, name, description: 'for Terraform' },
      ]),
    ),
    ionoscloud_server: Object.fromEntries(
      servers.map(({ groups, volume, nic }, index) => [
        `${prefix}s${index}`,
        {
          name: `server ${index}`,
          datacenter_id: datacenter,
          cores: 1,
          ram: 1024,
          type: 'ENTERPRISE',
          ...volumes[volume],
          nic: {
            ...switches(nic),
            ...(nic.inline && { firewall: nic.rules.map(properties) }),
          },
          security_groups_ids: groups.map(nsg),
        },
      ]),
    ),
    ionoscloud_nic: nics ?? {},
    ionoscloud_firewall: rules ?? {},
    ionoscloud_nsg_firewallrule: groupRules ?? {},
  }
}

function importId({ address, values }: Managed): string {
  const { datacenter_id: datacenter, server_id: server, nic_id: nic, nsg_id: group, id } = values
  const type = address.split('.', 1)[0]
  if (type === 'ionoscloud_server') {
    // The first NIC and its rules, without which the import takes the NIC for nobody's.
    const rules = values.firewallrule_ids as readonly string[]
    return [datacenter, id, values.primary_nic, ...rules].filter(Boolean).join('/')
  }
  return [datacenter, server, nic, group, id].filter(Boolean).join('/')
}

async function check({ service }: Bench, { configuration, prefix, resources }: Round<Configuration>) {
  const find = (address: string) => resources.find((each) => each.address === address)?.values
  for (const [index, server] of configuration.servers.entries()) {
    const { id, primary_nic: first } = find(`ionoscloud_server.${prefix}s${index}`) ?? {}
    const second = find(`ionoscloud_nic.${prefix}s${index}`)?.id
    const { interfaces } = await service.read(`/v1/servers/${id}`)
    assert.equal(interfaces.length, server.second ? 2 : 1)
    for (const [nic, at] of [
      [server.nic, first],
      [server.second, second],
    ] as const) {
      if (!nic) continue
      const found = interfaces.find((each: { id: string }) => each.id === at)
      const wanted = expected(configuration, server, nic)
      const { stateful, ...policy } = unordered(effective(found))
      const what = `${prefix}s${index}, NIC ${at}`
      assert.deepEqual(policy, { ingress: wanted.ingress, egress: wanted.egress }, what)
      if (wanted.stateful !== undefined) assert.equal(stateful, wanted.stateful, what)
    }
  }
}

/** Allow lists: the NIC's own where its firewall filters, and those of all groups of NIC and server. */
export function expected({ groups }: Configuration, server: Server, nic: Nic): Effective {
  const attached = [...new Set([...server.groups, ...nic.groups])]
  const side = (type: Rule['type']) => {
    const own = nic.active && (nic.type === type || nic.type === 'BIDIRECTIONAL')
    if (!own && attached.length === 0) return 'unfiltered' as const
    const rules = [...(own ? nic.rules : []), ...attached.flatMap((index) => groups[index]?.rules ?? [])]
    return {
      default: 'deny' as const,
      rules: rules
        .filter((each) => each.type === type)
        .map(text)
        .sort(),
    }
  }
  const [ingress, egress] = [side('INGRESS'), side('EGRESS')]
  const filtered = ingress !== 'unfiltered' || egress !== 'unfiltered'
  return { ...(filtered && { stateful: true }), ingress, egress }
}

const numbers = { TCP: 6, UDP: 17, ICMP: 1, ICMPv6: 58, GRE: 47, VRRP: 112, ESP: 50, AH: 51, ANY: undefined }

function text(rule: Rule): string {
  const family = familyOf(rule)
  // ICMP of the other family is none.
  if (rule.protocol === (family === 'ipv4' ? 'ICMPv6' : 'ICMP')) return never
  return ruleText({
    action: 'allow',
    family,
    protocol: numbers[rule.protocol],
    source: rule.sourceIp,
    destination: rule.targetIp,
    ports: rule.ports,
    icmpType: rule.icmpType,
    icmpCode: rule.icmpCode,
    mac: rule.sourceMac?.toLowerCase(),
  })
}
