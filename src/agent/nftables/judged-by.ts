/**
 * Whose rules judged a packet: what was in force on interfaces, and on whose device, some seconds back. A change is not
 * in force at one moment, and packets are told of a moment after they were judged; so it knows what may have judged, and
 * answers nothing where two answers differ.
 */
import type { LoweredInterface } from '../../compile/nftables/lower.ts'
import { deciderText } from '../../core/model/decider.ts'
import type { Desired, DesiredDelta } from '../../core/model/desired.ts'
import type { CommonPolicy } from '../../core/model/effective-policy.ts'
import type { Direction } from '../../core/model/rule.ts'
import { decidersOf, type KnownDecider } from '../../core/semantics/deciders.ts'

export interface JudgedBy {
  /** From now on packets may be judged by this, or still by what was before. `delta` null: everything may differ. */
  begin(desired: Desired, delta: DesiredDelta | null): void
  /** What is on which device from now on. */
  place(changed: readonly LoweredInterface[], gone: readonly string[]): void
  /** All that has begun is in force: packets are judged by it alone. */
  end(): void
  /**
   * What was in force by then is in force for packets too that nobody says a time of: they have come meanwhile. Answers
   * whether that is still to be said of others.
   */
  settle(by: number): boolean
  /** Whose device it is, if that is sure. */
  ownerOf(index: number, at: number | undefined): Owner | undefined
  /** Who has decided about a packet of an interface, and as of which revision; undefined: nobody knows. */
  find(
    id: string,
    direction: Direction,
    number: number,
    at: number | undefined,
  ): { readonly decider: KnownDecider; readonly revision: number } | undefined
}

export interface Owner {
  readonly id: string
  readonly observed: boolean
}

/** From one state of what is desired to the next. */
interface Change {
  readonly revision: number
  /** Counts up. */
  readonly number: number
  readonly begun: number
  /** Infinite while it is under way. */
  ended: number
  settled: boolean
  readonly policies: ReadonlySet<string>
  readonly interfaces: ReadonlySet<string>
}

interface Claim {
  readonly id: string
  readonly index: number
  readonly from: number
  /** Infinite until what takes the device from it is in force. */
  to: number
  settled: boolean
  observed: boolean
}

/** For so long it is known what has been replaced, milliseconds: packets wait for their reader at most for as long. */
const keptMs = 5000
/** Nobody is told of packets of a device that somebody else had so shortly before, or has so shortly behind, milliseconds. */
const apartMs = 1000

