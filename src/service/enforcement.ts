/**
 * What agents say of their hosts: heard in this process, kept in the store, answered from both.
 *
 * The process that hears an agent answers from what it heard, which is never older than the store.
 */
import type { HostStatus, InterfaceState, InterfaceStatus } from '../core/model/desired.ts'
import type { HostWords, StatusChange } from '../core/model/status-change.ts'
import type {
  Behind,
  HostSession,
  KnownHost,
  OutcomeRecord,
  PlacedInterface,
  Storage,
} from '../storage/storage.ts'
import { type Context, isOperator } from './context.ts'
import type { Reach } from './desired.ts'
import { agent, createHostKeeper, type HostKeeper } from './host-keeper.ts'
import { createHostView, type HeardHost, type HostView } from './host-view.ts'
import { type Known, type Progress, progressOf, type Standing, standingOf } from './standing.ts'
import { createStoreClock } from './store-clock.ts'
import { toldToTenant } from './tenant-words.ts'
import { createTurns } from './turns.ts'

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

/** What is given must hold; hosts behind `after`, `limit` at most. */
export interface HostFilter {
  readonly host?: string
  /** Of interfaces: those of others are left out, and hosts that have none. */
  readonly account?: string
  readonly state?: InterfaceState
  readonly after: string | null
  readonly limit: number
}

/** An agent that speaks for a host. */
export interface Speaker {
  /** What is written for it is fenced with this. */
  readonly session: number
  /** Another agent speaks for the host by now, in another process. */
  readonly replaced: () => void
}

/** Of a greeting. */
export type SpeakingAgent = Pick<HostSession, 'release' | 'protocol' | 'instance' | 'own'>

export interface HostPage {
  readonly hosts: readonly (Omit<HostStatus, 'interfaces'> & {
    /** Who spoke for it last; null: one of before sessions were kept. */
    readonly agent: HostSession | null
    /** Whether that one is there. */
    readonly connected: boolean
    readonly interfaces: readonly PlacedStatus[]
  })[]
  /** `after` of the next page; null at the end. */
  readonly next: string | null
}

/** With whose it is. */
export interface PlacedStatus extends InterfaceStatus {
  readonly account: string
  readonly server: string
}

/** What is in force on an interface, as its agent says. */
export type InForce = Omit<Standing, 'denials'>

/** What agents say of their hosts and interfaces. Every process gives the same answers, but for moments. */
export interface EnforcementService {
  /** For agents in this process. Kept in the store soon after, for the others. */
  report(change: StatusChange): void
  /**
   * `reach` says, of an agent in this process, what it was handed last and up to which revision that is all there is. Answers
   * how to forget it.
   */
  follow(host: string, reach: () => Reach | null): () => void
  /**
   * An agent begins to speak for its host in this process, in place of any before it, wherever that is: `report` is its word
   * from now on. False where it may not, because the service enforces there itself. `replaced` is called when another one
   * takes its place in another process. Rejects when the store cannot be told.
   */
  open(host: string, agent: SpeakingAgent, replaced: () => void): Promise<boolean>
  /** The agent that has spoken here has gone: what it has put in force stays. Resolves when the store knows. */
  left(host: string): Promise<void>
  /** The agent that speaks for a host in this process; undefined: none does. */
  speaker(host: string): Speaker | undefined
  /** The time of the store, milliseconds since 1970. */
  time(): number
  /** The moment since which this process has heard and told the store without a gap, in the store's time. */
  listeningSince(): number
  /** Why an agent that would speak for the host was sent away, for operators. */
  refused(host: string, reason: string): Promise<void>
  /** Of agents in this process, as they spoke last. */
  hosts(): readonly HostView[]
  host(name: string): HostView | undefined
  /** For operators: hosts that have an agent, by name, with their interfaces; of one account where it is given. */
  statuses(now: number, of: HostFilter): Promise<HostPage>
  /** By interface, those that nobody enforces left out. `of` names what they have in common. Tenants read nothing of hosts in it. */
  inForce(
    ctx: Context,
    placed: readonly PlacedInterface[],
    of: { readonly server: string } | { readonly servers: readonly string[] } | { readonly account: string },
  ): Promise<ReadonlyMap<string, InForce>>
  /** Of the account, interfaces on hosts with an agent that are not in force as they are stored. */
  pending(ctx: Context, of?: PendingOf): Promise<readonly Pending[]>
  /** The same agents, of interfaces that are in this view of the store. */
  over(view: Storage): EnforcementService
  /** Forgets what agents of other hosts have said: there are none any more, and nothing waits for them. */
  forgetOthers(hosts: readonly string[]): Promise<void>
  /** Tells the store what it has not been told yet. */
  close(): Promise<void>
}

/** Milliseconds. */
const times = {
  /** The store is told of an agent that is alive at least as often. */
  heartbeat: 10_000,
  /** Silent for longer, by the clock of the store: it is not there. */
  silent: 45_000,
}

