/** What one host should enforce, and what its agent says of it: desired state from the service, status from the agent. */
import type { Mac } from '../net/mac.ts'
import type { CommonPolicy, EffectivePolicy, Origin } from './effective-policy.ts'

/** The highest limit of tracked connections: a table for hundreds of such interfaces would not fit a host. */
export const maxConnections = 1_000_000

export interface DesiredInterface {
  readonly id: string
  /** Whose it is: an id can come again in another account. Absent: a service that does not say so. */
  readonly account?: string
  /** Device name on this host. */
  readonly device: string
  /** It was found there by its MAC: nothing passes unless that is proven. Absent: somebody said that it is there. */
  readonly found?: true
  /** The VM's, in lower case; absent when it is not known. */
  readonly mac?: Mac
  /** Ethernet types that pass beside IP and ARP where it is a port of a bridge. Absent means none. */
  readonly frames?: readonly number[]
  /** Key of the policy in `Desired.policies`; null: the interface is known, but its policy is not; nothing passes. */
  readonly policy: string | null
  /** Who it may send as; absent: as anybody. */
  readonly origin?: Origin
  /** Packets are judged and counted, and none is dropped. Absent means false. */
  readonly observe?: boolean
  /** Tracked connections that the VM may begin, and others towards it; 0 means no limit, absent what the host says. */
  readonly maxConnections?: number
  /** Its own addresses, canonical text: whose a tracked connection is. Absent means unknown. */
  readonly addresses?: readonly string[]
  /** What its owner should know although it works; copied to the status. Absent means nothing. */
  readonly notes?: readonly string[]
  /** Why nothing passes whatever its policy says, in words for its owner too. Absent: its policy decides. */
  readonly closed?: string
}

/**
 * Everything one host should enforce, as of one revision. Kept up to date in place by whoever owns it: what is read from it
 * is not kept.
 */
export interface Desired {
  readonly revision: number
  /** One for all interfaces that are judged alike: when a rule changes, it does, and none of the interfaces. */
  readonly policies: ReadonlyMap<string, CommonPolicy>
  /** By id. */
  readonly interfaces: ReadonlyMap<string, DesiredInterface>
  /** No service stands by it at the moment: names of devices may have got another meaning since. Absent: one does. */
  readonly unvouched?: true
}

/** What came, went or changed: keys of policies, ids of interfaces. */
export interface DesiredDelta {
  readonly policies: ReadonlySet<string>
  readonly interfaces: ReadonlySet<string>
}

/** Tells an interface from every other one that has, or had, its id. */
export const holderOf = ({ id, account }: Pick<DesiredInterface, 'id' | 'account'>): string =>
  account === undefined ? id : `${account} ${id}`

/** What is in force on an interface; null: it is not known. */
export function policyOf(
  { policies }: Pick<Desired, 'policies'>,
  { policy, origin }: DesiredInterface,
): EffectivePolicy | null {
  const common = policy === null ? undefined : policies.get(policy)
  return common ? { ...common, ...(origin && { origin }) } : null
}

export interface DesiredRead {
  readonly desired: Desired
  readonly delta: DesiredDelta | null
  /** What a comparison with the service found otherwise than it should have been; absent: nothing. */
  readonly differing?: Differing
}

/** How many, of each. */
export interface Differing {
  readonly policies: number
  readonly interfaces: number
}

/** Where an agent gets what its host should enforce. */
export interface DesiredSource {
  /** `delta`: what may differ from what was read before; null: everything may. */
  read(): Promise<DesiredRead>
  /** Calls back when a read may answer something new. Answers how to stop. */
  onChange(listener: () => void): () => void
}

/**
 * - `applied`: its policy is in force.
 * - `applying`: its policy is newer than what is in force.
 * - `failing`: its policy cannot be put in force. The interface is closed in both directions, unless its error says
 *   otherwise.
 * - `closed`: nothing passes and nothing more is awaited of its policy, for example because the device does not exist, or nothing
 *   proves that it is the interface's own.
 * - `observing`: packets are judged and counted, and none is dropped.
 */
export const interfaceStates = ['applied', 'applying', 'failing', 'closed', 'observing'] as const
export type InterfaceState = (typeof interfaceStates)[number]

/** Where the packets of an interface are filtered: where its host routes them, or where a bridge carries its frames. */
export type FilterMode = 'routed' | 'bridged'

/** Packets that would have been dropped, since the agent started. */
export interface Denials {
  readonly ingress: number
  readonly egress: number
}

export interface PerDirection {
  readonly ingress: number
  readonly egress: number
}

/** Connections that the kernel tracks for an interface: begun by its VM (egress), and towards it (ingress). */
export interface Connections {
  /** How many there may be of each. */
  readonly limit: number
  /** How many there were a moment ago, half-open ones towards the VM left out; null when they cannot be counted. */
  readonly uses: PerDirection | null
  /** Connections that were refused because of the limit, since the agent started. */
  readonly refusals: PerDirection
}

/** Said of a bridged interface that rejects, where its host cannot tell senders. */
export const unansweredNote =
  'what it rejects is dropped, and nobody is told: this kernel cannot reject on bridges (nft_reject_bridge)'

/** Said of a bridged interface with a limit of connections, where its host tracks none. */
export const unlimitedNote =
  'its connections are not limited: this kernel tracks none on bridges (nf_conntrack_bridge)'

/** Said of an interface whose device carries others, which take some of its packets before they are judged as its own. */
export const stackedNote = (devices: readonly string[]): string =>
  `packets of devices that stand on its own are not judged by its policy: ${devices.join(', ')}`

/** Said of an interface whose packets are compared with so many rules that it takes time. */
export const inTurnNote = (rules: number): string =>
  `its packets are compared with up to ${rules} rules one after the other, which slows them down: the rules overlap too much, or name too many addresses and ports at once, to be looked up together`

export interface InterfaceStatus {
  readonly id: string
  readonly device: string
  /** Revision whose policy is in force on it, or the host's where it is settled and that is newer; null before the first. */
  readonly appliedRevision: number | null
  readonly state: InterfaceState
  /** Where its packets are judged; absent where nobody sees them. */
  readonly mode?: FilterMode
  /** Why it fails or is closed, in words for its owner too; null otherwise. */
  readonly error: string | null
  /** What its owner should know although it works; empty means nothing. */
  readonly notes: readonly string[]
  /** Only while it is observed. */
  readonly denials?: Denials
  /** Absent while it has no limit, and before the first count. */
  readonly connections?: Connections
  /** Rejected packets whose sender could not be told, since the agent started; absent while there are none. */
  readonly unanswered?: PerDirection
}

/** What the agent of a host says of itself. */
export interface HostStatus {
  readonly host: string
  readonly target: string
  /** Whether the whole host is observed: nothing is dropped on any interface. */
  readonly observe: boolean
  /** Newest revision the agent has seen, and the one it enforces; null before the first. */
  readonly desiredRevision: number | null
  readonly appliedRevision: number | null
  /** `failing`: the last change could not be applied; what was enforced before it stays in force. */
  readonly state: 'starting' | 'applied' | 'applying' | 'failing'
  /** Why the host fails, for its operator; null when it does not. */
  readonly error: string | null
  /** Foreign changes to our tables found and repaired since start. */
  readonly repairs: number
  /** All interfaces that the inventory places on the host. */
  readonly interfaces: readonly InterfaceStatus[]
  /** What the operator should know although it works; empty means nothing. */
  readonly warnings: readonly string[]
}
