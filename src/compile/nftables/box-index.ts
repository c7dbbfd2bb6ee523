/** Boxes that look at the same fields, found by what they may share packets with. */
import { type Box, covers, fieldCount, overlap } from './boxes.ts'

export interface BoxIndex {
  readonly boxes: readonly Box[]
  add(box: Box): void
  /**
   * Whether the box shares packets with some of the boxes (1), has only packets of one of them (2), or shares none (0).
   * 1 also when that would take too long to find out.
   */
  overlaps(box: Box): 0 | 1 | 2
  /** Boxes that share packets with it; undefined when there are more than `most`, or it would take too long to find out. */
  overlapping(box: Box, most: number, comparisons: Comparisons): Box[] | undefined
}

/** How many comparisons several indexes may still make, beyond the few that each box is granted. */
export interface Comparisons {
  left: number
}

/** In how many places a box is kept, and a box is looked for; and how many boxes one is compared with in vain. */
const [keptIn, lookedForIn, comparisons] = [4, 32, 512]

interface FieldIndex {
  readonly number: number
  /** Place on the axis → the boxes there that are in few places. */
  readonly at: Map<number, Box[]>
  readonly wide: Box[]
}

/** For boxes of the model's family that look at its fields. */
export function createIndex(model: Box): BoxIndex {
  const boxes: Box[] = []
  const fields: FieldIndex[] = []
  for (let number = 0; number < fieldCount; number++) {
    if ((model.fields & (1 << number)) !== 0) fields.push({ number, at: new Map(), wide: [] })
  }

  /** Lists of boxes among which all are that share packets with it: those of the field that has fewest. */
  function candidates(box: Box): readonly Box[][] {
    let best: Box[][] = [boxes]
    let fewest = boxes.length
    for (const { number, at, wide } of fields) {
      if (fewest < 8) break
      const [first, end] = ends(box, number)
      if (end - first > lookedForIn) continue
      const lists = [wide]
      let count = wide.length
      for (let place = first; place < end && count < fewest; place++) {
        const here = at.get(place)
        if (!here) continue
        lists.push(here)
        count += here.length
      }
      if (count < fewest) {
        best = lists
        fewest = count
      }
    }
    return best
  }

  return {
    boxes,
    add(box) {
      boxes.push(box)
      for (const { number, at, wide } of fields) {
        const [first, end] = ends(box, number)
        if (end - first > keptIn) wide.push(box)
        else {
          for (let place = first; place < end; place++) {
            const here = at.get(place)
            if (here) here.push(box)
            else at.set(place, [box])
          }
        }
      }
    },
    overlaps(box) {
      if ((model.family & box.family) === 0) return 0
      let compared = 0
      for (const list of candidates(box)) {
        for (const other of list) {
          if (overlap(other, box)) return covers(other, box) ? 2 : 1
          if (++compared > comparisons) return 1
        }
      }
      return 0
    },
    overlapping(box, most, allowed) {
      const found = new Set<Box>()
      const lists = candidates(box)
      const needed = lists.reduce((sum, { length }) => sum + length, 0)
      if (needed > Math.max(allowed.left, comparisons)) return undefined
      allowed.left -= needed
      for (const list of lists) {
        for (const other of list) {
          if (overlap(other, box)) found.add(other)
          if (found.size > most) return undefined
        }
      }
      return [...found]
    },
  }
}

const ends = ({ at }: Box, number: number): [number, number] => [
  at[number] as number,
  at[number + fieldCount] as number,
]
