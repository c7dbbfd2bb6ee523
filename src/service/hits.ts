/**
 * What deciders have counted: heard from agents in this process, kept in the store, answered from both.
 *
 * Counts are no revision and no audit event: nothing that is desired changes by them.
 */
import { type Decider, deciderText, parseDecider } from '../core/model/decider.ts'
import type { PerDirection } from '../core/model/desired.ts'
import type { HitsReport } from '../core/model/hits.ts'
import type { Interface } from '../core/model/interface.ts'
import type { Action, Direction, LogLevel, Rule } from '../core/model/rule.ts'
import { ok } from '../core/result.ts'
import type { ServerRecord, Storage } from '../storage/storage.ts'
import type { Context } from './context.ts'
import type { EffectiveInterface, EffectiveService } from './effective.ts'
import type { EnforcementService } from './enforcement.ts'
import { type Counted, createHitMemory, suppressedName } from './hit-memory.ts'
import type { Outcome } from './outcome.ts'
import { stepsOf } from './rule-steps.ts'

/** Packets, and their bytes from the IP header on (of frames: from the Ethernet header on), since they are counted. */
export interface Hits {
  readonly packets: number
  readonly bytes: number
  /** When an increase was read last, milliseconds since 1970; null: never. */
  readonly lastHit: number | null
}

/** What is counted of one interface. Times are milliseconds since 1970. */
export interface Counting {
  readonly interface: Interface
  /** When the counters were read: what was counted later is missing. Null: never. */
  readonly countedAt: number | null
  /** Since when they count; null: nobody has counted here yet. */
  readonly since: number | null
  /** Decisions that were not told because there were too many. */
  readonly suppressed: PerDirection
}

/** What one decider of an interface has counted. */
export interface DeciderHits extends Hits {
  /** Those that have counted nothing are left out. */
  readonly by: Decider
}

export interface InterfaceCounts extends Counting {
  readonly ingress: readonly DeciderHits[]
  readonly egress: readonly DeciderHits[]
}

export interface ServerCounts {
  readonly server: ServerRecord
  readonly interfaces: readonly InterfaceCounts[]
  /** Of the rules and lists that count here: over all interfaces of the account that share their policy. */
  readonly sums: readonly DeciderHits[]
}

/** What is asked of a packet in its turn, with what it has counted on the interface. */
export interface Step {
  readonly by: Decider
  readonly action: Action
  /** Where what it lets pass is told, too. Absent: it is not. */
  readonly log?: LogLevel
  /** Of a rule. */
  readonly rule?: RuleInPlace
  readonly hits: Hits
  /** Of a rule: over all interfaces of the account that share its policy. */
  readonly sum?: Hits
  /**
   * Milliseconds since 1970: its last hit, else since when it is there and counted on this interface. Null where that is not
   * known, because it is not counted.
   */
  readonly unusedSince: number | null
  /** False: `hits` may lack packets, because `why`. */
  readonly counted: boolean
  /** Why it is not counted, in words for its owner. */
  readonly why?: string
  /** Of an allowing rule that is counted together with the others of its policy: what they have counted in all. */
  readonly together?: Hits
}

export interface RuleInPlace {
  readonly policy: string
  /** Empty when it has none; of a policy that is built in, its id. */
  readonly policyName: string
  /** In its policy, from 1. */
  readonly position: number
  readonly rule: Rule
}

export interface InterfaceRules extends Counting {
  /** In the order of judging, the default last; empty in a direction that is not filtered, but for checks of the sender. */
  readonly ingress: readonly Step[]
  readonly egress: readonly Step[]
}

export interface ServerRules {
  readonly server: ServerRecord
  readonly interfaces: readonly InterfaceRules[]
}

/** Sums over the interfaces of a host, for metrics. */
export interface HitsTotal {
  readonly host: string
  readonly direction: Direction
  readonly kind: Decider['kind']
  readonly packets: number
  readonly bytes: number
}

export interface HitsService {
  /** For agents in this process. Kept in the store within half a minute, for others and for later. */
  hear(report: HitsReport): void
  /**
   * How the agent of a host in this process is asked to count now: resolves when its answer has been heard, or soon without
   * one, and never rejects. Answers how to take it back.
   */
  asks(host: string, ask: () => Promise<void>): () => void
  /** The server as of `EffectiveService.server`. Where an agent can be asked, what it has counted until now. */
  of(ctx: Context, called: string): Outcome<ServerCounts>
  /** As of `of`: everything that packets are asked, in its order. */
  rulesOf(ctx: Context, called: string): Outcome<ServerRules>
  /** The same counts, of servers of this view of the store. `own`: sums are over the interfaces in it alone. */
  over(view: Storage, effective: EffectiveService, own: boolean): HitsService
  /** What agents in this process have counted since it started: each number only grows, also when an interface goes. */
  totals(): readonly HitsTotal[]
  /** Decisions that agents in this process did not tell because there were too many, since it started. */
  suppressed(): number
  /** Keeps what is not kept yet. */
  close(): Promise<void>
}

