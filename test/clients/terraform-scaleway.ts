/** terraform-provider-scaleway: generated groups, rules, servers and attachments through their whole life. */
import assert from 'node:assert/strict'
import { goProgram, noGo } from './builds.ts'
import type { Bench, Client } from './client.ts'
import { type Effective, effective, ruleText } from './effective.ts'
import { environment } from './programs.ts'
import { prefix, type Random } from './random.ts'
import { type Round, rounds } from './rounds.ts'
import type { Difference, Resources } from './terraform.ts'

const version = 'v2.81.0'

export const terraformScaleway: Client = {
  name: 'terraform-provider-scaleway',
  version,
  drives:
    'security groups with rules inside and outside, servers with user data and the group each is in: apply, plan, change, apply, plan, import, plan, destroy',
  limits: [
    'a description is not taken back: the empty text is left out of the PATCH, and every plan wants to send it again',
    'after an import it wants to write an address that stands alone in a rule, `external_rules`, and a server’s image label once more; then the plan is empty',
    'a server without an image, as one of an inventory is, cannot be described; its group can',
  ],
  obstacle: noGo,
  build: () =>
    goProgram({ module: 'github.com/scaleway/terraform-provider-scaleway/v2', version, package: '.' }),
  run: (bench) =>
    rounds(bench, {
      provider: {
        source: 'scaleway/scaleway',
        built: bench.built,
        environment: environment(bench.service),
      },
      generate,
      mutate,
      resources,
      importId: ({ values }) => values.id,
      isImportable: () => true,
      tolerates,
      check,
    }),
}

/** Nothing of it stays after the next apply. */
function tolerates({ address, attribute = '', before, after }: Difference, applied: boolean): boolean {
  // Of the configuration alone: no answer says them. A label is compared with the image's id later.
  const unread = /^(external_rules|replace_on_type_change|image)$/.test(attribute)
  // Rules that are a resource of their own are read as the group's, too, until it knows that they are external.
  const external = /^scaleway_instance_security_group\./.test(address) && JSON.stringify(after) === '[]'
  // An address alone is read as `ip` and as `ip_range`, because the provider does not know which was configured.
  const rules = /^(in|out)bound_rule$/.test(attribute) && (external || withoutIp(before) === withoutIp(after))
  return !applied && address.startsWith('scaleway_instance_') && (unread || rules)
}

const withoutIp = (rules: unknown) =>
  JSON.stringify((rules as readonly { readonly ip?: string }[]).map(({ ip, ...rest }) => rest))

type Action = 'accept' | 'drop'

interface Rule {
  readonly action: Action
  readonly protocol: 'TCP' | 'UDP' | 'ICMP' | 'ANY'
  /** One, or both ends of a range; absent: all. */
  readonly ports?: readonly [number, number]
  readonly range: string
}

interface Group {
  readonly name: string
  readonly description: string
  readonly tags: readonly string[]
  readonly stateful: boolean
  readonly inboundDefault: Action
  readonly outboundDefault: Action
  readonly defaultSecurity: boolean
  /** Rules are a resource of their own. */
  readonly external: boolean
  readonly inbound: readonly Rule[]
  readonly outbound: readonly Rule[]
}

export interface Configuration {
  readonly groups: readonly Group[]
  readonly servers: readonly Server[]
}

interface Server {
  /** Index. */
  readonly group: number
  readonly userData: Readonly<Record<string, string>>
}

/** A group may have a thousand rules of its own. */
const sizes = [0, 1, 50, 1000] as const

export function generate(random: Random, index: number, quick: boolean): Configuration {
  const size = sizes[index % (quick ? 3 : sizes.length)] ?? 0
  const groups = Array.from({ length: random.between(1, 3) }, (_, place) =>
    group(random, place === 0 ? size : random.between(0, 5)),
  )
  // Without servers a policy is in force nowhere, and cannot be judged.
  const servers = Array.from({ length: random.between(1, 3) }, () => server(random, groups.length))
  return { groups, servers: [{ group: 0, userData: {} }, ...servers] }
}

const server = (random: Random, groups: number): Server => ({
  group: random.below(groups),
  userData: random.pick([{}, { 'cloud-init': '#cloud-config\n' }, { foo: 'bar', note: 'déjà vu ✓' }]),
})

function group(random: Random, size: number): Group {
  const all = Array.from({ length: size }, () => rule(random))
  const split = random.between(0, size)
  return {
    name: `group ${random.below(1000)}`,
    description: random.pick(['web', 'for Terraform', 'déjà vu ✓']),
    tags: random.pick([[], ['a'], ['b', 'a']]),
    stateful: random.chance(0.7),
    inboundDefault: random.pick(['accept', 'drop']),
    outboundDefault: random.pick(['accept', 'drop']),
    defaultSecurity: random.chance(0.6),
    external: random.chance(0.3),
    inbound: all.slice(0, split),
    outbound: all.slice(split),
  }
}

