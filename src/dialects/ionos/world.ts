/**
 * What an account has, as a graph of nodes that knows how to find one and what is below it.
 *
 * Reads are made when something is asked for, and once in a request: a tree costs what is in it, not what could be.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/inventory.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Pending, PendingOf } from '../../service/services.ts'
import type { DocumentRecord, PolicyRecord, RuleRecord, ServerRecord } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { catalogueOf } from './catalogue.ts'
import {
  attachmentsOf,
  datacenterProperties,
  flowLogProperties,
  groupProperties,
  lanProperties,
  nicProperties,
  ruleProperties,
  serverProperties,
  volumeProperties,
} from './encode.ts'
import { isObject } from './properties.ts'
import { inOrderOfCreation, type Stamp, stampOf } from './stamp.ts'
import { type Kind, prefix } from './wire.ts'

export const profile = 'ionos' as const

export interface Node {
  readonly kind: Kind
  readonly id: string
  /** Below the base: `/datacenters/…`. */
  readonly path: string
  readonly stamp: Stamp
  readonly properties: JsonObject
  /** Rendered without `entities`, as in the answer that makes a LAN. */
  readonly bare?: true
  /** What it is under way with when changes are not enforced yet. */
  readonly bears: Bears
  /** By name of collection; one that is missing is empty. */
  readonly children: Readonly<Record<string, () => Promise<readonly Node[]>>>
}

/** Interfaces, by what they have in common; nothing given: none. */
export interface Bears {
  readonly zone?: string
  readonly server?: string
  readonly interface?: string
  readonly policy?: string
}

export interface Lan {
  readonly id: string
  readonly body: JsonObject
}

/** `body`: its properties, and `server`, which it is attached to. */
export interface Volume {
  readonly id: string
  readonly zone: string
  readonly body: JsonObject
}

/** Whether a change to what `bears` names waits for that interface. */
export const concerns = (bears: Bears, pending: Pending): boolean =>
  pending.server === bears.server ||
  pending.interface === bears.interface ||
  pending.zone === bears.zone ||
  pending.policies.some(({ id }) => id === bears.policy)

/** What to look for to find all of them; nothing: everywhere. */
export function narrowed({ zone, ...bears }: Bears): PendingOf {
  return zone === undefined && Object.keys(bears).length === 1 ? bears : {}
}

type Found<T> = Promise<Result<T, RequestError>>
const found = <T>(result: Result<T, unknown>): readonly T[] => (result.ok ? [result.value] : [])
/** Ids that can be looked up: what is malformed does not exist. */
export const plausible = /^[\w.-]{1,64}$/
const missing = (resource: 'document' | 'server' | 'storage' | 'interface' | 'policy' | 'rule', id: string) =>
  err<RequestError>({ kind: 'not-found', resource, id })

/** As they are kept with a NIC, in order. */
export const flowLogsOf = ({ flowLogs }: JsonObject): readonly JsonObject[] =>
  Array.isArray(flowLogs) ? flowLogs.filter(isObject) : []

const byId = <T extends { readonly id: string }>(all: readonly T[]) =>
  new Map(all.map((each) => [each.id, each]))
function picked<T>(all: ReadonlyMap<string, T>, id: string): readonly T[] {
  const one = all.get(id)
  return one === undefined ? [] : [one]
}

function volumeOf({ id, body }: DocumentRecord): Volume {
  const [zone = '', own = ''] = id.split('/')
  return { id: own, zone, body }
}

export type World = ReturnType<typeof createWorld>

