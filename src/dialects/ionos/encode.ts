/** The model → IONOS Cloud's properties: all of them, in the order the service prints them, null where unset. */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Interface } from '../../core/model/interface.ts'
import { parseAddress } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import type { PolicyRecord, ServerRecord } from '../../storage/storage.ts'
import { canonical, ipVersionOf } from './addresses.ts'
import type { Offered } from './catalogue.ts'
import { type Attachment, ipv4BlockOf, ipv6BlockOf, pciSlotOf } from './records.ts'
import type { RuleText } from './wire.ts'

const or = (value: JsonValue | undefined, otherwise: JsonValue = null): JsonValue => value ?? otherwise

/** `group`: the id of its default group. */
export function datacenterProperties(
  body: JsonObject,
  version: number,
  group: string | null,
  { features, cpuArchitecture }: ReturnType<Offered['inLocation']>,
): JsonObject {
  return {
    name: or(body.name),
    description: or(body.description),
    location: or(body.location),
    version,
    features,
    secAuthProtection: false,
    cpuArchitecture,
    ipv6CidrBlock: or(body.ipv6CidrBlock),
    defaultSecurityGroupId: group,
  }
}

/** The provider's words for the model's states. */
export const vmStates: Readonly<Record<string, string>> = {
  started: 'RUNNING',
  stopped: 'SHUTOFF',
  suspended: 'SUSPENDED',
}

/** `boot`: references to its boot volume and CD-ROM. */
export function serverProperties(
  { name, state, attributes }: Pick<ServerRecord, 'name' | 'state' | 'attributes'>,
  boot: { readonly bootCdrom: JsonValue; readonly bootVolume: JsonValue },
): JsonObject {
  const cube = attributes.type === 'CUBE'
  return {
    templateUuid: or(attributes.templateUuid),
    name: name === '' ? null : name,
    hostname: or(attributes.hostname),
    cores: or(attributes.cores, 1),
    ram: or(attributes.ram, 1024),
    availabilityZone: or(attributes.availabilityZone, 'AUTO'),
    vmState: vmStates[state] ?? 'NOSTATE',
    ...boot,
    cpuFamily: or(attributes.cpuFamily, cube ? null : 'INTEL_SKYLAKE'),
    type: or(attributes.type, 'ENTERPRISE'),
    placementGroupId: or(attributes.placementGroupId),
    nicMultiQueue: or(attributes.nicMultiQueue, false),
  }
}

/** Where a volume is attached; `boot`: the server starts from it. */
export interface Attached extends Attachment {
  readonly server: string
  readonly boot: boolean
}

export function volumeProperties(volume: JsonObject, attached: Attached | undefined): JsonObject {
  return {
    name: or(volume.name),
    type: or(volume.type, 'HDD'),
    size: or(volume.size),
    availabilityZone: or(volume.availabilityZone, 'AUTO'),
    image: or(volume.image),
    imageAlias: null,
    imagePassword: null,
    sshKeys: null,
    bus: or(volume.bus, attached ? 'VIRTIO' : null),
    licenceType: or(volume.licenceType, 'UNKNOWN'),
    applicationType: 'UNKNOWN',
    ...{ cpuHotPlug: or(volume.cpuHotPlug, false), ramHotPlug: or(volume.ramHotPlug, false) },
    ...{ nicHotPlug: or(volume.nicHotPlug, false), nicHotUnplug: or(volume.nicHotUnplug, false) },
    discVirtioHotPlug: or(volume.discVirtioHotPlug, false),
    discVirtioHotUnplug: or(volume.discVirtioHotUnplug, false),
    exposeSerial: or(volume.exposeSerial, false),
    requireLegacyBios: or(volume.requireLegacyBios, true),
    deviceNumber: attached?.deviceNumber ?? null,
    pciSlot: attached?.pciSlot ?? null,
    backupunitId: null,
    userData: null,
    bootServer: attached?.boot ? attached.server : null,
    bootOrder: or(volume.bootOrder, attached ? 'AUTO' : 'NONE'),
  }
}

export function nicProperties({ mac, addresses, attributes, index }: Interface): JsonObject {
  const of = (family: string) =>
    addresses.filter((text) => {
      const parsed = parseAddress(text)
      return parsed.ok && parsed.value.family === family
    })
  // As the client wrote them, unless the inventory has changed them since.
  const written = (name: string, now: readonly string[]): JsonValue => {
    const text = attributes[name]
    return Array.isArray(text) && text.map((each) => canonical(each) ?? '').join() === now.join() ? text : now
  }
  const ownMac = typeof attributes.mac === 'string' ? parseMac(attributes.mac) : undefined
  return {
    name: or(attributes.name),
    mac: ownMac?.ok && ownMac.value === mac ? or(attributes.mac) : mac,
    ips: written('ips', of('ipv4')),
    dhcp: or(attributes.dhcp, true),
    ipv6Ips: written('ipv6Ips', of('ipv6')),
    ipv6CidrBlock: ipv6BlockOf(attributes),
    dhcpv6: ipv6BlockOf(attributes) === null ? null : or(attributes.dhcpv6),
    lan: Number(attributes.lan ?? 1),
    firewallActive: or(attributes.firewallActive, false),
    firewallType: or(attributes.firewallType, 'INGRESS'),
    deviceNumber: null,
    pciSlot: pciSlotOf({ attributes, index }),
    vnet: or(attributes.vnet),
  }
}

export function lanProperties(body: JsonObject): JsonObject {
  return {
    name: or(body.name),
    ipFailover: or(body.ipFailover, []),
    // A public LAN keeps its network for when it becomes private again.
    ipv4CidrBlock: body.public === true ? null : ipv4BlockOf(body),
    ipv6CidrBlock: ipv6BlockOf(body),
    pcc: or(body.pcc),
    public: or(body.public, false),
  }
}

export function ipBlockProperties(body: JsonObject, ipConsumers: readonly JsonObject[]): JsonObject {
  const { ips, location, size, name } = body
  return { ips: or(ips, []), location: or(location), size: or(size), name: or(name), ipConsumers }
}

export function flowLogProperties({ name, action, direction, bucket }: JsonObject): JsonObject {
  return { name: or(name), action: or(action), direction: or(direction), bucket: or(bucket) }
}

export function groupProperties({ name, attributes }: Pick<PolicyRecord, 'name' | 'attributes'>): JsonObject {
  return { name, description: or(attributes.description) }
}

export function ruleProperties({ meta: _, ...spec }: JsonObject): JsonObject {
  const rule = spec as unknown as RuleText
  return { ...inOrder(rule), ipVersion: ipVersionOf(rule), type: rule.type ?? 'INGRESS' }
}

export const textOf = ({ meta: _, ...text }: JsonObject): RuleText => text as unknown as RuleText

/** Whether the stored rule and this one read the same. */
export const sameRule = (stored: JsonObject, rule: RuleText): boolean =>
  isDeepStrictEqual(ruleProperties(stored), ruleProperties({ ...rule }))

/** A rule in the answer to its creation: defaults are null until the request is done. */
export function createdRule({ meta: _, ...spec }: JsonObject): JsonObject {
  return inOrder(spec as unknown as RuleText)
}

const inOrder = ({
  name,
  protocol,
  sourceMac,
  ipVersion,
  sourceIp,
  targetIp,
  ...rest
}: RuleText): JsonObject => {
  const { icmpCode, icmpType, portRangeStart, portRangeEnd, type } = rest
  const match = { name, protocol, sourceMac, ipVersion, sourceIp, targetIp }
  return { ...match, icmpCode, icmpType, portRangeStart, portRangeEnd, type }
}
