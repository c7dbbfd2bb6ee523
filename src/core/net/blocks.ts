/** Free prefixes of one length, the lowest first. */
import type { Range } from '../sets/range.ts'
import { type Family, familyBits } from './address.ts'
import type { Prefix } from './prefix.ts'

/**
 * The lowest `count` prefixes of `length` that lie in a range and overlap nothing used; fewer when there are no more.
 * `ranges` and `used` are in ascending order; those of `ranges` are disjoint.
 */
export function freeBlocks(
  family: Family,
  length: number,
  ranges: readonly Range<bigint>[],
  used: Iterable<Range<bigint>>,
  count: number,
): Prefix[] {
  const size = 1n << BigInt(familyBits[family] - length)
  const align = (value: bigint) => ((value + size - 1n) / size) * size
  const found: Prefix[] = []
  const rest = used[Symbol.iterator]()
  let next = rest.next()
  for (const range of ranges) {
    let at = align(range.first)
    while (found.length < count && at + size - 1n <= range.last) {
      if (next.done || next.value.first > at + size - 1n) {
        found.push({ family, value: at, length })
        at += size
      } else {
        if (next.value.last >= at) at = align(next.value.last + 1n)
        // What ends before this block ends bears on none that follows; what is longer is looked at again.
        if (next.value.last < at) next = rest.next()
      }
    }
  }
  return found
}

/** How many prefixes of `length` lie in a range. */
export function countBlocks(family: Family, length: number, { first, last }: Range<bigint>): bigint {
  const size = 1n << BigInt(familyBits[family] - length)
  const blocks = (last + 1n) / size - (first + size - 1n) / size
  return blocks > 0n ? blocks : 0n
}
