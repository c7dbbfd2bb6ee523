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
