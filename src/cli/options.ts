/** Options that several commands have, and how their values are read. */
import { InvalidArgumentError, Option } from 'commander'

export const dataOption = () =>
  new Option('--data <directory>', 'where the embedded store and the guard are kept')
    .env('PORTCULLIS_DATA')
    .default('.portcullis')

/** Looked at by `storeRefusal`: an option's own parser repeats what it refuses, its password included. */
export const databaseOption = () =>
  new Option('--database <url>', 'postgres://… instead of the embedded store').env('PORTCULLIS_DATABASE')

export const databasePasswordOption = () =>
  new Option(
    '--database-password-file <file>',
    'its first line is the database’s password; PORTCULLIS_DATABASE_PASSWORD may be the password itself',
  ).env('PORTCULLIS_DATABASE_PASSWORD_FILE')

/** Why the store that they name cannot be opened, in one line; undefined when it may be. */
export function storeRefusal({ database, data }: { readonly database?: string; readonly data: string }) {
  if (database !== undefined && !/^postgres(ql)?:\/\//.test(database)) {
    return '--database: expected postgres://user:password@host/database'
  }
  return data === '' ? '--data: expected a directory' : undefined
}

export const guardOption = () =>
  new Option(
    '--guard <patterns>',
    'devices closed until their policy is known: names or prefixes, tap*,vnet*',
  )
    .env('PORTCULLIS_GUARD')
    .default(['tap*', 'vnet*'], 'tap*,vnet*')
    .argParser(parseGuard)

export const logLevelOption = () =>
  new Option('--log-level <level>', 'of the log on standard error')
    .env('PORTCULLIS_LOG_LEVEL')
    .choices(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')

export const netnsOption = () =>
  new Option('--netns <name>', 'network namespace that is filtered instead of this one')
    .env('PORTCULLIS_NETNS')
    .hideHelp()

export const nftOption = () =>
  new Option(
    '--nft <program>',
    'reach the kernel by this nft, kept open, instead of by netlink; no table is owned',
  )
    .env('PORTCULLIS_NFT')
    .hideHelp()

/**
 * Whether a switch is on that the environment may turn on as well: `1` or `true`; `0`, `false` and nothing leave it off.
 * Commander would take any value for on, `false` included.
 */
export function isOn(flag: boolean, variable: string): boolean {
  const value = process.env[variable] ?? ''
  if (/^(1|true)$/i.test(value)) return true
  if (/^(0|false|)$/i.test(value)) return flag
  throw new InvalidArgumentError(`${variable}: expected 1 or 0, not ${JSON.stringify(value)}`)
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

/** Reads a whole number between these, both inclusive. */
export const wholeFrom =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d{1,15}$/.test(text) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`)
  }
