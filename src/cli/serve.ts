/**
 * `portcullis serve`: the service, and the only place where its parts are put together.
 *
 * Standard output begins with `listening on http://ADDR:PORT`; the log is standard error.
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { FastifyBaseLogger } from 'fastify'
import { pino } from 'pino'
import { startAgent } from '../agent/agent.ts'
import { createNftables } from '../agent/nftables/nftables.ts'
import { createResolver } from '../compile/resolve.ts'
import { hostupDialect } from '../dialects/hostup/dialect.ts'
import { ionosDialect } from '../dialects/ionos/dialect.ts'
import { nativeDialect } from '../dialects/native/dialect.ts'
import { scalewayDialect } from '../dialects/scaleway/dialect.ts'
import { upcloudDialect } from '../dialects/upcloud/dialect.ts'
import { createMetrics, type Metrics } from '../server/metrics.ts'
import { createServer } from '../server/server.ts'
import { createAuthenticator } from '../service/authenticate.ts'
import { createServices, defaultSettings } from '../service/create.ts'
import { createDesiredSource } from '../service/desired.ts'
import { loadInventory } from '../service/inventory.ts'
import { startRetention } from '../service/retention.ts'
import type { Services } from '../service/services.ts'
import { openSqlite } from '../storage/sqlite.ts'
import type { Storage } from '../storage/storage.ts'
import { demonstration, howToCall } from './demonstration.ts'
import { complain } from './output.ts'

interface Listen {
  readonly host: string
  readonly port: number
}

interface ServeOptions {
  readonly listen: Listen
  readonly publicUrl?: string
  readonly data: string
  readonly database?: string
  readonly inventory?: string
  readonly enforce: 'nftables' | 'ovn' | 'none'
  readonly host: string
  readonly guard: readonly string[]
  readonly transitionMs: number
  readonly ionosHoldMs: number
  readonly historyDays: number
  readonly historySize: number
  readonly logLevel: string
  readonly netns?: string
  readonly nft?: string
  readonly verifyMs: number
}

export function serveCommand(): Command {
  return new Command('serve')
    .description('serve the APIs, and enforce the rules on this host if told to')
    .addOption(
      new Option('--listen <address:port>', 'port 0 picks a free one')
        .env('PORTCULLIS_LISTEN')
        .default(parseListen('127.0.0.1:8080'), '127.0.0.1:8080')
        .argParser(parseListen),
    )
    .addOption(
      new Option(
        '--public-url <url>',
        'where clients reach the service, behind a proxy: https://api.example.com',
      )
        .env('PORTCULLIS_PUBLIC_URL')
        .argParser(parsePublicUrl),
    )
    .addOption(
      new Option('--data <directory>', 'where the embedded store is kept')
        .env('PORTCULLIS_DATA')
        .default('.portcullis'),
    )
    .addOption(
      new Option('--database <url>', 'postgres://… instead of the embedded store')
        .env('PORTCULLIS_DATABASE')
        .argParser(parseDatabase),
    )
    .addOption(
      new Option('--inventory <file>', 'accounts and servers, YAML; without it a demonstration').env(
        'PORTCULLIS_INVENTORY',
      ),
    )
    .addOption(
      new Option('--enforce <target>', 'what filters packets on this host')
        .env('PORTCULLIS_ENFORCE')
        .choices(['nftables', 'ovn', 'none'])
        .default('none'),
    )
    .addOption(
      new Option('--host <name>', 'this host’s name in the inventory')
        .env('PORTCULLIS_HOST')
        .default('local'),
    )
    .addOption(
      new Option(
        '--guard <patterns>',
        'devices closed until their policy is known: names or prefixes, tap*,vnet*',
      )
        .env('PORTCULLIS_GUARD')
        .default(['tap*', 'vnet*'], 'tap*,vnet*')
        .argParser(parseGuard),
    )
    .addOption(
      new Option('--transition-ms <milliseconds>', 'how long a server takes to start, stop, change')
        .env('PORTCULLIS_TRANSITION_MS')
        .default(0)
        .argParser(parseMilliseconds),
    )
    .addOption(
      new Option(
        '--ionos-hold-ms <milliseconds>',
        'how long IONOS requests are not done yet, for testing clients',
      )
        .env('PORTCULLIS_IONOS_HOLD_MS')
        .default(0)
        .argParser(parseMilliseconds),
    )
    .addOption(
      new Option('--history-days <days>', 'how long what was changed is kept')
        .env('PORTCULLIS_HISTORY_DAYS')
        .default(90)
        .argParser(parseDays),
    )
    .addOption(
      new Option('--history-size <bytes>', 'how much of it is kept: 500m, 1g')
        .env('PORTCULLIS_HISTORY_SIZE')
        .default(1024 ** 3, '1g')
        .argParser(parseSize),
    )
    .addOption(
      new Option('--log-level <level>', 'of the log on standard error')
        .env('PORTCULLIS_LOG_LEVEL')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
        .default('info'),
    )
    .addOption(
      new Option('--netns <name>', 'network namespace that is filtered instead of this one')
        .env('PORTCULLIS_NETNS')
        .hideHelp(),
    )
    .addOption(new Option('--nft <program>', 'nft to run').env('PORTCULLIS_NFT').hideHelp())
    .addOption(
      new Option('--verify-ms <milliseconds>', 'how often what is enforced is read back')
        .env('PORTCULLIS_VERIFY_MS')
        .default(60_000)
        .argParser(parseMilliseconds)
        .hideHelp(),
    )
    .action(serve)
}

function parseListen(text: string): Listen {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65535) {
    throw new InvalidArgumentError('Expected an address and a port: 127.0.0.1:8080 or [::1]:8080.')
  }
  return { host: match[1] ?? match[2] ?? '', port }
}

/** Scheme, host and port only: every dialect has its own paths from the root on. */
function parsePublicUrl(text: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || ![url.origin, `${url.origin}/`].includes(text)) {
    throw new InvalidArgumentError('Expected a URL without a path: https://api.example.com.')
  }
  return url.origin
}

