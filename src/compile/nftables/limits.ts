/** Limits of tracked connections in a table that is changed in place: chains by distinct limit, interfaces as elements. */
import {
  connectionsOf,
  connectionsWithin,
  interfacesOf,
  limitedBy,
  type RenderedConnections,
} from './connections.ts'
import type { Elements, LiveTable } from './live-table.ts'
import type { Place } from './render.ts'

export interface Limits {
  /** `index`: of the device; `limit` is at least 1. */
  add(index: string, limit: number): void
  remove(index: string, limit: number): void
  /** After changes: chains are there for the limits that somebody has, and no others. Answers whether there is any. */
  settle(): boolean
}

export function createLimits(live: LiveTable, place: Place): Limits {
  const shared = connectionsOf(place)
  const byLimit = new Map<number, Elements>()
  /** Those whose chains are there. */
  const standing = new Set<number>()
  /** Those that somebody has come to have, or whose last interface has gone. */
  const doubtful = new Set<number>()

  return {
    add(index, limit) {
      let interfaces = byLimit.get(limit)
      if (!interfaces) {
        interfaces = live.elements(interfacesOf(limit), 'set', 'type iface_index')
        byLimit.set(limit, interfaces)
        doubtful.add(limit)
      }
      interfaces.set(index, '')
    },
    remove(index, limit) {
      const interfaces = byLimit.get(limit)
      interfaces?.delete(index)
      if (interfaces?.elements.size === 0) doubtful.add(limit)
    },
    settle() {
      const were = standing.size > 0
      let changed = false
      for (const limit of doubtful) {
        const interfaces = byLimit.get(limit)
        const stands = interfaces !== undefined && interfaces.elements.size > 0
        if (!stands) byLimit.delete(limit)
        if (stands === standing.has(limit)) continue
        interfaces?.stand(stands)
        put(live, connectionsWithin(limit), stands)
        if (stands) standing.add(limit)
        else standing.delete(limit)
        changed = true
      }
      doubtful.clear()
      const are = standing.size > 0
      if (were !== are) put(live, shared, are)
      if (changed) {
        for (const [name, text] of limitedBy(standing)) live.setChain(name, are ? text : undefined)
      }
      return are
    },
  }
}

function put(
  live: LiveTable,
  { chains, sets, objects }: Partial<RenderedConnections>,
  stands: boolean,
): void {
  for (const [name, body] of objects ?? []) live.setObject(name, stands ? body : undefined)
  for (const [name, set] of sets ?? []) live.setSet(name, stands ? set : undefined)
  for (const [name, text] of chains ?? []) live.setChain(name, stands ? text : undefined)
}