/** Hosts of which the store is told at a time: when all connect at once requests wait for the same store. */
const keepersAtOnce = 8
/** Hosts of which nothing but that their agents are there is told in one write. */
const recordsPerWrite = 200

interface Heard {
  readonly view: HeardHost
  readonly keeper: HostKeeper
  readonly opened: Opened | undefined
}

/** Who speaks for a host in this process. */
interface Opened {
  readonly session: number
  readonly replaced: () => void
}

/** `now` is the clock of this process, milliseconds since 1970; it need not be right. */
export function createEnforcement(storage: Storage, now: () => number = Date.now): EnforcementService {
  const clock = createStoreClock(storage, now)
  /** What is compared between processes is of the store's time. */
  const time = () => Math.round(now() + clock.ahead())
  /** By the clock of this process that never jumps, when the store answered last. */
  let answered = Number.NEGATIVE_INFINITY
  let since = time()
  const isGap = () => performance.now() - answered > 2 * times.heartbeat
  async function readClock(): Promise<void> {
    const expected = time()
    await clock.read()
    // By a clock that was set, everybody would have been silent for as long.
    const isSet = Math.abs(time() - expected) > times.heartbeat
    if (isGap() || isSet) since = time()
    answered = performance.now()
  }
  const begun = readClock().catch(() => {})
  const heard = new Map<string, Heard>()
  /** Of agents that have begun to speak here. */
  const sessions = new Map<string, Opened>()
  const reaches = new Map<string, () => Reach | null>()
  const turns = createTurns(keepersAtOnce)
  const beat = setInterval(() => {
    readClock().then(tellAlive, tellAlive)
  }, times.heartbeat)
  beat.unref()
  function tellAlive(): void {
    const records = [...heard.values()].flatMap(({ keeper }) => keeper.beat() ?? [])
    for (let from = 0; from < records.length; from += recordsPerWrite) {
      const some = records.slice(from, from + recordsPerWrite)
      // A store that is away is told again by the next heartbeat.
      void storage.run('reportHosts', { records: some }, agent(time())).catch(() => {})
    }
  }

  /** Resolves when the store knows of every agent that has spoken here, and its time is known. */
  const introduced = () => Promise.all([begun, ...[...heard.values()].map(({ keeper }) => keeper.introduced)])

  /** Another agent speaks for it, in another process: what was said here counts no more. */
  function forget(host: string, opened: Opened | undefined): void {
    const here = heard.get(host)
    if (here && here.opened === opened) {
      here.keeper.stop()
      heard.delete(host)
    }
    if (opened && sessions.get(host) === opened) sessions.delete(host)
    opened?.replaced()
  }

  function know(records: readonly KnownHost[], outcomes: readonly OutcomeRecord[], now: number) {
    const stored = new Map(records.map((record) => [record.host, record]))
    const own = new Map(outcomes.map((each) => [`${each.host} ${each.interface}`, each]))
    return (host: string): Known | undefined => {
      const record = stored.get(host)
      const opened = sessions.get(host)
      // Nobody answers from what an agent said that was replaced, not even until that is noticed otherwise.
      if (opened && opened.session < (record?.connection?.session ?? 0)) forget(host, opened)
      const here = heard.get(host)
      if (here) return seen(here.view.words, now, now, (id) => here.view.of(id) ?? here.view.usual)
      return (
        record &&
        seen(record, record.seenAt, now + clock.ahead(), (id) => own.get(`${host} ${id}`) ?? record.usual)
      )
    }
  }

  /** What is answered of what a store, or a view of one, has. */
  const answering = (view: Storage): Pick<EnforcementService, 'inForce' | 'pending'> => ({
    async inForce(ctx, placed, of) {
      await introduced()
      const [hosts, outcomes] = await Promise.all([view.hosts(), view.outcomes(of)])
      const known = know(hosts, outcomes, ctx.now)
      const told = isOperator(ctx.principal) ? (standing: Standing) => standing : toldToTenant
      return new Map(
        placed.flatMap((each): [string, InForce][] => {
          const standing = standingAmong(each, known)
          return standing ? [[each.id, told(standing)]] : []
        }),
      )
    },
    async pending(ctx, of = {}) {
      await introduced()
      const { hosts, outcomes, interfaces } = await view.behind({ account: ctx.principal.account, ...of })
      const known = know(hosts, outcomes, ctx.now)
      return interfaces.map((each) => pendingAt(each, known)).filter((each) => each !== undefined)
    },
  })

  async function statusOf(record: KnownHost, now: number, { account, state }: HostFilter) {
    const { host } = record
    const [outcomes, placed] = await Promise.all([storage.outcomes({ host }), storage.placedOn(host)])
    const there = know([record], outcomes, now)(host)
    if (!there) throw new Error(`host ${host} was listed`)
    const interfaces = placed
      .filter((each) => account === undefined || each.account === account)
      .map(
        ({ id, device, generation, account, server }): PlacedStatus => ({
          ...standingOf(id, there, generation),
          ...{ id, device: device ?? '', account, server },
        }),
      )
      .filter((each) => state === undefined || each.state === state)
    const { connection: agent } = record
    const connected = agent?.leftAt === null && !there.gone
    return { ...there.words, agent, connected, interfaces }
  }

  const service: EnforcementService = {
    report(change) {
      const { host } = change.host
      const known = heard.get(host)
      if (known) {
        known.view.hear(change)
        known.keeper.heard(change)
      } else {
        const view = createHostView(change, () => reaches.get(host)?.() ?? null)
        const opened = sessions.get(host)
        const as = opened && { session: opened.session, replaced: () => forget(host, opened) }
        heard.set(host, { view, opened, keeper: createHostKeeper(storage, view, turns, { ...as, time }) })
      }
    },
    async open(host, { release, protocol, instance, own }, replaced) {
      await begun
      const args = { host, agent: { release, protocol, instance, own } }
      const done = await storage.run('openSession', args, agent(time()))
      if (!done.ok) throw new Error(done.error.kind)
      const { session } = done.value
      if (session === null) return false
      // One that has connected later, and was written before.
      if ((sessions.get(host)?.session ?? 0) > session) {
        replaced()
        return true
      }
      const here = heard.get(host)
      here?.keeper.stop()
      heard.delete(host)
      sessions.set(host, { session, replaced })
      return true
    },
    follow(host, reach) {
      reaches.set(host, reach)
      return () => {
        if (reaches.get(host) === reach) reaches.delete(host)
      }
    },
    async left(host) {
      const opened = sessions.get(host)
      if (!opened) return
      const here = heard.get(host)
      await here?.keeper.close().catch(() => {})
      if (sessions.get(host) !== opened) return
      const { session } = opened
      await storage.run('closeSession', { host, session }, agent(time())).catch(() => {})
      if (sessions.get(host) !== opened) return
      sessions.delete(host)
      if (heard.get(host) !== here) return
      here?.keeper.stop()
      heard.delete(host)
    },
    speaker(host) {
      const opened = sessions.get(host)
      return opened && { session: opened.session, replaced: () => forget(host, opened) }
    },
    time,
    listeningSince: () => (isGap() ? time() : since),
    async refused(host, reason) {
      await storage.run('refuseSession', { host, reason }, agent(Date.now()))
    },
    hosts: () => [...heard.values()].map(({ view }) => view),
    host: (name) => heard.get(name)?.view,
    ...answering(storage),
    over: (view) => ({ ...service, ...answering(view) }),
    async statuses(now, of) {
      await introduced()
      const { host, account, state, after, limit } = of
      const narrowed = account !== undefined || state !== undefined
      const found: Awaited<ReturnType<typeof statusOf>>[] = []
      for (const record of await storage.hosts()) {
        if (host !== undefined && record.host !== host) continue
        if (after !== null && record.host <= after) continue
        const status = await statusOf(record, now, of)
        if (narrowed && status.interfaces.length === 0) continue
        const last = found.at(-1)
        if (last && found.length === limit) return { hosts: found, next: last.host }
        found.push(status)
      }
      return { hosts: found, next: null }
    },
    async forgetOthers(hosts) {
      await storage.run('forgetHosts', { except: hosts }, agent(Date.now()))
    },
    async close() {
      clearInterval(beat)
      await Promise.all([...heard.values()].map(({ keeper }) => keeper.close()))
    },
  }
  return service
}

