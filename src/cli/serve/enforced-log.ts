/**
 * Tells the log what is enforced on a host, in numbers, when they change: interfaces that come and go by the thousand are a
 * line or two, and a change of rules that leaves every interface in the state it was in is none.
 */
import type { HostView } from '../../service/host-view.ts'

interface Log {
  info(fields: object, text: string): void
}

export interface EnforcedLog {
  /** The agent has finished a round that succeeded. */
  round(view: HostView): void
  close(): void
}

/** Between two lines, milliseconds. */
const every = 10_000

/** `now` is in milliseconds, from whatever beginning. */
export function createEnforcedLog(log: Log, now: () => number = () => performance.now()): EnforcedLog {
  let told = ''
  let next = Number.NEGATIVE_INFINITY
  let last: HostView | undefined
  let timer: NodeJS.Timeout | undefined

  function tell(): void {
    timer = undefined
    if (!last) return
    const { words, states } = last
    const { host, target, appliedRevision } = words
    const text = JSON.stringify([words.observe, states])
    if (text === told) return
    told = text
    next = now() + every
    const observe = words.observe ? { observe: true } : {}
    log.info({ host, target, revision: appliedRevision, ...observe, interfaces: { ...states } }, 'enforced')
  }

  return {
    round(view) {
      last = view
      if (timer !== undefined) return
      const wait = next - now()
      if (wait <= 0) tell()
      else timer = setTimeout(tell, wait).unref()
    },
    close() {
      clearTimeout(timer)
      timer = undefined
    },
  }
}
