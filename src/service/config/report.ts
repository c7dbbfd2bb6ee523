/** What there is to say of a configuration file beyond what its schema can say, with its place in the file. */
import { createSeen } from './seen.ts'

export interface Report {
  /** The first fault, as one line; undefined: there is none. */
  readonly fault: string | undefined
  /** What the operator should know although it works, one line each. */
  readonly warnings: readonly string[]
  /** Adds a fault. `reason` must not hold a secret. */
  add(at: string, reason: string): void
  /** Adds a fault when this kind of thing has had this key before, of the same scope. `said`: how the message calls it, if not by both. */
  once(kind: string, key: string, at: string, said?: string, scope?: string): void
  warn(at: string, text: string): void
  /** Remembers where an id is from: faults that only the store can find name no more than the id. */
  locate(id: string, at: string): void
  placeOf(id: string): string
}

/**
 * `places` false: that there is no fault is certain, and one that is found may be none; ids have no places. For files that hold
 * very much and are most likely right: whoever finds a fault reads again with places.
 */
export function createReport({ places: located = true }: { readonly places?: boolean } = {}): Report {
  const seen = createSeen()
  /** Where keys were first, by kind, scope and key. */
  const first = new Map<string, string>()
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
      if (located) {
        const whole = JSON.stringify([kind, scope, key])
        const before = first.get(whole)
        if (before === undefined) first.set(whole, at)
        else add(at, `${said ?? `the ${kind} ${key}`} is there twice, first at ${before}`)
      } else if (seen.add(kind, scope, key)) add(at, 'something is there twice')
    },
    warn: (at, text) => void warnings.push(`${at}: ${text}`),
    locate(id, at) {
      if (located) places.set(id, at)
    },
    placeOf: (id) => places.get(id) ?? 'the file',
  }
}
