/** The inventory file, or the demonstration, into the store: at the start, and whenever the file changes. */
import { providersOf } from '../../dialects/catalogue.ts'
import { demonstrationAccount, demonstrationFile, demonstrationToken } from '../../dialects/demonstration.ts'
import { dialects as builtIn } from '../../dialects/dialects.ts'
import type { InventoryState } from '../../server/inventory-metrics.ts'
import { applyInventory, type InventoryReader, loadInventory } from '../../service/inventory.ts'
import type { Storage } from '../../storage/storage.ts'
import { type Demonstration, mayDemonstrate } from '../demonstration.ts'
import { inventoryText } from '../inventory-text.ts'
import { readText } from '../text-file.ts'
import { inWords } from '../words.ts'
import { watchFile } from './watch-file.ts'

export const demonstration: Demonstration = {
  text: demonstrationFile(builtIn),
  account: demonstrationAccount,
  token: demonstrationToken,
}

export interface Logger {
  info(text: string): void
  warn(text: string): void
  error(text: string): void
}

/** Of one file, in the log. */
const maxWarnings = 20

/** Applies the demonstration, of the built-in catalogue's zones. Throws when the store holds something else. */
export async function demonstrate(storage: Storage): Promise<void> {
  const text = await inventoryText(undefined, storage, demonstration)
  const loaded = text.ok ? await loadInventory(storage, text.value, Date.now(), providersOf(builtIn)) : text
  if (!loaded.ok) throw new Error(loaded.error)
}

export interface InventoryKeeper {
  state(): InventoryState
  /** Reads the file again, whether it has changed or not. */
  again(): Promise<void>
  /** Applies the file when it changes, from now on. */
  follow(): void
  close(): Promise<void>
}

/**
 * Brings the store to what the file says, and keeps it so. A file that is wrong changes nothing: what the store holds stays
 * in force until the file is right. Throws when the store holds nothing then, or nothing but the demonstration.
 */
export async function keepInventory(
  file: string,
  storage: Storage,
  reader: InventoryReader,
  logger: Logger,
): Promise<InventoryKeeper> {
  const named = `--inventory ${file}`
  let state: InventoryState = { inForce: false, appliedAt: null }
  /** What was read last, right or wrong. */
  let last: string | undefined
  let running: Promise<void> = Promise.resolve()
  let watched: { close(): void } | undefined

  /** Answers why it is not in force; undefined: it is. */
  async function apply(onlyChanged: boolean): Promise<string | undefined> {
    const text = await readText(file)
    const content = text.ok ? text.value : `\0${text.error}`
    if (onlyChanged && content === last) return undefined
    last = content
    const now = Date.now()
    const done = text.ok
      ? await applyInventory(storage, reader, { text: text.value, now, keep: false })
      : text
    if (!done.ok) {
      state = { ...state, inForce: false }
      return `${named}: ${done.error}`
    }
    state = { inForce: true, appliedAt: now }
    const { warnings, total, changed, revision } = done.value
    for (const warning of warnings.slice(0, maxWarnings)) logger.warn(`${named}: ${warning}`)
    const more = warnings.length - maxWarnings
    if (more > 0) logger.warn(`${named}: ${more} more warnings`)
    logger.info(changed ? `${named}: in force, ${total} changes, revision ${revision}` : `${named}: in force`)
    return undefined
  }

  function inTurn(onlyChanged: boolean): Promise<void> {
    running = running.then(async () => {
      try {
        const why = await apply(onlyChanged)
        if (why !== undefined)
          logger.error(`${why}; what the store holds stays in force until the file is right`)
      } catch (error) {
        // Of the store: it is tried again with the next look at the file.
        last = undefined
        state = { ...state, inForce: false }
        logger.error(`${named}: ${inWords(error)}; it is tried again`)
      }
    })
    return running
  }

  const why = await apply(false)
  if (why !== undefined) {
    if (await mayDemonstrate(storage, demonstration)) throw new Error(why)
    logger.error(`${why}; the service starts with what the store holds, until the file is right`)
  }
  return {
    state: () => state,
    again: () => inTurn(false),
    follow() {
      watched = watchFile(file, () => inTurn(true))
      // What was written between the first look and now.
      inTurn(true)
    },
    async close() {
      watched?.close()
      await running
    },
  }
}

/** Devices in an inventory make people believe that they are filtered. */
export async function warnOfDevices(storage: Storage, logger: Logger): Promise<void> {
  const count = await storage.placedCount()
  if (count > 0) {
    logger.warn(
      `--enforce none: ${count} interfaces of the inventory have a device, and this process filters none of them`,
    )
  }
}
