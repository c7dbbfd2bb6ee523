/** Several values by key, of which most keys have one: it takes no set of its own. */

export interface Multimap<K, V extends string | object> {
  add(key: K, value: V): void
  /** A key without values is forgotten. */
  remove(key: K, value: V): void
  /** In the order in which they came; empty for a key that has none. */
  get(key: K): Iterable<V>
  count(key: K): number
}

export function createMultimap<K, V extends string | object>(): Multimap<K, V> {
  const held = new Map<K, V | Set<V>>()
  return {
    add(key, value) {
      const found = held.get(key)
      if (found === undefined) held.set(key, value)
      else if (found instanceof Set) found.add(value)
      else if (found !== value) held.set(key, new Set([found, value]))
    },
    remove(key, value) {
      const found = held.get(key)
      if (found instanceof Set) {
        found.delete(value)
        if (found.size === 0) held.delete(key)
      } else if (found === value) held.delete(key)
    },
    get(key) {
      const found = held.get(key)
      return found === undefined ? [] : found instanceof Set ? found : [found]
    },
    count(key) {
      const found = held.get(key)
      return found === undefined ? 0 : found instanceof Set ? found.size : 1
    },
  }
}
