/**
 * Which passwords have been found to be those of which stored hashes, so that a file that is applied again costs no scrypt
 * for those that stay. Of a password it holds a keyed digest, whose key lives as long as this process and is stored nowhere.
 */
import { createHmac, randomBytes } from 'node:crypto'

/** Plain data, to be handed from thread to thread. */
export interface PasswordMemory {
  readonly key: Uint8Array
  /** Digest by stored hash. */
  readonly known: Map<string, string>
}

export const createPasswordMemory = (): PasswordMemory => ({ key: randomBytes(32), known: new Map() })

const digest = ({ key }: PasswordMemory, password: string): string =>
  createHmac('sha256', key).update(password).digest('base64')

export const isKnown = (memory: PasswordMemory, hash: string, password: string): boolean =>
  memory.known.get(hash) === digest(memory, password)

/** So many are enough; beyond them the oldest are forgotten. */
const most = 100_000

export function remember(memory: PasswordMemory, hash: string, password: string): void {
  memory.known.set(hash, digest(memory, password))
  for (const oldest of memory.known.keys()) {
    if (memory.known.size <= most) return
    memory.known.delete(oldest)
  }
}
