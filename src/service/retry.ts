/** Reading, deciding and writing on condition that nothing has changed in between. */
import type { Outcome } from './services.ts'

/** More than there are writers at once on one policy in any reasonable use. */
const attempts = 24

/** Tries again while another writer came in between: a write on a condition (`ifRevision`) that no longer held. */
export async function whileOvertaken<T>(attempt: () => Outcome<T>): Outcome<T> {
  for (let count = 1; ; count++) {
    const done = await attempt()
    const { kind, resource } = done.ok ? { kind: '', resource: '' } : { resource: '', ...done.error }
    const overtaken = kind === 'conflict' && (resource === 'policy' || resource === 'document')
    if (!overtaken || count === attempts) return done
  }
}
