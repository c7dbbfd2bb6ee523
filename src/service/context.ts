/** Who asks, and what every operation is handed: the caller's identity and the request it came in. */
import type { JsonObject } from '../core/json.ts'
import type { Profile } from '../core/model/profile.ts'
import type { Actor, CredentialRecord, Once } from '../storage/storage.ts'

export type Scope = 'read' | 'write' | 'operator'

/** A credential that permits nothing: where nobody is known, and what others begin from. */
export const noCredential: CredentialRecord = {
  ...{
    id: '',
    holder: 'account',
    account: '',
    host: null,
    kind: 'token',
    lookup: '',
    hash: '',
    previous: null,
  },
  ...{ scopes: [], profiles: null, servers: null, adopts: [], label: '', attributes: {}, origin: 'api' },
  ...{ createdAt: null, expiresAt: null, lastUsedAt: null, revision: 0 },
}

export interface Principal {
  /** Whose things are meant; empty: nobody's by itself, of operators and hosts that act in no account. */
  readonly account: string
  /** What was presented; its holder says who asks. */
  readonly credential: CredentialRecord
  readonly scopes: ReadonlySet<Scope>
}

export interface Context {
  readonly principal: Principal
  readonly dialect: Profile
  readonly requestId: string
  /** Milliseconds since 1970, read once per request. */
  readonly now: number
  /** What the dialect's own log of requests keeps of this one. Never a secret. */
  readonly request?: JsonObject
  /** The document of the dialect that a write happens within, and renews. */
  readonly within?: Actor['within']
  /** The request may be sent again, and is done once. */
  readonly once?: Once
}

/** Whether whoever runs the installation asks, in an account or not. */
export const isOperator = ({ credential }: Principal): boolean => credential.holder === 'operator'

/** Whether what this account has is the caller's to see: all of it for operators that act in none. */
export const isWithin = ({ principal }: Context, account: string): boolean =>
  principal.account === account || isOverAll(principal)

/** An operator that acts in no account. */
export const isOverAll = (principal: Principal): boolean => principal.account === '' && isOperator(principal)

/** The same caller, acting in this account. */
export const inAccount = <C extends Context>(ctx: C, account: string): C => ({
  ...ctx,
  principal: { ...ctx.principal, account },
})

/** As whom a write is recorded. */
export function actorOf(ctx: Context): Actor {
  const { id, label } = ctx.principal.credential
  return {
    account: ctx.principal.account,
    actor: actorName(ctx.principal),
    ...(id !== '' && { credential: { id, label } }),
    dialect: ctx.dialect,
    requestId: ctx.requestId,
    at: ctx.now,
    ...(ctx.request && { request: ctx.request }),
    ...(ctx.within && { within: ctx.within }),
    ...(ctx.once && { once: ctx.once }),
  }
}

/** Tenants see who acts for them: an operator as one, without the name that other operators know. */
export const actorName = ({ credential }: Principal): string =>
  credential.holder === 'account' ? credential.label : credential.holder
