/**
 * Requests that are done once however often they are sent: what the first has made is answered again, its secret included.
 *
 * The store keeps digests, and secrets sealed with the key that the caller chose: who reads the store learns neither.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import type { JsonObject } from '../core/json.ts'
import { longestOnce, type Once, type Storage } from '../storage/storage.ts'
import type { Context } from './context.ts'

export interface Asked {
  /** Chosen by the caller: 1 to 255 characters. */
  readonly key: string
  /** All that makes it the same request: method, path and body. */
  readonly request: string
}

export interface RepeatService {
  /** What an earlier request with that key made; undefined: it is the first. `same`: it asked for the same. */
  earlier(
    ctx: Context,
    asked: Asked,
  ): Promise<{ readonly id: string; readonly same: boolean; readonly secret: JsonObject | null } | undefined>
  /** What a write must carry to be remembered: the id of what it makes, and the secret of its answer, if it has one. */
  once(ctx: Context, asked: Asked, id: string, secret: JsonObject | null): Once
}

export function createRepeatService(storage: Storage): RepeatService {
  const keyOf = (ctx: Context, { key }: Asked) =>
    digest([ctx.principal.credential.id, ctx.principal.account, key])
  return {
    async earlier(ctx, asked) {
      const found = await storage.once(keyOf(ctx, asked))
      if (!found || found.until <= ctx.now) return undefined
      const same = found.request === requestOf(asked)
      return { id: found.id, same, secret: same && found.sealed ? unseal(found.sealed, asked.key) : null }
    },
    once: (ctx, asked, id, secret) => ({
      key: keyOf(ctx, asked),
      request: requestOf(asked),
      id,
      sealed: secret && seal(secret, asked.key),
      until: ctx.now + longestOnce,
    }),
  }
}

/** With the key, which the store does not hold: a request may have a password in it that could be guessed. */
const requestOf = ({ key, request }: Asked) => digest([key, request])

const digest = (parts: readonly string[]) => createHash('sha256').update(JSON.stringify(parts)).digest('hex')

/** AES-256-GCM: salt, nonce, tag and what is sealed. */
function seal(secret: JsonObject, key: string): string {
  const [salt, nonce] = [randomBytes(16), randomBytes(12)]
  const cipher = createCipheriv('aes-256-gcm', derived(key, salt), nonce)
  const sealed = Buffer.concat([cipher.update(JSON.stringify(secret)), cipher.final()])
  return Buffer.concat([salt, nonce, cipher.getAuthTag(), sealed]).toString('base64')
}

function unseal(text: string, key: string): JsonObject {
  const bytes = Buffer.from(text, 'base64')
  const decipher = createDecipheriv(
    'aes-256-gcm',
    derived(key, bytes.subarray(0, 16)),
    bytes.subarray(16, 28),
  )
  decipher.setAuthTag(bytes.subarray(28, 44))
  const secret = Buffer.concat([decipher.update(bytes.subarray(44)), decipher.final()])
  return JSON.parse(secret.toString()) as JsonObject
}

const derived = (key: string, salt: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', key, salt, 'portcullis idempotency', 32))
