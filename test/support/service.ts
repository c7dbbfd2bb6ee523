/** The service in this process, on an empty store of its own and a free port, with two accounts to set against each other. */
import { describe } from 'node:test'
import { pino } from 'pino'
import { createRemoteAgents, type RemoteAgentsOptions } from '../../src/cli/serve/remote-agents.ts'
import { configureCatalogues, providersOf } from '../../src/dialects/catalogue.ts'
import type { Dialects } from '../../src/dialects/dialect.ts'
import { dialects as builtIn } from '../../src/dialects/dialects.ts'
import { takersOf } from '../../src/dialects/manifest.ts'
import { createMetrics, type Metrics } from '../../src/server/metrics.ts'
import type { RateLimits } from '../../src/server/rate-limits.ts'
import { createServer } from '../../src/server/server.ts'
import { configureAddresses } from '../../src/service/addresses.ts'
import { defaultAddresses, readAddresses } from '../../src/service/addresses-file.ts'
import { createAuthenticator } from '../../src/service/authenticate.ts'
import { createDesiredFeeds } from '../../src/service/desired.ts'
import { historyOf, keepHostSecret } from '../../src/service/host-aliases.ts'
import { createPasswordMemory } from '../../src/service/inventory/password-memory.ts'
import { createInventoryReader, loadInventory } from '../../src/service/inventory.ts'
import type { Limits } from '../../src/service/login-gate.ts'
import { createServices, defaultSettings, type Services } from '../../src/service/services.ts'
import type { Storage } from '../../src/storage/storage.ts'

import type { Place } from '../../src/storage/whole/whole-store.ts'

import { engines, type TestStore } from './stores.ts'

export const dialects = builtIn
export const providers = providersOf(builtIn)

/** With inventories read in this thread. */
export const servicesOf = (storage: Storage, settings = defaultSettings, of: Dialects = builtIn): Services =>
  createServices(
    storage,
    settings,
    providersOf(of),
    createInventoryReader(storage, providersOf(of), createPasswordMemory()),
  )

/** Servers of the account `acme`; `foreign` is of the account `other`. */
export const servers = {
  web: '00798b85-efdc-41ca-8021-f6ef457b8531',
  db: '0077fa3d-32db-4b09-9f5f-30d9e9afb565',
  foreign: '00cafe00-32db-4b09-9f5f-30d9e9afb565',
  vm: '00aaaa00-32db-4b09-9f5f-30d9e9afb565',
  foreignVm: '00bbbb00-32db-4b09-9f5f-30d9e9afb565',
  instance: '00eeee00-32db-4b09-9f5f-30d9e9afb565',
  foreignInstance: '00ffff00-32db-4b09-9f5f-30d9e9afb565',
  cube: '00cccc00-32db-4b09-9f5f-30d9e9afb565',
  foreignCube: '00dddd00-32db-4b09-9f5f-30d9e9afb565',
} as const

/** Datacenters and NICs of the IONOS servers above. */
export const datacenters = {
  own: '0dc00000-0000-4000-8000-000000000001',
  foreign: '0dc00000-0000-4000-8000-000000000002',
} as const
export const nics = {
  cube: '0a1c0000-0000-4000-8000-000000000001',
  second: '0a1c0000-0000-4000-8000-000000000002',
  foreign: '0a1c0000-0000-4000-8000-000000000003',
} as const

const basic = (username: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
})

/** Headers. */
export const credentials = {
  right: { authorization: 'Bearer acme-token' },
  password: basic('acme', 'acme:password'),
  readOnly: { authorization: 'Bearer acme-read' },
  foreign: { authorization: 'Bearer other-token' },
  wrong: { authorization: 'Bearer nobody' },
  wrongPassword: basic('acme', 'guess'),
  unknownUser: basic('nobody', 'guess'),
  none: {},
} as const satisfies Record<string, Record<string, string>>

/** Scaleway's: the first of an account is its organization too. */
export const projects = {
  first: '00f10000-0000-4000-8000-000000000001',
  second: '00f10000-0000-4000-8000-000000000002',
  foreign: '00f10000-0000-4000-8000-000000000003',
} as const

const keys = {
  right: '00e10000-0000-4000-8000-000000000001',
  readOnly: '00e10000-0000-4000-8000-000000000002',
  foreign: '00e10000-0000-4000-8000-000000000003',
} as const
export const accessKey = 'SCWACME0000000000000'

/** As `credentials`, for dialects whose clients have secret keys. */
export const secretKeys = {
  right: { 'x-auth-token': keys.right },
  password: { 'x-auth-token': keys.right },
  readOnly: { 'x-auth-token': keys.readOnly },
  foreign: { 'x-auth-token': keys.foreign },
  wrong: { 'x-auth-token': '00e10000-0000-4000-8000-00000000dead' },
  wrongPassword: { 'x-auth-token': 'guess' },
  unknownUser: { authorization: 'Bearer acme-token' },
  none: {},
} as const satisfies Record<keyof typeof credentials, Record<string, string>>

