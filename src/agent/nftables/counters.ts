/** What sets of our tables have counted for interfaces: what would have been dropped, and rejections nobody was told of. */
import type { Lowered, LoweredInterface } from '../../compile/nftables/lower.ts'
import { bridgeTable, table, unansweredOf } from '../../compile/nftables/names.ts'
import { observedOf } from '../../compile/nftables/render.ts'
import type { Hook } from '../../compile/nftables/ruleset.ts'
import type { Desired, FilterMode, PerDirection } from '../../core/model/desired.ts'
import type { Nft } from './nft.ts'
import { createSums } from './sums.ts'

type IndexOf = (device: string) => number | undefined

export interface Counters {
  /** From now on these are the interfaces. */
  watch(lowered: Lowered, desired: Desired, indexOf: IndexOf): void
  /** By id of the interface. */
  read(indexOf: IndexOf): Promise<ReadonlyMap<string, PerDirection>>
}

const tableOf = { routed: table, bridged: bridgeTable } as const satisfies Record<FilterMode, string>

/** What would have been dropped on observed interfaces. */
export const createDenials = (nft: Nft): Counters =>
  createCounters(nft, observedOf, ({ state }) => state === 'observing')

/** Packets that were rejected and whose sender could not be told. */
export const createUnanswered = (nft: Nft): Counters =>
  createCounters(nft, unansweredOf, ({ state, mode }) => state === 'applied' && mode === 'bridged')

function createCounters(
  nft: Nft,
  setOf: (hook: Hook) => string,
  concerns: (each: LoweredInterface) => boolean,
): Counters {
  const sums = createSums()
  /** Those that count. */
  let tables: readonly string[] = []

  return {
    watch({ interfaces }, desired, indexOf) {
      const watched = interfaces.filter(concerns)
      const ids = new Set(watched.map(({ id }) => id))
      tables = [...new Set(watched.flatMap(({ mode }) => (mode ? [tableOf[mode]] : [])))]
      sums.watch(
        [...desired.interfaces.values()].flatMap(({ id, device }) => {
          const index = ids.has(id) ? indexOf(device) : undefined
          return index === undefined ? [] : [{ id, index }]
        }),
      )
    },
    async read(indexOf) {
      if (tables.length === 0) return new Map()
      const all = (hook: Hook) => Promise.all(tables.map((name) => nft.counters(name, setOf(hook), indexOf)))
      const [egress, ingress] = await Promise.all([all('from-vm'), all('to-vm')])
      // A device is in one of them.
      const sum = (counters: readonly ReadonlyMap<number, number>[], index: number) =>
        counters.reduce((total, each) => total + (each.get(index) ?? 0), 0)
      return sums.add((index) => ({ ingress: sum(ingress, index), egress: sum(egress, index) }))
    },
  }
}
