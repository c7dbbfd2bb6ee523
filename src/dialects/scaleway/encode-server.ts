/** Servers, their disks and images → Scaleway's JSON (contract: scaleway §3 B to D). */
import type { JsonObject } from '../../core/json.ts'
import { derivedId } from '../../service/derived-id.ts'
import type { ServerView } from '../../service/servers.ts'
import type { Catalogue, LocalImage } from './catalogue.ts'
import { instantOf } from './encode.ts'
import { encodeServerIp } from './encode-ip.ts'
import { encodeLocalVolume } from './encode-volume.ts'
import { hasIp, type IpRecord, type VolumeRecord } from './find.ts'
import type { ServerAttributes } from './wire.ts'

export const serverAttributes = ({ server }: Pick<ServerView, 'server'>): ServerAttributes =>
  server.attributes as unknown as ServerAttributes

/** An inventory's word for a server that runs, in Scaleway's. */
export const stateOf = ({ server }: Pick<ServerView, 'server'>): string =>
  server.state === 'started' ? 'running' : server.state

const allowedActions: Readonly<Record<string, readonly string[]>> = {
  stopped: ['poweron', 'backup'],
  starting: ['stop_in_place', 'backup'],
  running: ['poweroff', 'terminate', 'reboot', 'stop_in_place', 'backup'],
  stopping: ['stop_in_place', 'backup'],
  'stopped in place': ['poweron', 'poweroff', 'terminate', 'reboot', 'backup'],
}

/** The model's states in which an action is allowed. */
export const statesFor = (action: string): readonly string[] =>
  Object.keys(allowedActions)
    .filter((state) => allowedActions[state]?.includes(action))
    .flatMap((state) => (state === 'running' ? ['running', 'started'] : state))

const stateDetails: Readonly<Record<string, string>> = {
  starting: 'allocating node',
  running: 'booting kernel',
  stopping: 'stopping',
}

export const actionsOf = (view: Pick<ServerView, 'server'>): readonly string[] =>
  allowedActions[stateOf(view)] ?? []

/** When all images were made. */
const published = Date.UTC(2026, 0, 1)

export interface ServerContext {
  readonly organization: string
  readonly group: JsonObject
  readonly catalogue: Catalogue
  /** Its flexible IPs by id. */
  readonly ips: ReadonlyMap<string, IpRecord>
  /** The local volumes it has, by id; block storage tells of its own itself. */
  readonly localVolumes: ReadonlyMap<string, VolumeRecord>
}

export function encodeServer(view: ServerView, context: ServerContext): JsonObject {
  const { organization, group } = context
  const { types, images } = context.catalogue
  const { server, interfaces } = view
  const attributes = serverAttributes(view)
  // An inventory calls it a plan.
  const type = attributes.commercial_type ?? attributes.plan ?? 'DEV1-S'
  const image = attributes.image
    ? (images.get(attributes.image) ?? unlisted(attributes.image, server))
    : undefined
  const state = stateOf(view)
  const ips = encodeIps(view, context)
  return {
    id: server.id,
    name: server.name,
    arch: types[type]?.arch ?? 'x86_64',
    commercial_type: type,
    boot_type: attributes.boot_type ?? 'local',
    organization,
    project: attributes.project,
    hostname: server.name,
    image: image ? encodeImage(image) : null,
    volumes: encodeSlots(view, context),
    tags: attributes.tags ?? [],
    state,
    protected: attributes.protected ?? false,
    state_detail: stateDetails[state] ?? '',
    public_ip: ips[0] ?? null,
    public_ips: ips,
    mac_address: interfaces[0]?.mac ?? 'de:00:00:00:00:01',
    routed_ip_enabled: true,
    ipv6: null,
    extra_networks: [],
    dynamic_ip_required: attributes.dynamic_ip_required ?? false,
    enable_ipv6: attributes.enable_ipv6 ?? false,
    private_ip: null,
    creation_date: instantOf(server.createdAt),
    modification_date: instantOf(attributes.modifiedAt ?? server.createdAt),
    bootscript: null,
    security_group: group,
    location: null,
    maintenances: [],
    allowed_actions: actionsOf(view),
    placement_group: null,
    private_nics: [],
    zone: server.zone,
    filesystems: [],
    end_of_service: false,
    dns: `${server.id}.pub.instances.example.invalid`,
  }
}

