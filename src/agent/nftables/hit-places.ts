/** Where interfaces are counted: under which keys of which sets, and whose a key is that several have or had. */
import {
  answerHits,
  bridgeTable,
  hitsOf,
  hookOf,
  samplesOf,
  suppressedOf,
  table,
} from '../../compile/nftables/names.ts'
import type { FilterMode, PerDirection } from '../../core/model/desired.ts'
import type { CommonPolicy } from '../../core/model/effective-policy.ts'
import type { Direction } from '../../core/model/rule.ts'
import type { KnownDecider } from '../../core/semantics/deciders.ts'
import { type HitKind, holderNumber } from './hit-keys.ts'
import type { Hits } from './kernel.ts'

/** What a decider has counted on an interface in one direction, as it was read last. */
export interface Tally {
  /** Null: several had the number, and whose packets they are nobody can tell. */
  readonly by: string | null
  /** What it was when it was looked up last. */
  readonly known: KnownDecider | undefined
  readonly packets: number
  readonly bytes: number
}

/** In the place of an interface's id: of what is counted there nothing is said. */
export const nobody = ''

/** An interface where it is counted. */
export interface Seat {
  /** Or `nobody`. */
  readonly id: string
  /** Tells it from whoever else had, or will have, the same id. */
  readonly holder: string
  /** The device's index, or the MAC as a number. */
  readonly key: number
  readonly tallies: Readonly<Record<Direction, Map<number, Tally>>>
  /** As it was read last. */
  suppressed: PerDirection
  /** Once it has left: what it was judged by until then. */
  policy?: CommonPolicy
  /** Somebody else has had the key since it left. */
  followed?: true
}

/** Sets of a table that have the same keys. */
export interface Place {
  readonly name: string
  readonly table: string
  /** What keys begin with. */
  readonly kind: HitKind
  readonly sets: readonly (readonly [Direction, string])[]
  /** By the same keys: decisions that were not told. */
  readonly suppressed: readonly (readonly [Direction, string])[]
  /** All sets that have elements for a device without a decider. */
  readonly beside: readonly string[]
  readonly seats: Map<number, Seat>
  /** Who has left since it was read last. */
  readonly left: Map<number, Seat>
  /** Keys of which the kernel says whose counts they are, with the number of that holder. */
  readonly marks: Map<number, number>
  /** Keys whose seats' counts are all theirs, and of which that is not said there. */
  readonly unmarked: Set<number>
  /** Keys that had counted when this process began, and that nobody was seen to have since; undefined: there was no such table. */
  found: Set<number> | undefined
  /** Of its table; undefined before it was read. */
  epoch: string | undefined
  /** What was read last, where all of it is somebody's who is there still. */
  before: Partial<Record<Direction, Hits['elements']>>
}

export type Claim = readonly [place: Place, key: number]

/** An interface, and where it is from now on. */
export interface Claimant {
  readonly id: string
  readonly holder: string
  readonly claims: readonly Claim[]
}

export interface HitPlaces extends Readonly<Record<FilterMode | 'answers', Place>> {
  readonly all: readonly Place[]
  /**
   * Where the interface is from now on; `policyOf` says what it was judged by. Of several the one with the lowest id has a
   * device, and none a MAC.
   */
  claim(claimant: Claimant, policyOf: (id: string) => CommonPolicy): void
  /** Whose these ids are now, as holders: what is left of others is said under an id no more. */
  silence(holders: ReadonlyMap<string, string>): void
  /** Keys of which the kernel says that they are somebody's who has them no more when these are where they say, and nowhere else. */
  passing(claimants: readonly Claimant[]): readonly Claim[]
  /** Ids whose device may have been another's since it was enforced last, as far as that was found since this was asked last. */
  cameOver(): ReadonlySet<string>
  /** Its table is of this epoch: where it was of another one all counts have begun at 0. */
  begin(place: Place, epoch: string): void
}

const directions: readonly Direction[] = ['ingress', 'egress']
const setsBy = (nameOf: typeof hitsOf) =>
  directions.map((direction) => [direction, nameOf(hookOf[direction])] as const)

