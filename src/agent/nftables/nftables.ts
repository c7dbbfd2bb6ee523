/**
 * The dataplane that is Linux's own: tables of ours, changed in transactions of which no packet sees half.
 *
 * What it believes to be in the kernel it believes only until somebody else commits to those tables: then it reads back,
 * and repairs what is not ours any more. It touches no other table, and leaves its own in place when it stops.
 */
import {
  createLowering,
  type LoweredChange,
  type LoweredInterface,
  type Surroundings,
} from '../../compile/nftables/lower.ts'
import { guardTables } from '../../compile/nftables/names.ts'
import { makesAnew } from '../../compile/nftables/stages.ts'
import { deltaCommands, type RenderedTables, sameTable } from '../../compile/nftables/table.ts'
import { type Desired, type DesiredDelta, holderOf } from '../../core/model/desired.ts'
import type { ApplyReport, Dataplane, InterfaceReport } from '../dataplane.ts'
import type { Conntrack } from '../netlink/conntrack.ts'
import type { openLog } from '../netlink/nflog.ts'
import type { Proof } from '../proof.ts'
import { createBridges } from './bridges.ts'
import { createConnections } from './connections.ts'
import { createDenials, createUnanswered } from './counters.ts'
import { createFlowCutter } from './cut-flows.ts'
import { createDecisions } from './decisions.ts'
import { createHitCounters, type HitCounters } from './hits.ts'
import { createHost, type Host } from './host.ts'
import { createKeeper } from './keeper.ts'
import { type Kernel, tables } from './kernel.ts'
import { createNftKernel } from './nft-kernel.ts'
import { createRefusals } from './refusals.ts'
import { createTransitions } from './transitions.ts'

export interface NftablesOptions {
  /** The way to the kernel, closed with the dataplane; absent: nft, in the namespace. */
  readonly kernel?: Kernel
  /** Its devices and who else filters there, closed with the dataplane; absent: as they are in the namespace. */
  readonly host?: Host
  /** What the operator should know of that way. */
  readonly remarks?: readonly string[]
  /** Reads packet logs where the tables are, if decisions are told at all; absent: none are. */
  readonly log?: typeof openLog
  /** Devices closed until their policy is known: names, or prefixes that end in `*`. */
  readonly guard: readonly string[]
  /** Where the guard is kept for the next boot; absent: nowhere. */
  readonly guardPath?: string
  /** Judges and counts, and drops nothing on any device. */
  readonly observe?: boolean
  /** Tracked connections of interfaces that say nothing themselves; absent or 0 means no limit. */
  readonly maxConnections?: number
  /** Of how many packets a second it is told who decided, for each interface and direction; absent or 0: of none. */
  readonly decisionsPerSecond?: number
  /** Whether connections of stateless interfaces are left untracked; absent means `auto`. */
  readonly notrack?: Notrack
  /** Network namespace of the devices; absent: this process's own. */
  readonly netns?: string
  /** The nft that is used where no other way is given, by path or name. */
  readonly nft?: string
  /** Where connections are seen that have to end, closed with the dataplane; a string says why they cannot be. Absent: they cannot. */
  readonly conntrack?: Conntrack | string
  /** Which devices are whose; absent: they are whose names they bear. */
  readonly proof?: Proof
  /** How often to read back although nobody was seen to change anything, milliseconds; 0 is never. */
  readonly verifyMs?: number
}

/** `auto`: where nobody else asks for their state, and routes are foreseeable; `always`: whoever asks; `never`. */
export type Notrack = 'auto' | 'always' | 'never'

const noDelta: DesiredDelta = { policies: new Set(), interfaces: new Set() }

