/** The first operator: where there is none yet, one is made, and its token is kept in a file that only its owner may read. */
import { open, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import { createOperatorService } from '../../service/operators.ts'
import { type NewSecret, newToken } from '../../service/secrets.ts'
import type { Storage } from '../../storage/storage.ts'
import type { ServeOptions } from './options.ts'

type Options = Pick<ServeOptions, 'operatorTokenFile' | 'database' | 'data'>

const fileOf = ({ operatorTokenFile, database, data }: Options): string | undefined =>
  operatorTokenFile ?? (database === undefined ? join(resolve(data), 'operator.token') : undefined)

/**
 * Rejects when the file cannot be written. One that is there is never overwritten, nor taken: its token may be of an operator that
 * was revoked.
 */
export async function makeFirstOperator(
  options: Options,
  storage: Storage,
  logger: FastifyBaseLogger,
): Promise<void> {
  const file = fileOf(options)
  const operators = createOperatorService(storage, 'serve')
  if (file === undefined || (await operators.list()).length > 0) return
  const secret = await writeToken(file)
  if (!secret) {
    logger.warn(
      `there is no operator, and ${file} is there already: remove it and start again, or call portcullis operator create`,
    )
    return
  }
  try {
    const made = await operators.create({ name: 'first', expiresAt: null }, Date.now(), {
      secret,
      first: true,
    })
    if (made.ok) logger.info({ file }, 'the token of the first operator is in the file')
    // Another process on the same database was faster.
    else await rm(file)
  } catch (error) {
    await rm(file, { force: true })
    throw error
  }
}

/** Undefined when there is a file already. It is on the disk before the store knows of it. */
async function writeToken(file: string): Promise<NewSecret | undefined> {
  const secret = newToken()
  try {
    const handle = await open(file, 'wx', 0o600)
    try {
      await handle.writeFile(`${secret.told.token}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    return secret
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return undefined
    throw new Error(`--operator-token-file ${file}: ${message}`, { cause: error })
  }
}