export const inventory = `
accounts:
  - name: acme
    projects: [ { id: ${projects.first}, name: default }, { id: ${projects.second}, name: second } ]
    credentials:
      - { accessKey: ${accessKey}, secretKey: ${keys.right}, project: ${projects.first} }
      - { accessKey: SCWACME0000000000001, secretKey: ${keys.readOnly}, scopes: [read] }
      - { username: acme, password: "acme:password" }
      - { token: acme-token, scopes: [read, write] }
      - { token: acme-read, scopes: [read] }
    contractNumber: 31415926
    datacenters: [ { id: ${datacenters.own}, name: vdc, location: de/txl } ]
    servers:
      - profile: upcloud
        id: ${servers.web}
        name: web
        zone: fi-hel1
        firewall: true
        labels: { env: dev, tier: web }
        interfaces:
          - { mac: "52:54:00:00:00:01", addresses: [192.0.2.10, "2001:db8::10"], host: local, device: tap1 }
          - { mac: "52:54:00:00:00:02", addresses: [10.0.0.10], type: private }
      - { profile: upcloud, id: ${servers.db}, name: db, zone: fi-hel1, labels: { env: dev }, interfaces: [ { addresses: [192.0.2.11] } ] }
      - profile: hostup
        id: ${servers.vm}
        vmid: 10000
        name: vm
        interfaces: [ { mac: "52:54:00:00:00:11", addresses: [192.0.2.20, "2001:db8::20"] }, { addresses: [10.0.0.20] } ]
      - profile: scaleway
        id: ${servers.instance}
        zone: fr-par-1
        name: instance
        interfaces: [ { addresses: [192.0.2.40, "2001:db8::40"] }, { addresses: [10.0.0.40], type: private } ]
      - profile: ionos
        id: ${servers.cube}
        datacenter: ${datacenters.own}
        name: cube
        interfaces:
          - { id: ${nics.cube}, lan: 1, mac: "52:54:00:00:00:21", addresses: [192.0.2.30, "2001:db8::30"], firewallActive: true }
          - { id: ${nics.second}, lan: 2, addresses: [10.0.0.30], type: private }
  - name: other
    projects: [ { id: ${projects.foreign}, name: theirs } ]
    credentials: [ { token: other-token }, { accessKey: SCWOTHER000000000000, secretKey: ${keys.foreign} } ]
    datacenters: [ { id: ${datacenters.foreign}, name: theirs, location: de/fra } ]
    servers:
      - { profile: upcloud, id: ${servers.foreign}, name: foreign, zone: fi-hel1, interfaces: [ { addresses: [192.0.2.99] } ] }
      - { profile: hostup, id: ${servers.foreignVm}, vmid: 20000, name: theirs, interfaces: [ { addresses: [192.0.2.98] } ] }
      - { profile: scaleway, id: ${servers.foreignInstance}, zone: fr-par-1, name: strange, interfaces: [ { addresses: [192.0.2.96] } ] }
      - { profile: ionos, id: ${servers.foreignCube}, datacenter: ${datacenters.foreign}, name: theirs,
          interfaces: [ { id: ${nics.foreign}, addresses: [192.0.2.97], host: local, device: tap97 } ] }
`

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test picks from whatever came
  readonly body: any
}

export interface TestService {
  readonly url: string
  readonly place: Place
  readonly storage: Storage
  readonly services: Services
  readonly metrics: Metrics
  /** Milliseconds to add to the clock. */
  advance(milliseconds: number): void
  /** With the account's own token unless `headers` say otherwise; an object is sent as JSON. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  /** Bytes as they are, through a socket of its own. */
  raw(method: string, path: string, body: Buffer | string, headers: Record<string, string>): Promise<Reply>
  /** Lines of the log so far. */
  readonly log: string[]
  close(): Promise<void>
}

export interface ServiceOptions {
  /** Stands between the service and its store, to count or to delay. */
  readonly through?: (storage: Storage) => Storage
  /** Absent: any that is free. */
  readonly port?: number
  /** In place of its own. */
  readonly services?: Partial<Services>
  /** SQLite unless it says otherwise. */
  readonly engine?: Storage['engine']
  /** How many logins may fail; absent: as many as in a service that is started. */
  readonly logins?: Limits
  readonly transitionMs?: number
  readonly holdMs?: number
  readonly restartMs?: number
  /** How patient it is with agents. */
  readonly agents?: Pick<RemoteAgentsOptions, 'patienceMs' | 'beatMs' | 'ownHost'>
  readonly metricsToken?: string
  readonly rateLimits?: RateLimits
  readonly inventory?: string
  /** Text of an address file. */
  readonly addresses?: string
  /** Served in place of those that are built in. */
  readonly dialects?: Dialects
  /** Text of a catalogue file. */
  readonly catalogue?: string
  /** Where it keeps what it is told, opened and removed with it; absent: SQLite. */
  readonly store?: TestStore
}

