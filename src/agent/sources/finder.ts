/**
 * Finds devices of guests: those that the kernel has, and whose each is by the words of hypervisors and of this host's configuration.
 *
 * It answers what is so as of one look at the host, the same one by which packets are judged. It asks nobody and sends nothing.
 */
import { isDeepStrictEqual } from 'node:util'
import { isDeviceName, isNamedBy, type Link } from '../../core/model/link.ts'
import { decodeSightings, maxSightings, type Sighting } from '../../core/model/sighting.ts'
import type { Mac } from '../../core/net/mac.ts'
import { bears, type Sightings } from '../sightings.ts'
import { isGuestLink } from './guest-links.ts'
import type { OpenSources } from './open.ts'
import type { Known, Source } from './source.ts'
import { createWords } from './words.ts'

export interface Finder extends Sightings {
  /** By name of the device; what is as it was is the same object. Undefined: nothing has been looked at yet. */
  found(): ReadonlyMap<string, Sighting> | undefined
  /**
   * Whether a device that is not found is not there and expected by nobody: not while a source whose names last does not
   * know its guests, or another has neither known any nor said why.
   */
  isWhole(): boolean
  /** Calls back when `found` or `isWhole` answers otherwise. */
  onFound(listener: () => void): void
  /** Resolves when every source knows or says why not, or after so many milliseconds. */
  settled(patienceMs: number): Promise<void>
  /** In words for the operator. */
  problems(): readonly string[]
  stop(): Promise<void>
}

export interface FinderOptions extends OpenSources {
  /** Of what the guard closes: names, or prefixes that end in `*`. */
  readonly guard: readonly string[]
}

/** Whose a device is by the words of a source. */
interface Said {
  readonly source: Source['name']
  readonly known: Known
}

