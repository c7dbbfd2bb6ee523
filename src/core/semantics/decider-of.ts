/** A verdict's reason as hosts count it and tell of it. */
import type { Decider } from '../model/decider.ts'
import type { Verdict } from './evaluate.ts'
import type { FrameVerdict } from './evaluate-frame.ts'

/** Undefined where nothing is counted: of known connections, and where nothing is looked at. */
export function deciderOf({ decidedBy }: Pick<Verdict | FrameVerdict, 'decidedBy'>): Decider | undefined {
  switch (decidedBy.kind) {
    case 'off':
      return undefined
    case 'state':
      return decidedBy.state === 'invalid' ? { kind: 'state', state: 'invalid' } : undefined
    case 'rule': {
      const { kind, policy, rule } = decidedBy
      return { kind, policy, rule }
    }
    default:
      return decidedBy
  }
}
