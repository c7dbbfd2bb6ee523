/**
 * Sets as canonical lists of ranges: sorted, disjoint, never adjacent. One algebra for addresses and ports.
 * Two equal sets are equal lists.
 */
import type { Range } from './range.ts'

export type Ranges<T extends number | bigint> = readonly Range<T>[]

/** The universe a set lives in, and the step from one member to the next. */
export interface Domain<T extends number | bigint> {
  readonly min: T
  readonly max: T
  readonly next: (value: T) => T
  readonly previous: (value: T) => T
}

/** The canonical form of any ranges, in any order, overlapping or not. */
export function normalise<T extends number | bigint>(
  domain: Domain<T>,
  ranges: Iterable<Range<T>>,
): Range<T>[] {
  const sorted = [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  const result: Range<T>[] = []
  for (const range of sorted) {
    const previous = result.at(-1)
    // Touching ranges merge; the maximum has no successor to compare with.
    if (previous && (previous.last === domain.max || range.first <= domain.next(previous.last))) {
      if (range.last > previous.last) result[result.length - 1] = { first: previous.first, last: range.last }
    } else result.push({ first: range.first, last: range.last })
  }
  return result
}

export function union<T extends number | bigint>(domain: Domain<T>, a: Ranges<T>, b: Ranges<T>): Range<T>[] {
  return normalise(domain, [...a, ...b])
}

export function intersect<T extends number | bigint>(a: Ranges<T>, b: Ranges<T>): Range<T>[] {
  const result: Range<T>[] = []
  for (let i = 0, j = 0; ; ) {
    const x = a[i]
    const y = b[j]
    if (!x || !y) return result
    const first = x.first > y.first ? x.first : y.first
    const last = x.last < y.last ? x.last : y.last
    if (first <= last) result.push({ first, last })
    if (x.last < y.last) i++
    else j++
  }
}

export function complement<T extends number | bigint>(domain: Domain<T>, set: Ranges<T>): Range<T>[] {
  const result: Range<T>[] = []
  let first: T | undefined = domain.min
  for (const range of set) {
    if (first !== undefined && first < range.first) result.push({ first, last: domain.previous(range.first) })
    first = range.last === domain.max ? undefined : domain.next(range.last)
  }
  if (first !== undefined) result.push({ first, last: domain.max })
  return result
}

export function subtract<T extends number | bigint>(
  domain: Domain<T>,
  a: Ranges<T>,
  b: Ranges<T>,
): Range<T>[] {
  return intersect(a, complement(domain, b))
}

export function equals<T extends number | bigint>(a: Ranges<T>, b: Ranges<T>): boolean {
  return (
    a.length === b.length && a.every((range, i) => range.first === b[i]?.first && range.last === b[i]?.last)
  )
}

/** Binary search; sets of one range, by far the most common, cost two comparisons. */
export function contains<T extends number | bigint>(set: Ranges<T>, value: T): boolean {
  let low = 0
  let high = set.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const range = set[middle] as Range<T>
    if (value < range.first) high = middle - 1
    else if (value > range.last) low = middle + 1
    else return true
  }
  return false
}