export function createNftables(options: NftablesOptions): Dataplane {
  const { decisionsPerSecond: samples = 0, proof } = options
  const { observe = false, maxConnections = 0, notrack = 'auto', netns, remarks = [], verifyMs = 0 } = options
  const kernel =
    options.kernel ?? createNftKernel({ netns, ...(options.nft !== undefined && { program: options.nft }) })
  const lowering = createLowering()
  const hits = createHitCounters({ kernel, samples })
  const transitions = createTransitions(keepingHits(kernel, hits))
  const host = options.host ?? createHost(kernel, notrack, netns)
  const keeper = createKeeper(options)
  const refusals = createRefusals(transitions)
  const bridges = createBridges(netns)
  const counters = [createDenials(kernel), createUnanswered(kernel)] as const
  const [denials, unanswered] = counters
  const connections = createConnections(kernel, netns)
  const decisions = createDecisions({ log: samples > 0 ? options.log : undefined, onProblem: reconsider })
  const { conntrack = 'tracked connections cannot be seen from here' } = options
  const cutter = createFlowCutter({ kernel, conntrack })
  const listeners = new Set<() => void>()

  /** Whether everything was brought to where it should be, and `doubts` as of when that was known. */
  let settled = false
  let known = 0
  /** How often somebody else may have changed our tables. */
  let doubts = 0
  /** Devices that changed since what is lowered knew of them; null: all may have. */
  let changedLinks: ReadonlySet<string> | null = null
  /** Whether bridges may have to be taught anew. */
  let untaught = false
  /** Whether what stood before this process was read. */
  let begun = false
  /** Whose interfaces are, and which of them got another holder under their id and were not reported yet. */
  const holders = new Map<string, string>()
  const passed = new Set<string>()
  /** What was lowered and not reported yet, by id; null: gone. */
  const outcomes = new Map<string, LoweredInterface | null>()

  const tell = () => {
    for (const listener of listeners) listener()
  }
  /** Warnings that come and go beside the rounds, and those of them that were reported last. */
  const asides = (): readonly string[] => [
    ...uncutWarning(cutter.problem()),
    ...[decisions.problem()].filter((problem) => problem !== null),
  ]
  let reported: readonly string[] = []
  function reconsider(): void {
    if (asides().join('\n') !== reported.join('\n')) tell()
  }
  cutter.onCut(reconsider)
  const stopWatching = kernel.onChange(({ ours, others }) => {
    if (ours) {
      doubts++
      raiseGuard()
    }
    if (others) host.doubtOthers()
    if (ours || others) tell()
  })
  host.onChange(tell)
  proof?.onChange(() => {
    host.doubtDevices()
    tell()
  })
  const timer = verifyMs > 0 ? setInterval(doubt, verifyMs) : undefined
  timer?.unref()
  function doubt(): void {
    doubts++
    host.doubt()
    tell()
  }

  let raising: Promise<void> = Promise.resolve()
  /** Whether one is to begin that will see what is told now. */
  let toRaise = false
  /** Whether that has repaired it since the last application. */
  let raised = false
  /**
   * Tables of the guard that are gone first, whatever else is: they are small, and what they close has to wait for no round that
   * reads back and repairs the rest.
   */
  function raiseGuard(): void {
    // One after the other: what is told while one reads may not be in what it reads. One more sees all of it.
    if (toRaise) return
    toRaise = true
    raising = raising
      .then(async () => {
        toRaise = false
        const wanted = keeper.tables()
        const found = await transitions.read(wanted, [...wanted.keys()])
        // One that stands and differs is left to the round: two of us would undo each other's without end.
        const gone = new Map([...wanted].filter(([name]) => !found.has(name)))
        if (gone.size === 0) return
        await kernel.commit(deltaCommands(new Map(), gone))
        raised = true
      })
      // The round that follows says what is wrong.
      .catch(() => {})
  }

  /** All that is to stand. */
  const whole = (): RenderedTables => new Map([...keeper.tables(), ...lowering.tables])

  function lower(desired: Desired, delta: DesiredDelta | null, around: Surroundings): LoweredChange {
    const lowered = lowering.update(desired, delta, around)
    changedLinks = new Set()
    const others: string[] = []
    for (const { id } of lowered.interfaces) {
      const each = desired.interfaces.get(id)
      const [before, holder] = [holders.get(id), each && holderOf(each)]
      if (before !== undefined && before !== holder) others.push(id)
      if (holder !== undefined) holders.set(id, holder)
    }
    for (const id of lowered.gone) holders.delete(id)
    for (const id of others) passed.add(id)
    decisions.place(lowered.interfaces, [...lowered.gone, ...others])
    for (const id of lowered.gone) outcomes.set(id, null)
    for (const each of lowered.interfaces) outcomes.set(each.id, each)
    return lowered
  }

  return {
    async apply(wanted, differing = null) {
      await raising
      const [trusted, seen] = [settled && known === doubts, doubts]
      if (!begun) for (const each of [hits, connections, ...counters]) await each.begin()
      begun = true
      proof?.looking()
      const { links, hinders, ...around } = await host.look()
      changedLinks = union(changedLinks, host.changed())
      // By the same look as all else: a device that came since is not judged before the next.
      const { desired, delta } = proof?.judge(wanted, differing, links, changedLinks) ?? {
        ...{ desired: wanted, delta: differing },
      }
      const surroundings = (): Surroundings => ({
        ...{ ...around, links, changedLinks, observe, maxConnections, refused: refusals.now(desired) },
        ...{ counts: kernel.counts, samples },
      })
      // Before anything is decided anew: only then it shows whether somebody else has changed what stands.
      const doubted = settled && !trusted ? await transitions.read(snapshot(whole())) : undefined
      const repaired = raised || (doubted !== undefined && !sameTables(whole(), doubted))
      raised = false
      if (!settled) keeper.remember(await transitions.read(new Map(), guardTables))
      settled = false
      const guard = keeper.tables()
      if (keeper.update(desired, delta, links)) untaught = true
      decisions.begin(desired, delta)
      const lowered = lower(desired, delta, surroundings())
      proof?.taken()
      await hits.pass(
        [...outcomes.values()].filter((outcome) => outcome !== null),
        desired,
      )
      let changed = trusted
        ? await changeFrom(new Map([...guard, ...lowered.from]), new Map([...keeper.tables(), ...lowered.to]))
        : undefined
      changed ??= await repair(doubted ?? (await transitions.read(whole())))
      decisions.end()
      settled = true
      known = seen
      return report(changed, repaired)

      /** Undefined: what stands is not known. */
      async function changeFrom(from: RenderedTables, to: RenderedTables): Promise<boolean | undefined> {
        if (makesAnew(from, to)) return undefined
        try {
          return await transitions.change(from, to)
        } catch {
          // Either the tables are no longer what we think, or the kernel fails or refuses: looking at them tells, and says so.
          return undefined
        }
      }
      async function repair(found: RenderedTables): Promise<boolean> {
        try {
          return await transitions.repair(found, whole())
        } catch (error) {
          // What is to be closed is closed whatever becomes of the rest.
          const half = await transitions.read(snapshot(whole()))
          await transitions.repair(half, new Map([...half, ...keeper.tables()]))
          await refusals.find(desired, { ...surroundings(), changedLinks: null }, error)
          lower(desired, noDelta, surroundings())
          await transitions.repair(await transitions.read(whole()), whole())
          return true
        }
      }
      async function report(changed: boolean, repaired: boolean): Promise<ApplyReport> {
        await keeper.write()
        if (untaught && !observe) await bridges.teach(links, desired, keeper.closes)
        untaught = false
        const gone = [...outcomes].flatMap(([id, outcome]) => (outcome ? [] : [id]))
        const interfaces = [...outcomes.values()].filter((outcome) => outcome !== null)
        outcomes.clear()
        for (const each of counters) each.watch(interfaces, gone, passed)
        connections.watch(interfaces, gone, passed, desired)
        passed.clear()
        const cameOver = hits.watch(interfaces, gone, desired, delta)
        const more = cutter.watch(interfaces, gone, desired, delta, cameOver)
        refusals.accepted()
        reported = asides()
        return {
          changed,
          repaired,
          interfaces: [...interfaces, ...more].map(({ index: _, limit: __, ...each }): InterfaceReport => {
            const detail = refusals.detail(each.id)
            const notes = [...(each.notes ?? []), ...cutter.notes(each.id)]
            return { ...each, ...(notes.length > 0 && { notes }), ...(detail !== undefined && { detail }) }
          }),
          guarded: keeper.described(),
          warnings: [
            ...remarks,
            ...strangersWarning(keeper.strangers()),
            ...(desired.interfaces.size > 0 && !observe ? hinders : []),
            ...bridges.problems(),
            ...(await connections.warnings()),
            ...(lowering.tracked === null ? [] : [trackedWarning(lowering.tracked)]),
            ...keeper.problems(),
            ...reported,
            ...[kernel, host].flatMap((each) => {
              const problem = each.problem()
              return problem === null ? [] : [`changes by others are seen late: ${problem}`]
            }),
          ],
          retryMs: refusals.dueMs(),
        }
      }
    },
    denials: denials.read,
    connections: connections.read,
    async unanswered() {
      const counts = await unanswered.read()
      return new Map([...counts].filter(([, { ingress, egress }]) => ingress + egress > 0))
    },
    hits: async () => [...(await hits.read()), ...decisions.leftOut()],
    onDecisions: decisions.listen,
    onFlowsCut: cutter.onCut,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {
      clearInterval(timer)
      stopWatching()
      decisions.close()
      host.close()
      await cutter.close()
      await raising
      await kernel.close()
    },
  }
}

