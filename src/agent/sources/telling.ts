/** What a service has to be told of devices that were found: all there is after each connection, then what differs. */
import type { Sighting, SightingChange } from '../../core/model/sighting.ts'

export interface Telling {
  /** Whoever is told next has been told nothing. */
  again(): void
  /**
   * What is to be said now, in order. `isWhole`: what is not in `found` is gone. Until that is so nothing is said to be gone but
   * what was said to be there by this process.
   */
  next(found: ReadonlyMap<string, Sighting>, isWhole: boolean): readonly SightingChange[]
}

/** Devices in one message: whoever hears more at once answers nobody meanwhile. */
const perMessage = 500
/** Characters of one message that says all: a service reads no line of 4 MiB. */
const wholeLength = 2_000_000

export function createTelling(): Telling {
  let told = new Map<string, Sighting>()
  let everything = true
  let whole = true

  return {
    again() {
      everything = true
      whole = true
    },
    next(found, isWhole) {
      const all = [...found.values()]
      const remove = [...told.keys()].filter((device) => !found.has(device))
      const put = everything ? all : all.filter((each) => told.get(each.device) !== each)
      const wanted = whole && isWhole
      told = new Map(found)
      everything = false
      if (wanted) {
        whole = false
        if (JSON.stringify(all).length <= wholeLength) return [{ whole: true, put: all, remove: [] }]
      }
      const changes: SightingChange[] = []
      // What goes first frees what comes.
      for (let at = 0; at < Math.max(put.length, remove.length); at += perMessage) {
        changes.push({
          whole: false,
          put: put.slice(at, at + perMessage),
          remove: remove.slice(at, at + perMessage),
        })
      }
      return changes
    },
  }
}
