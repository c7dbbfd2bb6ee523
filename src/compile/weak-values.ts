/** Values by key, until nobody else has them: interfaces come and go, and what was made of them with them. */

export interface WeakValues<T extends object> {
  /** The same object for the same key while anybody holds it. */
  get(key: string, make: () => T): T
}

export function weakValues<T extends object>(): WeakValues<T> {
  const known = new Map<string, WeakRef<T>>()
  let sweepAt = 64
  return {
    get(key, make) {
      const found = known.get(key)?.deref()
      if (found) return found
      const made = make()
      known.set(key, new WeakRef(made))
      if (known.size >= sweepAt) {
        for (const [each, ref] of known) if (!ref.deref()) known.delete(each)
        sweepAt = Math.max(64, known.size * 2)
      }
      return made
    },
  }
}
