/** Reads of parts of lists: work grows with the page and not with the list. A key's parts are the columns that order it. */
import {
  accountColumns,
  bindingColumns,
  documentColumns,
  serverColumns,
  sightingColumns,
  toBinding,
  toDocument,
  toManagedAccount,
  toServer,
  toSighting,
} from './rows.ts'
import { marks, query, queryOne, type Row, type SqlValue, type Steps } from './statement.ts'
import type { KeyPage, Storage } from './storage.ts'

type PageName =
  | 'accountPage'
  | 'serverPage'
  | 'documentPage'
  | 'bindingPage'
  | 'binding'
  | 'managedAccount'
  | 'unclaimedPage'
type PageReads = {
  readonly [N in PageName]: (...args: Parameters<Storage[N]>) => Steps<Awaited<ReturnType<Storage[N]>>>
}

/** A condition and its parameters. */
type Part = readonly [sql: string, ...params: SqlValue[]]

const equal = (column: string, value: SqlValue | undefined): readonly Part[] =>
  value === undefined ? [] : [[`${column} = ?`, value]]

export const pageReads: PageReads = {
  *managedAccount(id) {
    const row = yield* queryOne(`SELECT ${accountColumns}, origin FROM accounts WHERE id = ?`, id)
    return row && toManagedAccount(row)
  },
  *accountPage({ name, closed }, page) {
    const where: readonly Part[] = [
      ...equal('name', name),
      ...(closed === undefined ? [] : [[`origin ${closed ? '=' : '<>'} 'left'`] as const]),
    ]
    return (yield* pageOf(`${accountColumns}, origin`, 'accounts', where, ['name'], page)).map(
      toManagedAccount,
    )
  },
  *serverPage({ account, profile, name, zone, host, ids }, page) {
    const where: readonly Part[] = [
      ["origin <> 'left'"],
      ...Object.entries({ account, profile, name, zone }).flatMap(([column, value]) => equal(column, value)),
      ...(host === undefined
        ? []
        : [['id IN (SELECT server FROM interfaces WHERE host = ?)', host] as const]),
      ...(ids === undefined ? [] : [[`id IN (${marks(ids)})`, ...ids] as const]),
    ]
    const key = ['account', 'created_at', 'id'] as const
    return (yield* pageOf(serverColumns, 'servers', where, key, page)).map(toServer)
  },
  *documentPage({ account, kinds }, page) {
    const named = Object.entries(kinds)
    if (named.length === 0) return []
    const where: readonly Part[] = [
      ["origin <> 'left'"],
      ...equal('account', account),
      [named.map(() => '(profile = ? AND kind = ?)').join(' OR '), ...named.flat()],
    ]
    return (yield* pageOf(documentColumns, 'documents', where, ['profile', 'id'], page)).map(toDocument)
  },
  *bindingPage({ account, host, device, server, mac }, page) {
    const filter = {
      's.account': account,
      'i.host': host,
      'i.device': device,
      'i.server': server,
      'i.mac': mac,
    }
    const where: readonly Part[] = [
      ["i.host IS NOT NULL AND i.device IS NOT NULL AND s.origin <> 'left'"],
      ...Object.entries(filter).flatMap(([column, value]) => equal(column, value)),
    ]
    return (yield* pageOf(bindingColumns, bound, where, ['i.host', 'i.device'], page)).map(toBinding)
  },
  *unclaimedPage(host, page) {
    const where: readonly Part[] = [
      ['host = ?', host],
      [
        'NOT EXISTS (SELECT 1 FROM interfaces i WHERE i.host = sightings.host AND i.device = sightings.device)',
      ],
    ]
    return (yield* pageOf(sightingColumns, 'sightings', where, ['device'], page)).map(toSighting)
  },
  *binding(id) {
    const sql = `SELECT ${bindingColumns} FROM ${bound}
      WHERE i.id = ? AND i.host IS NOT NULL AND i.device IS NOT NULL AND s.origin <> 'left'`
    const row = yield* queryOne(sql, id)
    return row && toBinding(row)
  },
}

const bound = 'interfaces i JOIN servers s ON s.id = i.server'

/** `after` has as many parts as the key; those of numbers are digits. */
function* pageOf(
  columns: string,
  from: string,
  where: readonly Part[],
  key: readonly string[],
  { after, limit }: KeyPage,
): Steps<readonly Row[]> {
  const [first, ...rest] = key
  // Engines find the place in an index only by columns that no other condition fixes.
  if (rest.length > 0 && where.some(([sql]) => sql === `${first} = ?`)) {
    return yield* pageOf(columns, from, where, rest, { after: after?.slice(1) ?? null, limit })
  }
  const parts: readonly Part[] = after
    ? [...where, [`(${key.join(', ')}) > (${marks(key)})`, ...after.map(partOf(key))]]
    : where
  const condition = parts.map(([sql]) => `(${sql})`).join(' AND ')
  const sql = `SELECT ${columns} FROM ${from} ${condition === '' ? '' : `WHERE ${condition}`}
    ORDER BY ${key.join(', ')} LIMIT ?`
  return yield* query(sql, ...parts.flatMap(([, ...params]) => params), limit)
}

const partOf = (key: readonly string[]) => (part: string, index: number) =>
  key[index] === 'created_at' ? Number(part) : part
