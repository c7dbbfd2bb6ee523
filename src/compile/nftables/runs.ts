/**
 * First-match lists as few lookups: which rules can be looked up together without changing which of them decides.
 *
 * It knows nothing of nft, and its answer depends on the list alone.
 */
import type { Family } from '../../core/net/address.ts'
import type { Range } from '../../core/sets/range.ts'
import { type Comparisons, createIndex } from './box-index.ts'
import {
  type Box,
  type BoxField,
  boxFields,
  type FieldValue,
  familyMask,
  familyOf,
  fieldCount,
  fieldNumber,
  overlap,
  type Product,
  type Space,
  sizeOf,
  spaceOf,
  subtract,
} from './boxes.ts'
import { createCover } from './cover.ts'

/** What a set would hold: its packets are decided by the alternative of that number. */
export interface RunElement {
  /** One range for each field of the lookup's key, in its order. */
  readonly ranges: readonly Range<FieldValue>[]
  readonly owner: number
}

/** The steps that decide as the list does, each asked where those before it decided nothing. */
export type Step =
  /** Boxes in order; the first that holds decides. */
  | { readonly kind: 'rules'; readonly boxes: readonly StepBox[] }
  | Lookup
  /** One alternative as it is, field by field: it would be too many boxes. */
  | { readonly kind: 'product'; readonly owner: number }

export interface StepBox {
  readonly owner: number
  readonly family: Family | undefined
  /** Null: not looked at. */
  readonly ranges: { readonly [K in BoxField]?: Range<FieldValue> }
}

export interface Lookup {
  readonly kind: 'lookup'
  readonly family: Family | undefined
  /** In the order of `boxFields`. */
  readonly key: readonly BoxField[]
  /** The only protocol, asked before; undefined: it is part of the key, or not asked. */
  readonly protocol: number | undefined
  /** Whether an element may be more than one value in a field. */
  readonly ranged: boolean
  /** Disjoint: their order does not matter. */
  readonly elements: readonly RunElement[]
}

export interface Bounds {
  /** Lists of at most that many boxes stay rules. */
  readonly shortList: number
  /** Lookups of fewer boxes stay rules. */
  readonly shortRun: number
  /** Products of more boxes stay products. */
  readonly product: number
  /**
   * The most boxes that a list is taken apart into: where there are more, more products stay what they are. Once a list
   * has as many elements, no box is cut into pieces.
   */
  readonly boxes: number
  /** The most pieces that one box may be cut into where others have decided parts of it. */
  readonly pieces: number
}

export const bounds: Bounds = { shortList: 8, shortRun: 4, product: 4096, boxes: 65_536, pieces: 64 }

/** How many runs a box looks back for one that it may join. */
const lookBack = 64
/** Comparisons of boxes in a list, about a second's; behind them a box is compared with few. */
const mostComparisons = 50_000_000
/** So few of one value are looked up among ranges. */
const fewExact = 64

/** The steps of alternatives in their order. An alternative without ranges in a field that it looks at holds for nothing. */
export function stepsOf(products: readonly Product[], limits: Bounds = bounds): Step[] {
  const sizes = products.map(sizeOf)
  if (total(sizes) <= limits.shortList) {
    const boxes = products.flatMap(inOrder)
    return boxes.length === 0 ? [] : [{ kind: 'rules', boxes }]
  }
  const most = largestProduct(sizes, limits)
  const space = spaceOf(products)
  const boxesOf = (owner: number): Box[] => space.boxes(products[owner] as Product, owner)
  const items = products.map((product, owner) =>
    (sizes[owner] as number) > most ? productRun(product, owner, space) : boxesOf(owner),
  )
  const shapes = shapesOf(
    items.flatMap((each) => (Array.isArray(each) ? each : [])),
    space,
  )
  const runs: Run[] = []
  const count: Count = { elements: 0, left: mostComparisons }
  const newRun = (shape: Shape, model: Box): Run => boxRun(shape, model, space, limits, count)
  for (const item of items) {
    if (Array.isArray(item)) for (const box of item) place(runs, box, shapes, newRun)
    else runs.push(item)
  }
  return stepsOfRuns(runs)
}

