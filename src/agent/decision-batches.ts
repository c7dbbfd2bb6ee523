/**
 * Decisions on their way to whoever hears them: together where they follow each other closely, and no more than are taken.
 * Those that are not told are counted.
 */
import type { Decision } from '../core/model/decision.ts'
import type { PerDirection } from '../core/model/desired.ts'
import type { InterfaceHits } from '../core/model/hits.ts'

export interface DecisionBatches {
  add(decisions: readonly Omit<Decision, 'host'>[]): void
  /** How many were not told, of interfaces that this has changed of since it was asked last; said under an epoch of its own. */
  dropped(): readonly InterfaceHits[]
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
  const lost = new Map<string, PerDirection>()
  let changed = new Set<string>()

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
        const { interface: id, direction } = each
        const before = lost.get(id) ?? { ingress: 0, egress: 0 }
        lost.set(id, { ...before, [direction]: before[direction] + 1 })
        changed.add(id)
      }
      if (waiting.length > 0) running ??= run()
    },
    dropped() {
      const ids = changed
      changed = new Set()
      return [...ids].flatMap((id) => {
        const suppressed = lost.get(id)
        return suppressed ? [{ id, epoch, ingress: [], egress: [], suppressed }] : []
      })
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}
