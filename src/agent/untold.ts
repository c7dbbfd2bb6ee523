/** Decisions that were not told, counted for whom they are. */
import type { PerDirection } from '../core/model/desired.ts'
import type { InterfaceHits } from '../core/model/hits.ts'
import type { Direction } from '../core/model/rule.ts'

export interface Untold {
  count(id: string, direction: Direction): void
  /** Of interfaces that this has changed of since it was read last. */
  read(): readonly InterfaceHits[]
  forget(id: string): void
}

/** `epoch`: of this life, whose counts begin at 0. */
export function createUntold(epoch: string): Untold {
  const counts = new Map<string, PerDirection>()
  let changed = new Set<string>()
  return {
    count(id, direction) {
      const before = counts.get(id) ?? { ingress: 0, egress: 0 }
      counts.set(id, { ...before, [direction]: before[direction] + 1 })
      changed.add(id)
    },
    read() {
      const ids = changed
      changed = new Set()
      return [...ids].flatMap((id) => {
        const suppressed = counts.get(id)
        return suppressed ? [{ id, epoch, ingress: [], egress: [], suppressed }] : []
      })
    },
    forget: (id) => void counts.delete(id),
  }
}
