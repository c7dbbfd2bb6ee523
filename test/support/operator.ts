/** An operator, in a store that has none yet. */
import assert from 'node:assert/strict'
import { createOperatorService } from '../../src/service/operators.ts'
import { tokenOf } from '../../src/service/secrets.ts'
import type { Storage } from '../../src/storage/storage.ts'

const token = `pcl_${'operator'.padEnd(43, '0')}`

/** Headers. */
export const operator = { authorization: `Bearer ${token}` } as const

export async function makeOperator(storage: Storage, now = Date.now()): Promise<void> {
  const operators = createOperatorService(storage, 'test')
  const made = await operators.create({ name: 'ada', expiresAt: null }, now, { secret: tokenOf(token) })
  assert.ok(made.ok)
}
