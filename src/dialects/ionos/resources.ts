/** The resources of an account as the API shows them, each with its nested collections, from what the loader reads. */
import type { JsonValue } from '../../core/json.ts'
import type { Interface } from '../../core/model/interface.ts'
import type {
  DocumentRecord,
  NewRule,
  PolicyRecord,
  RuleRecord,
  ServerRecord,
} from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { authorshipOf } from './authorship.ts'
import { catalogueOf } from './catalogue.ts'
import {
  datacenterProperties,
  flowLogProperties,
  groupProperties,
  lanProperties,
  nicProperties,
  ruleProperties,
  serverProperties,
  volumeProperties,
} from './encode.ts'
import { createLoader, type Loader } from './loader.ts'
import type { Page } from './pages.ts'
import { attachmentsOf, flowLogsOf, type Lan, lanNumber, type Volume } from './records.ts'
import { type Affects, pendingOf, type Resource, selects } from './resource.ts'
import { prefix } from './wire.ts'

/** One request with what it reads. */
export interface Call {
  readonly request: DialectRequest
  readonly page: Page
  /** Every href starts with it: `http://host:port/cloudapi/v6`. */
  readonly base: string
  readonly loader: Loader
  readonly resources: Resources
  /** A parameter of the path; empty if the path has none of the name. */
  id(name: string): string
}

export const createCall = (request: DialectRequest, page: Page): Call => ({
  ...{ request, page, base: request.baseUrl + prefix, ...createReads(request) },
  id: (name) => request.params[name] ?? '',
})

/** The same call with nothing read yet: for reads after a change, and for each attempt of one. */
export const withFreshReads = (call: Call): Call => ({ ...call, ...createReads(call.request) })

function createReads(request: DialectRequest): Pick<Call, 'loader' | 'resources'> {
  const loader = createLoader(request)
  return { loader, resources: createResources(request, loader) }
}

export type Resources = ReturnType<typeof createResources>

