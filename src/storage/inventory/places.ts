/** Who holds what only one can have: devices, numbers of servers, ids of interfaces; before an inventory, and after it. */
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { invalid } from '../programs/common.ts'
import { chunks, marks, query, type Row, type Steps } from '../statement.ts'
import type { InventoryEntry, StoredInterface } from './difference.ts'

/** Hears only of what changes: what others hold is looked up in the store for what is wanted. */
export interface Places {
  /** A server that is new or changes, with the interfaces that are stored of it. */
  named(entry: Pick<InventoryEntry, 'server' | 'interfaces'>, stored: readonly Row[]): void
  /** Those that hosts found where they are hold nothing: who is put there has it. */
  placed(interfaces: readonly (Interface & Partial<Pick<StoredInterface, 'boundBy'>>)[]): void
  leaves(server: Row): void
  /** Interfaces that end, or are nowhere from then on. */
  released(interfaceIds: readonly string[]): void
  /** Whether it was named and is not stored of its server. */
  isNew(interfaceId: string): boolean
  /** The first thing that two would have; else who gives up the device where its host found it to one that is put there, by id. */
  settle(): Steps<Result<ReadonlySet<string>, RequestError>>
}

/** Something of which each has at most one, and nobody another's. A thing is told by two values. */
type Thing<V> = readonly [string, V]

interface Holding<V> {
  readonly holder: string
  readonly thing: Thing<V>
  /** Whether it gives that up to who wants it. */
  readonly yields?: boolean
}

function createHoldings<V extends string | number>() {
  const wanted = new Map<string, Thing<V> | null>()
  return {
    wants(id: string, first: string | null, second: V | null): void {
      wanted.set(id, first === null || second === null ? null : [first, second])
    },
    /** `holders`: who has them in the store, of those that are asked for. */
    *settle(
      holders: (things: readonly Thing<V>[]) => Steps<readonly Holding<V>[]>,
      what: (thing: Thing<V>) => string,
      of: string,
    ): Steps<Result<ReadonlySet<string>, RequestError>> {
      const key = (thing: Thing<V>) => thing.join(' ')
      const things = [...wanted.values()].filter((thing) => thing !== null)
      const holding = new Map((yield* holders(things)).map((each) => [key(each.thing), each]))
      const yielding = new Set<string>()
      const takers = new Map<string, string>()
      for (const [id, thing] of wanted) {
        if (thing === null) continue
        const named = key(thing)
        const held = holding.get(named)
        const holder = takers.get(named) ?? held?.holder
        takers.set(named, id)
        if (holder === undefined || holder === id) continue
        const given = wanted.get(holder)
        if (given === undefined && held?.yields) yielding.add(holder)
        else if (given === undefined || (given !== null && key(given) === named))
          return err(invalid(id, `cannot have ${what(thing)}: ${of} ${holder} has it`))
      }
      return ok(yielding)
    },
  }
}

export function createPlaces(): Places {
  const devices = createHoldings<string>()
  const numbers = createHoldings<number>()
  /** Server of each interface that is new to it. */
  const newcomers = new Map<string, string>()
  return {
    named({ server, interfaces }, stored) {
      numbers.wants(server.id, server.profile, server.number)
      const known = new Set(stored.map(({ id }) => String(id)))
      for (const { id } of interfaces) if (!known.has(id)) newcomers.set(id, server.id)
    },
    placed(interfaces) {
      for (const { id, host, device, boundBy } of interfaces) {
        if (boundBy !== 'mac') devices.wants(id, host, device)
      }
    },
    leaves: ({ id }) => numbers.wants(String(id), null, null),
    released(ids) {
      for (const id of ids) devices.wants(id, null, null)
    },
    isNew: (id) => newcomers.has(id),
    *settle() {
      // An interface keeps its rules under its id, so it stays with its server.
      for (const chunk of chunks([...newcomers.keys()])) {
        const sql = `SELECT id, server FROM interfaces WHERE id IN (${marks(chunk)}) ORDER BY id LIMIT 1`
        const [row] = yield* query(sql, ...chunk)
        if (row) return err(invalid(String(row.id), `is the id of an interface of server ${row.server}`))
      }
      const yielding = yield* devices.settle(
        holdersOfDevices,
        ([host, device]) => `the device ${device} on ${host}`,
        'interface',
      )
      if (!yielding.ok) return yielding
      const fault = yield* numbers.settle(holdersOfNumbers, ([, number]) => `the number ${number}`, 'server')
      return fault.ok ? yielding : fault
    },
  }
}

function* holdersOfDevices(places: readonly Thing<string>[]): Steps<Holding<string>[]> {
  const holders: Holding<string>[] = []
  for (const chunk of chunks(places)) {
    const pairs = chunk.map(() => '(?, ?)').join(', ')
    const sql = `SELECT id, host, device, bound_by FROM interfaces WHERE (host, device) IN (VALUES ${pairs})`
    for (const { id, host, device, bound_by } of yield* query(sql, ...chunk.flat())) {
      const thing = [String(host), String(device)] as const
      holders.push({ holder: String(id), thing, yields: bound_by === 'mac' })
    }
  }
  return holders
}

function* holdersOfNumbers(wanted: readonly Thing<number>[]): Steps<Holding<number>[]> {
  const holders: Holding<number>[] = []
  for (const [profile, things] of Map.groupBy(wanted, ([profile]) => profile)) {
    for (const chunk of chunks(things.map(([, number]) => number))) {
      const sql = `SELECT id, number FROM servers WHERE profile = ? AND number IN (${marks(chunk)})`
      for (const { id, number } of yield* query(sql, profile, ...chunk)) {
        holders.push({ holder: String(id), thing: [profile, Number(number)] })
      }
    }
  }
  return holders
}
