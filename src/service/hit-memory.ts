/**
 * What interfaces of hosts have counted whose agents are heard in this process. It begins from what the store has of an
 * interface, and what came since is kept there in small writes that nobody waits for. An agent says counts as they are
 * since their epoch began, so that what was not kept when a process died is said again.
 */
import type { HitsReport, InterfaceHits } from '../core/model/hits.ts'
import type { Direction } from '../core/model/rule.ts'
import type {
  CountedInterface,
  EpochCount,
  HitRecord,
  HitSum,
  Programs,
  Storage,
} from '../storage/storage.ts'
import { counting, nothing, type Total } from './hit-count.ts'
import { agent } from './host-keeper.ts'

/** Of one counter of an interface, as it is known. */
export interface Counted {
  readonly direction: Direction
  readonly decider: string
  readonly total: Total
}

export interface InterfaceMemory {
  readonly account: string
  /** Milliseconds since 1970. */
  readonly since: number
  readonly counted: Iterable<Counted>
}

export interface HitMemory {
  hear(report: HitsReport): void
  /** An interface that is counted on a host that has been heard, though it may have nothing to count. */
  enrol(id: string, host: string): void
  /** Resolves when everything that was heard so far is known, or the store cannot be read. */
  settled(): Promise<void>
  of(id: string): InterfaceMemory | undefined
  forget(id: string): void
  /** When the counters of a host were read last; undefined: its agent does not speak here. */
  heardAt(host: string): number | undefined
  /** Its agent speaks here no more. */
  left(host: string): void
  /** What came since it was kept, of one account and decider. */
  unkept(account: string, decider: string): Pick<HitSum, 'packets' | 'bytes' | 'lastHit'> | undefined
  /** Keeps what is not kept yet. Rejects when the store cannot be written. */
  keep(): Promise<void>
  /** Forgets interfaces that are not there any more; `deciders`: and what decided on those that are. */
  tidy(deciders: boolean): Promise<void>
}

/** Of a counter that has grown: by how much. */
export type Growth = (
  host: string,
  of: Counted,
  more: { readonly packets: number; readonly bytes: number },
) => void

/** What is called so counts packets of which nothing was told. */
export const suppressedName = 'suppressed'

interface Counter extends Counted {
  total: Total
  /** What the store has. */
  base: Pick<Total, 'packets' | 'bytes'>
  /** What was written last, while it is not known whether it was kept. */
  tried: Pick<Total, 'packets' | 'bytes'> | undefined
}

interface Known {
  readonly id: string
  readonly account: string
  /** Whose agents may speak of it: where it is, and where it was while it has been known, from which the rest may yet come. */
  readonly hosts: Set<string>
  readonly since: number
  readonly counters: Map<string, Counter>
  /** Those that the store has otherwise. */
  readonly dirty: Set<Counter>
  /** Whether the store must be read before it is written: it may have something else than is believed. */
  unsure: boolean
}

/** Readings of an interface that is not known yet, by counter and epoch. */
interface Waiting {
  /** Those that speak of it, and when they first did. */
  readonly hosts: Map<string, number>
  readonly readings: Map<string, Omit<Counted, 'total'> & EpochCount & { readonly host: string }>
}

/**
 * Interfaces in one read, counters in one write, and readings in one turn of the loop: others come in between. Counters of an
 * interface.
 */
const most = { loaded: 50, written: 200, digested: 2000, counters: 50_000 }

