/** Logins with a password as events: the failed ones, and the first of each credential from each source. */
import type { CredentialRecord, Storage } from '../storage/storage.ts'

export interface LoginEvents {
  /** `credential`: of the username, when there is one; the event is then its account's. */
  failed(username: string, source: string, credential: CredentialRecord | undefined): void
  succeeded(credential: CredentialRecord, source: string): void
}

/** The same failure is told again after so many milliseconds; and so many failures in a minute are told, whoever's. */
const [again, maxInMinute] = [10 * 60_000, 30]
const maxRemembered = 10_000

/** Nobody waits for an event, and a login does not fail with it. `now`: milliseconds since 1970. */
export function createLoginEvents(storage: Storage, now: () => number = Date.now): LoginEvents {
  const told = new Map<string, number>()
  let minute = { since: 0, count: 0 }

  function isNew(key: string, at: number, forget: number): boolean {
    const last = told.get(key)
    if (last !== undefined && at - last < forget) return false
    if (told.size >= maxRemembered) told.clear()
    told.set(key, at)
    return true
  }
  function tell(operation: string, account: string, id: string, source: string, at: number): void {
    const by = { account, actor: id, dialect: 'system', requestId: '', at } as const
    const event = { operation, resource: 'credential', id, before: null, after: { source } } as const
    storage.run('recordEvent', { event }, by).catch(() => {})
  }

  return {
    failed(username, source, credential) {
      const at = now()
      if (at - minute.since >= 60_000) minute = { since: at, count: 0 }
      if (minute.count >= maxInMinute || !isNew(JSON.stringify(['failed', username, source]), at, again))
        return
      minute.count++
      // What is nobody's name may be somebody's password, in the wrong field.
      tell('login.failed', credential?.account ?? '', credential ? username : '', source, at)
    },
    succeeded({ id, account, label }, source) {
      const at = now()
      if (isNew(JSON.stringify(['first', id, source]), at, Number.POSITIVE_INFINITY)) {
        tell('login.first', account, label, source, at)
      }
    },
  }
}
