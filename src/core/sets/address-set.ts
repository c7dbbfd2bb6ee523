/** Sets of IP addresses of both families: prefixes, ranges and lists are all the same thing here. */
import { type Family, families, maxAddress } from '../net/address.ts'
import type { Range } from './range.ts'
import * as ranges from './ranges.ts'

/** Canonical ranges per family, so that equal sets are equal structures. */
export interface AddressSet {
  readonly ipv4: ranges.Ranges<bigint>
  readonly ipv6: ranges.Ranges<bigint>
}

/** A range of addresses with the family it is of; both ends inclusive. */
export interface AddressRange extends Range<bigint> {
  readonly family: Family
}

const domain = (family: Family): ranges.Domain<bigint> => ({
  min: 0n,
  max: maxAddress[family],
  next: (value) => value + 1n,
  previous: (value) => value - 1n,
})
const domains = { ipv4: domain('ipv4'), ipv6: domain('ipv6') } as const satisfies Record<
  Family,
  ranges.Domain<bigint>
>

const perFamily = (make: (family: Family) => ranges.Ranges<bigint>): AddressSet => ({
  ipv4: make('ipv4'),
  ipv6: make('ipv6'),
})

export const emptyAddressSet: AddressSet = perFamily(() => [])
export const allAddresses: AddressSet = perFamily((family) => [{ first: 0n, last: maxAddress[family] }])

export function addressSet(input: Iterable<AddressRange>): AddressSet {
  const all = [...input]
  return perFamily((family) =>
    ranges.normalise(
      domains[family],
      all.filter((range) => range.family === family),
    ),
  )
}

export function union(a: AddressSet, b: AddressSet): AddressSet {
  return perFamily((family) => ranges.union(domains[family], a[family], b[family]))
}

export function intersect(a: AddressSet, b: AddressSet): AddressSet {
  return perFamily((family) => ranges.intersect(a[family], b[family]))
}

export function subtract(a: AddressSet, b: AddressSet): AddressSet {
  return perFamily((family) => ranges.subtract(domains[family], a[family], b[family]))
}

export function complement(set: AddressSet): AddressSet {
  return perFamily((family) => ranges.complement(domains[family], set[family]))
}

export function equals(a: AddressSet, b: AddressSet): boolean {
  return families.every((family) => ranges.equals(a[family], b[family]))
}

export function isEmpty(set: AddressSet): boolean {
  return set.ipv4.length === 0 && set.ipv6.length === 0
}

export function contains(set: AddressSet, family: Family, value: bigint): boolean {
  return ranges.contains(set[family], value)
}