function createResources(request: DialectRequest, loader: Loader) {
  const { services, principal, now } = request
  const { account } = principal
  const offered = catalogueOf(request)

  /** The groups of exactly that server, or exactly that NIC. */
  async function attachedGroups(
    zone: string,
    server: string,
    nic: string | null,
  ): Promise<readonly Resource[]> {
    const members = (await loader.membersOfServer(server)).filter((member) => member.interface === nic)
    const known = await Promise.all(members.map(({ policy }) => loader.groupIn(zone, policy)))
    return known.flat().map((each) => group(zone, each))
  }

  async function datacenter({ id, body, revision }: DocumentRecord): Promise<Resource> {
    // The default group is stored with the groups.
    const standard = (await loader.groupsIn(id)).find((each) => each.defaultFor === id)
    const location = offered.inLocation(String(body.location))
    return {
      kind: 'datacenter',
      id,
      path: `/datacenters/${id}`,
      authorship: authorshipOf(body.meta, account, Number(body.createdAt ?? 0)),
      properties: datacenterProperties(body, revision, standard?.id ?? null, location),
      affects: { zone: id },
      children: {
        servers: async () => (await loader.serversIn(id)).map(server),
        volumes: async () => Promise.all((await loader.volumesIn(id)).map(volume)),
        lans: async () => (await loader.lansIn(id)).map((each) => lan(id, each)),
        securitygroups: async () => (await loader.groupsIn(id)).map((each) => group(id, each)),
      },
    }
  }

  async function volume(volume: Volume): Promise<Resource> {
    const { zone, body } = volume
    const [owner] = typeof body.server === 'string' ? await loader.serverIn(zone, body.server) : []
    return volumeOf(volume, owner)
  }

  /** A volume of this server; undefined: shown as attached to none. */
  function volumeOf({ id, zone, body }: Volume, server: ServerRecord | undefined): Resource {
    const attachment = server && attachmentsOf(server.attributes).find((each) => each.id === id)
    const boot = server?.attributes.bootVolume === id
    return {
      kind: 'volume',
      id,
      path: `/datacenters/${zone}/volumes/${id}`,
      authorship: authorshipOf(body.meta, account, 0),
      properties: volumeProperties(body, server && attachment && { ...attachment, server: server.id, boot }),
      affects: {},
      children: {},
    }
  }

  function server(record: ServerRecord): Resource {
    const { id, zone, createdAt, attributes } = record
    const ref = (type: string, path: string, of: JsonValue | undefined) =>
      typeof of === 'string' ? { id: of, type, href: `${request.baseUrl}${prefix}${path}/${of}` } : null
    const boot = {
      bootCdrom: ref('image', '/images', attributes.bootCdrom),
      bootVolume: ref('volume', `/datacenters/${zone}/volumes`, attributes.bootVolume),
    }
    return {
      kind: 'server',
      id,
      path: `/datacenters/${zone}/servers/${id}`,
      authorship: authorshipOf(attributes.meta, account, createdAt),
      properties: serverProperties(record, boot),
      affects: { server: id },
      children: {
        volumes: async () => (await loader.volumesOf(record)).map((each) => volumeOf(each, record)),
        nics: async () => (await loader.nicsOf(zone, id)).map((each) => nic(zone, each)),
        securitygroups: () => attachedGroups(zone, id, null),
      },
    }
  }

  function nic(zone: string, record: Interface): Resource {
    const { id, server, attributes } = record
    const path = `/datacenters/${zone}/servers/${server}/nics/${id}`
    return {
      kind: 'nic',
      id,
      path,
      authorship: authorshipOf(attributes.meta, account, 0),
      properties: nicProperties(record),
      affects: { interface: id },
      children: {
        firewallrules: async () =>
          (await loader.rulesOf(id)).map((each) => rule(`${path}/firewallrules`, each, { interface: id })),
        flowlogs: async () => flowLogs(zone, record),
        securitygroups: () => attachedGroups(zone, server, id),
      },
    }
  }

  /** A new NIC, and the rules that are created with it. */
  function nicWithRules(
    zone: string,
    record: Interface,
    { rules, ids }: { readonly rules: readonly NewRule[]; readonly ids: readonly string[] },
  ): readonly Resource[] {
    const shown = nic(zone, record)
    const records = rules.map((each, index) => ({ ...each, id: ids[index] ?? '', position: index + 1 }))
    return [shown, ...records.map((each) => rule(`${shown.path}/firewallrules`, each, shown.affects))]
  }

  function flowLogs(zone: string, { id: nic, server, attributes }: Interface): readonly Resource[] {
    return flowLogsOf(attributes).map(({ id, meta, ...flowLog }) => ({
      kind: 'flow-log',
      id: String(id),
      path: `/datacenters/${zone}/servers/${server}/nics/${nic}/flowlogs/${id}`,
      authorship: authorshipOf(meta, account, 0),
      properties: flowLogProperties(flowLog),
      affects: {},
      children: {},
    }))
  }

  function lan(zone: string, { id, body }: Lan): Resource {
    return {
      kind: 'lan',
      id,
      path: `/datacenters/${zone}/lans/${id}`,
      authorship: authorshipOf(body.meta, account, 0),
      properties: lanProperties(body),
      affects: {},
      children: {
        nics: async () => {
          const own = (await loader.nicsIn(zone)).filter((each) => lanNumber(each) === id)
          return own.map((each) => nic(zone, each))
        },
      },
    }
  }

  function group(zone: string, record: PolicyRecord): Resource {
    const { id, attributes, createdAt, modifiedAt } = record
    const path = `/datacenters/${zone}/securitygroups/${id}`
    return {
      kind: 'security-group',
      id,
      path,
      // A write of a rule changes the group's time and leaves its `meta`.
      authorship: { ...authorshipOf(attributes.meta, account, createdAt), modifiedAt },
      properties: groupProperties(record),
      affects: { policy: id },
      children: {
        rules: async () =>
          (await loader.rulesOf(id)).map((each) => rule(`${path}/rules`, each, { policy: id })),
        servers: async () => {
          const members = (await loader.membersOfGroup(id)).filter((member) => member.interface === null)
          const known = await Promise.all(members.map((member) => loader.serverIn(zone, member.server)))
          return known.flat().map(server)
        },
        nics: async () => {
          const members = (await loader.membersOfGroup(id)).filter((member) => member.interface !== null)
          const nics = await Promise.all(
            members.map(async (member) =>
              (await loader.nicsOf(zone, member.server)).filter((each) => each.id === member.interface),
            ),
          )
          return nics.flat().map((each) => nic(zone, each))
        },
      },
    }
  }

  /** `path`: of the collection that it is in. */
  const rule = (path: string, { id, spec }: RuleRecord, affects: Affects): Resource => ({
    kind: 'firewall-rule',
    id,
    path: `${path}/${id}`,
    authorship: authorshipOf(spec.meta, account, 0),
    properties: ruleProperties(spec),
    affects,
    children: {},
  })

  /** BUSY: for a while after each change if the operator wants that, and until hosts have applied it. */
  async function busy({ affects, authorship }: Resource): Promise<boolean> {
    if (now - authorship.modifiedAt < services.settings.holdMs) return true
    if (Object.keys(affects).length === 0) return false
    return (await loader.pending(pendingOf(affects))).some((each) => selects(affects, each))
  }

  return { datacenter, server, volume, volumeOf, nic, nicWithRules, flowLogs, lan, group, rule, busy }
}
