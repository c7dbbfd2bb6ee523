/** Inventories that operators apply, compare and export while the service runs. */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Storage } from '../../storage/storage.ts'
import { actorOf, type Context } from '../context.ts'
import { type Applied, applyInventory, type InventoryReader, type PreparedInventory } from '../inventory.ts'

export interface InventoryService {
  /** Whole or not at all; `invalid` (inventory): the reason has the place in the file. */
  apply(
    ctx: Context,
    text: string,
    options: { readonly keep: boolean },
  ): Promise<Result<Applied, RequestError>>
  /** What it would change. */
  compare(
    ctx: Context,
    text: string,
    options: { readonly keep: boolean },
  ): Promise<Result<Omit<PreparedInventory, 'difference' | 'places'>, RequestError>>
  /** JSON, as bytes: there may be much of it. */
  export(options: { readonly owned: boolean }): Promise<Uint8Array>
}

/** At a time: each may take as much memory as the service otherwise does. */
const maxWaiting = 2

export function createInventoryService(storage: Storage, reader: InventoryReader): InventoryService {
  let waiting = 0
  let last: Promise<unknown> = Promise.resolve()
  /** One after the other. */
  async function inTurn<T>(work: () => Promise<T>): Promise<Result<T, RequestError>> {
    if (waiting >= maxWaiting) {
      const reason = 'other inventories are being read: try again when they are done'
      return err({ kind: 'conflict', resource: 'request', reason })
    }
    waiting++
    const done = last.then(work)
    last = done.catch(() => {})
    try {
      return ok(await done)
    } finally {
      waiting--
    }
  }
  const refused = <T>(result: Result<Result<T>, RequestError>): Result<T, RequestError> => {
    if (!result.ok) return result
    const { value } = result
    return value.ok ? value : err({ kind: 'invalid', field: 'inventory', reason: value.error })
  }
  return {
    async apply(ctx, text, { keep }) {
      const request = { text, keep, now: ctx.now }
      return refused(await inTurn(() => applyInventory(storage, reader, request, actorOf(ctx))))
    },
    async compare(ctx, text, { keep }) {
      const found = refused(await inTurn(() => reader.prepare({ text, keep, now: ctx.now })))
      if (!found.ok) return found
      const { difference: _, places: __, ...rest } = found.value
      return ok(rest)
    },
    async export({ owned }) {
      return await reader.export(owned)
    },
  }
}
