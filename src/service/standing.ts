/** What is in force on an interface, from what its agent said and the revision of the newest change that bears on it. */
import { type HostWords, isSettled } from '../core/model/status-change.ts'
import type { InterfaceOutcome } from '../storage/storage.ts'

/** A host as it is known: what holds for each interface, and whether its agent is there. */
export interface Known {
  readonly words: HostWords
  /** Its agent has said nothing for long. */
  readonly gone: boolean
  of(id: string): InterfaceOutcome
}

export interface Standing extends InterfaceOutcome {
  /** Newest revision that is in force; null before the first. */
  readonly appliedRevision: number | null
}

export type Progress = 'waiting' | 'applying' | 'failing'

/** Said of an interface whose newest change its host could not take, in words for its owner. */
export const hostFails = 'the rules of its host could not be changed; those before stay in force'

/**
 * Agents say outcomes; of a change that is newer than the newest they have said the outcome of, it is under way, or has
 * failed with the rest of its host. `generation` is its revision.
 */
export function standingOf(id: string, { words, gone, of }: Known, generation: number): Standing {
  const outcome = of(id)
  const tried = words.appliedRevision ?? -1
  const own = outcome.appliedRevision ?? -1
  const applied = isSettled(outcome) ? Math.max(own, tried) : own
  const standing = { ...outcome, appliedRevision: applied < 0 ? null : applied }
  // An agent that is gone has not begun. What is observed stays so, whatever its policy.
  if (generation <= tried || gone || outcome.state === 'observing') return standing
  if (words.state !== 'failing') return { ...standing, state: 'applying', error: null }
  // What was closed before for a reason of its own still is.
  return outcome.state === 'failing' ? standing : { ...standing, state: 'failing', error: hostFails }
}

/** How far the newest change of revision `generation` is; null when it is in force, or nothing more is awaited. */
export function progressOf(
  { state, appliedRevision }: Standing,
  { words, gone }: Known,
  generation: number,
): Progress | null {
  const applied = appliedRevision ?? -1
  if (state === 'failing') return 'failing'
  if (applied >= generation) return null
  if (gone || words.state === 'failing') return 'failing'
  return applied < 0 ? 'waiting' : 'applying'
}