/** `samples` is how many decisions are told in a second. */
export function createPlaces(samples: number): HitPlaces {
  const place = (of: Pick<Place, 'name' | 'table' | 'kind' | 'sets' | 'suppressed' | 'beside'>): Place => ({
    ...of,
    ...{ seats: new Map(), left: new Map(), marks: new Map(), unmarked: new Set<number>() },
    ...{ found: undefined, epoch: undefined, before: {} },
  })
  const suppressed = setsBy(suppressedOf)
  const told = samples > 0 ? setsBy((hook) => samplesOf(hook, samples)) : []
  const both = {
    kind: 'iface_index' as const,
    ...{ sets: setsBy(hitsOf), suppressed },
    beside: [...suppressed, ...told].map(([, set]) => set),
  }
  const routed = place({ name: 'routed', table, ...both })
  const bridged = place({ name: 'bridged', table: bridgeTable, ...both })
  /** What is rejected at the port of its sender on behalf of its receiver, by the MAC of that. */
  const answers = place({
    ...{
      name: 'answers',
      table: bridgeTable,
      kind: 'ether_addr',
      sets: [['ingress', answerHits]],
      suppressed: [],
      beside: [],
    },
  })
  const claimed = new Map<string, Claimant>()
  const claimants = new Map<Place, Map<number, Set<string>>>(
    [routed, bridged, answers].map((each) => [each, new Map()]),
  )
  let over = new Set<string>()
  /** Whether those have come who were there before this process. */
  let begun = false

  /** Who is counted there of those who claim it. */
  function firstOf(place: Place, ids: readonly string[]): string | undefined {
    // In another bridge another one may have the MAC: whose of them a packet was nobody can tell.
    return place === answers && ids.length > 1 ? nobody : ids.toSorted()[0]
  }

  /** What was counted before anybody was seen to have it is somebody's whom nobody knows, unless it is said to be the holder's. */
  function takeFound(place: Place, key: number, { id, holder }: Pick<Seat, 'id' | 'holder'>): void {
    if (place.found === undefined) return
    const isFound = place.found.delete(key)
    if (place.marks.get(key) === holderNumber(holder)) return
    if (isFound) place.left.set(key, { ...seatOf({ id: nobody, holder: nobody, key }), followed: true })
    if (place !== answers && (isFound || !begun)) over.add(id)
  }
  function seat(place: Place, key: number, policyOf: (id: string) => CommonPolicy): void {
    const first = firstOf(place, [...(claimants.get(place)?.get(key) ?? [])])
    const holder = first === undefined ? undefined : (claimed.get(first)?.holder ?? nobody)
    const sits = place.seats.get(key)
    if (sits?.id === first && sits?.holder === holder) return
    place.before = {}
    place.unmarked.delete(key)
    if (sits) {
      place.seats.delete(key)
      // Until it is read all that was counted is taken for the first one's.
      if (!place.left.has(key)) place.left.set(key, { ...sits, policy: policyOf(sits.id) })
    }
    if (first === undefined || holder === undefined) return
    place.unmarked.add(key)
    if (!sits && !place.left.has(key)) takeFound(place, key, { id: first, holder })
    const left = place.left.get(key)
    if (left && left.holder !== holder) left.followed = true
    if (!left || left.followed) {
      place.seats.set(key, seatOf({ id: first, holder, key }))
      return
    }
    const { policy: _, ...returns } = left
    place.left.delete(key)
    place.seats.set(key, returns)
  }

  return {
    ...{ routed, bridged, answers, all: [routed, bridged, answers] },
    claim(claimant, policyOf) {
      const { id, claims } = claimant
      const before = claimed.get(id)
      if (claims.length > 0) claimed.set(id, claimant)
      else claimed.delete(id)
      for (const [place, key] of before?.claims ?? []) {
        const ids = claimants.get(place)?.get(key)
        ids?.delete(id)
        if (ids?.size === 0) claimants.get(place)?.delete(key)
      }
      for (const [place, key] of claims) {
        const all = claimants.get(place) as Map<number, Set<string>>
        all.set(key, (all.get(key) ?? new Set()).add(id))
      }
      for (const [place, key] of [...(before?.claims ?? []), ...claims]) seat(place, key, policyOf)
    },
    silence(now) {
      for (const { left } of [routed, bridged, answers])
        for (const [key, each] of left) {
          const holder = now.get(each.id)
          if (holder !== undefined && holder !== each.holder) left.set(key, { ...each, id: nobody })
        }
    },
    passing(next) {
      const changed = new Map(next.map((each) => [each.id, each]))
      const claiming = new Map<Place, Map<number, string[]>>()
      for (const { id, claims } of next)
        for (const [place, key] of claims) {
          const keys = claiming.get(place) ?? new Map<number, string[]>()
          claiming.set(place, keys.set(key, [...(keys.get(key) ?? []), id]))
        }
      return [...claiming].flatMap(([place, keys]) =>
        [...keys].flatMap(([key, ids]): Claim[] => {
          const mark = place.marks.get(key)
          if (mark === undefined) return []
          const stay = [...(claimants.get(place)?.get(key) ?? [])].filter((id) => !changed.has(id))
          const first = firstOf(place, [...stay, ...ids])
          const holder = first === undefined ? undefined : (changed.get(first) ?? claimed.get(first))?.holder
          return holder !== undefined && holderNumber(holder) === mark ? [] : [[place, key]]
        }),
      )
    },
    cameOver() {
      const since = over
      over = new Set()
      begun = true
      return since
    },
    begin(place, epoch) {
      const same = place.epoch === undefined || place.epoch === epoch
      place.epoch = epoch
      if (same) return
      place.before = {}
      place.left.clear()
      place.found = undefined
      place.marks.clear()
      for (const [key, seat] of place.seats) {
        place.seats.set(key, seatOf(seat))
        place.unmarked.add(key)
      }
    },
  }
}

const seatOf = ({ id, holder, key }: Pick<Seat, 'id' | 'holder' | 'key'>): Seat => ({
  ...{ id, holder, key, tallies: { ingress: new Map(), egress: new Map() } },
  suppressed: { ingress: 0, egress: 0 },
})
