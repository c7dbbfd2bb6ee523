/**
 * `portcullis serve`: the service, and the only place where its parts are put together.
 *
 * Standard output begins with `listening on http://ADDR:PORT`; the log is standard error.
 */
import { resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { FastifyBaseLogger } from 'fastify'
import { pino } from 'pino'
import { makeDirectory } from '../agent/directory.ts'
import { createResolver } from '../compile/resolve.ts'
import { mostConnections } from '../core/model/desired.ts'
import { err, ok, type Result } from '../core/result.ts'
import { configureCatalogues, offersOf } from '../dialects/catalogue.ts'
import type { Dialects } from '../dialects/dialect.ts'
import { dialects as builtIn } from '../dialects/dialects.ts'
import { createMetrics } from '../server/metrics.ts'
import { createServer } from '../server/server.ts'
import { configureAddresses } from '../service/addresses.ts'
import { type AddressConfig, defaultAddresses, readAddresses } from '../service/addresses-file.ts'
import { createAuthenticator } from '../service/authenticate.ts'
import { createDesiredSource } from '../service/desired.ts'
import { loadInventory } from '../service/inventory.ts'
import { startRetention } from '../service/retention.ts'
import { createServices, type Services } from '../service/services.ts'
import { openSqlite } from '../storage/sqlite.ts'
import type { Storage } from '../storage/storage.ts'
import { databaseUrl, hasPassword } from './database.ts'
import { howToCall, mayDemonstrate, notToBeShown } from './demonstration.ts'
import { closeFirst, enforce } from './enforce.ts'
import { inventoryText } from './inventory-text.ts'
import { dataOption, guardOption, isOn, netnsOption, nftOption } from './options.ts'
import { complain } from './output.ts'
import { missingPrivilege } from './privileges.ts'
import { endWhenAsked, ignoreHangUp } from './signals.ts'
import { readText } from './text-file.ts'
import { inWords, inWordsWithPath } from './words.ts'

interface Listen {
  readonly host: string
  readonly port: number
}

interface ServeOptions {
  readonly listen: Listen
  readonly publicUrl?: string
  readonly data: string
  readonly database?: string
  readonly databasePasswordFile?: string
  readonly inventory?: string
  readonly catalogue?: string
  readonly addresses?: string
  readonly enforce: 'nftables' | 'ovn' | 'none'
  readonly host: string
  readonly guard: readonly string[]
  readonly observe: boolean
  readonly maxConnections: number
  readonly transitionMs: number
  readonly ionosHoldMs: number
  readonly upcloudRestartMs: number
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
    .addOption(dataOption())
    .addOption(
      // Looked at with the others (`refusal`): an option's own parser repeats what it refuses, its password included.
      new Option('--database <url>', 'postgres://… instead of the embedded store').env('PORTCULLIS_DATABASE'),
    )
    .addOption(
      new Option(
        '--database-password-file <file>',
        'its first line is the database’s password; PORTCULLIS_DATABASE_PASSWORD may be the password itself',
      ).env('PORTCULLIS_DATABASE_PASSWORD_FILE'),
    )
    .addOption(
      new Option('--inventory <file>', 'accounts and servers, YAML; without it a demonstration').env(
        'PORTCULLIS_INVENTORY',
      ),
    )
    .addOption(
      new Option(
        '--catalogue <file>',
        'zones, plans, images of the dialects, in place of those built in',
      ).env('PORTCULLIS_CATALOGUE'),
    )
    .addOption(
      new Option('--addresses <file>', 'pools that addresses of new servers come from, YAML').env(
        'PORTCULLIS_ADDRESSES',
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
    .addOption(guardOption())
    .addOption(
      new Option(
        '--observe',
        'judge and count every packet, and drop none (env: PORTCULLIS_OBSERVE)',
      ).default(false),
    )
    .addOption(
      new Option(
        '--max-connections <number>',
        'tracked connections each interface may begin, and as many towards it; 0 is no limit',
      )
        .env('PORTCULLIS_MAX_CONNECTIONS')
        .default(8192)
        .argParser(parseConnections),
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
      new Option(
        '--upcloud-restart-ms <milliseconds>',
        'how long UpCloud’s servers show that they restart; its clients first look after 5 s',
      )
        .env('PORTCULLIS_UPCLOUD_RESTART_MS')
        .default(8000)
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
    .addOption(netnsOption())
    .addOption(nftOption())
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

function parseConnections(text: string): number {
  if (!/^\d{1,7}$/.test(text) || Number(text) > mostConnections) {
    throw new InvalidArgumentError(`Expected a whole number up to ${mostConnections}; 0 is no limit.`)
  }
  return Number(text)
}

function parseMilliseconds(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number of milliseconds.')
  return Number(text)
}

async function serve(flags: ServeOptions, command: Command): Promise<void> {
  let options: ServeOptions
  try {
    options = {
      ...flags,
      observe: isOn(flags.observe, 'PORTCULLIS_OBSERVE'),
    }
  } catch (error) {
    return complain(messageOf(error), 2)
  }
  const refused = refusal(options)
  if (refused !== undefined) return complain(refused, 2)
  const dialects = await dialectsOf(options)
  if (!dialects.ok) return complain(dialects.error, 2)
  const addresses = await addressesOf(options)
  if (!addresses.ok) return complain(addresses.error, 2)
  const logger = createLogger(options.logLevel)
  ignoreHangUp(logger)
  if (command.getOptionValueSource('database') === 'cli' && hasPassword(options.database ?? '')) {
    logger.warn('who can list processes can read the password in --database: see --database-password-file')
  }
  if (options.enforce === 'nftables') {
    try {
      await closeFirst(options, logger)
    } catch (error) {
      return complain(`the guard cannot be loaded: ${messageOf(error)}`, 1)
    }
  }
  const hidden = options.inventory === undefined ? await notToBeShown(options.listen.host) : undefined
  if (hidden !== undefined) return giveUp(hidden, 2)
  const opened = await openStore(options)
  if (!opened.ok) return giveUp(opened.error, 1)
  const storage = opened.value
  try {
    await start(options, dialects.value, addresses.value, storage, logger)
  } catch (error) {
    await storage.close()
    giveUp(inWords(error), 1)
  }
}

/** With the catalogues that are in force. The error is one line. */
async function dialectsOf({ catalogue }: ServeOptions): Promise<Result<Dialects>> {
  if (catalogue === undefined) return ok(builtIn)
  const text = await readText(catalogue)
  const configured = text.ok ? configureCatalogues(builtIn, text.value) : text
  return configured.ok ? configured : err(`--catalogue ${catalogue}: ${configured.error}`)
}

async function addressesOf({ addresses }: ServeOptions): Promise<Result<AddressConfig>> {
  if (addresses === undefined) return ok(defaultAddresses)
  const text = await readText(addresses)
  const read = text.ok ? readAddresses(text.value) : text
  return read.ok ? read : err(`--addresses ${addresses}: ${read.error}`)
}

/** At once: a connection that was half made keeps the process alive until its peer loses patience. */
function giveUp(why: string, status: 1 | 2): never {
  complain(why, status)
  process.exit()
}

/** The error is one line. */
async function openStore({ database, databasePasswordFile, data }: ServeOptions): Promise<Result<Storage>> {
  if (database === undefined) {
    const directory = resolve(data)
    try {
      await makeDirectory(directory)
      return ok(await openSqlite({ directory, died: storeDied }))
    } catch (error) {
      return err(`the store in ${directory} cannot be opened: ${inWords(error)}`)
    }
  }
  const url = await databaseUrl(database, databasePasswordFile)
  if (!url.ok) return url
  try {
    const { openPostgresql } = await import('../storage/postgresql.ts')
    return ok(await openPostgresql({ url: url.value }))
  } catch (error) {
    return err(`the database cannot be opened: ${inWordsWithPath(error)}`)
  }
}

/** What is enforced stays. Answers nobody any more: whoever started this process starts it again, with a new store. */
function storeDied(error: Error): never {
  giveUp(`the thread that writes to the store has ended: ${error.message}`, 1)
}

/** Of one file, in the log. */
const mostWarnings = 20

/**
 * Brings the store to what the file says; answers whether it is in force. A file that is wrong changes nothing: the
 * service starts with what the store holds, and throws when that is nothing, or nothing but the demonstration.
 */
async function takeInventory(
  { inventory }: ServeOptions,
  dialects: Dialects,
  storage: Storage,
  logger: FastifyBaseLogger,
): Promise<boolean> {
  const text = await inventoryText(inventory, storage)
  // The demonstration is of the providers' zones, whatever the catalogue says.
  const offers = offersOf(inventory === undefined ? builtIn : dialects)
  const loaded = text.ok ? await loadInventory(storage, text.value, Date.now(), offers) : text
  const file = `--inventory ${inventory}`
  if (loaded.ok) {
    const { warnings } = loaded.value
    for (const warning of warnings.slice(0, mostWarnings)) logger.warn(`${file}: ${warning}`)
    const more = warnings.length - mostWarnings
    if (more > 0) logger.warn(`${file}: ${more} more warnings`)
    return true
  }
  if (inventory === undefined) throw new Error(loaded.error)
  const why = `${file}: ${loaded.error}`
  if (await mayDemonstrate(storage)) throw new Error(why)
  logger.error(`${why}; the service starts with what the store holds, until the file is right at a start`)
  return false
}

/** Rejects, with everything but the store ended, when it cannot serve. */
async function start(
  options: ServeOptions,
  dialects: Dialects,
  addresses: AddressConfig,
  storage: Storage,
  logger: FastifyBaseLogger,
): Promise<void> {
  // First: addresses that the inventory gives are held in these pools.
  const pools = await configureAddresses(storage, addresses, Date.now())
  const fileInForce = await takeInventory(options, dialects, storage, logger)
  const services = createServices(storage, {
    pools,
    transitionMs: options.transitionMs,
    holdMs: options.ionosHoldMs,
    restartMs: options.upcloudRestartMs,
  })
  // No other process uses the embedded store: there are no other agents.
  if (storage.engine === 'sqlite') {
    await services.enforcement.forgetOthers(options.enforce === 'none' ? [] : [options.host])
  }
  if (options.enforce !== 'none') await recordEnforcement(options, services)
  const metrics = createMetrics(
    () => services.enforcement.hosts(),
    () => services.addresses.use(Date.now()),
  )
  const agent =
    options.enforce === 'nftables'
      ? enforce(
          options,
          createDesiredSource(storage, createResolver(), options.host),
          services.enforcement.report,
          metrics,
          logger,
          (line) => process.stdout.write(`${line}\n`),
        )
      : undefined
  if (!agent) await warnOfDevices(storage, logger)
  const server = createServer({
    services,
    authenticator: createAuthenticator(storage),
    dialects,
    metrics,
    logger,
    ...(options.publicUrl !== undefined && { publicUrl: options.publicUrl }),
    async ready() {
      await storage.check()
      const { ready, reasons } = agent?.readiness() ?? { ready: true, reasons: [] }
      if (!ready) return { ready, reasons }
      const more = fileInForce ? [] : ['the inventory file is wrong, and what the store holds is in force']
      return { ready, reasons: [...more, ...reasons] }
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
  endWhenAsked(stop, logger)
  let url: string
  try {
    url = await server.listen(options.listen)
  } catch (error) {
    await agent?.stop()
    const { host, port } = options.listen
    const where = host.includes(':') ? `[${host}]` : host
    throw new Error(`--listen ${where}:${port}: ${inWords(error)}`)
  }
  process.stdout.write(`listening on ${url}\n${options.inventory === undefined ? howToCall(url) : ''}`)
  if (process.send) {
    // A parent with a channel waits until rules are in force, and is not waited for.
    await agent?.ready
    process.send({ ready: { url } }, () => process.disconnect())
  }
}

/** On standard error: standard output is the answer. */
function createLogger(level: string): FastifyBaseLogger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2))
}

const messageOf = (error: unknown): string => asError(error).message

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

/** Devices in an inventory make people believe that they are filtered. */
async function warnOfDevices(storage: Storage, logger: FastifyBaseLogger): Promise<void> {
  const accounts = await storage.accounts()
  const placed = await Promise.all(accounts.map(({ id }) => storage.placedOf(id)))
  const count = placed.flat().filter(({ device }) => device !== null).length
  if (count > 0) {
    logger.warn(
      `--enforce none: ${count} interfaces of the inventory have a device, and this process filters none of them`,
    )
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

/** Why this cannot be done here, before anything is touched. */
function refusal({ database, data, enforce, observe }: ServeOptions): string | undefined {
  if (database !== undefined && !/^postgres(ql)?:\/\//.test(database)) {
    return '--database: expected postgres://user:password@host/database'
  }
  if (data === '') return '--data: expected a directory'
  if (enforce === 'ovn') return '--enforce ovn is not available yet; nftables and none are'
  if (enforce === 'none') {
    return observe
      ? '--observe says how packets are judged, and --enforce none judges none: add --enforce nftables'
      : undefined
  }
  const missing = missingPrivilege()
  return missing && `--enforce nftables: ${missing}`
}
