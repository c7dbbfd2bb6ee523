/** Rendered answers kept as bytes, the least recently used given up first. */

export interface ByteCache {
  /** Undefined when there are none of this revision. */
  get(key: string, revision: number): Buffer | undefined
  put(key: string, revision: number, bytes: Buffer): void
}

/** `most` bytes altogether; what is larger than a tenth of that is not kept. */
export function createByteCache(most: number): ByteCache {
  const entries = new Map<string, { readonly revision: number; readonly bytes: Buffer }>()
  let size = 0
  function drop(key: string): void {
    size -= entries.get(key)?.bytes.length ?? 0
    entries.delete(key)
  }
  return {
    get(key, revision) {
      const entry = entries.get(key)
      if (entry?.revision !== revision) return undefined
      entries.delete(key)
      entries.set(key, entry)
      return entry.bytes
    },
    put(key, revision, bytes) {
      drop(key)
      if (bytes.length > most / 10) return
      entries.set(key, { revision, bytes })
      size += bytes.length
      for (const oldest of entries.keys()) {
        if (size <= most) break
        drop(oldest)
      }
    },
  }
}
