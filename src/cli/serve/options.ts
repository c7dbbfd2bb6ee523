/** What `portcullis serve` can be told: its options, how their values are read, and which it refuses. */
import { InvalidArgumentError, Option } from 'commander'
import type { Rate } from '../../server/rate-limits.ts'
import { type Quotas, quotaNames } from '../../storage/storage.ts'
import {
  type EnforcingOptions,
  enforcingOptions,
  parseMilliseconds,
  verifyOption,
} from '../enforcing-options.ts'
import {
  databaseOption,
  databasePasswordOption,
  dataOption,
  guardOption,
  logLevelOption,
  netnsOption,
  nftOption,
  storeRefusal,
} from '../options.ts'
import { missingPrivilege } from '../privileges.ts'
import { parseRateLimit } from './rate.ts'

/** In place of a file. One of that name is `./none`. */
export const noInventory = 'none'

export interface Listen {
  readonly host: string
  readonly port: number
}

export interface ServeOptions extends EnforcingOptions {
  readonly listen: Listen
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly insecure: boolean
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
  readonly transitionMs: number
  readonly ionosHoldMs: number
  readonly upcloudRestartMs: number
  readonly historyDays: number
  readonly historySize: number
  readonly quotas: Quotas
  readonly metricsTokenFile?: string
  readonly operatorTokenFile?: string
  readonly rateLimit?: Rate
  readonly rateLimitSource?: Rate
  readonly logLevel: string
  readonly json: boolean
  readonly netns?: string
  readonly nft?: string
  readonly verifyMs: number
  readonly agentPatienceMs: number
}

export const serveOptions = (): readonly Option[] => [
  new Option('--listen <address:port>', 'port 0 picks a free one')
    .env('PORTCULLIS_LISTEN')
    .default(parseListen('127.0.0.1:8080'), '127.0.0.1:8080')
    .argParser(parseListen),
  new Option(
    '--tls-cert <file>',
    'speak HTTPS: PEM of the certificate, then of those that lead to its authority; read again when it changes',
  ).env('PORTCULLIS_TLS_CERT'),
  new Option('--tls-key <file>', 'PEM of its private key, not encrypted').env('PORTCULLIS_TLS_KEY'),
  new Option(
    '--insecure',
    'speak plain HTTP where others can reach it: behind a proxy that ends TLS (env: PORTCULLIS_INSECURE)',
  ).default(false),
  new Option('--public-url <url>', 'where clients reach the service, behind a proxy: https://api.example.com')
    .env('PORTCULLIS_PUBLIC_URL')
    .argParser(parsePublicUrl),
  dataOption(),
  databaseOption(),
  databasePasswordOption(),
  new Option(
    '--inventory <file>',
    `accounts and servers, YAML or JSON; ${noInventory}: the API alone manages them; without it a demonstration`,
  ).env('PORTCULLIS_INVENTORY'),
  new Option('--catalogue <file>', 'zones, plans, images of the dialects, in place of those built in').env(
    'PORTCULLIS_CATALOGUE',
  ),
  new Option('--addresses <file>', 'pools that addresses of new servers come from, YAML').env(
    'PORTCULLIS_ADDRESSES',
  ),
  new Option('--enforce <target>', 'what filters packets on this host')
    .env('PORTCULLIS_ENFORCE')
    .choices(['nftables', 'ovn', 'none'])
    .default('none'),
  new Option('--host <name>', 'this host’s name in the inventory').env('PORTCULLIS_HOST').default('local'),
  guardOption(),
  ...enforcingOptions(),
  new Option('--transition-ms <milliseconds>', 'how long a server takes to start, stop, change')
    .env('PORTCULLIS_TRANSITION_MS')
    .default(0)
    .argParser(parseMilliseconds),
  new Option(
    '--ionos-hold-ms <milliseconds>',
    'how long IONOS requests are not done yet, for testing clients',
  )
    .env('PORTCULLIS_IONOS_HOLD_MS')
    .default(0)
    .argParser(parseMilliseconds),
  new Option(
    '--upcloud-restart-ms <milliseconds>',
    'how long UpCloud’s servers show that they restart; its clients first look after 5 s',
  )
    .env('PORTCULLIS_UPCLOUD_RESTART_MS')
    .default(8000)
    .argParser(parseMilliseconds),
  new Option('--history-days <days>', 'how long what was changed is kept')
    .env('PORTCULLIS_HISTORY_DAYS')
    .default(90)
    .argParser(parseDays),
  new Option('--history-size <bytes>', 'how much of it is kept: 500m, 1g')
    .env('PORTCULLIS_HISTORY_SIZE')
    .default(1024 ** 3, '1g')
    .argParser(parseSize),
  new Option(
    '--quotas <list>',
    `most of each that an account without quotas of its own may have: servers=100,rules=10000; of ${quotaNames.join(', ')}`,
  )
    .env('PORTCULLIS_QUOTAS')
    .default({}, 'no limits')
    .argParser(parseQuotas),
  new Option(
    '--metrics-token-file <file>',
    'its first line is the bearer token that readers of /metrics present; without it none is needed',
  ).env('PORTCULLIS_METRICS_TOKEN_FILE'),
  new Option(
    '--operator-token-file <file>',
    'where the token of the first operator is written, if there is none yet; with the embedded store by default operator.token beside it',
  ).env('PORTCULLIS_OPERATOR_TOKEN_FILE'),
  new Option('--rate-limit <rate>', 'requests of one credential: 10/s or 600/m, :50 for so many at once')
    .env('PORTCULLIS_RATE_LIMIT')
    .argParser(parseRateLimit),
  new Option('--rate-limit-source <rate>', 'requests from one address, or IPv6 /64, with any credential')
    .env('PORTCULLIS_RATE_LIMIT_SOURCE')
    .argParser(parseRateLimit),
  logLevelOption(),
  new Option(
    '--json',
    'say on standard output in lines of JSON where it listens and what is enforced (env: PORTCULLIS_JSON)',
  ).default(false),
  netnsOption(),
  nftOption(),
  verifyOption(),
  new Option(
    '--agent-patience-ms <milliseconds>',
    'how long the process that enforces may say nothing, before it is started again',
  )
    .env('PORTCULLIS_AGENT_PATIENCE_MS')
    .default(60_000)
    .argParser(parseMilliseconds)
    .hideHelp(),
]

function parseQuotas(text: string): Quotas {
  const entries = text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const [, name = '', value] = /^([a-z]+)=(\d{1,15})$/.exec(part) ?? []
      if (!quotaNames.some((each) => each === name)) {
        throw new InvalidArgumentError(
          `Expected numbers of ${quotaNames.join(', ')}: servers=100,rules=10000.`,
        )
      }
      return [name, Number(value)] as const
    })
  if (new Set(entries.map(([name]) => name)).size < entries.length) {
    throw new InvalidArgumentError('One is named twice.')
  }
  return Object.fromEntries(entries)
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

/** Why the options cannot be served on this host, in one line; undefined when they can. Touches nothing. */
export function refusal(options: ServeOptions): string | undefined {
  const { enforce, observe, tlsCert, tlsKey } = options
  if ((tlsCert === undefined) !== (tlsKey === undefined)) return '--tls-cert and --tls-key go together'
  const store = storeRefusal(options)
  if (store !== undefined) return store
  if (enforce === 'ovn') return '--enforce ovn is not available yet; nftables and none are'
  if (enforce === 'none') {
    return observe
      ? '--observe says how packets are judged, and --enforce none judges none: add --enforce nftables'
      : undefined
  }
  const missing = missingPrivilege()
  return missing && `--enforce nftables: ${missing}`
}
