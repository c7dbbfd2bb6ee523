/**
 * Devices of guests that agents see: heard in this process, kept in the store, which puts interfaces on them by their MAC addresses;
 * and what has become of each, told to the agent.
 *
 * One write at a time for a host, and what it says meanwhile is one more. What others commit has devices looked at again.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Claimed, SightingChange } from '../core/model/sighting.ts'
import { toClaim } from '../storage/programs/found.ts'
import type { SightingKey, Storage } from '../storage/storage.ts'
import { type Adopter, createAdopter } from './adopter.ts'
import type { AdoptionReader } from './adoption.ts'
import type { EnforcementService } from './enforcement.ts'
import {
  differing,
  following,
  fromChange,
  isNothing,
  nothingToWrite,
  type SightingsToWrite,
} from './sighting-changes.ts'
import { createTurns } from './turns.ts'

export interface SightingService {
  /** What the agent of a host in this process sees; of a host that is not followed nothing is kept. */
  hear(host: string, change: SightingChange): void
  /**
   * `tell` is called with what has become of devices of the host, as its agent is to be told. `credential`: the agent's, which says into
   * which accounts it may adopt; null: into every one. Answers how to forget it.
   */
  follow(host: string, credential: string | null, tell: (claims: readonly Claimed[]) => void): () => void
  /** How many devices without an interface agents in this process see, by host; hosts that have not said are left out. */
  counts(): ReadonlyMap<string, number>
  /** Resolves when nothing is to be written. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** Milliseconds. */
const times = {
  /** For an agent to come back before its devices may be another's. */
  away: 30_000,
  /** What others commit within this is looked at together. */
  together: 100,
  /** Between two looks at devices whose interface is elsewhere: its host may be gone without anybody saying so. */
  contested: 5_000,
  /** Until the store is asked again for what it refused to adopt. */
  refused: 30_000,
  /** After the store could not be told. */
  pause: 1_000,
}
/** Hosts of which the store is told at a time: all agents may connect at once, and requests wait for the same store. */
const atOnce = 4
/** Devices in one write: more would keep others waiting. */
const perWrite = 200
/** Devices whose interface is elsewhere, in one read. */
const perLook = 2_000
/** Of the time, looks at what others commit take one part in so many. */
const share = 10

interface Followed {
  readonly tell: (claims: readonly Claimed[]) => void
  /** Whether what its agent sees has been said whole: before that, nothing is concluded from it. */
  known: boolean
  waiting: SightingsToWrite
  writing: Promise<void> | undefined
  readonly unclaimed: Set<string>
  readonly adopter: Adopter
}

