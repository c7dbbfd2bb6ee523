/**
 * Keeps one process alive: starts it again when it has ended, and ends it when it hangs. There are never two at once.
 */
import { sleep } from '../../agent/sleep.ts'
import type { AgentLife } from './agent-life.ts'

export interface SuperviseOptions {
  readonly start: () => AgentLife
  /** Told of each end that was not asked for: `pauseMs` until it is started again. */
  readonly onEnd: (how: string, pauseMs: number) => void
  /** Milliseconds after which one that says nothing, though asked, is taken for hung. */
  readonly patienceMs: number
  /** In milliseconds, from whatever beginning. */
  readonly now?: () => number
}

export interface Supervisor {
  /** Resolves when it has ended. */
  stop(): Promise<void>
}

/** Until it is started again: at once, then doubled from the first to the last; milliseconds. */
const pauses = { first: 200, last: 30_000 } as const
/** One that lived for so long ends the growth of pauses, milliseconds. */
const settledMs = 60_000
/** How often it is asked within its patience. A process that was itself suspended counts once, whatever it slept. */
const asked = 10
/** For the round that it is in when it is to end, milliseconds; then it is killed. Less than the service itself is given. */
const farewellMs = 8000

export function supervise({
  start,
  onEnd,
  patienceMs,
  now = () => performance.now(),
}: SuperviseOptions): Supervisor {
  let life = start()
  const stopping = new AbortController()

  async function keep(): Promise<void> {
    let pause = 0
    for (;;) {
      const began = now()
      const how = await watched(life, patienceMs)
      if (stopping.signal.aborted) return
      if (now() - began >= settledMs) pause = 0
      onEnd(how, pause)
      await sleep(pause, stopping.signal)
      if (stopping.signal.aborted) return
      pause = Math.min(Math.max(pause * 2, pauses.first), pauses.last)
      life = start()
    }
  }
  const kept = keep()
  return {
    async stop() {
      stopping.abort()
      life.agent.stop()
      const last = setTimeout(() => life.kill('it did not end'), farewellMs)
      await kept
      clearTimeout(last)
    },
  }
}

/** Resolves with how it ended. */
async function watched(life: AgentLife, patienceMs: number): Promise<string> {
  let unheard = 0
  const asking = setInterval(() => {
    unheard = life.wasHeard() ? 0 : unheard + 1
    if (unheard > asked) life.kill(`it said nothing for ${patienceMs / 1000} s`)
    else life.agent.ping()
  }, patienceMs / asked)
  try {
    return await life.over
  } finally {
    clearInterval(asking)
  }
}
