/**
 * `portcullis serve`: the service, and the only place where its parts are put together.
 *
 * Standard output begins with `listening on http://ADDR:PORT`; the log is standard error.
 */
import { mkdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { startAgent } from '../agent/agent.ts'
import { createNftables } from '../agent/nftables.ts'
import { createResolver } from '../compile/resolve.ts'
import { nativeDialect } from '../dialects/native/dialect.ts'
import { upcloudDialect } from '../dialects/upcloud/dialect.ts'
import { createServer } from '../server/server.ts'
import { createAuthenticator } from '../service/authenticate.ts'
import { createServices } from '../service/create.ts'
import { createDesiredSource } from '../service/desired.ts'
import { loadInventory } from '../service/inventory.ts'
import { openPostgresql } from '../storage/postgresql.ts'
import { openSqlite } from '../storage/sqlite.ts'
import { demonstration, howToCall } from './demonstration.ts'
import { complain } from './output.ts'

interface Listen {
  readonly host: string
  readonly port: number
}

interface ServeOptions {
  readonly listen: Listen
  readonly data: string
  readonly database?: string
  readonly inventory?: string
  readonly enforce: 'nftables' | 'ovn' | 'none'
  readonly host: string
  readonly guard: readonly string[]
  readonly transitionMs: number
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
        .default([], 'none')
        .argParser(parseGuard),
    )
    .addOption(
      new Option('--transition-ms <milliseconds>', 'how long a server takes to start, stop, change')
        .env('PORTCULLIS_TRANSITION_MS')
        .default(0)
        .argParser(parseMilliseconds),
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
        .default(10_000)
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

function parseDatabase(text: string): string {
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) {
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
    if (options.database === undefined) mkdirSync(options.data, { recursive: true, mode: 0o700 })
    storage =
      options.database === undefined
        ? await openSqlite({ directory: resolve(options.data) })
        : await openPostgresql({ url: options.database })
  } catch (error) {
    return complain(`the store cannot be opened: ${messageOf(error)}`, 1)
  }
}

/** Why this cannot be done here, before anything is touched. */
async function refusal({ enforce }: ServeOptions): Promise<string | undefined> {
  if (enforce === 'ovn') return '--enforce ovn is not available yet; nftables and none are'
  if (enforce === 'none') return undefined
  if (process.platform !== 'linux') return '--enforce nftables needs Linux'
  if (process.getuid?.() !== 0) return '--enforce nftables needs root; run as root, or with --enforce none'
  return undefined
}
