/**
 * The inventory file: accounts, credentials, servers and their interfaces, as desired state (docs/inventory.md).
 *
 * Strict: what is not known or not right is refused with its place in the file, and then nothing of the file is applied.
 * What has no id gets one that is made from its names, so that the same file means the same things at every start.
 */
import { err, ok, type Result } from '../core/result.ts'
import type { Storage } from '../storage/storage.ts'
import { check } from './config/check.ts'
import { createReport } from './config/report.ts'
import { parseConfig } from './config/text.ts'
import { hashed, readAccounts } from './inventory/accounts.ts'
import type { Provider } from './inventory/provider.ts'
import { type InventoryEntries, inventoryFile } from './inventory/schema.ts'

export interface Applied {
  readonly revision: number
  readonly changed: boolean
  /** What the operator should know although it works: one line each, with its place. */
  readonly warnings: readonly string[]
}

/**
 * Applies the text of a file, whole or not at all. The error is one line for the operator, with the place in the file and
 * no secret. `now` is milliseconds since 1970; `providers`: all that may have servers. Rejects when the store cannot be read or written.
 */
export async function loadInventory(
  storage: Storage,
  text: string,
  now: number,
  providers: readonly Provider[],
): Promise<Result<Applied>> {
  const parsed = parseConfig(text)
  if (!parsed.ok) return parsed
  if (parsed.value === null) return err('the file: expected keys and values, and it is empty')
  const file = check(inventoryFile(providers), parsed.value)
  if (!file.ok) return file

  const report = createReport()
  const { drafts, ...records } = await readAccounts(
    file.value as unknown as InventoryEntries,
    storage,
    now,
    providers,
    report,
  )
  if (report.fault !== undefined) return err(report.fault)

  const inventory = { ...records, credentials: await hashed(drafts, storage) }
  const actor = { account: '', actor: 'inventory', dialect: 'system', requestId: '', at: now } as const
  const done = await storage.run('applyInventory', { inventory }, actor)
  if (done.ok) return ok({ ...done.value, warnings: report.warnings })
  const { error } = done
  if (error.kind !== 'invalid') throw new Error(`the inventory was refused: ${error.kind}`)
  return err(`${report.placeOf(error.field)}: ${error.field} ${error.reason}`)
}
