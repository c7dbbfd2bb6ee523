/**
 * What deciders have counted on interfaces, from the sets of our tables that packets fill: who is behind a key and a number,
 * what of it is new, and what nobody asks for any more.
 *
 * Counts are said as the kernel has them, so nothing is lost or doubled when this process begins anew.
 */
import type { LoweredInterface } from '../../compile/nftables/lower.ts'
import { deciderText } from '../../core/model/decider.ts'
import { type Desired, type DesiredDelta, holderOf, type PerDirection } from '../../core/model/desired.ts'
import type { CommonPolicy } from '../../core/model/effective-policy.ts'
import type { Count, InterfaceHits } from '../../core/model/hits.ts'
import type { Direction } from '../../core/model/rule.ts'
import { macNumber } from '../../core/net/mac.ts'
import { decidersOf } from '../../core/semantics/deciders.ts'
import { deleteDevice } from './connections.ts'
import { apart, createHitMarks, setOf } from './hit-marks.ts'
import {
  type Claim,
  type Claimant,
  createPlaces,
  nobody,
  type Place,
  type Seat,
  type Tally,
} from './hit-places.ts'
import { type HitKey, type Hits, type Kernel, RefusedError } from './kernel.ts'
import { createRecentDeciders } from './recent-deciders.ts'

export interface HitCounters {
  /** Reads whose counts stand, once, before anything is changed. Rejects when they cannot be read. */
  begin(): Promise<void>
  /**
   * Before a change after which these are as they say: from here on nothing says of what another will have that its counts are somebody's.
   * Rejects when that cannot be made so: then the change must not come.
   */
  pass(changed: Iterable<LoweredInterface>, desired: Desired): Promise<void>
  /**
   * From now on these interfaces are as they say, those that have gone are not any more, and policies are as `desired` has
   * them. `delta`: what of `desired` may differ; null: everything. Answers ids of those whose device may have been another's when it was
   * enforced last, which nobody has seen to change: what it had counted is nobody's.
   */
  watch(
    changed: readonly LoweredInterface[],
    gone: readonly string[],
    desired: Desired,
    delta: DesiredDelta | null,
  ): ReadonlySet<string>
  /** What has counted since the last time, in the order in which it happened; all of it the first time. */
  read(): Promise<readonly InterfaceHits[]>
  /** Reads now what the next `read` answers too: a table is about to go, with its counts. */
  keep(): Promise<void>
}

export interface HitCountersOptions {
  readonly kernel: Pick<Kernel, 'hits' | 'forget' | 'counters' | 'commit'>
  /** Decisions that are told of each interface in a second, in each direction; 0: none. */
  readonly samples: number
  /** Milliseconds, from whatever beginning. */
  readonly now?: () => number
}

/** For so long who has gone is still known, and then its counts stay for as long, milliseconds. */
const recentMs = 60_000

const none: PerDirection = { ingress: 0, egress: 0 }

const unknown: CommonPolicy = {
  ...{ stateful: false, essentials: [], ingress: { filtered: false }, egress: { filtered: false } },
}

