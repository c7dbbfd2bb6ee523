/** What documents name, and what attributes accounts have, so that either is found by that without reading all there are. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { insertRows, query, queryOne, type Steps } from '../statement.ts'
import type { DocumentRecord } from '../storage.ts'

/** Ids are no longer. */
const longest = 255

/** Every text in the body of a document, and what its id begins with. Call it when the document has been written; names end with it. */
export function* noteNames({ account, profile, kind, id, body }: DocumentRecord): Steps<void> {
  const sql = 'DELETE FROM document_names WHERE profile = ? AND kind = ? AND id = ?'
  yield* query(sql, profile, kind, id)
  const names = [...new Set([...holderIn(id), ...textsIn(body)])].filter(
    (name) => name.length <= longest && isKept(name),
  )
  const rows = names.map((name) => [account, profile, name, kind, id])
  yield* insertRows('document_names (account, profile, name, kind, id)', 5, rows)
}

/** Ids of documents within something begin with its id and a slash. */
const holderIn = (id: string): readonly string[] => id.split('/').slice(0, -1).slice(0, 1)

/** Not every store can look for a NUL. */
const isKept = (name: string): boolean => name !== '' && !name.includes('\0')

function textsIn(value: JsonValue): string[] {
  if (typeof value === 'string') return [value]
  if (value === null || typeof value !== 'object') return []
  return Object.values(value).flatMap(textsIn)
}

/** A document of an account and profile that names this id anywhere, its own id included; undefined: there is none but `except`. */
export function* documentNaming(
  { account, profile }: Pick<DocumentRecord, 'account' | 'profile'>,
  id: string,
  except = '',
): Steps<{ readonly kind: string; readonly id: string } | undefined> {
  const row = yield* queryOne(
    `SELECT n.kind, n.id FROM document_names n
     JOIN documents d ON d.profile = n.profile AND d.kind = n.kind AND d.id = n.id
     WHERE n.account = ? AND n.profile = ? AND n.name = ? AND n.id <> ? AND d.origin <> 'left' LIMIT 1`,
    ...[account, profile, id, except],
  )
  return row && { kind: String(row.kind), id: String(row.id) }
}

/** Those that are neither lists nor objects. Call it when the account has been written; they end with it. */
export function* noteAttributes(account: string, attributes: JsonObject): Steps<void> {
  yield* query('DELETE FROM account_attributes WHERE account = ?', account)
  const rows = Object.entries(attributes)
    .filter(([, value]) => value === null || typeof value !== 'object')
    .map(([key, value]) => [key, JSON.stringify(value), account])
  yield* insertRows('account_attributes (key, value, account)', 3, rows)
}

/** Whether another account has this attribute. */
export function* isAnothers(account: string, key: string, value: JsonValue): Steps<boolean> {
  const sql = 'SELECT account FROM account_attributes WHERE key = ? AND value = ? AND account <> ? LIMIT 1'
  return (yield* queryOne(sql, key, JSON.stringify(value), account)) !== undefined
}
