/** What there is to say of a configuration file beyond what its schema can say, with its place in the file. */

export interface Report {
  /** The first fault, as one line; undefined: there is none. */
  readonly fault: string | undefined
  /** What the operator should know although it works, one line each. */
  readonly warnings: readonly string[]
  /** Adds a fault. `reason` must not hold a secret. */
  add(at: string, reason: string): void
  /** Adds a fault when this kind of thing has had this key before, of the same scope. `said` is how the message calls it. */
  once(kind: string, key: string, at: string, said: string, scope?: string): void
  warn(at: string, text: string): void
  /** Remembers where an id is from: faults that only the store can find name no more than the id. */
  locate(id: string, at: string): void
  placeOf(id: string): string
}

/** Keys, with where they were first if that is wanted. */
type Seen = Map<string, string> | Set<string>

/**
 * `places` false: whether there is a fault is known, and not where what it names was first; ids have no places. For files
 * that hold very much and are most likely right: whoever finds a fault reads again with places.
 */
export function createReport({ places: located = true }: { readonly places?: boolean } = {}): Report {
  // By kind and scope, and not by texts of both: a large file has very many of each.
  const seen = new Map<string, Map<string, Seen>>()
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
    once(kind, key, at, said, scope = '') {
      let scopes = seen.get(kind)
      if (!scopes) {
        scopes = new Map()
        seen.set(kind, scopes)
      }
      let keys = scopes.get(scope)
      if (!keys) {
        keys = located ? new Map() : new Set()
        scopes.set(scope, keys)
      }
      if (keys.has(key)) {
        const first = keys instanceof Map ? `, first at ${keys.get(key)}` : ''
        add(at, `${said} is there twice${first}`)
      } else if (keys instanceof Map) keys.set(key, at)
      else keys.add(key)
    },
    warn: (at, text) => void warnings.push(`${at}: ${text}`),
    locate(id, at) {
      if (located) places.set(id, at)
    },
    placeOf: (id) => places.get(id) ?? 'the file',
  }
}
