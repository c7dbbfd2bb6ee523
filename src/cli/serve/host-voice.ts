/**
 * What the agents of a host say, one after the other, as if one said it all: what an earlier one put in force stays so until
 * the next has applied something, and what went wrong meanwhile is said for it.
 */
import type { HostWords, StatusChange } from '../../core/model/status-change.ts'

export interface HostVoice {
  /** The agent that runs says this. */
  hear(change: StatusChange): void
  /** The agent has ended: with how, in words. */
  lost(how: string): void
  /** Why what is desired cannot be read; null: it can again. */
  unread(why: string | null): void
}

/** `unheard` is what holds before any agent has said anything. */
export function createHostVoice(unheard: HostWords, report: (change: StatusChange) => void): HostVoice {
  let words = unheard
  /** Repairs of agents that have ended. */
  let repairs = 0
  let ended: string | null = null
  let obstacle: string | null = null
  /** Interfaces that are known, and those of them that an earlier agent spoke of and the present one has not yet. */
  const known = new Set<string>()
  let inherited = new Set<string>()
  let whole = true

  function say(change: Pick<StatusChange, 'put' | 'remove'> = { put: [], remove: [] }): void {
    const error = ended ?? obstacle
    report({ host: error === null ? words : { ...words, state: 'failing', error }, whole, ...change })
    whole = false
  }
  return {
    hear({ host, whole: all, put, remove }) {
      if (all) inherited = new Set(known)
      for (const { id } of put) {
        known.add(id)
        inherited.delete(id)
      }
      const gone = new Set(remove)
      const total = repairs + host.repairs
      if (host.appliedRevision === null && words.appliedRevision !== null) {
        // It has just begun; what is in force is what the one before has applied.
        if (host.state === 'failing') ended = host.error
        words = { ...words, repairs: total }
      } else {
        ended = null
        words = { ...host, repairs: total }
        for (const id of inherited) gone.add(id)
        inherited.clear()
      }
      for (const id of gone) known.delete(id)
      say({ put, remove: [...gone] })
    },
    lost(how) {
      ended = how
      repairs = words.repairs
      say()
    },
    unread(why) {
      if (why === obstacle) return
      obstacle = why
      say()
    },
  }
}
