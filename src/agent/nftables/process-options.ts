/** What the process that enforces is told when it is started: in its environment, which its user alone can read. */
import type { JsonValue } from '../../core/json.ts'
import { readSourceOptions, type SourceOptions } from '../../core/model/source-options.ts'
import { exactly, flag, integerFrom, listOf, oneOf, textOf } from '../../core/model/strict.ts'
import type { Notrack } from './nftables.ts'

/** No secrets: programs that it starts have the same environment. */
export interface ProcessOptions {
  readonly host: string
  /** Of this program. */
  readonly release: string
  /** Absolute path of the directory that the guard is kept in. */
  readonly data: string
  /** Devices to close beside those that are known: names, or prefixes that end in `*`. */
  readonly guard: readonly string[]
  readonly observe: boolean
  /** Tracked connections of interfaces that say nothing themselves; 0 means no limit. */
  readonly maxConnections: number
  readonly notrack: Notrack
  /** Of how many packets a second it is told who decided, for each interface and direction; 0: of none. */
  readonly decisionsPerSecond: number
  /** Absent: netlink, or `nft` where it cannot be. */
  readonly nft?: string
  /** How often what is enforced is read back, milliseconds; 0 means never. */
  readonly verifyMs: number
  /** Absolute path of the agent's Unix socket; absent: where this host has a place for it. */
  readonly socket?: string
  /** Who knows guests of this host. */
  readonly sources: SourceOptions
}

const variable = 'PORTCULLIS_AGENT'

export const inEnvironment = (options: ProcessOptions): Record<string, string> => ({
  [variable]: JSON.stringify(options),
})

/** Throws when there are none, or others. */
export function optionsIn(env: Readonly<Record<string, string | undefined>>): ProcessOptions {
  const json: JsonValue = JSON.parse(env[variable] ?? 'null')
  return read(json)
}

const read = exactly<ProcessOptions>(
  variable,
  {
    host: textOf('host'),
    release: textOf('release'),
    data: textOf('data'),
    guard: listOf('guard', textOf('guard')),
    observe: flag('observe'),
    maxConnections: integerFrom('maxConnections', 0),
    notrack: oneOf('notrack', ['auto', 'always', 'never']),
    decisionsPerSecond: integerFrom('decisionsPerSecond', 0),
    nft: textOf('nft'),
    verifyMs: integerFrom('verifyMs', 0),
    socket: textOf('socket'),
    sources: readSourceOptions,
  },
  ['nft', 'socket'],
)
