/** Passwords at rest: scrypt, so that a copy of the store does not give them away cheaply. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** 16 MiB and about 50 ms each (RFC 7914 parameters N, r, p). */
const cost = { N: 16_384, r: 8, p: 1 } as const
const length = 32

function derive(
  password: string,
  salt: Buffer,
  { N, r, p }: { N: number; r: number; p: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, { N, r, p, maxmem: 256 * N * r }, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}

/**
 * `scrypt$N$r$p$salt$key`, the last two in base64. `like`: a hash that a login is compared with besides; with its salt one
 * derivation serves for both.
 */
export async function hashPassword(password: string, like?: string): Promise<string> {
  const [name, N, r, p, given = ''] = like?.split('$') ?? []
  const alike = [name, N, r, p].join() === ['scrypt', cost.N, cost.r, cost.p].join()
  const salt = alike ? Buffer.from(given, 'base64') : randomBytes(16)
  const key = await derive(password, salt, cost)
  return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64'), key.toString('base64')].join('$')
}

/** Whether the hash is of this password; false for a hash that is none of ours. */
export const verifyPassword = async (password: string, hash: string): Promise<boolean> =>
  (await hashOf(password, [hash])) !== undefined

/** The first of these hashes that is of this password. Those with the same salt cost one derivation together. */
export async function hashOf(password: string, hashes: readonly string[]): Promise<string | undefined> {
  const derived = new Map<string, Buffer>()
  for (const hash of hashes) {
    const [name, N, r, p, salt = '', key = ''] = hash.split('$')
    const expected = Buffer.from(key, 'base64')
    if (name !== 'scrypt' || expected.length !== length) continue
    const how = [N, r, p, salt].join('$')
    const costs = { N: Number(N), r: Number(r), p: Number(p) }
    const got = derived.get(how) ?? (await derive(password, Buffer.from(salt, 'base64'), costs))
    derived.set(how, got)
    if (timingSafeEqual(got, expected)) return hash
  }
  return undefined
}
