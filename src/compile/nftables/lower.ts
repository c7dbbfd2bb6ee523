/**
 * Desired state → the tables that judge, kept up to date: a change costs what changed (decision 0045).
 *
 * An interface depends on its device, on what it says itself, and on the façade of its policy; chains and sets of a policy
 * are made anew once when it changes, and its interfaces are visited only if its façade is another one.
 *
 * It does not know nft's grammar, and sends nothing: `change` leads from the old tables to the new ones.
 */
import type { Desired, DesiredDelta, DesiredInterface, FilterMode } from '../../core/model/desired.ts'
import type { Link } from '../../core/model/link.ts'
import type { Mac } from '../../core/net/mac.ts'
import type { BridgeKernel } from './bridge.ts'
import { type Counting, countingSets } from './counting.ts'
import { verdictText } from './endings.ts'
import { createEntries, type Entries } from './entries.ts'
import { createFacades, type Wanted, type Way } from './facades.ts'
import { fixedChains, passingChains } from './fixed.ts'
import { createKnownLinks } from './known-links.ts'
import { createLedger, type Ledger, type Unit } from './ledger.ts'
import { createLimits, type Limits } from './limits.ts'
import { createLiveTable, type LiveTable } from './live-table.ts'
import { createMultimap } from './multimap.ts'
import { bridgeTable, hookOf, type Purpose, table } from './names.ts'
import { type Host, type LoweredInterface, type Placed, place, type Sought, seek } from './place.ts'
import type { Place } from './render.ts'
import { remember } from './revoked.ts'
import type { NftRuleset, NftVerdict } from './ruleset.ts'
import type { RenderedTable, RenderedTables } from './table.ts'
import { createTracking } from './tracking.ts'
import type { Trackers } from './untracked.ts'
import { directions, drop } from './variant.ts'

/** What the host looks like, and how it is to be treated. */
export interface Surroundings {
  /** By name. Kept up to date in place by whoever owns it. */
  readonly links: ReadonlyMap<string, Link>
  /** Names of those that came, went or changed since the last update; null: any of them may have. */
  readonly changedLinks: ReadonlySet<string> | null
  /** Nothing is dropped on the whole host. */
  readonly observe: boolean
  readonly kernel: BridgeKernel
  /** Why interfaces are to be closed whatever their policy says, by id. */
  readonly refused: ReadonlyMap<string, string>
  /** Tracked connections of interfaces that say nothing themselves; absent or 0 means no limit. */
  readonly maxConnections?: number
  /** Who keeps stateless interfaces tracked; absent: they are tracked whoever asks. */
  readonly trackers?: Trackers
  /** How the kernel can count what rules let pass that are looked up together. */
  readonly counts: Counting['by']
  /** Decisions that are told of each interface in a second, in each direction; absent or 0: none. */
  readonly samples?: number
}

export type { LoweredInterface } from './place.ts'

export interface Lowering {
  /**
   * Brings itself up to date. Total: what cannot be lowered closes its interface, and is reported. `delta`: what may differ
   * from the last update; null: everything is looked at anew.
   */
  update(desired: Desired, delta: DesiredDelta | null, surroundings: Surroundings): LoweredChange
  /** What is to stand, whole, by name; there is one of family bridge only while a device is a port of a bridge. Every update changes it in place. */
  readonly tables: RenderedTables
  /** The same as values, made when asked for, which takes as long as there are interfaces; `bridged` null: there is none. */
  readonly rulesets: { readonly routed: NftRuleset; readonly bridged: NftRuleset | null }
  /** Why stateless interfaces are tracked although their host would rather leave them alone; null when it is not so. */
  readonly tracked: string | null
}

export interface LoweredChange {
  /**
   * The tables before and after, cut down to what changed and what `stages` must see beside it: `stages(from, to)` and
   * `deltaCommands` of each lead from the whole old tables to the whole new ones. Both are empty when nothing changed. A table
   * that comes is the live one.
   */
  readonly from: RenderedTables
  readonly to: RenderedTables
  /** Interfaces whose outcome may have changed; all of them where everything was looked at anew. */
  readonly interfaces: readonly LoweredInterface[]
  /** Ids of those that are not described any more. */
  readonly gone: readonly string[]
}

/** An interface as it was seen last. */
interface State {
  readonly id: string
  each: DesiredInterface
  sought: Sought | null
  /** The key of the policy whose change it awaits. */
  waits: string | null
  placed: Placed | null
}

