/**
 * Credentials as resources: who may see, make, change and end which.
 *
 * An account manages its own with one that may write without limits; an operator all. What is made never permits more, nor
 * holds longer, than what it is made with. Operators are not made here (operators.ts).
 */
import { randomUUID } from 'node:crypto'
import type { JsonObject } from '../core/json.ts'
import type { RequestError } from '../core/model/error.ts'
import { err, ok, type Result } from '../core/result.ts'
import type {
  CredentialFilter,
  CredentialKind,
  CredentialRecord,
  KeyPage,
  Once,
  Storage,
} from '../storage/storage.ts'
import { scopeNames } from './authenticate.ts'
import { actorOf, type Context, isOperator, noCredential } from './context.ts'
import type { Provider } from './inventory/provider.ts'
import type { Condition, Outcome } from './outcome.ts'
import { changeFound } from './retry.ts'
import { labelOfToken, type NewSecret, newAccessKey, newPassword, newSecretKey, newToken } from './secrets.ts'

export type ScopeName = keyof typeof scopeNames

/** What can be changed of one. Absent: as it is; in a new one the default. */
export interface CredentialChange {
  /** Default: made of the secret. */
  readonly label?: string
  /** Not empty. */
  readonly scopes?: readonly ScopeName[]
  /** Null: all, which is the default. Not empty. */
  readonly profiles?: readonly string[] | null
  readonly servers?: readonly string[] | null
  /** Of one that a host holds: accounts that its agent may adopt guests into, by id; null: all. Default: none. */
  readonly adopts?: readonly string[] | null
  /** Milliseconds since 1970; null: never. Default: as long as the one that it is made with. */
  readonly expiresAt?: number | null
}

export interface NewCredential extends CredentialChange {
  /** Operators that act in no account name one. */
  readonly account?: string
  readonly kind: CredentialKind
  readonly scopes: readonly ScopeName[]
  /** Of a password, which needs one. */
  readonly username?: string
  /** Absent: made here. */
  readonly password?: string
  /** Of a secret key: whose form it has; absent where only one has secret keys. */
  readonly profile?: string
  /** Of a secret key: in which of the account's projects it is. Absent: what the dialect takes then. */
  readonly project?: string
}

export interface NewHostCredential {
  readonly host: string
  readonly label?: string
  readonly adopts?: readonly string[] | null
  readonly expiresAt?: number | null
}

export interface Rotation {
  /** Seconds that the secret before holds on, 0 to `mostOverlap`. */
  readonly overlap: number
  /** Of a password; absent: made here. */
  readonly password?: string
}

export interface WithSecret {
  readonly credential: CredentialRecord
  /** Answered once. */
  readonly secret: JsonObject
}

/** What a write must carry when its request is to be done once. */
export type OnceFor = (id: string, secret: JsonObject) => { readonly once?: Once }

export interface CredentialPage {
  readonly items: readonly CredentialRecord[]
  /** Key of the last; null at the end. */
  readonly next: readonly string[] | null
}

/** Those that the caller may not see are `not-found`; `forbidden` where theirs may manage none. */
export interface CredentialService {
  list(ctx: Context, filter: Omit<CredentialFilter, 'now'>, page: KeyPage): Outcome<CredentialPage>
  get(ctx: Context, id: string): Outcome<CredentialRecord>
  create(ctx: Context, wanted: NewCredential, onceFor?: OnceFor): Outcome<WithSecret>
  /** For operators. */
  createForHost(ctx: Context, wanted: NewHostCredential, onceFor?: OnceFor): Outcome<WithSecret>
  rotate(
    ctx: Context,
    id: string,
    wanted: Rotation,
    condition?: Condition,
    onceFor?: OnceFor,
  ): Outcome<WithSecret>
  update(ctx: Context, id: string, change: CredentialChange, condition?: Condition): Outcome<CredentialRecord>
  /** Ends it at once, in every process. */
  revoke(ctx: Context, id: string, condition?: Condition): Outcome<unknown>
}