export function createHitCounters({
  kernel,
  samples,
  now = () => performance.now(),
}: HitCountersOptions): HitCounters {
  const places = createPlaces(samples)
  const marks = createHitMarks(kernel, places)
  const recent = createRecentDeciders(now, recentMs)
  /** The key of the policy of each interface, and what each policy was last. */
  const keys = new Map<string, string | null>()
  const policies = new Map<string, CommonPolicy>()
  const policyOf = (id: string): CommonPolicy => policies.get(keys.get(id) ?? '') ?? unknown
  /** When elements that are nobody's were seen first, by set and element. */
  let strange = new Map<string, number>()
  let cleaned = now()
  /** Read, and not asked for yet. */
  let kept: SaidOf[] = []
  /** That counts have begun anew at 0: said behind them, in the next answer, since what an answer says is of one moment. */
  let begun: SaidOf[] = []
  /** Until then everybody would be a stranger. */
  let watching = false
  let last: Promise<void> = Promise.resolve()

  /** Who counted in an element; undefined: nobody who is known. */
  function whose(
    policy: CommonPolicy,
    direction: Direction,
    number: number,
    before: Tally | undefined,
  ): Pick<Tally, 'by' | 'known'> | undefined {
    const deciders = decidersOf(policy, direction)
    const known = deciders.get(number)
    if (known && known === before?.known) return before
    if (!known && deciders.has(number)) return { by: null, known }
    const by = known ? deciderText(known.by) : recent.get(number)
    if (before) return by === undefined || by === before.by ? { by: before.by, known } : { by: null, known }
    return by === undefined ? undefined : { by, known }
  }

  function countIn(place: Place, { sets, suppressed }: Found): void {
    const said = new Map<Seat, Said>()
    for (const { direction, elements } of sets) {
      const before = place.before[direction] ?? []
      /** Whether all that is the same next time is to be passed over. */
      let settled = true
      for (const { index, number, packets, bytes } of differing(before, elements)) {
        const seat = place.left.get(index) ?? place.seats.get(index)
        if (!seat) {
          settled = false
          continue
        }
        const tallies = seat.tallies[direction]
        const was = tallies.get(number)
        if (was && was.packets === packets && was.bytes === bytes) continue
        // Who has it next may have counted as well, until it is taken out: then whose it was nobody can tell.
        const next = nextOf(place, seat)
        if (next && decidersOf(policyOf(next.id), direction).has(number)) continue
        const who = whose(seat.policy ?? policyOf(seat.id), direction, number, was)
        if (!who) {
          settled = false
          continue
        }
        tallies.set(number, { by: who.by, known: who.known, packets, bytes })
        if (who.by !== null) countsOf(said, seat)[direction].push({ by: who.by, packets, bytes })
      }
      place.before[direction] = settled ? elements : []
    }
    for (const [key, seat] of [...place.seats, ...place.left]) {
      if (nextOf(place, seat)) continue
      const is = place.left.has(key) && place.left.get(key) !== seat ? none : suppressed(key)
      if (seat.suppressed.ingress === is.ingress && seat.suppressed.egress === is.egress) continue
      seat.suppressed = is
      countsOf(said, seat)
    }
    for (const [seat, counts] of said) say(kept, place, seat, counts)
  }

  function say(
    to: SaidOf[],
    { name, epoch }: Place,
    { id, holder, key, suppressed }: Seat,
    counts: Said,
  ): void {
    if (id === nobody) return
    to.push({ holder, hits: { id, epoch: `${name} ${epoch} ${key}`, ...counts, suppressed } })
  }

  /** Takes out of the kernel what was counted where these have left, now that it has been read. */
  async function clear(place: Place, { sets }: Found, left: readonly Seat[]): Promise<void> {
    const gone = new Map(
      left.flatMap((seat) => (place.left.get(seat.key) === seat ? [[seat.key, seat]] : [])),
    )
    if (gone.size === 0) return
    place.before = {}
    for (const { set, elements } of sets) {
      const theirs = elements.filter(({ index }) => gone.has(index))
      await kernel.forget(place.table, set, theirs.map(keyOf))
    }
    await tidy(place, (key) => gone.has(key))
    for (const [key, seat] of gone) {
      const { tallies, suppressed } = seat
      place.left.delete(key)
      seat.suppressed = none
      const counts = { ingress: zeros(tallies.ingress), egress: zeros(tallies.egress) }
      if (counts.ingress.length + counts.egress.length + suppressed.ingress + suppressed.egress > 0)
        say(begun, place, seat, counts)
    }
  }

  /** Takes these keys out of the sets beside those that count. */
  async function tidy(
    { table, beside }: Place,
    isGone: (key: number, set: string) => boolean,
  ): Promise<void> {
    for (const set of beside) {
      const keys = [...(await counters(kernel, table, set)).keys()].filter((key) => isGone(key, set))
      if (keys.length > 0) await kernel.commit(keys.map((key) => deleteDevice(table, set, key)))
    }
  }

  /** Takes out of the kernel what deciders have counted that went some time ago; notes in `seen` what may go later. */
  async function clean(place: Place, { sets }: Found, seen: Map<string, number>): Promise<void> {
    const time = now()
    const isOld = (element: string): boolean => {
      const since = strange.get(element) ?? time
      if (time - since >= recentMs) return true
      seen.set(element, since)
      return false
    }
    await tidy(place, (key, set) => !place.seats.has(key) && isOld(`${place.name} ${set} ${key}`))
    const idle = [...place.marks.keys()].filter((key) => !place.seats.has(key) && !place.left.has(key))
    await marks.forget(
      place,
      idle.filter((key) => isOld(`${place.name} mark ${key}`)),
    )
    for (const { set, direction, elements } of sets) {
      const forgotten: HitKey[] = []
      for (const { index, number } of elements) {
        const seat = place.seats.get(index)
        if (seat && decidersOf(policyOf(seat.id), direction).has(number)) continue
        if (isOld(`${place.name} ${set} ${index} ${number}`)) forgotten.push({ index, number })
      }
      if (forgotten.length === 0) continue
      place.before = {}
      await kernel.forget(place.table, set, forgotten)
      for (const { index } of forgotten) if (!place.seats.has(index)) place.found?.delete(index)
      const said = new Map<Seat, Said>()
      for (const { index, number } of forgotten) {
        const seat = place.seats.get(index)
        const tally = seat?.tallies[direction].get(number)
        if (!seat || !tally) continue
        seat.tallies[direction].delete(number)
        if (tally.by !== null) countsOf(said, seat)[direction].push({ by: tally.by, packets: 0, bytes: 0 })
      }
      for (const [seat, counts] of said) say(begun, place, seat, counts)
    }
  }

  /** `tidies`: what is nobody's any more is taken out of the kernel. */
  async function readAll(tidies: boolean): Promise<void> {
    if (!watching) return
    const cleaning = tidies && now() - cleaned >= recentMs
    const seen = new Map<string, number>()
    for (const place of places.all) {
      if (place.seats.size + place.left.size === 0) continue
      const left = [...place.left.values()]
      const found = await find(kernel, place)
      // What was counted there has gone, or is read next time.
      if (found === 'gone') place.left.clear()
      if (typeof found === 'string') continue
      places.begin(place, found.epoch)
      countIn(place, found)
      try {
        if (tidies) await clear(place, found, left)
        if (cleaning) await clean(place, found, seen)
      } catch (error) {
        // Somebody took our table away, and with it what was to go.
        if (!(error instanceof RefusedError)) throw error
      }
    }
    await marks.put()
    if (!cleaning) return
    strange = seen
    cleaned = now()
  }

  /** One after the other: an older reading must not be taken for a newer one. */
  function inTurn(tidies: boolean): Promise<void> {
    const next = last.then(() => readAll(tidies))
    last = next.catch(() => {})
    return next
  }

  function claimantOf({ id, index, mode }: LoweredInterface, interfaces: Desired['interfaces']): Claimant {
    const each = interfaces.get(id)
    const holder = each ? holderOf(each) : nobody
    if (mode === null || index === undefined) return { id, holder, claims: [] }
    const { mac } = each ?? {}
    const claims: Claim[] = [[places[mode], index]]
    if (mode === 'bridged' && mac !== undefined) claims.push([places.answers, Number(macNumber(mac))])
    return { id, holder, claims }
  }

  return {
    begin: marks.begin,
    pass: (changed, { interfaces }) => marks.pass([...changed].map((each) => claimantOf(each, interfaces))),
    watch(changed, gone, { interfaces, policies: wanted }, delta) {
      watching = true
      const claimants = changed.map((each) => claimantOf(each, interfaces))
      const holders = new Map(claimants.map(({ id, holder }) => [id, holder]))
      const isSilent = ({ holder, hits: { id } }: SaidOf) => (holders.get(id) ?? holder) !== holder
      if (kept.some(isSilent)) kept = kept.filter((each) => !isSilent(each))
      if (begun.some(isSilent)) begun = begun.filter((each) => !isSilent(each))
      // Those who leave keep the policy that they were counted by.
      for (const id of gone) {
        places.claim({ id, holder: nobody, claims: [] }, policyOf)
        keys.delete(id)
      }
      for (const each of claimants) places.claim(each, policyOf)
      places.silence(holders)
      marks.passed()
      const over = places.cameOver()
      marks.put().catch(() => {})
      // Until it is read and taken out all is taken for the one's who had the key. Once, before it is said that it began anew.
      if (begun.length === 0 && places.all.some(isTakenOver)) inTurn(true).catch(() => {})
      for (const { id } of changed) {
        const [before, after] = [keys.get(id), interfaces.get(id)?.policy ?? null]
        keys.set(id, after)
        if (before === undefined || before === after) continue
        recent.replaced(policies.get(before ?? '') ?? unknown, wanted.get(after ?? '') ?? unknown)
      }
      for (const key of delta ? delta.policies : new Set([...policies.keys(), ...wanted.keys()])) {
        const [before, after] = [policies.get(key), wanted.get(key)]
        if (before) recent.replaced(before, after ?? unknown)
        if (after) policies.set(key, after)
        else policies.delete(key)
      }
      return over
    },
    async read() {
      await inTurn(true)
      const answer = kept
      kept = begun
      begun = []
      return answer.map(({ hits }) => hits)
    },
    keep: () => inTurn(false),
  }
}

