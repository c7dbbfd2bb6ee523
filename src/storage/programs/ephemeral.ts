/** Servers that a host had made for as long as a device lasts: they end with it, unless somebody has said anything of them. */
import { chunks, marks, query, type Row, type Steps } from '../statement.ts'
import type { Actor } from '../storage.ts'
import { attachedAddress, namedInDocument } from './belongings.ts'
import { deleteServer } from './servers.ts'

/** Nobody but its host has changed the server `s`, its interfaces or its policies. */
const asLeft = `s.ephemeral = s.revision AND s.origin = 'api'
  AND NOT EXISTS (SELECT 1 FROM policies p WHERE p.server = s.id AND p.revision > s.ephemeral)`

/** Which of these servers are as their hosts left them. */
export function* untouched(servers: readonly string[]): Steps<readonly string[]> {
  const found: string[] = []
  for (const chunk of chunks([...new Set(servers)])) {
    const sql = `SELECT s.id FROM servers s WHERE s.id IN (${marks(chunk)}) AND ${asLeft}`
    found.push(...(yield* query(sql, ...chunk)).map(({ id }) => String(id)))
  }
  return found
}

/** What their host has changed just now is no word of anybody else's. `servers` were untouched before. */
export function* leave(servers: readonly string[], revision: number): Steps<void> {
  for (const chunk of chunks(servers)) {
    yield* query(`UPDATE servers SET ephemeral = ? WHERE id IN (${marks(chunk)})`, revision, ...chunk)
  }
}

/** Deletes those of these servers that are untouched and on no device, and that nothing names; answers the newest revision, undefined: none ends. */
export function* end(servers: readonly string[], actor: Actor): Steps<number | undefined> {
  let newest: number | undefined
  for (const chunk of chunks(yield* untouched(servers))) {
    const sql = `SELECT s.id, s.account, s.profile FROM servers s WHERE s.id IN (${marks(chunk)})
      AND NOT EXISTS (SELECT 1 FROM interfaces i WHERE i.server = s.id AND i.host IS NOT NULL) ORDER BY s.id`
    for (const row of yield* query(sql, ...chunk)) {
      if (yield* isNamed(row)) continue
      const [server, account] = [String(row.id), String(row.account)]
      // Who attaches it again has it made again.
      yield* query('UPDATE servers SET guest = NULL WHERE id = ?', server)
      const target = { server, account, profile: String(row.profile), refuseStates: [], documents: [] }
      const done = yield* deleteServer(target, { ...actor, account, actor: 'host' })
      if (!done.ok) throw new Error(`server ${server} does not end: ${done.error.kind}`)
      newest = done.value.revision
    }
  }
  return newest
}

/** By a document of its profile, which may hold its addresses, too. */
function* isNamed({ id, account, profile }: Row): Steps<boolean> {
  const owner = { account: String(account), profile: String(profile) }
  if (yield* namedInDocument(owner, 'server', String(id))) return true
  const nics = yield* query('SELECT id, addresses FROM interfaces WHERE server = ?', String(id))
  for (const nic of nics) if (yield* namedInDocument(owner, 'interface', String(nic.id))) return true
  const addresses = nics.flatMap((nic) => JSON.parse(String(nic.addresses)) as string[])
  return (yield* attachedAddress(owner, addresses)) !== undefined
}
