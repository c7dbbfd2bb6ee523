/** Who made and changed a resource, and when: kept beside its properties under `meta`. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Context } from '../../service/context.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
import { isObject } from './properties.ts'

/** Times in milliseconds since 1970. */
export interface Stamp {
  readonly createdAt: number
  readonly createdBy: string
  readonly createdByUserId: string
  readonly modifiedAt: number
  readonly modifiedBy: string
  readonly modifiedByUserId: string
}

/** Of what is made or changed now; `old` is kept for what it was made by. */
export function stamped({ principal, now }: Context, old?: Stamp): JsonObject {
  const { label, id } = principal.credential
  const made = { createdAt: old?.createdAt ?? now, createdBy: old?.createdBy ?? label }
  const changed = { modifiedAt: now, modifiedBy: label, modifiedByUserId: id }
  return { ...made, createdByUserId: old?.createdByUserId ?? id, ...changed }
}

/** What nobody made through this API has no stamp: it comes from the inventory, and is the account's. */
export function stampOf(meta: JsonValue | undefined, account: string, at: number): Stamp {
  if (isObject(meta)) return meta as unknown as Stamp
  const by = {
    createdBy: 'inventory',
    createdByUserId: account,
    modifiedBy: 'inventory',
    modifiedByUserId: account,
  }
  return { createdAt: at, modifiedAt: at, ...by }
}

/** Documents as they were made; the inventory's carry the time themselves. */
export function inOrderOfCreation(documents: readonly DocumentRecord[]): readonly DocumentRecord[] {
  const created = ({ body }: DocumentRecord) => stampOf(body.meta, '', Number(body.createdAt ?? 0)).createdAt
  return documents.toSorted((a, b) => created(a) - created(b))
}
