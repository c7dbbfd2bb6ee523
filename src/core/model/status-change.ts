/** What an agent says of its host, change by change: plain JSON, because it may say it from another process or host. */
import type { JsonValue } from '../json.ts'
import {
  type Connections,
  type HostStatus,
  type InterfaceStatus,
  interfaceStates,
  type PerDirection,
} from './desired.ts'
import { anyText, exactly, flag, integerFrom, listOf, oneOf, orNull, textOf } from './strict.ts'

/** What an agent says of its host as one, beside its interfaces. */
export type HostWords = Omit<HostStatus, 'interfaces'>

/**
 * Of interfaces agents say outcomes, and `applying` only of one that came and has never been enforced: whether a newer
 * change is under way follows from its generation and the host's revision. The applied revision of what is settled is at
 * least the host's, which is said alone; so a change of a policy says nothing of the interfaces that it is attached to.
 */
export interface StatusChange {
  /** As it is from now on. */
  readonly host: HostWords
  /** Whether interfaces that are not in `put` are there no more, whatever was said of them. */
  readonly whole: boolean
  /** Those of which something differs from what was said last. */
  readonly put: readonly InterfaceStatus[]
  /** Those that are on the host no more, by id. */
  readonly remove: readonly string[]
}

/** Whether nothing more is awaited: what is desired up to the host's applied revision has been done. */
export const isSettled = ({ state }: Pick<InterfaceStatus, 'state'>): boolean =>
  state === 'applied' || state === 'closed' || state === 'observing'

/** Reads what was written as JSON; throws on anything else, because an interface that is misread could be taken for enforced. */
export const decodeStatusChange = (json: JsonValue): StatusChange => statusChange(json)

const name = textOf('name')
const words = anyText('words')
const count = integerFrom('count', 0)
const revision = orNull(integerFrom('revision', 0))
const perDirection = exactly<PerDirection>('counts', { ingress: count, egress: count })
const connections = exactly<Connections>('connections', {
  limit: count,
  uses: orNull(perDirection),
  refusals: perDirection,
})

const interfaceStatus = exactly<InterfaceStatus>(
  'status of an interface',
  {
    id: name,
    device: name,
    appliedRevision: revision,
    state: oneOf('state of an interface', interfaceStates),
    mode: oneOf('mode', ['routed', 'bridged']),
    error: orNull(words),
    notes: listOf('notes', words),
    denials: perDirection,
    connections,
    unanswered: perDirection,
  },
  ['mode', 'denials', 'connections', 'unanswered'],
)

const hostWords = exactly<HostWords>('status of a host', {
  host: name,
  target: name,
  observe: flag('observe'),
  desiredRevision: revision,
  appliedRevision: revision,
  state: oneOf('state of a host', ['starting', 'applied', 'applying', 'failing']),
  error: orNull(words),
  repairs: count,
  warnings: listOf('warnings', words),
})

const statusChange = exactly<StatusChange>('status', {
  host: hostWords,
  whole: flag('whole'),
  put: listOf('put', interfaceStatus),
  remove: listOf('remove', name),
})
