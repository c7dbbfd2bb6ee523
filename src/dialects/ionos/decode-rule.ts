/** A rule's properties → the model, with the provider's own validation of the rule that results (contract: ionos §2.1). */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Match } from '../../core/model/rule.ts'
import type { Family } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import { ICMP, ICMPV6, TCP, UDP } from '../../core/net/protocol.ts'
import type { NewRule } from '../../storage/storage.ts'
import { familyOf, ipVersionOf, parseAddresses } from './addresses.ts'
import { type Fields, narrowing, type Table, text } from './fields.ts'
import { type IpVersion, type Protocol, protocols, type RuleText } from './wire.ts'

const address = (value: JsonValue) =>
  parseAddresses(String(value)) ? undefined : 'Attribute value must be an IP address or a CIDR block'

const port = { type: 'integer', range: [1, 65535] } as const
const icmp = { type: 'integer', range: [0, 254] } as const
const table: Table = {
  name: text,
  protocol: { type: 'text', required: true, immutable: true, oneOf: protocols },
  sourceMac: {
    type: 'text',
    objection: (value) =>
      parseMac(String(value)).ok && String(value).includes(':')
        ? undefined
        : 'Attribute value must be a MAC address of the form aa:bb:cc:dd:ee:ff',
  },
  ipVersion: { type: 'text', oneOf: ['IPv4', 'IPv6'] },
  sourceIp: { type: 'text', objection: address },
  targetIp: { type: 'text', objection: address },
  icmpCode: icmp,
  icmpType: icmp,
  portRangeStart: port,
  portRangeEnd: port,
  type: { type: 'text', oneOf: ['INGRESS', 'EGRESS'] },
}
const names = Object.keys(table)

/** Null: every IP protocol of the family. */
const numbers: Readonly<Record<Protocol, number | null>> = {
  TCP,
  UDP,
  ICMP,
  ICMPv6: ICMPV6,
  GRE: 47,
  VRRP: 112,
  ESP: 50,
  AH: 51,
  ANY: null,
}

const families = { IPv4: 'ipv4', IPv6: 'ipv6' } as const satisfies Record<IpVersion, Family>

/** Undefined if there is a violation. `old`: the rule that an update changes; absent properties keep its values. */
export function decodeRule(fields: Fields, old?: RuleText): RuleText | undefined {
  const read = fields.properties(table, old && ({ ...old } as JsonObject), narrowing)
  if (!fields.isSound) return undefined
  const unset = Object.fromEntries(names.map((name) => [name, null]))
  const rule = unpinned({ ...unset, ...old, ...read } as unknown as RuleText, old)
  check(rule, fields)
  return fields.isSound ? rule : undefined
}

/** A deduced version that a client sends back as it read it stays deduced, so it follows the addresses. */
function unpinned(rule: RuleText, old: RuleText | undefined): RuleText {
  const deduced = { ...rule, ipVersion: null }
  const repeated = old?.ipVersion === null && rule.ipVersion === ipVersionOf(old)
  return repeated && ipVersionOf(deduced) === rule.ipVersion ? deduced : rule
}

/** Reports contradictions between the properties of a rule. */
function check(rule: RuleText, fields: Fields): void {
  const { protocol, portRangeStart: first, portRangeEnd: last, ipVersion } = rule
  const refuse = (name: keyof RuleText, reason: string) => fields.refuse(name, reason)
  const withPorts = protocol === 'TCP' || protocol === 'UDP'
  const withIcmp = protocol === 'ICMP' || protocol === 'ICMPv6'
  for (const name of ['portRangeStart', 'portRangeEnd'] as const) {
    if (!withPorts && rule[name] !== null)
      refuse(name, `Attribute is not allowed with protocol '${protocol}'`)
  }
  if (withPorts && (first === null) !== (last === null)) {
    const missing = first === null ? 'portRangeStart' : 'portRangeEnd'
    refuse(missing, `Attribute '${missing}' is required: a range of ports needs both ends`)
  }
  if (withPorts && first !== null && last !== null && first > last) {
    refuse('portRangeEnd', 'Attribute value must not be less than portRangeStart')
  }
  for (const name of ['icmpCode', 'icmpType'] as const) {
    // The documentation's own examples give them with ports, where they narrow nothing.
    if (!withIcmp && !withPorts && rule[name] !== null) {
      refuse(name, `Attribute is not allowed with protocol '${protocol}'`)
    }
  }
  const [source, target] = [familyOf(rule.sourceIp), familyOf(rule.targetIp)]
  if (source && target && source !== target) {
    refuse('targetIp', 'Attribute value must be of the same IP version as sourceIp')
  } else if (ipVersion !== null && (source ?? target) && families[ipVersion] !== (source ?? target)) {
    refuse('ipVersion', 'Attribute value must match the IP version of the addresses')
  }
}

/** The rule to store; `meta` stands beside its text. */
export function modelRule(rule: RuleText, meta: JsonObject): NewRule {
  return {
    direction: rule.type === 'EGRESS' ? 'egress' : 'ingress',
    action: 'allow',
    enabled: true,
    matches: matchesOf(rule),
    spec: { ...rule, meta } as JsonObject,
  }
}

function matchesOf(rule: RuleText): readonly Match[] {
  const family = families[ipVersionOf(rule)]
  const protocol = numbers[rule.protocol]
  // ICMP of the other family is no ICMP.
  if ((protocol === ICMP && family === 'ipv6') || (protocol === ICMPV6 && family === 'ipv4')) return []
  const { portRangeStart: first, portRangeEnd: last, icmpType, icmpCode } = rule
  const mac = rule.sourceMac === null ? undefined : parseMac(rule.sourceMac)
  const [source, destination] = [rule.sourceIp, rule.targetIp].map((text) =>
    text === null ? undefined : parseAddresses(text)?.set,
  )
  const withIcmp = protocol === ICMP || protocol === ICMPV6
  return [
    {
      family,
      ...(protocol !== null && { protocol }),
      ...(source && { source }),
      ...(destination && { destination }),
      ...(first !== null && last !== null && { destinationPorts: [{ first, last }] }),
      ...(withIcmp && icmpType !== null && { icmpType }),
      ...(withIcmp && icmpCode !== null && { icmpCode }),
      ...(mac?.ok && { sourceMac: mac.value }),
    },
  ]
}