/** The boxes of a product that is compared with no other. */
function inOrder({ family, ranges }: Product, owner: number): StepBox[] {
  let boxes: StepBox[] = [{ owner, family, ranges: {} }]
  for (const field of boxFields) {
    const each = ranges[field]
    if (each)
      boxes = boxes.flatMap((box) =>
        each.map((range) => ({ ...box, ranges: { ...box.ranges, [field]: range } })),
      )
  }
  return boxes
}

const total = (sizes: readonly number[]): number => sizes.reduce((a, b) => a + b, 0)

/** Halved until what is taken apart is within the bound. */
function largestProduct(sizes: readonly number[], limits: Bounds): number {
  let most = limits.product
  while (most > 1 && total(sizes.filter((size) => size <= most)) > limits.boxes) most >>= 1
  return most
}

/** A part of the list: what of a packet it looks at, and where it may decide. */
interface Run {
  /** Undefined: no box may join it. */
  readonly shape: string | undefined
  /** Whether the box has packets that the run decides (1), only such (2), or none (0); 1 when that would take too long to find out. */
  overlaps(box: Box): 0 | 1 | 2
  /** Takes the box, but for what the run decides already. False: it would be too many pieces. */
  join(box: Box): boolean
  readonly step: () => Step
}

function place(runs: Run[], box: Box, shapes: Shapes, newRun: (shape: Shape, model: Box) => Run): void {
  const shape = shapes.of(box)
  // A run of ranges holds one value as well.
  const wider = shape.ranged ? undefined : shapes.ranged(box)
  let other: Run | undefined
  const oldest = Math.max(0, runs.length - lookBack)
  for (let i = runs.length - 1; i >= oldest; i--) {
    const run = runs[i] as Run
    if (run.shape === shape.name) {
      if (run.join(box)) return
      break
    }
    if (run.shape === wider) other ??= run
    const overlaps = run.overlaps(box)
    if (overlaps === 2) return
    if (overlaps === 1) {
      if (other?.join(box)) return
      break
    }
  }
  const run = newRun(shape, box)
  run.join(box)
  runs.push(run)
}

/** Boxes of one shape can be elements of one set. */
interface Shape {
  readonly name: string
  /** Whether an element may be more than one value in a field. */
  readonly ranged: boolean
  readonly key: readonly BoxField[]
  /** The only protocol, asked before the lookup. */
  readonly protocol: number | undefined
}

interface Shapes {
  readonly of: (box: Box) => Shape
  /** Name of the shape that holds ranges of the fields that it looks at. */
  readonly ranged: (box: Box) => string
}

/**
 * Boxes of one value in each field are hashed, apart from others that look at the same fields: hashing costs least, for
 * a packet and for a change. They are with the others where these are looked up in one field, or where they are few.
 */
function shapesOf(boxes: readonly Box[], space: Space): Shapes {
  const counts = new Map<number, { exact: number; ranged: number }>()
  const exact = new Set<Box>()
  const kind = ({ family, fields }: Box): number => (fields << 2) | family
  for (const box of boxes) {
    const count = counts.get(kind(box)) ?? { exact: 0, ranged: 0 }
    counts.set(kind(box), count)
    if (space.isExact(box)) {
      exact.add(box)
      count.exact++
    } else count.ranged++
  }
  const known = new Map<string, Shape>()
  function shapeOf(box: Box, ranged: boolean): Shape {
    const name = `${kind(box)} ${ranged} ${box.at[fieldNumber.protocol]}`
    let shape = known.get(name)
    if (!shape) {
      const hasProtocol = (box.fields & (1 << fieldNumber.protocol)) !== 0
      const key = keyOf(box, ranged)
      const protocol =
        hasProtocol && !key.includes('protocol') ? Number(space.range(box, 'protocol').first) : undefined
      shape = { name: `${kind(box)} ${ranged} ${protocol}`, ranged, key, protocol }
      known.set(name, shape)
    }
    return shape
  }
  return {
    of(box) {
      const count = counts.get(kind(box)) ?? { exact: 0, ranged: 0 }
      const joins = count.ranged > 0 && (keyOf(box, true).length === 1 || count.exact <= fewExact)
      return shapeOf(box, joins || !exact.has(box))
    },
    ranged: (box) => shapeOf(box, true).name,
  }
}

