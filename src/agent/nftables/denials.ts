/** What would have been dropped on observed devices. */
import type { Lowered } from '../../compile/nftables/lower.ts'
import { table } from '../../compile/nftables/names.ts'
import { observedOf } from '../../compile/nftables/render.ts'
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
  let any = false

  return {
    watch({ interfaces }, desired, indexOf) {
      const observing = new Set(interfaces.filter(({ state }) => state === 'observing').map(({ id }) => id))
      const observed = desired.interfaces.flatMap(({ id, device }) => {
        const index = observing.has(id) ? indexOf(device) : undefined
        return index === undefined ? [] : [{ id, index }]
      })
      any = observed.length > 0
      sums.watch(observed)
    },
    async read(indexOf) {
      if (!any) return new Map()
      const [egress, ingress] = await Promise.all([
        nft.counters(table, observedOf('from-vm'), indexOf),
        nft.counters(table, observedOf('to-vm'), indexOf),
      ])
      return sums.add((index) => ({ ingress: ingress.get(index) ?? 0, egress: egress.get(index) ?? 0 }))
    },
  }
}
