/**
 * Lookups of prefixes taken apart by length. Of prefixes of one length a packet is in the one that its address cut to that
 * length names, which is found by hashing: that costs less than intervals do, for a packet and for a change.
 */
import type { Range } from '../../core/sets/range.ts'
import type { BoxField, FieldValue } from './boxes.ts'
import type { Lookup, RunElement } from './runs.ts'

/** For each field of the key, how many bits of an address are looked at; undefined: all of the field. */
export type Lengths = readonly (number | undefined)[]

export interface OfLength {
  readonly lengths: Lengths
  /** Elements are one value in each field: of an address its first. */
  readonly lookup: Lookup
}

/** Every lookup is asked of every packet that reaches it. */
const most = 3

/**
 * Takes out the lengths that most elements have, where that is cheaper than to leave them: a set of intervals costs as
 * much as its logarithm, so what is left must be few. `rest` is undefined when nothing is. `bitsOf` is the width of an
 * address; undefined for fields that hold none.
 */
export function byLength(
  lookup: Lookup,
  bitsOf: (field: BoxField) => number | undefined,
): { readonly by: readonly OfLength[]; readonly rest: Lookup | undefined } {
  const { elements } = lookup
  const bits = lookup.key.map(bitsOf)
  const groups = [...Map.groupBy(elements, (element) => lengthsOf(element, bits)?.join(' '))]
    .flatMap(([key, own]) => (key === undefined ? [] : [own]))
    .toSorted((a, b) => b.length - a.length)
  let left = elements.length
  for (let count = 1; count <= Math.min(most, groups.length); count++) {
    left -= (groups[count - 1] as RunElement[]).length
    if ((left + 1) * 4 ** (count + 1) > elements.length) continue
    const taken = groups.slice(0, count)
    const gone = new Set(taken.flat())
    return {
      by: taken.map((own) => ({
        lengths: lengthsOf(own[0] as RunElement, bits) as Lengths,
        lookup: { ...lookup, ranged: false, elements: own.map(cut) },
      })),
      rest: left === 0 ? undefined : { ...lookup, elements: elements.filter((each) => !gone.has(each)) },
    }
  }
  return { by: [], rest: lookup }
}

const cut = ({ owner, ranges }: RunElement): RunElement => ({
  owner,
  ranges: ranges.map(({ first }) => ({ first, last: first })),
})

/** Undefined when the element has another range than a prefix. */
function lengthsOf({ ranges }: RunElement, bits: Lengths): Lengths | undefined {
  const lengths: (number | undefined)[] = []
  for (const [at, range] of ranges.entries()) {
    const width = bits[at]
    const length = range.first === range.last ? width : width && prefixLength(range, width)
    // What looks at no bit is no value to hash.
    if (range.first !== range.last && !length) return undefined
    lengths.push(length === width ? undefined : length)
  }
  return lengths
}

/** Undefined when the range is none. */
function prefixLength({ first, last }: Range<FieldValue>, width: number): number | undefined {
  const start = BigInt(first)
  const size = BigInt(last) - start + 1n
  if ((size & (size - 1n)) !== 0n || (start & (size - 1n)) !== 0n) return undefined
  return width - (size.toString(2).length - 1)
}
