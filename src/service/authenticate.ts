/** Who asks: one mechanism for every way that a dialect's clients present a credential. */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { RequestError } from '../core/model/error.ts'
import { formatAddress, parseAddress } from '../core/net/address.ts'
import { err, ok, type Result } from '../core/result.ts'
import type { CredentialKind, CredentialRecord, Storage } from '../storage/storage.ts'
import { isOperator, type Principal, type Scope } from './context.ts'
import { createLastUsed, type LastUsed } from './last-used.ts'
import { createLoginEvents, type LoginEvents } from './login-events.ts'
import { createLoginGate, defaultLimits, type Limits } from './login-gate.ts'
import { hashOf, hashPassword } from './passwords.ts'

/** How a credential is presented; a dialect names those its provider knows. */
export type Scheme = 'basic' | 'bearer' | 'x-api-key' | 'x-auth-token'

export interface Authenticator {
  /**
   * `unauthenticated` when there is no credential among `schemes`, or none that is valid: callers never learn which.
   * `too-many-requests` instead when too many passwords were wrong. `source`: the IP address that asks.
   *
   * With the header `On-Behalf-Of` an operator's token counts in any header that bears tokens, whatever the schemes, and the
   * principal acts in the account that it names; `not-found` (account) when there is none. Anybody else is `forbidden`.
   */
  authenticate(
    headers: Headers,
    schemes: readonly Scheme[],
    source: string,
  ): Promise<Result<Principal, RequestError>>
  /**
   * Whoever was let in, as the store has their credential now; undefined when it is gone or has ended, or is called or hashed
   * otherwise. It costs no password hash and is no attempt to log in.
   */
  renew(principal: Principal): Promise<Principal | undefined>
  /** When whoever was let in is let in no longer unless something changes, milliseconds since 1970; infinite: never. */
  endOf(principal: Principal): number
  /** Calls back when credentials may have come, gone or changed. Answers how to stop. */
  onChange(listener: () => void): () => void
  /** Answers at once what is held back, and holds nothing back any more; and writes what is to be kept. */
  close(): Promise<void>
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

/** By what somebody was let in. */
interface Proof {
  readonly kind: CredentialKind
  readonly lookup: string
  /** Of the two that a credential has while it is rotated. */
  readonly hash: string
}

/** `now`: milliseconds since any fixed moment; `clock`: since 1970. */
export function createAuthenticator(
  storage: Storage,
  {
    limits = defaultLimits,
    now = () => performance.now(),
    clock = Date.now,
    events = createLoginEvents(storage),
    lastUsed = createLastUsed(storage),
  }: {
    readonly limits?: Limits
    readonly now?: () => number
    readonly clock?: () => number
    readonly events?: LoginEvents
    readonly lastUsed?: LastUsed
  } = {},
): Authenticator {
  const gate = createLoginGate(limits, now)
  // The key makes what is remembered useless outside this process.
  const key = randomBytes(32)
  const remembered = new Map<string, Remembered>()
  const proofs = new WeakMap<Principal, Proof>()
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

  const admit = (credential: CredentialRecord, proof: Proof): Principal => {
    const principal = principalOf(credential)
    proofs.set(principal, proof)
    return principal
  }

  async function find(
    { kind, lookup, secret }: Presented,
    source: string,
  ): Promise<Result<Principal, RequestError>> {
    const credential = await storage.credential(kind, lookup)
    const hashes = credential ? hashesOf(credential, clock()) : []
    // Tokens and keys are random: nobody guesses one, and a wrong one costs no hash.
    if (kind !== 'password') {
      const hash = hashes.find((each) => each === lookup)
      return credential && hash !== undefined
        ? ok(admit(credential, { kind, lookup, hash }))
        : err({ kind: 'unauthenticated' })
    }
    nobody ??= hashPassword(randomBytes(16).toString('hex'))
    const compared = hashes.length > 0 ? hashes : [credential?.hash ?? (await nobody)]
    let hash: string | undefined
    const attempted = await gate.attempt(source, lookup, async () => {
      hash = await hashOf(secret, compared)
      return hash !== undefined && hashes.includes(hash)
    })
    if (typeof attempted === 'object') return err({ kind: 'too-many-requests', ...attempted })
    if (attempted === 'right' && credential && hash !== undefined) {
      events.succeeded(credential, source)
      return ok(admit(credential, { kind, lookup, hash }))
    }
    events.failed(lookup, source, credential)
    return err({ kind: 'unauthenticated' })
  }

  /** As it is stored now, if what let them in still does: what was right is then not hashed again. */
  async function unchanged(principal: Principal): Promise<Principal | undefined> {
    const proof = proofs.get(principal)
    const current = proof && (await storage.credential(proof.kind, proof.lookup))
    const holds = current && hashesOf(current, clock()).includes(proof.hash)
    return holds ? admit(current, proof) : undefined
  }

  function endOf(principal: Principal): number {
    const { expiresAt, hash, previous } = principal.credential
    const proof = proofs.get(principal)
    const overlap = proof && proof.hash !== hash ? previous?.until : undefined
    return Math.min(expiresAt ?? Number.POSITIVE_INFINITY, overlap ?? Number.POSITIVE_INFINITY)
  }

  /** Whose credential it is, remembered or found. */
  async function identify(presented: Presented, source: string): Promise<Result<Principal, RequestError>> {
    const memory = createHmac('sha256', key)
      .update(JSON.stringify([presented.kind, presented.lookup, presented.secret]))
      .digest('base64')
    const known = remembered.get(memory)
    if (known && known.until > now() && endOf(known.principal) > clock()) {
      if (presented.kind === 'password') events.succeeded(known.principal.credential, source)
      return ok(known.principal)
    }
    remembered.delete(memory)
    const before = changes
    const renewed = known && (await unchanged(known.principal))
    const found = renewed ? ok(renewed) : await find(presented, source)
    if (!found.ok || changes !== before) return found
    if (remembered.size >= maxRemembered) remembered.clear()
    remembered.set(memory, { principal: found.value, until: now() + rememberedFor })
    return found
  }

  /** The same operator, in the account with this id or name. */
  async function acting(operator: Principal, account: string): Promise<Result<Principal, RequestError>> {
    const found = account === '' ? undefined : await storage.accountCalled(account)
    if (!found) return err({ kind: 'not-found', resource: 'account', id: account })
    const principal: Principal = { ...operator, account: found.id, scopes: operatorScopes }
    const proof = proofs.get(operator)
    if (proof) proofs.set(principal, proof)
    return ok(principal)
  }

  return {
    async authenticate(headers, schemes, address) {
      const source = sourceOf(address)
      const account = accountNamed(headers)
      const token = account === undefined ? undefined : operatorToken(headers)
      let asker = token && (await identify(token, source))
      if (asker?.ok && isOperator(asker.value)) {
        const principal = await acting(asker.value, account ?? '')
        if (principal.ok) lastUsed.used(principal.value.credential.id, clock())
        return principal
      }
      const presented = present(headers, schemes)
      if (!presented) return err({ kind: 'unauthenticated' })
      asker = await identify(presented, source)
      if (!asker.ok) return asker
      lastUsed.used(asker.value.credential.id, clock())
      return account === undefined ? asker : err({ kind: 'forbidden' })
    },
    async renew(principal) {
      const renewed = await unchanged(principal)
      if (!renewed || principal.account === renewed.account) return renewed
      const again = await acting(renewed, principal.account)
      return again.ok && again.value.account === principal.account ? again.value : undefined
    },
    endOf,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {
      gate.close()
      await lastUsed.close()
    },
  }
}

/** Those that let in at this moment, milliseconds since 1970. */
function hashesOf({ hash, previous, expiresAt }: CredentialRecord, at: number): readonly string[] {
  if (expiresAt !== null && expiresAt <= at) return []
  return previous && at < previous.until ? [hash, previous.hash] : [hash]
}

/** Whoever has one IPv6 address has the /64 around it. */
export function sourceOf(address: string): string {
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

/** What an operator that acts in an account may do there. */
const operatorScopes: ReadonlySet<Scope> = new Set(['read', 'write', 'operator'])

/** Undefined without the header. Its bytes are UTF-8, whatever a header's characters are said to be. */
const accountNamed = ({ 'on-behalf-of': given }: Headers): string | undefined =>
  given === undefined ? undefined : Buffer.from(String(given), 'latin1').toString('utf8')

/** What may be an operator's: never beside a password. */
function operatorToken(headers: Headers): Presented | undefined {
  if (/^basic\b/i.test(one(headers, 'authorization') ?? '')) return undefined
  const presented = present(headers, ['bearer', 'x-api-key', 'x-auth-token'])
  return presented && { ...presented, kind: 'token' }
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
