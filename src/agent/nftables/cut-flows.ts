/**
 * Ends tracked connections that a changed policy would not let begin any more, and no others (decision 0051): after the
 * change is in force, and beside the rounds, so that no change waits. Where a device or an address passes to another interface none of
 * the former holder's goes on that the new one would not let begin, whatever its policy says of cutting (decision 0071).
 *
 * A connection is an interface's by its addresses. Of a stateless policy there is nothing to end: every packet is judged.
 */
import { setImmediate } from 'node:timers/promises'
import type { LoweredInterface } from '../../compile/nftables/lower.ts'
import { revoke } from '../../compile/nftables/revoked.ts'
import { type Desired, type DesiredDelta, type DesiredInterface, holderOf } from '../../core/model/desired.ts'
import type { CommonPolicy, Origin } from '../../core/model/effective-policy.ts'
import type { Direction } from '../../core/model/rule.ts'
import { families, formatAddress, parseAddress } from '../../core/net/address.ts'
import type { Mac } from '../../core/net/mac.ts'
import { linkLocal } from '../../core/semantics/scopes.ts'
import { contains } from '../../core/sets/address-set.ts'
import type { Range } from '../../core/sets/range.ts'
import type { FlowsCut } from '../dataplane.ts'
import { addressKey, type Conntrack, type Flow, type FlowTuple } from '../netlink/conntrack.ts'
import { sleep } from '../sleep.ts'
import { tableOf } from './counters.ts'
import { createFlowJudge, type FlowJudge, reversed } from './flow-judge.ts'
import type { Kernel } from './kernel.ts'

export interface FlowCutter {
  /**
   * What was applied, with what was reported of it: connections of interfaces that changed are judged soon. `cameOver`: those
   * whose device may have been another's when it was enforced last, though nothing else tells of it; absent means none. Answers interfaces of which
   * there is more or less to be said although nothing was reported of them.
   */
  watch(
    changed: readonly LoweredInterface[],
    gone: readonly string[],
    desired: Desired,
    delta: DesiredDelta | null,
    cameOver?: ReadonlySet<string>,
  ): readonly LoweredInterface[]
  /** What the owner of an interface should know; empty means nothing. */
  notes(id: string): readonly string[]
  /** Calls back after each look. Answers how to stop. */
  onCut(listener: (cut: FlowsCut) => void): () => void
  /** Why connections that should have ended may go on; null: none do. */
  problem(): string | null
  /** Resolves when nothing is judged any more; what was not judged yet is left. */
  close(): Promise<void>
}

export interface FlowCutterOptions {
  readonly kernel: Pick<Kernel, 'commit'>
  /** Closed with it; a string: why connections cannot be seen here. */
  readonly conntrack: Conntrack | string
}

export const uncutNotes = {
  unseen: (why: string) => `its connections are not cut when rules change: ${why}`,
  unknown: 'its connections are not cut when rules change: its addresses are not known',
  shared: (addresses: readonly string[]) =>
    `its connections from and to ${addresses.join(', ')} are not cut when rules change: another interface of its host has the same address`,
  behind:
    'connections of the networks behind it are not cut when rules change: only those of its own addresses are',
} as const

/** Judged in a row before others have a turn. */
const judgedAtOnce = 500
/** Between looks that fail, milliseconds: doubled from the first to the last. */
const pause = { first: 1000, last: 60_000 } as const
/** A range of more addresses is a network behind the interface. */
const mostOwn = 256n

/** What an interface's connections are to be judged by. */
interface Job {
  /** Whether those that end are remembered: only then are there sets to remember them in. */
  readonly remembers: boolean
  readonly mac?: Mac
  readonly origin?: Origin
  readonly keys: readonly (string | number)[]
  /** Null: none may go on. */
  readonly judge: FlowJudge | null
}

/** That an interface denies a connection, which is its by this address. */
interface Denial {
  readonly id: string
  readonly key: string | number
}

/** What an interface has taken over, while connections of it may be those of who had it before. */
interface Taken {
  readonly keys: ReadonlySet<string | number>
  /** It has gone to another device: none may go on where it was. */
  readonly ends: boolean
}

/** An interface, as its addresses are known here. */
interface Known {
  readonly each: DesiredInterface
  readonly keys: readonly (string | number)[]
  /** Whether it had its connections cut when that was known last. */
  readonly cuts: boolean
  readonly notes: readonly string[]
}

