/** What is still to be written of the devices that one host's agent sees: changes that follow each other become one. */
import { maxSightings, type Sighting, type SightingChange } from '../core/model/sighting.ts'
import type { SightingRecord } from '../storage/storage.ts'

/** All of it, or what differs from what is stored. Devices are in one of `put` and `remove`. */
export interface SightingsToWrite {
  readonly whole: boolean
  readonly put: ReadonlyMap<string, Sighting>
  readonly remove: ReadonlySet<string>
  /** To be looked at once more, whatever was said of them. */
  readonly again: ReadonlySet<string>
}

export const nothingToWrite: SightingsToWrite = {
  ...{ whole: false, put: new Map(), remove: new Set(), again: new Set() },
}

export const isNothing = ({ whole, put, remove, again }: SightingsToWrite): boolean =>
  !whole && put.size + remove.size + again.size === 0

/** What an agent said, as it is to be written: devices beyond the most that a host has are left out. */
export function fromChange({ whole, put, remove }: SightingChange): SightingsToWrite {
  const some = put.slice(0, maxSightings)
  const names = new Set(some.map(({ device }) => device))
  return {
    whole,
    put: new Map(some.map((each) => [each.device, each])),
    remove: new Set(whole ? [] : remove.filter((device) => !names.has(device)).slice(0, 2 * maxSightings)),
    again: new Set(),
  }
}

/** One after the other; both at once. No larger than what a host may have. */
export function following(first: SightingsToWrite, then: SightingsToWrite): SightingsToWrite {
  if (isNothing(first)) return then
  if (then.whole) return then
  const put = new Map(first.put)
  const remove = new Set(first.remove)
  for (const device of then.remove) {
    put.delete(device)
    if (!first.whole) remove.add(device)
  }
  for (const [device, sighting] of then.put) {
    if (!put.has(device) && put.size >= maxSightings) continue
    put.set(device, sighting)
    remove.delete(device)
  }
  const again = new Set([...first.again, ...then.again].filter((device) => !remove.has(device)))
  return { whole: first.whole, put, remove, again }
}

/** What differs from what is stored, or may have to be told otherwise, where all was said. */
export function differing(
  { put: said, again }: SightingsToWrite,
  stored: readonly (SightingRecord & { readonly due: boolean })[],
): SightingsToWrite {
  const put = new Map(said)
  const remove = new Set<string>()
  for (const row of stored) {
    const sighting = said.get(row.device)
    if (!sighting) remove.add(row.device)
    else if (!row.due && isAs(sighting, row)) put.delete(row.device)
  }
  return { whole: true, put, remove, again }
}

function isAs(a: Sighting, b: Sighting): boolean {
  const { device, present, mac, address, source, guarded, guest, adoption } = a
  const plain =
    device === b.device &&
    present === b.present &&
    mac === b.mac &&
    address === b.address &&
    source === b.source &&
    guarded === b.guarded
  return plain && textOf(guest) === textOf(b.guest) && textOf(adoption) === textOf(b.adoption)
}

/** With keys in order. */
const textOf = (value: object | undefined): string =>
  JSON.stringify(value ?? null, (_, each) =>
    each && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  )
