/**
 * Packets that were judged, as agents in this process tell of them: the last ones are kept in memory, and whoever follows
 * hears new ones at once. Nothing of it is stored, and other processes do not know them.
 */
import { randomBytes } from 'node:crypto'
import { parseDecider } from '../core/model/decider.ts'
import type { Decision, outcomes } from '../core/model/decision.ts'
import type { RequestError } from '../core/model/error.ts'
import type { Direction } from '../core/model/rule.ts'
import { err, ok, type Result } from '../core/result.ts'
import type { InterfaceOwner, Storage } from '../storage/storage.ts'
import { type Context, isWithin } from './context.ts'
import type { EffectiveService } from './effective.ts'
import type { Outcome } from './outcome.ts'
import { createOwners } from './owners.ts'
import { interfaceCalled } from './pick.ts'

/** Whether what an interface of this owner meets is told. */
export type Permits = (owner: InterfaceOwner) => boolean

/** With the names of what it is about, as they are now. */
export interface NamedDecision extends Decision {
  /** Its own in its account, for `after`, counted there from 1; another process, or this one after a restart, gives none that is the same. */
  readonly id: string
  readonly server: string
  readonly serverName: string
  readonly account: string
  /** Of the interface in its server, from 1. */
  readonly index: number
  /** What its dialect calls the interface; null: nothing. */
  readonly interfaceName: string | null
}

/** What is given must hold. Nothing given: all of the account, or of all accounts where an operator acts in none. */
export interface DecisionFilter {
  /** As of `EffectiveService.server`. */
  readonly server?: string
  /** By id; by name too where a server is given. */
  readonly interface?: string
  readonly direction?: Direction
  readonly outcome?: (typeof outcomes)[number]
  /** Ids, of the rule that decided. */
  readonly policy?: string
  readonly rule?: string
}

/** Called with what is new, in order. `lost`: how many before them it was too slow to be told. The next call waits for its promise. */
export type DecisionListener = (decisions: readonly NamedDecision[], lost: number) => void | Promise<void>

export interface DecisionService {
  /** For agents in this process. */
  hear(decisions: readonly Decision[]): void
  /** The last ones of each interface, 1,000 at most, oldest first; `limit`: no more than so many in all, the newest. */
  recent(
    ctx: Context,
    filter: DecisionFilter & { readonly limit?: number },
  ): Outcome<readonly NamedDecision[]>
  /**
   * Answers how to stop. `after`: first those that are kept and came after the one of this id; all that are kept, where no
   * decision of this process had it; absent: none. Whoever owns an interface when a packet is told of is told, and nobody
   * else.
   */
  follow(
    ctx: Context,
    filter: DecisionFilter & { readonly after?: string },
    listener: DecisionListener,
  ): Outcome<() => void>
  /** The same decisions, of interfaces of servers that `permits` names, which this view of the store has. */
  over(view: Storage, effective: EffectiveService, permits: Permits): DecisionService
  /** Since the process started: heard from agents, and missed by listeners that were too slow, each counted for itself. */
  counts(): { readonly told: number; readonly missed: number }
}

/** Decisions. */
const most = {
  /** Of one interface, and of all: beyond it those are forgotten of which nothing was heard for the longest. */
  ofInterface: 1000,
  inAll: 100_000,
  /** Heard, while it is looked up whose they are. */
  unnamed: 10_000,
  /** That wait for one listener. */
  waiting: 1000,
}

interface Kept {
  /** In its account, from 1. */
  readonly number: number
  /** In the process, from 1: only operators see how many all have. */
  readonly sequence: number
  readonly decision: Decision
}

/** What is kept of an interface for as long as it is the same one's. */
interface Ring {
  readonly account: string
  readonly server: string
  readonly kept: Kept[]
}

interface Wanted extends Pick<Follower, 'accepts' | 'numbering'> {
  readonly account: string
  readonly id: string | undefined
}

/** What there is of the store, for who asks. */
interface View {
  readonly storage: Storage
  readonly effective: EffectiveService
  readonly permits: Permits
}

interface Follower {
  readonly accepts: (decision: Decision, owner: InterfaceOwner) => boolean
  /** Of what is accepted, by what ids are numbered. */
  readonly numbering: 'number' | 'sequence'
  readonly listener: DecisionListener
  waiting: NamedDecision[]
  lost: number
  busy: boolean
  stopped: boolean
}