export function createFlowCutter({ kernel, conntrack }: FlowCutterOptions): FlowCutter {
  const reports = new Map<string, LoweredInterface>()
  const known = new Map<string, Known>()
  const owners = new Map<string | number, Set<string>>()
  const byPolicy = new Map<string, Set<string>>()
  const cutting = new Set<string>()
  const taken = new Map<string, Taken>()
  /** Those that are there at first were there before. */
  let begun = false
  const judges = new WeakMap<CommonPolicy, FlowJudge>()
  const listeners = new Set<(cut: FlowsCut) => void>()
  let due = new Map<string, Job>()
  /** What has changed since what is under way was due: its jobs are not so any more. */
  let overtaken = new Set<string>()
  let running: Promise<void> | undefined
  let problem: string | null = null
  const ending = new AbortController()
  let woken = new AbortController()

  function judgeOf(policy: CommonPolicy): FlowJudge {
    const judge = judges.get(policy) ?? createFlowJudge(policy)
    judges.set(policy, judge)
    return judge
  }

  /** Undefined: it is not described any more. Answers its keys, before and after. */
  function know(id: string, next: Known | undefined): readonly (string | number)[] {
    const before = known.get(id)
    for (const key of before?.keys ?? []) drop(owners, key, id)
    if (before && before.each.policy !== null) drop(byPolicy, before.each.policy, id)
    if (next) {
      known.set(id, next)
      for (const key of next.keys) put(owners, key, id)
      if (next.each.policy !== null) put(byPolicy, next.each.policy, id)
    } else known.delete(id)
    return [...(before?.keys ?? []), ...(next?.keys ?? [])]
  }

  function notesOf({ each, cuts }: Known, policy: CommonPolicy | undefined): readonly string[] {
    if (!cuts || !policy?.stateful || reports.get(each.id)?.state === 'observing') return []
    if (typeof conntrack === 'string') return [uncutNotes.unseen(conntrack)]
    const own = ownAddresses(each)
    // Nobody reaches it from beyond its link by the address that follows from its MAC.
    if (own.every((one) => one.linkLocal)) return [uncutNotes.unknown]
    const shared = own.filter(({ key }) => (owners.get(key)?.size ?? 0) > 1)
    const behind = families.some((family) => each.origin?.addresses?.[family].some((range) => !isOwn(range)))
    return [
      ...(shared.length === 0 ? [] : [uncutNotes.shared(shared.map(({ text }) => text))]),
      ...(behind ? [uncutNotes.behind] : []),
    ]
  }

  /** Undefined: its connections are left alone. */
  function jobOf({ each, keys, cuts }: Known, policy: CommonPolicy | undefined): Job | undefined {
    const report = reports.get(each.id)
    const over = taken.get(each.id)
    if (!report || report.state === 'observing') return undefined
    const applied = report.state === 'applied' && policy !== undefined
    const who = {
      ...{ ...(each.mac && { mac: each.mac }), ...(each.origin && { origin: each.origin }), remembers: cuts },
      keys: cuts || !over ? keys : [...over.keys],
    }
    if (over?.ends || (cuts && !applied)) return { ...who, judge: null }
    // Where nothing passes what it has taken over can wait.
    return applied && (over || (cuts && policy.stateful)) ? { ...who, judge: judgeOf(policy) } : undefined
  }

  /** Notes what an interface has of others' since it was so; nothing when it has what it had. */
  function takeOver({ each, keys }: Known, was: Known | undefined): void {
    const { id, device } = each
    const ends = was !== undefined && was.each.device !== device
    const had = new Set(was && holderOf(was.each) === holderOf(each) ? was.keys : [])
    take(
      id,
      keys.filter((key) => ends || !had.has(key)),
      ends,
    )
  }
  function take(id: string, keys: readonly (string | number)[], ends: boolean): void {
    const before = taken.get(id)
    const own = known.get(id)?.keys ?? []
    const all = [...(before?.keys ?? []), ...keys].filter((key) => own.includes(key))
    if (all.length > 0) taken.set(id, { keys: new Set(all), ends: ends || before?.ends === true })
    else taken.delete(id)
  }

  /** One that is another's, too, tells nothing. */
  const ownerOf = (key: string | number): string | undefined => {
    const all = owners.get(key)
    return all?.size === 1 ? [...all][0] : undefined
  }

  /** Whether its connections can be told by this address. */
  const isEnd = (key: string | number, id: string): boolean =>
    // One that is gone has none.
    ownerOf(key) === id || (!owners.has(key) && !known.has(id))

  async function cut(jobs: ReadonlyMap<string, Job>): Promise<number> {
    if (typeof conntrack === 'string') return 0
    const ends = new Map<string | number, string>()
    for (const [id, { keys }] of jobs) {
      for (const key of keys) if (isEnd(key, id)) ends.set(key, id)
    }
    if (ends.size === 0) return 0
    const flows = await conntrack.flows(ends)
    const originals = new Map(flows.map((flow) => [keyOf(flow, flow.original), flow]))
    const concerned = new Map<Flow, readonly Denial[]>()
    for (const [n, flow] of flows.entries()) {
      if (n % judgedAtOnce === judgedAtOnce - 1) await setImmediate()
      const against = whoDenies(flow)
      if (against.length > 0) concerned.set(flow, against)
    }
    // What has changed since is judged anew, if at all; an address may be another's by now.
    const holds = ({ id, key }: Denial): boolean => !overtaken.has(id) && isEnd(key, id)
    const denied = () => [...concerned.keys()].filter((flow) => concerned.get(flow)?.some(holds))
    const again = denied()
      .filter((flow) => concerned.get(flow)?.some((each) => holds(each) && isRemembered(jobs.get(each.id))))
      .map(({ family, reply }) => ({ family, ...reply }))
    // First: an answer that comes in between would begin a connection of its own.
    if (again.length > 0) for (const table of tablesOf(jobs)) await kernel.commit(revoke(table, again))
    const still = denied()
    return still.length === 0 ? 0 : conntrack.delete(still)

    /** By whom it is denied. */
    function whoDenies(flow: Flow): Denial[] {
      const judged = flow.master === undefined ? flow : masterOf(flow, flow.master)
      const sides: readonly [Direction, bigint][] = [
        ['egress', judged.original.source],
        ['ingress', judged.reply.source],
      ]
      return sides.flatMap(([direction, address]) => {
        const key = addressKey(flow.family, address)
        const id = ends.get(key)
        const job = id === undefined ? undefined : jobs.get(id)
        if (id === undefined || !job) return []
        return !job.judge || job.judge.denies(job, direction, judged) ? [{ id, key }] : []
      })
    }
    /** The connection that expected it: it lives as long as that one. */
    function masterOf(flow: Flow, original: FlowTuple): Flow {
      const found = originals.get(keyOf(flow, original))
      if (found) return found.master === undefined ? found : masterOf(found, found.master)
      return { ...flow, original, reply: reversed(original) }
    }
  }

  /** Those that judge any of them. */
  function tablesOf(jobs: ReadonlyMap<string, Job>): ReadonlySet<string> {
    const modes = [...jobs].flatMap(([id, job]) => (isRemembered(job) && reports.get(id)?.mode) || [])
    return new Set(modes.map((mode) => tableOf[mode]))
  }

  async function run(): Promise<void> {
    // Not within the round: its status goes first.
    await setImmediate()
    let pauseMs: number = pause.first
    while (due.size > 0 && !ending.signal.aborted) {
      const jobs = due
      due = new Map()
      overtaken = new Set()
      woken = new AbortController()
      const started = performance.now()
      const before = problem
      let flows = 0
      try {
        flows = await cut(jobs)
        for (const id of jobs.keys()) if (!overtaken.has(id)) taken.delete(id)
        problem = null
        pauseMs = pause.first
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error)
        // What has changed since is due as it is now, if at all.
        due = new Map([...[...jobs].filter(([id]) => !overtaken.has(id)), ...due])
      }
      const seconds = (performance.now() - started) / 1000
      if (problem === null || problem !== before)
        for (const tell of listeners) tell({ flows, interfaces: jobs.size, seconds, problem })
      if (problem === null) continue
      await sleep(pauseMs, AbortSignal.any([woken.signal, ending.signal]))
      pauseMs = Math.min(2 * pauseMs, pause.last)
    }
    // Nothing is left that should have ended.
    if (due.size === 0) problem = null
    // At once: what is due from here on needs another run.
    running = undefined
  }

  return {
    watch(changed, gone, desired, delta, cameOver = new Set()) {
      const observed = new Set(gone.filter((id) => reports.get(id)?.state === 'observing'))
      for (const id of gone) reports.delete(id)
      for (const each of changed) reports.set(each.id, each)
      const { policies, interfaces } = desired
      const before = new Set(cutting)
      if (!delta) cutting.clear()
      for (const key of delta?.policies ?? policies.keys()) {
        if (policies.get(key)?.cutsFlows) cutting.add(key)
        else cutting.delete(key)
      }
      const anew = !delta || known.size === 0
      const touched = new Set<string>(
        anew
          ? [...known.keys(), ...interfaces.keys()]
          : [
              ...delta.interfaces,
              ...[...delta.policies]
                .filter((key) => before.has(key) || cutting.has(key))
                .flatMap((key) => [...(byPolicy.get(key) ?? [])]),
              ...changed.map(({ id }) => id),
              ...gone,
              ...cameOver,
            ],
      )
      /** Those that have an address in common with one that came or went. */
      const beside = new Set<string>()
      const jobs: (readonly [string, Known | undefined, CommonPolicy | undefined])[] = []
      const heirs: (readonly [string, string | number])[] = []
      for (const id of touched) {
        overtaken.add(id)
        const was = known.get(id)
        const each = interfaces.get(id)
        const policy = each?.policy == null ? undefined : policies.get(each.policy)
        // What it wants is not known while its policy is not.
        const cuts = policy ? policy.cutsFlows === true : (was?.cuts ?? false)
        const keys = each ? ownAddresses(each).map(({ key }) => key) : []
        const now = each && { each, keys, cuts, notes: was?.notes ?? [] }
        for (const key of know(id, now)) for (const other of owners.get(key) ?? []) beside.add(other)
        if (now && (begun || cameOver.has(id))) takeOver(now, cameOver.has(id) ? undefined : was)
        for (const key of was?.keys ?? []) {
          const heir = ownerOf(key)
          if (heir !== undefined && heir !== id) heirs.push([heir, key])
        }
        if (now) jobs.push([id, now, policy])
        else {
          taken.delete(id)
          if (was && !observed.has(id)) due.set(id, { keys: was.keys, judge: null, remembers: false })
        }
      }
      // Who shared an address is alone with it from now on.
      for (const [id, key] of heirs) {
        const now = known.get(id)
        if (!now) continue
        take(id, [key], false)
        overtaken.add(id)
        jobs.push([id, now, now.each.policy === null ? undefined : policies.get(now.each.policy)])
      }
      begun = true
      for (const [id, now, policy] of jobs) {
        const job = now && jobOf(now, policy)
        if (job) due.set(id, job)
        else due.delete(id)
      }
      const said: LoweredInterface[] = []
      const reported = new Set(changed.map(({ id }) => id))
      for (const id of new Set([...touched, ...beside])) {
        const now = known.get(id)
        if (!now) continue
        const notes = notesOf(now, now.each.policy === null ? undefined : policies.get(now.each.policy))
        if (notes.join('\n') === now.notes.join('\n')) continue
        known.set(id, { ...now, notes })
        const report = reports.get(id)
        if (report && !reported.has(id)) said.push(report)
      }
      if (typeof conntrack === 'string') due.clear()
      if (due.size > 0) {
        woken.abort()
        running ??= run()
      }
      return said
    },
    notes: (id) => known.get(id)?.notes ?? [],
    onCut(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    problem: () => problem,
    async close() {
      ending.abort()
      await running
      if (typeof conntrack !== 'string') conntrack.close()
    },
  }
}

