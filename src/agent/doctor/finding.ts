/** What an examination of the host has found: one line for people, and what to do about it. */

/**
 * - `ok`: as it should be.
 * - `warning`: it works, and the operator should know.
 * - `failure`: something is open, or does not work.
 * - `unknown`: it could not be looked at.
 */
export type FindingState = 'ok' | 'warning' | 'failure' | 'unknown'

export interface Finding {
  /** What was looked at, in a word or two. */
  readonly about: string
  readonly state: FindingState
  readonly said: string
  /** A command or an act; absent where nothing is to be done. */
  readonly remedy?: string
}

export type Findings = readonly Finding[]

/** Of one subject. */
export const findingsOn = (about: string) => {
  const as =
    (state: FindingState) =>
    (said: string, remedy?: string): Finding => ({
      about,
      state,
      said,
      ...(remedy !== undefined && { remedy }),
    })
  return { ok: as('ok'), warning: as('warning'), failure: as('failure'), unknown: as('unknown') }
}

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