/** Seconds: 30 days. */
export const mostOverlap = 30 * 86_400
export const usualOverlap = 86_400

/** Who acts where no credential of an account does: nobody's label may be one. */
const reserved = new Set(['operator', 'host', 'inventory', 'system', 'serve', 'retention'])

export function createCredentialService(storage: Storage, profiles: readonly Provider[]): CredentialService {
  async function get(ctx: Context, id: string): Outcome<CredentialRecord> {
    const refused = mayManage(ctx)
    if (refused) return err(refused)
    const found = await storage.credentialById(id)
    return found && sees(ctx, found) ? ok(found) : err({ kind: 'not-found', resource: 'credential', id })
  }

  /** Finds it, and writes what follows from it; again when it has changed meanwhile, unless the caller named a revision. */
  function change<T>(
    ctx: Context,
    id: string,
    { ifRevision }: Condition,
    write: (
      found: CredentialRecord,
      target: { id: string; account: string | null; ifRevision: number },
    ) => Outcome<T>,
  ): Outcome<T> {
    const account = ctx.principal.account === '' ? null : ctx.principal.account
    const once = (found: CredentialRecord) =>
      write(found, { id, account, ifRevision: ifRevision ?? found.revision })
    if (ifRevision === undefined) return changeFound(`credential ${id}`, () => get(ctx, id), once)
    return get(ctx, id).then((found) => (found.ok ? once(found.value) : found))
  }

  /** The name of a field that says what cannot be, and why. */
  async function fault(
    { holder, account }: CredentialRecord,
    { scopes, profiles: named, servers, adopts }: CredentialChange,
  ): Promise<RequestError | undefined> {
    const invalid = (field: string, reason: string) => ({ kind: 'invalid', field, reason }) as const
    if (holder !== 'host' && adopts !== undefined) {
      return invalid('adopts', 'only hosts adopt')
    }
    if (holder !== 'account') {
      const given = Object.entries({ scopes, profiles: named, servers }).find(([, value]) => value != null)
      return (
        given && invalid(given[0], `one that ${holder === 'host' ? 'a host' : 'an operator'} holds has none`)
      )
    }
    const known = profiles.map(({ profile }) => profile)
    const unknown = named?.find((each) => !known.includes(each))
    if (unknown !== undefined) return invalid('profiles', `expected some of ${known.join(', ')}`)
    for (const id of servers ?? []) {
      const found = await Promise.all(known.map((profile) => storage.server(profile, id)))
      if (!found.some((server) => server?.account === account))
        return invalid('servers', `the account has no server ${id}`)
    }
    return undefined
  }

  async function secretOf({ kind, username, password, profile }: NewCredential): Outcome<NewSecret> {
    if (kind !== 'password' && (username ?? password) !== undefined) {
      const field = username === undefined ? 'password' : 'username'
      return err({ kind: 'invalid', field, reason: `does not go with ${kind}` })
    }
    if (kind !== 'secret-key' && profile !== undefined) {
      return err({ kind: 'invalid', field: 'profile', reason: `does not go with ${kind}` })
    }
    if (kind === 'token') return ok(newToken())
    if (kind === 'password') {
      if (username === undefined) return err({ kind: 'invalid', field: 'username', reason: 'is needed' })
      if (reserved.has(username.toLowerCase())) return err(isReserved('username'))
      return ok(await newPassword(username, password))
    }
    const owner = keyOwner(profiles, profile)
    return owner.ok ? ok(newSecretKey(newAccessKey(owner.value.form))) : owner
  }

  /** Attributes that say in which project a key is. */
  async function projectOf(account: string, { kind, profile, project }: NewCredential): Outcome<JsonObject> {
    if (project === undefined) return ok({})
    const invalid = (reason: string) => err<RequestError>({ kind: 'invalid', field: 'project', reason })
    if (kind !== 'secret-key') return invalid(`does not go with ${kind}`)
    const owner = keyOwner(profiles, profile)
    if (!owner.ok) return owner
    const { profile: of, inventory } = owner.value.provider
    const { documents } = inventory
    if (!documents?.credential) return invalid(`keys of ${of} are in none`)
    const document = await storage.document(of, documents.kind, project)
    if (document?.account !== account) return invalid(`the account has no project ${project}`)
    return ok({ [documents.credential.key]: project })
  }

  async function write(
    ctx: Context,
    credential: Omit<CredentialRecord, 'lookup' | 'hash'>,
    { stored, told }: NewSecret,
    onceFor: OnceFor | undefined,
  ): Outcome<WithSecret> {
    const record = { ...credential, ...stored }
    const actor = { ...actorOf(ctx), account: record.account, ...onceFor?.(record.id, told) }
    const done = await storage.run('createCredential', { credential: record }, actor)
    if (!done.ok) return done
    const made = { ...record, revision: done.value.revision, createdAt: ctx.now }
    return ok({ credential: made, secret: told })
  }

  return {
    get,
    async list(ctx, filter, page) {
      const refused = mayManage(ctx)
      if (refused) return err(refused)
      const { account } = ctx.principal
      const own = account === '' ? {} : ({ account, holder: 'account' } as const)
      const found = await storage.credentialPage(
        { ...filter, ...own, now: ctx.now },
        { ...page, limit: page.limit + 1 },
      )
      // Another account's, or a host's, is nothing to a tenant; nor is what was asked of it.
      const asked = Object.entries(own).every(
        ([key, value]) => (filter[key as keyof typeof filter] ?? value) === value,
      )
      const items = asked ? found.slice(0, page.limit) : []
      const last = items.at(-1)
      return ok({ items, next: asked && found.length > page.limit && last ? [last.id] : null })
    },
    async create(ctx, wanted, onceFor) {
      const refused = mayManage(ctx)
      if (refused) return err(refused)
      const account = accountOf(ctx, wanted.account)
      if (!account.ok) return account
      const { label, scopes, profiles: named = null, servers = null } = wanted
      const { expiresAt = isOperator(ctx.principal) ? null : ctx.principal.credential.expiresAt } = wanted
      const draft = { ...noCredential, id: randomUUID(), account: account.value, kind: wanted.kind }
      const limits = { ...draft, scopes, profiles: named, servers, expiresAt }
      const wrong = beyond(ctx, limits) ?? labelFault(label) ?? (await fault(limits, wanted))
      if (wrong) return err(wrong)
      const project = await projectOf(account.value, wanted)
      if (!project.ok) return project
      const secret = await secretOf(wanted)
      if (!secret.ok) return secret
      const { username, accessKey } = secret.value.told
      return write(
        ctx,
        {
          ...limits,
          label: label ?? username ?? accessKey ?? labelOfToken(secret.value),
          attributes: { ...(accessKey !== undefined && { accessKey }), ...project.value },
        },
        secret.value,
        onceFor,
      )
    },
    async createForHost(ctx, { host, label, adopts = [], expiresAt = null }, onceFor) {
      const secret = newToken()
      const draft = { ...noCredential, id: randomUUID(), holder: 'host', host, adopts, expiresAt } as const
      const wrong = beyond(ctx, draft)
      if (wrong) return err(wrong)
      return write(ctx, { ...draft, label: label ?? labelOfToken(secret) }, secret, onceFor)
    },
    rotate: (ctx, id, { overlap, password }, condition = {}, onceFor) =>
      change(ctx, id, condition, async (found, target) => {
        const wrong = beyond(ctx, found)
        if (wrong) return err(wrong)
        if (found.kind !== 'password' && password !== undefined) {
          return err({ kind: 'invalid', field: 'password', reason: `does not go with ${found.kind}` })
        }
        const { stored, told } = await renewed(found, password)
        const actor = { ...actorOf(ctx), ...onceFor?.(id, told) }
        const args = { target, secret: stored, until: ctx.now + overlap * 1000 }
        const done = await storage.run('rotateCredential', args, actor)
        if (!done.ok) return done
        const now = await get(ctx, id)
        return now.ok ? ok({ credential: now.value, secret: told }) : now
      }),
    update: (ctx, id, wanted, condition = {}) =>
      change(ctx, id, condition, async (found, target) => {
        const changed = { ...found, ...wanted }
        const wrong = beyond(ctx, changed) ?? labelFault(wanted.label) ?? (await fault(found, wanted))
        if (wrong) return err(wrong)
        const done = await storage.run('updateCredential', { target, change: wanted }, actorOf(ctx))
        return done.ok ? get(ctx, id) : done
      }),
    revoke: (ctx, id, condition = {}) =>
      change(ctx, id, condition, (_found, target) =>
        storage.run('revokeCredential', { target }, actorOf(ctx)),
      ),
  }
}