/** Whether somebody counts where another has left, and was not read since. */
const isTakenOver = ({ left, seats }: Place): boolean => [...left.keys()].some((key) => seats.has(key))

/** Who counts where this one has left, and was not read since. */
function nextOf({ left, seats }: Place, seat: Seat): Seat | undefined {
  return left.get(seat.key) === seat ? seats.get(seat.key) : undefined
}

type Said = Readonly<Record<Direction, Count[]>>

/** What is said of an interface, and of whom: another one may get its id before anybody asks. */
interface SaidOf {
  readonly holder: string
  readonly hits: InterfaceHits
}

/** What is in the sets of a place. */
interface Found {
  readonly epoch: string
  readonly sets: readonly (Pick<Hits, 'elements'> & { readonly direction: Direction; readonly set: string })[]
  readonly suppressed: (key: number) => PerDirection
}

/** `gone`: its sets are not there; `torn`: its table was made anew in the middle of it. */
async function find(kernel: HitCountersOptions['kernel'], place: Place): Promise<Found | 'gone' | 'torn'> {
  const { table } = place
  const hits = await Promise.all(
    place.sets.map(async ([direction, set]) => {
      const found = await kernel.hits(table, set)
      if (!found) return []
      // Those that say whose counts are are in one of them.
      const { elements } = found
      const counts = set === setOf(place) ? apart(place.kind, elements).counts : elements
      return [{ direction, set, epoch: found.epoch, elements: counts }]
    }),
  )
  const sets = hits.flat()
  const epochs = new Set(sets.map(({ epoch }) => epoch))
  const [epoch] = epochs
  if (epoch === undefined) return 'gone'
  if (epochs.size > 1 || sets.length < place.sets.length) return 'torn'
  const told = await Promise.all(
    place.suppressed.map(
      async ([direction, set]) => [direction, await counters(kernel, table, set)] as const,
    ),
  )
  const by = Object.fromEntries(told) as Partial<Record<Direction, ReadonlyMap<number, number>>>
  return {
    ...{ epoch, sets },
    suppressed: (key) => ({ ingress: by.ingress?.get(key) ?? 0, egress: by.egress?.get(key) ?? 0 }),
  }
}

async function counters(kernel: HitCountersOptions['kernel'], table: string, set: string) {
  try {
    return await kernel.counters(table, set)
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    return new Map<number, number>()
  }
}

/**
 * What of a set is not as it was. The kernel tells elements in the same order while none comes or goes, so that most of very
 * many need not be looked up.
 */
function differing(before: Hits['elements'], now: Hits['elements']): Hits['elements'] {
  let at = 0
  return now.filter((each) => {
    for (const next of [at, at + 1]) {
      const was = before[next]
      if (was?.index !== each.index || was.number !== each.number) continue
      at = next + 1
      return was.packets !== each.packets || was.bytes !== each.bytes
    }
    return true
  })
}

function countsOf(said: Map<Seat, Said>, seat: Seat): Said {
  const counts = said.get(seat) ?? { ingress: [], egress: [] }
  said.set(seat, counts)
  return counts
}

const keyOf = ({ index, number }: HitKey): HitKey => ({ index, number })

const zeros = (tallies: ReadonlyMap<number, Tally>): Count[] =>
  [...tallies.values()].flatMap(({ by }) => (by === null ? [] : [{ by, packets: 0, bytes: 0 }]))
