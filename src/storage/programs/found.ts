/**
 * Which interface is on which device that hosts see: decided from what is stored and what is said, without writing.
 *
 * Who was put somewhere by hand or by the inventory is never moved, and who was found on a device keeps it for as long as its
 * host is there and sees it.
 */
import type { Claimed } from '../../core/model/sighting.ts'
import type { Mac } from '../../core/net/mac.ts'
import { boundByOf, sightingColumns, toSighting } from '../rows.ts'
import { chunks, marks, query, type Row, type Steps } from '../statement.ts'
import type { BoundBy, SightingRecord } from '../storage.ts'
import { hostsAway } from './hosts.ts'
import type { Place } from './moves.ts'

/** An interface that is on a device, or could be. */
export interface Nic {
  readonly id: string
  readonly server: string
  readonly account: string
  readonly mac: Mac
  readonly place: Place | null
  /** Null: it is nowhere. */
  readonly by: BoundBy | null
}

/** What becomes of a device. */
export interface Verdict {
  readonly interface: string | null
  readonly why: string | null
  readonly contested: boolean
}

export const keyOf = ({ host, device }: Place): string => `${host} ${device}`

/** Last five octets of a MAC address. */
const endOf = (mac: Mac): string => mac.slice(3)

/** What an interface's MAC address may be sought as. */
export const soughtAs = ({ mac }: Nic): readonly string[] => [mac, endOf(mac)]

/**
 * What a device is sought as. Hypervisors that derive a device's address from its guest's write `fe` in place of the first octet.
 * A device of which nobody says any more what `before` it was sought as is the same as long as its own address is.
 */
export function soughtOf(
  { mac, address }: Pick<SightingRecord, 'mac' | 'address'>,
  before: Pick<SightingRecord, 'address' | 'sought'> | undefined,
): string | null {
  if (mac !== null) return mac
  if (address === null) return null
  if (before?.address === address && before.sought !== null) return before.sought
  return address.startsWith('fe:') ? endOf(address) : null
}

const isOf = (nic: Nic, sought: string): boolean => soughtAs(nic).includes(sought)

/** Whether a host says that another guest is on the device where an interface was found. */
export const saysAnother = (nic: Nic, { sought }: Pick<SightingRecord, 'sought'>): boolean =>
  sought !== null && !isOf(nic, sought)

interface Knowledge {
  /** Who is on devices, by place. */
  readonly on: Map<string, Nic>
  /** Interfaces by what they are sought as. */
  readonly sought: ReadonlyMap<string, readonly Nic[]>
  /** What hosts see, by place. */
  readonly seen: ReadonlyMap<string, SightingRecord>
  readonly away: ReadonlySet<string>
  /** Whose devices are all in `seen`. */
  readonly speaker: string
}

export interface Decision {
  readonly verdicts: ReadonlyMap<string, Verdict>
  /** Where interfaces go, by id, of those that do. */
  readonly moves: ReadonlyMap<string, { readonly nic: Nic; readonly to: Place | null }>
}