export function createWorld(request: DialectRequest) {
  const { services, principal, now } = request
  const { zones, groups, documents } = services
  const { account } = principal
  const offered = catalogueOf(request)

  /** Remembers what was read of each zone, or of another key. */
  function once<T>(read: (key: string) => Promise<T>): (key: string) => Promise<T> {
    const known = new Map<string, Promise<T>>()
    return (key) => {
      const found = known.get(key) ?? read(key)
      known.set(key, found)
      return found
    }
  }
  const serversIn = once((zone) => zones.servers(request, profile, zone))
  const nicsIn = once((zone) => zones.interfaces(request, profile, zone))
  const serverIndex = once(async (zone) => byId(await serversIn(zone)))
  const volumeIndex = once(async (zone) => byId(await volumesIn(zone)))
  const groupsIn = once((zone) => groups.list(request, profile, zone))
  const allMembers = once(() => groups.members(request, profile))
  const pendingOf = once((key) => zones.pending(request, JSON.parse(key) as PendingOf))
  const lanDocuments = once(() => documents.list(request, profile, 'lan'))
  const volumesIn = once(async (zone) => {
    const all = inOrderOfCreation(await documents.list(request, profile, 'volume'))
    return all.map(volumeOf).filter((each) => each.zone === zone)
  })

  /** LANs in order of number: those that were made, and those that an interface is in. */
  async function lansIn(zone: string): Promise<readonly Lan[]> {
    const lans = new Map<number, JsonObject>()
    for (const { attributes, type } of await nicsIn(zone)) {
      const number = Number(attributes.lan ?? 1)
      lans.set(number, { public: type === 'public' || lans.get(number)?.public === true })
    }
    for (const { id, body } of await lanDocuments('')) {
      const [of, number] = id.split('/')
      if (of === zone) lans.set(Number(number), body)
    }
    return [...lans].sort(([a], [b]) => a - b).map(([number, body]) => ({ id: String(number), body }))
  }

  /** Those of these numbers that there are. The network is looked through only for one that nobody has written down. */
  async function lansOf(zone: string, ids: readonly string[]): Promise<readonly Lan[]> {
    const written = await Promise.all(
      ids.map(async (id) =>
        plausible.test(id) ? found(await documents.get(request, profile, 'lan', `${zone}/${id}`)) : [],
      ),
    )
    if (written.every((each) => each.length > 0))
      return written.flat().map(({ body }, index) => ({ id: ids[index] ?? '', body }))
    return (await lansIn(zone)).filter(({ id }) => ids.includes(id))
  }

  /**
   * What one key is about is read by itself, so that an answer about one thing costs the same however much there is beside it;
   * once several keys have been asked for, all is read at once and picked from.
   */
  function oneOrAll<T>(
    one: (key: string) => Promise<readonly T[]>,
    all: (key: string) => Promise<readonly T[]>,
  ): (key: string) => Promise<readonly T[]> {
    const single = once(one)
    const seen = new Set<string>()
    return (key) => (seen.add(key).size > 4 ? all(key) : single(key))
  }
  const perZone = once(async (zone) => ({
    server: oneOrAll<ServerRecord>(
      async (id) => found(await zones.server(request, profile, zone, id)),
      async (id) => picked(await serverIndex(zone), id),
    ),
    group: oneOrAll<PolicyRecord>(
      async (id) => found(await group(zone, id)),
      async (id) => (await groupsIn(zone)).filter((group) => group.id === id),
    ),
    volume: oneOrAll<Volume>(
      async (id) => found(await volume(zone, id)),
      async (id) => picked(await volumeIndex(zone), id),
    ),
    nicsOf: oneOrAll<Interface>(
      (server) => zones.interfacesOf(server),
      async (server) => (await nicsIn(zone)).filter((nic) => nic.server === server),
    ),
  }))
  const membersOfServer = oneOrAll(
    (server) => groups.members(request, profile, { server }),
    async (server) => (await allMembers('')).filter((member) => member.server === server),
  )
  const membersOfGroup = oneOrAll(
    (policy) => groups.members(request, profile, { policy }),
    async (policy) => (await allMembers('')).filter((member) => member.policy === policy),
  )

  /** The groups of just that server, or just that NIC. */
  async function groupNodes(zone: string, server: string, nic: string | null): Promise<readonly Node[]> {
    const { group } = await perZone(zone)
    const members = (await membersOfServer(server)).filter((member) => member.interface === nic)
    const known = await Promise.all(members.map(({ policy }) => group(policy)))
    return known.flat().map((each) => groupNode(zone, each))
  }

  function datacenterNode(document: DocumentRecord): Node {
    const { id, body, revision } = document
    const path = `/datacenters/${id}`
    return {
      kind: 'datacenter',
      id,
      path,
      stamp: stampOf(body.meta, account, Number(body.createdAt ?? 0)),
      properties: datacenterProperties(body, revision, null, offered.placeOf(String(body.location))),
      bears: { zone: id },
      children: {
        servers: async () => (await serversIn(id)).map((server) => serverNode(server)),
        volumes: async () => Promise.all((await volumesIn(id)).map(volumeNode)),
        lans: async () => (await lansIn(id)).map((lan) => lanNode(id, lan)),
        securitygroups: async () => (await groupsIn(id)).map((group) => groupNode(id, group)),
      },
    }
  }

  /** With the group that is its default, which is kept with the groups. */
  async function wholeDatacenter(document: DocumentRecord): Promise<Node> {
    const isDefault = (group: PolicyRecord) => group.defaultFor === document.id
    const group = (await groupsIn(document.id)).find(isDefault)
    const node = datacenterNode(document)
    return { ...node, properties: { ...node.properties, defaultSecurityGroupId: group?.id ?? null } }
  }

  /** Of a server, in the order in which they were attached. */
  async function volumesOf({ id, zone, attributes }: ServerRecord): Promise<readonly Volume[]> {
    const { volume } = await perZone(zone)
    const attached = await Promise.all(attachmentsOf(attributes).map((each) => volume(each.id)))
    return attached.flat().filter(({ body }) => body.server === id)
  }

  async function volumeNode(volume: Volume): Promise<Node> {
    const { server } = await perZone(volume.zone)
    const [owner] = typeof volume.body.server === 'string' ? await server(volume.body.server) : []
    return volumeNodeAt(volume, owner)
  }

  function volumeNodeAt({ id, zone, body }: Volume, server: ServerRecord | undefined): Node {
    const attachment = server && attachmentsOf(server.attributes).find((each) => each.id === id)
    const boot = server?.attributes.bootVolume === id
    return {
      kind: 'volume',
      id,
      path: `/datacenters/${zone}/volumes/${id}`,
      stamp: stampOf(body.meta, account, 0),
      properties: volumeProperties(body, server && attachment && { ...attachment, server: server.id, boot }),
      bears: {},
      children: {},
    }
  }

  function serverNode(server: ServerRecord): Node {
    const { id, zone, createdAt, attributes } = server
    const ref = (type: string, path: string, of: JsonValue | undefined) =>
      typeof of === 'string' ? { id: of, type, href: `${request.origin}${prefix}${path}/${of}` } : null
    const boot = {
      bootCdrom: ref('image', '/images', attributes.bootCdrom),
      bootVolume: ref('volume', `/datacenters/${zone}/volumes`, attributes.bootVolume),
    }
    return {
      kind: 'server',
      id,
      path: `/datacenters/${zone}/servers/${id}`,
      stamp: stampOf(attributes.meta, account, createdAt),
      properties: serverProperties(server, boot),
      bears: { server: id },
      children: {
        volumes: async () => (await volumesOf(server)).map((volume) => volumeNodeAt(volume, server)),
        nics: async () => (await (await perZone(zone)).nicsOf(id)).map((nic) => nicNode(zone, nic)),
        securitygroups: () => groupNodes(zone, id, null),
      },
    }
  }

  function nicNode(zone: string, nic: Interface): Node {
    const { id, server, attributes } = nic
    const path = `/datacenters/${zone}/servers/${server}/nics/${id}`
    return {
      kind: 'nic',
      id,
      path,
      stamp: stampOf(attributes.meta, account, 0),
      properties: nicProperties(nic),
      bears: { interface: id },
      children: {
        firewallrules: async () => {
          const rules = await zones.rules(id)
          return rules.map((rule) => ruleNode(`${path}/firewallrules`, rule, { interface: id }))
        },
        flowlogs: async () => flowLogNodes(zone, nic),
        securitygroups: () => groupNodes(zone, server, id),
      },
    }
  }

  /** A NIC's flow logs are kept with it. */
  function flowLogNodes(zone: string, { id: nic, server, attributes }: Interface): readonly Node[] {
    return flowLogsOf(attributes).map(({ id, meta, ...flowLog }) => ({
      kind: 'flow-log',
      id: String(id),
      path: `/datacenters/${zone}/servers/${server}/nics/${nic}/flowlogs/${id}`,
      stamp: stampOf(meta, account, 0),
      properties: flowLogProperties(flowLog),
      bears: {},
      children: {},
    }))
  }

  function lanNode(zone: string, { id, body }: Lan): Node {
    return {
      kind: 'lan',
      id,
      path: `/datacenters/${zone}/lans/${id}`,
      stamp: stampOf(body.meta, account, 0),
      properties: lanProperties(body),
      bears: {},
      children: {
        nics: async () =>
          (await nicsIn(zone))
            .filter(({ attributes }) => String(attributes.lan ?? 1) === id)
            .map((nic) => nicNode(zone, nic)),
      },
    }
  }

  function groupNode(zone: string, group: PolicyRecord): Node {
    const { id, attributes, createdAt, modifiedAt } = group
    const path = `/datacenters/${zone}/securitygroups/${id}`
    return {
      kind: 'security-group',
      id,
      path,
      // Rules are written without the group's stamp, and change it too.
      stamp: { ...stampOf(attributes.meta, account, createdAt), modifiedAt },
      properties: groupProperties(group),
      bears: { policy: id },
      children: {
        rules: async () => {
          const rules = await zones.rules(id)
          return rules.map((rule) => ruleNode(`${path}/rules`, rule, { policy: id }))
        },
        servers: async () => {
          const { server } = await perZone(zone)
          const members = (await membersOfGroup(id)).filter((member) => member.interface === null)
          return (await Promise.all(members.map((member) => server(member.server)))).flat().map(serverNode)
        },
        nics: async () => {
          const { nicsOf } = await perZone(zone)
          const members = (await membersOfGroup(id)).filter((member) => member.interface !== null)
          const nics = await Promise.all(
            members.map(async (member) =>
              (await nicsOf(member.server)).filter((nic) => nic.id === member.interface),
            ),
          )
          return nics.flat().map((nic) => nicNode(zone, nic))
        },
      },
    }
  }

  const ruleNode = (path: string, rule: RuleRecord, bears: Bears): Node => ({
    kind: 'firewall-rule',
    id: rule.id,
    path: `${path}/${rule.id}`,
    stamp: stampOf(rule.spec.meta, account, 0),
    properties: ruleProperties(rule.spec),
    bears,
    children: {},
  })

  async function datacenter(id: string): Found<DocumentRecord> {
    return plausible.test(id) ? zones.find(request, profile, id.toLowerCase()) : missing('document', id)
  }
  async function server(zone: string, id: string): Found<ServerRecord> {
    return plausible.test(id) ? zones.server(request, profile, zone, id.toLowerCase()) : missing('server', id)
  }
  async function volume(zone: string, id: string): Found<Volume> {
    if (!plausible.test(id)) return missing('storage', id)
    const document = await documents.get(request, profile, 'volume', `${zone}/${id.toLowerCase()}`)
    return document.ok ? ok(volumeOf(document.value)) : missing('storage', id)
  }
  async function nic(server: ServerRecord, id: string): Found<Interface> {
    const found = (await zones.interfacesOf(server.id)).find((each) => each.id === id.toLowerCase())
    return found ? ok(found) : missing('interface', id)
  }
  async function lan(zone: string, id: string): Found<Lan> {
    const [found] = await lansOf(zone, [id])
    return found ? ok(found) : missing('document', id)
  }
  async function group(zone: string, id: string): Found<PolicyRecord> {
    if (!plausible.test(id)) return missing('policy', id)
    const found = await groups.find(request, profile, id.toLowerCase())
    const here = found.ok && found.value.zone === zone && found.value.interface === null
    return here ? found : missing('policy', id)
  }
  async function rule(policy: string, id: string): Found<RuleRecord> {
    const found = (await zones.rules(policy)).find((each) => each.id === id.toLowerCase())
    return found ? ok(found) : missing('rule', id)
  }

  const asked = new Set<string>()
  /** Changes are told to be under way as long as the operator wants it, or a host has not applied them. */
  async function busy({ bears, stamp }: Node): Promise<boolean> {
    if (now - stamp.modifiedAt < services.settings.holdMs) return true
    if (Object.keys(bears).length === 0) return false
    // One thing is looked at by itself; of many, all that are pending are read at once.
    const key = JSON.stringify(narrowed(bears))
    asked.add(key)
    const pending = await pendingOf(asked.size > 4 ? '{}' : key)
    return pending.some((each) => concerns(bears, each))
  }

  return {
    ...{ datacenter, server, volume, nic, lan, group, rule, busy },
    ...{
      datacenterNode: wholeDatacenter,
      serverNode,
      volumeNode,
      volumeNodeAt,
      nicNode,
      flowLogNodes,
      lanNode,
      groupNode,
      ruleNode,
    },
    ...{
      serversIn,
      nicsIn,
      volumesIn,
      volumesOf,
      groupsIn,
      lansIn,
      lansOf,
      lanDocuments: () => lanDocuments(''),
    },
    async datacenters(): Promise<readonly Node[]> {
      return Promise.all(inOrderOfCreation(await zones.list(request, profile)).map(wholeDatacenter))
    },
  }
}
