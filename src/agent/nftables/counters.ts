/** What sets of our tables have counted for interfaces: what would have been dropped, and rejections nobody was told of. */
import type { LoweredInterface } from '../../compile/nftables/lower.ts'
import { bridgeTable, observedOf, table, unansweredOf } from '../../compile/nftables/names.ts'
import type { Hook } from '../../compile/nftables/ruleset.ts'
import type { FilterMode, PerDirection } from '../../core/model/desired.ts'
import { type Kernel, RefusedError } from './kernel.ts'
import { createSums } from './sums.ts'

export interface Counters {
  /** Reads what stands, before anything is changed: it is none of what is counted from here on. */
  begin(): Promise<void>
  /** From now on these are as they say, and those that have gone are not any more. `passed`: ids that others have now. */
  watch(changed: readonly LoweredInterface[], gone: readonly string[], passed: ReadonlySet<string>): void
  /** By id of the interface. */
  read(): Promise<ReadonlyMap<string, PerDirection>>
}

export const tableOf = { routed: table, bridged: bridgeTable } as const satisfies Record<FilterMode, string>

/** What would have been dropped on observed interfaces. */
export const createDenials = (kernel: Kernel): Counters =>
  createCounters(kernel, observedOf, ({ state }) => state === 'observing')

/** Packets that were rejected and whose sender could not be told. */
export const createUnanswered = (kernel: Kernel): Counters =>
  createCounters(kernel, unansweredOf, ({ state, mode }) => state === 'applied' && mode === 'bridged')

/** By device; of sets that are not there nothing. */
export async function countedIn(
  kernel: Pick<Kernel, 'counters'>,
  names: readonly string[],
  setOf: (hook: Hook) => string,
): Promise<ReadonlyMap<number, PerDirection>> {
  const found = new Map<number, PerDirection>()
  for (const [direction, hook] of [
    ['egress', 'from-vm'],
    ['ingress', 'to-vm'],
  ] as const) {
    for (const name of names) {
      const counters = await kernel.counters(name, setOf(hook)).catch((error: unknown) => {
        if (error instanceof RefusedError) return new Map<number, number>()
        throw error
      })
      for (const [index, packets] of counters) {
        const { ingress, egress } = found.get(index) ?? { ingress: 0, egress: 0 }
        const sum = { ingress, egress, [direction]: (direction === 'egress' ? egress : ingress) + packets }
        found.set(index, sum)
      }
    }
  }
  return found
}

function createCounters(
  kernel: Kernel,
  setOf: (hook: Hook) => string,
  concerns: (each: LoweredInterface) => boolean,
): Counters {
  const sums = createSums()
  /** Tables that count, by id of the interface. */
  const tables = new Map<string, string>()

  function forget(id: string): void {
    sums.forget(id)
    tables.delete(id)
  }

  return {
    async begin() {
      sums.begin(await countedIn(kernel, Object.values(tableOf), setOf))
    },
    watch(changed, gone, passed) {
      for (const id of passed) sums.pass(id)
      for (const id of gone) forget(id)
      for (const each of changed) {
        const { id, mode, index } = each
        if (!concerns(each) || mode === null || index === undefined) forget(id)
        else {
          sums.watch(id, index)
          tables.set(id, tableOf[mode])
        }
      }
    },
    async read() {
      if (tables.size === 0) return new Map()
      const names = [...new Set(tables.values())]
      const all = (hook: Hook) => Promise.all(names.map((name) => kernel.counters(name, setOf(hook))))
      const [egress, ingress] = await Promise.all([all('from-vm'), all('to-vm')])
      // A device is in one of them.
      const sum = (counters: readonly ReadonlyMap<number, number>[], index: number) =>
        counters.reduce((total, each) => total + (each.get(index) ?? 0), 0)
      return sums.add((index) => ({ ingress: sum(ingress, index), egress: sum(egress, index) }))
    },
  }
}
