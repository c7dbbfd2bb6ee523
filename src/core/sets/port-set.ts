/** Sets of layer-4 ports, 0 to 65535. */
import type { Range } from './range.ts'
import * as ranges from './ranges.ts'

/** Canonical: sorted, disjoint, not adjacent. */
export type PortSet = ranges.Ranges<number>

const domain: ranges.Domain<number> = {
  min: 0,
  max: 65535,
  next: (value) => value + 1,
  previous: (value) => value - 1,
}

export const emptyPortSet: PortSet = []
export const allPorts: PortSet = [{ first: 0, last: 65535 }]

export function portSet(input: Iterable<Range<number>>): PortSet {
  return ranges.normalise(domain, input)
}

export function unionPorts(a: PortSet, b: PortSet): PortSet {
  return ranges.union(domain, a, b)
}

export function intersectPorts(a: PortSet, b: PortSet): PortSet {
  return ranges.intersect(a, b)
}

export function subtractPorts(a: PortSet, b: PortSet): PortSet {
  return ranges.subtract(domain, a, b)
}

export function complementPorts(set: PortSet): PortSet {
  return ranges.complement(domain, set)
}

export function equalPorts(a: PortSet, b: PortSet): boolean {
  return ranges.equals(a, b)
}

export function isEmptyPorts(set: PortSet): boolean {
  return set.length === 0
}

export function containsPort(set: PortSet, port: number): boolean {
  return ranges.contains(set, port)
}
