/** Who asks, and what every operation is handed: the caller's identity and the request it came in. */
import type { Profile } from '../core/model/inventory.ts'
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
}

/** As whom a write is recorded. */
export function actorOf(ctx: Context): Actor {
  return {
    account: ctx.principal.account,
    actor: ctx.principal.credential.label,
    dialect: ctx.dialect,
    requestId: ctx.requestId,
    at: ctx.now,
  }
}
