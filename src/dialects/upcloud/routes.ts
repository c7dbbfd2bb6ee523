/** UpCloud's endpoints: the table, and what each one does (contract: upcloud §2, §3). */
import { randomBytes, randomUUID } from 'node:crypto'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { type Interface, unplaced } from '../../core/model/inventory.ts'
import { chainSettings } from '../../core/model/profile.ts'
import { formatAddress, parseAddress } from '../../core/net/address.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { NewServer, ServerView } from '../../service/services.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
import type { Answer, DialectRequest, Route } from '../dialect.ts'
import { routesSpelledBy } from '../route.ts'
import { plans, templates, zones } from './catalogue.ts'
import { decodeIndex, decodeRuleBody, decodeRulesBody, mostRules } from './decode.ts'
import {
  decodeNewServer,
  decodeServerChange,
  decodeStop,
  type WantedDisk,
  type WantedNic,
} from './decode-server.ts'
import {
  disksOf,
  encodeAddress,
  encodeListedServer,
  encodeNetworking,
  encodeRule,
  encodeRuleList,
  encodeServer,
  encodeStorage,
  encodeStorageDetails,
  labelsOf,
} from './encode.ts'
import { errorAnswer, invalid } from './errors.ts'
import type { WireDisk } from './wire.ts'

const profile = 'upcloud'
/** Rules of a server that is being made or changed cannot be written. */
const refuseStates = ['maintenance'] as const
const chainLimits = { maxRules: mostRules, refuseStates }

type Handled = Promise<Result<Answer, RequestError>>

const route = routesSpelledBy(errorAnswer)
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const noContent: Answer = { status: 204 }

/** 1,000 rules with every attribute, and comments of 250 characters that take twelve bytes each when escaped, are 3.6 MB. */
const mostListBytes = 4 * 1024 * 1024
const bounded = (mostBodyBytes: number, ...args: Parameters<typeof route>): Route => ({
  ...route(...args),
  mostBodyBytes,
})

