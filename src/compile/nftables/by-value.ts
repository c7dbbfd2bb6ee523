/**
 * Lookups of several fields taken apart: by the value of one field first, then by what is left of the key. What remains
 * concatenated has its most telling field in front.
 */
import type { Range } from '../../core/sets/range.ts'
import type { BoxField, FieldValue } from './boxes.ts'
import type { Lookup, RunElement } from './runs.ts'

export interface ByValue {
  readonly field: BoxField
  /** One for each value; their keys lack the field. */
  readonly lookups: readonly { readonly value: Range<FieldValue>; readonly lookup: Lookup }[]
}

/** Fewer elements of one value are no lookup of their own: another chain and set would cost more than they save. */
const fewest = 8

/**
 * Takes out what has many elements of one value, in the field where that is most. `rest` holds all other elements; it is
 * undefined when there are none.
 */
export function byValue(lookup: Lookup): { readonly by?: ByValue; readonly rest: Lookup | undefined } {
  const ways = lookup.key.map((field, at) => {
    const groups = [...Map.groupBy(lookup.elements, ({ ranges }) => valueAt(ranges, at))].filter(
      ([value, own]) => value !== undefined && own.length >= fewest,
    )
    return { field, at, groups, size: groups.reduce((sum, [, own]) => sum + own.length, 0) }
  })
  const [best] = ways.toSorted((a, b) => b.size - a.size)
  if (!best || best.size === 0) return { rest: lookup }
  const { field, at, groups } = best
  const taken = new Set(groups.flatMap(([, own]) => own))
  const left = lookup.elements.filter((element) => !taken.has(element))
  const lookups = groups.map(([, own]) => {
    const elements = own.map(({ ranges, owner }): RunElement => ({ owner, ranges: ranges.toSpliced(at, 1) }))
    const ranged = elements.some(({ ranges }) => ranges.some(({ first, last }) => first !== last))
    const value = (own[0] as RunElement).ranges[at] as Range<FieldValue>
    return { value, lookup: { ...lookup, key: lookup.key.toSpliced(at, 1), ranged, elements } }
  })
  return { by: { field, lookups }, rest: left.length === 0 ? undefined : { ...lookup, elements: left } }
}

const valueAt = (ranges: RunElement['ranges'], at: number): FieldValue | undefined => {
  const { first, last } = ranges[at] as Range<FieldValue>
  return first === last ? first : undefined
}

/** The lookup with the field in front in which elements differ most: the kernel walks all that hold the first. */
export function mostTellingFirst(lookup: Lookup): Lookup {
  const distinct = lookup.key.map((_, at) => {
    const texts = lookup.elements.map(({ ranges }) => `${ranges[at]?.first}-${ranges[at]?.last}`)
    return new Set(texts).size
  })
  const at = distinct.indexOf(Math.max(...distinct))
  const inFront = <T>(all: readonly T[]): T[] => [all[at] as T, ...all.toSpliced(at, 1)]
  return {
    ...lookup,
    key: inFront(lookup.key),
    elements: lookup.elements.map(({ owner, ranges }) => ({ owner, ranges: inFront(ranges) })),
  }
}