/** `released` are nowhere from now on, unless they are found elsewhere. What comes first of `devices` has the first choice; hosts that are away have none. */
function decide(
  devices: readonly SightingRecord[],
  released: readonly Nic[],
  { on, sought, seen, away, speaker }: Knowledge,
): Decision {
  const moves = new Map<string, { nic: Nic; to: Place | null }>()
  const verdicts = new Map<string, Verdict>()
  const placeOf = (nic: Nic): Place | null => {
    const move = moves.get(nic.id)
    return move ? move.to : nic.place
  }
  function move(nic: Nic, to: Place | null): void {
    const from = placeOf(nic)
    if (from) on.delete(keyOf(from))
    if (to) on.set(keyOf(to), nic)
    moves.set(nic.id, { nic, to })
  }

  /** Whether the device where an interface was found has it, whoever else sees its MAC address. */
  function holds(nic: Nic, place: Place, other: SightingRecord): boolean {
    if (away.has(place.host)) return false
    const there = seen.get(keyOf(place))
    // Of another host: it has not said yet what it sees.
    if (!there) return place.host !== speaker
    if (saysAnother(nic, there)) return false
    return there.present || !other.present
  }

  function judge(device: SightingRecord): Verdict {
    const holder = on.get(keyOf(device))
    if (holder) return { interface: holder.id, why: null, contested: false }
    if (device.sought === null) return unknown('nobody on the host says which MAC address its guest has')
    const nics = sought.get(device.sought) ?? []
    const [nic] = nics
    const named =
      device.sought.length < macLength
        ? `a MAC address that ends in ${device.sought}`
        : `the MAC address ${device.sought}`
    if (!nic) return unknown(`no interface has ${named}`)
    if (nics.length > 1) return contested(`several interfaces have ${named}`, listed(nics))
    const place = placeOf(nic)
    const where = place && `${nic.id} on device ${place.device} of host ${place.host}`
    if (where && nic.by !== 'mac' && !moves.has(nic.id)) {
      const who = nic.by === 'api' ? 'by hand' : 'by the inventory'
      return contested(`the interface that has ${named} was put elsewhere ${who}`, where)
    }
    if (where && place && holds(nic, place, device)) {
      return contested(`the interface that has ${named} is elsewhere, where it is seen, too`, where)
    }
    move(nic, { host: device.host, device: device.device })
    return { interface: nic.id, why: null, contested: false }
  }

  for (const nic of released) move(nic, null)
  for (const device of devices) if (!away.has(device.host)) verdicts.set(keyOf(device), judge(device))
  return { verdicts, moves }
}

const unknown = (why: string): Verdict => ({ interface: null, why, contested: false })
/** `which` interfaces, and where they are. */
const contested = (why: string, which: string): Verdict => ({
  ...{ interface: null, why: `${why}: ${which}`, contested: true },
})

/** What the agent of a host is told of a device: which interfaces others have, and where, is for operators. */
export function toClaim({ device, interface: id, why, contested }: SightingRecord): Claimed {
  const told = contested ? (why?.split(': ')[0] ?? null) : why
  return { device, interface: id, why: told }
}

/** Ids that are told: a name or two say enough. */
const mostListed = 3
const listed = (nics: readonly Nic[]): string => {
  const some = nics.slice(0, mostListed).map(({ id }) => id)
  return [...some, ...(nics.length > mostListed ? ['…'] : [])].join(', ')
}

const nicColumns = 'i.id, i.server, i.mac, i.host, i.device, i.bound_by, s.account'
const nics = `FROM interfaces i JOIN servers s ON s.id = i.server`

function toNic(row: Row): Nic {
  const place =
    row.host === null || row.device === null ? null : { host: String(row.host), device: String(row.device) }
  return {
    ...{ id: String(row.id), server: String(row.server), account: String(row.account), mac: String(row.mac) },
    ...{ place, by: place && boundByOf(row) },
  }
}

/** Decides of these devices, with what is stored of interfaces that they could be and of where those are. `on` is who is on them. */
export function* consider(
  devices: readonly SightingRecord[],
  released: readonly Nic[],
  on: Map<string, Nic>,
  { speaker, awayBefore }: { readonly speaker: string; readonly awayBefore: number },
): Steps<Decision> {
  const known = new Set(devices.map(keyOf))
  const sought = yield* nicsSought(devices.flatMap((each) => each.sought ?? []))
  const others = [...sought.values()]
    .flat()
    .flatMap(({ by, place }) => (by === 'mac' && place && !known.has(keyOf(place)) ? [place] : []))
  const seen = new Map([...(yield* sightingsAt(others)), ...devices].map((each) => [keyOf(each), each]))
  const hosts = [...others, ...devices].map(({ host }) => host).filter((host) => host !== speaker)
  const away = yield* hostsAway(new Set(hosts), awayBefore)
  return decide(devices.toSorted(firstChoice(speaker)), released, { on, sought, seen, away, speaker })
}

