/** Credentials that an inventory names, beside those that are stored. */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { invalid, same } from '../programs/common.ts'
import { credentialColumns, toCredential } from '../rows.ts'
import { query, type Steps } from '../statement.ts'
import type { CredentialRecord } from '../storage.ts'
import { fieldsChanged, type InventoryChange } from './change.ts'
import type { InventoryDifference, InventoryOptions } from './difference.ts'

interface Compared {
  readonly difference: InventoryDifference['credentials']
  readonly changes: readonly InventoryChange[]
}

/** Those of operators and hosts are no inventory's. */
export function* compareCredentials(
  credentials: readonly CredentialRecord[],
  { keep }: InventoryOptions,
): Steps<Result<Compared, RequestError>> {
  const stored = (yield* query(`SELECT ${credentialColumns} FROM credentials ORDER BY id`)).map(toCredential)
  const key = ({ kind, lookup }: Pick<CredentialRecord, 'kind' | 'lookup'>) => `${kind} ${lookup}`
  const before = new Map(stored.map((credential) => [key(credential), credential]))
  const wanted = new Set(credentials.map(key))
  const difference: { before: CredentialRecord | null; after: CredentialRecord | null }[] = []
  const changes: InventoryChange[] = []
  const ids = new Map<string, CredentialRecord>()
  const accessKeys = new Map<unknown, CredentialRecord>()
  for (const old of stored) {
    const isNamed = wanted.has(key(old))
    if (!isNamed && !keep && old.origin === 'inventory' && old.holder === 'account') {
      difference.push({ before: old, after: null })
      changes.push({ ...words(old), change: 'removed' })
    } else if (!isNamed) {
      ids.set(old.id, old)
      if (old.attributes.accessKey !== undefined) accessKeys.set(old.attributes.accessKey, old)
    }
  }
  for (const named of credentials) {
    const old = before.get(key(named))
    const made = old?.origin === 'api'
    if (old && (old.holder !== 'account' || (made && old.account !== named.account))) {
      return err(invalid(named.id, 'has the secret or the name of a credential that is not the account’s'))
    }
    if (!old && (ids.has(named.id) || accessKeys.has(named.attributes.accessKey ?? Number.NaN))) {
      return err(invalid(named.id, 'has the access key or the id of another credential'))
    }
    // When it was made and last used, and what it was before, is not the file’s to say; nor what it does not mention.
    const after: CredentialRecord = old
      ? {
          ...old,
          ...{ account: named.account, hash: named.hash, scopes: named.scopes, label: named.label },
          attributes: { ...(made && old.attributes), ...named.attributes },
          profiles: named.profiles ?? (made ? old.profiles : null),
          servers: named.servers ?? (made ? old.servers : null),
          expiresAt: named.expiresAt ?? (made ? old.expiresAt : null),
        }
      : named
    if (old && same(old, after)) continue
    // The account that had it loses it, and must be able to see that.
    if (old && old.account !== after.account) {
      difference.push({ before: old, after: null }, { before: null, after })
      changes.push({ ...words(old), change: 'removed' }, { ...words(after), change: 'added' })
      continue
    }
    difference.push({ before: old ?? null, after })
    changes.push(
      old
        ? { ...words(after), change: 'changed', fields: fieldsChanged(shown(old, old), shown(after, old)) }
        : { ...words(after), change: 'added' },
    )
  }
  return ok({ difference, changes })
}

const words = ({ id, label, account }: CredentialRecord) => ({
  ...{ resource: 'credential', id, name: label, account },
})

/** What may be seen of it: of the secret only whether it is another. */
const shown = (
  { label, scopes, profiles, servers, expiresAt, attributes, hash }: CredentialRecord,
  old: CredentialRecord,
) => ({
  ...{ label, scopes, profiles, servers, expiresAt, ...attributes },
  secret: hash === old.hash ? 'as it was' : 'another',
})
