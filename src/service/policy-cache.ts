/** Policies with their rules, parsed once per revision: as long as one is the same object, what was made of it holds. */
import type { Policy } from '../core/model/policy.ts'
import type { Storage } from '../storage/storage.ts'

export interface PolicyCache {
  /** Those that exist, at least as new as asked for. */
  get(
    wanted: readonly { readonly id: string; readonly revision: number }[],
  ): Promise<ReadonlyMap<string, Policy>>
}

/** Keeps the `most` that were asked for last. */
export function createPolicyCache(storage: Storage, most: number): PolicyCache {
  const known = new Map<string, Policy>()
  return {
    async get(wanted) {
      const found = new Map<string, Policy>()
      const missing: string[] = []
      for (const { id, revision } of wanted) {
        const policy = known.get(id)
        if (policy && policy.revision >= revision) found.set(id, policy)
        else missing.push(id)
      }
      for (const policy of missing.length > 0 ? await storage.policies(missing) : [])
        found.set(policy.id, policy)
      for (const [id, policy] of found) {
        known.delete(id)
        known.set(id, policy)
      }
      for (const id of known.keys()) {
        if (known.size <= most) break
        known.delete(id)
      }
      return found
    },
  }
}
