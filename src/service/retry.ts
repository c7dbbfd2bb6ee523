/** Reading, deciding and writing on condition that nothing has changed in between. */
import type { Result } from '../core/result.ts'

/** In this process they come one after the other, so only other processes are met: as many as there are reasonably. */
const attempts = 100

/** The last of those that wait for their turn, by what they change. */
const last = new Map<string, Promise<unknown>>()

/**
 * Tries again while another writer came in between: a write on a condition (`ifRevision`) that no longer held. Attempts on
 * the same subject, whatever text names it, wait for each other: trying them all at once is work that is thrown away.
 */
export function whileOvertaken<T, E extends { readonly kind: string; readonly resource?: string }>(
  subject: string,
  attempt: () => Promise<Result<T, E>>,
): Promise<Result<T, E>> {
  const turn = (last.get(subject) ?? Promise.resolve()).then(
    () => untilKept(attempt),
    () => untilKept(attempt),
  )
  last.set(subject, turn)
  const leave = () => {
    if (last.get(subject) === turn) last.delete(subject)
  }
  turn.then(leave, leave)
  return turn
}

/** Finds and changes as if nobody else did: both run again after a conflict. What is not found is answered as it is. */
export const changeFound = <Found, T, E extends { readonly kind: string; readonly resource?: string }>(
  subject: string,
  find: () => Promise<Result<Found, E>>,
  change: (found: Found) => Promise<Result<T, E>>,
): Promise<Result<T, E>> =>
  whileOvertaken(subject, async () => {
    const found = await find()
    return found.ok ? change(found.value) : found
  })

async function untilKept<T, E extends { readonly kind: string; readonly resource?: string }>(
  attempt: () => Promise<Result<T, E>>,
): Promise<Result<T, E>> {
  for (let count = 1; ; count++) {
    const done = await attempt()
    if (done.ok || count === attempts) return done
    const { kind, resource } = done.error
    if (kind !== 'conflict' || (resource !== 'policy' && resource !== 'document')) return done
  }
}
