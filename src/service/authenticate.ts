/** Who asks: one mechanism for every way that a dialect's clients present a credential. */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { RequestError } from '../core/model/error.ts'
import { formatAddress, parseAddress } from '../core/net/address.ts'
import { err, ok, type Result } from '../core/result.ts'
import type { CredentialKind, CredentialRecord, Storage } from '../storage/storage.ts'
import type { Principal, Scope } from './context.ts'
import { createLoginEvents, type LoginEvents } from './login-events.ts'
import { createLoginGate, defaultLimits, type Limits } from './login-gate.ts'
import { hashPassword, verifyPassword } from './passwords.ts'

/** How a credential is presented; a dialect names those its provider knows. */
export type Scheme = 'basic' | 'bearer' | 'x-api-key' | 'x-auth-token'

export interface Authenticator {
  /**
   * `unauthenticated` when there is no credential among `schemes`, or none that is valid: callers never learn which.
   * `too-many-requests` instead when too many passwords were wrong. `source`: the IP address that asks.
   */
  authenticate(
    headers: Readonly<Record<string, string | string[] | undefined>>,
    schemes: readonly Scheme[],
    source: string,
  ): Promise<Result<Principal, RequestError>>
  /**
   * Whoever was let in, as the store has their credential now; undefined when it is gone, or is called or hashed otherwise.
   * It costs no password hash and is no attempt to log in.
   */
  renew(principal: Principal): Promise<Principal | undefined>
  /** Calls back when credentials may have come, gone or changed. Answers how to stop. */
  onChange(listener: () => void): () => void
  /** Answers at once what is held back, and holds nothing back any more. */
  close(): void
}

interface Presented {
  readonly kind: CredentialKind
  readonly lookup: string
  readonly secret: string
}

/** Scopes as they are given to credentials of accounts, and what each permits. */
export const scopeNames = {
  read: 'read',
  write: 'write',
  'read:vm': 'read',
  'write:vm': 'write',
} as const satisfies Record<string, Scope>

/** How a secret that is random enough is found: its hash is the key, and no hash can be guessed. */
export const secretHash = (secret: string): string => createHash('sha256').update(secret).digest('hex')

/** Logins that are remembered, so that a password hash is not paid for with every request. */
const maxRemembered = 10_000
/** Milliseconds. A credential that is withdrawn is refused at once where the notice of it arrives, and after this where not. */
const rememberedFor = 60_000

interface Remembered {
  readonly principal: Principal
  readonly until: number
}