/** As its agent said; one that has said nothing for long has failed. */
function seen<Words extends HostWords>(words: Words, seenAt: number, now: number, of: Known['of']) {
  const gone = now - seenAt > times.silent
  const error = `its agent has said nothing since ${new Date(seenAt).toISOString()}`
  return { words: gone ? { ...words, state: 'failing' as const, error } : words, gone, of }
}

type KnownHosts = (host: string) => Known | undefined
type Placed = Pick<PlacedInterface, 'id' | 'host' | 'device' | 'generation'>

/** Undefined when nobody enforces it. */
const hostOf = ({ host, device }: Placed, known: KnownHosts): Known | undefined =>
  host === null || device === null ? undefined : known(host)

function standingAmong(placed: Placed, known: KnownHosts): Standing | undefined {
  const there = hostOf(placed, known)
  return there && standingOf(placed.id, there, placed.generation)
}

function pendingAt(placed: Behind['interfaces'][number], known: KnownHosts): Pending | undefined {
  const there = hostOf(placed, known)
  if (!there) return undefined
  const { id, server, zone, generation, serverRevision, policies } = placed
  const standing = standingOf(id, there, generation)
  const progress = progressOf(standing, there, generation)
  const applied = standing.appliedRevision ?? -1
  return progress === null
    ? undefined
    : { server, zone, interface: id, policies, serverRevision, applied, progress }
}
