/** What becomes of packets once something has decided: what a rule says then, by what the ruleset is for and how it counts. */
import type { Decider } from '../../core/model/decider.ts'
import { numberOf } from '../../core/model/decider-number.ts'
import type { Action, Direction } from '../../core/model/rule.ts'
import { observedChains, toldChains } from './counting.ts'
import type { Unit } from './ledger.ts'
import { decidedChain, hookOf, observedChain, passChain, toldChain } from './names.ts'
import type { NftEnding } from './ruleset.ts'
import { goto, pass, type Variant } from './variant.ts'

export interface Outcomes {
  /** `told`: samples of what it lets pass are told, too. */
  of(action: Action, by: Decider, told?: boolean): NftEnding
  /** Chains that only rules lead to that end so. */
  behind(action: Action, by: Decider, told?: boolean): Unit
  /** How it is looked up what several rules decide. */
  looked(action: Action, told: boolean): Looked
}

export interface Looked {
  /** In a set, by one rule for all of them, which counts them together; or in a map to their numbers, or to verdicts. */
  readonly as: 'set' | 'numbers' | 'verdicts'
  /** Whether all purposes that look up the same way look into the same set or map. */
  readonly shared: boolean
}

/** What it is at the hook of a direction. */
export function outcomesOf(direction: Direction, variant: Variant): Outcomes {
  const { purpose, counting } = variant
  const hook = hookOf[direction]
  const allowed = goto(passChain(direction))
  const tells = (action: Action, told: boolean): boolean =>
    told && action === 'allow' && purpose !== 'answer' && counting.samples > 0

  return {
    of(action, by, told = false) {
      // Where it is only found out whether to reject, all else is left to where it is judged.
      if (purpose === 'answer' && action !== 'reject') return { verdict: pass }
      const number = numberOf(by)
      if (tells(action, told)) return { verdict: goto(toldChain(direction, number)) }
      if (action === 'allow') return { counts: { hook, by: number }, verdict: allowed }
      const outcome = action === 'deny' ? 'denied' : 'rejected'
      // On an observed device everything passes, and what would not have is counted.
      if (purpose === 'observe') return { verdict: goto(observedChain(outcome, direction, number)) }
      return { marks: number, verdict: goto(decidedChain(outcome, direction, purpose)) }
    },
    behind(action, by, told = false) {
      if (tells(action, told)) return toldChains(direction, numberOf(by), counting)
      if (purpose !== 'observe' || action === 'allow') return []
      return observedChains(action === 'deny' ? 'denied' : 'rejected', direction, numberOf(by), counting)
    },
    looked(action, told) {
      if (tells(action, told)) return { as: 'verdicts', shared: true }
      if (purpose === 'answer' && action !== 'reject') return { as: 'set', shared: false }
      if (action === 'allow') return { as: counting.by === 'rules' ? 'numbers' : 'set', shared: true }
      return purpose === 'observe' ? { as: 'verdicts', shared: false } : { as: 'numbers', shared: true }
    },
  }
}