/** What tables have counted is read before they go. */
const keepingHits = (kernel: Kernel, hits: HitCounters): Kernel => ({
  ...kernel,
  async commit(commands) {
    // A change waits for no count that cannot be had.
    if (commands.some((each) => each.do === 'delete-table')) await hits.keep().catch(() => {})
    await kernel.commit(commands)
  },
})

const sameTables = (a: RenderedTables, b: RenderedTables): boolean =>
  tables.every((name) => sameTable(a.get(name), b.get(name)))

/** What is lowered is changed in place; this stays as it is. */
const snapshot = (tables: RenderedTables): RenderedTables =>
  new Map(
    [...tables].map(([name, { chains, sets, ...more }]) => {
      const copies = [...sets].map(
        ([set, { elements, ...one }]) => [set, { ...one, elements: new Map(elements) }] as const,
      )
      return [name, { ...more, chains: new Map(chains), sets: new Map(copies) }]
    }),
  )

/** Null is all there are. */
const union = (a: ReadonlySet<string> | null, b: ReadonlySet<string> | null): ReadonlySet<string> | null =>
  a && b ? new Set([...a, ...b]) : null

const uncutWarning = (problem: string | null): readonly string[] =>
  problem === null ? [] : [`connections that rules deny now may go on: ${problem}`]

const trackedWarning = (why: string): string =>
  `connections of stateless interfaces are tracked, which costs them time: ${why}; see --notrack`

function strangersWarning(names: readonly string[]): string[] {
  const [first, rest] = [names.slice(0, 10), names.length - 10]
  const some = `${first.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
  return names.length === 0 ? [] : [`described by nobody, and closed: ${some}`]
}
