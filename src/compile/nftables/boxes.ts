/** Matches as products of ranges: the form in which rules are compared with each other, and which sets can hold. */
import type { Family } from '../../core/net/address.ts'
import { macNumber } from '../../core/net/mac.ts'
import { ICMP, ICMPV6 } from '../../core/net/protocol.ts'
import type { Range } from '../../core/sets/range.ts'
import type { NftMatch } from './ruleset.ts'

/** In the order of a set's key. */
export const boxFields = [
  'sourceMac',
  'protocol',
  'source',
  'destination',
  'sourcePort',
  'destinationPort',
  'icmpType',
  'icmpCode',
] as const
export type BoxField = (typeof boxFields)[number]
/** Addresses and MACs are of type bigint, all others of type number. */
export type FieldValue = number | bigint

/** One conjunction of a rule: a packet satisfies it if every field listed here has a value in one of its ranges. */
export interface Product {
  /** Undefined: either. */
  readonly family: Family | undefined
  /** Sorted and disjoint; a field that is absent is not looked at, and packets need not have it. */
  readonly ranges: { readonly [K in BoxField]?: readonly Range<FieldValue>[] }
}

/** Throws on matches that no rule of a policy can ask. */
export function productOf(matches: readonly NftMatch[]): Product {
  let family: Family | undefined
  const ranges: { [K in BoxField]?: readonly Range<FieldValue>[] } = {}
  for (const match of matches) {
    switch (match.kind) {
      case 'family':
        family = match.family
        break
      case 'protocol':
        ranges.protocol = match.protocols.map(exactly)
        break
      case 'address':
        if (match.not) throw new Error('rules ask for no address that is not')
        family = match.family
        ranges[match.side] = match.ranges
        break
      case 'port':
        if (match.protocol !== undefined) ranges.protocol = [exactly(match.protocol)]
        ranges[match.side === 'source' ? 'sourcePort' : 'destinationPort'] = match.ranges
        break
      case 'icmp':
        family = match.family
        ranges.protocol = [exactly(match.family === 'ipv4' ? ICMP : ICMPV6)]
        ranges[match.field === 'type' ? 'icmpType' : 'icmpCode'] = [exactly(match.value)]
        break
      case 'source-mac':
        if (match.not) throw new Error('rules ask for no MAC that is not')
        ranges.sourceMac = [exactly(macNumber(match.mac))]
        break
      default:
        throw new Error(`rules do not ask for ${match.kind}`)
    }
  }
  return { family, ranges }
}

/** How many boxes a product is. */
export function sizeOf({ ranges }: Product): number {
  let size = 1
  for (const each of Object.values(ranges)) size *= each.length
  return size
}

const exactly = <T extends FieldValue>(value: T): Range<T> => ({ first: value, last: value })

/** Families of packets, as bits. */
const maskOfFamily = { ipv4: 1, ipv6: 2 } as const satisfies Record<Family, number>

/**
 * A product of one range per field, in the coordinates of a `Space`: the range of field number f is from `at[f]` up to but
 * without `at[f + fieldCount]`. A field that is not looked at is from 0 to `whole`.
 */
export interface Box {
  /** Bits of `maskOfFamily`. */
  readonly family: number
  /** Bit f: field number f is looked at. */
  readonly fields: number
  readonly at: readonly number[]
  /** Number of the alternative that it is part of. */
  readonly owner: number
}

export const fieldCount = boxFields.length
export const whole = 0x3fffffff

export const fieldNumber = Object.fromEntries(boxFields.map((field, n) => [field, n])) as Readonly<
  Record<BoxField, number>
>

/** Whether there may be packets in both. */
export function overlap(a: Box, b: Box): boolean {
  if ((a.family & b.family) === 0) return false
  const [x, y] = [a.at, b.at]
  for (let f = fieldCount - 1; f >= 0; f--) {
    if (at(x, f) >= at(y, f + fieldCount) || at(y, f) >= at(x, f + fieldCount)) return false
  }
  return true
}

/** Whether all packets of `b` are in `a`. */
export function covers(a: Box, b: Box): boolean {
  if ((a.family & b.family) !== b.family) return false
  const [x, y] = [a.at, b.at]
  for (let f = 0; f < fieldCount; f++) {
    if (at(x, f) > at(y, f) || at(x, f + fieldCount) < at(y, f + fieldCount)) return false
  }
  return true
}

/** What is in `a` and not in `b`, as disjoint boxes. They look at the same fields of the same family, and overlap. */
export function subtract(a: Box, b: Box): Box[] {
  const pieces: Box[] = []
  const rest = [...a.at]
  const cut = (index: number, to: number): void => {
    const piece = [...rest]
    piece[index] = to
    pieces.push({ ...a, at: piece })
  }
  for (let f = 0; f < fieldCount; f++) {
    const [first, end] = [at(b.at, f), at(b.at, f + fieldCount)]
    if (at(rest, f) < first) {
      cut(f + fieldCount, first)
      rest[f] = first
    }
    if (at(rest, f + fieldCount) > end) {
      cut(f, end)
      rest[f + fieldCount] = end
    }
  }
  return pieces
}

