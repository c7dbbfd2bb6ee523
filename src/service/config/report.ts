/** What there is to say of a configuration file beyond what its schema can say, with its place in the file. */

export interface Report {
  /** The first fault, as one line; undefined: there is none. */
  readonly fault: string | undefined
  /** What the operator should know although it works, one line each. */
  readonly warnings: readonly string[]
  /** Adds a fault. `reason` must not hold a secret. */
  add(at: string, reason: string): void
  /** Adds a fault when this kind of thing has had this key before. `said` is how the message calls it. */
  once(kind: string, key: string, at: string, said: string): void
  warn(at: string, text: string): void
  /** Remembers where an id is from: faults that only the store can find name no more than the id. */
  locate(id: string, at: string): void
  placeOf(id: string): string
}

export function createReport(): Report {
  // One for each kind: a large file has very many of each.
  const seen = new Map<string, Map<string, string>>()
  const places = new Map<string, string>()
  const warnings: string[] = []
  let fault: string | undefined
  function add(at: string, reason: string): void {
    fault ??= `${at}: ${reason}`
  }
  return {
    get fault() {
      return fault
    },
    warnings,
    add,
    once(kind, key, at, said) {
      let keys = seen.get(kind)
      if (!keys) {
        keys = new Map()
        seen.set(kind, keys)
      }
      const before = keys.get(key)
      if (before === undefined) keys.set(key, at)
      else add(at, `${said} is there twice, first at ${before}`)
    },
    warn: (at, text) => void warnings.push(`${at}: ${text}`),
    locate: (id, at) => void places.set(id, at),
    placeOf: (id) => places.get(id) ?? 'the file',
  }
}
