/** When what is held is compared with all that the service has: now and then, and not by all agents at once. */
import { after as realTime } from './after.ts'

export interface Comparisons {
  isDue(): boolean
  /** Everything has come: the next one is due later. */
  done(): void
  /** Calls back when one has become due. Answers how to stop. */
  onDue(listener: () => void): () => void
  stop(): void
}

export interface ComparisonsOptions {
  /** Milliseconds between two at least; half as many again at most. */
  readonly everyMs: number
  readonly after?: typeof realTime
  /** From 0, inclusive, to 1. */
  readonly random?: () => number
}

export function createComparisons({
  everyMs,
  after = realTime,
  random = Math.random,
}: ComparisonsOptions): Comparisons {
  const listeners = new Set<() => void>()
  let due = false
  let cancel = () => {}
  function begin(): void {
    cancel()
    due = false
    cancel = after(everyMs * (1 + random() / 2), () => {
      due = true
      for (const listener of [...listeners]) listener()
    })
  }
  begin()
  return {
    isDue: () => due,
    done: begin,
    onDue(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    stop: () => cancel(),
  }
}
