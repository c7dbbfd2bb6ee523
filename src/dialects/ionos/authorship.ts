/** Who created and last changed a resource, and when: stored beside its properties under `meta`. */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import { actorName, type Context, isOperator } from '../../service/context.ts'
import type { DocumentRecord } from '../../storage/storage.ts'

/** Times in milliseconds since 1970. */
export interface Authorship {
  readonly createdAt: number
  readonly createdBy: string
  readonly createdByUserId: string
  readonly modifiedAt: number
  readonly modifiedBy: string
  readonly modifiedByUserId: string
}

/** The `meta` of a resource that this request creates; with `old`, of one that it changes. */
export function authored({ principal, now }: Context, old?: Authorship): JsonObject {
  const label = actorName(principal)
  // Which operator is nothing to the account.
  const id = isOperator(principal) ? principal.account : principal.credential.id
  const created = { createdAt: old?.createdAt ?? now, createdBy: old?.createdBy ?? label }
  const changed = { modifiedAt: now, modifiedBy: label, modifiedByUserId: id }
  return { ...created, createdByUserId: old?.createdByUserId ?? id, ...changed }
}

/** As stored in `meta`. Resources without it come from the inventory: they are the account's, created `at`. */
export function authorshipOf(meta: JsonValue | undefined, account: string, at: number): Authorship {
  if (isObject(meta)) return meta as unknown as Authorship
  const by = {
    createdBy: 'inventory',
    createdByUserId: account,
    modifiedBy: 'inventory',
    modifiedByUserId: account,
  }
  return { createdAt: at, modifiedAt: at, ...by }
}

/** Sorts documents by creation, oldest first; those of the inventory store the time in their own body. */
export function inOrderOfCreation(documents: readonly DocumentRecord[]): readonly DocumentRecord[] {
  const created = ({ body }: DocumentRecord) =>
    authorshipOf(body.meta, '', Number(body.createdAt ?? 0)).createdAt
  return documents.toSorted((a, b) => created(a) - created(b))
}
