/** One interface → what it wants of its policy, and then where its packets are led and what is reported of it. */
import {
  type DesiredInterface,
  type FilterMode,
  inTurnNote,
  stackedNote,
  unansweredNote,
  unlimitedNote,
} from '../../core/model/desired.ts'
import type { CommonPolicy, Origin } from '../../core/model/effective-policy.ts'
import { isDeviceName, type Link } from '../../core/model/link.ts'
import type { Direction } from '../../core/model/rule.ts'
import type { Mac } from '../../core/net/mac.ts'
import type { BridgeKernel } from './bridge.ts'
import type { Facades, Wanted, Way } from './facades.ts'
import { judgingFor } from './judging.ts'
import type { KnownLinks } from './known-links.ts'
import { assertWritten, type Unit } from './ledger.ts'
import { type Purpose, passChain } from './names.ts'
import type { NftVerdict } from './ruleset.ts'
import type { Means } from './tracking.ts'
import { directions, drop, goto, pass, perDirection } from './variant.ts'

export interface LoweredInterface {
  readonly id: string
  readonly state: 'applied' | 'failing' | 'closed' | 'observing'
  /** Where its packets are seen; null when they are not. */
  readonly mode: FilterMode | null
  /** Why it is not applied, in words for its owner too; null when it is. */
  readonly error: string | null
  /** What its owner should know although it is applied; absent means nothing. */
  readonly notes?: readonly string[]
  /** The kernel's number of its device; absent when its packets are not seen. */
  readonly index?: number
  /** Tracked connections that its VM may begin, and others towards it; absent when they are not limited. */
  readonly limit?: number
}

/** What decides about an interface beside what it says itself. */
export interface Host {
  readonly links: Pick<KnownLinks, 'get' | 'standingOn'>
  readonly observe: boolean
  readonly kernel: BridgeKernel
  readonly maxConnections: number
  readonly refused: ReadonlyMap<string, string>
  /** Whether another interface is described on its device. */
  contested(device: string): boolean
  policy(key: string): CommonPolicy | undefined
  way(mode: FilterMode, purpose: Purpose, checked: boolean): Way
  readonly facades: Pick<Facades, 'of'>
}

/** Where an interface is seen. */
interface Seen {
  readonly link: Link
  readonly mode: FilterMode
  /** Nothing is dropped on it. */
  readonly watch: boolean
}

/** What becomes of an interface: it is not seen, is closed (or, where it is watched, open), or is to be judged by façades. */
export type Sought =
  | { readonly seen: null; readonly state: 'closed' | 'failing'; readonly why: string }
  /** `ofPolicy`: another policy of the same key may be its remedy. */
  | { readonly seen: Seen; readonly why: string; readonly ofPolicy: boolean }
  | {
      readonly seen: Seen
      readonly why: null
      readonly wanted: Wanted
      /** By which it is found out at a sender's port whether it rejects. */
      readonly answer: Wanted | null
    }

/** What of an interface is in the tables. */
export interface Placed {
  readonly id: string
  readonly device: string
  readonly index: number
  readonly mode: FilterMode
  readonly entry: Readonly<Record<Direction, NftVerdict>>
  /** What happens to frames that are no IP packets; null where packets are routed. */
  readonly frames: Readonly<Record<Direction, NftVerdict>> | null
  readonly link: NftVerdict | null
  /** Nothing may be routed to the device itself: that would go round its bridge. */
  readonly barred: boolean
  readonly observed: boolean
  /** 0: none. */
  readonly limit: number
  readonly answer: { readonly mac: Mac; readonly entry: NftVerdict } | null
  readonly means: Means | null
  readonly own: Own | null
}

/** Chains of its own, and what they were made of. */
interface Own {
  readonly way: Way
  readonly device: string
  readonly origin: Origin | undefined
  readonly types: readonly number[]
  readonly next: NftVerdict
  readonly units: readonly Unit[]
}

export function seek(each: DesiredInterface, host: Host): Sought {
  const { id, device } = each
  const unseen = (state: 'closed' | 'failing', why: string): Sought => ({ seen: null, state, why })
  const shut = (seen: Seen, why: string, ofPolicy = false): Sought => ({ seen, why, ofPolicy })
  const link = host.links.get(device)
  if (!link) return unseen('closed', `there is no device ${device} on its host`)
  // The guard closes it, as any device that nobody judges.
  if (each.closed !== undefined && !host.observe) return unseen('closed', each.closed)
  // nft takes a number for a name first.
  if (host.links.get(String(link.index)))
    return unseen('failing', `another device of its host is called ${link.index}`)
  const hidden = hiddenBy(link)
  if (hidden !== undefined) return unseen('failing', hidden)
  const mode = link.master?.kind === 'bridge' ? 'bridged' : 'routed'
  // Whose packets they are nobody can tell.
  if (host.contested(device))
    return shut({ link, mode, watch: host.observe }, `another interface of its host is on ${device} too`)
  const watch = host.observe || each.observe === true
  const seen = { link, mode, watch } as const
  const refused = host.refused.get(id)
  if (refused !== undefined) return shut(seen, refused)
  const policy = each.policy === null ? undefined : host.policy(each.policy)
  // Known, but by what it is to be judged is not.
  if (each.policy === null || !policy) return shut(seen, 'its policy could not be read', true)
  if (mode === 'bridged' && policy.stateful && !host.kernel.tracks) {
    const port = `${device} is a port of the bridge ${link.master?.name}`
    const why = `${port}, where this kernel tracks no connections (nf_conntrack_bridge), and its policy is stateful`
    return shut(seen, why, true)
  }
  if (!isDeviceName(device))
    return shut(seen, unenforceable(`no device can be called ${JSON.stringify(device)}`))
  const want = (purpose: Purpose, checked: boolean) =>
    host.facades.of(each.policy as string, policy, host.way(mode, purpose, checked))
  const wanted = want(watch ? 'observe' : 'enforce', each.origin !== undefined)
  const asked = mode === 'bridged' && host.kernel.rejects && !watch && each.mac !== undefined
  const answer = asked && wanted.facade?.rejects.ingress ? want('answer', false) : null
  return { seen, why: null, wanted, answer }
}

