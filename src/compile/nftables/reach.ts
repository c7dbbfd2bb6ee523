/**
 * What can be reached from some nodes of a graph, while roots and edges come and go: a change costs what can be reached
 * from where it is. Cycles are allowed, and keep nothing reached by themselves.
 */

export interface Reach {
  has(node: string): boolean
  /** A node is a root as often as it was added. */
  addRoot(node: string): void
  removeRoot(node: string): void
  /** After `targets` tells of it; of several edges alike each is told. */
  addEdge(from: string, to: string): void
  /** After `targets` no longer tells of it. */
  removeEdge(from: string, to: string): void
}

/** `targets`: where the edges of a node lead. `changed` hears of every node that is reached, or no longer is. */
export function createReach(
  targets: (node: string) => readonly string[],
  changed: (node: string) => void,
): Reach {
  const roots = new Map<string, number>()
  const reached = new Set<string>()
  /** By how many edges from reached nodes a node is reached; absent: by none. */
  const support = new Map<string, number>()
  const add = (counts: Map<string, number>, node: string, by: 1 | -1): void => {
    const count = (counts.get(node) ?? 0) + by
    if (count === 0) counts.delete(node)
    else counts.set(node, count)
  }

  function reach(first: string): void {
    const waiting = [first]
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (reached.has(node)) continue
      reached.add(node)
      changed(node)
      for (const target of targets(node)) {
        add(support, target, 1)
        waiting.push(target)
      }
    }
  }

  /** Looks whether nodes are still reached that have lost a root or an edge. */
  function review(suspects: readonly string[]): void {
    const stands = (node: string) => !reached.has(node) || roots.has(node)
    // What may be reached by way of the suspects alone, and how often it is by each other.
    const doubtful = new Map<string, number>()
    const waiting = suspects.filter((node) => !stands(node))
    for (const node of waiting) doubtful.set(node, 0)
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      for (const target of targets(node)) {
        if (stands(target)) continue
        if (!doubtful.has(target)) waiting.push(target)
        doubtful.set(target, (doubtful.get(target) ?? 0) + 1)
      }
    }
    // Those that others reach, and what they reach in turn.
    const sure = [...doubtful]
      .filter(([node, inside]) => (support.get(node) ?? 0) > inside)
      .map(([node]) => node)
    for (let node = sure.pop(); node !== undefined; node = sure.pop()) {
      if (doubtful.delete(node)) sure.push(...targets(node).filter((target) => doubtful.has(target)))
    }
    for (const node of doubtful.keys()) {
      reached.delete(node)
      changed(node)
      for (const target of targets(node)) add(support, target, -1)
    }
  }

  return {
    has: (node) => reached.has(node),
    addRoot(node) {
      add(roots, node, 1)
      reach(node)
    },
    removeRoot(node) {
      add(roots, node, -1)
      if (!roots.has(node)) review([node])
    },
    addEdge(from, to) {
      if (!reached.has(from)) return
      add(support, to, 1)
      reach(to)
    },
    removeEdge(from, to) {
      if (!reached.has(from)) return
      add(support, to, -1)
      review([to])
    },
  }
}