/** A table of ours, with what keeps it up to date. */
interface Judging {
  readonly live: LiveTable
  readonly ledger: Ledger
  readonly entries: Entries
  readonly limits: Limits
  /** What is there whatever is to be enforced. */
  fixed: Unit
  /** Names of the sets that packets count in. */
  counted: readonly string[]
  readonly passing: Readonly<Record<'limited' | 'unlimited', Unit>>
  /** Which of them stands. */
  passes: Unit | null
}

function createJudging(of: Place): Judging {
  const live = createLiveTable()
  const passing = (limited: boolean) => passingChains(of === 'bridge', limited)
  return {
    ...{
      live,
      ledger: createLedger(live, of),
      entries: createEntries(live, of),
      limits: createLimits(live, of),
    },
    ...{ fixed: [], counted: [] },
    passing: { limited: passing(true), unlimited: passing(false) },
    passes: null,
  }
}

/** Brings what depends on no policy to how the host is treated. */
function settleFixed(own: Judging, kernel: BridgeKernel | null, counting: Counting): void {
  const { ledger, live } = own
  ledger.release([own.fixed])
  for (const name of own.counted) live.setSet(name, undefined)
  const sets = countingSets(counting, kernel)
  for (const [name, type] of sets) live.setSet(name, { kind: 'set', type, elements: new Map() })
  own.counted = [...sets.keys()]
  own.fixed = fixedChains(kernel, counting)
  ledger.hold([own.fixed])
}