function parseDatabase(text: string): string {
  if (!/^postgres(ql)?:\/\//.test(text)) {
    throw new InvalidArgumentError('Expected postgres://user:password@host/database.')
  }
  return text
}

function parseGuard(text: string): readonly string[] {
  const patterns = text.split(',').filter((pattern) => pattern !== '')
  for (const pattern of patterns) {
    if (!/^[A-Za-z0-9_.-]{1,14}\*?$/.test(pattern)) {
      throw new InvalidArgumentError(`${pattern} is no device name or prefix such as tap*.`)
    }
  }
  return patterns
}

function parseDays(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text))
    throw new InvalidArgumentError('Expected a whole number of days, from 1 on.')
  return Number(text)
}

function parseSize(text: string): number {
  const [, number, unit = ''] = /^([1-9]\d{0,9})([kmg]?)$/i.exec(text) ?? []
  if (number === undefined) throw new InvalidArgumentError('Expected bytes: 500000, 500k, 500m or 1g.')
  return Number(number) * 1024 ** ' kmg'.indexOf(unit === '' ? ' ' : unit.toLowerCase())
}

function parseMilliseconds(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number of milliseconds.')
  return Number(text)
}

async function serve(options: ServeOptions): Promise<void> {
  const refused = await refusal(options)
  if (refused !== undefined) return complain(refused, 2)
  const logger = createLogger(options.logLevel)
  let storage: Storage
  try {
    storage =
      options.database === undefined
        ? await openSqlite({ directory: resolve(options.data), died: storeDied })
        : await (await import('../storage/postgresql.ts')).openPostgresql({ url: options.database })
  } catch (error) {
    return complain(`the store cannot be opened: ${messageOf(error)}`, 1)
  }
  try {
    await start(options, storage, logger)
  } catch (error) {
    await storage.close()
    complain(messageOf(error), 1)
  }
}

/** What is enforced stays. Answers nobody any more: whoever started this process starts it again, with a new store. */
function storeDied(error: Error): never {
  complain(`the thread that writes to the store has ended: ${error.message}`, 1)
  process.exit()
}

