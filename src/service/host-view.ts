/**
 * What an agent has said of its host so far, folded from its changes.
 *
 * A host may have 100,000 interfaces, and is asked for counts often: they are kept, and a change costs what it names.
 */
import {
  type Connections,
  type InterfaceState,
  type InterfaceStatus,
  interfaceStates,
  type PerDirection,
} from '../core/model/desired.ts'
import { type HostWords, isSettled, type StatusChange } from '../core/model/status-change.ts'
import type { InterfaceOutcome } from '../storage/storage.ts'
import type { Reach } from './desired.ts'
import { createTally } from './tally.ts'

/** Sums over the interfaces whose tracked connections are limited. */
export interface TrackedSums {
  /** How many interfaces those are. */
  readonly interfaces: number
  readonly limit: number
  readonly uses: PerDirection
  readonly refusals: PerDirection
}

export interface HostView {
  readonly words: HostWords
  /** How many interfaces the agent has spoken of. */
  readonly size: number
  readonly states: Readonly<Record<InterfaceState, number>>
  readonly tracked: TrackedSums
  /** What holds for each interface that has nothing else to say; without counts. */
  readonly usual: InterfaceOutcome
  of(id: string): InterfaceStatus | undefined
  ids(): Iterable<string>
  /** Those that fail, are observed, leave rejections unanswered, or are near their limit of connections. */
  noteworthy(): Iterable<InterfaceStatus>
}

export interface HeardHost extends HostView {
  hear(change: StatusChange): void
}

/** From this part of its limit on an interface is worth being named: a host of thousands has too many. */
const nearLimit = 0.5

/** Whether it has refused connections, or is near its limit. */
export const isPressed = ({ limit, uses, refusals }: Connections): boolean =>
  (['ingress', 'egress'] as const).some((way) => refusals[way] > 0 || (uses?.[way] ?? 0) > limit * nearLimit)

const isNoteworthy = ({ state, denials, unanswered, connections }: InterfaceStatus): boolean =>
  state === 'failing' ||
  denials !== undefined ||
  unanswered !== undefined ||
  (connections !== undefined && isPressed(connections))

/** Without names and counts. What is settled is in force as of the host's revision, so its own is left out. */
export const outcomeOf = ({
  appliedRevision,
  state,
  mode,
  error,
  notes,
}: InterfaceOutcome): InterfaceOutcome => ({
  appliedRevision: isSettled({ state }) ? null : appliedRevision,
  state,
  ...(mode && { mode }),
  error,
  notes,
})

/**
 * `first`: what is said first. `reach`: what is known of the revision that its agent was handed last; null: nothing. While no
 * newer one concerns the host its agent is told none, and has applied it all the same.
 */
export function createHostView(first: StatusChange, reach: () => Reach | null = () => null): HeardHost {
  const known = new Map<string, InterfaceStatus>()
  const noteworthy = new Map<string, InterfaceStatus>()
  const outcomes = createTally()
  const states = Object.fromEntries(interfaceStates.map((state) => [state, 0])) as Record<
    InterfaceState,
    number
  >
  let interfaces = 0
  let limit = 0
  const uses = { ingress: 0, egress: 0 }
  const refusals = { ingress: 0, egress: 0 }
  let words = first.host
  /** Undefined before any interface is known. */
  let usual: { readonly text: string; readonly outcome: InterfaceOutcome } | undefined

  function track({ connections }: InterfaceStatus, by: 1 | -1): void {
    if (!connections) return
    interfaces += by
    limit += by * connections.limit
    for (const way of ['ingress', 'egress'] as const) {
      uses[way] += by * (connections.uses?.[way] ?? 0)
      refusals[way] += by * connections.refusals[way]
    }
  }
  function forget(id: string): void {
    const status = known.get(id)
    if (!status) return
    known.delete(id)
    noteworthy.delete(id)
    states[status.state]--
    outcomes.remove(JSON.stringify(outcomeOf(status)))
    track(status, -1)
  }
  function learn(status: InterfaceStatus): void {
    forget(status.id)
    known.set(status.id, status)
    if (isNoteworthy(status)) noteworthy.set(status.id, status)
    states[status.state]++
    outcomes.add(JSON.stringify(outcomeOf(status)))
    track(status, 1)
  }
  /** Another becomes usual when there is twice as much of it: each such change means that very many are stored anew. */
  function settle(): void {
    const most = outcomes.most()
    if (most === undefined) return
    if (usual && outcomes.count(most) <= 2 * outcomes.count(usual.text)) return
    usual = { text: most, outcome: JSON.parse(most) }
  }
  function hear({ host, whole, put, remove }: StatusChange): void {
    words = host
    if (whole) for (const id of [...known.keys()]) forget(id)
    for (const id of remove) forget(id)
    for (const status of put) learn(status)
    settle()
  }

  hear(first)
  return {
    hear,
    get words() {
      return asOf(words, reach())
    },
    get size() {
      return known.size
    },
    states,
    get tracked() {
      return { interfaces, limit, uses, refusals }
    },
    get usual(): InterfaceOutcome {
      if (usual) return usual.outcome
      return { appliedRevision: null, state: words.observe ? 'observing' : 'applied', error: null, notes: [] }
    },
    of: (id) => known.get(id),
    ids: () => known.keys(),
    noteworthy: () => noteworthy.values(),
  }
}

function asOf(words: HostWords, reach: Reach | null): HostWords {
  const { desiredRevision, appliedRevision } = words
  if (!reach || appliedRevision === null || appliedRevision < reach.handed) return words
  const newest = (revision: number | null) => Math.max(revision ?? 0, reach.upTo)
  return {
    ...words,
    desiredRevision: newest(desiredRevision),
    appliedRevision: newest(appliedRevision),
  }
}
