/** Whose interfaces are, looked up once and again whenever servers have changed. */
import type { InterfaceOwner, Storage } from '../storage/storage.ts'

export interface Owners {
  /** Those that are there. Rejects when the store cannot be read. */
  of(ids: readonly string[]): Promise<ReadonlyMap<string, InterfaceOwner>>
  /** The same at once, when all of them have been looked up since servers changed last; else undefined. */
  known(ids: readonly string[]): ReadonlyMap<string, InterfaceOwner> | undefined
}

/** More than this would be of interfaces that nobody speaks of any more. */
const mostKnown = 100_000

export function createOwners(storage: Storage): Owners {
  /** Null: it is not there. */
  let found = new Map<string, InterfaceOwner | null>()
  storage.onCommit(({ topics }) => {
    if (topics.includes('servers')) found = new Map()
  })

  const known: Owners['known'] = (ids) => {
    const result = new Map<string, InterfaceOwner>()
    for (const id of ids) {
      const owner = found.get(id)
      if (owner === undefined) return undefined
      if (owner) result.set(id, owner)
    }
    return result
  }
  return {
    known,
    async of(ids) {
      for (;;) {
        const all = known(ids)
        if (all) return all
        const into = found.size > mostKnown ? new Map<string, InterfaceOwner | null>() : found
        found = into
        const missing = ids.filter((id) => !into.has(id))
        const rows = new Map((await storage.owners(missing)).map((each) => [each.interface, each]))
        // What was read before a change says nothing of now: then it is asked again.
        for (const id of missing) into.set(id, rows.get(id) ?? null)
      }
    },
  }
}