export function createLowering(): Lowering {
  const judging: Readonly<Record<FilterMode, Judging>> = {
    routed: createJudging('inet'),
    bridged: createJudging('bridge'),
  }
  const links = createKnownLinks({
    added: (from, to) => tracking.edges.added(from, to),
    removed: (from, to) => tracking.edges.removed(from, to),
  })
  const tracking = createTracking(judging.routed.live, links)
  const facades = createFacades(({ kernel }) => judging[kernel ? 'bridged' : 'routed'].ledger)
  const tables = new Map<string, RenderedTable>()
  const states = new Map<string, State>()
  const byDevice = createMultimap<string, State>()
  const byPolicy = createMultimap<string, State>()
  /** Those of a policy that want nothing of it as it is, and may of another. */
  const waiting = createMultimap<string, State>()
  const answering = createMultimap<Mac, Placed>()
  /** Policies that have flows cut. */
  const cutting = new Set<string>()
  let tracked: string | null = null
  let host: (Omit<Host, 'policy'> & { readonly counting: Counting }) | undefined

  /** Takes over what is true of the whole host; answers whether any of it differs. */
  function treat({
    observe,
    kernel,
    maxConnections = 0,
    refused,
    counts,
    samples = 0,
  }: Surroundings): boolean {
    const { tracks, rejects } = host?.kernel ?? {}
    const otherKernel =
      !host ||
      tracks !== kernel.tracks ||
      rejects !== kernel.rejects ||
      host.counting.by !== counts ||
      host.counting.samples !== samples
    const differs = otherKernel || host?.observe !== observe || host.maxConnections !== maxConnections
    const counting: Counting = { by: counts, samples }
    if (otherKernel) {
      settleFixed(judging.routed, null, counting)
      settleFixed(judging.bridged, { ...kernel }, counting)
    }
    host = {
      ...{ links, facades, observe, maxConnections, counting },
      kernel: otherKernel || !host ? { ...kernel } : host.kernel,
      refused: new Map(refused),
      contested: (device) => byDevice.count(device) > 1,
      way: otherKernel || !host ? waysOf(kernel, counting) : host.way,
    }
    return differs
  }

  function index(state: State, stands: boolean): void {
    const { device, policy } = state.each
    const act = stands ? 'add' : 'remove'
    byDevice[act](device, state)
    if (policy !== null) byPolicy[act](policy, state)
  }

  /** What an interface has in the tables comes, or goes. */
  function put(placed: Placed, stands: boolean): void {
    const { ledger, entries, limits } = judging[placed.mode]
    const key = String(placed.index)
    const lead = (map: Entries['link'], verdict: NftVerdict): void => {
      if (stands) map.set(key, verdictText(verdict))
      else map.delete(key)
    }
    if (placed.own) ledger[stands ? 'hold' : 'release'](placed.own.units)
    for (const way of directions) {
      const hook = hookOf[way]
      lead(entries.devices[hook], placed.entry[way])
      if (placed.frames) lead(entries.frames[hook], placed.frames[way])
      if (placed.barred) lead(judging.routed.entries.devices[hook], drop)
      if (placed.observed) stands ? entries.observed[hook].set(key, '') : entries.observed[hook].delete(key)
    }
    if (placed.link) lead(entries.link, placed.link)
    if (placed.limit > 0) limits[stands ? 'add' : 'remove'](key, placed.limit)
    if (placed.means) tracking[stands ? 'add' : 'remove'](placed.device, placed.means)
    if (placed.answer) {
      const { mac } = placed.answer
      answering[stands ? 'add' : 'remove'](mac, placed)
      const first = firstOf(answering.get(mac))
      if (first?.answer) entries.receivers.set(mac, verdictText(first.answer.entry))
      else entries.receivers.delete(mac)
    }
  }

  return {
    tables,
    get tracked() {
      return tracked
    },
    get rulesets() {
      const placed = [...states.values()].flatMap((state) => state.placed ?? [])
      const isBridged = tables.has(bridgeTable)
      const untracked = tracking.tracking()
      const routed = rulesetOf(judging.routed.ledger, placed, 'routed')
      return {
        routed: { ...routed, ...(untracked && { tracking: untracked }) },
        bridged: isBridged ? rulesetOf(judging.bridged.ledger, placed, 'bridged') : null,
      }
    },
    update(desired, delta, surroundings) {
      const dirty = new Set<State>()
      const visit = (some: Iterable<State>): void => {
        for (const state of some) dirty.add(state)
      }
      const refusedBefore = host?.refused ?? new Map<string, string>()
      const anew = delta === null
      const everywhere = treat(surroundings) || anew
      const around: Host = {
        ...(host as NonNullable<typeof host>),
        policy: (key) => desired.policies.get(key),
      }

      for (const { before, after } of links.update(
        surroundings.links,
        anew ? null : surroundings.changedLinks,
      )) {
        const name = (before ?? after)?.name as string
        tracking.review(name)
        visit(byDevice.get(name))
        for (const link of [before, after]) if (link?.parent !== undefined) visit(byDevice.get(link.parent))
        // A name that is a number can be another device's.
        if (/^\d+$/.test(name))
          visit([...states.values()].filter(({ each }) => links.get(each.device)?.index === Number(name)))
      }
      for (const id of new Set([...refusedBefore.keys(), ...around.refused.keys()])) {
        const state = states.get(id)
        if (state && refusedBefore.get(id) !== around.refused.get(id)) dirty.add(state)
      }

      const gone: State[] = []
      const ids = anew ? new Set([...states.keys(), ...desired.interfaces.keys()]) : delta.interfaces
      for (const id of ids) {
        const each = desired.interfaces.get(id)
        let state = states.get(id)
        if (state) {
          if (!anew && state.each === each) continue
          index(state, false)
          visit(byDevice.get(state.each.device))
        }
        if (!each) {
          states.delete(id)
          if (state) gone.push(state)
          continue
        }
        if (state) state.each = each
        else {
          state = { id, each, sought: null, waits: null, placed: null }
          states.set(id, state)
        }
        index(state, true)
        visit(byDevice.get(each.device))
      }
      if (everywhere) visit(states.values())

      const policies = anew
        ? new Set([...states.values()].flatMap(({ each }) => each.policy ?? []))
        : delta.policies
      if (anew) cutting.clear()
      for (const key of policies) {
        if (desired.policies.get(key)?.cutsFlows) cutting.add(key)
        else cutting.delete(key)
        visit(waiting.get(key))
        if (facades.renew(key, desired.policies.get(key))) visit(byPolicy.get(key))
      }

      // Policies may still have known of them.
      for (const state of gone) dirty.delete(state)

      const reseek = (state: State, sought: Sought | null): void => {
        const [old, next] = [wantedBy(state.sought), wantedBy(sought)]
        next.forEach(facades.want)
        old.forEach(facades.leave)
        if (state.waits !== null) waiting.remove(state.waits, state)
        state.waits = sought?.seen && sought.why !== null && sought.ofPolicy ? state.each.policy : null
        if (state.waits !== null) waiting.add(state.waits, state)
        state.sought = sought
      }
      for (const state of gone) reseek(state, null)
      for (const state of dirty) reseek(state, seek(state.each, around))
      for (const wanted of facades.settle())
        visit([...byPolicy.get(wanted.policy)].filter(({ sought }) => wantedBy(sought).includes(wanted)))

      // An index, or a MAC, may go from one to another: all that goes is gone before anything comes.
      for (const { placed } of [...gone, ...dirty]) if (placed) put(placed, false)
      const reports: LoweredInterface[] = []
      for (const state of dirty) {
        const { report, placed } = place(state.each, state.sought as Sought, around, state.placed)
        state.placed = placed
        if (placed) put(placed, true)
        reports.push(report)
      }
      tracked = tracking.settle(surroundings.trackers)
      remember(judging.routed.live, 'inet', cutting.size > 0)
      remember(judging.bridged.live, 'bridge', cutting.size > 0 && around.kernel.tracks)
      return { ...settle(), interfaces: reports, gone: gone.map(({ id }) => id) }
    },
  }

  /** Brings the tables to what was put; answers how they differ from what they were. */
  function settle(): Pick<LoweredChange, 'from' | 'to'> {
    const [from, to] = [new Map<string, RenderedTable>(), new Map<string, RenderedTable>()]
    for (const [name, own, stands] of [
      [table, judging.routed, true],
      [bridgeTable, judging.bridged, judging.bridged.entries.devices['from-vm'].elements.size > 0],
    ] as const) {
      const passes = own.passing[own.limits.settle() ? 'limited' : 'unlimited']
      if (passes !== own.passes) {
        if (own.passes) own.ledger.release([own.passes])
        own.ledger.hold([passes])
        own.passes = passes
      }
      own.entries.settle()
      const change = own.live.change(own.ledger.looking)
      const stood = tables.has(name)
      if (stands) tables.set(name, own.live.table)
      else tables.delete(name)
      if (stood && stands) {
        if (!change) continue
        from.set(name, change.from)
        to.set(name, change.to)
      } else if (stands) to.set(name, own.live.table)
      // Of a table that goes only what closes it matters.
      else if (stood) from.set(name, change?.from ?? own.live.table)
    }
    return { from, to }
  }
}