export const routes: readonly Route[] = [
  route('GET', '/server/:uuid/firewall_rule', 'listRules', 200, 'All rules, in order', async (request) => {
    const uuid = serverId(request)
    if (!uuid.ok) return uuid
    const { services } = request
    const bytes = await services.chains.listBytes(request, profile, uuid.value, 'upcloud', encodeRuleList)
    return bytes.ok ? ok({ status: 200, body: bytes.value }) : bytes
  }),

  route('GET', '/server/:uuid/firewall_rule/:index', 'getRule', 200, 'One rule', async (request) => {
    const uuid = serverId(request)
    if (!uuid.ok) return uuid
    const found = await request.services.servers.get(request, profile, uuid.value)
    if (!found.ok) return found
    const index = decodeIndex(request.params.index ?? '')
    if (!index.ok) return index
    const rule = await request.services.chains.get(request, profile, uuid.value, index.value)
    return rule.ok ? ok({ status: 200, body: { firewall_rule: encodeRule(rule.value) as never } }) : rule
  }),

  route(
    'POST',
    '/server/:uuid/firewall_rule',
    'createRule',
    201,
    'Insert or append a rule',
    async (request) => {
      const uuid = await writableChain(request)
      if (!uuid.ok) return uuid
      const decoded = decodeRuleBody(request.body)
      if (!decoded.ok) return decoded
      const { rule, position } = decoded.value
      const place = position === undefined ? {} : { position }
      const created = await request.services.chains.insert(request, profile, uuid.value, rule, {
        ...chainLimits,
        ...place,
      })
      if (!created.ok) return created
      return ok({ status: 201, body: { firewall_rule: encodeRule(created.value) as never } })
    },
  ),

  bounded(
    mostListBytes,
    'PUT',
    '/server/:uuid/firewall_rule',
    'replaceRules',
    204,
    'Replace all rules',
    async (request) => {
      const uuid = await writableChain(request)
      if (!uuid.ok) return uuid
      const rules = decodeRulesBody(request.body)
      if (!rules.ok) return rules
      const done = await request.services.chains.replace(
        request,
        profile,
        uuid.value,
        rules.value,
        chainLimits,
      )
      return done.ok ? ok(noContent) : done
    },
  ),

  route(
    'DELETE',
    '/server/:uuid/firewall_rule/:index',
    'deleteRule',
    204,
    'Delete a rule',
    async (request) => {
      const uuid = await writableChain(request)
      if (!uuid.ok) return uuid
      const index = decodeIndex(request.params.index ?? '')
      if (!index.ok) return index
      const done = await request.services.chains.remove(request, profile, uuid.value, index.value, {
        refuseStates,
      })
      return done.ok ? ok(noContent) : done
    },
  ),

  route('GET', '/account', 'getAccount', 200, 'Who asks', async (request) => {
    const { credential } = request.principal
    const account = await request.services.servers.account(request)
    return ok({
      status: 200,
      body: {
        account: {
          credits: 10_000,
          resource_limits: {
            cores: 200,
            detached_floating_ips: 10,
            memory: 1_048_576,
            networks: 100,
            public_ipv4: 100,
            public_ipv6: 100,
            storage_hdd: 10_240,
            storage_maxiops: 10_240,
            storage_ssd: 10_240,
          },
          username: credential.kind === 'password' ? credential.label : account.name,
        },
      },
    })
  }),

  route('GET', '/server', 'listServers', 200, 'All servers of the account', async (request) => {
    const servers = await request.services.servers.list(request, profile)
    const wanted = new Set(request.query.getAll('label'))
    const listed = wanted.size === 0 ? servers : servers.filter((server) => hasLabels(server, wanted))
    return ok({ status: 200, body: { servers: { server: listed.map(encodeListedServer) } } })
  }),

  route('POST', '/server', 'createServer', 202, 'Create a server', async (request) => {
    const wanted = decodeNewServer(request.body)
    if (!wanted.ok) return wanted
    const { title, zone, firewall, attributes, nics, disks } = wanted.value
    const id = randomUUID()
    const interfaces = await makeInterfaces(request, nics)
    if (!interfaces.ok) return interfaces
    const storages = await makeDisks(request, id, zone, disks)
    if (!storages.ok) return storages
    const created = await request.services.servers.create(request, profile, {
      id,
      name: title,
      zone,
      state: 'maintenance',
      next: { state: 'started', afterMs: request.services.settings.transitionMs },
      attributes: { ...attributes, disks: storages.value.disks as never },
      interfaces: interfaces.value,
      ...(chainSettings.upcloud && { chain: { ...chainSettings.upcloud, enabled: firewall } }),
      documents: storages.value.documents,
    })
    if (!created.ok) return created
    // The answer is of the moment it was made, however soon it is started.
    const { server, ...rest } = created.value
    const body = encodeServer({ ...rest, server: { ...server, state: 'maintenance' } })
    const login = { password: randomBytes(12).toString('base64url'), progress: '0', username: 'root' }
    return ok({ status: 202, body: { server: { ...body, ...login } } })
  }),

  route('GET', '/server/:uuid', 'getServer', 200, 'One server', async (request) => {
    const found = await findServer(request)
    return found.ok ? ok(serverAnswer(200, found.value)) : found
  }),

  route(
    'PUT',
    '/server/:uuid',
    'modifyServer',
    202,
    'Change a server, its firewall switch too',
    async (request) => {
      const found = await findServer(request)
      if (!found.ok) return found
      const change = decodeServerChange(request.body, encodeServer(found.value))
      if (!change.ok) return change
      const { id } = found.value.server
      const done = await request.services.servers.update(request, profile, id, {
        ...change.value,
        refuseStates,
      })
      return done.ok ? ok(serverAnswer(202, done.value)) : done
    },
  ),

  route('DELETE', '/server/:uuid', 'deleteServer', 204, 'Delete a stopped server', async (request) => {
    const found = await findServer(request)
    if (!found.ok) return found
    const disks = request.query.get('storages') === '1' ? disksOf(found.value) : []
    const done = await request.services.servers.remove(request, profile, found.value.server.id, {
      requireStates: ['stopped'],
      documents: disks.map(({ storage }) => ({ kind: 'storage', id: storage })),
    })
    return done.ok ? ok(noContent) : done
  }),

  route('POST', '/server/:uuid/start', 'startServer', 200, 'Start a stopped server', (request) =>
    changeState(request, ['stopped'], 'server', { now: 'started' }),
  ),
  route('POST', '/server/:uuid/stop', 'stopServer', 200, 'Stop a started server', (request) =>
    // It is still started when the answer is given.
    changeState(request, ['started'], 'stop_server', {
      now: 'started',
      next: { state: 'stopped', afterMs: request.services.settings.transitionMs },
    }),
  ),
  route('POST', '/server/:uuid/restart', 'restartServer', 200, 'Restart a started server', (request) =>
    changeState(request, ['started'], 'restart_server', { now: 'started' }),
  ),

  route(
    'GET',
    '/server/:uuid/networking',
    'getServerNetworking',
    200,
    'Interfaces of a server',
    async (request) => {
      const found = await findServer(request)
      return found.ok ? ok({ status: 200, body: { networking: encodeNetworking(found.value) } }) : found
    },
  ),

  route('GET', '/zone', 'listZones', 200, 'Zones', async () =>
    ok({ status: 200, body: { zones: { zone: zones } } }),
  ),
  route('GET', '/plan', 'listPlans', 200, 'Plans', async () =>
    ok({ status: 200, body: { plans: { plan: plans } } }),
  ),

  ...['', '/public', '/private', '/template', '/normal', '/cdrom', '/backup', '/favorite'].map((kind) =>
    route(
      'GET',
      `/storage${kind}`,
      `listStorages${capitalised(kind.slice(1))}`,
      200,
      'Storages',
      async (request) => {
        const own = (await request.services.documents.list(request, profile, 'storage')).map(encodeStorage)
        const [withTemplates, withOwn] = [
          ['', '/public', '/template'].includes(kind),
          ['', '/private', '/normal'].includes(kind),
        ]
        const listed = [...(withTemplates ? templates : []), ...(withOwn ? own : [])]
        return ok({ status: 200, body: { storages: { storage: listed } } })
      },
    ),
  ),
  route('GET', '/storage/:uuid', 'getStorage', 200, 'One storage', async (request) => {
    const { uuid = '' } = request.params
    const template = templates.find((each) => each.uuid === uuid)
    if (template) return ok({ status: 200, body: { storage: encodeStorageDetails(template, []) } })
    const storage = await findStorage(request)
    if (!storage.ok) return storage
    const users = await usersOf(request, storage.value)
    return ok({ status: 200, body: { storage: encodeStorageDetails(encodeStorage(storage.value), users) } })
  }),
  route('DELETE', '/storage/:uuid', 'deleteStorage', 204, 'Delete a storage', async (request) => {
    const { uuid = '' } = request.params
    if (templates.some((each) => each.uuid === uuid)) {
      return err({ kind: 'forbidden', resource: 'storage', id: uuid })
    }
    const storage = await findStorage(request)
    if (!storage.ok) return storage
    if ((await usersOf(request, storage.value)).length > 0) {
      return err({ kind: 'conflict', resource: 'storage', reason: 'The storage is attached to a server.' })
    }
    const condition = { ifRevision: storage.value.revision }
    const done = await request.services.documents.remove(request, profile, 'storage', uuid, condition)
    return done.ok ? ok(noContent) : done
  }),

  route('GET', '/ip_address', 'listAddresses', 200, 'Addresses of all servers', async (request) => {
    const servers = await request.services.servers.list(request, profile)
    const listed = addressesOf(servers).map(({ wire }) => wire)
    return ok({ status: 200, body: { ip_addresses: { ip_address: listed } } })
  }),
  route('GET', '/ip_address/:address', 'getAddress', 200, 'One address', async (request) => {
    const { address: text = '' } = request.params
    const parsed = parseAddress(text)
    const canonical = parsed.ok ? formatAddress(parsed.value.family, parsed.value.value) : undefined
    const server = canonical && (await request.services.servers.withAddress(request, profile, canonical))
    const found = server && addressesOf([server]).find(({ address }) => address === canonical)
    if (!found) return err({ kind: 'not-found', resource: 'ip-address', id: text })
    return ok({ status: 200, body: { ip_address: found.wire } })
  }),
]

