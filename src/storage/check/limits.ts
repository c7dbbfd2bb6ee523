/** Quotas that are none: of accounts, and those of all accounts that have none of their own. */
import { parseObject } from '../../core/json.ts'
import type { SqlValue } from '../statement.ts'
import { quotaNames } from '../storage.ts'

/** Problems of quotas as they are stored; null: there are none. */
export function* quotaProblems(stored: SqlValue): Generator<readonly ['quota', string], void, void> {
  if (stored === null) return
  const quotas = parseObject(String(stored))
  if (!quotas) return yield ['quota', 'its quotas cannot be read']
  for (const [name, limit] of Object.entries(quotas)) {
    if (!quotaNames.some((known) => known === name))
      yield ['quota', `it has a quota of ${name}, which nothing counts`]
    else if (!Number.isSafeInteger(limit) || Number(limit) < 0) {
      yield ['quota', `its quota of ${name} is ${JSON.stringify(limit)}, which is no number from 0 on`]
    }
  }
}
