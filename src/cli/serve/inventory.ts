/** The inventory file, or the demonstration, into the store; and what the operator should know of it. */
import type { FastifyBaseLogger } from 'fastify'
import { providersOf } from '../../dialects/catalogue.ts'
import { demonstrationAccount, demonstrationFile, demonstrationToken } from '../../dialects/demonstration.ts'
import type { Dialects } from '../../dialects/dialect.ts'
import { dialects as builtIn } from '../../dialects/dialects.ts'
import { loadInventory } from '../../service/inventory.ts'
import type { Storage } from '../../storage/storage.ts'
import { type Demonstration, mayDemonstrate } from '../demonstration.ts'
import { inventoryText } from '../inventory-text.ts'
import type { ServeOptions } from './options.ts'

const demonstration: Demonstration = {
  text: demonstrationFile(builtIn),
  account: demonstrationAccount,
  token: demonstrationToken,
}

/** Of one file, in the log. */
const maxWarnings = 20

/**
 * Brings the store to what the file says; answers whether it is in force. A file that is wrong changes nothing: the
 * service starts with what the store holds, and throws when that is nothing, or nothing but the demonstration.
 */
export async function takeInventory(
  { inventory }: ServeOptions,
  dialects: Dialects,
  storage: Storage,
  logger: FastifyBaseLogger,
): Promise<boolean> {
  const text = await inventoryText(inventory, storage, demonstration)
  // The demonstration is of the providers' zones, whatever the catalogue says.
  const providers = providersOf(inventory === undefined ? builtIn : dialects)
  const loaded = text.ok ? await loadInventory(storage, text.value, Date.now(), providers) : text
  const file = `--inventory ${inventory}`
  if (loaded.ok) {
    const { warnings } = loaded.value
    for (const warning of warnings.slice(0, maxWarnings)) logger.warn(`${file}: ${warning}`)
    const more = warnings.length - maxWarnings
    if (more > 0) logger.warn(`${file}: ${more} more warnings`)
    return true
  }
  if (inventory === undefined) throw new Error(loaded.error)
  const why = `${file}: ${loaded.error}`
  if (await mayDemonstrate(storage, demonstration)) throw new Error(why)
  logger.error(`${why}; the service starts with what the store holds, until the file is right at a start`)
  return false
}

/** Devices in an inventory make people believe that they are filtered. */
export async function warnOfDevices(storage: Storage, logger: FastifyBaseLogger): Promise<void> {
  const accounts = await storage.accounts()
  const placed = await Promise.all(accounts.map(({ id }) => storage.placedOf(id)))
  const count = placed.flat().filter(({ device }) => device !== null).length
  if (count > 0) {
    logger.warn(
      `--enforce none: ${count} interfaces of the inventory have a device, and this process filters none of them`,
    )
  }
}