export function createFinder({ sources, adopting, guard }: FinderOptions): Finder {
  const words = sources.map(createWords)
  let links: ReadonlyMap<string, Link> = new Map()
  let found: ReadonlyMap<string, Sighting> | undefined
  let wasWhole = false
  /** Whether anything may have been said since it was listened to. */
  let unheard = true
  let heard = false
  /** What a source knew of devices when their sightings were made. */
  const madeOf = new Map<string, Known>()
  /** What is known of each device that is there. */
  let evidence: ReadonlyMap<string, Evidence> = new Map()
  let allSpoke = false
  let problems: readonly string[] = []
  const foundListeners = new Set<() => void>()
  const listeners = new Set<() => void>()

  const tell = (): void => {
    unheard = true
    for (const listener of [...listeners]) listener()
  }
  const stops = [...sources, ...(adopting ? [adopting] : [])].map((each) => each.onChange(tell))

  const isWhole = (): boolean =>
    found !== undefined &&
    words.every(({ source, hasSpoken }) => hasSpoken() || (!source.namesLast && source.problems().length > 0))

  function sayOf(name: string, link: Link | undefined): Said | null | undefined {
    let first: Said | undefined
    for (const each of words) {
      const known = each.on(name, link)
      if (!known) continue
      if (first && first.known.mac !== known.mac) return null
      first ??= { source: each.source.name, known }
    }
    return first
  }

  /** `anew`: rules of adoption may be others. */
  function sightingOf(
    name: string,
    link: Link | undefined,
    of: Said | null | undefined,
    anew: boolean,
  ): Sighting {
    const before = found?.get(name)
    const isSame =
      before?.present === (link !== undefined) && (before?.address ?? undefined) === link?.address
    if (before && isSame && !anew && madeOf.get(name) === of?.known) return before
    if (of) madeOf.set(name, of.known)
    else madeOf.delete(name)
    const adoption = of && adopting?.adoptionOf(of.source, of.known)
    const seen: Sighting = {
      device: name,
      present: link !== undefined,
      mac: of?.known.mac ?? null,
      address: link?.address ?? null,
      source: of?.source ?? 'links',
      guarded: isNamedBy(guard, name),
      ...(of && { guest: of.known.guest }),
      ...(adoption && { adoption }),
    }
    return before && isDeepStrictEqual(before, seen) ? before : seen
  }

  /** Answers what is known of each device. `anew`: words or rules may be others. */
  function look(anew: boolean): ReadonlyMap<string, Evidence> {
    const now = new Map<string, Sighting>()
    const [contradicted, unsayable]: [string[], string[]] = [[], []]
    const said = new Map<string, Said | null>()
    for (const each of words) each.meet(links)
    const guests = new Set<string>()
    for (const link of links.values()) if (isGuestLink(link, guard)) guests.add(link.name)
    const known = words.flatMap((each) => [...each.names()].filter(isDeviceName))
    for (const name of new Set([...known, ...guests])) {
      const link = links.get(name)
      const of = sayOf(name, link)
      // What was said of a device that is gone says nothing of where there is none.
      if (of === undefined && !guests.has(name)) continue
      if (of !== undefined) said.set(name, of)
      if (of === null) contradicted.push(name)
      const seen = sightingOf(name, link, of, anew)
      if (found?.get(name) === seen || isSayable(seen)) now.set(name, seen)
      else unsayable.push(name)
    }
    for (const name of madeOf.keys()) if (!said.has(name)) madeOf.delete(name)
    const { known: next, twice } = weigh(links, said)
    problems = [
      ...contradicted.map((name) => `sources contradict each other: whose ${name} is nobody knows`),
      ...twice.map(
        ([mac, names]) => `${names.join(' and ')} have the same MAC ${mac}: none of them is proven`,
      ),
      ...unsayable.map((name) => `what is known of ${name} cannot be said to the service`),
      ...(now.size > maxSightings
        ? [`${now.size} devices may be of guests, and the service is told of ${maxSightings} at most`]
        : []),
    ]
    tellFound(now.size > maxSightings ? new Map([...now].slice(0, maxSightings)) : now)
    return next
  }

  function tellFound(now: ReadonlyMap<string, Sighting>): void {
    let differs = found?.size !== now.size
    for (const [name, sighting] of now) differs ||= found?.get(name) !== sighting
    if (differs) found = now
    const whole = isWhole()
    if (!differs && whole === wasWhole) return
    wasWhole = whole
    for (const listener of foundListeners) listener()
  }

  return {
    looking() {
      if (!unheard) return
      unheard = false
      heard = true
      for (const each of words) each.listen()
    },
    see(now) {
      if (now === links && !heard && found) return new Set()
      const [before, spoke, anew] = [evidence, allSpoke, heard]
      links = now
      heard = false
      evidence = look(anew)
      allSpoke = words.every((each) => each.hasSpoken())
      if (spoke !== allSpoke) return null
      const names = new Set([...before.keys(), ...evidence.keys()])
      return new Set([...names].filter((name) => before.get(name) !== evidence.get(name)))
    },
    vouches(link, mac) {
      const known = links.get(link.name)?.index === link.index ? evidence.get(link.name) : nobodys
      if (known === nobodys) return false
      if (known === `is ${mac}`) return true
      if (known?.startsWith('is ')) return false
      if (known === `bears ${mac.slice(2)}` && bears(link, mac)) return true
      return allSpoke ? false : null
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    found: () => found,
    isWhole,
    onFound: (listener) => void foundListeners.add(listener),
    async settled(patienceMs) {
      const isSettled = () => sources.every((each) => each.observe() !== null || each.problems().length > 0)
      if (isSettled()) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const stop = [setTimeout(resolve, patienceMs)]
      const done = sources.map((each) => each.onChange(() => isSettled() && resolve()))
      await promise
      for (const each of stop) clearTimeout(each)
      for (const each of done) each()
    },
    problems: () => [
      ...sources.flatMap((each) => each.problems()),
      ...(adopting?.problems() ?? []),
      ...problems.slice(0, 10),
    ],
    async stop() {
      for (const each of stops) each()
      await Promise.all(sources.map((each) => each.stop()))
    },
  }
}

/**
 * A source says its MAC; or nobody says anything, and it bears an address of its own, here without its first octet; or it can be
 * nobody's, because others are as good.
 */
type Evidence = `is ${Mac}` | `bears ${string}` | typeof nobodys
const nobodys = 'nobody’s'

/** Of devices that are there. `said`: whose each is by the words of sources; null: they contradict each other. */
function weigh(links: ReadonlyMap<string, Link>, said: ReadonlyMap<string, Said | null>) {
  const known = new Map<string, Evidence>()
  const [stated, bearers] = [new Map<Mac, string[]>(), new Map<string, string[]>()]
  for (const { name, address, kind, parent } of links.values()) {
    const of = said.get(name)
    if (of) add(stated, of.known.mac, name)
    else if (of === null) known.set(name, nobodys)
    // A bridge has the address of one of its ports.
    else if (address !== undefined && kind !== 'bridge' && parent === undefined)
      add(bearers, address.slice(2), name)
  }
  for (const [mac, names] of stated)
    for (const name of names) known.set(name, names.length === 1 ? `is ${mac}` : nobodys)
  // A word about another device outweighs an address.
  const tails = new Set([...stated.keys()].map((mac) => mac.slice(2)))
  for (const [tail, names] of bearers)
    for (const name of names)
      known.set(name, names.length === 1 && !tails.has(tail) ? `bears ${tail}` : nobodys)
  return { known, twice: [...stated].filter(([, names]) => names.length > 1) }
}

function add(map: Map<string, string[]>, key: string, name: string): void {
  const names = map.get(key)
  if (names) names.push(name)
  else map.set(key, [name])
}

/** A service ends the connection of whoever says what it does not read. */
function isSayable(sighting: Sighting): boolean {
  if (sighting.guest === undefined && sighting.adoption === undefined) return true
  try {
    decodeSightings(JSON.parse(JSON.stringify({ whole: false, put: [sighting], remove: [] })))
    return true
  } catch {
    return false
  }
}
