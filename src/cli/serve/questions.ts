/** Questions to an agent what has been counted until now: one at a time, and each waits for an answer that began after it. */
import type { HitsReport } from '../../core/model/hits.ts'

export interface Questions {
  /** Resolves when what was counted until now has been heard, or after a second: who asks is answered as well as can be. */
  ask(): Promise<void>
  /** The agent has said this. */
  heard(report: HitsReport): void
}

/** For an answer, milliseconds. */
const patienceMs = 1000

interface Question {
  readonly answered: Promise<void>
  resolve(): void
}

/** `send` asks the agent. */
export function createQuestions(send: () => void): Questions {
  /** What the agent has been asked, and what it is asked next: an answer on its way may lack what was counted since. */
  let sent: Question | undefined
  let next: Question | undefined

  function begin(question: Question): void {
    sent = question
    send()
    const patience = setTimeout(end, patienceMs, question)
    void question.answered.then(() => clearTimeout(patience))
  }
  function end(question: Question): void {
    if (sent !== question) return
    question.resolve()
    sent = undefined
    const following = next
    next = undefined
    if (following) begin(following)
  }
  return {
    ask() {
      const { promise: answered, resolve } = Promise.withResolvers<void>()
      if (!sent) {
        begin({ answered, resolve })
        return answered
      }
      next ??= { answered, resolve }
      const question = next
      // Also where the one before is never answered.
      const patience = setTimeout(question.resolve, patienceMs)
      void question.answered.then(() => clearTimeout(patience))
      return question.answered
    },
    heard({ asked }) {
      if (asked && sent) end(sent)
    },
  }
}