/** A suite on each store; where PostgreSQL is not installed, on one, and the other is told as skipped. */
export function onBothStores(name: string, suite: (start: typeof startService) => void): void {
  for (const engine of ['sqlite', 'postgresql'] as const) {
    const start: typeof startService = (options) => startService({ engine, ...options })
    describe(`${name}, on ${engine}`, { skip: engines[engine].skip }, () => suite(start))
  }
}

export async function startService(options: ServiceOptions = {}): Promise<TestService> {
  const store = options.store ?? (await engines[options.engine ?? 'sqlite'].create())
  const opened = await store.open()
  const storage = options.through?.(opened) ?? opened
  const served = options.dialects ?? builtIn
  const configured = configureCatalogues(served, options.catalogue ?? '{}')
  if (!configured.ok) throw new Error(configured.error)
  const dialects = configured.value
  const addresses =
    options.addresses === undefined
      ? { ok: true as const, value: defaultAddresses }
      : readAddresses(options.addresses, takersOf(served))
  if (!addresses.ok) throw new Error(addresses.error)
  const pools = await configureAddresses(storage, addresses.value, Date.now())
  const text = options.inventory ?? inventory
  const loaded = await loadInventory(storage, text, Date.now(), providersOf(dialects))
  if (!loaded.ok) throw new Error(loaded.error)
  const hostSecret = await keepHostSecret(storage, Date.now())
  const settings = {
    ...{ ...defaultSettings, pools },
    hostSecret,
    transitionMs: options.transitionMs ?? 0,
    holdMs: options.holdMs ?? 0,
    ...(options.restartMs !== undefined && { restartMs: options.restartMs }),
  }
  const created = servicesOf(storage, settings, dialects)
  const services: Services = {
    ...created,
    ...options.services,
    of: (principal) => ({ ...created.of(principal), ...options.services }),
  }
  const log: string[] = []
  let offset = 0
  const metrics = createMetrics({
    version: '0',
    hosts: () => services.enforcement.hosts(),
    pools: () => services.addresses.use(Date.now() + offset),
    traffic: services,
    unclaimed: () => services.sightings.counts(),
    store: storage,
    inventory: () => undefined,
    certificate: () => undefined,
  })
  const logger = pino({ level: 'debug' }, { write: (line: string) => void log.push(line) })
  const feeds = createDesiredFeeds(storage)
  const remote = createRemoteAgents({
    feedOf: (host, resumes) => feeds.of(host, { resumes }),
    history: historyOf(hostSecret),
    ...{ hearers: services, metrics, logger, ...options.agents },
  })
  const server = createServer({
    services,
    agents: remote,
    authenticator: createAuthenticator(storage, {
      ...(options.logins && { limits: options.logins }),
      clock: () => Date.now() + offset,
    }),
    ...(options.rateLimits && { rateLimits: options.rateLimits }),
    dialects,
    metrics,
    ...(options.metricsToken !== undefined && { metricsToken: options.metricsToken }),
    logger,
    async ready() {
      await storage.check()
      return { ready: true, reasons: [] }
    },
    now: () => Date.now() + offset,
  })
  const url = await server.listen({ host: '127.0.0.1', port: options.port ?? 0 })

  async function raw(
    method: string,
    path: string,
    body: Buffer | string | undefined,
    headers: Record<string, string>,
  ) {
    const response = await fetch(url + path, {
      method,
      headers,
      ...(body !== undefined && { body: body as NonNullable<RequestInit['body']> }),
      redirect: 'manual',
    })
    const text = await response.text()
    let parsed: unknown
    try {
      parsed = text === '' ? undefined : JSON.parse(text)
    } catch {
      parsed = undefined
    }
    return { status: response.status, headers: response.headers, text, body: parsed }
  }

  return {
    url,
    place: store.place,
    storage,
    services,
    metrics,
    log,
    advance(milliseconds) {
      offset += milliseconds
    },
    call: (method, path, body, headers = credentials.right) =>
      raw(method, path, body === undefined ? undefined : JSON.stringify(body), {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      }),
    raw,
    async close() {
      remote.close()
      await server.close()
      await services.enforcement.close()
      await created.hits.close()
      await storage.close()
      await store.remove()
    },
  }
}
