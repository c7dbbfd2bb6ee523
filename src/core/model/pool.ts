/** Pools that addresses of new resources come from, as the operator configures them. */
import type { Family } from '../net/address.ts'
import type { Prefix } from '../net/prefix.ts'
import type { Range } from '../sets/range.ts'
import type { Profile } from './profile.ts'

/**
 * What each kind of pool hands out: addresses, or prefixes of this length. The names are stored, and stand in the address
 * file and in metrics. `drawn`: without a pool of the kind, the installation draws one at random and keeps it.
 */
export const poolKinds = {
  'public-ipv4': { family: 'ipv4', length: 32 },
  'public-ipv6': { family: 'ipv6', length: 128 },
  'public-ipv6-prefix': { family: 'ipv6', length: 64 },
  'utility-ipv4': { family: 'ipv4', length: 32 },
  'lan-ipv4': { family: 'ipv4', length: 24 },
  'datacenter-ipv6': { family: 'ipv6', length: 56, drawn: true },
} as const satisfies Record<
  string,
  { readonly family: Family; readonly length: number; readonly drawn?: true }
>
export type PoolKind = keyof typeof poolKinds

export interface Pool {
  /** Unique; made from the three that follow. */
  readonly name: string
  readonly kind: PoolKind
  /** The only dialect that it serves; null: all that have no pool of the kind of their own. */
  readonly profile: Profile | null
  /** The only zone or location of that dialect that it serves; null: all that have no pool of the kind of their own. */
  readonly zone: string | null
  /** All that the pool is made of, as the operator names it, disjoint. */
  readonly prefixes: readonly Prefix[]
  /** What can be handed out, in ascending order, disjoint: the prefixes without what is excluded. */
  readonly ranges: readonly Range<bigint>[]
}

export const poolName = (kind: PoolKind, profile: Profile | null, zone: string | null): string =>
  [kind, profile, zone].filter((part) => part !== null).join(' ')

/** The most particular of the pools that serve a place; undefined when none does. */
export function poolFor(
  pools: readonly Pool[],
  of: { readonly kind: PoolKind; readonly profile: Profile; readonly zone: string | null },
): Pool | undefined {
  const { kind, profile, zone } = of
  const names = [poolName(kind, profile, zone), poolName(kind, profile, null), poolName(kind, null, null)]
  return names.map((name) => pools.find((pool) => pool.name === name)).find((pool) => pool !== undefined)
}