export function createHitMemory(storage: Storage, grown: Growth): HitMemory {
  const known = new Map<string, Known>()
  const waiting = new Map<string, Waiting>()
  const dirty = new Set<Known>()
  /** Interfaces whose beginning the store does not know. */
  const begun = new Map<string, number>()
  const heard = new Map<string, number>()
  const heardKept = new Map<string, number>()
  const unkept = new Map<string, { packets: number; bytes: number; lastHit: number | null }>()
  const reports: HitsReport[] = []
  let digesting: Promise<void> | undefined
  let loading: Promise<void> | undefined
  let keeping: Promise<void> | undefined

  /** Keeps `unkept` what totals have more than their bases. */
  function owe(account: string, { decider, total }: Counted, packets: number, bytes: number): void {
    const key = `${account} ${decider}`
    const owed = unkept.get(key) ?? { packets: 0, bytes: 0, lastHit: null }
    const now = { packets: owed.packets + packets, bytes: owed.bytes + bytes }
    if (now.packets === 0 && now.bytes === 0) unkept.delete(key)
    else unkept.set(key, { ...now, lastHit: Math.max(owed.lastHit ?? 0, total.lastHit ?? 0) || null })
  }

  function read(of: Known, host: string, direction: Direction, decider: string, reading: EpochCount): void {
    const key = `${direction} ${decider}`
    let counter = of.counters.get(key)
    if (!counter) {
      if (reading.packets === 0 && reading.bytes === 0) return
      // More than rules decide on any interface: somebody invents them.
      if (of.counters.size >= most.counters) return
      counter = { direction, decider, total: nothing, base: { packets: 0, bytes: 0 }, tried: undefined }
      of.counters.set(key, counter)
    }
    const before = counter.total
    const after = counting(before, reading)
    if (after === before) return
    counter.total = after
    const more = { packets: after.packets - before.packets, bytes: after.bytes - before.bytes }
    // That its epoch goes on is kept with the next that it counts: what goes on is said again by an agent that begins.
    if (more.packets === 0 && more.bytes === 0 && reading.packets > 0) return
    owe(of.account, counter, more.packets, more.bytes)
    of.dirty.add(counter)
    dirty.add(of)
    grown(host, counter, more)
  }

  function wait(id: string, host: string, at: number): Waiting {
    let found = waiting.get(id)
    if (!found) {
      found = { hosts: new Map(), readings: new Map() }
      waiting.set(id, found)
    }
    if (!found.hosts.has(host)) found.hosts.set(host, at)
    return found
  }

  function hearOne(host: string, at: number, hits: InterfaceHits): void {
    const { id, epoch } = hits
    const there = known.get(id)
    const of = there?.hosts.has(host) ? there : undefined
    const later = of ? undefined : wait(id, host, at)
    for (const [direction, decider, packets, bytes] of countsOf(hits)) {
      const reading = { epoch, packets, bytes, at }
      if (of) read(of, host, direction, decider, reading)
      else {
        const key = `${host} ${epoch} ${direction} ${decider}`
        later?.readings.set(key, { host, direction, decider, ...reading })
      }
    }
  }

  function begin(found: CountedInterface, { hosts, readings }: Waiting): void {
    const { interface: id, host, account } = found
    // A host says nothing of what is on another.
    const at = host === null ? undefined : hosts.get(host)
    if (host === null || at === undefined) return
    if (known.get(id)?.account !== account) forget(id)
    const of = known.get(id) ?? remember(found, at)
    of.hosts.add(host)
    for (const { host: from, direction, decider, ...reading } of readings.values()) {
      if (of.hosts.has(from)) read(of, from, direction, decider, reading)
    }
  }
  /** From what the store has; `at` is when it began where the store does not know. */
  function remember({ interface: id, account, since, hits }: CountedInterface, at: number): Known {
    const of: Known = {
      ...{
        id,
        account,
        hosts: new Set(),
        since: since ?? at,
        counters: new Map(),
        dirty: new Set(),
        unsure: false,
      },
    }
    if (since === null) begun.set(id, at)
    for (const { direction, decider, ...total } of hits) {
      const counter = { direction, decider, total, base: total, tried: undefined }
      of.counters.set(`${direction} ${decider}`, counter)
    }
    known.set(id, of)
    return of
  }

  /** In the order in which they came. A host has been heard when all that it said is known. */
  async function digestAll(): Promise<void> {
    let room = most.digested
    for (let next = reports[0]; next; next = reports[0]) {
      const { host, at, interfaces } = next
      for (const each of interfaces) {
        if (room <= 0) {
          await new Promise((resolve) => setImmediate(resolve))
          room = most.digested
        }
        room -= each.ingress.length + each.egress.length + 1
        hearOne(host, at, each)
      }
      heard.set(host, Math.max(at, heard.get(host) ?? 0))
      reports.shift()
    }
    digesting = undefined
    void load()
  }

  async function loadAll(): Promise<void> {
    try {
      await loadWaiting()
    } finally {
      loading = undefined
    }
  }
  async function loadWaiting(): Promise<void> {
    while (waiting.size > 0) {
      const ids = [...waiting.keys()].slice(0, most.loaded)
      const found = await storage.hits(ids)
      for (const each of found) {
        const readings = waiting.get(each.interface)
        if (readings) begin(each, readings)
      }
      // What is not there any more counts for nobody.
      for (const id of ids) waiting.delete(id)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  /** Tried again with the next that is heard: readings wait meanwhile. */
  async function load(): Promise<void> {
    if (waiting.size > 0) loading ??= loadAll()
    await loading?.catch(() => {})
  }

  function forget(id: string): void {
    const of = known.get(id)
    if (!of) return
    for (const counter of of.dirty) settleBase(of, counter, counter.total)
    known.delete(id)
    dirty.delete(of)
    begun.delete(id)
  }

  function settleBase(of: Known, counter: Counter, base: Pick<Total, 'packets' | 'bytes'>): void {
    owe(of.account, counter, counter.base.packets - base.packets, counter.base.bytes - base.bytes)
    counter.base = { packets: base.packets, bytes: base.bytes }
    counter.tried = undefined
    if (counter.total.packets === base.packets && counter.total.bytes === base.bytes) of.dirty.delete(counter)
  }

  /** Compares with what the store has: what was tried is kept or is not, and what somebody else kept is added. */
  async function compare(ids: readonly string[]): Promise<void> {
    const stored = new Map((await storage.hits(ids)).map((each) => [each.interface, each]))
    for (const id of ids) {
      const of = known.get(id)
      if (!of) continue
      const there = stored.get(id)
      if (!there || there.account !== of.account) {
        forget(id)
        continue
      }
      if (there.since === null) begun.set(id, of.since)
      of.unsure = false
      const rows = new Map(there.hits.map((each) => [`${each.direction} ${each.decider}`, each]))
      for (const [key, counter] of of.counters) adopt(of, counter, rows.get(key))
    }
  }

  function adopt(of: Known, counter: Counter, row: HitRecord | undefined): void {
    const { packets, bytes } = row ?? { packets: 0, bytes: 0 }
    const is = (other: Pick<Total, 'packets' | 'bytes'> | undefined) =>
      other?.packets === packets && other.bytes === bytes
    if (is(counter.base)) counter.tried = undefined
    else if (is(counter.tried)) settleBase(of, counter, { packets, bytes })
    else {
      // Somebody else has counted it, or what decided has been forgotten.
      const { total, base } = counter
      const others = { packets: packets - base.packets, bytes: bytes - base.bytes }
      counter.total = { ...total, packets: total.packets + others.packets, bytes: total.bytes + others.bytes }
      counter.base = { packets, bytes }
      counter.tried = undefined
      if (!of.dirty.has(counter) && row === undefined)
        of.counters.delete(`${counter.direction} ${counter.decider}`)
    }
  }

  async function write(batch: readonly (readonly [Known, Counter])[]): Promise<void> {
    const at = Date.now()
    const put = batch.map(([{ id }, { direction, decider, total, base }]) => ({
      ...{ ...total, interface: id, direction, decider, base },
    }))
    const ids = new Set(batch.map(([{ id }]) => id))
    const counted = [...begun].slice(0, most.written).map(([id, since]) => ({ interface: id, since }))
    for (const [, counter] of batch) counter.tried = counter.total
    const args: Programs['keepHits']['args'] = { put, counted }
    const done = await storage.run('keepHits', args, agent(at)).catch((error) => {
      for (const [of] of batch) of.unsure = true
      throw error
    })
    if (!done.ok) throw new Error(done.error.kind)
    const { stale, gone } = done.value
    for (const each of counted) begun.delete(each.interface)
    for (const id of gone) {
      forget(id)
      ids.delete(id)
    }
    for (const id of stale) {
      const of = known.get(id)
      if (of) of.unsure = true
      ids.delete(id)
    }
    for (const [index, [of, counter]] of batch.entries()) {
      const written = put[index]
      if (written && ids.has(of.id) && known.get(of.id) === of) settleBase(of, counter, written)
    }
  }

  async function keepAll(): Promise<void> {
    await digesting
    const until = new Map(heard)
    await load()
    for (let round = 0; round < 2; round++) {
      const unsure = [...dirty].filter((each) => each.unsure).map(({ id }) => id)
      for (let from = 0; from < unsure.length; from += most.loaded)
        await compare(unsure.slice(from, from + most.loaded))
      let batch: [Known, Counter][] = []
      for (const of of [...dirty]) {
        for (const counter of of.dirty) batch.push([of, counter])
        if (batch.length >= most.written) {
          for (let from = 0; from < batch.length; from += most.written)
            await write(batch.slice(from, from + most.written))
          batch = []
        }
      }
      if (batch.length > 0) await write(batch)
      while (begun.size > 0) await write([])
      for (const of of [...dirty]) if (of.dirty.size === 0) dirty.delete(of)
      if (![...dirty].some((each) => each.unsure)) break
    }
    for (const [host, at] of until) {
      if (at <= (heardKept.get(host) ?? 0)) continue
      const args = { put: [], counted: [], host: { host, at } }
      await storage.run('keepHits', args, agent(Date.now()))
      heardKept.set(host, at)
    }
  }

  return {
    hear(report) {
      reports.push(report)
      if (reports.length === 1) {
        const { promise, resolve } = Promise.withResolvers<void>()
        digesting = promise
        void digestAll().finally(resolve)
      }
    },
    enrol(id, host) {
      const at = heard.get(host)
      if (at === undefined || known.has(id)) return
      wait(id, host, at)
      void load()
    },
    async settled() {
      while (digesting || loading) await (digesting ?? loading)?.catch(() => {})
    },
    of(id) {
      const of = known.get(id)
      return of && { account: of.account, since: of.since, counted: of.counters.values() }
    },
    forget,
    heardAt: (host) => heard.get(host),
    left: (host) => void heard.delete(host),
    unkept: (account, decider) => unkept.get(`${account} ${decider}`),
    async keep() {
      while (keeping) await keeping.catch(() => {})
      keeping = keepAll().finally(() => {
        keeping = undefined
      })
      await keeping
    },
    async tidy(deciders) {
      const ids = [...known.keys()]
      for (let from = 0; from < ids.length; from += most.loaded) {
        const some = ids.slice(from, from + most.loaded)
        if (deciders) await compare(some)
        else {
          const since = await storage.countedSince(some)
          for (const id of some) {
            const of = known.get(id)
            if (of && !begun.has(id) && since.get(id) !== of.since) forget(id)
          }
        }
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}

/** All that is counted of an interface, what was not told among it. */
function* countsOf(
  hits: InterfaceHits,
): Iterable<readonly [direction: Direction, decider: string, packets: number, bytes: number]> {
  for (const direction of ['ingress', 'egress'] as const) {
    for (const { by, packets, bytes } of hits[direction]) yield [direction, by, packets, bytes]
    yield [direction, suppressedName, hits.suppressed[direction], 0]
  }
}
