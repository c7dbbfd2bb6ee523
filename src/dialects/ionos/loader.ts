/**
 * Reads what an account has, for one request: by id, or all of a datacenter.
 *
 * Each read happens when it is first needed and once in a request, so an answer costs what it contains.
 */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import { ok, type Result } from '../../core/result.ts'
import type { Pending, PendingOf } from '../../service/enforcement.ts'
import type { DocumentRecord, Member, PolicyRecord, RuleRecord, ServerRecord } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { inOrderOfCreation } from './authorship.ts'
import { notFound } from './errors.ts'
import { attachmentsOf, type Lan, type Volume, volumeOf } from './records.ts'
import { profile } from './wire.ts'

type Found<T> = Promise<Result<T, RequestError>>

/** Ids that can be looked up; a malformed one is not found. */
const plausible = /^[\w.-]{1,64}$/

const listed = <T>(result: Result<T, unknown>): readonly T[] => (result.ok ? [result.value] : [])
const byId = <T extends { readonly id: string }>(all: readonly T[]) =>
  new Map(all.map((each) => [each.id, each]))
function picked<T>(all: ReadonlyMap<string, T>, id: string): readonly T[] {
  const one = all.get(id)
  return one === undefined ? [] : [one]
}

/** Remembers the answer for each key. */
function once<T>(read: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const known = new Map<string, Promise<T>>()
  return (key) => {
    const answer = known.get(key) ?? read(key)
    known.set(key, answer)
    return answer
  }
}

/**
 * Reads single keys by themselves, so an answer about one resource costs the same however many others exist; after
 * several different keys, reads all at once and picks from them.
 */
function oneOrAll<T>(
  one: (key: string) => Promise<readonly T[]>,
  all: (key: string) => Promise<readonly T[]>,
): (key: string) => Promise<readonly T[]> {
  const single = once(one)
  const seen = new Set<string>()
  return (key) => (seen.add(key).size > 4 ? all(key) : single(key))
}

export type Loader = ReturnType<typeof createLoader>

