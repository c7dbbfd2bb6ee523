/**
 * Packets that no connection is tracked for, because neither end is stateful: what decides so before the kernel tracks.
 *
 * Tracking is most of what a packet of a new flow costs under a stateless policy, and a flood of them fills the kernel's
 * table. In doubt a packet is tracked: one that is not would be judged as new where somebody asks (decision 0040).
 */
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import type { Link } from '../../core/model/link.ts'
import { hangsAt } from './places.ts'
import { indexElements, type RenderedSet } from './table.ts'

/** Indexes of devices. */
export interface Tracking {
  /** Stateful interfaces, and bridges and what stands on them behind which one is. Packets from and to them are tracked. */
  readonly stateful: ReadonlySet<number>
  /** Interfaces that the state means nothing to, where packets are routed. */
  readonly stateless: ReadonlySet<number>
}

/** Why stateless interfaces are tracked after all; null means nothing keeps them from being left alone. */
export interface Trackers {
  /** Somebody else may ask for the state of their connections. */
  readonly others: string | null
  /** It cannot be foreseen where a packet is routed to. */
  readonly routes: string | null
}

/** Whether the state of a packet decides anything: what is not filtered passes in every state. */
export const asksForState = ({ stateful, ingress, egress }: EffectivePolicy): boolean =>
  stateful && (ingress.filtered || egress.filtered)

/** `placed`: devices whose packets are judged or watched, and by what; those that are closed or fail are absent. */
export function trackingOf(
  placed: readonly { readonly link: Link; readonly policy: EffectivePolicy }[],
  links: readonly Link[],
): Tracking {
  const stateful = new Map<string, Link>()
  const stateless = new Set<number>()
  const byName = new Map(links.map((link) => [link.name, link]))
  for (const { link, policy } of placed) {
    if (asksForState(policy)) stateful.set(link.name, link)
    else if (link.master?.kind !== 'bridge') stateless.add(link.index)
  }
  // A packet is routed to the bridge, or to what stands on it; entries that are added here are visited as well.
  for (const { name, master } of stateful.values()) {
    const over = master ? byName.get(master.name) : undefined
    const behind = [...(over ? [over] : []), ...links.filter(({ parent }) => parent === name)]
    for (const link of behind) {
      if (stateful.has(link.name)) continue
      stateful.set(link.name, link)
      stateless.delete(link.index)
    }
  }
  return { stateful: new Set([...stateful.values()].map(({ index }) => index)), stateless }
}

/** Why stateless interfaces are tracked although it is not asked for; null where they are not, or there are none. */
export function whyTracked({ stateful, stateless }: Tracking, { others, routes }: Trackers): string | null {
  if (stateless.size === 0) return null
  // Where nobody is stateful, a packet that takes another way meets nobody who asks.
  return others ?? (stateful.size > 0 ? routes : null)
}

/** Ahead of tracking (-200), and behind those that put fragments together (-400). */
const place = { name: 'untracked', hook: 'prerouting', priority: -300 } as const
const ways = 'ways'
const own = 'stateless'
const free = 'not-tracked'

/**
 * The way is the device that the packet will be routed to: 0 stands for this host, and for nowhere. Packets to many
 * receivers are this host's as well; those to the broadcast address of one of its networks it gets untracked, because
 * asking the routes for their type would cost every packet as much again.
 */
export function renderUntracked({ stateful, stateless }: Tracking): {
  readonly chains: ReadonlyMap<string, string>
  readonly sets: ReadonlyMap<string, RenderedSet>
} {
  const to = (indexes: Iterable<number>, verdict: string) =>
    [...indexes].map((index) => [String(index), verdict] as const)
  return {
    chains: new Map([
      [free, 'notrack'],
      [
        place.name,
        [
          hangsAt(place),
          'iif @stateful accept',
          'ip6 daddr ff00::/8 accept',
          'ip daddr 224.0.0.0/3 accept',
          `fib daddr oif vmap @${ways}`,
          `iif @${own} notrack`,
        ].join('\n'),
      ],
    ]),
    sets: new Map<string, RenderedSet>([
      ['stateful', { kind: 'set', type: 'type iface_index', elements: indexElements(stateful) }],
      [own, { kind: 'set', type: 'type iface_index', elements: indexElements(stateless) }],
      [
        ways,
        {
          ...{ kind: 'map', type: 'type iface_index : verdict' },
          elements: new Map([...to([0, ...stateful], 'accept'), ...to(stateless, `goto ${free}`)]),
        },
      ],
    ]),
  }
}
