/**
 * What agents say of their hosts: heard in this process, kept in the store, answered from both.
 *
 * The process that hears an agent answers from what it heard, which is never older than the store.
 */
import type { HostStatus, InterfaceState, InterfaceStatus } from '../core/model/desired.ts'
import type { HostWords, StatusChange } from '../core/model/status-change.ts'
import type { Behind, HostRecord, OutcomeRecord, PlacedInterface, Storage } from '../storage/storage.ts'
import { type Context, isOperator } from './context.ts'
import type { Reach } from './desired.ts'
import { agent, createHostKeeper, type HostKeeper } from './host-keeper.ts'
import { createHostView, type HeardHost, type HostView } from './host-view.ts'
import { type Known, type Progress, progressOf, type Standing, standingOf } from './standing.ts'
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

export interface HostPage {
  readonly hosts: readonly (Omit<HostStatus, 'interfaces'> & {
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
  /** The agent of a host has gone from this process: what it has put in force stays, until it speaks again. */
  left(host: string): void
  /**
   * `reach` says, of an agent in this process, what it was handed last and up to which revision that is all there is. Answers
   * how to forget it.
   */
  follow(host: string, reach: () => Reach | null): () => void
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
  /** Silent for longer: it is not there. Clocks of hosts may differ by some seconds. */
  silent: 45_000,
}

/** Hosts of which the store is told at a time: when all connect at once requests wait for the same store. */
const keepersAtOnce = 8
/** Hosts of which nothing but that their agents are there is told in one write. */
const recordsPerWrite = 200

interface Heard {
  readonly view: HeardHost
  readonly keeper: HostKeeper
  /** When its agent has gone, milliseconds since 1970; null: it is there. */
  leftAt: number | null
}

export function createEnforcement(storage: Storage): EnforcementService {
  const heard = new Map<string, Heard>()
  const reaches = new Map<string, () => Reach | null>()
  const turns = createTurns(keepersAtOnce)
  const beat = setInterval(() => {
    const there = [...heard.values()].filter(({ leftAt }) => leftAt === null)
    const records = there.flatMap(({ keeper }) => keeper.beat() ?? [])
    for (let from = 0; from < records.length; from += recordsPerWrite) {
      const some = records.slice(from, from + recordsPerWrite)
      // A store that is away is told again by the next heartbeat.
      void storage.run('reportHosts', { records: some }, agent(Date.now())).catch(() => {})
    }
  }, times.heartbeat)
  beat.unref()

  /** Resolves when the store knows of every agent that has spoken here. */
  const introduced = () => Promise.all([...heard.values()].map(({ keeper }) => keeper.introduced))

  function know(records: readonly HostRecord[], outcomes: readonly OutcomeRecord[], now: number) {
    const stored = new Map(records.map((record) => [record.host, record]))
    const own = new Map(outcomes.map((each) => [`${each.host} ${each.interface}`, each]))
    return (host: string): Known | undefined => {
      const here = heard.get(host)
      if (here) {
        const { view, leftAt } = here
        return seen(view.words, leftAt ?? now, now, (id) => view.of(id) ?? view.usual)
      }
      const record = stored.get(host)
      return record && seen(record, record.seenAt, now, (id) => own.get(`${host} ${id}`) ?? record.usual)
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

  async function statusOf(record: HostRecord, now: number, { account, state }: HostFilter) {
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
    return { ...there.words, interfaces }
  }

  const service: EnforcementService = {
    report(change) {
      const { host } = change.host
      const known = heard.get(host)
      if (known) {
        known.leftAt = null
        known.view.hear(change)
        known.keeper.heard(change)
      } else {
        const view = createHostView(change, () => reaches.get(host)?.() ?? null)
        heard.set(host, { view, keeper: createHostKeeper(storage, view, turns), leftAt: null })
      }
    },
    left(host) {
      const known = heard.get(host)
      if (known) known.leftAt = Date.now()
    },
    follow(host, reach) {
      reaches.set(host, reach)
      return () => {
        if (reaches.get(host) === reach) reaches.delete(host)
      }
    },
    hosts: () => [...heard.values()].filter(({ leftAt }) => leftAt === null).map(({ view }) => view),
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
