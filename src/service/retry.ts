/** Optimistic writes: read, decide, write if nothing has changed in between, and retry on a conflict. */
import type { Result } from '../core/result.ts'

/** What an attempt may fail with. */
interface Failure {
  readonly kind: string
  readonly resource?: string
  readonly stale?: true
}

/** Attempts in this process run one after the other, so only other processes conflict: more than there reasonably are. */
const attempts = 100

/** The last attempt in each queue, by subject. */
const last = new Map<string, Promise<unknown>>()

/**
 * Retries an attempt whose conditional write (`ifRevision`) conflicted with another writer, up to 100 times. Attempts on the
 * same subject, any text that names it, run one after the other: run at once, all but one would be wasted. Other errors,
 * and the last conflict, are answered as they are.
 */
export function retryOnConflict<T, E extends Failure>(
  subject: string,
  attempt: () => Promise<Result<T, E>>,
): Promise<Result<T, E>> {
  const turn = (last.get(subject) ?? Promise.resolve()).then(
    () => attemptRepeatedly(attempt),
    () => attemptRepeatedly(attempt),
  )
  last.set(subject, turn)
  const release = () => {
    if (last.get(subject) === turn) last.delete(subject)
  }
  turn.then(release, release)
  return turn
}

/** Finds and changes; both run again after a conflict. An error of `find` is answered as it is. */
export const changeFound = <Found, T, E extends Failure>(
  subject: string,
  find: () => Promise<Result<Found, E>>,
  change: (found: Found) => Promise<Result<T, E>>,
): Promise<Result<T, E>> =>
  retryOnConflict(subject, async () => {
    const found = await find()
    return found.ok ? change(found.value) : found
  })

async function attemptRepeatedly<T, E extends Failure>(
  attempt: () => Promise<Result<T, E>>,
): Promise<Result<T, E>> {
  for (let count = 1; ; count++) {
    const done = await attempt()
    if (done.ok || count === attempts) return done
    const { kind, resource, stale } = done.error
    if (kind !== 'conflict' || !(stale || resource === 'policy' || resource === 'document')) return done
  }
}
