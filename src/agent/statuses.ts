/** What an agent knows of each interface, kept in place; every change of it answers what differs and is to be said. */
import {
  type Connections,
  type Denials,
  type Desired,
  type DesiredDelta,
  type DesiredInterface,
  holderOf,
  type InterfaceStatus,
  type PerDirection,
} from '../core/model/desired.ts'
import { isSettled, type StatusChange } from '../core/model/status-change.ts'
import type { ApplyReport, InterfaceReport } from './dataplane.ts'

export type Difference = Pick<StatusChange, 'put' | 'remove'>

export interface Statuses {
  /** How many are observed, and how many are filtered in bridges. */
  readonly observing: number
  readonly bridged: number
  all(): readonly InterfaceStatus[]
  /** Interfaces that came, before what is desired of them is tried. */
  arrive(desired: Desired, delta: DesiredDelta | null): Difference
  /** What became of `desired`, which `delta` says the difference to; `before` is what the host had applied until then. */
  settle(desired: Desired, delta: DesiredDelta | null, report: ApplyReport, before: number | null): Difference
  deny(denials: ReadonlyMap<string, Denials>): Difference
  /** An interface that is in neither has nothing to be counted any more. */
  count(
    connections: ReadonlyMap<string, Connections>,
    unanswered: ReadonlyMap<string, PerDirection>,
  ): Difference
}

export function createStatuses(): Statuses {
  const known = new Map<string, InterfaceStatus>()
  /** Whose each is that is known: what another had counted under the id is not its own. */
  const holders = new Map<string, string>()
  /** What the dataplane said of each last. */
  const reports = new Map<string, InterfaceReport>()
  /** Those that have something counted beside denials. */
  const counted = new Set<string>()
  let observing = 0
  let bridged = 0

  function tally({ state, mode }: InterfaceStatus, by: 1 | -1): void {
    if (state === 'observing') observing += by
    if (mode === 'bridged') bridged += by
  }
  function set(id: string, status: InterfaceStatus | undefined): void {
    const before = known.get(id)
    if (before) tally(before, -1)
    if (!status) {
      known.delete(id)
      counted.delete(id)
      return
    }
    known.set(id, status)
    tally(status, 1)
    if (status.connections || status.unanswered) counted.add(id)
    else counted.delete(id)
  }
  /** Keeps them; answers those that differ from what was known. */
  function differing(statuses: Iterable<InterfaceStatus>): InterfaceStatus[] {
    const put: InterfaceStatus[] = []
    for (const status of statuses) {
      const before = known.get(status.id)
      if (before && same(before, status)) continue
      set(status.id, status)
      put.push(status)
    }
    return put
  }

  return {
    get observing() {
      return observing
    },
    get bridged() {
      return bridged
    },
    all: () => [...known.values()],
    arrive({ interfaces }, delta) {
      const put: InterfaceStatus[] = []
      for (const id of delta?.interfaces ?? interfaces.keys()) {
        const wanted = interfaces.get(id)
        if (!wanted || known.has(id)) continue
        const { device, notes = [] } = wanted
        put.push({ id, device, appliedRevision: null, state: 'applying', error: null, notes })
      }
      return { put: differing(put), remove: [] }
    },
    settle({ revision, interfaces }, delta, report, before) {
      if (!delta) reports.clear()
      for (const { detail: _, ...each } of report.interfaces) reports.set(each.id, each)
      const touched = new Set([
        ...(delta?.interfaces ?? [...interfaces.keys(), ...known.keys()]),
        ...report.interfaces.map(({ id }) => id),
      ])
      const remove: string[] = []
      const statuses: InterfaceStatus[] = []
      for (const id of touched) {
        const wanted = interfaces.get(id)
        const was = known.get(id)
        if (wanted) {
          const holder = holderOf(wanted)
          const own = (holders.get(id) ?? holder) === holder ? was : undefined
          holders.set(id, holder)
          statuses.push(statusOf(wanted, reports.get(id), own, { revision, before }))
        } else {
          reports.delete(id)
          holders.delete(id)
          if (was) remove.push(id)
          set(id, undefined)
        }
      }
      return { put: differing(statuses), remove }
    },
    deny(denials) {
      const statuses = [...denials].flatMap(([id, each]): InterfaceStatus[] => {
        const status = known.get(id)
        return status?.state === 'observing' ? [{ ...status, denials: each }] : []
      })
      return { put: differing(statuses), remove: [] }
    },
    count(connections, unanswered) {
      const ids = new Set([...connections.keys(), ...unanswered.keys(), ...counted])
      const statuses = [...ids].flatMap((id): InterfaceStatus[] => {
        const status = known.get(id)
        if (!status) return []
        const { connections: _, unanswered: __, ...rest } = status
        const [tracked, silent] = [connections.get(id), unanswered.get(id)]
        return [{ ...rest, ...(tracked && { connections: tracked }), ...(silent && { unanswered: silent }) }]
      })
      return { put: differing(statuses), remove: [] }
    },
  }
}

const unreported = { state: 'failing', error: 'the target did not report it' } as const

/** What failed keeps the revision that it had before. */
function statusOf(
  { id, device, notes = [] }: DesiredInterface,
  report: Omit<InterfaceReport, 'id'> = unreported,
  was: InterfaceStatus | undefined,
  { revision, before }: { readonly revision: number; readonly before: number | null },
): InterfaceStatus {
  const { state, error, mode, notes: more = [] } = report
  const { denials, connections, unanswered } = was ?? {}
  const had = was && isSettled(was) ? before : (was?.appliedRevision ?? null)
  return {
    id,
    device,
    appliedRevision: state === 'failing' ? had : revision,
    state,
    ...(mode && { mode }),
    error,
    notes: [...notes, ...more],
    ...(state === 'applied' && connections && { connections }),
    ...(state === 'applied' && unanswered && { unanswered }),
    ...(state === 'observing' && { denials: denials ?? { ingress: 0, egress: 0 } }),
  }
}

/** Whether there is nothing to say: what is settled is applied as of the host's revision, which is said alone. */
function same(a: InterfaceStatus, b: InterfaceStatus): boolean {
  return (
    a.state === b.state &&
    (a.appliedRevision === b.appliedRevision || isSettled(a)) &&
    a.device === b.device &&
    a.mode === b.mode &&
    a.error === b.error &&
    a.notes.length === b.notes.length &&
    a.notes.every((note, at) => note === b.notes[at]) &&
    sameCounts(a.denials, b.denials) &&
    sameCounts(a.unanswered, b.unanswered) &&
    sameConnections(a.connections, b.connections)
  )
}

const sameCounts = (a: PerDirection | null | undefined, b: PerDirection | null | undefined): boolean =>
  a === b || (a?.ingress === b?.ingress && a?.egress === b?.egress)

const sameConnections = (a: Connections | undefined, b: Connections | undefined): boolean =>
  a === b ||
  (a !== undefined &&
    b !== undefined &&
    a.limit === b.limit &&
    sameCounts(a.uses, b.uses) &&
    sameCounts(a.refusals, b.refusals))