/** Undefined when it may: operators, and credentials of an account that write everywhere. */
function mayManage({ principal }: Context): RequestError | undefined {
  const { credential, scopes } = principal
  const whole = credential.profiles === null && credential.servers === null
  return isOperator(principal) || (scopes.has('write') && whole) ? undefined : { kind: 'forbidden' }
}

const sees = ({ principal }: Context, { holder, account }: CredentialRecord): boolean =>
  principal.account === '' ? isOperator(principal) : holder === 'account' && account === principal.account

function accountOf({ principal }: Context, named: string | undefined): Result<string, RequestError> {
  if (principal.account === '') {
    return named === undefined ? err({ kind: 'invalid', field: 'account', reason: 'is needed' }) : ok(named)
  }
  if (named === undefined || named === principal.account) return ok(principal.account)
  return err({ kind: 'invalid', field: 'account', reason: 'is not the caller’s own' })
}

/** What of it goes beyond the credential that the caller has; undefined when nothing does. */
function beyond(
  { principal, now }: Context,
  { scopes, expiresAt }: Pick<CredentialRecord, 'scopes' | 'expiresAt'>,
): RequestError | undefined {
  const invalid = (field: string, reason: string) => ({ kind: 'invalid', field, reason }) as const
  if (expiresAt !== null && expiresAt <= now) return invalid('expiresAt', 'is in the past')
  if (isOperator(principal)) return undefined
  const wanted =
    scopes.length === 0 ? (['read', 'write'] as const) : scopes.map((name) => scopeNames[name as ScopeName])
  if (wanted.some((scope) => !principal.scopes.has(scope))) {
    return invalid('scopes', 'permit more than the credential that asks')
  }
  const end = principal.credential.expiresAt
  if (end === null || (expiresAt !== null && expiresAt <= end)) return undefined
  return invalid(
    'expiresAt',
    `is later than ${new Date(end).toISOString()}, when the credential that asks ends`,
  )
}

const isReserved = (field: string) =>
  ({ kind: 'invalid', field, reason: 'is what others than accounts are called in the audit' }) as const

const labelFault = (label: string | undefined): RequestError | undefined =>
  label !== undefined && reserved.has(label.trim().toLowerCase()) ? isReserved('label') : undefined

function renewed(
  { kind, lookup, hash, attributes }: CredentialRecord,
  password: string | undefined,
): Promise<NewSecret> | NewSecret {
  if (kind === 'password') return newPassword(lookup, password, hash)
  return kind === 'token' ? newToken() : newSecretKey(attributes.accessKey as string)
}

/** Whose form secret keys have. */
function keyOwner(profiles: readonly Provider[], named: string | undefined) {
  const having = profiles.flatMap((provider) =>
    provider.secretKeys ? [{ provider, form: provider.secretKeys }] : [],
  )
  const [only, another] = having.filter(({ provider }) => named === undefined || provider.profile === named)
  if (only && !another) return ok(only)
  const reason = `expected one of ${having.map(({ provider }) => provider.profile).join(', ')}`
  return err<RequestError>({ kind: 'invalid', field: 'profile', reason })
}
