/**
 * The dataplane that is Linux's own: tables of ours, changed by `nft -f` in transactions of which no packet sees half.
 *
 * What it believes to be in the kernel it believes only until somebody else commits to those tables: then it reads back,
 * and replaces what is not ours any more. It touches no other table, and leaves its own in place when it stops.
 */
import type { BridgeKernel } from '../../compile/nftables/bridge.ts'
import { createLowering, type LoweredChange, type Lowering } from '../../compile/nftables/lower.ts'
import { guardTables } from '../../compile/nftables/names.ts'
import { drained, isGuard, makesAnew, shut, stages } from '../../compile/nftables/stages.ts'
import { deltaScript, type RenderedTables, sameTable } from '../../compile/nftables/table.ts'
import type { Trackers } from '../../compile/nftables/untracked.ts'
import type { Desired, DesiredInterface } from '../../core/model/desired.ts'
import type { CommonPolicy } from '../../core/model/effective-policy.ts'
import type { Link } from '../../core/model/link.ts'
import type { ApplyReport, Dataplane, InterfaceReport } from '../dataplane.ts'
import { followLinks, ignoreLinkLocal, readLinks } from '../links.ts'
import { findRefused } from '../refused.ts'
import { follow, ProgramError } from '../run.ts'
import { bridgeKernel } from './bridge-kernel.ts'
import { createConnections } from './connections.ts'
import { createDenials, createUnanswered } from './counters.ts'
import { createKeeper } from './keeper.ts'
import { createNft, tables } from './nft.ts'
import { createOthers } from './others.ts'

export interface NftablesOptions {
  /** Devices closed until their policy is known: names, or prefixes that end in `*`. */
  readonly guard: readonly string[]
  /** Where the guard is kept for the next boot; absent: nowhere. */
  readonly guardPath?: string
  /** Judges and counts, and drops nothing on any device. */
  readonly observe?: boolean
  /** Tracked connections of interfaces that say nothing themselves; absent or 0 means no limit. */
  readonly maxConnections?: number
  /** Whether connections of stateless interfaces are left untracked; absent means `auto`. */
  readonly notrack?: Notrack
  /** Network namespace to work in; absent: this process's own. */
  readonly netns?: string
  /** The program, by path or name. */
  readonly nft?: string
  /** How often to read back although nobody was seen to change anything, milliseconds; 0 is never. */
  readonly verifyMs?: number
}

/** `auto`: where nobody else asks for their state, and routes are foreseeable; `always`: whoever asks; `never`. */
export type Notrack = 'auto' | 'always' | 'never'

/** Between attempts with what nft refused, milliseconds: doubled from the first to the last. */
const retries = { first: 10_000, last: 600_000 } as const

/** A policy that nft refused on a device. */
interface Refusal {
  readonly policy: CommonPolicy | undefined
  /** What nft said. */
  readonly detail: string
  /** When it is worth another attempt (performance.now). */
  readonly until: number
  readonly pauseMs: number
}

