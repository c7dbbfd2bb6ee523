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
/**
 * Bytes of one message, unless one device alone takes more: a service reads no line of 4 MiB. Without guests, as many devices
 * as there may be take less.
 */
const messageLength = 2_000_000
const lengthOf = (json: unknown): number => Buffer.byteLength(JSON.stringify(json))

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
      if (lengthOf(all) <= messageLength) return [{ whole: true, put: all, remove: [] }]
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
  const [gone, come] = [pieces(remove), pieces(put)]
  // What goes first frees what comes.
  return Array.from({ length: Math.max(gone.length, come.length) }, (_, at) => ({
    ...{ whole: false, put: come[at] ?? [], remove: gone[at] ?? [] },
  }))
}

/** In order, as many as go into one message. */
function pieces<T>(all: readonly T[]): T[][] {
  const parts: T[][] = []
  let length = 0
  for (const each of all) {
    const more = lengthOf(each)
    const last = parts.at(-1)
    if (last && last.length < perMessage && length + more <= messageLength) {
      last.push(each)
      length += more
    } else {
      parts.push([each])
      length = more
    }
  }
  return parts
}

const withoutGuest = ({ guest: _, adoption: __, ...rest }: Sighting): Sighting => rest
