/** Addresses that interfaces get and give up, with what their servers say of it. Whoever calls this holds them (leases.ts). */
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { serverColumns, toServer } from '../rows.ts'
import { query, queryOne, type Steps } from '../statement.ts'
import type { AddressMoves, ServerRecord } from '../storage.ts'
import { merged, notFound } from './common.ts'

export interface Moved {
  readonly interfaces: readonly Pick<Interface, 'id' | 'server' | 'addresses'>[]
  /** Their addresses until now. */
  readonly before: ReadonlyMap<string, readonly string[]>
}

export function* moveAddresses(
  { account, profile }: Pick<ServerRecord, 'account' | 'profile'>,
  moves: AddressMoves,
  revision: number,
): Steps<Result<Moved, RequestError>> {
  const own = 's.account = ? AND s.profile = ?'
  const present = `${own} AND s.origin <> 'left'`
  const before = new Map<string, readonly string[]>()
  const interfaces: Pick<Interface, 'id' | 'server' | 'addresses'>[] = []
  for (const { interface: nic, add = [], remove = [] } of moves.interfaces ?? []) {
    // It may be of a server that has left and comes back, or have ended.
    const givesUp = add.length === 0 && remove.length > 0
    const sql = `SELECT i.id, i.server, i.addresses FROM interfaces i JOIN servers s ON s.id = i.server
      WHERE i.id = ? AND ${givesUp ? own : present}`
    const row = yield* queryOne(sql, nic, account, profile)
    if (!row && givesUp) continue
    if (!row) return err(notFound('interface', nic))
    const old = JSON.parse(String(row.addresses)) as string[]
    const kept = old.filter((address) => !remove.includes(address))
    const addresses = [...kept, ...add.filter((address) => !kept.includes(address))]
    if (!before.has(nic)) before.set(nic, old)
    interfaces.push({ id: nic, server: String(row.server), addresses })
    yield* query('UPDATE interfaces SET addresses = ? WHERE id = ?', JSON.stringify(addresses), nic)
  }
  for (const { server, attributes, ifRevision } of moves.serverAttributes ?? []) {
    const sql = `SELECT ${serverColumns} FROM servers s WHERE id = ? AND ${present}`
    const row = yield* queryOne(sql, server, account, profile)
    if (!row) return err(notFound('server', server))
    const old = toServer(row)
    if (ifRevision !== undefined && ifRevision !== old.revision) {
      return err({ kind: 'conflict', resource: 'document', reason: 'it has been changed by somebody else' })
    }
    yield* query(
      'UPDATE servers SET attributes = ? WHERE id = ?',
      JSON.stringify(merged(old.attributes, attributes)),
      server,
    )
  }
  const touched = [
    ...interfaces.map(({ server }) => server),
    ...(moves.serverAttributes ?? []).map((each) => each.server),
  ]
  for (const server of new Set(touched)) {
    yield* query('UPDATE servers SET revision = ? WHERE id = ?', revision, server)
  }
  return ok({ interfaces, before })
}
