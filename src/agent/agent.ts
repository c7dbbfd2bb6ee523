/**
 * The loop that keeps a host's dataplane equal to what is desired: read, apply, report; again when something changed.
 *
 * It remembers nothing between rounds but what it reports. Changes that arrive while a round runs share the next one.
 * It does not compile, store or serve anything.
 */
import type { DesiredSource, HostStatus } from '../core/model/desired.ts'
import type { Dataplane } from './dataplane.ts'

export interface AgentOptions {
  readonly host: string
  readonly target: string
  readonly source: DesiredSource
  readonly dataplane: Dataplane
  /** Told after every change of status. */
  readonly report: (status: HostStatus) => void
  /** Told of every round that ended; `seconds` is what applying took. */
  readonly observe?: (round: Round) => void
  /** Resolves after so long, or when the signal is aborted. Real time unless a test has its own. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

export type Round =
  | {
      readonly kind: 'applied'
      readonly seconds: number
      readonly changed: boolean
      readonly repaired: boolean
    }
  | { readonly kind: 'failed'; readonly error: unknown }

export interface Agent {
  /** Resolves when what is desired has been applied for the first time. */
  readonly ready: Promise<void>
  /** Stops the loop; what is enforced stays. */
  stop(): Promise<void>
}

/** Between attempts, milliseconds: doubled from the first to the last. */
const backoff = { first: 100, last: 10_000 } as const

export function startAgent(options: AgentOptions): Agent {
  const { host, target, source, dataplane, report, observe, sleep = realSleep } = options
  let status: HostStatus = {
    host,
    target,
    desiredRevision: null,
    appliedRevision: null,
    interfaces: 0,
    state: 'starting',
    error: null,
    repairs: 0,
  }
  let stopped = false
  let dirty = true
  let wake = new AbortController()
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>()

  function say(change: Partial<HostStatus>): void {
    status = { ...status, ...change }
    report(status)
  }
  function changed(): void {
    dirty = true
    wake.abort()
  }
  const unsubscribe = [source.onChange(changed), dataplane.onForeignChange(changed)]

  async function round(): Promise<void> {
    const desired = await source.read()
    say({ desiredRevision: desired.revision, interfaces: desired.interfaces.length, state: 'applying' })
    const started = performance.now()
    const { changed, repaired } = await dataplane.apply(desired)
    const seconds = (performance.now() - started) / 1000
    const repairs = status.repairs + (repaired ? 1 : 0)
    say({ appliedRevision: desired.revision, state: 'applied', error: null, repairs })
    observe?.({ kind: 'applied', seconds, changed, repaired })
    isReady()
  }

  async function loop(): Promise<void> {
    let pause: number = backoff.first
    while (!stopped) {
      dirty = false
      wake = new AbortController()
      let failed = false
      try {
        await round()
        pause = backoff.first
      } catch (error) {
        failed = true
        say({ state: 'failing', error: error instanceof Error ? error.message : String(error) })
        observe?.({ kind: 'failed', error })
      }
      if (stopped || dirty) continue
      if (failed) {
        await sleep(pause, wake.signal)
        pause = Math.min(pause * 2, backoff.last)
      } else await new Promise<void>((resolve) => wake.signal.addEventListener('abort', () => resolve()))
    }
  }

  const running = loop()
  return {
    ready,
    async stop() {
      stopped = true
      for (const stop of unsubscribe) stop()
      wake.abort()
      await running
    },
  }
}

function realSleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