/** `now`: milliseconds since 1970, as the kernel says when packets came. */
export function createJudgedBy(now: () => number): JudgedBy {
  /** The first is what has been in force before all others; at least that one, once anything was. */
  let changes: Change[] = []
  let count = 0
  const policies = new Versions<CommonPolicy>()
  /** Keys of policies. */
  const interfaces = new Versions<string>()
  /** By index: of who has the device, and who had it. */
  const claims = new Map<number, Claim[]>()
  const claimOf = new Map<string, Claim>()
  /** Those that end with what is under way, that have ended and are not settled, and that have, the oldest first. */
  let [leaving, left, gone]: [Claim[], Claim[], Claim[]] = [[], [], []]

  function forget(): void {
    const time = now() - keptMs
    for (let next = changes[1]; next?.settled && next.ended < time; next = changes[1]) {
      changes = changes.slice(1)
      policies.forget(next.policies, next.number)
      interfaces.forget(next.interfaces, next.number)
    }
    for (let first = gone[0]; first && first.to < time; first = gone[0]) {
      gone = gone.slice(1)
      const { index } = first
      const others = (claims.get(index) ?? []).filter((each) => each !== first)
      if (others.length > 0) claims.set(index, others)
      else claims.delete(index)
    }
  }

  function release(id: string): void {
    const claim = claimOf.get(id)
    if (!claim) return
    claimOf.delete(id)
    leaving.push(claim)
  }

  function claim(id: string, index: number, observed: boolean): void {
    const known = claimOf.get(id)
    if (known) known.observed = observed
    else {
      const made = { id, index, from: now(), to: Number.POSITIVE_INFINITY, settled: false, observed }
      claimOf.set(id, made)
      claims.set(index, [...(claims.get(index) ?? []), made])
    }
  }

  /** Whether what was before a change has not judged any more then. */
  const isOver = ({ ended, settled }: Change, at: number | undefined): boolean =>
    at === undefined ? settled : ended + 1 < at

  /** Places in `changes` of the first and the last that may have judged then. */
  function inForce(at: number | undefined): readonly [first: number, last: number] {
    let last = changes.length - 1
    // Our clock and the kernel's are read in whole milliseconds and finer.
    if (at !== undefined) while (last > 0 && (changes[last] as Change).begun > at) last--
    let first = last
    while (first > 0 && !isOver(changes[first] as Change, at)) first--
    return [first, last]
  }

  function decidersAt(id: string, direction: Direction, change: Change) {
    const key = interfaces.at(id, change.number)
    const policy = key === undefined ? undefined : policies.at(key, change.number)
    return policy && decidersOf(policy, direction)
  }

  return {
    begin({ revision, policies: wanted, interfaces: described }, delta) {
      forget()
      const number = count
      const changed = {
        policies: policies.put(number, wanted, delta?.policies, (policy) => policy),
        interfaces: interfaces.put(number, described, delta?.interfaces, ({ policy }) => policy ?? undefined),
      }
      const latest = changes.at(-1)
      const same = changed.policies.size + changed.interfaces.size === 0
      if (same && latest?.revision === revision) return
      count++
      const change = { revision, number, begun: now(), ended: Number.POSITIVE_INFINITY, settled: false }
      changes.push({ ...change, ...changed })
    },
    place(changed, away) {
      for (const id of away) release(id)
      // A device may go from one to another.
      for (const { id, index } of changed) if (claimOf.get(id)?.index !== index) release(id)
      for (const { id, index, state } of changed)
        if (index !== undefined) claim(id, index, state === 'observing')
    },
    end() {
      const time = now()
      for (const change of changes) change.ended = Math.min(change.ended, time)
      for (const each of leaving) each.to = time
      left = [...left, ...leaving]
      leaving = []
    },
    settle(by) {
      for (const change of changes) if (change.ended <= by) change.settled = true
      const over = left.filter(({ to }) => to <= by)
      for (const each of over) each.settled = true
      gone = [...gone, ...over]
      left = left.filter(({ to }) => to > by)
      return left.length > 0 || changes.some(({ ended, settled }) => !settled && Number.isFinite(ended))
    },
    ownerOf(index, at) {
      const time = at ?? now()
      const near = (claims.get(index) ?? []).filter(
        ({ from, to, settled }) =>
          from < time + apartMs && (to > time - apartMs || (at === undefined && !settled)),
      )
      const last = near.at(-1)
      return near.every(({ id }) => id === last?.id) ? last : undefined
    },
    find(id, direction, number, at) {
      const [oldest] = changes
      // What was in force before all that is known may have judged.
      if (!oldest || !isOver(oldest, at)) return undefined
      const [first, last] = inForce(at)
      let found: { decider: KnownDecider; revision: number } | undefined
      // The older one where either may have judged.
      for (const change of changes.slice(first, last + 1)) {
        const deciders = decidersAt(id, direction, change)
        if (!deciders?.has(number)) continue
        const decider = deciders.get(number)
        // Two have the number, at once or one after the other.
        if (!decider || (found && deciderText(found.decider.by) !== deciderText(decider.by))) return undefined
        found ??= { decider, revision: change.revision }
      }
      if (found) return found
      // It has gone before, or come behind, what the time of its packet says: the nearest that knows it.
      for (const change of [...changes.slice(0, first).reverse(), ...changes.slice(last + 1)]) {
        const deciders = decidersAt(id, direction, change)
        if (!deciders?.has(number)) continue
        const decider = deciders.get(number)
        return decider && { decider, revision: change.revision }
      }
      return undefined
    },
  }
}

/** Values by key, and those that they had before, by the number of the change that they came with. */
class Versions<V> {
  readonly #known = new Map<string, { readonly since: number; readonly value: V | undefined }[]>()

  /** Takes over those that differ; answers their keys. `keys`: which may; undefined: all. */
  put<T>(
    since: number,
    from: ReadonlyMap<string, T>,
    keys: ReadonlySet<string> | undefined,
    read: (from: T) => V | undefined,
  ): ReadonlySet<string> {
    const differing = new Set<string>()
    for (const key of keys ?? new Set([...this.#known.keys(), ...from.keys()])) {
      const now = from.get(key)
      const value = now === undefined ? undefined : read(now)
      const versions = this.#known.get(key) ?? []
      if (versions.at(-1)?.value === value) continue
      differing.add(key)
      versions.push({ since, value })
      this.#known.set(key, versions)
    }
    return differing
  }

  at(key: string, change: number): V | undefined {
    return this.#known.get(key)?.findLast(({ since }) => since <= change)?.value
  }

  /** What those keys were before a change is not asked for any more. */
  forget(keys: ReadonlySet<string>, change: number): void {
    for (const key of keys) {
      const left = (this.#known.get(key) ?? []).filter(({ since }) => since >= change)
      if (left.length === 1 && left[0]?.value === undefined) this.#known.delete(key)
      else this.#known.set(key, left)
    }
  }
}