export function createDecisionService(storage: Storage, effective: EffectiveService): DecisionService {
  const owners = createOwners(storage)
  /** Those heard the longest ago come first. */
  const rings = new Map<string, Ring>()
  let size = 0
  /** By account; those of operators that act in none by the empty one. */
  const followers = new Map<string, Set<Follower>>()
  /** Of this process: numbers begin anew in the next. */
  const name = randomBytes(6).toString('hex')
  /** Of the last decision of each account: nobody sees how many others have. */
  const last = new Map<string, number>()
  let sequence = 0
  const heard: (readonly Decision[])[] = []
  let unnamed = 0
  let naming = false
  const counts = { told: 0, missed: 0 }

  const named = (kept: Kept, owner: InterfaceOwner, numbering: Follower['numbering']): NamedDecision => ({
    ...kept.decision,
    id: `${name}-${kept[numbering]}`,
    ...{ account: owner.account, server: owner.server, serverName: owner.serverName },
    ...{ index: owner.index, interfaceName: owner.name },
  })

  function drop(id: string): void {
    size -= rings.get(id)?.kept.length ?? 0
    rings.delete(id)
  }
  function keep(kept: Kept, { interface: id, account, server }: InterfaceOwner): void {
    let ring = rings.get(id)
    if (ring && (ring.account !== account || ring.server !== server)) {
      drop(id)
      ring = undefined
    }
    ring ??= { account, server, kept: [] }
    rings.delete(id)
    rings.set(id, ring)
    ring.kept.push(kept)
    size++
    if (ring.kept.length > most.ofInterface) {
      ring.kept.shift()
      size--
    }
    for (const oldest of rings.keys()) {
      if (size <= most.inAll) break
      drop(oldest)
    }
  }

  function take(decisions: readonly Decision[], known: ReadonlyMap<string, InterfaceOwner>): void {
    const concerned = new Set<Follower>()
    for (const decision of decisions) {
      const owner = known.get(decision.interface)
      // A host says nothing of what is on another.
      if (owner?.host !== decision.host) continue
      const kept = { number: (last.get(owner.account) ?? 0) + 1, sequence: ++sequence, decision }
      last.set(owner.account, kept.number)
      keep(kept, owner)
      for (const follower of [owner.account, ''].flatMap((of) => [...(followers.get(of) ?? [])])) {
        if (!follower.accepts(decision, owner)) continue
        push(follower, named(kept, owner, follower.numbering))
        concerned.add(follower)
      }
    }
    for (const follower of concerned) void tell(follower)
  }

  function push(follower: Follower, decision: NamedDecision): void {
    follower.waiting.push(decision)
    if (follower.waiting.length <= most.waiting) return
    follower.waiting.shift()
    follower.lost++
    counts.missed++
  }

  async function tell(follower: Follower): Promise<void> {
    if (follower.busy) return
    follower.busy = true
    try {
      while (follower.waiting.length > 0 && !follower.stopped) {
        const { waiting, lost } = follower
        follower.waiting = []
        follower.lost = 0
        await follower.listener(waiting, lost)
      }
    } catch {
      // It is gone, and whoever gave it knows.
      follower.stopped = true
    } finally {
      follower.busy = false
    }
  }

  async function nameAll(): Promise<void> {
    naming = true
    try {
      for (let next = heard.shift(); next; next = heard.shift()) {
        const ids = [...new Set(next.map((each) => each.interface))]
        // At once where all is known: whoever follows waits for it.
        const known = owners.known(ids) ?? (await owners.of(ids).catch(() => undefined))
        unnamed -= next.length
        if (known) take(next, known)
      }
    } finally {
      naming = false
    }
  }

  /** What a filter asks, once it is known what it names; all of it is the caller's. */
  async function resolve(
    ctx: Context,
    filter: DecisionFilter,
    view: View,
  ): Promise<Result<Wanted, RequestError>> {
    const { account } = ctx.principal
    const { server: called, interface: nic, direction, outcome, policy, rule } = filter
    let [server, id] = [undefined as string | undefined, nic]
    if (called !== undefined) {
      const found = await view.effective.server(ctx, called)
      if (!found.ok) return found
      server = found.value.server.id
      if (nic !== undefined) {
        const picked = interfaceCalled(nic, found.value.placements)
        if (!picked.ok) return picked
        id = picked.value.interface.id
      }
    } else if (nic !== undefined) {
      const [owner] = await view.storage.owners([nic])
      if (!owner || !isWithin(ctx, owner.account)) {
        return err({ kind: 'not-found', resource: 'interface', id: nic } as const)
      }
    }
    const accepts: Follower['accepts'] = (decision, owner) => {
      if (!isWithin(ctx, owner.account) || !view.permits(owner)) return false
      if (server !== undefined && owner.server !== server) return false
      if (id !== undefined && decision.interface !== id) return false
      if (direction !== undefined && decision.direction !== direction) return false
      if (outcome !== undefined && decision.outcome !== outcome) return false
      if (policy === undefined && rule === undefined) return true
      const by = parseDecider(decision.by)
      if (!by.ok || !('policy' in by.value)) return false
      if (policy !== undefined && by.value.policy !== policy) return false
      return rule === undefined || (by.value.kind === 'rule' && by.value.rule === rule)
    }
    return ok({ account, accepts, id, numbering: account === '' ? 'sequence' : 'number' })
  }

  /** Those that are kept and accepted, oldest first, after a number. */
  async function keptFor(
    { account, accepts, numbering, id }: Wanted,
    after: number,
  ): Promise<NamedDecision[]> {
    const own = () =>
      id !== undefined
        ? [id]
        : [...rings].flatMap(([nic, ring]) => (account === '' || ring.account === account ? [nic] : []))
    // Looked up first, and used at once: whose they are cannot change in between.
    await owners.of(own())
    const now = owners.known(own()) ?? (await owners.of(own()))
    const found: (readonly [Kept, InterfaceOwner])[] = []
    for (const nic of own()) {
      const [ring, owner] = [rings.get(nic), now.get(nic)]
      if (!ring) continue
      if (!owner || owner.account !== ring.account || owner.server !== ring.server) {
        drop(nic)
        continue
      }
      for (const kept of ring.kept) {
        if (kept[numbering] > after && accepts(kept.decision, owner)) found.push([kept, owner])
      }
    }
    return found
      .sort(([a], [b]) => a.sequence - b.sequence)
      .map(([kept, owner]) => named(kept, owner, numbering))
  }

  const answering = (view: View): Pick<DecisionService, 'recent' | 'follow'> => ({
    async recent(ctx, { limit, ...filter }) {
      const wanted = await resolve(ctx, filter, view)
      if (!wanted.ok) return wanted
      const all = await keptFor(wanted.value, 0)
      return ok(limit === undefined ? all : all.slice(Math.max(0, all.length - limit)))
    },
    async follow(ctx, { after, ...filter }, listener) {
      const wanted = await resolve(ctx, filter, view)
      if (!wanted.ok) return wanted
      const { account, accepts, numbering } = wanted.value
      // Busy until what is kept is before what comes meanwhile.
      const follower: Follower = {
        ...{ accepts, numbering, listener, waiting: [], lost: 0, busy: true, stopped: false },
      }
      const of = followers.get(account) ?? new Set()
      followers.set(account, of.add(follower))
      if (after !== undefined) {
        const kept = await keptFor(wanted.value, numberOf(after))
        const live = new Set(follower.waiting.map((each) => each.id))
        const waiting = follower.waiting
        follower.waiting = []
        for (const each of kept) if (!live.has(each.id)) push(follower, each)
        for (const each of waiting) push(follower, each)
      }
      follower.busy = false
      void tell(follower)
      return ok(() => {
        follower.stopped = true
        of.delete(follower)
        if (of.size === 0 && followers.get(account) === of) followers.delete(account)
      })
    },
  })

  const service: DecisionService = {
    hear(decisions) {
      counts.told += decisions.length
      // Only while the store does not answer.
      if (unnamed > most.unnamed) return
      unnamed += decisions.length
      heard.push(decisions)
      if (!naming) void nameAll()
    },
    ...answering({ storage, effective, permits: () => true }),
    over: (view, its, permits) => ({
      ...service,
      ...answering({ storage: view, effective: its, permits }),
    }),
    counts: () => ({ ...counts }),
  }
  return service

  /** 0 where no decision of this process is called so. */
  function numberOf(id: string): number {
    const [of, number] = id.split('-')
    return of === name && /^\d{1,15}$/.test(number ?? '') ? Number(number) : 0
  }
}
