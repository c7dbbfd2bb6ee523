/** Who holds what only one can have: devices, numbers of servers, ids of interfaces; before an inventory, and after it. */
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import { invalid } from '../programs/common.ts'
import { chunks, marks, query, type Row, type Steps } from '../statement.ts'
import type { InventoryEntry } from './difference.ts'

/** Hears only of what changes: what others hold is looked up in the store for what is wanted. */
export interface Places {
  /** A server that is new or changes, with the interfaces that are stored of it. */
  named(entry: Pick<InventoryEntry, 'server' | 'interfaces'>, stored: readonly Row[]): void
  placed(interfaces: readonly Interface[]): void
  leaves(server: Row): void
  /** Interfaces that end, or are nowhere from then on. */
  released(interfaceIds: readonly string[]): void
  /** Whether it was named and is not stored of its server. */
  isNew(interfaceId: string): boolean
  /** The first thing that two would have. */
  fault(): Steps<RequestError | undefined>
}

/** Something of which each has at most one, and nobody another's. A thing is told by two values. */
type Thing<V> = readonly [string, V]

function createHoldings<V extends string | number>() {
  const wanted = new Map<string, Thing<V> | null>()
  return {
    wants(id: string, first: string | null, second: V | null): void {
      wanted.set(id, first === null || second === null ? null : [first, second])
    },
    /** `holders`: who has them in the store, of those that are asked for. */
    *fault(
      holders: (things: readonly Thing<V>[]) => Steps<readonly (readonly [holder: string, Thing<V>])[]>,
      what: (thing: Thing<V>) => string,
      of: string,
    ): Steps<RequestError | undefined> {
      const key = (thing: Thing<V>) => thing.join(' ')
      const things = [...wanted.values()].filter((thing) => thing !== null)
      const holding = new Map((yield* holders(things)).map(([holder, thing]) => [key(thing), holder]))
      const takers = new Map<string, string>()
      for (const [id, thing] of wanted) {
        if (thing === null) continue
        const named = key(thing)
        const holder = takers.get(named) ?? holding.get(named)
        takers.set(named, id)
        if (holder === undefined || holder === id) continue
        const given = wanted.get(holder)
        if (given === undefined || (given !== null && key(given) === named))
          return invalid(id, `cannot have ${what(thing)}: ${of} ${holder} has it`)
      }
      return undefined
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
      for (const { id, host, device } of interfaces) devices.wants(id, host, device)
    },
    leaves: ({ id }) => numbers.wants(String(id), null, null),
    released(ids) {
      for (const id of ids) devices.wants(id, null, null)
    },
    isNew: (id) => newcomers.has(id),
    *fault() {
      // An interface keeps its rules under its id, so it stays with its server.
      for (const chunk of chunks([...newcomers.keys()])) {
        const sql = `SELECT id, server FROM interfaces WHERE id IN (${marks(chunk)}) ORDER BY id LIMIT 1`
        const [row] = yield* query(sql, ...chunk)
        if (row) return invalid(String(row.id), `is the id of an interface of server ${row.server}`)
      }
      return (
        (yield* devices.fault(
          holdersOfDevices,
          ([host, device]) => `the device ${device} on ${host}`,
          'interface',
        )) ?? (yield* numbers.fault(holdersOfNumbers, ([, number]) => `the number ${number}`, 'server'))
      )
    },
  }
}

function* holdersOfDevices(places: readonly Thing<string>[]): Steps<(readonly [string, Thing<string>])[]> {
  const holders: (readonly [string, Thing<string>])[] = []
  for (const chunk of chunks(places)) {
    const pairs = chunk.map(() => '(?, ?)').join(', ')
    const sql = `SELECT id, host, device FROM interfaces WHERE (host, device) IN (VALUES ${pairs})`
    for (const { id, host, device } of yield* query(sql, ...chunk.flat())) {
      holders.push([String(id), [String(host), String(device)]])
    }
  }
  return holders
}

function* holdersOfNumbers(wanted: readonly Thing<number>[]): Steps<(readonly [string, Thing<number>])[]> {
  const holders: (readonly [string, Thing<number>])[] = []
  for (const [profile, things] of Map.groupBy(wanted, ([profile]) => profile)) {
    for (const chunk of chunks(things.map(([, number]) => number))) {
      const sql = `SELECT id, number FROM servers WHERE profile = ? AND number IN (${marks(chunk)})`
      for (const { id, number } of yield* query(sql, profile, ...chunk)) {
        holders.push([String(id), [profile, Number(number)]])
      }
    }
  }
  return holders
}
