/** What a service has to be told of devices that were found: all there is after each connection, then what differs. */
import type { Sighting, SightingChange } from '../../core/model/sighting.ts'

export interface Telling {
  /** Whoever is told next has been told nothing. */
  again(): void
  /**
   * What is to be said now, in order; nothing before it is known for the first time that what is not in `found` is gone
   * (`isWhole`): a service concludes that from what it is told first.
   */
  next(found: ReadonlyMap<string, Sighting>, isWhole: boolean): readonly SightingChange[]
}

/** Devices in one message: whoever hears more at once answers nobody meanwhile. */
const perMessage = 500
/** Characters of one message that says all: a service reads no line of 4 MiB. Without guests, as many as there may be are fewer. */
const wholeLength = 2_000_000

export function createTelling(): Telling {
  /** Undefined: nothing. */
  let told: ReadonlyMap<string, Sighting> | undefined

  return {
    again() {
      told = undefined
    },
    next(found, isWhole) {
      const before = told
      if (!before && !isWhole) return []
      told = new Map(found)
      const all = [...found.values()]
      if (before) {
        return differences(
          all.filter((each) => before.get(each.device) !== each),
          [...before.keys()].filter((device) => !found.has(device)),
        )
      }
      if (JSON.stringify(all).length <= wholeLength) return [{ whole: true, put: all, remove: [] }]
      return [
        { whole: true, put: all.map(withoutGuest), remove: [] },
        ...differences(
          all.filter(({ guest, adoption }) => guest ?? adoption),
          [],
        ),
      ]
    },
  }
}

function differences(put: readonly Sighting[], remove: readonly string[]): SightingChange[] {
  const changes: SightingChange[] = []
  // What goes first frees what comes.
  for (let at = 0; at < Math.max(put.length, remove.length); at += perMessage) {
    const part = <T>(list: readonly T[]) => list.slice(at, at + perMessage)
    changes.push({ whole: false, put: part(put), remove: part(remove) })
  }
  return changes
}

const withoutGuest = ({ guest: _, adoption: __, ...rest }: Sighting): Sighting => rest
