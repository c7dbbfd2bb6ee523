/** Documents that an inventory names, beside those that are stored. */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { invalid, same } from '../programs/common.ts'
import { documentColumns, toDocument } from '../rows.ts'
import { query, type Steps } from '../statement.ts'
import type { InventoryRecords, NewDocument } from '../storage.ts'
import { fieldsChanged, type InventoryChange } from './change.ts'
import type { InventoryDifference, InventoryOptions } from './difference.ts'

interface Compared {
  readonly difference: InventoryDifference['documents']
  readonly changes: readonly InventoryChange[]
}

type Key = Pick<NewDocument, 'profile' | 'kind' | 'id'>

export function* compareDocuments(
  documents: InventoryRecords['documents'],
  { keep }: InventoryOptions,
): Steps<Result<Compared, RequestError>> {
  const key = ({ profile, kind, id }: Key) => `${profile} ${kind} ${id}`
  const wanted = new Set(documents.map(key))
  const kinds = [...new Set(documents.map(({ profile, kind }) => `${profile} ${kind}`))]
  const sql = `SELECT ${documentColumns}, origin FROM documents`
  const rows = [...(yield* query(`${sql} WHERE origin = 'inventory' ORDER BY profile, kind, id`))]
  for (const each of kinds) {
    const [profile = '', kind = ''] = each.split(' ')
    rows.push(
      ...(yield* query(`${sql} WHERE origin <> 'inventory' AND profile = ? AND kind = ?`, profile, kind)),
    )
  }
  const stored = rows.map((row) => ({ document: toDocument(row), origin: String(row.origin) }))
  const leave: Key[] = []
  const changes: InventoryChange[] = []
  for (const { document, origin } of stored) {
    if (keep || origin !== 'inventory' || wanted.has(key(document))) continue
    const { profile, kind, id } = document
    leave.push({ profile, kind, id })
    changes.push({ ...words(document), change: 'removed' })
  }
  const before = new Map(stored.map((each) => [key(each.document), each]))
  const put: (NewDocument & { own: boolean })[] = []
  for (const { initial, ...named } of documents) {
    const { document: old, origin } = before.get(key(named)) ?? {}
    if (old && old.account !== named.account) return err(invalid(named.id, 'belongs to another account'))
    const body = { ...(old?.body ?? initial), ...named.body }
    const isThere = old !== undefined && origin !== 'left'
    if (isThere && same(old.body, body)) continue
    // One that an API made stays the API's: the inventory only sets what it says of it.
    put.push({ ...named, body, own: origin !== 'api' })
    changes.push(
      isThere
        ? { ...words({ ...named, body }), change: 'changed', fields: fieldsChanged(old.body, body) }
        : { ...words({ ...named, body }), change: 'added' },
    )
  }
  return ok({ difference: { leave, put }, changes })
}

const words = ({ kind, id, account, body }: NewDocument) => ({
  ...{ resource: kind, id, account, name: String(body.name ?? '') },
})
