/** New secrets, each of its kind, and how they are found and proved. They are answered once: the store keeps hashes. */
import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import type { SecretKeyForm } from '../core/model/profile.ts'
import type { CredentialRecord } from '../storage/storage.ts'
import { secretHash } from './authenticate.ts'
import { hashPassword } from './passwords.ts'

export interface NewSecret {
  /** What finds it and proves it. */
  readonly stored: Pick<CredentialRecord, 'lookup' | 'hash'>
  /** What its holder is told, by the words of the API. */
  readonly told: Readonly<Record<string, string>>
}

/** What a token begins with, so that one in a wrong place is recognised; 256 random bits follow. */
const tokenPrefix = 'pcl_'
const random = () => randomBytes(32).toString('base64url')

export function newToken(): NewSecret {
  return tokenOf(tokenPrefix + random())
}

export function tokenOf(token: string): NewSecret {
  const hash = secretHash(token)
  return { stored: { lookup: hash, hash }, told: { token } }
}

/** Enough to tell two tokens apart, and nothing of the token itself. */
export const labelOfToken = ({ stored }: NewSecret): string => `token ${stored.hash.slice(0, 8)}`

/** `password`: chosen by its holder; absent: made. `like`: the hash before it (passwords.ts). */
export async function newPassword(username: string, password = random(), like?: string): Promise<NewSecret> {
  const hash = await inTurn(() => hashPassword(password, like))
  return { stored: { lookup: username, hash }, told: { username, password } }
}

export const newAccessKey = ({ prefix, letters }: SecretKeyForm): string =>
  prefix + Array.from({ length: letters }, letter).join('')

export function newSecretKey(accessKey: string): NewSecret {
  const secretKey = randomUUID()
  const hash = secretHash(secretKey)
  return { stored: { lookup: hash, hash }, told: { accessKey, secretKey } }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const letter = () => alphabet[randomInt(alphabet.length)]

/** One hash at a time: whoever sets passwords in large numbers leaves the other threads to those who log in. */
let last: Promise<unknown> = Promise.resolve()
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const turn = last.then(work, work)
  last = turn.catch(() => {})
  return turn
}
