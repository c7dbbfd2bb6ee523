/**
 * Elements of ranges in several fields, in sets of bounded size: a change to such a set costs what it holds.
 *
 * One field's values are halved until each part holds few enough. Where that is depends on the elements alone, so one that
 * comes or goes changes the leaf that it is in, and seldom another.
 */
import type { Range } from '../../core/sets/range.ts'
import type { FieldValue } from './boxes.ts'

interface Keyed {
  readonly ranges: readonly Range<FieldValue>[]
}

export interface Leaf<E extends Keyed> {
  /** Packets with other values in that field need not be looked up here; absent: all are. */
  readonly guard?: { readonly field: number; readonly range: Range<FieldValue> }
  readonly elements: readonly E[]
}

/**
 * At least one leaf, none empty if there are elements, each of at most `most` elements. An element may be in two of those
 * with guards, for each of the widths of a field. Guards of one field are disjoint or the same.
 * `bits` has the width of every field, in the order of the ranges; 0: not halved.
 */
export function leavesOf<E extends Keyed>(
  elements: readonly E[],
  bits: readonly number[],
  most: number,
): Leaf<E>[] {
  if (elements.length <= most) return [{ elements }]
  const ways = bits.flatMap((width, field) =>
    width < splitFrom ? [] : [halved(elements, field, width, most)],
  )
  const [best] = ways.toSorted((a, b) => costOf(a, most) - costOf(b, most))
  if (best === undefined || best.leaves.length < 2)
    return chunks(elements, most).map((each) => ({ elements: each }))
  return [
    ...best.leaves.flatMap(({ guard, elements: own }) =>
      chunks(own, most).map((each) => ({ guard, elements: each })),
    ),
    // In another field: guards of one must not overlap.
    ...(best.wide.length === 0 ? [] : leavesOf(best.wide, bits.with(best.field, 0), most)),
  ]
}

/** Fields of fewer bits are not halved. */
const splitFrom = 16

interface Way<E extends Keyed> {
  readonly field: number
  readonly leaves: readonly Required<Leaf<E>>[]
  /** What is in too many places to be kept in each. */
  readonly wide: readonly E[]
}

/** What all lookups hold, with what every packet is asked beside its leaf counted several times. */
const costOf = <E extends Keyed>({ leaves, wide }: Way<E>, most: number): number =>
  leaves.reduce((sum, { elements }) => sum + elements.length * Math.ceil(elements.length / most), 0) +
  wide.length * 8

/** A leaf is at least as large as 256 of the largest elements in it, so that few are in two. */
function halved<E extends Keyed>(elements: readonly E[], field: number, width: number, most: number): Way<E> {
  const rangeOf = ({ ranges }: E): Range<bigint> => {
    const { first, last } = ranges[field] as Range<FieldValue>
    return { first: BigInt(first), last: BigInt(last) }
  }
  const largest = 1n << BigInt(width - wideBits)
  const narrow: Placed<E>[] = []
  const wide = new Set<E>()
  let isNumber = true
  for (const element of elements) {
    const range = rangeOf(element)
    isNumber &&= typeof element.ranges[field]?.first === 'number'
    if (range.last - range.first >= largest) wide.add(element)
    else narrow.push({ element, range })
  }
  const leaves: Required<Leaf<E>>[] = []
  const halve = (all: readonly Placed<E>[], first: bigint, left: number): void => {
    if (all.length === 0) return
    const size = 1n << BigInt(left)
    const last = first + size - 1n
    const covers = ({ range }: Placed<E>): boolean => range.first <= first && last <= range.last
    if (all.length <= most || all.every(covers)) {
      const range = isNumber ? { first: Number(first), last: Number(last) } : { first, last }
      leaves.push({ guard: { field, range }, elements: all.map(({ element }) => element) })
      return
    }
    // What covers the whole part would be in every one of its leaves.
    const divided: Placed<E>[] = []
    for (const each of all) {
      if (covers(each)) wide.add(each.element)
      else divided.push(each)
    }
    const middle = first + size / 2n
    halve(
      divided.filter(({ range }) => range.first < middle),
      first,
      left - 1,
    )
    halve(
      divided.filter(({ range }) => range.last >= middle),
      middle,
      left - 1,
    )
  }
  halve(narrow, 0n, width)
  const without = leaves.flatMap(({ guard, elements: all }) => {
    const own = all.filter((element) => !wide.has(element))
    return own.length === 0 ? [] : [{ guard, elements: own }]
  })
  return { field, leaves: without, wide: [...wide] }
}

interface Placed<E> {
  readonly element: E
  readonly range: Range<bigint>
}

/** An element that is more than one 256th of all values is looked up apart. */
const wideBits = 8

/** Parts that every packet is looked up in, told apart by what their elements are. */
function chunks<E extends Keyed>(elements: readonly E[], most: number): (readonly E[])[] {
  if (elements.length <= most) return [elements]
  for (let parts = 2; ; parts *= 2) {
    const all: E[][] = Array.from({ length: parts }, () => [])
    for (const element of elements) (all[hashOf(element) % parts] as E[]).push(element)
    const found = all.filter((each) => each.length > 0)
    if (found.every((each) => each.length <= most)) return found
    // Somebody has chosen ranges whose hashes are alike.
    if (parts > elements.length) return found.flatMap((each) => slices(each, most))
  }
}

function slices<E extends Keyed>(elements: readonly E[], most: number): E[][] {
  const sorted = elements.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1))
  return Array.from({ length: Math.ceil(sorted.length / most) }, (_, n) =>
    sorted.slice(n * most, (n + 1) * most),
  )
}

/** FNV-1a (RFC 9923 §2) of the text of its ranges. */
function hashOf(element: Keyed): number {
  let hash = 0x811c9dc5
  for (const character of textOf(element)) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0
  return hash
}

const textOf = ({ ranges }: Keyed): string => ranges.map(({ first, last }) => `${first}-${last}`).join(' ')
