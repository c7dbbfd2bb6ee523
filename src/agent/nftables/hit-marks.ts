/**
 * Says in the kernel whose the counts of a key are (decision 0071), so that a process that begins anew takes nobody's counts for those of
 * whoever has the key by then: a mark stands while all that the key has counted is one holder's.
 *
 * It goes before a change that gives the key to another, and comes back when what was counted until then has been read and taken out.
 */
import type { Command } from '../../compile/nftables/commands.ts'
import { declaredOf, type HitKind, hitText, holderNumber, isMark, markedBy, markOf } from './hit-keys.ts'
import { type Claimant, type HitPlaces, nobody, type Place } from './hit-places.ts'
import type { HitKey, Hits, Kernel } from './kernel.ts'

export interface HitMarks {
  /** Reads what stands, once, before anything is changed. Rejects when it cannot be read. */
  begin(): Promise<void>
  /** Takes out the marks of keys that others will have when these are where they say. From here on none is put before `passed`. */
  pass(claimants: readonly Claimant[]): Promise<void>
  /** They are where they said. */
  passed(): void
  /** Puts the marks that are missing. What cannot be is tried again, and costs counts if this process is killed until then. */
  put(): Promise<void>
  /** Takes these out. */
  forget(place: Place, keys: readonly number[]): Promise<void>
}

export function createHitMarks(
  kernel: Pick<Kernel, 'hits' | 'forget' | 'commit'>,
  places: HitPlaces,
): HitMarks {
  /** Puts that are under way: what they put cannot be taken out before. */
  let last: Promise<void> = Promise.resolve()
  let passing = false

  async function forget(place: Place, keys: readonly number[]): Promise<void> {
    const gone = keys.flatMap((key) => {
      const number = place.marks.get(key)
      return number === undefined ? [] : [markOf(place.kind, key, number)]
    })
    await last
    if (gone.length > 0) await kernel.forget(place.table, setOf(place), gone)
    for (const key of keys) place.marks.delete(key)
  }

  async function putIn(place: Place): Promise<void> {
    if (passing) return
    const marked = new Map<number, number>()
    for (const key of place.unmarked) {
      const seat = place.seats.get(key)
      // What the one before has counted is in it still.
      if (place.left.has(key)) continue
      place.unmarked.delete(key)
      if (!seat || seat.id === nobody || isMark(place.kind, key)) continue
      const number = holderNumber(seat.holder)
      if (place.marks.get(key) === number) continue
      marked.set(key, number)
    }
    if (marked.size === 0) return
    const set = { table: place.table, set: setOf(place), kind: 'set', type: declaredOf(place.kind) } as const
    const elements = new Map(
      [...marked].map(([key, number]) => [hitText(place.kind, markOf(place.kind, key, number)), '']),
    )
    const command: Command = { do: 'add-elements', ...set, elements }
    try {
      await kernel.commit([command])
      for (const [key, number] of marked) place.marks.set(key, number)
    } catch {
      // The table has gone, or is full.
      for (const key of marked.keys()) place.unmarked.add(key)
    }
  }

  return {
    async begin() {
      for (const place of places.all) {
        for (const [, set] of place.sets) {
          const hits = await kernel.hits(place.table, set)
          if (!hits) continue
          place.epoch = hits.epoch
          const { counts, marks } = apart(place.kind, hits.elements)
          for (const [key, number] of marks) place.marks.set(key, number)
          place.found = new Set([...(place.found ?? []), ...counts.map(({ index }) => index)])
        }
      }
    },
    async pass(claimants) {
      passing = true
      for (const [place, keys] of Map.groupBy(places.passing(claimants), ([place]) => place))
        await forget(
          place,
          keys.map(([, key]) => key),
        )
    },
    passed() {
      passing = false
    },
    async put() {
      for (const place of places.all) if (place.unmarked.size > 0) last = last.then(() => putIn(place))
      await last
    },
    forget,
  }
}

/** Where the marks of a place are. */
export const setOf = ({ sets }: Place): string => (sets[0] as Place['sets'][number])[1]

/** What counts, and who is said to have keys. */
export function apart(
  kind: HitKind,
  elements: Hits['elements'],
): { readonly counts: Hits['elements']; readonly marks: readonly (readonly [number, number])[] } {
  const isOne = ({ index }: HitKey): boolean => isMark(kind, index)
  return {
    counts: elements.filter((each) => !isOne(each)),
    marks: elements.filter(isOne).map((each) => [markedBy(kind, each), each.number] as const),
  }
}