export function createSightingService(
  storage: Storage,
  enforcement: Pick<EnforcementService, 'speaker' | 'time' | 'listeningSince'>,
  adoption: AdoptionReader,
): SightingService {
  const followed = new Map<string, Followed>()
  const turns = createTurns(atOnce)
  const adopting = createTurns(1)
  const stopping = new AbortController()

  function told(host: Followed, claims: readonly Claimed[]): void {
    tell(host, claims)
    host.adopter.claimed(claims)
  }
  function tell(host: Followed, claims: readonly Claimed[]): void {
    for (const { device, interface: id } of claims) {
      if (id === null) host.unclaimed.add(device)
      else host.unclaimed.delete(device)
    }
    if (claims.length > 0) host.tell(claims)
  }

  function add(name: string, host: Followed, more: SightingsToWrite): void {
    host.waiting = following(host.waiting, more)
    host.writing ??= writeAll(name, host).finally(() => {
      host.writing = undefined
    })
  }

  const isFollowed = (name: string, host: Followed) => followed.get(name) === host

  async function writeAll(name: string, host: Followed): Promise<void> {
    while (!isNothing(host.waiting) && isFollowed(name, host) && !stopping.signal.aborted) {
      try {
        await turns(() => {
          const { waiting } = host
          host.waiting = nothingToWrite
          return write(name, host, waiting)
        })
      } catch {
        // The store is not available: what is not known to be written is written again.
        await delay(times.pause, undefined, { signal: stopping.signal, ref: false }).catch(() => {})
      }
    }
  }

  /** What could not be written is put before what was said since. */
  async function write(name: string, host: Followed, all: SightingsToWrite): Promise<void> {
    let left = all
    try {
      if (all.whole) {
        const { seen, strays } = await storage.sightings(name)
        left = differing(all, seen)
        host.unclaimed.clear()
        host.adopter.see(all.put.values(), all.remove, true)
        const as = seen.filter(({ device }) => all.put.has(device) && !left.put.has(device))
        // An agent that connects anew has been told nothing.
        told(host, as.map(toClaim))
        if (!strays) left = { ...left, whole: false }
      }
      host.adopter.see(left.put.values(), left.remove, false)
      for (const device of left.remove) host.unclaimed.delete(device)
      for (const part of partsOf(left)) {
        if (!isFollowed(name, host)) return
        const speaker = enforcement.speaker(name)
        const now = enforcement.time()
        const done = await storage.run(
          'see',
          {
            host: name,
            ...(speaker && { session: speaker.session }),
            ...{ awayBefore: awayBefore(), ...part },
          },
          { account: '', actor: 'agent', dialect: 'system', requestId: '', at: now },
        )
        if (!done.ok) throw new Error(done.error.kind)
        if (!done.value.current) {
          followed.delete(name)
          speaker?.replaced()
          return
        }
        if (isFollowed(name, host)) told(host, done.value.claims)
      }
    } catch (error) {
      host.waiting = following(all, host.waiting)
      throw error
    }
  }

  /** Devices of hosts that are followed here. */
  function lookAgain(devices: readonly SightingKey[]): void {
    for (const [name, some] of Map.groupBy(devices, ({ host }) => host)) {
      const host = followed.get(name)
      const again = new Set(some.map(({ device }) => device))
      if (host?.known) add(name, host, { ...nothingToWrite, again })
    }
  }

  /** Everything that is stored of all of them. */
  async function lookAtAll(): Promise<void> {
    for (const [name, { known }] of [...followed]) {
      if (!known) continue
      const { seen } = await turns(() => storage.sightings(name))
      lookAgain(seen.filter(({ due }) => due))
    }
  }

  /** Hosts of which nothing was heard since then are away. Nobody was while it could not have been heard. */
  function awayBefore(): number {
    const gone = enforcement.time() - times.away
    return enforcement.listeningSince() < gone ? gone : 0
  }

  /** Everything up to this revision has been looked at; undefined: nothing has. */
  let lookedAt: number | undefined
  let looking: Promise<void> | undefined
  let moved = false
  let pause = times.together
  async function look(): Promise<void> {
    while (moved && !stopping.signal.aborted) {
      moved = false
      await delay(pause, undefined, { signal: stopping.signal, ref: false }).catch(() => {})
      if (stopping.signal.aborted || followed.size === 0) continue
      const begun = performance.now()
      try {
        await lookAtChanges()
        await lookAtContested()
      } catch {
        // The next look finds it.
        lookedAt = undefined
      }
      pause = Math.max(times.together, share * (performance.now() - begun))
    }
  }
  async function lookAtChanges(): Promise<void> {
    if (lookedAt === undefined) {
      const now = await storage.revision()
      await lookAtAll()
      lookedAt = now
      return
    }
    const { revision, devices } = await storage.sightingsDue(lookedAt)
    if (devices) lookAgain(devices)
    else await lookAtAll()
    lookedAt = revision
  }
  async function lookAtContested(): Promise<void> {
    let after: SightingKey | null = null
    do {
      const found: Awaited<ReturnType<Storage['contestedSightings']>> = await storage.contestedSightings({
        ...{ awayBefore: awayBefore(), after, limit: perLook },
      })
      lookAgain(found.devices)
      after = found.next
    } while (after !== null)
  }
  function lookSoon(): void {
    moved = true
    looking ??= look().finally(() => {
      looking = undefined
    })
  }
  const stopHearing = storage.onCommit(({ topics }) => {
    if (topics.includes('servers') && followed.size > 0) lookSoon()
  })
  const timer = setInterval(() => {
    if (followed.size > 0) lookSoon()
  }, times.contested)
  timer.unref()

  /** What was refused may be permitted by now. */
  const stopHearingOfCredentials = storage.onCommit(({ topics }) => {
    if (topics.includes('credentials')) adoptAgain()
  })
  const adoptionTimer = setInterval(() => {
    for (const { adopter } of followed.values()) adopter.beat()
  }, times.refused)
  adoptionTimer.unref()
  function adoptAgain(): void {
    for (const { adopter } of followed.values()) adopter.again()
  }

  async function settled(): Promise<void> {
    for (;;) {
      while (looking || [...followed.values()].some(({ writing }) => writing)) {
        await Promise.all([looking, ...[...followed.values()].map(({ writing }) => writing)])
      }
      await Promise.all([...followed.values()].map(({ adopter }) => adopter.settled()))
      if (!looking && ![...followed.values()].some(({ writing }) => writing)) return
    }
  }

  function adopterOf(name: string, credential: string | null, of: () => Followed): Adopter {
    return createAdopter({
      ...{ host: name, credential, storage, reader: adoption, turns: adopting },
      now() {
        if (!isFollowed(name, of())) return undefined
        const session = enforcement.speaker(name)?.session
        return {
          ...(session !== undefined && { session }),
          ...{ at: enforcement.time(), awayBefore: awayBefore() },
        }
      },
      replaced() {
        followed.delete(name)
        enforcement.speaker(name)?.replaced()
      },
      tell(claims) {
        if (isFollowed(name, of())) tell(of(), claims)
      },
    })
  }

  return {
    hear(name, change) {
      const host = followed.get(name)
      if (!host || !(host.known || change.whole)) return
      host.known = true
      add(name, host, fromChange(change))
    },
    follow(name, credential, tell) {
      const host: Followed = {
        ...{ tell, known: false, waiting: nothingToWrite, writing: undefined, unclaimed: new Set<string>() },
        adopter: adopterOf(name, credential, () => host),
      }
      followed.set(name, host)
      return () => {
        void host.adopter.stop()
        if (isFollowed(name, host)) followed.delete(name)
      }
    },
    counts: () =>
      new Map(
        [...followed].flatMap(([name, { known, unclaimed }]) =>
          known ? [[name, unclaimed.size] as const] : [],
        ),
      ),
    settled,
    async close() {
      stopping.abort()
      clearInterval(timer)
      clearInterval(adoptionTimer)
      stopHearing()
      stopHearingOfCredentials()
      await Promise.all([...followed.values()].map(({ adopter }) => adopter.stop()))
      await settled()
    },
  }
}

/** In writes of bounded size. What is gone comes first, so that devices can be another's; what concludes from all of it, last. */
function* partsOf({ whole, put, remove, again }: SightingsToWrite) {
  const items = [
    ...[...remove].map((device) => ({ remove: device })),
    ...[...put.values()].map((sighting) => ({ put: sighting })),
    ...[...again].filter((device) => !put.has(device)).map((device) => ({ again: device })),
  ]
  for (let from = 0; from === 0 || from < items.length; from += perWrite) {
    const some = items.slice(from, from + perWrite)
    const settled = whole && from + perWrite >= items.length
    if (some.length === 0 && !settled) return
    yield {
      put: some.flatMap((each) => ('put' in each ? [each.put] : [])),
      remove: some.flatMap((each) => ('remove' in each ? [each.remove] : [])),
      again: some.flatMap((each) => ('again' in each ? [each.again] : [])),
      settled,
    }
  }
}
