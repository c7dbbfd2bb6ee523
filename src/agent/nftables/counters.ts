/** What sets of our tables have counted for interfaces: what would have been dropped, and rejections nobody was told of. */
import type { LoweredInterface } from '../../compile/nftables/lower.ts'
import { bridgeTable, observedOf, table, unansweredOf } from '../../compile/nftables/names.ts'
import type { Hook } from '../../compile/nftables/ruleset.ts'
import type { FilterMode, PerDirection } from '../../core/model/desired.ts'
import type { Nft } from './nft.ts'
import { createSums } from './sums.ts'

type IndexOf = (device: string) => number | undefined

export interface Counters {
  /** From now on these are the interfaces. */
  watch(interfaces: readonly LoweredInterface[]): void
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
    watch(interfaces) {
      const watched = interfaces.filter(concerns)
      tables = [...new Set(watched.flatMap(({ mode }) => (mode ? [tableOf[mode]] : [])))]
      sums.watch(watched.flatMap(({ id, index }) => (index === undefined ? [] : [{ id, index }])))
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
