/** Addresses and prefixes of pools: set aside for a write, held by what it wrote, given back to the pool afterwards. */

import { type Pool, type PoolKind, poolFor, poolKinds, poolName } from '../core/model/pool.ts'
import type { Profile } from '../core/model/profile.ts'
import { prefixRange } from '../core/net/prefix.ts'
import { ok } from '../core/result.ts'
import { keyRange } from '../storage/lease-keys.ts'
import type { AddressChange, Holding, LeaseRecord, PoolRecord, PoolUse, Storage } from '../storage/storage.ts'
import { type AddressConfig, drawnPool } from './addresses-file.ts'
import { actorOf, type Context } from './context.ts'
import type { Outcome } from './outcome.ts'

/**
 * Addresses and prefixes of the configured pools, canonical text. What an interface or a document (`addresses`) is written
 * with is held for it in the same transaction, and given back when it no longer has it; given back, it is nobody's for as
 * long as the operator says. An address that cannot be had is a `conflict` (ip-address) of whatever write names it.
 */
export interface AddressService {
  /**
   * Sets the lowest free ones aside for the account, for a write within ten minutes: all that is wanted, in that order,
   * or nothing. `pool-empty` says how many are left; `zone` is where they are for, as the dialect calls it.
   */
  take(
    ctx: Context,
    profile: Profile,
    ...wanted: readonly { readonly pool: PoolKind; readonly zone?: string; readonly count?: number }[]
  ): Outcome<readonly string[]>
  /** Reserves, attaches, moves, detaches and releases, all or nothing. */
  change(ctx: Context, profile: Profile, change: AddressChange): Outcome<void>
  /** What the account holds, in order of address. */
  list(
    ctx: Context,
    profile: Profile,
    of?: { readonly kind?: string; readonly id?: string },
  ): Promise<readonly LeaseRecord[]>
  /** What naming an address or prefix would come to. */
  holding(ctx: Context, address: string): Promise<Holding>
  /** How full the pools are. `now` is milliseconds since 1970. */
  use(now: number): Promise<readonly PoolUse[]>
}

/** Brings the store to these pools; answers all there are. `now` is milliseconds since 1970. */
export async function configureAddresses(
  storage: Storage,
  { pools: configured, quarantineMs, drawn }: AddressConfig,
  now: number,
): Promise<readonly Pool[]> {
  const actor = { account: '', actor: 'serve', dialect: 'system', requestId: '', at: now } as const
  const pools = [...configured]
  for (const { kind, prefix } of drawn) {
    const kept = await storage.run('keepDrawn', { name: kind, value: prefix() }, actor)
    if (!kept.ok) throw new Error(`the prefix of ${kind} cannot be kept: ${kept.error.kind}`)
    pools.push(drawnPool(kind, kept.value.value))
  }
  const records = pools.map(toRecord)
  const done = await storage.run('configurePools', { pools: records, quarantineMs }, actor)
  if (!done.ok) throw new Error(`the pools of addresses cannot be kept: ${done.error.kind}`)
  return pools
}

function toRecord({ name, kind, profile, zone, prefixes, ranges }: Pool): PoolRecord {
  const { family } = poolKinds[kind]
  const keys = (list: Pool['ranges']) => list.map((range) => keyRange(family, range))
  return { name, kind, profile, zone, whole: keys(prefixes.map(prefixRange)), ranges: keys(ranges) }
}

export function createAddressService(storage: Storage, pools: readonly Pool[]): AddressService {
  return {
    async take(ctx, profile, ...wanted) {
      const { account } = ctx.principal
      const named = wanted.map(({ pool: kind, zone = null, count = 1 }) => ({
        // What no pool serves is told to be empty, by the name that the pool would have.
        pool: poolFor(pools, { kind, profile, zone })?.name ?? poolName(kind, profile, zone),
        count,
      }))
      const done = await storage.run('takeAddresses', { account, profile, wanted: named }, actorOf(ctx))
      return done.ok ? ok(done.value.addresses) : done
    },
    async change(ctx, profile, change) {
      const { account } = ctx.principal
      const done = await storage.run('changeAddresses', { ...change, account, profile }, actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
    list: (ctx, profile, of = {}) => storage.leases({ account: ctx.principal.account, profile, ...of }),
    holding: (ctx, address) => storage.holding(ctx.principal.account, address, ctx.now),
    use: (now) => storage.poolUse(now),
  }
}
