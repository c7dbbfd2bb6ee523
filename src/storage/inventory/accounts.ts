/** Accounts that an inventory names, beside those that are stored. */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { cutFlowsKey, cutFlowsOf } from '../account-settings.ts'
import { invalid, same } from '../programs/common.ts'
import { accountColumns, toAccount } from '../rows.ts'
import { query, type Steps } from '../statement.ts'
import type { AccountRecord, InventoryRecords } from '../storage.ts'
import { fieldsChanged, type InventoryChange } from './change.ts'
import type { InventoryDifference, InventoryOptions } from './difference.ts'

interface Compared {
  readonly difference: InventoryDifference['accounts']
  readonly changes: readonly InventoryChange[]
}

export function* compareAccounts(
  accounts: InventoryRecords['accounts'],
  { keep, now }: InventoryOptions,
): Steps<Result<Compared, RequestError>> {
  const rows = yield* query(`SELECT ${accountColumns}, origin FROM accounts ORDER BY id`)
  const stored = new Map(
    rows.map((row) => [String(row.id), { account: toAccount(row), origin: String(row.origin) }]),
  )
  const named = new Map(accounts.map((account) => [account.id, account]))
  const names = new Map(accounts.map(({ name, id }) => [name, id]))
  const changes: InventoryChange[] = []
  const leave: string[] = []
  for (const [id, { account, origin }] of stored) {
    if (named.has(id)) continue
    const leaves = origin === 'inventory' && !keep
    const taker = names.get(account.name)
    // One that has left, or leaves, gives up its name.
    if (taker !== undefined && origin !== 'left' && !leaves) {
      return err(invalid(taker, `has the name of account ${id}`))
    }
    if (!leaves) continue
    leave.push(id)
    changes.push({ ...words(account), change: 'removed' })
  }
  const put: { account: AccountRecord; before: AccountRecord | null }[] = []
  for (const each of accounts) {
    const { account: old, origin } = stored.get(each.id) ?? {}
    // What an API chose holds until the file says something of it; an account that an API made keeps all that is not named.
    const chosen = old && cutFlowsOf(old.attributes)
    const attributes = {
      ...(origin === 'api' ? old?.attributes : chosen && { [cutFlowsKey]: chosen }),
      ...each.attributes,
    }
    const account = { quotas: {}, createdAt: now, revision: 0, ...old, ...each, attributes }
    if (old && origin !== 'left' && same(old, account)) continue
    put.push({ account, before: old ?? null })
    const { name, quotas } = account
    changes.push(
      old && origin !== 'left'
        ? {
            ...{ ...words(account), change: 'changed' },
            fields: fieldsChanged(
              { name: old.name, quotas: old.quotas, ...old.attributes },
              { name, quotas, ...attributes },
            ),
          }
        : { ...words(account), change: 'added' },
    )
  }
  return ok({ difference: { leave, put }, changes })
}

const words = ({ id, name }: AccountRecord) => ({ resource: 'account', id, name, account: id })
