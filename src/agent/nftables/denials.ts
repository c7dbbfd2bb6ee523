/** What would have been dropped on observed devices, summed up across counters that begin anew with their table. */
import type { Lowered } from '../../compile/nftables/lower.ts'
import { table } from '../../compile/nftables/names.ts'
import { observedOf } from '../../compile/nftables/render.ts'
import type { Denials, Desired } from '../../core/model/desired.ts'
import type { Nft } from './nft.ts'

type IndexOf = (device: string) => number | undefined

export interface DenialCounters {
  /** From now on these are the observed interfaces. */
  watch(lowered: Lowered, desired: Desired, indexOf: IndexOf): void
  /** By id of the interface. */
  read(indexOf: IndexOf): Promise<ReadonlyMap<string, Denials>>
}

export function createDenials(nft: Nft): DenialCounters {
  let observed: readonly { readonly id: string; readonly index: number }[] = []
  const sums = new Map<string, { readonly index: number; readonly last: Denials; readonly sum: Denials }>()

  return {
    watch({ interfaces }, desired, indexOf) {
      const observing = new Set(interfaces.filter(({ state }) => state === 'observing').map(({ id }) => id))
      observed = desired.interfaces.flatMap(({ id, device }) => {
        const index = observing.has(id) ? indexOf(device) : undefined
        return index === undefined ? [] : [{ id, index }]
      })
      for (const id of sums.keys()) if (!observing.has(id)) sums.delete(id)
    },
    async read(indexOf) {
      if (observed.length === 0) return new Map()
      const [egress, ingress] = await Promise.all([
        nft.counters(table, observedOf('from-vm'), indexOf),
        nft.counters(table, observedOf('to-vm'), indexOf),
      ])
      for (const { id, index } of observed) {
        const now = { ingress: ingress.get(index) ?? 0, egress: egress.get(index) ?? 0 }
        const before = sums.get(id)
        const last = before?.index === index ? before.last : { ingress: 0, egress: 0 }
        const sum = before?.sum ?? { ingress: 0, egress: 0 }
        sums.set(id, {
          index,
          last: now,
          sum: {
            ingress: sum.ingress + since(last.ingress, now.ingress),
            egress: sum.egress + since(last.egress, now.egress),
          },
        })
      }
      return new Map([...sums].map(([id, { sum }]) => [id, sum]))
    },
  }
}

/** A counter that went back began anew. */
const since = (last: number, now: number): number => (now >= last ? now - last : now)
