/** What a credential is limited to within its account: to some profiles, to some servers, or not at all. */
import type { Profile } from '../core/model/profile.ts'
import type { Principal } from './context.ts'

/** At least one of them is given; what is null is not limited. */
export interface Limits {
  readonly profiles: ReadonlySet<Profile> | null
  /** Ids. */
  readonly servers: ReadonlySet<string> | null
}

/** Null: everything of the account. */
export function limitsOf({ credential: { profiles, servers } }: Principal): Limits | null {
  if (profiles === null && servers === null) return null
  return { profiles: profiles && new Set(profiles), servers: servers && new Set(servers) }
}

/** Whether something of this server is within them. */
export const permitsServer = (
  { profiles, servers }: Limits,
  { id, profile }: { readonly id: string; readonly profile: Profile },
): boolean => (servers?.has(id) ?? true) && (profiles?.has(profile) ?? true)

/** Whether both permit the same: whoever follows something begins anew where they do not. */
export function sameLimits(a: Principal, b: Principal): boolean {
  const text = ({ credential: { profiles, servers } }: Principal) => JSON.stringify([profiles, servers])
  return text(a) === text(b)
}
