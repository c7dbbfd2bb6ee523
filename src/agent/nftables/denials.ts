/** What would have been dropped on observed devices. */
import type { Lowered } from '../../compile/nftables/lower.ts'
import { bridgeTable, table } from '../../compile/nftables/names.ts'
import { observedOf } from '../../compile/nftables/render.ts'
import type { Hook } from '../../compile/nftables/ruleset.ts'
import type { Denials, Desired } from '../../core/model/desired.ts'
import type { Nft } from './nft.ts'
import { createSums } from './sums.ts'

type IndexOf = (device: string) => number | undefined

export interface DenialCounters {
  /** From now on these are the observed interfaces. */
  watch(lowered: Lowered, desired: Desired, indexOf: IndexOf): void
  /** By id of the interface. */
  read(indexOf: IndexOf): Promise<ReadonlyMap<string, Denials>>
}

export function createDenials(nft: Nft): DenialCounters {
  const sums = createSums()
  /** Those that count. */
  let tables: readonly string[] = []

  return {
    watch({ interfaces }, desired, indexOf) {
      const observing = interfaces.filter(({ state }) => state === 'observing')
      const ids = new Set(observing.map(({ id }) => id))
      const modes = new Set(observing.map(({ mode }) => mode))
      tables = [...(modes.has('routed') ? [table] : []), ...(modes.has('bridged') ? [bridgeTable] : [])]
      sums.watch(
        desired.interfaces.flatMap(({ id, device }) => {
          const index = ids.has(id) ? indexOf(device) : undefined
          return index === undefined ? [] : [{ id, index }]
        }),
      )
    },
    async read(indexOf) {
      if (tables.length === 0) return new Map()
      const all = (hook: Hook) =>
        Promise.all(tables.map((name) => nft.counters(name, observedOf(hook), indexOf)))
      const [egress, ingress] = await Promise.all([all('from-vm'), all('to-vm')])
      // A device is in one of them.
      const sum = (counters: readonly ReadonlyMap<number, number>[], index: number) =>
        counters.reduce((total, each) => total + (each.get(index) ?? 0), 0)
      return sums.add((index) => ({ ingress: sum(ingress, index), egress: sum(egress, index) }))
    },
  }
}
