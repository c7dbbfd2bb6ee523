/** Looks again and again whether whoever has something open still may, and ends it when not. */

export interface CredentialWatch {
  /** Looks at once. In doubt it ends: whoever may go on asks again. */
  check(): void
  stop(): void
}

/** A credential is looked at again at least as often, milliseconds: the notice that it was withdrawn may be lost. */
export const checkMs = 60_000

/** `allowedUntil`: milliseconds since 1970, as `now`; 0: no longer. Rejects: nobody knows. */
export function watchCredential(
  allowedUntil: () => Promise<number>,
  end: () => void,
  now: () => number = Date.now,
): CredentialWatch {
  let next: NodeJS.Timeout | undefined
  let stopped = false
  function check(): void {
    allowedUntil().then(
      (until) => {
        clearTimeout(next)
        if (stopped) return
        const left = until - now()
        if (left <= 0) end()
        // The end of a credential is waited for where it comes before the next look.
        else if (left < checkMs) next = setTimeout(check, left).unref()
      },
      () => {
        if (!stopped) end()
      },
    )
  }
  return {
    check,
    stop() {
      stopped = true
      clearTimeout(next)
    },
  }
}