/** In any case of letters; servers are kept in lower case. */
function serverId({ params }: DialectRequest): Result<string, RequestError> {
  const uuid = (params.uuid ?? '').toLowerCase()
  if (uuidPattern.test(uuid)) return ok(uuid)
  return err({ ...invalid('uuid', 'SERVER_INVALID'), reason: 'The server UUID is invalid.' } as RequestError)
}

async function findServer(request: DialectRequest): Promise<Result<ServerView, RequestError>> {
  const uuid = serverId(request)
  return uuid.ok ? request.services.servers.get(request, profile, uuid.value) : uuid
}

/** Existence, ownership and state, which are told before anything in the body is. */
async function writableChain(request: DialectRequest): Promise<Result<string, RequestError>> {
  const uuid = serverId(request)
  if (!uuid.ok) return uuid
  const found = await request.services.chains.writable(request, profile, uuid.value, refuseStates)
  return found.ok ? uuid : found
}

const serverAnswer = (status: number, view: ServerView): Answer => ({
  status,
  body: { server: encodeServer(view) },
})

async function changeState(
  request: DialectRequest,
  requireStates: readonly string[],
  key: string,
  state: { now: string; next?: { state: string; afterMs: number } },
): Handled {
  const found = await findServer(request)
  if (!found.ok) return found
  const body = decodeStop(request.body, key)
  if (!body.ok) return body
  const { id } = found.value.server
  const done = await request.services.servers.update(request, profile, id, { requireStates, state })
  if (!done.ok) return done
  const { server, ...rest } = done.value
  return ok(serverAnswer(200, { ...rest, server: { ...server, state: state.now } }))
}

