/** Reading, deciding and writing on condition that nothing has changed in between. */
import type { Result } from '../core/result.ts'

/** More than there are writers at once on one policy in any reasonable use. */
const attempts = 100

/** Tries again while another writer came in between: a write on a condition (`ifRevision`) that no longer held. */
export async function whileOvertaken<T, E extends { readonly kind: string; readonly resource?: string }>(
  attempt: () => Promise<Result<T, E>>,
): Promise<Result<T, E>> {
  for (let count = 1; ; count++) {
    const done = await attempt()
    if (done.ok || count === attempts) return done
    const { kind, resource } = done.error
    if (kind !== 'conflict' || (resource !== 'policy' && resource !== 'document')) return done
  }
}
