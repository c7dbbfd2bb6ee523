/** Which part of an axis some ranges cover: each range is told what it adds, however many went before. */

export interface Cover {
  /** Covers the places from `first` up to but without `end`; answers which of them were not covered, in order. */
  add(first: number, end: number): [first: number, end: number][]
}

export function createCover(): Cover {
  // Disjoint, sorted, and apart from each other, so that a wide range leaves few behind.
  const [firsts, ends]: [number[], number[]] = [[], []]
  return {
    add(first, end) {
      const from = atLeast(ends, first)
      const pieces: [number, number][] = []
      let to = from
      let next = first
      for (; to < firsts.length && (firsts[to] as number) <= end; to++) {
        const begins = firsts[to] as number
        if (begins > next) pieces.push([next, begins])
        next = Math.max(next, ends[to] as number)
      }
      if (next < end) pieces.push([next, end])
      const start = Math.min(first, firsts[from] ?? first)
      firsts.splice(from, to - from, start)
      ends.splice(from, to - from, Math.max(next, end))
      return pieces
    },
  }
}

/** Number of the first value that is not below `value`. */
function atLeast(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}
