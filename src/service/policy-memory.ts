/** Policies that agents of this process were sent last, so that one that many need is read, parsed and written once. */
import type { Policy } from '../core/model/policy.ts'
import type { PolicyMemory } from '../storage/storage.ts'

/** Keeps so many rules, the least recently used policies given up first; a policy without its rules counts as one. */
export function createPolicyMemory(most: number): PolicyMemory {
  const known = new Map<string, Policy>()
  let size = 0
  function drop(id: string): void {
    const policy = known.get(id)
    if (!policy) return
    known.delete(id)
    size -= weightOf(policy)
  }
  return {
    get(id, revision) {
      const policy = known.get(id)
      if (policy?.revision !== revision) return undefined
      known.delete(id)
      known.set(id, policy)
      return policy
    },
    put(policy) {
      const held = known.get(policy.id)
      // Reads overlap: an older one may end later.
      if (held && held.revision >= policy.revision) return
      drop(policy.id)
      known.set(policy.id, policy)
      size += weightOf(policy)
      for (const oldest of known.keys()) {
        if (size <= most) break
        drop(oldest)
      }
    },
  }
}

const weightOf = ({ rules }: Policy): number => 1 + rules.length
