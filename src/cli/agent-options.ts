/** Options of `portcullis agent`: what its file in `/etc/portcullis` may hold, which the doctor reads as well. */
import { InvalidArgumentError, Option } from 'commander'
import { caOption, insecureOption } from './connection.ts'
import { type EnforcingOptions, enforcingOptions, verifyOption } from './enforcing-options.ts'
import { guardOption, logLevelOption, nftOption } from './options.ts'

export interface AgentOptions extends EnforcingOptions {
  readonly server: URL
  readonly tokenFile: string
  readonly host: string
  readonly stateDirectory: string
  readonly ca?: string
  readonly insecure: boolean
  readonly guard: readonly string[]
  readonly logLevel: string
  readonly json: boolean
  readonly nft?: string
  readonly verifyMs: number
  readonly compareEvery: number
  readonly patienceMs: number
}

export const agentOptions = (): readonly Option[] => [
  new Option('--server <url>', 'of the service: https://portcullis.example.com')
    .env('PORTCULLIS_SERVER')
    .argParser(parseServer)
    .makeOptionMandatory(),
  new Option(
    '--token-file <file>',
    'its first line is the token of this host’s credential; nobody but its owner may read it',
  )
    .env('PORTCULLIS_TOKEN_FILE')
    .makeOptionMandatory(),
  new Option('--host <name>', 'this host’s name in the inventory')
    .env('PORTCULLIS_HOST')
    .makeOptionMandatory(),
  new Option(
    '--state-directory <directory>',
    'where the guard and the last desired state are kept for the next boot',
  )
    .env('STATE_DIRECTORY')
    .default('.portcullis'),
  caOption(),
  insecureOption(),
  guardOption(),
  ...enforcingOptions(),
  logLevelOption(),
  new Option(
    '--json',
    'say on standard output in lines of JSON what is enforced (env: PORTCULLIS_JSON)',
  ).default(false),
  new Option(
    '--compare-every <seconds>',
    'how often what is held is compared with all that the service has, at least; half as long again at most; 0: never',
  )
    .env('PORTCULLIS_COMPARE_EVERY')
    .default(600)
    .argParser(parseSeconds),
  nftOption(),
  verifyOption(),
  new Option('--patience-ms <milliseconds>', 'how long the service may say nothing until it is called anew')
    .env('PORTCULLIS_AGENT_PATIENCE_MS')
    .default(8000)
    .argParser(parsePatience)
    .hideHelp(),
]

function parseServer(text: string): URL {
  const url = URL.parse(text)
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.password !== '' ||
    url.search !== ''
  )
    throw new InvalidArgumentError('Expected https://portcullis.example.com.')
  return url
}

function parseSeconds(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('Expected seconds, at most 999999.')
  return Number(text)
}

function parsePatience(text: string): number {
  if (!/^[1-9]\d{2,8}$/.test(text)) throw new InvalidArgumentError('Expected milliseconds, from 100 on.')
  return Number(text)
}