/** Each is `key` or `key=value`. */
function hasLabels(server: ServerView, wanted: ReadonlySet<string>): boolean {
  const own = new Set(labelsOf(server).flatMap(({ key, value }) => [key, `${key}=${value}`]))
  return [...wanted].every((label) => own.has(label))
}

async function makeInterfaces(
  request: DialectRequest,
  wanted: readonly WantedNic[],
): Promise<Result<Omit<Interface, 'server'>[], RequestError>> {
  const nics: Omit<Interface, 'server'>[] = []
  for (const [index, { type, families }] of wanted.entries()) {
    const addresses: string[] = []
    for (const family of type === 'private' ? [] : families) {
      const pool = type === 'utility' ? 'utility-ipv4' : family === 'IPv4' ? 'public-ipv4' : 'public-ipv6'
      const taken = await request.services.servers.takeAddresses(request, pool, 1)
      if (!taken.ok) return taken
      addresses.push(...taken.value)
    }
    // Locally administered, unicast.
    const bytes = randomBytes(6)
    bytes.writeUInt8((bytes.readUInt8(0) & 0xfc) | 0x02, 0)
    const mac = bytes.toString('hex').replace(/(..)(?=.)/g, '$1:')
    const place = { ...unplaced, attributes: {} }
    nics.push({ id: randomUUID(), index: index + 1, mac, addresses, type, ...place })
  }
  return ok(nics)
}

type NewDisk = NewServer['documents'][number]

async function makeDisks(
  request: DialectRequest,
  server: string,
  zone: string,
  wanted: readonly WantedDisk[],
): Promise<Result<{ disks: WireDisk[]; documents: NewDisk[] }, RequestError>> {
  const disks: WireDisk[] = []
  const documents: NewDisk[] = []
  for (const [index, { existing, ...disk }] of wanted.entries()) {
    let { title, size, tier } = disk
    if (existing !== undefined) {
      const found = await storageById(request, existing)
      if (!found.ok) return found
      if ((await usersOf(request, found.value)).length > 0) {
        return err({ kind: 'conflict', resource: 'storage', reason: 'The storage is attached to a server.' })
      }
      // On condition that nobody else attaches or deletes it meanwhile.
      const { body, revision: ifRevision } = found.value
      documents.push({ kind: 'storage', id: existing, body: { ...body, server }, ifRevision })
      ;({ title, size, tier } = { ...disk, ...(found.value.body as unknown as typeof disk) })
    }
    const id = existing ?? randomUUID()
    if (existing === undefined)
      documents.push({ kind: 'storage', id, body: { title, size, tier, zone, server } })
    disks.push({
      address: `virtio:${index}`,
      boot_disk: '0',
      part_of_plan: index === 0 ? 'yes' : 'no',
      storage: id,
      storage_encrypted: 'no',
      storage_size: size,
      storage_tier: tier,
      storage_title: title,
      type: 'disk',
    })
  }
  return ok({ disks, documents })
}

const findStorage = (request: DialectRequest) => storageById(request, request.params.uuid ?? '')

async function storageById(request: DialectRequest, id: string) {
  if (!uuidPattern.test(id)) {
    return err<RequestError>({ kind: 'not-found', resource: 'storage', id })
  }
  return request.services.documents.get(request, profile, 'storage', id)
}

/** The server that a storage is attached to, if there is one: the storage names it, and it must still have it. */
async function usersOf(request: DialectRequest, { id, body }: DocumentRecord): Promise<readonly string[]> {
  if (typeof body.server !== 'string') return []
  const server = await request.services.servers.get(request, profile, body.server)
  return server.ok && disksOf(server.value).some((disk) => disk.storage === id) ? [body.server] : []
}

function addressesOf(servers: readonly ServerView[]): { address: string; wire: JsonObject }[] {
  return servers.flatMap((server) =>
    server.interfaces
      .filter((nic) => nic.type !== 'private')
      .flatMap((nic) =>
        nic.addresses.map((address) => ({ address, wire: encodeAddress(server, nic, address) })),
      ),
  )
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