/** `now`: milliseconds since any fixed moment. */
export function createAuthenticator(
  storage: Storage,
  {
    limits = defaultLimits,
    now = () => performance.now(),
    events = createLoginEvents(storage),
  }: { readonly limits?: Limits; readonly now?: () => number; readonly events?: LoginEvents } = {},
): Authenticator {
  const gate = createLoginGate(limits, now)
  // The key makes what is remembered useless outside this process.
  const key = randomBytes(32)
  const remembered = new Map<string, Remembered>()
  /** Counts changes of credentials: what was looked up before one must not be remembered after it. */
  let changes = 0
  const listeners = new Set<() => void>()
  storage.onCommit(({ topics }) => {
    if (!topics.includes('credentials')) return
    changes++
    remembered.clear()
    for (const listener of [...listeners]) listener()
  })
  // Unknown users cost one hash too, so timing reveals nothing. Created on first use.
  let nobody: Promise<string> | undefined

  async function find(
    { kind, lookup, secret }: Presented,
    source: string,
  ): Promise<Result<CredentialRecord, RequestError>> {
    const credential = await storage.credential(kind, lookup)
    // Tokens and keys are random: nobody guesses one, and a wrong one costs no hash.
    if (kind !== 'password') return credential ? ok(credential) : err({ kind: 'unauthenticated' })
    nobody ??= hashPassword(randomBytes(16).toString('hex'))
    const hash = credential?.hash ?? (await nobody)
    const attempted = await gate.attempt(source, lookup, () => verifyPassword(secret, hash))
    if (typeof attempted === 'object') return err({ kind: 'too-many-requests', ...attempted })
    if (attempted === 'right' && credential) {
      events.succeeded(credential, source)
      return ok(credential)
    }
    events.failed(lookup, source, credential)
    return err({ kind: 'unauthenticated' })
  }

  /** As it is stored now, if its password is: what was right is then not hashed again. */
  async function unchanged({
    credential: { kind, lookup, hash },
  }: Principal): Promise<CredentialRecord | undefined> {
    const current = await storage.credential(kind, lookup)
    return current?.hash === hash ? current : undefined
  }

  return {
    async authenticate(headers, schemes, address) {
      const source = sourceOf(address)
      const presented = present(headers, schemes)
      if (!presented) return err({ kind: 'unauthenticated' })
      const memory = createHmac('sha256', key)
        .update(JSON.stringify([presented.kind, presented.lookup, presented.secret]))
        .digest('base64')
      const known = remembered.get(memory)
      if (known && known.until > now()) {
        if (presented.kind === 'password') events.succeeded(known.principal.credential, source)
        return ok(known.principal)
      }
      remembered.delete(memory)
      const before = changes
      const credential = known ? await unchanged(known.principal) : undefined
      const found = credential ? ok(credential) : await find(presented, source)
      if (!found.ok) return found
      const principal = principalOf(found.value)
      if (changes !== before) return ok(principal)
      if (remembered.size >= maxRemembered) remembered.clear()
      remembered.set(memory, { principal, until: now() + rememberedFor })
      return ok(principal)
    },
    async renew(principal) {
      const credential = await unchanged(principal)
      return credential && principalOf(credential)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close: () => gate.close(),
  }
}

/** Whoever has one IPv6 address has the /64 around it. */
function sourceOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  const parsed = parseAddress(plain)
  if (!parsed.ok || parsed.value.family === 'ipv4') return plain
  return `${formatAddress('ipv6', (parsed.value.value >> 64n) << 64n)}/64`
}

function principalOf(credential: CredentialRecord): Principal {
  const { account, holder } = credential
  if (holder !== 'account') {
    return { account, credential, scopes: new Set(holder === 'operator' ? ['operator'] : []) }
  }
  const scopes = credential.scopes.map((name) => scopeNames[name as keyof typeof scopeNames])
  return {
    account,
    credential,
    // A credential without scopes is not limited.
    scopes: new Set(scopes.length === 0 ? ['read', 'write'] : scopes.filter((scope) => scope !== undefined)),
  }
}

/** The credential that is presented in a way that is accepted here; several that differ are none. */
function present(headers: Headers, schemes: readonly Scheme[]): Presented | undefined {
  const [first, ...others] = schemes
    .map((scheme) => readers[scheme](headers))
    .filter((each) => each !== undefined)
  const agree = others.every((each) => each.secret === first?.secret && each.lookup === first.lookup)
  return agree ? first : undefined
}

type Headers = Readonly<Record<string, string | string[] | undefined>>
type Reader = (headers: Headers) => Presented | undefined

const one = (headers: Headers, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
const authorization = (headers: Headers, scheme: string): string | undefined =>
  new RegExp(`^${scheme} +(\\S+)$`, 'i').exec(one(headers, 'authorization') ?? '')?.[1]
const hashed = (kind: CredentialKind, secret: string | undefined): Presented | undefined =>
  secret === undefined ? undefined : { kind, lookup: secretHash(secret), secret }

const readers: Record<Scheme, Reader> = {
  basic(headers) {
    const encoded = authorization(headers, 'basic')
    if (encoded === undefined || !/^[A-Za-z0-9+/_-]+=*$/.test(encoded)) return undefined
    // RFC 7617: the user's name has no colon, the password may.
    const [, username, password] =
      /^([^:]*):([\s\S]*)$/.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? []
    if (username === undefined || password === undefined || username.includes('\0')) return undefined
    return { kind: 'password', lookup: username, secret: password }
  },
  bearer: (headers) => hashed('token', authorization(headers, 'bearer')),
  'x-api-key': (headers) => hashed('token', one(headers, 'x-api-key')),
  'x-auth-token': (headers) => hashed('secret-key', one(headers, 'x-auth-token')),
}
