/** The model → UpCloud's JSON. What a client once gave as text comes back as that text. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Interface } from '../../core/model/interface.ts'
import { defaultSwitches } from '../../core/model/policy.ts'
import { parseAddress } from '../../core/net/address.ts'
import { originOf } from '../../core/semantics/origin.ts'
import type { ServerView } from '../../service/servers.ts'
import type { DocumentRecord, RuleRecord } from '../../storage/storage.ts'
import { type Catalogue, hostNumber, networkOf, planOf } from './catalogue.ts'
import type { RuleText, WireDisk, WireLabel, WireRule } from './wire.ts'

export function encodeRule({ position, spec }: Pick<RuleRecord, 'position' | 'spec'>): WireRule {
  const text = spec as unknown as RuleText
  return {
    action: text.action,
    comment: text.comment,
    destination_address_end: text.destination_address_end,
    destination_address_start: text.destination_address_start,
    destination_port_end: text.destination_port_end,
    destination_port_start: text.destination_port_start,
    direction: text.direction,
    family: text.family,
    icmp_type: text.icmp_type,
    position: String(position),
    protocol: text.protocol,
    source_address_end: text.source_address_end,
    source_address_start: text.source_address_start,
    source_port_end: text.source_port_end,
    source_port_start: text.source_port_start,
  }
}

export function encodeRuleList(rules: readonly RuleRecord[]): Buffer {
  return Buffer.from(JSON.stringify({ firewall_rules: { firewall_rule: rules.map(encodeRule) } }))
}

/** What an answer says of a server besides what is stored of it. */
export interface Listed {
  /** The state it is shown in (`stateAt`). */
  readonly state: string
  /** Names of its tags. */
  readonly tags: readonly string[]
  readonly catalogue: Pick<Catalogue, 'plans'>
  /** Of the installation: what hosts are numbered with. */
  readonly hostSecret: string
}

export interface Shown extends Listed {
  readonly disks: readonly ShownDisk[]
  readonly access: AccessWords
}

/** A disk as answers have it: its storage's own title, size and labels. */
export interface ShownDisk extends WireDisk {
  readonly labels: readonly WireLabel[]
}

/** What the version of the API that is called says of addresses of each kind of interface. */
export type AccessWords = Readonly<Record<Interface['type'], string>>
const accessWords: AccessWords = { public: 'public', utility: 'utility', private: 'private' }
export const accessOf = (path: string): AccessWords =>
  path.startsWith('/1.2/') ? { ...accessWords, utility: 'private' } : accessWords

/**
 * A restart shows as maintenance until this attribute's time (milliseconds since 1970), however short it was: clients
 * wait to see that state, and first look after 5 s. By the clock, so that reading changes nothing.
 */
export const restartShownUntil = 'restartShownUntil'
export function stateAt({ server }: ServerView, now: number): string {
  const until = server.attributes[restartShownUntil]
  return server.state === 'started' && typeof until === 'number' && until > now ? 'maintenance' : server.state
}

/** An element of the list of servers: the whole without `firewall` and what is costly to know. */
export function encodeListedServer(
  view: ServerView,
  { state, tags, catalogue, hostSecret }: Listed,
): JsonObject {
  const { server } = view
  const { attributes } = server
  const { name: plan, cores, memory } = planOf(attributes, catalogue)
  return {
    core_number: String(cores),
    created: Math.floor(server.createdAt / 1000),
    ...host(view, state, hostSecret),
    hostname: text(attributes.hostname, server.name),
    labels: { label: labelsOf(view) as unknown as JsonValue },
    license: 0,
    memory_amount: String(memory),
    plan,
    plan_ipv4_bytes: '0',
    plan_ipv6_bytes: '0',
    server_group: null,
    simple_backup: text(attributes.simple_backup, 'no'),
    state,
    tags: { tag: tags },
    title: server.name,
    uuid: server.id,
    zone: server.zone,
  }
}

