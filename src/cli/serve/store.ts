/** Opens the store that the options name. */
import { resolve } from 'node:path'
import { makeDirectory } from '../../agent/directory.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { openSqlite } from '../../storage/sqlite.ts'
import type { Storage } from '../../storage/storage.ts'
import { databaseUrl } from '../database.ts'
import { inWords, inWordsWithPath } from '../words.ts'
import { giveUp } from './give-up.ts'
import type { Where } from './inventory-worker.ts'
import type { ServeOptions } from './options.ts'

export interface OpenedStore {
  readonly storage: Storage
  /** For threads of this process that read it, too. */
  readonly where: Where
}

/** Where the store is that the options name. The error is one line. */
export async function whereOf({
  database,
  databasePasswordFile,
  data,
}: Pick<ServeOptions, 'database' | 'databasePasswordFile' | 'data'>): Promise<Result<Where>> {
  if (database === undefined) return ok({ directory: resolve(data) })
  const url = await databaseUrl(database, databasePasswordFile)
  return url.ok ? ok({ url: url.value }) : url
}

/** `beside`: whether a service may have it open and go on. The error is one line. */
export async function openStore(
  { database, databasePasswordFile, data }: Pick<ServeOptions, 'database' | 'databasePasswordFile' | 'data'>,
  { beside = false } = {},
): Promise<Result<Storage>> {
  if (database === undefined) {
    const directory = resolve(data)
    try {
      await makeDirectory(directory)
      return ok(await openSqlite({ directory, died: storeDied, beside }))
    } catch (error) {
      return err(`the store in ${directory} cannot be opened: ${inWords(error)}`)
    }
  }
  const url = await databaseUrl(database, databasePasswordFile)
  if (!url.ok) return url
  try {
    const { openPostgresql } = await import('../../storage/postgresql.ts')
    return ok(await openPostgresql({ url: url.value }))
  } catch (error) {
    return err(`the database cannot be opened: ${inWordsWithPath(error)}`)
  }
}

/** What is enforced stays. Answers nobody any more: whoever started this process starts it again, with a new store. */
function storeDied(error: Error): never {
  giveUp(`the thread that writes to the store has ended: ${error.message}`, 1)
}
