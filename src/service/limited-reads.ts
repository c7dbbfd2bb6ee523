/**
 * Every read of the store within limits. Servers are looked up by id, so the work grows with what a credential is limited to
 * and not with its account; lists of documents and of history are the account's, filtered.
 */
import type { JsonValue } from '../core/json.ts'
import { err } from '../core/result.ts'
import type { ReadName } from '../storage/reads.ts'
import type {
  DocumentRecord,
  EventScope,
  Member,
  NewDocument,
  PolicyRecord,
  ServerRecord,
  Storage,
} from '../storage/storage.ts'
import { type Limits, permitsServer } from './limits.ts'

export type Reads = Pick<Storage, ReadName>

export function limitedReads(storage: Storage, limits: Limits): Reads {
  const { profiles, servers: own } = limits
  const isOfProfile = (profile: string) => profiles?.has(profile) ?? true
  const scope: EventScope = { profiles: profiles && [...profiles], servers: own && [...own] }

  const permitted = <T extends ServerRecord>(server: T | undefined): T | undefined =>
    server && permitsServer(limits, server) ? server : undefined
  const serverById: Reads['serverById'] = async (id) =>
    own?.has(id) === false ? undefined : permitted(await storage.serverById(id))
  const isPermitted = async (server: string): Promise<boolean> => (await serverById(server)) !== undefined

  /** Those of the account it is limited to; undefined: it is not limited to any. */
  async function ownServers(account: string): Promise<readonly ServerRecord[] | undefined> {
    if (!own) return undefined
    const found = await Promise.all([...own].map(serverById))
    return found.filter((server) => server?.account === account).filter((server) => server !== undefined)
  }
  /** What `read` says of each of those of a profile, together; undefined: it is not limited to any. */
  async function ofEach<T>(
    account: string,
    read: (server: ServerRecord) => Promise<readonly T[]>,
    profile?: string,
  ): Promise<readonly T[] | undefined> {
    const found = await ownServers(account)
    const wanted = found?.filter((server) => profile === undefined || server.profile === profile)
    return wanted && (await Promise.all(wanted.map(read))).flat()
  }

  const owners: Reads['owners'] = async (interfaces) =>
    (await storage.owners(interfaces)).filter(({ server: id, profile }) =>
      permitsServer(limits, { id, profile }),
    )
  /** Those of the interfaces that are permitted. */
  const permittedInterfaces = async (ids: readonly string[]) =>
    (await owners(ids)).map((each) => each.interface)

  const members: Reads['members'] = async (filter) => {
    const { account, profile, policy, server } = filter
    if (!isOfProfile(profile)) return []
    if (server !== undefined) return (await isPermitted(server)) ? storage.members(filter) : []
    const read = ({ id }: ServerRecord): Promise<readonly Member[]> =>
      storage.members({ account, profile, server: id, ...(policy !== undefined && { policy }) })
    return (await ofEach(account, read, profile)) ?? storage.members(filter)
  }

  /** One that stands by itself is seen where it is attached to a server that is. */
  async function seen(policy: PolicyRecord | undefined): Promise<PolicyRecord | undefined> {
    if (!policy || !isOfProfile(policy.profile)) return undefined
    if (!own) return policy
    if (policy.server !== null) return own.has(policy.server) ? policy : undefined
    const { id, account, profile } = policy
    return (await members({ account, profile, policy: id })).length > 0 ? policy : undefined
  }
  const policy: Reads['policy'] = async (id) => seen(await storage.policy(id))
  async function seenPolicies(ids: readonly string[]): Promise<readonly string[]> {
    const found = await Promise.all(ids.map(policy))
    return found.flatMap((each) => each?.id ?? [])
  }
  const rules: Reads['rules'] = async (id) => ((await policy(id)) ? storage.rules(id) : [])

  /** What servers and their interfaces name: documents of these ids are theirs. */
  async function namedBy(account: string, profile: string): Promise<Named | undefined> {
    const found = await ownServers(account)
    if (!found) return undefined
    const named: Named = { ids: new Set(), texts: new Set() }
    for (const server of found.filter((each) => each.profile === profile)) {
      const nics = await storage.interfaces(server.id)
      for (const id of [server.id, ...nics.map((nic) => nic.id)]) named.ids.add(id)
      for (const text of [server.zone, ...textsIn(server.attributes)]) named.texts.add(text)
      for (const nic of nics) for (const text of wordsIn(nic.attributes)) named.texts.add(text)
    }
    return named
  }
  const isSeen = (document: DocumentRecord, named: Named | undefined): boolean =>
    isOfProfile(document.profile) && (!named || belongsTo(document, named.ids) || isNamed(document, named))

  const reads: Reads = {
    owners,
    members,
    policy,
    rules,
    serverById,
    async server(profile, id) {
      return own?.has(id) === false || !isOfProfile(profile) ? undefined : storage.server(profile, id)
    },
    async serverByNumber(profile, number) {
      return permitted(await storage.serverByNumber(profile, number))
    },
    async servers(filter) {
      const found = await ownServers(filter.account)
      if (!found) return (await storage.servers(filter)).filter((each) => permitsServer(limits, each))
      const { profile, zone, name } = filter
      return found
        .filter((each) => profile === undefined || each.profile === profile)
        .filter((each) => zone === undefined || each.zone === zone)
        .filter((each) => name === undefined || each.name === name)
        .toSorted((a, b) => a.createdAt - b.createdAt || compare(a.id, b.id))
    },
    async interfaces(server) {
      return (await isPermitted(server)) ? storage.interfaces(server) : []
    },
    async interfacesOf(account, profile, zone) {
      const found = await ofEach(
        account,
        async (server) => (zone === undefined || server.zone === zone ? storage.interfaces(server.id) : []),
        profile,
      )
      if (found) return found.toSorted((a, b) => compare(a.server, b.server) || a.index - b.index)
      const all = await storage.interfacesOf(account, profile, zone)
      const permitted = new Set(await permittedInterfaces(all.map((nic) => nic.id)))
      return all.filter((nic) => permitted.has(nic.id))
    },
    async interfacesWith(filter) {
      if (!isOfProfile(filter.profile)) return []
      return (await storage.interfacesWith(filter)).filter((nic) => own?.has(nic.server) ?? true)
    },
    async serverPage({ ids, ...filter }, page) {
      if (own) {
        const wanted = [...own].filter((id) => ids?.includes(id) ?? true)
        return (await storage.serverPage({ ...filter, ids: wanted }, page)).filter((each) =>
          permitsServer(limits, each),
        )
      }
      const { profile } = filter
      const among = [...(profiles ?? [])].filter((each) => (profile ?? each) === each)
      const pages = among.map((each) =>
        storage.serverPage({ ...filter, profile: each, ...(ids && { ids }) }, page),
      )
      return (await Promise.all(pages))
        .flat()
        .toSorted((a, b) => compare(a.account, b.account) || a.createdAt - b.createdAt || compare(a.id, b.id))
        .slice(0, page.limit)
    },
    async serverOf(nic) {
      return permitted(await storage.serverOf(nic))
    },
    async placedAmong(servers) {
      const found = await Promise.all(servers.map(serverById))
      return storage.placedAmong(found.flatMap((each) => each?.id ?? []))
    },
    /** Of profiles; one that is limited to servers is told of no zone but by what is in it. */
    async documentPage({ kinds, ...filter }, page) {
      if (own) return []
      const wanted = Object.entries(kinds).filter(([profile]) => isOfProfile(profile))
      return wanted.length === 0
        ? []
        : storage.documentPage({ ...filter, kinds: Object.fromEntries(wanted) }, page)
    },
    // Where interfaces are, and accounts, is for operators.
    sightings: async () => ({ seen: [], strays: false }),
    sightingsDue: async (since) => ({ revision: since, devices: [] }),
    sighting: async () => undefined,
    configuredOn: async () => new Map(),
    contestedSightings: async () => ({ devices: [], next: null }),
    unclaimedPage: async () => [],
    bindingPage: async () => [],
    binding: async () => undefined,
    accountPage: async () => [],
    managedAccount: async () => undefined,
    async leases(filter) {
      if (!isOfProfile(filter.profile)) return []
      const all = await storage.leases(filter)
      const named = await namedBy(filter.account, filter.profile)
      if (!named) return all
      const found = await Promise.all(
        all.map(async (lease) => {
          if (named.ids.has(lease.id)) return [lease]
          const document = await storage.document(lease.profile, lease.kind, lease.id)
          return document && belongsTo(document, named.ids) ? [lease] : []
        }),
      )
      return found.flat()
    },
    async holding(account, address, now) {
      const held = await storage.holding(account, address, now)
      // What the account holds is not one server’s to take.
      return own && held === 'own' ? 'taken' : held
    },
    async policiesBy(filter) {
      const { account, profile, zone } = filter
      if (!isOfProfile(profile)) return []
      if (!own) return storage.policiesBy(filter)
      const ids = new Set((await members({ account, profile })).map((each) => each.policy))
      const found = (await Promise.all([...ids].map(policy))).filter((each) => each !== undefined)
      const wanted = found.filter((each) => zone === undefined || each.zone === zone)
      const counted = wanted.map(async (each) => ({
        ...each,
        ruleCount: (await storage.rules(each.id)).length,
      }))
      const all = await Promise.all(counted)
      return all.toSorted((a, b) => a.createdAt - b.createdAt || compare(a.id, b.id))
    },
    async policiesPage(filter, page) {
      const { server, profile } = filter
      if (profile !== undefined && !isOfProfile(profile)) return []
      if (server !== undefined) return (await isPermitted(server)) ? storage.policiesPage(filter, page) : []
      const among = own
        ? (await Promise.all([...own].map(serverById))).flatMap((each) => (each ? [{ server: each.id }] : []))
        : [...(profiles ?? [])]
            .filter((each) => (profile ?? each) === each)
            .map((each) => ({ profile: each }))
      const pages = await Promise.all(among.map((of) => storage.policiesPage({ ...filter, ...of }, page)))
      // One that is attached to several is on the page of each.
      const all = new Map(pages.flat().map((each) => [each.id, each]))
      return [...all.values()].toSorted((a, b) => compare(a.id, b.id)).slice(0, page.limit)
    },
    async places(id) {
      if (!(await policy(id))) return { revision: 0, members: [] }
      const found = await storage.places(id)
      return { ...found, members: found.members.filter((each) => own?.has(each.server) ?? true) }
    },
    /** Of what is seen; the quotas are the account's. */
    async usage(account) {
      const { quotas } = await storage.usage(account)
      const servers = await reads.servers({ account })
      const used = { servers: servers.length, policies: 0, rules: 0, credentials: 0, addresses: 0 }
      for (let after: readonly string[] | null = null; ; ) {
        const page = await reads.policiesPage({ account }, { after, limit: 1000 })
        for (const { ruleCount } of page) {
          used.policies++
          used.rules += ruleCount
        }
        const last = page.at(-1)
        if (!last) break
        after = [last.id]
      }
      for (const profile of new Set(servers.map((each) => each.profile))) {
        used.addresses += (await reads.leases({ account, profile })).length
      }
      return { used, quotas }
    },
    async policiesNamed(filter) {
      const found = await Promise.all((await storage.policiesNamed(filter)).map(seen))
      return found.filter((each) => each !== undefined)
    },
    async hits(interfaces) {
      return storage.hits(await permittedInterfaces(interfaces))
    },
    async countedSince(interfaces) {
      return storage.countedSince(await permittedInterfaces(interfaces))
    },
    /** Sums tell of all interfaces that share a policy: none where some of those may be beyond the limits. */
    async hitSums(account, policies) {
      return own ? [] : storage.hitSums(account, await seenPolicies(policies))
    },
    async ruleTimes(policies) {
      return storage.ruleTimes(await seenPolicies(policies))
    },
    async policyNames(ids) {
      return storage.policyNames(await seenPolicies(ids))
    },
    async policies(ids) {
      return storage.policies(await seenPolicies(ids))
    },
    async outcomes(of) {
      if ('server' in of) return (await isPermitted(of.server)) ? storage.outcomes(of) : []
      if ('host' in of) return []
      if ('servers' in of) {
        const found = await Promise.all(of.servers.map(serverById))
        return storage.outcomes({ servers: found.flatMap((each) => each?.id ?? []) })
      }
      const found = await ofEach(of.account, ({ id }) => storage.outcomes({ server: id }))
      if (found) return found
      const all = await storage.outcomes(of)
      const permitted = new Set(await permittedInterfaces(all.map((each) => each.interface)))
      return all.filter((each) => permitted.has(each.interface))
    },
    async behind(filter) {
      const found = await storage.behind(filter)
      const permitted = new Set(await permittedInterfaces(found.interfaces.map(({ id }) => id)))
      return { ...found, interfaces: found.interfaces.filter(({ id }) => permitted.has(id)) }
    },
    async chain(server) {
      return (await isPermitted(server)) ? storage.chain(server) : undefined
    },
    async chainsOf(account, profile) {
      if (!isOfProfile(profile)) return []
      const found = await ofEach(
        account,
        async ({ id }) => {
          const chain = await storage.chain(id)
          return chain ? [chain] : []
        },
        profile,
      )
      return found ?? storage.chainsOf(account, profile)
    },
    async ruleCount(id) {
      return (await policy(id)) ? storage.ruleCount(id) : 0
    },
    async rule(id, position) {
      return (await policy(id)) ? storage.rule(id, position) : undefined
    },
    async placedInterfaces(server) {
      return (await isPermitted(server)) ? storage.placedInterfaces(server) : []
    },
    async placedOf(account) {
      const found = await ofEach(account, ({ id }) => storage.placedInterfaces(id))
      if (found) return found
      const all = await storage.placedOf(account)
      const permitted = new Set(await permittedInterfaces(all.map(({ id }) => id)))
      return all.filter(({ id }) => permitted.has(id))
    },
    async document(profile, kind, id) {
      const found = await storage.document(profile, kind, id)
      return found && isSeen(found, await namedBy(found.account, profile)) ? found : undefined
    },
    async documents(filter) {
      const [all, named] = await Promise.all([
        storage.documents(filter),
        namedBy(filter.account, filter.profile),
      ])
      return all.filter((each) => isSeen(each, named))
    },
    revisions: (page) => storage.revisions({ ...page, scope }),
    audit: (page) => storage.audit({ ...page, scope }),
    lastEvent: (account, operation, id) => storage.lastEvent(account, operation, id, scope),
    auditEvent: (revision, of) => storage.auditEvent(revision, { ...of, ...scope }),
    loggedRequest: (account, profile, id) => storage.loggedRequest(account, profile, id, scope),
    loggedRequests: (account, profile, limit) => storage.loggedRequests(account, profile, limit, scope),
    // Credentials tell what others may do, and to which servers.
    credentials: async () => [],
    credentialById: async () => undefined,
    credentialPage: async () => [],
    // Of the installation, of the account as a whole, and of whoever asks: they name no server.
    revision: storage.revision,
    policiesSince: storage.policiesSince,
    serverCount: storage.serverCount,
    placedCount: storage.placedCount,
    async policyNow(id) {
      return (await policy(id)) ? storage.policyNow(id) : { revision: await storage.revision() }
    },
    async policySteps(of) {
      return (await policy(of.policy)) ? storage.policySteps(of) : []
    },
    async policiesOf(revision, limit) {
      return seenPolicies(await storage.policiesOf(revision, limit))
    },
    inventoryDifference: async () => err({ kind: 'forbidden' }),
    storedInventory: () => Promise.reject(new Error('the inventory is not for credentials with limits')),
    accountCalled: async () => undefined,
    miscounts: async () => [],
    account: storage.account,
    accounts: async () => [],
    credential: storage.credential,
    once: storage.once,
    poolUse: storage.poolUse,
    // What agents say, of which services answer what concerns interfaces that were read here.
    hosts: storage.hosts,
    placedOn: async () => [],
    desired: () => Promise.reject(new Error('what a host should enforce is not for credentials of accounts')),
    concern: () => Promise.reject(new Error('what hosts should enforce is not for credentials of accounts')),
  }
  return reads
}

interface Named {
  /** Of servers and interfaces. */
  readonly ids: Set<string>
  /** What they name. */
  readonly texts: Set<string>
}

/** Of a document that lies in a zone the id begins with the zone's. */
const isNamed = ({ id }: DocumentRecord, { texts }: Named): boolean =>
  texts.has(id) || id.split('/').every((part) => texts.has(part))

/** Whether a document is about these servers or interfaces alone, so that one of them may write it. */
export function belongsTo({ id, body }: Pick<NewDocument, 'id' | 'body'>, ids: ReadonlySet<string>): boolean {
  return id.split('/').some((part) => ids.has(part)) || textsIn(body).some((text) => ids.has(text))
}

function textsIn(value: JsonValue): string[] {
  if (typeof value === 'string') return [value]
  if (value === null || typeof value !== 'object') return []
  return Object.values(value).flatMap(textsIn)
}

/** Numbers too. */
function wordsIn(value: JsonValue): string[] {
  if (typeof value === 'string' || typeof value === 'number') return [String(value)]
  if (value === null || typeof value !== 'object') return []
  return Object.values(value).flatMap(wordsIn)
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