/** Milliseconds between two writes to the store, and writes between two looks at what is no more. */
const times = { keep: 30_000, tidyEvery: 20 }

export function createHitsService(
  storage: Storage,
  effective: EffectiveService,
  enforcement: EnforcementService,
): HitsService {
  const totals = new Map<string, { -readonly [K in keyof HitsTotal]: HitsTotal[K] }>()
  let suppressed = 0
  const memory = createHitMemory(storage, (host, { direction, decider }, { packets, bytes }) => {
    if (decider === suppressedName) {
      suppressed += packets
      return
    }
    const kind = kindOf(decider)
    const key = `${host} ${direction} ${kind}`
    const total = totals.get(key) ?? { host, direction, kind, packets: 0, bytes: 0 }
    totals.set(key, total)
    total.packets += packets
    total.bytes += bytes
  })
  const agents = new Map<string, () => Promise<void>>()

  /** Whether interfaces may have gone since the store was asked. */
  let moved = false
  const stopHearing = storage.onCommit(({ topics }) => {
    if (topics.includes('servers')) moved = true
  })
  let rounds = 0
  async function keep(): Promise<void> {
    for (const { words, ids } of enforcement.hosts()) for (const id of ids()) enrol(id, words.host)
    const tidy = ++rounds % times.tidyEvery === 0
    if (moved || tidy) {
      moved = false
      await memory.tidy(tidy)
    }
    await memory.keep()
  }
  // What could not be kept is kept with the next.
  const timer = setInterval(() => void keep().catch(() => {}), times.keep)
  timer.unref()

  /** One that is judged is counted, though it may have seen no packet yet. */
  function enrol(id: string, host: string): void {
    const state = enforcement.host(host)?.of(id)?.state
    if (state === 'applied' || state === 'observing') memory.enrol(id, host)
  }

  /** By interface. Of those that are heard here what was heard, of others what the store has. */
  async function knownOf(account: string, placements: readonly { readonly interface: Interface }[]) {
    const found = new Map<string, KnownInterface>()
    const others: string[] = []
    for (const { interface: nic } of placements) {
      const heardAt = memory.heardAt(nic.host ?? '')
      const here = memory.of(nic.id)
      if (here?.account !== account || heardAt === undefined) {
        // It has changed hands since.
        if (here && here.account !== account) memory.forget(nic.id)
        others.push(nic.id)
      } else found.set(nic.id, { since: here.since, countedAt: heardAt, counted: [...here.counted] })
    }
    for (const { interface: id, since, countedAt, hits, ...of } of await storage.hits(others)) {
      if (of.account !== account) continue
      const counted = hits.map(({ direction, decider, ...total }) => ({ direction, decider, total }))
      found.set(id, { since, countedAt: since === null ? null : countedAt, counted })
    }
    return found
  }

  /** What each decider of these policies has counted in all. */
  type Sums = (account: string, policies: readonly string[]) => Promise<(decider: string) => Hits>

  const sumsOfAccount: Sums = async (account, policies) => {
    const sums = new Map((await storage.hitSums(account, policies)).map((sum) => [sum.decider, sum]))
    return (decider) => {
      const { packets, bytes, lastHit } = sums.get(decider) ?? none
      // With what came since it was kept.
      return added({ packets, bytes, lastHit }, memory.unkept(account, decider))
    }
  }
  const sumsWithin =
    (view: Storage): Sums =>
    async (account) => {
      const nics = (await view.placedOf(account)).map((nic) => ({ interface: nic }))
      const sums = new Map<string, Hits>()
      for (const { counted } of (await knownOf(account, nics)).values()) {
        for (const { decider, total } of counted) sums.set(decider, added(sums.get(decider) ?? none, total))
      }
      return (decider) => sums.get(decider) ?? none
    }

  /** What is answered of the servers that a store, or a view of one, has. */
  function answering(
    view: Storage,
    effective: EffectiveService,
    sums: Sums,
  ): Pick<HitsService, 'of' | 'rulesOf'> {
    async function find(ctx: Context, called: string) {
      const found = await effective.server(ctx, called)
      if (!found.ok) return found
      const { server, placements } = found.value
      const hosts = new Set(placements.flatMap((each) => each.interface.host ?? []))
      await Promise.all([...hosts].map((host) => agents.get(host)?.()))
      await memory.settled()
      for (const { interface: nic } of placements) if (nic.host !== null) enrol(nic.id, nic.host)
      await memory.settled()
      return ok({ server, placements, known: await knownOf(server.account, placements) })
    }
    return {
      async of(ctx, called) {
        const found = await find(ctx, called)
        if (!found.ok) return found
        const { server, placements, known } = found.value
        const interfaces = placements.map(({ interface: nic }): InterfaceCounts => {
          const of = known.get(nic.id)
          const all = hitsOf(of)
          const those = (direction: Direction) =>
            all.flatMap(([way, by, hits]) => (way === direction ? [{ by, ...hits }] : []))
          return { ...countingOf(nic, of), ingress: those('ingress'), egress: those('egress') }
        })
        const deciders = new Map(
          interfaces
            .flatMap((each) => [...each.ingress, ...each.egress])
            .flatMap(({ by }) => ('policy' in by ? [[deciderText(by), by] as const] : [])),
        )
        const policies = new Set([...deciders.values()].map(({ policy }) => policy))
        const sumOf = await sums(server.account, [...policies])
        return ok({
          ...{ server, interfaces },
          sums: [...deciders].map(([text, by]) => ({ by, ...sumOf(text) })),
        })
      },
      async rulesOf(ctx, called) {
        const found = await find(ctx, called)
        if (!found.ok) return found
        const { server, placements, known } = found.value
        const policies = [...new Set(placements.flatMap(policiesOn))]
        const [sumOf, since, names] = await Promise.all([
          sums(server.account, policies),
          view.ruleTimes(policies),
          view.policyNames(policies),
        ])
        const interfaces = placements.map((placement): InterfaceRules => {
          const counting = countingOf(placement.interface, known.get(placement.interface.id))
          const hits = new Map(
            hitsOf(known.get(placement.interface.id)).map(([way, by, hits]) => [
              `${way} ${deciderText(by)}`,
              hits,
            ]),
          )
          const steps = (direction: Direction) =>
            stepsOf(placement, direction, {
              since: counting.since,
              hits: (by) => hits.get(`${direction} ${deciderText(by)}`),
              sum: (by) => sumOf(deciderText(by)),
              ruleSince: (policy, rule) => since.get(policy)?.get(rule) ?? null,
              nameOf: (policy) => names.get(policy) ?? policy,
            })
          return { ...counting, ingress: steps('ingress'), egress: steps('egress') }
        })
        return ok({ server, interfaces })
      },
    }
  }

  const service: HitsService = {
    hear: memory.hear,
    asks(host, ask) {
      agents.set(host, ask)
      return () => {
        if (agents.get(host) !== ask) return
        agents.delete(host)
        // It may speak in another process next: what it said here is answered from the store from now on.
        void memory
          .keep()
          .catch(() => {})
          .then(() => {
            if (!agents.has(host)) memory.left(host)
          })
      }
    },
    ...answering(storage, effective, sumsOfAccount),
    over: (view, its, own) => ({
      ...service,
      ...answering(view, its, own ? sumsWithin(view) : sumsOfAccount),
    }),
    totals: () => [...totals.values()],
    suppressed: () => suppressed,
    async close() {
      clearInterval(timer)
      stopHearing()
      await memory.settled()
      await memory.keep()
    },
  }
  return service
}

