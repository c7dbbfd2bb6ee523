/** Counters of the kernel summed up by interface: they begin anew with their table, and with the device. */
import type { PerDirection } from '../../core/model/desired.ts'

export interface Sums {
  /** What devices have counted that nobody was seen to have: nobody's. Before any is watched. */
  begin(found: ReadonlyMap<number, PerDirection>): void
  /** From now on the interface is this device. */
  watch(id: string, index: number): void
  /** Another one has its id: what was counted until now is not told of it. */
  pass(id: string): void
  /** Of an interface that is not watched any more nothing is remembered. */
  forget(id: string): void
  /** Adds what the counters of a device say now; answers the sums by id. */
  add(countersOf: (index: number) => PerDirection): ReadonlyMap<string, PerDirection>
  /** By id, as of the last time that any were added. */
  sums(): ReadonlyMap<string, PerDirection>
}

interface Sum {
  readonly index: number
  /** Null: the device was another's, and how much that has counted is not known yet. */
  readonly last: PerDirection | null
  readonly sum: PerDirection
  /** Whether any was added. */
  readonly counted: boolean
}

const none: PerDirection = { ingress: 0, egress: 0 }

/** Devices of which it is known who had them last: indices are not given again before very many others. */
const mostKnown = 65_536

export function createSums(): Sums {
  const watched = new Map<string, Sum>()
  let began: ReadonlyMap<number, PerDirection> = new Map()
  /** By index, in the order in which they came. */
  const holders = new Map<number, string>()
  /** Whether the device was another's until now. */
  function takes(id: string, index: number): boolean {
    const before = holders.get(index)
    holders.delete(index)
    holders.set(index, id)
    if (holders.size > mostKnown) holders.delete(holders.keys().next().value ?? index)
    return before !== undefined && before !== id
  }
  const all = () =>
    new Map([...watched].flatMap(([id, { sum, counted }]) => (counted ? [[id, sum] as const] : [])))
  return {
    begin(found) {
      began = found
    },
    pass(id) {
      const before = watched.get(id)
      watched.delete(id)
      if (before) holders.set(before.index, '')
    },
    watch(id, index) {
      const before = watched.get(id)
      if (before?.index === index) return
      const last = takes(id, index) ? null : (began.get(index) ?? none)
      watched.set(id, { index, last, sum: before?.sum ?? none, counted: before?.counted ?? false })
    },
    forget: (id) => void watched.delete(id),
    add(countersOf) {
      for (const [id, { index, last, sum }] of watched) {
        const now = countersOf(index)
        watched.set(id, {
          index,
          last: now,
          sum: {
            ingress: sum.ingress + since((last ?? now).ingress, now.ingress),
            egress: sum.egress + since((last ?? now).egress, now.egress),
          },
          counted: true,
        })
      }
      return all()
    },
    sums: all,
  }
}

/** A counter that went back began anew. */
const since = (last: number, now: number): number => (now >= last ? now - last : now)
