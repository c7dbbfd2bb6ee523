/** How long history is kept, counts of what is no more, and requests that are done once: all are deleted in small steps, so that nobody waits for it. */
import { setTimeout as delay } from 'node:timers/promises'
import type { HitSumKey, Storage } from '../storage/storage.ts'

export interface Retention {
  /** Events are deleted that are older, or so far from the newest that all together would be larger. */
  readonly days: number
  readonly bytes: number
}

/** Events deleted, or deciders looked at, in one write, and milliseconds between two of them: others come in between. */
const step = { most: 200, pause: 20 }

/** One round at `now`, milliseconds since 1970, until `signal` is aborted. Answers how many events were deleted. */
export async function prune(
  storage: Storage,
  { days, bytes }: Retention,
  now: number,
  signal?: AbortSignal,
): Promise<number> {
  const actor = actorAt(now)
  const olderThan = now - days * 24 * 3600 * 1000
  for (let all = 0; ; ) {
    const done = await storage.run('pruneHistory', { olderThan, bytes, most: step.most }, actor)
    if (!done.ok || done.value.removed === 0 || signal?.aborted) return all
    all += done.value.removed
    await delay(step.pause)
  }
}

/** Forgets what deciders have counted that are no more, until `signal` is aborted. Answers how many those were. */
export async function pruneHits(storage: Storage, now: number, signal?: AbortSignal): Promise<number> {
  let after: HitSumKey | null = null
  for (let all = 0; ; ) {
    const args: { after: HitSumKey | null; most: number } = { after, most: step.most }
    const done = await storage.run('pruneHits', args, actorAt(now))
    if (!done.ok) return all
    all += done.value.removed
    after = done.value.next
    if (after === null || signal?.aborted) return all
    await delay(step.pause)
  }
}

/** Forgets requests that were to be done once until `now`, until `signal` is aborted. Answers how many those were. */
export async function pruneOnce(storage: Storage, now: number, signal?: AbortSignal): Promise<number> {
  for (let all = 0; ; ) {
    const done = await storage.run('forgetOnce', { until: now, most: step.most }, actorAt(now))
    if (!done.ok || done.value.removed === 0 || signal?.aborted) return all
    all += done.value.removed
    await delay(step.pause)
  }
}

const actorAt = (at: number) =>
  ({ account: '', actor: 'retention', dialect: 'system', requestId: '', at }) as const

/** Looks at history and at requests every minute, and at counts, all of which are looked at, every hour. Answers how to stop. */
export function startRetention(storage: Storage, retention: Retention): () => Promise<void> {
  const stopping = new AbortController()
  const { signal } = stopping
  const running = (async () => {
    for (let round = 0; !signal.aborted; round++) {
      // Tried again with the next round.
      await prune(storage, retention, Date.now(), signal).catch(() => {})
      await pruneOnce(storage, Date.now(), signal).catch(() => {})
      if (!signal.aborted && round % 60 === 0) await pruneHits(storage, Date.now(), signal).catch(() => {})
      await delay(60_000, undefined, { signal, ref: false }).catch(() => {})
    }
  })()
  return async () => {
    stopping.abort()
    await running
  }
}
