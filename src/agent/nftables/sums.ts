/** Counters of the kernel summed up by interface: they begin anew with their table, and with the device. */
import type { PerDirection } from '../../core/model/desired.ts'

interface Watched {
  readonly id: string
  readonly index: number
}

export interface Sums {
  /** From now on these are the interfaces; of others nothing is remembered. */
  watch(interfaces: readonly Watched[]): void
  /** Adds what the counters of a device say now; answers the sums by id. */
  add(countersOf: (index: number) => PerDirection): ReadonlyMap<string, PerDirection>
  /** By id, as of the last time that any were added. */
  sums(): ReadonlyMap<string, PerDirection>
}

const none: PerDirection = { ingress: 0, egress: 0 }

export function createSums(): Sums {
  let watched: readonly Watched[] = []
  const sums = new Map<
    string,
    { readonly index: number; readonly last: PerDirection; readonly sum: PerDirection }
  >()
  const all = () => new Map([...sums].map(([id, { sum }]) => [id, sum]))
  return {
    watch(interfaces) {
      watched = interfaces
      const ids = new Set(interfaces.map(({ id }) => id))
      for (const id of sums.keys()) if (!ids.has(id)) sums.delete(id)
    },
    add(countersOf) {
      for (const { id, index } of watched) {
        const now = countersOf(index)
        const before = sums.get(id)
        const last = before?.index === index ? before.last : none
        const sum = before?.sum ?? none
        sums.set(id, {
          index,
          last: now,
          sum: {
            ingress: sum.ingress + since(last.ingress, now.ingress),
            egress: sum.egress + since(last.egress, now.egress),
          },
        })
      }
      return all()
    },
    sums: all,
  }
}

/** A counter that went back began anew. */
const since = (last: number, now: number): number => (now >= last ? now - last : now)
