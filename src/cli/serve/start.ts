/** Puts the parts together: services over the store, the agent of this host, and the server that listens. */
import type { FastifyBaseLogger } from 'fastify'
import type { ServiceManager } from '../../agent/service-manager.ts'
import { providersOf } from '../../dialects/catalogue.ts'
import { howToCall } from '../../dialects/demonstration.ts'
import type { Dialects } from '../../dialects/dialect.ts'
import { dialects as builtIn } from '../../dialects/dialects.ts'
import { createMetrics } from '../../server/metrics.ts'
import { createServer } from '../../server/server.ts'
import { configureAddresses } from '../../service/addresses.ts'
import type { AddressConfig } from '../../service/addresses-file.ts'
import { createAuthenticator } from '../../service/authenticate.ts'
import { createDesiredFeeds } from '../../service/desired.ts'
import { historyOf, keepHostSecret } from '../../service/host-aliases.ts'
import { startRetention } from '../../service/retention.ts'
import { createServices, type Services } from '../../service/services.ts'
import type { Storage } from '../../storage/storage.ts'
import { endWhenAsked, type HangUp } from '../signals.ts'
import { version } from '../version.ts'
import { inWords } from '../words.ts'
import type { AgentProcess } from './agent-process.ts'
import type { CertificateKeeper } from './certificate.ts'
import { logChanges } from './change-log.ts'
import { enforce } from './enforce.ts'
import { makeFirstOperator } from './first-operator.ts'
import { demonstrate, keepInventory, warnOfDevices } from './inventory.ts'
import { createThreadedReader } from './inventory-reader.ts'
import { noInventory, type ServeOptions } from './options.ts'
import { createRemoteAgents } from './remote-agents.ts'
import type { OpenedStore } from './store.ts'

interface Surroundings {
  readonly logger: FastifyBaseLogger
  readonly hangUp: HangUp
  /** Absent: plain HTTP. */
  readonly certificate: CertificateKeeper | undefined
  readonly manager: ServiceManager
}