export function encodeServer(view: ServerView, shown: Shown): JsonObject {
  const { server, chain, interfaces } = view
  const { attributes } = server
  const whole: Record<string, JsonValue> = {
    ...encodeListedServer(view, shown),
    boot_order: text(attributes.boot_order, 'disk'),
    firewall: chain?.enabled ? 'on' : 'off',
    ip_addresses: {
      ip_address: interfaces.flatMap((nic) =>
        nic.type === 'private'
          ? []
          : nic.addresses.map((address) => ({
              ...{ access: shown.access[nic.type], address, family: familyOf(address) },
            })),
      ),
    },
    metadata: text(attributes.metadata, 'no'),
    networking: encodeNetworking(view),
    nic_model: text(attributes.nic_model, 'virtio'),
    remote_access_enabled: text(attributes.remote_access_enabled, 'no'),
    remote_access_password: text(attributes.remote_access_password, ''),
    remote_access_type: text(attributes.remote_access_type, 'vnc'),
    storage_devices: { storage_device: shown.disks as unknown as JsonValue },
    timezone: text(attributes.timezone, 'UTC'),
    video_model: text(attributes.video_model, 'vga'),
  }
  return Object.fromEntries(Object.entries(whole).sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function encodeNetworking({ server, interfaces }: ServerView): JsonObject {
  return { interfaces: { interface: interfaces.map((nic) => encodeInterface(nic, server.zone)) } }
}

function encodeInterface(nic: Interface, zone: string): JsonObject {
  return {
    bootable: 'no',
    index: nic.index,
    ip_addresses: {
      ip_address: nic.addresses.map((address) => ({ address, family: familyOf(address), floating: 'no' })),
    },
    mac: nic.mac,
    network: networkOf(nic, zone),
    // Without addresses only the MAC is looked at.
    source_ip_filtering: originOf(nic, defaultSwitches)?.addresses ? 'yes' : 'no',
    type: nic.type,
  }
}

export function encodeAddress(
  { server }: ServerView,
  nic: Interface,
  address: string,
  access: AccessWords,
): JsonObject {
  return {
    access: access[nic.type],
    address,
    family: familyOf(address),
    floating: 'no',
    mac: nic.mac,
    part_of_plan: 'yes',
    ptr_record: '',
    server: server.id,
    zone: server.zone,
  }
}

/** A storage of the account's, as it stands in lists. */
export function encodeStorage({ id, body }: DocumentRecord): JsonObject {
  return {
    access: 'private',
    encrypted: 'no',
    labels: body.labels ?? [],
    license: 0,
    size: body.size ?? 10,
    state: 'online',
    tier: body.tier ?? 'maxiops',
    title: body.title ?? '',
    type: 'normal',
    uuid: id,
    zone: body.zone ?? '',
  }
}

/** With what only the answer about a single storage says; `server` is the one it is attached to. */
export function encodeStorageDetails(
  storage: JsonObject,
  backupRule: JsonValue = {},
  server?: string,
): JsonObject {
  const servers = server === undefined ? [] : [server]
  return { ...storage, backup_rule: backupRule, backups: { backup: [] }, servers: { server: servers } }
}

export function labelsOf({ server }: ServerView): readonly WireLabel[] {
  const { labels } = server.attributes
  if (Array.isArray(labels)) return labels as unknown as WireLabel[]
  // An inventory file has them as keys and values.
  return Object.entries((labels ?? {}) as JsonObject).map(([key, value]) => ({ key, value: String(value) }))
}

export function disksOf({ server }: ServerView): readonly WireDisk[] {
  return (server.attributes.disks ?? []) as unknown as WireDisk[]
}

/** A server in maintenance is on no host. */
const host = ({ server, interfaces }: ServerView, state: string, secret: string): JsonObject =>
  state === 'maintenance'
    ? {}
    : { host: hostNumber(secret, server.account, interfaces[0]?.host ?? server.zone) }

function familyOf(address: string): 'IPv4' | 'IPv6' {
  const parsed = parseAddress(address)
  return parsed.ok && parsed.value.family === 'ipv6' ? 'IPv6' : 'IPv4'
}

const text = (value: JsonValue | undefined, otherwise: string): string =>
  typeof value === 'string' ? value : otherwise
