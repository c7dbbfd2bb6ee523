/** How readings of one counter add up: over all epochs, each of which a reading may name at any time. */
import type { EpochCount, HitRecord } from '../storage/storage.ts'

export type Total = Pick<HitRecord, 'packets' | 'bytes' | 'lastHit' | 'epochs'>

export const nothing: Total = { packets: 0, bytes: 0, lastHit: null, epochs: [] }

/** Where a count ends that grew beyond what can be told from its neighbours, whoever said so. */
export const mostCounted = Number.MAX_SAFE_INTEGER

/** A counter may be in two tables and under two keys at once; those that went are of no interest when others have come. */
const maxEpochs = 4

/**
 * With what a reading brings; the same object when it brings nothing. What is read again, or comes late, brings nothing;
 * a count that is lower than before has begun anew. A clock that was set back delays what is read, and nothing of it is lost.
 */
export function counting(total: Total, { epoch, packets, bytes, at }: EpochCount): Total {
  const { epochs } = total
  const known = epochs.find((each) => each.epoch === epoch)
  const oldest = epochs.length < maxEpochs ? undefined : epochs[0]
  // Of an epoch that is forgotten, or has been read again since.
  if (at < (known?.at ?? oldest?.at ?? 0)) return total
  const grown = known !== undefined && packets >= known.packets && bytes >= known.bytes
  if (known && !grown && at === known.at) return total
  const before = known && grown ? known : { packets: 0, bytes: 0 }
  const more = packets - before.packets
  if (known && grown && more === 0 && bytes === before.bytes) return total
  const others = known && epochs.length === 1 ? [] : epochs.filter((each) => each !== known)
  const now = { epoch, packets, bytes, at }
  return {
    packets: Math.min(total.packets + more, mostCounted),
    bytes: Math.min(total.bytes + bytes - before.bytes, mostCounted),
    lastHit: more > 0 ? at : total.lastHit,
    epochs: others.length === 0 ? [now] : [...others, now].sort((a, b) => a.at - b.at).slice(-maxEpochs),
  }
}
