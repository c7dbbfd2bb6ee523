/** Who asks, and what every operation is handed: the caller's identity and the request it came in. */
import type { JsonObject } from '../core/json.ts'
import type { Profile } from '../core/model/profile.ts'
import type { Actor, CredentialRecord } from '../storage/storage.ts'

export type Scope = 'read' | 'write'

export interface Principal {
  readonly account: string
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
}

/** As whom a write is recorded. */
export function actorOf(ctx: Context): Actor {
  return {
    account: ctx.principal.account,
    actor: ctx.principal.credential.label,
    dialect: ctx.dialect,
    requestId: ctx.requestId,
    at: ctx.now,
    ...(ctx.request && { request: ctx.request }),
    ...(ctx.within && { within: ctx.within }),
  }
}