const at = (values: readonly number[], index: number): number => values[index] as number

/**
 * The places where any of the given ranges begins or ends, numbered: comparing ranges is then comparing small numbers, and
 * what remains of one range without another begins and ends in such places too.
 */
export interface Space {
  /** Of each field that is looked at: its number, and where its ranges begin and end. */
  readonly ends: (product: Product) => FieldEnds[]
  /** The boxes of a product, and who owns them. */
  readonly boxes: (product: Product, owner: number) => Box[]
  /** The range of values of one field of a box. */
  readonly range: (box: Box, field: BoxField) => Range<FieldValue>
  /** Whether every field that the box looks at has one value. */
  readonly isExact: (box: Box) => boolean
}

export interface FieldEnds {
  readonly number: number
  readonly ranges: readonly (readonly [first: number, end: number])[]
}

interface Axis {
  /** Sorted. */
  readonly places: readonly FieldValue[]
  /** Number of the place → whether the next one is the next value. */
  readonly single: readonly boolean[]
}

export function spaceOf(products: Iterable<Product>): Space {
  const found = new Map<string, FieldValue[]>()
  for (const { family, ranges } of products) {
    for (const [field, each] of Object.entries(ranges)) {
      const key = axisKey(field as BoxField, family)
      let places = found.get(key)
      if (!places) {
        places = []
        found.set(key, places)
      }
      for (const { first, last } of each) places.push(first, after(last))
    }
  }
  const axes = new Map([...found].map(([key, places]) => [key, axisOf(places)]))
  const axisOfField = (field: BoxField, family: Family | undefined): Axis => {
    const axis = axes.get(axisKey(field, family))
    if (!axis) throw new Error(`no product has ${field}`)
    return axis
  }
  const ends = ({ family, ranges }: Product): FieldEnds[] =>
    boxFields.flatMap((field, number) => {
      const wanted = ranges[field]
      if (!wanted) return []
      const { places } = axisOfField(field, family)
      const place = (value: FieldValue): number => placeOf(places, value)
      return [
        { number, ranges: wanted.map(({ first, last }) => [place(first), place(after(last))] as const) },
      ]
    })
  return {
    ends,
    boxes(product, owner) {
      let all = [[...everywhere]]
      let fields = 0
      for (const { number, ranges } of ends(product)) {
        fields |= 1 << number
        all = all.flatMap((one) =>
          ranges.map(([first, end]) => {
            const next = ranges.length === 1 ? one : [...one]
            next[number] = first
            next[number + fieldCount] = end
            return next
          }),
        )
      }
      const family = familyMask(product.family)
      return all.map((at) => ({ family, fields, at, owner }))
    },
    range(box, field) {
      const f = fieldNumber[field]
      const { places } = axisOfField(field, familyOf(box))
      const [first, end] = [places[at(box.at, f)], places[at(box.at, f + fieldCount)]]
      return { first: first as FieldValue, last: before(end as FieldValue) }
    },
    isExact(box) {
      for (const [f, field] of boxFields.entries()) {
        if ((box.fields & (1 << f)) === 0) continue
        const first = at(box.at, f)
        if (at(box.at, f + fieldCount) !== first + 1) return false
        if (!axisOfField(field, familyOf(box)).single[first]) return false
      }
      return true
    },
  }
}

const everywhere = [
  ...Array.from({ length: fieldCount }, () => 0),
  ...Array.from({ length: fieldCount }, () => whole),
]
export const familyMask = (family: Family | undefined): number =>
  family === undefined ? maskOfFamily.ipv4 | maskOfFamily.ipv6 : maskOfFamily[family]
/** Undefined: either. */
export const familyOf = ({ family }: Box): Family | undefined =>
  family === maskOfFamily.ipv4 ? 'ipv4' : family === maskOfFamily.ipv6 ? 'ipv6' : undefined

/** Addresses of each family are apart from each other. */
const axisKey = (field: BoxField, family: Family | undefined): string =>
  field === 'source' || field === 'destination' ? `${field} ${family}` : field

function axisOf(values: readonly FieldValue[]): Axis {
  const places = values
    .toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    .filter((value, n, sorted) => n === 0 || value !== sorted[n - 1])
  return {
    places,
    single: places.map((value, number) => after(value) === places[number + 1]),
  }
}

/** A map would hash large numbers, which takes longer. */
function placeOf(places: readonly FieldValue[], value: FieldValue): number {
  let [low, high] = [0, places.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((places[middle] as FieldValue) < value) low = middle + 1
    else high = middle
  }
  return low
}

const after = (value: FieldValue): FieldValue => (typeof value === 'bigint' ? value + 1n : value + 1)
const before = (value: FieldValue): FieldValue => (typeof value === 'bigint' ? value - 1n : value - 1)