function encodeSlots(view: ServerView, { organization, localVolumes }: ServerContext): JsonObject {
  const { id: server, name, zone } = view.server
  return Object.fromEntries(
    Object.entries(serverAttributes(view).volumes ?? {}).map(([slot, { id, boot, volume_type }]) => {
      const local = localVolumes.get(id)
      return [
        slot,
        local
          ? { boot, ...encodeLocalVolume(local, organization, { id: server, name }) }
          : { boot, volume_type, id, state: 'available', zone },
      ]
    }),
  )
}

/** Flexible IPs first, in order of attachment; then addresses of its own, which come and go with it or its power. */
function encodeIps(view: ServerView, { ips }: ServerContext): JsonObject[] {
  const flexible = attachedIps(view, ips)
  const hosts = new Set(flexible.map(({ attributes }) => attributes.host))
  const { dynamicIp } = serverAttributes(view)
  return [
    ...flexible.map(({ id, attributes: { host, tags } }) =>
      encodeServerIp(host ?? '', { id, dynamic: false, state: 'attached', tags }),
    ),
    ...ownAddresses(view)
      .filter(({ address }) => !hosts.has(address))
      .map(({ id, address }) => {
        const state = address === dynamicIp ? 'pending' : 'attached'
        return encodeServerIp(address, { id, dynamic: true, state, tags: [] })
      }),
  ]
}

/** The flexible IPs of a server, in order. */
export const attachedIps = (view: ServerView, ips: ReadonlyMap<string, IpRecord>): readonly IpRecord[] =>
  (serverAttributes(view).ips ?? []).flatMap((id) => {
    const ip = ips.get(id)
    return ip && ip.attributes.server === view.server.id && hasIp(view, ip) ? [ip] : []
  })

/** Addresses of its public interfaces, with the ids that they are shown by when they are not flexible. */
export const ownAddresses = ({ interfaces }: ServerView) =>
  interfaces
    .filter((nic) => nic.type === 'public')
    .flatMap((nic) => nic.addresses.map((address) => ({ id: derivedId('ip', nic.id, address), address })))

/** An image that a server was made from and that the catalogue no longer lists. */
const unlisted = (id: string, { zone }: Pick<ServerView['server'], 'zone'>): LocalImage => ({
  ...{ id, label: '', name: '', type: 'instance_sbs', arch: 'x86_64', zone, types: [] },
})

/** The vendor's own, which has all public images. */
export const vendor = '51b656e3-4865-41e8-adbc-0c45bdd780db'

export function encodeImage(image: LocalImage): JsonObject {
  const block = image.type === 'instance_sbs'
  return {
    id: image.id,
    name: image.name,
    organization: vendor,
    project: vendor,
    root_volume: {
      volume_type: block ? 'sbs_snapshot' : 'l_ssd',
      id: derivedId('snapshot', image.id),
      size: block ? 0 : 10_000_000_000,
      name: block ? '' : image.name,
    },
    extra_volumes: {},
    public: true,
    arch: image.arch,
    creation_date: instantOf(published),
    modification_date: instantOf(published),
    default_bootscript: null,
    from_server: '',
    state: 'available',
    tags: [],
    zone: image.zone,
  }
}

export const encodeLocalImage = ({ id, arch, zone, types, label, type }: LocalImage): JsonObject => ({
  id,
  arch,
  zone,
  compatible_commercial_types: types,
  label,
  type,
})

/** What was asked of a server, done by the time it is answered. */
export const encodeTask = (server: string, zone: string, now: number): JsonObject => ({
  id: '00000000-0000-0000-0000-000000000000',
  description: 'fake task',
  status: 'pending',
  href_from: `/servers/${server}/action`,
  href_result: `/servers/${server}`,
  started_at: instantOf(now),
  terminated_at: null,
  progress: 0,
  zone,
})