const wantedBy = (sought: Sought | null): readonly Wanted[] =>
  sought?.seen && sought.why === null ? [sought.wanted, ...(sought.answer ? [sought.answer] : [])] : []

/** Of several interfaces with one MAC that of the lowest id, whichever came first. */
const firstOf = (several: Iterable<Placed>): Placed | undefined =>
  [...several].reduce<Placed | undefined>(
    (first, each) => (first && first.id < each.id ? first : each),
    undefined,
  )

/** The same object for the same way of judging. */
function waysOf(kernel: BridgeKernel, counting: Counting): Host['way'] {
  const known = new Map<string, Way>()
  return (mode, purpose: Purpose, checked) => {
    const key = `${mode} ${purpose} ${checked}`
    const way = known.get(key) ?? {
      ...{ checked, variant: { purpose, kernel: mode === 'bridged' ? { ...kernel } : null, counting } },
    }
    known.set(key, way)
    return way
  }
}

function rulesetOf(ledger: Ledger, all: readonly Placed[], mode: FilterMode): NftRuleset {
  const placed = all.filter((each) => each.mode === mode)
  const perHook = <T>(of: (each: Placed, way: (typeof directions)[number]) => T | null | undefined) => {
    const along = (way: (typeof directions)[number], some: readonly Placed[]) =>
      new Map(
        some.flatMap((each) => {
          const value = of(each, way)
          return value === null || value === undefined ? [] : [[each.index, value] as const]
        }),
      )
    return { 'from-vm': along('egress', all), 'to-vm': along('ingress', all) }
  }
  const isHere = (each: Placed) => each.mode === mode
  const answers = placed
    .filter(({ answer }) => answer)
    // The lowest id comes last, and decides.
    .sort((a, b) => (a.id < b.id ? 1 : -1))
    .flatMap(({ answer }) => (answer ? [[answer.mac, answer.entry] as const] : []))
  return {
    chains: new Map([...ledger.chains()].map((chain) => [chain.name, chain])),
    devices: perHook((each, way) =>
      isHere(each) ? each.entry[way] : mode === 'routed' && each.barred ? drop : null,
    ),
    link: new Map(placed.flatMap(({ index, link }) => (link ? [[index, link] as const] : []))),
    observed: new Set(placed.flatMap(({ index, observed }) => (observed ? [index] : []))),
    limits: new Map(placed.flatMap(({ index, limit }) => (limit > 0 ? [[index, limit] as const] : []))),
    ...(mode === 'bridged' && {
      bridge: {
        frames: perHook((each, way) => (isHere(each) ? each.frames?.[way] : null)),
        answers: new Map(answers),
      },
    }),
  }
}
