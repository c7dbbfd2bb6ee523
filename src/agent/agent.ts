/**
 * The loop that keeps a host's dataplane equal to what is desired: read, apply, report; again when something changed.
 *
 * It remembers nothing between rounds but what it reports. Changes that arrive while a round runs share the next one.
 * It does not compile, store or serve anything.
 */
import type {
  Desired,
  DesiredInterface,
  DesiredSource,
  HostStatus,
  InterfaceStatus,
} from '../core/model/desired.ts'
import type { CommonPolicy } from '../core/model/effective-policy.ts'
import type { ApplyReport, Dataplane, InterfaceReport } from './dataplane.ts'

export interface AgentOptions {
  readonly host: string
  readonly target: string
  /** Whether the dataplane drops nothing on the whole host. */
  readonly observeHost?: boolean
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
      readonly report: ApplyReport
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
/** How often the denials of observed interfaces are read, milliseconds. */
const denialsMs = 5000
/** How often tracked connections and unanswered rejections are counted, milliseconds. */
const countMs = 15_000

export function startAgent(options: AgentOptions): Agent {
  const { host, target, observeHost = false, source, dataplane, report, observe } = options
  const { sleep = realSleep } = options
  let status: HostStatus = {
    host,
    target,
    observe: observeHost,
    desiredRevision: null,
    appliedRevision: null,
    state: 'starting',
    error: null,
    repairs: 0,
    interfaces: [],
    warnings: [],
  }
  /** What was desired in the last round that succeeded, by id. */
  let enforced: ReadonlyMap<string, Enforced> = new Map()
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

  /** The interfaces that `desired` changes get `state`; the others keep their status. */
  function pending(desired: Desired, state: 'applying' | 'failing', error: string | null): InterfaceStatus[] {
    const known = new Map(status.interfaces.map((each) => [each.id, each]))
    return [...desired.interfaces.values()].map((each) => {
      const before = known.get(each.id)
      if (before && same(enforced.get(each.id), enforcedOf(desired, each))) return before
      const { id, device, notes = [] } = each
      return { id, device, appliedRevision: before?.appliedRevision ?? null, state, error, notes }
    })
  }

  async function round(): Promise<ApplyReport> {
    const { desired, delta } = await source.read()
    say({
      desiredRevision: desired.revision,
      interfaces: pending(desired, 'applying', null),
      state: 'applying',
    })
    const started = performance.now()
    let applied: ApplyReport
    try {
      applied = await dataplane.apply(desired, delta)
    } catch (error) {
      const reason = 'the rules of its host could not be changed; those before stay in force'
      status = { ...status, interfaces: pending(desired, 'failing', reason) }
      throw error
    }
    const { changed, repaired } = applied
    const warnings = [
      ...(desired.interfaces.size === 0 ? [`no interface is on host ${host}: nothing is enforced`] : []),
      ...applied.warnings,
    ]
    const seconds = (performance.now() - started) / 1000
    say({
      appliedRevision: desired.revision,
      state: 'applied',
      error: null,
      repairs: status.repairs + (repaired ? 1 : 0),
      interfaces: statuses(desired, applied, status.interfaces),
      warnings,
    })
    enforced = new Map([...desired.interfaces].map(([id, each]) => [id, enforcedOf(desired, each)]))
    observe?.({ kind: 'applied', seconds, changed, repaired, report: applied })
    isReady()
    return applied
  }

  /** Waits for a change; returns earlier when an attempt is due. */
  async function rest(retryMs: number | null): Promise<void> {
    const due = retryMs === null ? Number.POSITIVE_INFINITY : performance.now() + retryMs
    const observed = status.interfaces.some((each) => each.state === 'observing')
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
      const counted = await dataplane.denials()
      say({
        interfaces: status.interfaces.map((each) => {
          const denials = counted.get(each.id)
          return denials && each.state === 'observing' ? { ...each, denials } : each
        }),
      })
    } catch (error) {
      observe?.({ kind: 'failed', error })
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
        if (tracked.size === 0 && !status.interfaces.some(({ mode }) => mode === 'bridged')) return
        say({
          interfaces: status.interfaces.map(({ connections: _, unanswered: __, ...each }) => {
            const [connections, unanswered] = [tracked.get(each.id), silent.get(each.id)]
            return { ...each, ...(connections && { connections }), ...(unanswered && { unanswered }) }
          }),
        })
      } catch (error) {
        observe?.({ kind: 'failed', error })
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
        pause = backoff.first
      } catch (error) {
        say({ state: 'failing', error: error instanceof Error ? error.message : String(error) })
        observe?.({ kind: 'failed', error })
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
    async stop() {
      stopped = true
      for (const stop of unsubscribe) stop()
      wake.abort()
      ending.abort()
      await running
      await counting
    },
  }
}

interface Enforced {
  readonly interface: DesiredInterface
  readonly policy: CommonPolicy | undefined
}
const enforcedOf = ({ policies }: Desired, each: DesiredInterface): Enforced => ({
  interface: each,
  policy: policies.get(each.policy ?? ''),
})

/** Whether the same is wanted of an interface: a policy that did not change is the same object. */
const same = (a: Enforced | undefined, b: Enforced): boolean =>
  a !== undefined &&
  a.policy === b.policy &&
  a.interface.origin === b.interface.origin &&
  a.interface.device === b.interface.device &&
  a.interface.observe === b.interface.observe &&
  a.interface.maxConnections === b.interface.maxConnections &&
  a.interface.frames?.join() === b.interface.frames?.join()

/** What failed keeps the revision that it had before. */
function statuses(
  { revision, interfaces }: Desired,
  report: ApplyReport,
  before: readonly InterfaceStatus[],
): InterfaceStatus[] {
  const known = new Map(before.map((each) => [each.id, each]))
  const outcomes = new Map(report.interfaces.map((each) => [each.id, each]))
  return [...interfaces.values()].map(({ id, device, notes = [] }) => {
    const {
      state,
      error,
      mode,
      notes: more = [],
    }: Omit<InterfaceReport, 'id'> = outcomes.get(id) ?? {
      ...{ state: 'failing', error: 'the target did not report it' },
    }
    const { appliedRevision = null, denials, connections, unanswered } = known.get(id) ?? {}
    return {
      id,
      device,
      appliedRevision: state === 'failing' ? appliedRevision : revision,
      state,
      ...(mode && { mode }),
      error,
      notes: [...notes, ...more],
      ...(state === 'applied' && connections && { connections }),
      ...(state === 'applied' && unanswered && { unanswered }),
      ...(state === 'observing' && { denials: denials ?? { ingress: 0, egress: 0 } }),
    }
  })
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
