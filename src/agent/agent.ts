/**
 * The loop that keeps a host's dataplane equal to what is desired: read, apply, report; again when something changed.
 *
 * It remembers nothing between rounds but what it reports. Changes that arrive while a round runs share the next one.
 * It does not compile, store or serve anything.
 */
import { randomUUID } from 'node:crypto'
import type { Decision } from '../core/model/decision.ts'
import type { DesiredDelta, DesiredSource } from '../core/model/desired.ts'
import type { HitsReport } from '../core/model/hits.ts'
import type { HostWords, StatusChange } from '../core/model/status-change.ts'
import type { ApplyReport, Dataplane } from './dataplane.ts'
import { createDecisionBatches } from './decision-batches.ts'
import { createHitRounds } from './hit-rounds.ts'
import type { KeptState } from './kept/kept-state.ts'
import { type Round, roundError } from './round.ts'
import { sleep as sleepFor } from './sleep.ts'
import { createStatuses, type Difference } from './statuses.ts'

export interface AgentOptions {
  readonly host: string
  readonly target: string
  /** Whether the dataplane drops nothing on the whole host. */
  readonly observeHost?: boolean
  readonly source: DesiredSource
  readonly dataplane: Dataplane
  /** Keeps what is applied for the next start, before it is said to be; absent: nothing is kept. */
  readonly keep?: Pick<KeptState, 'applied' | 'problems' | 'onChange'>
  /** What else the operator should know although it works, as of each round; absent: nothing. */
  readonly warnings?: () => readonly string[]
  /** Told what differs from what it was told before; the first is whole. */
  readonly report: (change: StatusChange) => void
  /** Told of every round that ended, after its status. */
  readonly observe?: (round: Round) => void
  /** Told what deciders have counted, as often as it is read. Absent: it is not read. */
  readonly hits?: (report: HitsReport) => void
  /** Whether anybody hears counts: they are not read while nobody does. Absent: somebody always does. */
  readonly heard?: () => boolean
  /** Told of samples of what was decided; the next ones wait for its promise, or are dropped. Absent: they are not asked for. */
  readonly decisions?: (decisions: readonly Decision[]) => void | Promise<void>
  /** Resolves after so long, or when the signal is aborted. Real time unless a test has its own. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

export interface Agent {
  /** Resolves when what is desired has been applied for the first time. */
  readonly ready: Promise<void>
  /** Says all that it has said of its host, to whoever has not heard it. */
  repeat(): void
  /** Reads what deciders have counted, once rules are in force, and says it even where that is nothing. */
  count(): void
  /** Stops the loop; what is enforced stays. */
  stop(): Promise<void>
}

/** Between attempts, milliseconds: doubled from the first to the last. */
const backoff = { first: 100, last: 10_000 } as const
/** How often the denials of observed interfaces are read, milliseconds. */
const denialsMs = 5000
/** How often tracked connections and unanswered rejections are counted, milliseconds. */
const countMs = 15_000

/** Interfaces in one change of status: whoever hears more at once answers nobody meanwhile. */
const perChange = 500