interface Own {
  readonly key: string | number
  readonly text: string
  readonly linkLocal: boolean
}

/** Addresses that are its own alone: not those of networks behind it, which its connections cannot be told by. */
function ownAddresses({ addresses = [], origin }: DesiredInterface): readonly Own[] {
  const named = addresses.flatMap((text) => {
    const parsed = parseAddress(text)
    return parsed.ok ? [parsed.value] : []
  })
  const allowed = families.flatMap((family) =>
    (origin?.addresses?.[family] ?? [])
      .filter(isOwn)
      .flatMap(({ first, last }) =>
        Array.from({ length: Number(last - first) + 1 }, (_, n) => ({ family, value: first + BigInt(n) })),
      ),
  )
  const all = [...named, ...allowed].map(({ family, value }): [string | number, Own] => {
    const key = addressKey(family, value)
    return [key, { key, text: formatAddress(family, value), linkLocal: contains(linkLocal, family, value) }]
  })
  return [...new Map(all).values()]
}

/** What is closed needs no memory. */
const isRemembered = (job: Job | undefined): boolean => job?.judge != null && job.remembers

const isOwn = ({ first, last }: Range<bigint>): boolean => last - first < mostOwn

const keyOf = (
  { family, handle }: Flow,
  { protocol, source, destination, sourcePort, destinationPort }: FlowTuple,
): string => `${family} ${handle.zone} ${protocol} ${source} ${destination} ${sourcePort} ${destinationPort}`

function put<K>(all: Map<K, Set<string>>, key: K, id: string): void {
  const some = all.get(key) ?? new Set<string>()
  some.add(id)
  all.set(key, some)
}
function drop<K>(all: Map<K, Set<string>>, key: K, id: string): void {
  const some = all.get(key)
  some?.delete(id)
  if (some?.size === 0) all.delete(key)
}