/** Rejects, with everything but the store ended, when it cannot serve. */
async function start(options: ServeOptions, storage: Storage, logger: FastifyBaseLogger): Promise<void> {
  const text = options.inventory === undefined ? demonstration : await readFile(options.inventory, 'utf8')
  const loaded = await loadInventory(storage, text, Date.now())
  if (!loaded.ok) throw new Error(`${options.inventory ?? 'the demonstration'}: ${loaded.error}`)

  const services = createServices(storage, {
    ...defaultSettings,
    transitionMs: options.transitionMs,
    holdMs: options.ionosHoldMs,
  })
  // No other process uses the embedded store: there are no other agents.
  if (storage.engine === 'sqlite') {
    await services.enforcement.forgetOthers(options.enforce === 'none' ? [] : [options.host])
  }
  const metrics = createMetrics(() => services.enforcement.hosts())
  const agent =
    options.enforce === 'nftables' ? enforce(options, storage, services, metrics, logger) : undefined
  const server = createServer({
    services,
    authenticator: createAuthenticator(storage),
    dialects: [nativeDialect, upcloudDialect, hostupDialect, ionosDialect, scalewayDialect],
    metrics,
    logger,
    ...(options.publicUrl !== undefined && { publicUrl: options.publicUrl }),
    async ready() {
      await storage.check()
      if (agent && services.enforcement.host(options.host)?.appliedRevision == null) {
        throw new Error('nothing has been enforced yet')
      }
    },
  })
  async function stop(): Promise<void> {
    await server.close()
    await agent?.stop()
    await services.enforcement.close()
    await stopRetention()
    await storage.close()
  }
  const stopRetention = startRetention(storage, { days: options.historyDays, bytes: options.historySize })
  let url: string
  try {
    url = await server.listen(options.listen)
  } catch (error) {
    await agent?.stop()
    throw error
  }
  process.stdout.write(`listening on ${url}\n${options.inventory === undefined ? howToCall(url) : ''}`)
  if (process.send) {
    // A parent with a channel waits until rules are in force, and is not waited for.
    await agent?.ready
    process.send({ ready: { url } }, () => process.disconnect())
  }

  let stopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // Asked twice means now.
      if (stopping) process.exit(1)
      stopping = true
      logger.info({ signal }, 'stopping')
      stop().then(
        () => process.exit(0),
        (error) => {
          logger.error({ err: error }, 'stopped badly')
          process.exit(1)
        },
      )
      setTimeout(() => process.exit(1), 10_000).unref()
    })
  }
}

interface Enforcement {
  readonly ready: Promise<void>
  stop(): Promise<void>
}

function enforce(
  options: ServeOptions,
  storage: Storage,
  services: Services,
  metrics: Metrics,
  logger: FastifyBaseLogger,
): Enforcement {
  const { host, guard, netns, nft, verifyMs } = options
  const dataplane = createNftables({
    guard,
    verifyMs,
    ...(netns !== undefined && { netns }),
    ...(nft !== undefined && { nft }),
  })
  const agent = startAgent({
    host,
    target: 'nftables',
    source: createDesiredSource(storage, createResolver(), host),
    dataplane,
    report: services.enforcement.report,
    observe(round) {
      if (round.kind === 'failed') {
        metrics.applyFailed()
        logger.error({ err: round.error }, 'rules could not be applied; those before stay in force')
      } else {
        metrics.applied(round.seconds)
        if (round.repaired) logger.warn('somebody changed our table; it is repaired')
      }
    },
  })
  return {
    ready: agent.ready,
    async stop() {
      await agent.stop()
      await dataplane.close()
    },
  }
}

/** On standard error: standard output is the answer. */
function createLogger(level: string): FastifyBaseLogger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2))
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Why this cannot be done here, before anything is touched. */
async function refusal({ enforce }: ServeOptions): Promise<string | undefined> {
  if (enforce === 'ovn') return '--enforce ovn is not available yet; nftables and none are'
  if (enforce === 'none') return undefined
  if (process.platform !== 'linux') return '--enforce nftables needs Linux'
  if (process.getuid?.() !== 0) return '--enforce nftables needs root; run as root, or with --enforce none'
  return undefined
}