/** Rejects, with everything but the store ended, when it cannot serve. */
export async function start(
  options: ServeOptions,
  dialects: Dialects,
  addresses: AddressConfig,
  { storage, where }: OpenedStore,
  enforcer: AgentProcess | undefined,
  { logger, hangUp, certificate, manager }: Surroundings,
  metricsToken?: string,
): Promise<void> {
  logChanges(storage, logger)
  // First: addresses that the inventory gives are held in these pools.
  const pools = await configureAddresses(storage, addresses, Date.now())
  const by = { account: '', actor: 'serve', dialect: 'system', requestId: '', at: Date.now() } as const
  await storage.run('setDefaultQuotas', { quotas: options.quotas }, by)
  const reader = createThreadedReader({ storage, where }, dialects, options.catalogue)
  const file = options.inventory
  const inventory =
    file === undefined || file === noInventory
      ? undefined
      : await keepInventory(file, storage, reader, logger)
  if (file === undefined) await demonstrate(storage)
  await makeFirstOperator(options, storage, logger)
  const hostSecret = await keepHostSecret(storage, Date.now())
  const services = createServices(
    storage,
    {
      pools,
      hostSecret,
      transitionMs: options.transitionMs,
      holdMs: options.ionosHoldMs,
      restartMs: options.upcloudRestartMs,
    },
    providersOf(dialects),
    reader,
  )
  // No other process uses the embedded store: there are no other agents than those that may connect to this one.
  if (storage.engine === 'sqlite') {
    await services.enforcement.forgetOthers([
      ...(options.enforce === 'none' ? [] : [options.host]),
      ...(await hostsWithCredentials(storage)),
    ])
  }
  if (options.enforce !== 'none') await recordEnforcement(options, services)
  const metrics = createMetrics({
    version,
    hosts: () => services.enforcement.hosts(),
    pools: () => services.addresses.use(Date.now()),
    traffic: services,
    unclaimed: () => services.sightings.counts(),
    store: storage,
    inventory: () => inventory?.state(),
    certificate: () => certificate?.state(),
  })
  const say = (json: object, text: string) =>
    process.stdout.write(`${options.json ? JSON.stringify(json) : text}\n`)
  const feeds = createDesiredFeeds(storage)
  const agent =
    enforcer &&
    (await enforce(options, enforcer, feeds.of(options.host), services, metrics, logger, (line) =>
      say({ enforcement: line }, line),
    ))
  if (!agent) await warnOfDevices(storage, logger)
  const remote = createRemoteAgents({
    ...(agent && { ownHost: options.host }),
    feedOf: (host, resumes) => feeds.of(host, { resumes }),
    history: historyOf(hostSecret),
    ...{ hearers: services, metrics, logger },
  })
  const server = createServer({
    services,
    authenticator: createAuthenticator(storage),
    rateLimits: {
      ...(options.rateLimit && { credential: options.rateLimit }),
      ...(options.rateLimitSource && { source: options.rateLimitSource }),
    },
    dialects,
    metrics,
    logger,
    agents: remote,
    ...(options.publicUrl !== undefined && { publicUrl: options.publicUrl }),
    ...(metricsToken !== undefined && { metricsToken }),
    ...(certificate && { tls: certificate.pair }),
    async ready() {
      await storage.check()
      const { ready, reasons } = agent?.readiness() ?? { ready: true, reasons: [] }
      if (!ready) return { ready, reasons }
      const more =
        !inventory || inventory.state().inForce
          ? []
          : ['the inventory file is wrong, and what the store holds is in force']
      return { ready, reasons: [...more, ...(certificate?.reasons() ?? []), ...reasons] }
    },
  })
  async function stop(): Promise<void> {
    manager.stopping()
    remote.close()
    await server.close()
    await inventory?.close()
    await certificate?.close()
    await agent?.stop()
    feeds.close()
    await services.sightings.close()
    await services.enforcement.close()
    // What the store does not take now agents say again to the next process.
    await services.hits.close().catch((error) => logger.warn({ err: error }, 'the last counts are not kept'))
    await stopRetention()
    await storage.close()
    logger.info('stopped')
  }
  const stopRetention = startRetention(storage, { days: options.historyDays, bytes: options.historySize })
  endWhenAsked(stop, logger)
  if (inventory) hangUp.reloads.push({ what: 'the inventory', again: inventory.again })
  if (certificate) hangUp.reloads.push({ what: 'the certificate', again: certificate.again })
  if (enforcer && options.adopt !== undefined)
    hangUp.reloads.push({ what: 'the rules of adoption', again: async () => enforcer.reload() })
  inventory?.follow()
  certificate?.follow(server.present)
  let url: string
  try {
    url = await server.listen(options.listen)
  } catch (error) {
    await agent?.stop()
    const { host, port } = options.listen
    const where = host.includes(':') ? `[${host}]` : host
    throw new Error(`--listen ${where}:${port}: ${inWords(error)}`)
  }
  logger.info(await inForce(options, storage, url), 'started')
  const how = options.inventory === undefined ? `\n${howToCall(builtIn, url).trimEnd()}` : ''
  say({ listening: url }, `listening on ${url}${how}`)
  manager.readyWhen(Promise.resolve(agent?.ready), `listening on ${url}`)
  if (process.send) {
    // A parent with a channel waits until rules are in force, and is not waited for.
    await agent?.ready
    process.send({ ready: { url } }, () => process.disconnect?.())
  }
}

/** Hosts whose agents may connect. */
async function hostsWithCredentials(storage: Storage): Promise<readonly string[]> {
  const found: string[] = []
  let after: readonly string[] | null = null
  do {
    const page = await storage.credentialPage(
      { holder: 'host', expired: false, now: Date.now() },
      { after, limit: 1000 },
    )
    found.push(...page.flatMap(({ host }) => host ?? []))
    const last = page.at(-1)
    after = page.length === 1000 && last ? [last.id] : null
  } while (after !== null)
  return found
}

/** What the log says of a start: no value that could be a secret, as the URL of a database can. */
async function inForce(
  { inventory, catalogue, addresses, quotas, enforce, host, guard, observe }: ServeOptions,
  storage: Storage,
  url: string,
): Promise<object> {
  return {
    ...{
      version,
      node: process.versions.node,
      url,
      engine: storage.engine,
      revision: await storage.revision(),
    },
    ...{
      inventory: inventory ?? 'demonstration',
      ...(catalogue && { catalogue }),
      ...(addresses && { addresses }),
    },
    ...(Object.keys(quotas).length > 0 && { quotas }),
    ...(enforce === 'none' ? { enforce } : { enforce, host, guard, observe }),
  }
}

/** What is closed and what is let through without being looked at is of interest later, too. */
function recordEnforcement(
  { enforce, host, guard, observe }: ServeOptions,
  { history }: Services,
): Promise<void> {
  const by = { account: '', actor: 'serve', dialect: 'system', requestId: '', at: Date.now() } as const
  const after = { enforce, guard, observe }
  return history.recordSetting(by, { operation: 'enforcement.set', resource: 'host', id: host, after })
}