export function createNftables(options: NftablesOptions): Dataplane {
  const { observe = false, maxConnections = 0, notrack = 'auto', netns, verifyMs = 0 } = options
  const nft = createNft({ netns, ...(options.nft !== undefined && { program: options.nft }) })
  const listeners = new Set<() => void>()
  let applied: RenderedTables | undefined
  let suspect = true
  let links: readonly Link[] = []
  let kernel: BridgeKernel = { tracks: false, rejects: false }
  let linksKnown = false
  const keeper = createKeeper(options)
  const refusals = new Map<string, Refusal>()
  const denials = createDenials(nft)
  const unanswered = createUnanswered(nft)
  const connections = createConnections(nft, netns)
  const others = createOthers(nft, netns)
  let trackers: Trackers | undefined = notrack === 'always' ? { others: null, routes: null } : undefined
  let othersKnown = notrack !== 'auto'

  let indexes: ReadonlyMap<string, number> = new Map()
  const indexOf = (device: string) => indexes.get(device)

  async function readAll(): Promise<RenderedTables> {
    const found = await Promise.all(tables.map((name) => nft.list(name, indexOf)))
    return new Map(tables.flatMap((name, at) => (found[at] ? [[name, found[at]] as const] : [])))
  }

  /** How this nft prints back bodies that it prints otherwise than we do; learnt from tables that we just wrote. */
  const printedAs = new Map<string, string>()

  function learn(wanted: RenderedTables, found: RenderedTables): void {
    printedAs.clear()
    for (const [name, { chains }] of wanted) {
      for (const [chain, text] of chains) {
        const printed = found.get(name)?.chains.get(chain)
        // With more rules or fewer somebody has changed them since we wrote them.
        if (printed !== undefined && printed !== text && rulesIn(printed) === rulesIn(text))
          printedAs.set(text, printed)
      }
    }
  }

  function tell(): void {
    for (const listener of listeners) listener()
  }
  function doubtTables(): void {
    suspect = true
    tell()
  }
  function doubtLinks(): void {
    linksKnown = false
    doubtOthers()
  }
  /** Their rules, and where packets are routed. */
  function doubtOthers(): void {
    if (notrack === 'auto') othersKnown = false
    tell()
  }
  const commits = follow({
    command: nft.monitor,
    onLine: (line) => {
      if (nft.concerns(line)) doubtTables()
      if (others.concern(line)) doubtOthers()
    },
    onGap() {
      suspect = true
      doubtOthers()
    },
  })
  const devices = followLinks(netns, { changed: doubtLinks, doubt: doubtLinks })
  const timer = verifyMs > 0 ? setInterval(doubt, verifyMs) : undefined
  timer?.unref()
  function doubt(): void {
    suspect = true
    doubtLinks()
  }

  type Lowered = Pick<Lowering, 'tables' | 'tracked'> & Pick<LoweredChange, 'interfaces'>
  function lower(desired: Desired, refused: ReadonlyMap<string, string>): Lowered {
    const lowering = createLowering()
    const { interfaces } = lowering.update(desired, null, {
      links: new Map(links.map((link) => [link.name, link])),
      ...{ changedLinks: null, observe, refused, maxConnections, kernel },
      ...(trackers && { trackers }),
    })
    return { tables: lowering.tables, tracked: lowering.tracked, interfaces }
  }

  const tablesOf = (lowered: Lowered, guard: RenderedTables): RenderedTables =>
    new Map([...guard, ...lowered.tables])

  /** Interfaces that nft refused a moment ago and whose policy is still the same. */
  function refusedNow(desired: Desired): Map<string, string> {
    for (const [id, { policy }] of refusals) {
      const wanted = desired.interfaces.get(id)
      if (!wanted || commonOf(desired, wanted) !== policy) refusals.delete(id)
    }
    const now = performance.now()
    return new Map(
      [...refusals].flatMap(([id, { until }]) => (until > now ? [[id, 'the kernel refuses its rules']] : [])),
    )
  }

  /** Finds the interfaces without which nft takes the rest. Rejects with `error` when it is not about any of them. */
  async function refuse(desired: Desired, error: unknown): Promise<void> {
    const why = new Map<DesiredInterface, string>()
    const all = [...desired.interfaces.values()]
    const accepts = async (subset: readonly DesiredInterface[]): Promise<boolean> => {
      const open = new Set(subset)
      const closed = all.filter((each) => !open.has(each)).map(({ id }) => [id, ''] as const)
      const refused = (reason: unknown): false => {
        for (const each of subset) why.set(each, messageOf(reason))
        return false
      }
      let script: string
      try {
        script = deltaScript(new Map(), lower(desired, new Map(closed)).tables) ?? ''
      } catch (reason) {
        return refused(reason)
      }
      try {
        await nft.check(script)
        return true
      } catch (reason) {
        if (reason instanceof ProgramError) return refused(reason)
        throw reason
      }
    }
    // With every interface closed nothing of theirs is left to be refused.
    if (!(await accepts([]))) throw error
    const found = await findRefused(all, accepts)
    if (found.length === 0) throw error
    for (const each of found) {
      const pauseMs = Math.min((refusals.get(each.id)?.pauseMs ?? retries.first / 2) * 2, retries.last)
      refusals.set(each.id, {
        policy: commonOf(desired, each),
        detail: why.get(each) ?? '',
        until: performance.now() + pauseMs,
        pauseMs,
      })
    }
  }

  /** Brings the kernel from one to the other; answers whether anything had to change. `reached` hears what stands. */
  async function go(
    from: RenderedTables,
    to: RenderedTables,
    reached: (standing: RenderedTables) => void = () => {},
  ): Promise<boolean> {
    // What stands is not closed for what is refused.
    if (makesAnew(from, to)) await nft.check(deltaScript(new Map(), to) ?? '')
    let standing = from
    let changed = false
    for (const next of stages(from, to)) {
      const script = deltaScript(standing, next)
      if (script === undefined) continue
      await nft.commit(script)
      changed = true
      standing = next
      reached(standing)
    }
    return changed
  }

  /** Brings what is in the kernel to `wanted`; answers whether anything had to change. */
  async function replace(wanted: RenderedTables, found: RenderedTables): Promise<boolean> {
    const differing = new Set(
      tables.filter((name) => !sameTable(wanted.get(name), found.get(name), printedAs)),
    )
    if (differing.size === 0) return false
    const same = ([name]: readonly [string, unknown]) => !differing.has(name)
    const kept = [...wanted].filter(same)
    const from = new Map([...[...found].filter((each) => !same(each)), ...kept])
    try {
      // The guard first: it keeps closed what is not judged meanwhile.
      const guarded = new Map([...from, ...guardTables.flatMap((name) => entry(wanted, name))])
      await go(from, guarded)
      await go(guarded, wanted)
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error
      // What is not compared may be in its way.
      await renew(wanted, differing)
    }
    learn(wanted, await readAll())
    return true
  }

  /** The same where what was read back is what had been applied: only what differs is sent. */
  async function change(before: RenderedTables, wanted: RenderedTables): Promise<boolean> {
    try {
      return await go(before, wanted)
    } catch (error) {
      if (error instanceof ProgramError) return replace(wanted, await readAll())
      throw error
    }
  }

  /** Makes these tables anew, whatever stands of them; the guard closes what they judge meanwhile. */
  async function renew(wanted: RenderedTables, names: ReadonlySet<string>): Promise<void> {
    const anew = new Map([...wanted].filter(([name]) => names.has(name)))
    await nft.check(deltaScript(new Map(), anew) ?? '')
    const found = new Map([...(await readAll())].filter(([name]) => names.has(name)))
    const each = (of: RenderedTables, change: typeof shut): RenderedTables =>
      new Map([...of].map(([name, one]) => [name, isGuard(name) ? one : change(one)]))
    const gone = [...names].filter((name) => !wanted.has(name))
    for (const script of [
      deltaScript(new Map(), new Map([...anew].filter(([name]) => isGuard(name)))),
      deltaScript(found, each(found, shut)),
      gone.map((name) => `add table ${name}\ndelete table ${name}\n`).join('') || undefined,
      deltaScript(new Map(), each(new Map([...anew].filter(([name]) => !isGuard(name))), drained)),
      deltaScript(each(anew, drained), anew),
    ]) {
      if (script !== undefined) await nft.commit(script)
    }
  }

  return {
    async apply(desired) {
      if (!linksKnown) {
        // What changes from here on is read again.
        linksKnown = true
        try {
          links = await readLinks(netns)
        } catch (error) {
          linksKnown = false
          throw error
        }
        indexes = new Map(links.map(({ name, index }) => [name, index]))
        if (links.some(({ master }) => master?.kind === 'bridge')) kernel = await bridgeKernel(nft)
      }
      if (!othersKnown) {
        othersKnown = true
        const found = await others.read(links)
        trackers = found.trackers
        // Asked again with the next change.
        if (!found.complete) othersKnown = false
      }
      let before = applied
      let lowered = lower(desired, refusedNow(desired))
      if (before && !suspect) {
        try {
          const wanted = tablesOf(lowered, keeper.tables(desired, links))
          const changed = await go(before, wanted, (standing) => {
            before = standing
          })
          applied = wanted
          return report(changed, false)
        } catch {
          // Either the tables are no longer what we think, or nft fails or refuses: the way below tells, and says so.
        }
      }
      applied = undefined
      suspect = false
      try {
        const found = await readAll()
        keeper.remember(found)
        const guard = keeper.tables(desired, links)
        const stood = before
        const repaired =
          stood !== undefined &&
          tables.some((name) => !sameTable(stood.get(name), found.get(name), printedAs))
        let wanted: RenderedTables
        let changed: boolean
        try {
          wanted = tablesOf(lowered, guard)
          changed = stood && !repaired ? await change(stood, wanted) : await replace(wanted, found)
        } catch (error) {
          // What is to be closed is closed whatever becomes of the rest.
          const half = await readAll()
          const closed = new Map([...half, ...guard])
          changed = await replace(closed, half)
          await refuse(desired, error)
          lowered = lower(desired, refusedNow(desired))
          wanted = tablesOf(lowered, guard)
          if (await replace(wanted, closed)) changed = true
        }
        applied = wanted
        return report(changed, repaired)
      } catch (error) {
        applied = before
        suspect = true
        throw error
      }

      async function report(changed: boolean, repaired: boolean): Promise<ApplyReport> {
        await keeper.write()
        const learning = await ignoreLinkLocalOn(desired)
        denials.watch(lowered.interfaces)
        unanswered.watch(lowered.interfaces)
        connections.watch(lowered.interfaces, desired)
        const now = performance.now()
        // What was due for another attempt and is not refused again is accepted.
        for (const [id, { until }] of refusals) if (until <= now) refusals.delete(id)
        const pauses = [...refusals.values()].map(({ until }) => until - now)
        return {
          changed,
          repaired,
          interfaces: lowered.interfaces.map((each): InterfaceReport => {
            const detail = refusals.get(each.id)?.detail
            return { ...each, ...(detail !== undefined && { detail }) }
          }),
          guarded: keeper.described(),
          warnings: [
            ...strangers(desired),
            ...learning,
            ...(await connections.warnings()),
            ...(lowered.tracked === null ? [] : [trackedWarning(lowered.tracked)]),
            ...keeper.problems(),
            ...[commits, devices].flatMap((each) => {
              const problem = each.problem()
              return problem === null ? [] : [`changes by others are seen late: ${problem}`]
            }),
          ],
          retryMs: pauses.length === 0 ? null : Math.min(...pauses),
        }
      }
    },
    denials: () => denials.read(indexOf),
    connections: () => connections.read(indexOf),
    async unanswered() {
      const counts = await unanswered.read(indexOf)
      return new Map([...counts].filter(([, { ingress, egress }]) => ingress + egress > 0))
    },
    onForeignChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {
      clearInterval(timer)
      commits.stop()
      devices.stop()
    },
  }

  /** Has bridges with judged or closed ports ignore link-local frames; answers what kept us from it. */
  async function ignoreLinkLocalOn({ interfaces }: Desired): Promise<string[]> {
    if (observe) return []
    const judged = new Set(
      [...interfaces.values()].flatMap(({ device, observe }) => (observe ? [] : [device])),
    )
    const held = links.filter((link) => judged.has(link.name) || keeper.closes(link))
    const bridges = new Set(held.map(({ master }) => master?.name))
    const learning = links.filter(({ name, learnsLinkLocal }) => learnsLinkLocal && bridges.has(name))
    const done = await Promise.allSettled(learning.map(({ name }) => ignoreLinkLocal(netns, name)))
    return done.flatMap((each, at) =>
      each.status === 'fulfilled'
        ? []
        : [`${learning[at]?.name} learns from frames that nobody judges: ${messageOf(each.reason)}`],
    )
  }

  /** Devices that the guard closes and nobody has described. */
  function strangers({ interfaces }: Desired): string[] {
    if (observe) return []
    const described = new Set([...interfaces.values()].map(({ device }) => device))
    const found = links
      .filter((link) => !described.has(link.name) && keeper.closes(link))
      .map(({ name }) => name)
    return found.length === 0 ? [] : [`described by nobody, and closed: ${some(found)}`]
  }
}

const commonOf = ({ policies }: Desired, { policy }: DesiredInterface): CommonPolicy | undefined =>
  policy === null ? undefined : policies.get(policy)

const trackedWarning = (why: string): string =>
  `connections of stateless interfaces are tracked, which costs them time: ${why}; see --notrack`

/** At most ten of them, and how many more there are. */
function some(names: readonly string[]): string {
  const [first, rest] = [names.slice(0, 10), names.length - 10]
  return `${first.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

const entry = <V>(of: ReadonlyMap<string, V>, name: string): [string, V][] => {
  const value = of.get(name)
  return value === undefined ? [] : [[name, value]]
}
const rulesIn = (body: string): number => (body === '' ? 0 : body.split('\n').length)

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
