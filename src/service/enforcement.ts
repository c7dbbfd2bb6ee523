/**
 * What agents say of their hosts: heard in this process, kept in the store, answered from both.
 *
 * An agent speaks several times a round, and every API process answers from what it said; so its words are kept soon, but
 * many of them in one write, and of a host with many interfaces only what changed. The process that hears an agent
 * answers from what it heard, which is never older than the store.
 */
import type { HostStatus, InterfaceStatus } from '../core/model/desired.ts'
import {
  type Actor,
  type Behind,
  type HostRecord,
  type InterfaceOutcome,
  isSettled,
  type OutcomeRecord,
  type PlacedInterface,
  type Storage,
} from '../storage/storage.ts'
import type { Context } from './context.ts'

export type Progress = 'waiting' | 'applying' | 'failing'

/** An interface whose host has an agent and does not enforce yet what is stored. */
export interface Pending {
  readonly server: string
  readonly zone: string
  readonly interface: string
  readonly policies: PlacedInterface['policies']
  /** Revision of the last change to the server or its interfaces. */
  readonly serverRevision: number
  /** Revision that is in force on it, -1 before the first: older changes are done. */
  readonly applied: number
  /** `waiting`: nothing is in force on it yet; `failing`: its agent cannot, or has said nothing for some time. */
  readonly progress: Progress
}

export interface PendingOf {
  readonly server?: string
  readonly interface?: string
  readonly policy?: string
}

/** What is in force on an interface, as its agent says. */
export interface InForce
  extends Pick<InterfaceStatus, 'state' | 'mode' | 'error' | 'notes' | 'connections' | 'unanswered'> {
  /** Newest revision that is in force; null before the first. */
  readonly appliedRevision: number | null
}

/** What agents say of their hosts and interfaces. Every process gives the same answers, but for moments. */
export interface EnforcementService {
  /** For agents in this process. Kept in the store soon after, for the others. */
  report(status: HostStatus): void
  /** Of agents in this process, as they spoke last. */
  hosts(): readonly HostStatus[]
  host(name: string): HostStatus | undefined
  /** Of the hosts that carry interfaces of the account, with these interfaces only. */
  hostsOf(ctx: Context): Promise<readonly HostStatus[]>
  /** By interface, those that nobody enforces left out. `of` names what they have in common. */
  inForce(
    placed: readonly PlacedInterface[],
    now: number,
    of: { readonly server: string } | { readonly account: string },
  ): Promise<ReadonlyMap<string, InForce>>
  /** Of the account, interfaces on hosts with an agent that are not in force as they are stored. */
  pending(ctx: Context, of?: PendingOf): Promise<readonly Pending[]>
  /** Forgets what agents of other hosts have said: there are none any more, and nothing waits for them. */
  forgetOthers(hosts: readonly string[]): Promise<void>
  /** Tells the store what it has not been told yet. */
  close(): Promise<void>
}

/** Milliseconds. */
const times = {
  /** Between two writes about a host. */
  between: 100,
  /** An agent that is alive is written of at least as often. */
  heartbeat: 10_000,
  /** Silent for longer: it is not there. Clocks of hosts may differ by some seconds. */
  silent: 45_000,
}
/** Outcomes in one write: more would keep others waiting. */
const maxPerWrite = 500

type Named = Pick<PlacedInterface, 'id' | 'host' | 'device'>
/** A host as it is known: what holds for each interface, and whether its agent is there. */
interface Known {
  readonly status: Omit<HostStatus, 'interfaces'>
  readonly gone: boolean
  of(id: string): InterfaceOutcome
}