export function startAgent(options: AgentOptions): Agent {
  const { host, target, observeHost = false, source, dataplane, keep, report, observe } = options
  const { sleep = sleepFor } = options
  let words: HostWords = {
    host,
    target,
    observe: observeHost,
    desiredRevision: null,
    appliedRevision: null,
    state: 'starting',
    error: null,
    repairs: 0,
    warnings: [],
  }
  const statuses = createStatuses()
  let whole = true
  /** What may differ from what was applied last: of this round, and of those since that failed. */
  let owed: DesiredDelta | null = null
  let stopped = false
  let dirty = true
  let wake = new AbortController()
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>()

  function say(change: Partial<HostWords>, { put, remove }: Difference = nothing): void {
    let at = 0
    // Interfaces first, the host last: until then it claims no more than before.
    for (; at + perChange < put.length; at += perChange) {
      report({ host: words, whole, put: put.slice(at, at + perChange), remove: [] })
      whole = false
    }
    words = { ...words, ...change }
    report({ host: words, whole, put: put.slice(at), remove })
    whole = false
  }
  /** Says it unless there is nothing to say. */
  function mention(difference: Difference): void {
    if (difference.put.length + difference.remove.length > 0) say({}, difference)
  }
  function changed(): void {
    dirty = true
    wake.abort()
  }
  const batches =
    options.decisions &&
    createDecisionBatches({ host, epoch: `agent.${randomUUID()}`, tell: options.decisions, sleep })
  const hitRounds =
    options.hits &&
    createHitRounds({
      ...{ host, sleep, say: options.hits, heard: options.heard ?? (() => true) },
      read: async () => [...(await dataplane.hits()), ...(batches?.dropped() ?? [])],
      failed: (error) => observe?.({ kind: 'failed', error: roundError(error) }),
    })
  const unsubscribe = [
    source.onChange(changed),
    dataplane.onChange(changed),
    ...(keep ? [keep.onChange(changed)] : []),
    ...(batches ? [dataplane.onDecisions(batches.add)] : []),
    dataplane.onFlowsCut((cut) => observe?.({ kind: 'cut', ...cut })),
  ]

  async function round(): Promise<ApplyReport> {
    const { desired, delta, differing } = await source.read()
    if (differing) observe?.({ kind: 'compared', ...differing })
    owed = both(owed, delta)
    const { revision } = desired
    const { appliedRevision: before } = words
    // Before anything is in force nobody takes an interface for being enforced.
    const arrived = before === null ? nothing : statuses.arrive(desired, owed)
    say({ desiredRevision: revision, state: 'applying' }, arrived)
    const started = performance.now()
    const applied = await dataplane.apply(desired, owed)
    const seconds = (performance.now() - started) / 1000
    await keep?.applied()
    const { changed, repaired, guarded, interfaces } = applied
    const warnings = [
      ...(desired.interfaces.size === 0 ? [`no interface is on host ${host}: nothing is enforced`] : []),
      ...applied.warnings,
      ...(keep?.problems() ?? []),
      ...(options.warnings?.() ?? []),
    ]
    const settled = statuses.settle(desired, owed, applied, before)
    owed = none
    say(
      {
        appliedRevision: revision,
        state: 'applied',
        error: null,
        repairs: words.repairs + (repaired ? 1 : 0),
        warnings,
      },
      settled,
    )
    const details = interfaces.flatMap(({ id, detail }) =>
      detail === undefined ? [] : [{ interface: id, detail }],
    )
    observe?.({ kind: 'applied', seconds, changed, repaired, guarded, details })
    isReady()
    return applied
  }

  /** Waits for a change; returns earlier when an attempt is due. */
  async function rest(retryMs: number | null): Promise<void> {
    const due = retryMs === null ? Number.POSITIVE_INFINITY : performance.now() + retryMs
    const observed = statuses.observing > 0
    while (!wake.signal.aborted) {
      const left = due - performance.now()
      if (left <= 0) return
      if (!observed && retryMs === null) {
        await new Promise<void>((resolve) => wake.signal.addEventListener('abort', () => resolve()))
      } else await sleep(observed ? Math.min(left, denialsMs) : left, wake.signal)
      if (observed && !wake.signal.aborted) await readDenials()
    }
  }

  async function readDenials(): Promise<void> {
    try {
      mention(statuses.deny(await dataplane.denials()))
    } catch (error) {
      observe?.({ kind: 'failed', error: roundError(error) })
    }
  }

  /** Beside the rounds: no change waits until everything is counted. */
  let counting: Promise<void> | undefined
  const ending = new AbortController()
  async function count(): Promise<void> {
    while (!stopped) {
      try {
        const [tracked, silent] = await Promise.all([dataplane.connections(), dataplane.unanswered()])
        // The next round asks again whether there is anything to count.
        if (tracked.size === 0 && statuses.bridged === 0) return
        mention(statuses.count(tracked, silent))
      } catch (error) {
        observe?.({ kind: 'failed', error: roundError(error) })
      }
      await sleep(countMs, ending.signal)
    }
  }

  async function loop(): Promise<void> {
    let pause: number = backoff.first
    while (!stopped) {
      dirty = false
      wake = new AbortController()
      let applied: ApplyReport | undefined
      try {
        applied = await round()
        counting ??= count().finally(() => {
          counting = undefined
        })
        hitRounds?.begin()
        pause = backoff.first
      } catch (error) {
        say({ state: 'failing', error: error instanceof Error ? error.message : String(error) })
        observe?.({ kind: 'failed', error: roundError(error) })
      }
      if (stopped || dirty) continue
      if (applied) await rest(applied.retryMs)
      else {
        await sleep(pause, wake.signal)
        pause = Math.min(pause * 2, backoff.last)
      }
    }
  }

  const running = loop()
  return {
    ready,
    repeat() {
      whole = true
      const { appliedRevision } = words
      // Of interfaces that have not been said again yet nothing is claimed.
      words = { ...words, appliedRevision: null }
      say({ appliedRevision }, { put: statuses.all(), remove: [] })
    },
    count: () => hitRounds?.ask(),
    async stop() {
      stopped = true
      for (const stop of unsubscribe) stop()
      wake.abort()
      ending.abort()
      await running
      await counting
      await batches?.stop()
      await hitRounds?.stop()
    },
  }
}

const nothing: Difference = { put: [], remove: [] }
const none: DesiredDelta = { policies: new Set(), interfaces: new Set() }

/** What differs after both; null: everything may. */
function both(a: DesiredDelta | null, b: DesiredDelta | null): DesiredDelta | null {
  if (!a || !b) return null
  return {
    policies: new Set([...a.policies, ...b.policies]),
    interfaces: new Set([...a.interfaces, ...b.interfaces]),
  }
}
