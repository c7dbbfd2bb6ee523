/**
 * Decisions on their way to whoever hears them: together where they follow each other closely, and no more than are taken.
 * Those that are not told are counted.
 */
import type { Decision } from '../core/model/decision.ts'
import { createUntold, type Untold } from './untold.ts'

export interface DecisionBatches {
  add(decisions: readonly Omit<Decision, 'host'>[]): void
  /** How many were not told, of interfaces that this has changed of since it was asked last; said under an epoch of its own. */
  dropped: Untold['read']
  /** Tells what waits, and takes no more. */
  stop(): Promise<void>
}

export interface DecisionBatchesOptions {
  readonly host: string
  /** Of this life: what is dropped is counted from its beginning. */
  readonly epoch: string
  /** The next ones wait for its promise. */
  readonly tell: (decisions: readonly Decision[]) => void | Promise<void>
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** Between two batches, milliseconds; one after a while of quiet is told at once. */
const paceMs = 50
/** Whoever hears more at once answers nobody meanwhile. */
const perBatch = 250
/** How many wait: those that are told late are of no use to whoever watches. */
const waitingMost = 1000

export function createDecisionBatches({ host, epoch, tell, sleep }: DecisionBatchesOptions): DecisionBatches {
  let waiting: Decision[] = []
  let running: Promise<void> | undefined
  const stopping = new AbortController()
  const untold = createUntold(epoch)

  async function run(): Promise<void> {
    // All of the same moment go together.
    await Promise.resolve()
    while (waiting.length > 0) {
      const batch = waiting.slice(0, perBatch)
      waiting = waiting.slice(perBatch)
      await Promise.all([tell(batch), sleep(paceMs, stopping.signal)])
    }
    running = undefined
  }

  return {
    add(decisions) {
      if (stopping.signal.aborted) return
      for (const each of decisions) {
        if (waiting.length < waitingMost) {
          waiting.push({ ...each, host })
          continue
        }
        untold.count(each.interface, each.direction)
      }
      if (waiting.length > 0) running ??= run()
    },
    dropped: untold.read,
    async stop() {
      stopping.abort()
      await running
    },
  }
}