export function createEnforcement(storage: Storage): EnforcementService {
  const reporters = new Map<string, Reporter>()
  const reporterOf = (host: string): Reporter => {
    const found = reporters.get(host) ?? createReporter(storage, host)
    reporters.set(host, found)
    return found
  }
  const beat = setInterval(() => {
    for (const reporter of reporters.values()) reporter.beat()
  }, times.heartbeat)
  beat.unref()

  /** Resolves when the store knows of every agent that has spoken here. */
  const introduced = () => Promise.all([...reporters.values()].map((reporter) => reporter.introduced))

  function know(records: readonly HostRecord[], outcomes: readonly OutcomeRecord[], now: number) {
    const stored = new Map(records.map((record) => [record.host, record]))
    const own = new Map(outcomes.map((each) => [`${each.host} ${each.interface}`, each]))
    return (host: string): Known | undefined => {
      const heard = reporters.get(host)
      if (heard) return heard.known()
      const record = stored.get(host)
      if (!record) return undefined
      const gone = now - record.seenAt > times.silent
      const of = (id: string) => own.get(`${host} ${id}`) ?? record.usual
      const error = `its agent has said nothing since ${new Date(record.seenAt).toISOString()}`
      return { status: gone ? { ...record, state: 'failing', error } : record, gone, of }
    }
  }

  function pendingAt(
    { id, server, zone, host, device, generation, serverRevision, policies }: Behind['interfaces'][number],
    known: (host: string) => Known | undefined,
  ): Pending | undefined {
    const there = host === null || device === null ? undefined : known(host)
    if (!there) return undefined
    const outcome = there.of(id)
    const applied = appliedTo(outcome, there)
    if (outcome.state !== 'failing' && applied >= generation) return undefined
    const failing = outcome.state === 'failing' || there.status.state === 'failing'
    const progress: Progress = failing ? 'failing' : applied < 0 ? 'waiting' : 'applying'
    return { server, zone, interface: id, policies, serverRevision, applied, progress }
  }

  return {
    report: (status) => reporterOf(status.host).report(status),
    hosts: () => [...reporters.values()].map((reporter) => reporter.status()),
    host: (name) => reporters.get(name)?.status(),
    async inForce(placed, now, of) {
      await introduced()
      const [hosts, outcomes] = await Promise.all([storage.hosts(), storage.outcomes(of)])
      const known = know(hosts, outcomes, now)
      return new Map(placed.flatMap((each) => inForceOn(each, known)))
    },
    async hostsOf(ctx) {
      await introduced()
      const { account } = ctx.principal
      const [hosts, outcomes, placed] = await Promise.all([
        storage.hosts(),
        storage.outcomes({ account }),
        storage.placedOf(account),
      ])
      const known = know(hosts, outcomes, ctx.now)
      const carried = Map.groupBy(
        placed.filter((each) => each.device !== null),
        (each) => each.host ?? '',
      )
      return [...carried].flatMap(([name, nics]): HostStatus[] => {
        const there = known(name)
        const interfaces = nics.map(
          ({ id, device }): InterfaceStatus => ({
            ...(there?.of(id) ?? unknown),
            id,
            device: device ?? '',
          }),
        )
        return there ? [{ ...there.status, interfaces }] : []
      })
    },
    async pending(ctx, of = {}) {
      await introduced()
      const { hosts, outcomes, interfaces } = await storage.behind({ account: ctx.principal.account, ...of })
      const known = know(hosts, outcomes, ctx.now)
      return interfaces.map((each) => pendingAt(each, known)).filter((each) => each !== undefined)
    },
    async forgetOthers(hosts) {
      await storage.run('forgetHosts', { except: hosts }, agent(Date.now()))
    },
    async close() {
      clearInterval(beat)
      await Promise.all([...reporters.values()].map((reporter) => reporter.close()))
    },
  }
}

/** Newest revision that is in force, -1 before the first. */
function appliedTo(outcome: InterfaceOutcome, { status }: Known): number {
  const own = outcome.appliedRevision ?? -1
  return isSettled(outcome) ? Math.max(own, status.appliedRevision ?? -1) : own
}

function inForceOn(each: Named, known: (host: string) => Known | undefined): [string, InForce][] {
  const there = each.host === null || each.device === null ? undefined : known(each.host)
  if (!there) return []
  const { state, mode, error, notes, connections, unanswered } = there.of(each.id)
  const applied = appliedTo(there.of(each.id), there)
  return [
    [
      each.id,
      {
        appliedRevision: applied < 0 ? null : applied,
        state,
        ...(mode && { mode }),
        error,
        notes,
        ...(connections && { connections }),
        ...(unanswered && { unanswered }),
      },
    ],
  ]
}

const unknown: InterfaceOutcome = { appliedRevision: null, state: 'applying', error: null, notes: [] }
const agent = (at: number): Actor => ({
  ...{ account: '', actor: 'agent', dialect: 'system', requestId: '', at },
})

interface Reporter {
  /** Resolves when the store has heard of it, or cannot be told. */
  readonly introduced: Promise<void>
  report(status: HostStatus): void
  status(): HostStatus
  known(): Known
  beat(): void
  close(): Promise<void>
}

