/** The store that a command works on without its service: what `serve` is told, and how its faults end the command. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { err, ok, type Result } from '../../core/result.ts'
import { type Place, Refused, Untried } from '../../storage/whole/whole-store.ts'
import { databaseUrl } from '../database.ts'
import { databaseOption, databasePasswordOption, dataOption, storeRefusal } from '../options.ts'
import { complain } from '../output.ts'
import { inWordsWithPath } from '../words.ts'

export interface StoreFlags {
  readonly data: string
  readonly database?: string
  readonly databasePasswordFile?: string
}

export const withStore = (command: Command): Command =>
  command.addOption(dataOption()).addOption(databaseOption()).addOption(databasePasswordOption())

/** The error is one line. */
export async function placeOf(flags: StoreFlags): Promise<Result<Place>> {
  const refused = storeRefusal(flags)
  if (refused !== undefined) return err(refused)
  if (flags.database === undefined) return ok({ directory: resolve(flags.data) })
  const url = await databaseUrl(flags.database, flags.databasePasswordFile)
  return url.ok ? ok({ url: url.value }) : url
}

/** Ends the command with what went wrong: status 2 where it could not be tried, else `status`. */
export function failWith(error: unknown, status: 1 | 2 = 1): void {
  if (error instanceof Untried) {
    const why = error.cause === undefined ? '' : `: ${inWordsWithPath(error.cause)}`
    complain(`${error.message}${why}`, 2)
  } else complain(error instanceof Refused ? error.message : inWordsWithPath(error), status)
}