export function createLoader(request: DialectRequest) {
  const { zones, groups, documents } = request.services

  const serversIn = once((zone) => zones.servers(request, profile, zone))
  const nicsIn = once((zone) => zones.interfaces(request, profile, zone))
  const serverIndex = once(async (zone) => byId(await serversIn(zone)))
  const volumeIndex = once(async (zone) => byId(await volumesIn(zone)))
  const groupsIn = once((zone) => groups.list(request, profile, zone))
  const allMembers = once(() => groups.members(request, profile))
  const pendingByQuery = once((query) => zones.pending(request, JSON.parse(query) as PendingOf))
  const lanDocuments = once(() => documents.list(request, profile, 'lan'))
  const volumesIn = once(async (zone) => {
    const all = inOrderOfCreation(await documents.list(request, profile, 'volume'))
    return all.map(volumeOf).filter((each) => each.zone === zone)
  })

  /** A datacenter's LANs in order of number: those that were created, and those that an interface is in. */
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

  /** The LANs of these numbers that exist. Reads the interfaces only for one that has no document. */
  async function lansOf(zone: string, ids: readonly string[]): Promise<readonly Lan[]> {
    const stored = await Promise.all(
      ids.map(async (id) =>
        plausible.test(id) ? listed(await documents.get(request, profile, 'lan', `${zone}/${id}`)) : [],
      ),
    )
    if (stored.every((each) => each.length > 0))
      return stored.flat().map(({ body }, index) => ({ id: ids[index] ?? '', body }))
    return (await lansIn(zone)).filter(({ id }) => ids.includes(id))
  }

  const perZone = once(async (zone) => ({
    server: oneOrAll<ServerRecord>(
      async (id) => listed(await zones.server(request, profile, zone, id)),
      async (id) => picked(await serverIndex(zone), id),
    ),
    group: oneOrAll<PolicyRecord>(
      async (id) => listed(await group(zone, id)),
      async (id) => (await groupsIn(zone)).filter((group) => group.id === id),
    ),
    volume: oneOrAll<Volume>(
      async (id) => listed(await volume(zone, id)),
      async (id) => picked(await volumeIndex(zone), id),
    ),
    nicsOf: oneOrAll<Interface>(
      (server) => zones.interfacesOf(server),
      async (server) => (await nicsIn(zone)).filter((nic) => nic.server === server),
    ),
  }))
  const membersOfServer = oneOrAll<Member>(
    (server) => groups.members(request, profile, { server }),
    async (server) => (await allMembers('')).filter((member) => member.server === server),
  )
  const membersOfGroup = oneOrAll<Member>(
    (policy) => groups.members(request, profile, { policy }),
    async (policy) => (await allMembers('')).filter((member) => member.policy === policy),
  )

  async function datacenter(id: string): Found<DocumentRecord> {
    return plausible.test(id) ? zones.find(request, profile, id.toLowerCase()) : notFound(id)
  }
  async function server(zone: string, id: string): Found<ServerRecord> {
    return plausible.test(id) ? zones.server(request, profile, zone, id.toLowerCase()) : notFound(id)
  }
  async function volume(zone: string, id: string): Found<Volume> {
    if (!plausible.test(id)) return notFound(id)
    const document = await documents.get(request, profile, 'volume', `${zone}/${id.toLowerCase()}`)
    return document.ok ? ok(volumeOf(document.value)) : notFound(id)
  }
  async function nic(server: string, id: string): Found<Interface> {
    const found = (await zones.interfacesOf(server)).find((each) => each.id === id.toLowerCase())
    return found ? ok(found) : notFound(id)
  }
  async function lan(zone: string, id: string): Found<Lan> {
    const [found] = await lansOf(zone, [id])
    return found ? ok(found) : notFound(id)
  }
  async function group(zone: string, id: string): Found<PolicyRecord> {
    if (!plausible.test(id)) return notFound(id)
    const found = await groups.find(request, profile, id.toLowerCase())
    const here = found.ok && found.value.zone === zone && found.value.interface === null
    return here ? found : notFound(id)
  }
  async function rule(policy: string, id: string): Found<RuleRecord> {
    const found = (await zones.rules(policy)).find((each) => each.id === id.toLowerCase())
    return found ? ok(found) : notFound(id)
  }
  /** A document that is in no datacenter. */
  async function document(kind: 'pcc' | 'ipblock', id: string): Found<DocumentRecord> {
    return plausible.test(id) ? documents.get(request, profile, kind, id.toLowerCase()) : notFound(id)
  }

  const queries = new Set<string>()
  /** Pending changes that include those of the query: one query is asked by itself, after several all are read at once. */
  function pending(query: PendingOf): Promise<readonly Pending[]> {
    const key = JSON.stringify(query)
    queries.add(key)
    return pendingByQuery(queries.size > 4 ? '{}' : key)
  }

  return {
    ...{ datacenter, server, volume, nic, lan, group, rule, document, pending },
    ...{ serversIn, nicsIn, volumesIn, groupsIn, lansIn, lansOf, membersOfServer, membersOfGroup },
    lanDocuments: () => lanDocuments(''),
    /** Oldest first. */
    datacenters: async () => inOrderOfCreation(await zones.list(request, profile)),
    /** Oldest first. */
    pccs: async () => inOrderOfCreation(await documents.list(request, profile, 'pcc')),
    rulesOf: (policy: string) => zones.rules(policy),
    /** Empty if there is none, as the next ones. */
    serverIn: async (zone: string, id: string) => (await perZone(zone)).server(id),
    groupIn: async (zone: string, id: string) => (await perZone(zone)).group(id),
    nicsOf: async (zone: string, server: string) => (await perZone(zone)).nicsOf(server),
    /** A server's volumes in order of attachment. */
    async volumesOf({ id, zone, attributes }: ServerRecord): Promise<readonly Volume[]> {
      const { volume } = await perZone(zone)
      const attached = await Promise.all(attachmentsOf(attributes).map((each) => volume(each.id)))
      return attached.flat().filter(({ body }) => body.server === id)
    },
  }
}
