/** The model → IONOS Cloud's properties: all of them, in the order the service prints them, null where unset. */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Interface } from '../../core/model/inventory.ts'
import { formatAddress, parseAddress } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import type { PolicyRecord } from '../../storage/storage.ts'
import { ipVersionOf } from './decode-rule.ts'
import type { RuleText } from './wire.ts'

const or = (value: JsonValue | undefined, otherwise: JsonValue = null): JsonValue => value ?? otherwise

export function datacenterProperties(body: JsonObject, version: number, group: string | null): JsonObject {
  return {
    name: or(body.name),
    description: or(body.description),
    location: or(body.location),
    version,
    // Flow logs are not among them: none is written.
    features: ['ssd', 'nic-hot-plug'],
    secAuthProtection: false,
    cpuArchitecture: [{ cpuFamily: 'INTEL_SKYLAKE', maxCores: 4, maxRam: 20480, vendor: 'GenuineIntel' }],
    ipv6CidrBlock: or(body.ipv6CidrBlock),
    defaultSecurityGroupId: group,
  }
}

export function serverProperties(name: string, attributes: JsonObject): JsonObject {
  const cube = attributes.type === 'CUBE'
  return {
    templateUuid: or(attributes.templateUuid),
    name: name === '' ? null : name,
    hostname: or(attributes.hostname),
    cores: or(attributes.cores, 1),
    ram: or(attributes.ram, 1024),
    availabilityZone: or(attributes.availabilityZone, 'AUTO'),
    vmState: 'RUNNING',
    bootCdrom: or(attributes.bootCdrom),
    bootVolume: or(attributes.bootVolume),
    cpuFamily: or(attributes.cpuFamily, cube ? null : 'INTEL_SKYLAKE'),
    type: or(attributes.type, 'ENTERPRISE'),
    placementGroupId: or(attributes.placementGroupId),
    nicMultiQueue: or(attributes.nicMultiQueue, false),
  }
}

export function volumeProperties(volume: JsonObject, server: string): JsonObject {
  return {
    name: or(volume.name),
    type: or(volume.type, 'HDD'),
    size: or(volume.size),
    availabilityZone: or(volume.availabilityZone, 'AUTO'),
    image: or(volume.image),
    imagePassword: null,
    imageAlias: or(volume.imageAlias),
    sshKeys: null,
    bus: or(volume.bus, 'VIRTIO'),
    licenceType: or(volume.licenceType, 'UNKNOWN'),
    ...{ cpuHotPlug: true, ramHotPlug: true, nicHotPlug: true, nicHotUnplug: true },
    ...{ discVirtioHotPlug: true, discVirtioHotUnplug: true },
    deviceNumber: 1,
    pciSlot: 5,
    backupunitId: or(volume.backupunitId),
    userData: null,
    bootServer: server,
    bootOrder: 'AUTO',
  }
}

export function nicProperties({ mac, addresses, attributes, index }: Interface): JsonObject {
  const of = (family: string) =>
    addresses.filter((text) => {
      const parsed = parseAddress(text)
      return parsed.ok && parsed.value.family === family
    })
  // As the client wrote them, unless the inventory has said otherwise since.
  const written = (name: string, now: readonly string[]): JsonValue => {
    const text = attributes[name]
    return Array.isArray(text) && text.map(canonical).join() === now.join() ? text : now
  }
  const ownMac = typeof attributes.mac === 'string' ? parseMac(attributes.mac) : undefined
  return {
    name: or(attributes.name),
    mac: ownMac?.ok && ownMac.value === mac ? or(attributes.mac) : mac,
    ips: written('ips', of('ipv4')),
    dhcp: or(attributes.dhcp, true),
    ipv6Ips: written('ipv6Ips', of('ipv6')),
    ipv6CidrBlock: or(attributes.ipv6CidrBlock),
    dhcpv6: or(attributes.dhcpv6),
    lan: Number(attributes.lan ?? 1),
    firewallActive: or(attributes.firewallActive, false),
    firewallType: or(attributes.firewallType, 'INGRESS'),
    deviceNumber: null,
    pciSlot: index + 4,
    vnet: or(attributes.vnet),
  }
}

function canonical(text: JsonValue): string {
  const address = parseAddress(String(text))
  return address.ok ? formatAddress(address.value.family, address.value.value) : ''
}

export function lanProperties(body: JsonObject): JsonObject {
  return {
    name: or(body.name),
    ipFailover: or(body.ipFailover, []),
    ipv4CidrBlock: or(body.ipv4CidrBlock),
    ipv6CidrBlock: or(body.ipv6CidrBlock),
    pcc: or(body.pcc),
    public: or(body.public, false),
  }
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

/** Whether a rule that is stored so reads as this one does. */
export const sameRule = (stored: JsonObject, rule: RuleText): boolean =>
  isDeepStrictEqual(ruleProperties(stored), ruleProperties({ ...rule }))

/** As it was asked for: what has a default is null until the request is done. */
export function freshRule({ meta: _, ...spec }: JsonObject): JsonObject {
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