/**
 * The fields of a key. Among ranges the protocol is asked before: one field is cheaper to look up than two, and of several
 * the kernel walks all elements that hold the first. ICMP's own fields imply it.
 */
function keyOf({ fields }: Box, pinned: boolean): BoxField[] {
  const all = boxFields.filter((_, f) => (fields & (1 << f)) !== 0)
  const implied = all.includes('icmpType') || all.includes('icmpCode')
  return (pinned || implied) && all.length > 1 ? all.filter((field) => field !== 'protocol') : all
}

/** Boxes of one shape, disjoint but for what their order decides. */
function boxRun(
  { name, key, protocol, ranged }: Shape,
  model: Box,
  space: Space,
  limits: Bounds,
  count: Count,
): Run {
  const elements = createIndex(model)
  const joined: Box[] = []
  // Boxes that look at one field, of one protocol, differ in that field alone.
  const only = key.length === 1 ? createCover() : undefined
  const f = fieldNumber[key[0] ?? 'source']
  return {
    shape: name,
    overlaps: (box) => elements.overlaps(box),
    join(box) {
      let pieces: Box[] | undefined
      if (only)
        pieces = only
          .add(box.at[f] as number, box.at[f + fieldCount] as number)
          .map(([first, end]) => ({ ...box, at: box.at.with(f, first).with(f + fieldCount, end) }))
      else {
        const found = elements.overlapping(box, limits.pieces, count)
        pieces = found && without(box, found, count.elements < limits.boxes ? limits.pieces : 1)
      }
      if (!pieces) return false
      if (pieces.length > 0) joined.push(box)
      for (const piece of pieces) elements.add(piece)
      count.elements += pieces.length
      return true
    },
    step: () =>
      joined.length < limits.shortRun
        ? asRules(space, joined)
        : {
            kind: 'lookup',
            family: familyOf(model),
            key,
            protocol,
            ranged,
            elements: elements.boxes.map((box) => ({
              owner: box.owner,
              ranges: key.map((field) => space.range(box, field)),
            })),
          },
  }
}

/** What a list has cost so far. */
interface Count extends Comparisons {
  elements: number
}

/** What is in the box and in none of the others, as disjoint boxes. Undefined: more than `most`. */
function without(box: Box, others: readonly Box[], most: number): Box[] | undefined {
  let pieces = [box]
  for (const other of others) {
    pieces = pieces.flatMap((piece) => (overlap(piece, other) ? subtract(piece, other) : [piece]))
    if (pieces.length > most) return undefined
  }
  return pieces
}

function productRun(product: Product, owner: number, space: Space): Run {
  const family = familyMask(product.family)
  const ends = space.ends(product)
  return {
    shape: undefined,
    overlaps({ family: other, at }) {
      if ((family & other) === 0) return 0
      let covered = (family & other) === other
      for (const { number, ranges } of ends) {
        const [first, end] = [at[number] as number, at[number + fieldCount] as number]
        const met = ranges.find((range) => range[0] < end && first < range[1])
        if (!met) return 0
        covered &&= met[0] <= first && end <= met[1]
      }
      return covered ? 2 : 1
    },
    join: () => false,
    step: () => ({ kind: 'product', owner }),
  }
}

function stepsOfRuns(runs: readonly Run[]): Step[] {
  const steps: Step[] = []
  let last: StepBox[] | undefined
  for (const run of runs) {
    const step = run.step()
    if (step.kind !== 'rules') {
      last = undefined
      steps.push(step)
    } else if (last) last.push(...step.boxes)
    else {
      last = [...step.boxes]
      steps.push({ kind: 'rules', boxes: last })
    }
  }
  return steps
}

const asRules = (space: Space, boxes: readonly Box[]): Step & { kind: 'rules' } => ({
  kind: 'rules',
  boxes: boxes.map((box) => ({
    owner: box.owner,
    family: familyOf(box),
    ranges: Object.fromEntries(
      boxFields.flatMap((field, f) =>
        (box.fields & (1 << f)) === 0 ? [] : [[field, space.range(box, field)]],
      ),
    ),
  })),
})