/** Keeps the store informed of one host whose agent speaks in this process. */
function createReporter(storage: Storage, host: string): Reporter {
  let status: HostStatus | undefined
  let outcomes: ReadonlyMap<string, InterfaceOutcome> | undefined
  /** Outcomes in the store as JSON, by interface; undefined while that is not known. */
  let kept: Map<string, string> | undefined
  let writing: Promise<void> | undefined
  let again = false
  let timer: NodeJS.Timeout | undefined
  /** When the timer is due, and when the last write ended; milliseconds of the process's clock. */
  let due = Number.POSITIVE_INFINITY
  let written = Number.NEGATIVE_INFINITY
  let beating = false
  const { promise: introduced, resolve: introduce } = Promise.withResolvers<void>()

  function keep(): void {
    clearTimeout(timer)
    due = Number.POSITIVE_INFINITY
    if (writing) {
      again = true
      return
    }
    const whole = beating
    beating = false
    writing = write(whole)
      .catch(() => {
        // The store is not available: whatever it has by now, the next heartbeat tells it all.
        kept = undefined
      })
      .finally(() => {
        introduce()
        writing = undefined
        written = performance.now()
        if (again) keepAt(written + times.between)
        again = false
      })
  }
  function keepAt(time: number): void {
    if (time >= due) return
    clearTimeout(timer)
    due = time
    timer = setTimeout(keep, Math.max(0, time - performance.now())).unref()
  }

  /** `whole`: with counts, which change all the time. */
  async function write(whole: boolean): Promise<void> {
    const said = status
    if (!said) return
    const { interfaces, ...rest } = said
    const at = Date.now()
    kept ??= new Map(
      (await storage.outcomes({ host })).map(({ host: _, interface: id, ...outcome }) => [
        ...([id, JSON.stringify(takeCounts(outcome).outcome)] as const),
      ]),
    )
    const usual = usualOf(said)
    const asUsual = JSON.stringify(usual)
    const wanted = new Map<string, string>()
    const put: (InterfaceOutcome & { readonly interface: string })[] = []
    for (const { id, device: _, ...all } of interfaces) {
      const { outcome, counts } = takeCounts(all)
      const text = JSON.stringify(outcome)
      if (!counts && text === asUsual) continue
      wanted.set(id, text)
      if (kept.get(id) === text && !(whole && counts)) continue
      put.push({ ...outcome, ...counts, interface: id })
    }
    const remove = [...kept.keys()].filter((id) => !wanted.has(id))
    const record = { ...rest, seenAt: at, usual }
    for (let from = 0; ; from += maxPerWrite) {
      const more = put.length > from + maxPerWrite
      // What goes and what the host says of itself come last: until then the store says what was.
      const last = more ? { remove: [] } : { remove, record }
      const some = put.slice(from, from + maxPerWrite)
      const done = await storage.run('reportHost', { host, put: some, ...last }, agent(at))
      if (!done.ok) throw new Error(done.error.kind)
      if (!more) break
    }
    kept = wanted
  }

  return {
    introduced,
    report(next) {
      const first = status === undefined
      status = next
      outcomes = undefined
      if (first) keep()
      else {
        // A round that is short is told of once, when it is over.
        const now = performance.now()
        keepAt(next.state === 'applying' ? now + times.between : Math.max(now, written + times.between))
      }
    },
    status: () => status as HostStatus,
    known() {
      const now = status as HostStatus
      outcomes ??= new Map(now.interfaces.map(({ id, device: _, ...outcome }) => [id, outcome]))
      const all = outcomes
      const otherwise = { ...unknown, state: 'applied', appliedRevision: now.appliedRevision } as const
      return { status: now, gone: false, of: (id) => all.get(id) ?? otherwise }
    },
    beat() {
      beating = true
      keep()
    },
    async close() {
      while (writing || due < Number.POSITIVE_INFINITY) {
        if (!writing) keep()
        await writing
      }
    },
  }
}

/** Takes apart what changes seldom and what changes all the time, as far as it is worth being kept. */
function takeCounts({ denials, connections, unanswered, ...outcome }: InterfaceOutcome) {
  const refuses = connections && connections.refusals.ingress + connections.refusals.egress > 0
  const counts = {
    ...(denials && { denials }),
    ...(refuses && { connections }),
    ...(unanswered && { unanswered }),
  }
  return { outcome, counts: Object.keys(counts).length > 0 ? counts : undefined }
}

/** What most of its interfaces have in common, without counts, which differ. */
function usualOf({ interfaces, appliedRevision, observe }: HostStatus): InterfaceOutcome {
  const counts = new Map<string, number>()
  let most: { readonly outcome: InterfaceOutcome; readonly count: number } = {
    outcome: { appliedRevision, state: observe ? 'observing' : 'applied', error: null, notes: [] },
    count: 0,
  }
  for (const { id: _, device: __, ...all } of interfaces) {
    const { outcome } = takeCounts(all)
    const key = JSON.stringify(outcome)
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    if (count > most.count) most = { outcome, count }
  }
  return most.outcome
}