/** `before`: what was in the tables of it; what stays the same of that is taken over. */
export function place(
  each: DesiredInterface,
  sought: Sought,
  host: Host,
  before: Placed | null,
): { readonly report: LoweredInterface; readonly placed: Placed | null } {
  const { id, device } = each
  if (sought.seen === null) {
    const { state, why } = sought
    return { report: { id, state, mode: null, error: why }, placed: null }
  }
  const { link, mode, watch } = sought.seen
  const { index } = link
  const kernel = mode === 'bridged' ? host.kernel : null
  const barred = mode === 'bridged' && !watch
  const fail = (why: string) => {
    const entry = perDirection((way) => (watch ? goto(passChain(way)) : drop))
    const report = { id, state: 'failing', mode, error: watch ? `${why}; it is open` : why, index } as const
    const nothing = { link: null, observed: false, limit: 0, answer: null, means: null, own: null }
    const frames = kernel && entry
    return { report, placed: { ...{ id, device, index, mode, entry, frames, barred }, ...nothing } }
  }
  if (sought.why !== null) return fail(sought.why)
  const { wanted, answer } = sought
  const failure = wanted.failure ?? answer?.failure ?? null
  if (!wanted.facade || failure !== null) return fail(unenforceable(failure))
  const { facade } = wanted
  let own: Own
  try {
    own = ownOf(each, wanted, facade.entry.egress, before?.own ?? null)
  } catch (error) {
    return fail(unenforceable(error instanceof Error ? error.message : error))
  }
  const [senders, ...framed] = own.units
  const limit = watch ? 0 : (each.maxConnections ?? host.maxConnections)
  const tracks = kernel?.tracks ?? true
  const limited = limit > 0 && tracks ? limit : 0
  const entered = (unit: Unit | undefined): NftVerdict | null => (unit?.[0] ? goto(unit[0].name) : null)
  const placed: Placed = {
    ...{ id, device, index, mode, barred, own },
    entry: { ingress: facade.entry.ingress, egress: entered(senders) ?? facade.entry.egress },
    frames: kernel && perDirection((way) => entered(framed[directions.indexOf(way)]) ?? pass),
    link: facade.link,
    observed: watch,
    limit: limited,
    answer:
      answer?.facade && each.mac !== undefined ? { mac: each.mac, entry: answer.facade.entry.ingress } : null,
    means: facade.asks ? 'stateful' : mode === 'routed' ? 'stateless' : null,
  }
  if (watch) return { report: { id, state: 'observing', mode, error: null, index }, placed }
  const stacked = host.links.standingOn(device)
  const silent = kernel !== null && !kernel.rejects && directions.some((way) => facade.rejects[way])
  const notes = [
    ...(facade.inTurn > 0 ? [inTurnNote(facade.inTurn)] : []),
    ...(silent ? [unansweredNote] : []),
    ...(limit > 0 && !tracks ? [unlimitedNote] : []),
    ...(stacked.length > 0 ? [stackedNote(stacked.map(({ name }) => name))] : []),
  ]
  const report: LoweredInterface = {
    ...{ id, state: 'applied', mode, error: null, index },
    ...(limited > 0 && { limit }),
    ...(notes.length > 0 && { notes }),
  }
  return { report, placed }
}

/** Units: those of its senders, empty where they are not checked, and in a bridge those of its frames in each direction. */
function ownOf(
  { device, origin, frames: types = [] }: DesiredInterface,
  { way }: Wanted,
  next: NftVerdict,
  before: Own | null,
): Own {
  const same =
    before?.way === way &&
    before.device === device &&
    before.origin === origin &&
    before.types.join() === types.join() &&
    JSON.stringify(before.next) === JSON.stringify(next)
  if (same) return before
  const { kernel } = way.variant
  const judging = judgingFor(way.variant)
  const units = [
    origin ? judging.senders(device, origin, next) : [],
    ...(kernel
      ? directions.map((to) => judging.frames(device, to, to === 'egress' ? origin : undefined, types))
      : []),
  ]
  for (const unit of units) assertWritten(unit, kernel ? 'bridge' : 'inet')
  return { way, device, origin, types, next, units }
}

const unenforceable = (why: unknown): string => `its rules cannot be enforced: ${why}`

/** Why the device's packets are seen nowhere; undefined when they are. */
function hiddenBy({ name, kind, master }: Link): string | undefined {
  if (kind === 'macvtap' || kind === 'ipvtap')
    return `${name} is a ${kind} device, whose packets cannot be filtered`
  if (!master || master.kind === 'vrf' || master.kind === 'bridge') return undefined
  return `${name} is part of ${master.name}, where its packets cannot be filtered`
}
