/** Guests whose server, or an interface of it, was deleted while a host may still see them: no host has either made again, until somebody asks for it. */
import type { RequestError } from '../../core/model/error.ts'
import { query, queryOne, type Steps } from '../statement.ts'
import type { SightingRecord } from '../storage.ts'

interface GuestKey {
  readonly account: string
  readonly profile: string
  readonly guest: string
}

/** Call it before the server is deleted. Of one that was not adopted nothing is remembered. */
export function* dismissServer(server: string, at: number): Steps<void> {
  yield* query(
    `INSERT INTO dismissals (account, profile, guest, mac, at)
     SELECT account, profile, guest, '', ? FROM servers WHERE id = ? AND guest IS NOT NULL ON CONFLICT DO NOTHING`,
    at,
    server,
  )
}

/** Call it before the interface is deleted. */
export function* dismissInterface(nic: string, at: number): Steps<void> {
  yield* query(
    `INSERT INTO dismissals (account, profile, guest, mac, at)
     SELECT s.account, s.profile, s.guest, i.mac, ? FROM interfaces i JOIN servers s ON s.id = i.server
     WHERE i.id = ? AND s.guest IS NOT NULL ON CONFLICT DO NOTHING`,
    at,
    nic,
  )
}

export function* dismissed(
  { account, profile, guest }: GuestKey,
  mac: string,
): Steps<RequestError | undefined> {
  const row = yield* queryOne(
    "SELECT mac FROM dismissals WHERE account = ? AND profile = ? AND guest = ? AND mac IN ('', ?)",
    account,
    profile,
    guest,
    mac,
  )
  if (!row) return undefined
  const what = row.mac === '' ? 'its server' : 'its interface'
  const reason = `${what} was deleted, and comes back when an operator adopts the device (portcullis host adopt)`
  return { kind: 'conflict', resource: 'server', reason }
}

/** Somebody asks for the server again. */
export function* welcome({ account, profile, guest }: GuestKey, mac: string): Steps<void> {
  yield* query(
    "DELETE FROM dismissals WHERE account = ? AND profile = ? AND guest = ? AND mac IN ('', ?)",
    account,
    profile,
    guest,
    mac,
  )
}

/** What was attached by itself was one VM's: who attaches it another time means another one. */
export function* forgetDetached(detached: readonly SightingRecord[]): Steps<void> {
  for (const { adoption } of detached) {
    if (!adoption) continue
    const { account, profile, server } = adoption
    const sql = 'DELETE FROM dismissals WHERE account = ? AND profile = ? AND guest = ?'
    yield* query(sql, account, profile, server.id)
  }
}
