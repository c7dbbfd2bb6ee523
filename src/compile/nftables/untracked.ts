/**
 * Packets that no connection is tracked for, because neither end is stateful: what decides so before the kernel tracks.
 *
 * Tracking is most of what a packet of a new flow costs under a stateless policy, and a flood of them fills the kernel's
 * table. In doubt a packet is tracked: one that is not would be judged as new where somebody asks (decision 0040).
 */
import type { CommonPolicy } from '../../core/model/effective-policy.ts'
import { hangsAt } from './places.ts'

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
export const asksForState = ({ stateful, ingress, egress }: CommonPolicy): boolean =>
  stateful && (ingress.filtered || egress.filtered)

/** Why stateless interfaces are tracked although it is not asked for; null where they are not, or there are none. Given how many there are. */
export function whyTracked(
  { stateful, stateless }: Readonly<Record<keyof Tracking, number>>,
  { others, routes }: Trackers,
): string | null {
  if (stateless === 0) return null
  // Where nobody is stateful, a packet that takes another way meets nobody who asks.
  return others ?? (stateful > 0 ? routes : null)
}

/** Ahead of tracking (-200), and behind those that put fragments together (-400). */
const place = { name: 'untracked', hook: 'prerouting', priority: -300 } as const
const ways = 'ways'
const sides = { stateful: 'stateful', stateless: 'stateless' } as const satisfies Record<
  keyof Tracking,
  string
>
const free = 'not-tracked'

/**
 * The way is the device that the packet will be routed to: 0 stands for this host, and for nowhere. Packets to many
 * receivers are this host's as well; those to the broadcast address of one of its networks it gets untracked, because
 * asking the routes for their type would cost every packet as much again.
 */
export const untracking = {
  chains: new Map([
    [free, 'notrack'],
    [
      place.name,
      [
        hangsAt(place),
        `iif @${sides.stateful} accept`,
        'ip6 daddr ff00::/8 accept',
        'ip daddr 224.0.0.0/3 accept',
        `fib daddr oif vmap @${ways}`,
        `iif @${sides.stateless} notrack`,
      ].join('\n'),
    ],
  ]),
  /** Names of the sets of devices. */
  sides,
  /** Name of the map of ways, and where it leads. */
  ways,
  to: { stateful: 'accept', stateless: `goto ${free}` },
} as const
