/** The devices of a host as they were last told, what stands on which, and what of that changes. */
import type { Link } from '../../core/model/link.ts'
import { createMultimap } from './multimap.ts'

export interface KnownLinks {
  get(name: string): Link | undefined
  /** Those that stand on the device of that name, the lowest index first. */
  standingOn(name: string): readonly Link[]
  /** Names of the devices that get packets when this one does: its master, and what stands on it. */
  over(name: string): readonly string[]
  /**
   * Takes over what differs in `links` (by name): of these names, or of all (null). Answers what differed, before and after;
   * absent: there was none, or is none any more.
   */
  update(links: ReadonlyMap<string, Link>, names: ReadonlySet<string> | null): readonly LinkChange[]
}

export interface LinkChange {
  readonly before?: Link
  readonly after?: Link
}

/** What hears of edges from a device to what `over` tells, one by one: right after each has come or gone. */
interface Edges {
  added(from: string, to: string): void
  removed(from: string, to: string): void
}

export function createKnownLinks(edges: Edges): KnownLinks {
  const known = new Map<string, Link>()
  const byParent = createMultimap<string, string>()

  function replace(name: string, before: Link | undefined, after: Link | undefined): void {
    const [old, next] = [before?.master?.name, after?.master?.name]
    if (old !== next && before && old !== undefined) {
      known.set(name, { ...before, master: null })
      edges.removed(name, old)
    }
    if (before?.parent !== after?.parent && before?.parent !== undefined) {
      byParent.remove(before.parent, name)
      edges.removed(before.parent, name)
    }
    if (after) known.set(name, after)
    else known.delete(name)
    if (old !== next && next !== undefined) edges.added(name, next)
    if (before?.parent !== after?.parent && after?.parent !== undefined) {
      byParent.add(after.parent, name)
      edges.added(after.parent, name)
    }
  }

  return {
    get: (name) => known.get(name),
    standingOn: (name) =>
      [...byParent.get(name)].flatMap((each) => known.get(each) ?? []).sort((a, b) => a.index - b.index),
    over(name) {
      const master = known.get(name)?.master
      return [...(master ? [master.name] : []), ...byParent.get(name)]
    },
    update(links, names) {
      const changes: LinkChange[] = []
      for (const name of names ?? new Set([...known.keys(), ...links.keys()])) {
        const [before, after] = [known.get(name), links.get(name)]
        if (sameLink(before, after)) continue
        replace(name, before, after)
        changes.push({ ...(before && { before }), ...(after && { after }) })
      }
      return changes
    },
  }
}

const sameLink = (a: Link | undefined, b: Link | undefined): boolean =>
  a === b ||
  (a !== undefined &&
    b !== undefined &&
    a.index === b.index &&
    a.kind === b.kind &&
    a.parent === b.parent &&
    a.master?.name === b.master?.name &&
    a.master?.kind === b.master?.kind)