interface KnownInterface {
  readonly since: number | null
  readonly countedAt: number | null
  readonly counted: readonly Counted[]
}

const none: Hits = { packets: 0, bytes: 0, lastHit: null }

const added = (a: Hits, b: Hits | undefined): Hits =>
  b
    ? {
        packets: a.packets + b.packets,
        bytes: a.bytes + b.bytes,
        lastHit: Math.max(a.lastHit ?? 0, b.lastHit ?? 0) || null,
      }
    : a

const kindOf = (decider: string) => decider.split(' ', 1)[0] as Decider['kind']

const policiesOn = ({ policy }: EffectiveInterface): string[] =>
  [policy.ingress, policy.egress].flatMap((part) =>
    part.filtered ? part.lists.map((list) => list.policy) : [],
  )

function countingOf(nic: Interface, of: KnownInterface | undefined): Counting {
  const { since = null, countedAt = null, counted = [] } = of ?? {}
  const suppressed = { ingress: 0, egress: 0 }
  for (const { direction, decider, total } of counted) {
    if (decider === suppressedName) suppressed[direction] = total.packets
  }
  return { interface: nic, since, countedAt, suppressed }
}

function hitsOf(of: KnownInterface | undefined): [Direction, Decider, Hits][] {
  return (of?.counted ?? []).flatMap(({ direction, decider, total }): [Direction, Decider, Hits][] => {
    const by = parseDecider(decider)
    const { packets, bytes, lastHit } = total
    return by.ok ? [[direction, by.value, { packets, bytes, lastHit }]] : []
  })
}
