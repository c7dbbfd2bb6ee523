/** What stands for a host where tenants are told that servers are on the same one. */
import { createHmac, randomBytes } from 'node:crypto'
import type { Storage } from '../storage/storage.ts'

/** Name under which the installation keeps the secret. */
const name = 'host-secret'

export const newHostSecret = (): string => randomBytes(32).toString('hex')

/** The secret of the installation, which is drawn once. `now` is milliseconds since 1970. */
export async function keepHostSecret(storage: Storage, now: number): Promise<string> {
  const actor = { account: '', actor: 'serve', dialect: 'system', requestId: '', at: now } as const
  const kept = await storage.run('keepDrawn', { name, value: newHostSecret() }, actor)
  if (!kept.ok) throw new Error(`the secret of host numbers cannot be kept: ${kept.error.kind}`)
  return kept.value.value
}

/** Names the history of the store: the same for every process on it and after a restore, and another elsewhere. */
export const historyOf = (secret: string): string =>
  createHmac('sha256', secret).update('history').digest('hex').slice(0, 32)

/**
 * 32 bytes, the same for one host before one account. Who guesses a host's name cannot tell whether it is that, and two
 * accounts cannot tell whether they share one.
 */
export const hostAlias = (secret: string, account: string, host: string): Buffer =>
  createHmac('sha256', secret)
    .update(JSON.stringify([account, host]))
    .digest()
