/** What one host should enforce: made by the service, consumed by the agent. */
import type { EffectivePolicy } from './effective-policy.ts'

export interface DesiredInterface {
  readonly id: string
  /** Device name on this host. */
  readonly device: string
  /** Null: known, but its policy is not; nothing passes. */
  readonly policy: EffectivePolicy | null
}

/** Everything one host should enforce, as of one revision. Order does not matter. */
export interface Desired {
  readonly revision: number
  readonly interfaces: readonly DesiredInterface[]
}

/** Where an agent gets what its host should enforce. */
export interface DesiredSource {
  /** Whole, as of one revision. */
  read(): Promise<Desired>
  /** Calls back when a read may answer something new. Answers how to stop. */
  onChange(listener: () => void): () => void
}

/** What the agent of a host says of itself. */
export interface HostStatus {
  readonly host: string
  readonly target: string
  /** Newest revision the agent has seen, and the one it enforces; null before the first. */
  readonly desiredRevision: number | null
  readonly appliedRevision: number | null
  readonly interfaces: number
  /** `failing`: what was enforced stays in force, and is older than desired. */
  readonly state: 'starting' | 'applied' | 'applying' | 'failing'
  /** Why it fails; null when it does not. */
  readonly error: string | null
  /** Foreign changes to our table found and repaired since start. */
  readonly repairs: number
}