function rule(random: Random): Rule {
  const protocol = random.pick(['TCP', 'UDP', 'ICMP', 'ANY'] as const)
  const first = random.pick([1, 22, 80, random.between(1, 65534)])
  const ports = random.pick([[first, first], [first, random.between(first + 1, 65535)], undefined] as const)
  return {
    action: random.pick(['accept', 'drop']),
    protocol,
    ...((protocol === 'TCP' || protocol === 'UDP') && ports && { ports }),
    range: prefix(random, random.pick(['ipv4', 'ipv6'])),
  }
}

/** What a person changes: rules added, removed and reordered, defaults, servers moved. */
export function mutate(random: Random, { groups, servers }: Configuration): Configuration {
  const changed = groups.map((old, place) => {
    const fresh = group(random, 0)
    const rules = (list: readonly Rule[]) => {
      const kept = list.filter(() => random.chance(0.8))
      const [moved] = kept.splice(random.below(kept.length + 1), 1)
      // As many as there were at most: a group that is full stays full.
      const added = Array.from({ length: Math.min(2, list.length - kept.length + 1) }, () => rule(random))
      return [...added, ...kept, ...(moved ? [moved] : [])].slice(0, Math.max(1, list.length))
    }
    const same = place > 0 && random.chance(0.2)
    // Moving rules in or out of the group is another resource.
    return same
      ? old
      : { ...fresh, external: old.external, inbound: rules(old.inbound), outbound: rules(old.outbound) }
  })
  return { groups: changed, servers: servers.map(() => server(random, groups.length)) }
}

export function resources({ groups, servers }: Configuration, prefix: string): Resources {
  const block = ({ action, protocol, ports, range }: Rule) => ({
    action,
    protocol,
    ip_range: range,
    ...(ports && (ports[0] === ports[1] ? { port: ports[0] } : { port_range: ports.join('-') })),
  })
  const rules = ({ inbound, outbound }: Group) => ({
    inbound_rule: inbound.map(block),
    outbound_rule: outbound.map(block),
  })
  return {
    scaleway_instance_security_group: Object.fromEntries(
      groups.map((each, index) => [
        `${prefix}g${index}`,
        {
          name: each.name,
          description: each.description,
          tags: each.tags,
          stateful: each.stateful,
          inbound_default_policy: each.inboundDefault,
          outbound_default_policy: each.outboundDefault,
          enable_default_security: each.defaultSecurity,
          ...(each.external ? { external_rules: true } : rules(each)),
        },
      ]),
    ),
    scaleway_instance_security_group_rules: Object.fromEntries(
      groups.flatMap((each, index) =>
        each.external
          ? [
              [
                `${prefix}g${index}`,
                {
                  security_group_id: `\${scaleway_instance_security_group.${prefix}g${index}.id}`,
                  ...rules(each),
                },
              ],
            ]
          : [],
      ),
    ),
    scaleway_instance_server: Object.fromEntries(
      servers.map(({ group, userData }, index) => [
        `${prefix}s${index}`,
        {
          name: `${prefix}-server-${index}`,
          type: 'DEV1-S',
          image: 'ubuntu_jammy',
          user_data: userData,
          security_group_id: `\${scaleway_instance_security_group.${prefix}g${group}.id}`,
        },
      ]),
    ),
  }
}

/** The service's policy of each server against the configuration's. */
async function check({ service }: Bench, { configuration, prefix, resources }: Round<Configuration>) {
  for (const [index, { group }] of configuration.servers.entries()) {
    const { values } = resources.find(
      ({ address }) => address === `scaleway_instance_server.${prefix}s${index}`,
    ) ?? {
      values: { id: '' },
    }
    const id = String(values.id).split('/').at(-1)
    const server = await service.read(`/v1/servers/${id}`)
    const wanted = expected(configuration.groups[group] as Group)
    for (const nic of server.interfaces) assert.deepEqual(effective(nic), wanted, `${prefix}s${index}`)
  }
}

export function expected(group: Group): Effective {
  const mail = (['ipv4', 'ipv6'] as const).flatMap((family) =>
    [25, 465, 587].map((port) => ruleText({ action: 'deny', family, protocol: 6, ports: [port, port] })),
  )
  const text = (side: 'source' | 'destination') => (rule: Rule) => {
    const family = rule.range.includes(':') ? 'ipv6' : 'ipv4'
    const protocol = { TCP: 6, UDP: 17, ICMP: family === 'ipv4' ? 1 : 58, ANY: undefined }[rule.protocol]
    return ruleText({
      action: rule.action === 'accept' ? 'allow' : 'deny',
      family,
      protocol,
      [side]: rule.range,
      ports: rule.ports,
    })
  }
  const byDefault = (action: Action) => (action === 'accept' ? 'allow' : 'deny')
  return {
    stateful: group.stateful,
    ingress: { default: byDefault(group.inboundDefault), rules: group.inbound.map(text('source')) },
    egress: {
      default: byDefault(group.outboundDefault),
      rules: [...(group.defaultSecurity ? mail : []), ...group.outbound.map(text('destination'))],
    },
  }
}
