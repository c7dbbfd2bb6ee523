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
  readonly sets: readonly (readonly [Direction, string])[]
  /** By the same keys: decisions that were not told. */
  readonly suppressed: readonly (readonly [Direction, string])[]
  /** All sets that have elements for a device without a decider. */
  readonly beside: readonly string[]
  readonly seats: Map<number, Seat>
  /** Who has left since it was read last. */
  readonly left: Map<number, Seat>
  /** Of its table; undefined before it was read. */
  epoch: string | undefined
  /** What was read last, where all of it is somebody's who is there still. */
  before: Partial<Record<Direction, Hits['elements']>>
}

export type Claim = readonly [place: Place, key: number]

export interface HitPlaces extends Readonly<Record<FilterMode | 'answers', Place>> {
  readonly all: readonly Place[]
  /**
   * Where the interface is from now on; `policyOf` says what it was judged by. Of several the one with the lowest id has a
   * device, and none a MAC.
   */
  claim(id: string, claims: readonly Claim[], policyOf: (id: string) => CommonPolicy): void
  /** Its table is of this epoch: where it was of another one all counts have begun at 0. */
  begin(place: Place, epoch: string): void
}

const directions: readonly Direction[] = ['ingress', 'egress']
const setsBy = (nameOf: typeof hitsOf) =>
  directions.map((direction) => [direction, nameOf(hookOf[direction])] as const)

/** `samples` is how many decisions are told in a second. */
export function createPlaces(samples: number): HitPlaces {
  const place = (of: Pick<Place, 'name' | 'table' | 'sets' | 'suppressed' | 'beside'>): Place => ({
    ...of,
    ...{ seats: new Map(), left: new Map(), epoch: undefined, before: {} },
  })
  const suppressed = setsBy(suppressedOf)
  const told = samples > 0 ? setsBy((hook) => samplesOf(hook, samples)) : []
  const both = {
    ...{ sets: setsBy(hitsOf), suppressed },
    beside: [...suppressed, ...told].map(([, set]) => set),
  }
  const routed = place({ name: 'routed', table, ...both })
  const bridged = place({ name: 'bridged', table: bridgeTable, ...both })
  /** What is rejected at the port of its sender on behalf of its receiver, by the MAC of that. */
  const answers = place({
    ...{ name: 'answers', table: bridgeTable, sets: [['ingress', answerHits]], suppressed: [], beside: [] },
  })
  const claimed = new Map<string, readonly Claim[]>()
  const claimants = new Map<Place, Map<number, Set<string>>>(
    [routed, bridged, answers].map((each) => [each, new Map()]),
  )

  function seat(place: Place, key: number, policyOf: (id: string) => CommonPolicy): void {
    const ids = [...(claimants.get(place)?.get(key) ?? [])]
    // In another bridge another one may have the MAC: whose of them a packet was nobody can tell.
    const first = place === answers && ids.length > 1 ? nobody : ids.toSorted()[0]
    const sits = place.seats.get(key)
    if (sits?.id === first) return
    place.before = {}
    if (sits) {
      place.seats.delete(key)
      // Until it is read all that was counted is taken for the first one's.
      if (!place.left.has(key)) place.left.set(key, { ...sits, policy: policyOf(sits.id) })
    }
    if (first === undefined) return
    const left = place.left.get(key)
    if (left && left.id !== first) left.followed = true
    if (!left || left.followed) {
      place.seats.set(key, seatOf(first, key))
      return
    }
    const { policy: _, ...returns } = left
    place.left.delete(key)
    place.seats.set(key, returns)
  }

  return {
    ...{ routed, bridged, answers, all: [routed, bridged, answers] },
    claim(id, claims, policyOf) {
      const before = claimed.get(id) ?? []
      if (claims.length > 0) claimed.set(id, claims)
      else claimed.delete(id)
      for (const [place, key] of before) {
        const ids = claimants.get(place)?.get(key)
        ids?.delete(id)
        if (ids?.size === 0) claimants.get(place)?.delete(key)
      }
      for (const [place, key] of claims) {
        const all = claimants.get(place) as Map<number, Set<string>>
        all.set(key, (all.get(key) ?? new Set()).add(id))
      }
      for (const [place, key] of [...before, ...claims]) seat(place, key, policyOf)
    },
    begin(place, epoch) {
      const same = place.epoch === undefined || place.epoch === epoch
      place.epoch = epoch
      if (same) return
      place.before = {}
      place.left.clear()
      for (const [key, { id }] of place.seats) place.seats.set(key, seatOf(id, key))
    },
  }
}

const seatOf = (id: string, key: number): Seat => ({
  ...{ id, key, tallies: { ingress: new Map(), egress: new Map() } },
  suppressed: { ingress: 0, egress: 0 },
})
