/** What an inventory changes, said field by field; never a secret. */
import type { JsonValue } from '../../core/json.ts'
import { same } from '../programs/common.ts'

export interface InventoryChange {
  /** `removed`: a credential that is revoked, an account that is closed, a server, interface or document that leaves. */
  readonly change: 'added' | 'changed' | 'removed'
  /** `account`, `credential`, `server`, `interface`, or the kind of a document. */
  readonly resource: string
  readonly id: string
  readonly name: string
  /** Id of the account that it belongs to, or is. */
  readonly account: string
  /** Of `changed`, and only what differs. */
  readonly fields?: readonly FieldChange[]
}

export interface FieldChange {
  readonly field: string
  /** Null: there is none. */
  readonly before: JsonValue
  readonly after: JsonValue
}

type Fields = Readonly<Record<string, unknown>>

/** Those that differ, in the order of `after`. */
export const fieldsChanged = (before: Fields, after: Fields): readonly FieldChange[] =>
  Object.keys(after).flatMap((field) => {
    const [old, now] = [before[field] ?? null, after[field] ?? null] as [JsonValue, JsonValue]
    return old === now || same(old, now) ? [] : [{ field, before: old, after: now }]
  })

/** As the audit lists it. */
export const inWords = ({ change, resource, name, id }: InventoryChange): string =>
  `${resource} ${resource === 'credential' || resource === 'account' || resource === 'server' ? name : id}${change === 'removed' ? ' left' : ''}`
