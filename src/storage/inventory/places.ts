/** Who holds what only one can have: devices, numbers of servers, ids of interfaces; before an inventory, and after it. */
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import { invalid } from '../programs/common.ts'
import type { Row } from '../statement.ts'
import type { InventoryEntry } from './difference.ts'

export interface Places {
  stored(server: Row, interfaces: readonly Row[]): void
  named(entry: InventoryEntry): void
  placed(interfaces: readonly Interface[]): void
  leaves(server: Row): void
  /** Interfaces that end, or are nowhere from then on. */
  released(interfaceIds: readonly string[]): void
  isStored(interfaceId: string): boolean
  /** The first thing that two would have. */
  fault(): RequestError | undefined
}

const placeOf = (host: unknown, device: unknown): string | null =>
  host === null || device === null ? null : `${host} ${device}`
const numberOf = (profile: unknown, number: unknown): string | null =>
  number === null ? null : `${profile} ${number}`

/** Something of which each has at most one, and nobody another's. */
function createHoldings() {
  const holders = new Map<string, string>()
  const wanted = new Map<string, string | null>()
  return {
    stored(id: string, thing: string | null): void {
      if (thing !== null) holders.set(thing, id)
    },
    wants(id: string, thing: string | null): void {
      wanted.set(id, thing)
    },
    fault(what: (thing: string) => string, of: string): RequestError | undefined {
      const takers = new Map<string, string>()
      for (const [id, thing] of wanted) {
        if (thing === null) continue
        const holder = takers.get(thing) ?? holders.get(thing)
        takers.set(thing, id)
        if (holder === undefined || holder === id) continue
        const given = wanted.get(holder)
        if (given === undefined || given === thing)
          return invalid(id, `cannot have ${what(thing)}: ${of} ${holder} has it`)
      }
      return undefined
    },
  }
}

export function createPlaces(): Places {
  const devices = createHoldings()
  const numbers = createHoldings()
  /** Server of each interface. */
  const servers = new Map<string, string>()
  const named: [id: string, server: string][] = []
  return {
    stored(server, interfaces) {
      numbers.stored(String(server.id), numberOf(server.profile, server.number))
      for (const { id, server: of, host, device } of interfaces) {
        servers.set(String(id), String(of))
        devices.stored(String(id), placeOf(host, device))
      }
    },
    named({ server, interfaces }) {
      numbers.wants(server.id, numberOf(server.profile, server.number))
      for (const { id } of interfaces) named.push([id, server.id])
    },
    placed(interfaces) {
      for (const { id, host, device } of interfaces) devices.wants(id, placeOf(host, device))
    },
    leaves: ({ id }) => numbers.wants(String(id), null),
    released(ids) {
      for (const id of ids) devices.wants(id, null)
    },
    isStored: (id) => servers.has(id),
    fault() {
      // An interface keeps its rules under its id, so it stays with its server.
      for (const [id, server] of named) {
        const holder = servers.get(id)
        if (holder !== undefined && holder !== server)
          return invalid(id, `is the id of an interface of server ${holder}`)
      }
      return (
        devices.fault((place) => `the device ${place.split(' ').reverse().join(' on ')}`, 'interface') ??
        numbers.fault((number) => `the number ${number.split(' ')[1]}`, 'server')
      )
    },
  }
}
