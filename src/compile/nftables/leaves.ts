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
 * At least one leaf, none empty if there are elements, each of at most `most` elements. An element may be in several of those with guards.
 * `bits` has the width of every field, in the order of the ranges.
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
    ...(best.wide.length === 0 ? [] : leavesOf(best.wide, bits, most)),
  ]
}

/** Fields of fewer bits are not halved. */
const splitFrom = 16

interface Way<E extends Keyed> {
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
  const wide: E[] = []
  let isNumber = true
  for (const element of elements) {
    const range = rangeOf(element)
    isNumber &&= typeof element.ranges[field]?.first === 'number'
    if (range.last - range.first >= largest) wide.push(element)
    else narrow.push({ element, range })
  }
  const leaves: Required<Leaf<E>>[] = []
  const halve = (all: readonly Placed<E>[], first: bigint, left: number): void => {
    if (all.length === 0) return
    const size = 1n << BigInt(left)
    const covered = all.every(({ range }) => range.first <= first && first + size - 1n <= range.last)
    if (all.length <= most || covered) {
      const last = first + size - 1n
      const range = isNumber ? { first: Number(first), last: Number(last) } : { first, last }
      leaves.push({ guard: { field, range }, elements: all.map(({ element }) => element) })
      return
    }
    const middle = first + size / 2n
    halve(
      all.filter(({ range }) => range.first < middle),
      first,
      left - 1,
    )
    halve(
      all.filter(({ range }) => range.last >= middle),
      middle,
      left - 1,
    )
  }
  halve(narrow, 0n, width)
  return { leaves, wide }
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
  }
}

/** FNV-1a (RFC 9923 §2) of the text of its ranges. */
function hashOf({ ranges }: Keyed): number {
  let hash = 0x811c9dc5
  for (const character of ranges.map(({ first, last }) => `${first}-${last}`).join(' '))
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0
  return hash
}