/** Who is there, then the host that speaks, then who waits longest. */
const firstChoice = (speaker: string) => (a: SightingRecord, b: SightingRecord) =>
  Number(b.present) - Number(a.present) ||
  Number(b.host === speaker) - Number(a.host === speaker) ||
  a.since - b.since ||
  (keyOf(a) < keyOf(b) ? -1 : 1)

export const byPlace = (all: readonly Nic[]): Map<string, Nic> =>
  new Map(all.flatMap((nic) => (nic.place ? [[keyOf(nic.place), nic] as const] : [])))

/** Who is on these devices. */
export function* nicsOn(places: readonly Place[]): Steps<readonly Nic[]> {
  const found: Nic[] = []
  for (const chunk of chunks(places)) {
    const pairs = chunk.map(() => '(?, ?)').join(', ')
    const sql = `SELECT ${nicColumns} ${nics} WHERE (i.host, i.device) IN (VALUES ${pairs})`
    const rows = yield* query(sql, ...chunk.flatMap(({ host, device }) => [host, device]))
    found.push(...rows.map(toNic))
  }
  return found
}

/** Who was found on devices of a host that are in no sighting. */
export function* strays(host: string): Steps<readonly Nic[]> {
  const sql = `SELECT ${nicColumns} ${nics} WHERE i.host = ? AND i.device IS NOT NULL AND i.bound_by = 'mac'
    AND NOT EXISTS (SELECT 1 FROM sightings t WHERE t.host = i.host AND t.device = i.device)`
  return (yield* query(sql, host)).map(toNic)
}

/** Of servers that are there, by what they are sought as. */
function* nicsSought(wanted: Iterable<string>): Steps<ReadonlyMap<string, readonly Nic[]>> {
  const all = [...new Set(wanted)]
  const found = new Map<string, Nic[]>()
  const parts = [
    ['i.mac', all.filter((each) => each.length === macLength)],
    ['SUBSTR(i.mac, 4)', all.filter((each) => each.length < macLength)],
  ] as const
  for (const [column, some] of parts) {
    for (const chunk of chunks(some)) {
      const sql = `SELECT ${nicColumns}, ${column} AS sought ${nics}
        WHERE ${column} IN (${marks(chunk)}) AND s.origin <> 'left' ORDER BY i.id`
      for (const row of yield* query(sql, ...chunk)) {
        const key = String(row.sought)
        found.set(key, [...(found.get(key) ?? []), toNic(row)])
      }
    }
  }
  return found
}

/** Of its text. */
const macLength = 17

/** What is stored of devices, by place. */
export function* sightingsAt(places: readonly Place[]): Steps<readonly SightingRecord[]> {
  const found: SightingRecord[] = []
  for (const chunk of chunks(places)) {
    const pairs = chunk.map(() => '(?, ?)').join(', ')
    const sql = `SELECT ${sightingColumns} FROM sightings WHERE (host, device) IN (VALUES ${pairs})`
    const rows = yield* query(sql, ...chunk.flatMap(({ host, device }) => [host, device]))
    found.push(...rows.map(toSighting))
  }
  return found
}

/** Devices that any of these interfaces could be on, of hosts that are not away. */
export function* sightingsOf(all: readonly Nic[], awayBefore: number): Steps<readonly SightingRecord[]> {
  const found: SightingRecord[] = []
  for (const chunk of chunks([...new Set(all.flatMap(soughtAs))])) {
    const sql = `SELECT ${sightingColumns} FROM sightings WHERE sought IN (${marks(chunk)})`
    found.push(...(yield* query(sql, ...chunk)).map(toSighting))
  }
  const away = yield* hostsAway(new Set(found.map(({ host }) => host)), awayBefore)
  return found.filter(({ host }) => !away.has(host))
}
