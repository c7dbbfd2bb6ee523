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

/** `scrypt$N$r$p$salt$key`, the last two in base64. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const key = await derive(password, salt, cost)
  return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64'), key.toString('base64')].join('$')
}

/** Whether the hash is of this password; false for a hash that is none of ours. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const [name, N, r, p, salt = '', key = ''] = hash.split('$')
  const expected = Buffer.from(key, 'base64')
  if (name !== 'scrypt' || expected.length !== length) return false
  const got = await derive(password, Buffer.from(salt, 'base64'), {
    N: Number(N),
    r: Number(r),
    p: Number(p),
  })
  return timingSafeEqual(got, expected)
}
