/** Credentials → the native API's JSON, without their secrets. */
import type { JsonObject } from '../../core/json.ts'
import { scopeNames } from '../../service/authenticate.ts'
import type { Principal } from '../../service/context.ts'
import type { CredentialRecord } from '../../storage/storage.ts'

const moment = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())

/** Whose it is, and what it permits. */
function encodeHeld({
  holder,
  account,
  host,
  label,
  kind,
  scopes,
  profiles,
  servers,
  adopts,
  expiresAt,
}: CredentialRecord): JsonObject {
  const whole = holder === 'account' ? ['read', 'write'] : holder === 'operator' ? ['operator'] : []
  return {
    ...{ holder, account: account === '' ? null : account, host, label, kind },
    ...{ scopes: scopes.length === 0 ? whole : scopes.filter((name) => name in scopeNames) },
    ...{ profiles, servers, adopts, expiresAt: moment(expiresAt) },
  }
}

/** `now`: milliseconds since 1970. */
export function encodeCredential(credential: CredentialRecord, now: number): JsonObject {
  const { id, kind, lookup, attributes, origin, createdAt, expiresAt, previous, lastUsedAt, revision } =
    credential
  return {
    id,
    ...encodeHeld(credential),
    username: kind === 'password' ? lookup : null,
    accessKey: kind === 'secret-key' ? (attributes.accessKey ?? null) : null,
    project: kind === 'secret-key' ? (attributes.project ?? null) : null,
    ...{ origin, createdAt: moment(createdAt), expired: expiresAt !== null && expiresAt <= now },
    previousUntil: previous && previous.until > now ? moment(previous.until) : null,
    ...{ lastUsedAt: moment(lastUsedAt), revision },
  }
}

/** Who asks; an operator that acts in an account with what it may do there. */
export const encodePrincipal = ({ account, credential, scopes }: Principal): JsonObject => ({
  credential: credential.id,
  ...encodeHeld(credential),
  account: account === '' ? null : account,
  scopes: [...scopes],
})
