/** Whose packets are tracked, in a table that is changed in place, while interfaces and devices come and go (untracked.ts). */
import type { KnownLinks } from './known-links.ts'
import type { LiveTable } from './live-table.ts'
import { createReach, type Reach } from './reach.ts'
import { type Trackers, type Tracking, untracking, whyTracked } from './untracked.ts'

/** What the state of a packet means to an interface: whether it decides anything. */
export type Means = 'stateful' | 'stateless'

export interface LiveTracking {
  /** Hears of what stands over what. */
  readonly edges: { added: Reach['addEdge']; removed: Reach['removeEdge'] }
  /** Packets of the device are judged or watched. Called once for a device, until it is forgotten. */
  add(device: string, means: Means): void
  remove(device: string, means: Means): void
  /** The device of that name came, went or changed. */
  review(device: string): void
  /** After changes: the table says what is true now. Answers why stateless interfaces are tracked; null: they are not, or there are none. */
  settle(trackers: Trackers | undefined): string | null
  /** What is tracked, as values; absent: all is. */
  tracking(): Tracking | undefined
}

export function createTracking(live: LiveTable, links: Pick<KnownLinks, 'get' | 'over'>): LiveTracking {
  const changed = new Set<string>()
  const review = (device: string): void => void changed.add(device)
  // A packet is routed to the bridge of a stateful interface, or to what stands on it.
  const reach = createReach(links.over, review)
  const stateless = new Set<string>()
  /** By name of the device: what is said of which index. */
  const said = new Map<string, { readonly index: number; readonly means: Means }>()
  const { chains, sides, ways, to } = untracking
  const sets = {
    stateful: live.elements(sides.stateful, 'set', 'type iface_index'),
    stateless: live.elements(sides.stateless, 'set', 'type iface_index'),
  }
  const way = live.elements(ways, 'map', 'type iface_index : verdict')
  way.set('0', to.stateful)
  let untracks = false

  function meaningOf(device: string): { index: number; means: Means } | undefined {
    const link = links.get(device)
    if (!link) return undefined
    if (reach.has(device)) return { index: link.index, means: 'stateful' }
    return stateless.has(device) && link.master?.kind !== 'bridge'
      ? { index: link.index, means: 'stateless' }
      : undefined
  }

  function update(): void {
    // An index may go from one name to another: all that goes is gone before anything comes.
    const coming = [...changed].flatMap((device) => {
      const [old, now] = [said.get(device), meaningOf(device)]
      if (old?.index === now?.index && old?.means === now?.means) return []
      if (old) {
        sets[old.means].delete(String(old.index))
        way.delete(String(old.index))
        said.delete(device)
      }
      return now ? [{ device, now }] : []
    })
    for (const { device, now } of coming) {
      said.set(device, now)
      sets[now.means].set(String(now.index), '')
      way.set(String(now.index), to[now.means])
    }
    changed.clear()
  }

  return {
    edges: { added: reach.addEdge, removed: reach.removeEdge },
    add(device, means) {
      if (means === 'stateful') reach.addRoot(device)
      else {
        stateless.add(device)
        review(device)
      }
    },
    remove(device, means) {
      if (means === 'stateful') reach.removeRoot(device)
      else {
        stateless.delete(device)
        review(device)
      }
    },
    review,
    settle(trackers) {
      update()
      const [many, few] = [sets.stateful.elements.size, sets.stateless.elements.size]
      const tracked = trackers ? whyTracked({ stateful: many, stateless: few }, trackers) : null
      untracks = trackers !== undefined && tracked === null && few > 0
      for (const each of [sets.stateful, sets.stateless, way]) each.stand(untracks)
      for (const [name, text] of chains) live.setChain(name, untracks ? text : undefined)
      return tracked
    },
    tracking() {
      const indexes = (of: Means) => new Set([...sets[of].elements.keys()].map(Number))
      return untracks ? { stateful: indexes('stateful'), stateless: indexes('stateless') } : undefined
    },
  }
}
