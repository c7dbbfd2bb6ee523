/** Lists of rules as dialects render them, kept as bytes until their policy changes. */
import type { PolicyRecord, RuleRecord, Storage } from '../storage/storage.ts'
import { createByteCache } from './byte-cache.ts'

export interface RuleLists {
  /** `form` names the rendering: one per dialect and representation. */
  bytes(policy: PolicyRecord, form: string, render: (rules: readonly RuleRecord[]) => Buffer): Promise<Buffer>
}

/** Bytes that are kept altogether. */
const most = 32 * 1024 * 1024

export function createRuleLists(storage: Storage): RuleLists {
  const cache = createByteCache(most)
  return {
    async bytes({ id, revision }, form, render) {
      const key = `${form} ${id}`
      const known = cache.get(key, revision)
      if (known) return known
      // Read after the revision: at worst the bytes are newer than they are labelled, and are made again.
      const bytes = render(await storage.rules(id))
      cache.put(key, revision, bytes)
      return bytes
    },
  }
}
