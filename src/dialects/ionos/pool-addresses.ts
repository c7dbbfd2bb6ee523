/** Changes of a datacenter that allocate addresses of pools. */
import type { JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { PoolKind } from '../../core/model/pool.ts'
import type { Result } from '../../core/result.ts'
import type { Context } from '../../service/context.ts'
import type { ZoneDecision } from '../../service/zones.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { profile } from './wire.ts'

type Outcome<T> = Promise<Result<T, RequestError>>

/** Returns an address or block of a pool, for a datacenter in this location. */
export type Take = (pool: PoolKind, location: JsonValue | undefined) => string

/** Used while a decision has no allocated addresses yet; clients cannot be given these. */
const placeholders: Readonly<Partial<Record<PoolKind, string>>> = {
  'public-ipv4': '0.0.0.0',
  'lan-ipv4': '0.0.0.0/24',
  'datacenter-ipv6': '::/56',
}

/**
 * Changes a datacenter by a decision that may need addresses of pools. The decision runs with placeholders first; only if
 * it succeeds are its addresses allocated, all at once, and it runs again with them: a refused request allocates none.
 * A retry after a conflict gets the same addresses.
 */
export function changeWithAddresses(
  request: DialectRequest,
  context: Context,
  id: string,
  decide: (there: DocumentRecord | undefined, take: Take) => Outcome<ZoneDecision>,
): Outcome<void> {
  const { addresses, zones } = request.services
  const known = new Map<PoolKind, string[]>()
  return zones.change(context, profile, id, async (there) => {
    for (;;) {
      const used = new Map<PoolKind, number>()
      const missing: { readonly pool: PoolKind; readonly zone?: string }[] = []
      const decided = await decide(there, (pool, zone) => {
        const index = used.get(pool) ?? 0
        used.set(pool, index + 1)
        const address = known.get(pool)?.[index]
        if (address === undefined) missing.push({ pool, ...(typeof zone === 'string' && { zone }) })
        return address ?? placeholders[pool] ?? ''
      })
      if (!decided.ok || missing.length === 0) return decided
      const taken = await addresses.take(request, profile, ...missing)
      if (!taken.ok) return taken
      for (const [index, { pool }] of missing.entries())
        known.set(pool, [...(known.get(pool) ?? []), taken.value[index] ?? ''])
    }
  })
}
