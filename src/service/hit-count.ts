/** How readings of one counter add up: over all epochs, each of which a reading may name at any time. */
import type { EpochCount, HitRecord } from '../storage/storage.ts'

export type Total = Pick<HitRecord, 'packets' | 'bytes' | 'lastHit' | 'epochs'>

export const nothing: Total = { packets: 0, bytes: 0, lastHit: null, epochs: [] }

/** Where a count ends that grew beyond what can be told from its neighbours, whoever said so. */
export const mostCounted = Number.MAX_SAFE_INTEGER

/**
 * More than can go on at once: a counter may be in two tables, be said by two parts of an agent, and move between hosts. Those
 * heard the longest ago are forgotten first. An agent that begins says all of its tables before anything under an epoch of its
 * own, so what goes on in the kernel is never among them, however often agents begin.
 */
const maxEpochs = 8

/**
 * With what a reading brings; the same object when it brings nothing. What is read again brings nothing but that its epoch
 * goes on, what comes late nothing at all; a count that is lower than before has begun anew. A clock that was set back delays
 * what is read, and nothing of it is lost.
 */
export function counting(total: Total, { epoch, packets, bytes, at }: EpochCount): Total {
  const { epochs } = total
  const known = epochs.find((each) => each.epoch === epoch)
  // Of an epoch that has counted nothing there is nothing to remember.
  if (!known && packets === 0 && bytes === 0) return total
  const oldest = epochs.length < maxEpochs ? undefined : epochs[0]
  // Of an epoch that is forgotten, or has been read again since.
  if (at < (known?.at ?? oldest?.at ?? 0)) return total
  const grown = known !== undefined && packets >= known.packets && bytes >= known.bytes
  if (known && at === known.at && (!grown || (packets === known.packets && bytes === known.bytes)))
    return total
  const before = known && grown ? known : { packets: 0, bytes: 0 }
  const more = packets - before.packets
  const others = known && epochs.length === 1 ? [] : epochs.filter((each) => each !== known)
  const now = { epoch, packets, bytes, at }
  return {
    packets: Math.min(total.packets + more, mostCounted),
    bytes: Math.min(total.bytes + bytes - before.bytes, mostCounted),
    lastHit: more > 0 ? at : total.lastHit,
    epochs: others.length === 0 ? [now] : [...others, now].sort((a, b) => a.at - b.at).slice(-maxEpochs),
  }
}
